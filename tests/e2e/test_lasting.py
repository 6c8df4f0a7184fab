"""Nothing is lost: by a reload, by the browser's back button, by a removal that was not meant."""

import io

import numpy as np
from PIL import Image

from denoise.ui import texts
from denoise.ui.pages import start_words as words
from tests.e2e.conftest import DESKTOP, wait_for_result, wait_until
from tests.e2e.test_page import upload_and_wait


def photo():
    pixels = np.random.default_rng(0).integers(60, 180, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def is_chosen(page, name):
    return page.get_by_role("radio", name=name, exact=True).get_attribute("aria-checked") == "true"


def shows(page, name):
    return page.get_by_role("heading", name=name).is_visible()


def test_reload_and_back_and_undo_lose_nothing_and_another_tab_finds_nothing(open_page, server_url):
    page = open_page()
    upload_and_wait(page, "mine.png", photo())
    wait_for_result(page)
    page.wait_for_url("**/?photo=upload**")
    other = page.context.new_page()
    other.goto(f"{server_url}/")
    wait_for_result(other)
    assert not shows(other, "mine.png")
    other.close()
    page.get_by_role("radio", name="Natural", exact=True).click()
    page.wait_for_url("**preset=natural**")

    page.reload()
    wait_for_result(page)
    assert shows(page, "mine.png")
    assert is_chosen(page, "Natural")
    assert page.locator(".mix output").all_text_contents() == ["85 %", "100 %", "50 %"]
    wait_until(page, "the address tells nobody's token", lambda: "returns" not in page.url)

    page.go_back()
    wait_until(page, "the choice is undone", lambda: is_chosen(page, "Automatic"))
    assert page.locator(".mix output").all_text_contents() == ["100 %", "100 %", "0 %"]
    assert shows(page, "mine.png")
    page.go_back()
    wait_until(page, "the sample is back", lambda: shows(page, "Cat"))
    page.go_forward()
    wait_until(page, "the photo is back", lambda: shows(page, "mine.png"))

    page.get_by_role("button", name=words.UPLOAD_REMOVE).click()
    wait_until(page, "the photo is removed", lambda: shows(page, "Cat"))
    page.get_by_role("button", name=texts.UNDO).click()
    wait_until(page, "the photo is back", lambda: shows(page, "mine.png"))
    wait_for_result(page)


def test_click_without_connection_is_done_when_it_is_back_and_a_download_says_that_it_failed(browser, server_url):
    page, sockets = browser.new_page(**DESKTOP), []

    def connect(socket):
        if sockets is None:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page.route_web_socket(lambda url: url.endswith("/stream"), connect)
    page.goto(server_url)
    wait_for_result(page)
    page.context.set_offline(True)
    (socket,), sockets = sockets, None
    socket.close()
    page.locator("[data-test-connection-state]:not([data-test-connection-state=CONNECTED])").wait_for()
    page.locator(".gallery [data-id=coffee]").dispatch_event("click")
    page.get_by_role("button", name=texts.DOWNLOAD, exact=True, include_hidden=True).dispatch_event("click")
    page.get_by_text("The file did not arrive. Please try once more.").wait_for()
    assert shows(page, "Cat")
    page.context.set_offline(False)
    sockets = []
    wait_until(page, "the click is done", lambda: shows(page, "Coffee"), 60)
    wait_for_result(page)
    page.close()

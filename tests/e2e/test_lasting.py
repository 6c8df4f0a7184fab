"""Nothing is lost: by a reload, by the browser's back button, by a removal that was not meant."""

import io

import numpy as np
from PIL import Image

from denoise.ui.pages import start_words as words
from tests.e2e.conftest import wait_for_result, wait_until
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


def test_reload_and_back_and_undo_lose_nothing(open_page):
    page = open_page()
    upload_and_wait(page, "mine.png", photo())
    wait_for_result(page)
    page.wait_for_url("**/?photo=upload**")
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
    page.get_by_role("button", name=words.UNDO).click()
    wait_until(page, "the photo is back", lambda: shows(page, "mine.png"))
    wait_for_result(page)


def test_new_tab_finds_nothing_of_another_one(open_page, server_url):
    page = open_page()
    upload_and_wait(page, "mine.png", photo())
    other = page.context.new_page()
    other.goto(f"{server_url}/")
    wait_for_result(other)
    assert not shows(other, "mine.png")

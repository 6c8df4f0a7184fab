import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from denoise.batch import REPORT_NAME
from denoise.ui import addresses, introduction, texts
from denoise.ui.pages import batch_words as words
from tests.e2e.conftest import PHONE, RESULT_TIMEOUT, visit_finished, wait_until, wait_until_it_fits

FAST = "batch?batch_model=Fast+U-Net"


def noisy(kind, width, height=48, **options):
    pixels = np.random.default_rng(width).normal(120, 20, (height, width, 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def open_batch(visit):
    """Open the page as a new visitor, see `visit`, with these photos sent, a folder or files."""

    def open_(photos, path=FAST, **options):
        page = visit(path, **options)
        page.locator(".uploader button.files").wait_for()
        which = ".pick-folder" if not isinstance(photos, list) else ".pick-files"
        page.locator(f".uploader {which}").set_input_files(photos)
        return page

    return open_


def rows(page, kind=""):
    return page.locator(f".photos tbody tr{kind}")


def wait_for_rows(page, kind, count):
    rows(page, kind).nth(count - 1).wait_for(timeout=RESULT_TIMEOUT)
    assert rows(page, kind).count() == count


def download(page, link):
    with page.expect_download() as event:
        page.locator(f".photos a.{link}").click()
    return event.value.path().read_bytes()


def unzipped(page):
    with zipfile.ZipFile(io.BytesIO(download(page, "zip"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_server_takes_only_what_was_announced(open_batch, server_url):
    page = open_batch([{"name": "a.png", "mimeType": "", "buffer": noisy("PNG", 40)}])
    wait_for_rows(page, ".waiting", 1)
    batch = page.locator(".photos a.report").evaluate("link => link.href").rpartition("/")[0]
    photo = rows(page).get_attribute("data-id")
    for method, path, data, status in [
        ("GET", f"{server_url}/batches/someone/0/{REPORT_NAME}", None, 404),
        ("PUT", f"{batch}/{photo}", b"another", 404),
        ("PUT", f"{batch}/unknown", b"another", 404),
        ("DELETE", f"{batch}/unknown", None, 404),
        ("GET", f"{batch}/unknown", None, 404),
        ("POST", batch, b"no list", 400),
        ("POST", batch, b"[1]", 400),
        ("POST", batch, b"x" * (1 << 20) + b"x", 413),
        ("POST", batch, str([["x", 1]] * 2001).replace("'", '"').encode(), 413),
        ("GET", f"{batch}/{photo}", None, 200),
    ]:
        answer = page.request.fetch(path, method=method, data=data)
        assert (method, path, answer.status) == (method, path, status)
    assert rows(page).count() == 1


def photos_of(count):
    return [{"name": f"{number}.png", "mimeType": "image/png", "buffer": b"-"} for number in range(count)]


def test_photo_that_was_refused_on_the_way_is_sent_again(visit):
    page = visit(FAST, refusals=[503, 429])
    refusals = iter([503, 429])

    def refuse(route):
        status = next(refusals, None) if route.request.method == "PUT" else None
        if status:
            route.fulfill(status=status)
        else:
            route.continue_()

    page.route("**/batches/**", refuse)
    page.locator(".uploader .pick-files").set_input_files(
        [{"name": "a.png", "mimeType": "image/png", "buffer": noisy("PNG", 80)}]
    )
    wait_for_rows(page, ".waiting", 1)
    assert next(refusals, None) is None


def test_photos_that_a_reload_cut_off_are_said_to_be_lost_and_can_be_removed(visit):
    page = visit(FAST)
    sent = []

    def hold_the_second(route):
        if route.request.method == "PUT":
            sent.append(route)
        if len(sent) < 2 or route.request.method != "PUT":
            route.continue_()

    page.route("**/batches/**", hold_the_second)
    page.locator(".uploader .pick-files").set_input_files(
        [{"name": f"{at}.png", "mimeType": "image/png", "buffer": noisy("PNG", 40 + at)} for at in range(4)]
    )
    wait_for_rows(page, ".waiting", 1)
    page.on("dialog", lambda dialog: dialog.accept())  # the browser asks whether to leave
    page.reload()
    wait_for_rows(page, ".failed", 3)
    assert words.NOT_SENT in rows(page, ".failed").last.inner_text()
    assert rows(page, ".failed").last.locator(".remove").is_visible()
    button(page, words.start(1, 0)).wait_for()


def test_many_photos_are_announced_a_part_at_a_time(visit):
    page = visit(FAST)
    page.evaluate(  # half a thousand answers, which would otherwise go through the test
        """() => {
            const [plain, announced, sent] = [window.fetch, [], []];
            Object.assign(window, { announced, sent });
            window.fetch = async (address, options) => {
                if (!String(address).includes("/batches/")) return plain(address, options);
                if (options.method !== "POST") return sent.push(String(address)), new Response(null, { status: 204 });
                const names = JSON.parse(options.body).map(([name]) => name);
                announced.push(names.length);
                return Response.json(names);
            };
        }"""
    )
    page.locator(".uploader .pick-files").set_input_files(photos_of(501))
    page.get_by_text("Everything has been sent.").wait_for(timeout=RESULT_TIMEOUT)
    announced, sent = page.evaluate("[announced, sent]")
    assert announced == [500, 1]
    assert len(set(sent)) == len(sent) == 501


def test_nothing_more_is_sent_of_a_batch_that_was_removed(visit):
    page = visit(FAST, refusals=[404])
    held, sent = [], []

    def hold(route):
        if route.request.method != "PUT":
            route.continue_()
            return
        sent.append(route.request.url.rpartition("/")[0])
        if sent[0] != sent[-1]:
            route.continue_()
        else:
            held.append(route)

    page.route("**/batches/**", hold)
    page.locator(".uploader .pick-files").set_input_files(photos_of(6))
    rows(page).nth(5).wait_for()
    button(page, words.CLEAR).press("Enter")
    button(page, words.CLEAR_SURE).press("Enter")
    rows(page).first.wait_for(state="detached")
    page.locator(".uploader .sending.busy").wait_for(state="detached")  # it has heard of the removal, too
    for route in held:
        route.continue_()
    page.locator(".uploader .pick-files").set_input_files(
        [{"name": "new.png", "mimeType": "image/png", "buffer": noisy("PNG", 80)}]
    )
    wait_for_rows(page, ".waiting", 1)
    assert len(held) == 2
    assert len(sent) == 3


def test_files_may_be_dropped_anywhere_and_several_on_the_start_page_go_to_batch(visit):
    page = visit("")
    page.get_by_text("Or drop it anywhere on the page, or paste it; several go to Batch").wait_for()
    dropped = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            for (const name of ["a.txt", "b.txt"]) transfer.items.add(new File(["no pixels"], name));
            return transfer;
        }"""
    )
    page.get_by_test_id("stFileUploaderDropzone").first.dispatch_event("drop", {"dataTransfer": dropped})
    wait_for_rows(page, ".failed", 2)
    assert page.url.endswith("/batch")
    page.locator("h1").dispatch_event("dragenter", {"dataTransfer": dropped})
    page.locator(".uploader .target.over").wait_for()
    page.locator("h1").dispatch_event("drop", {"dataTransfer": dropped})
    page.locator(".uploader .target:not(.over)").wait_for()
    wait_for_rows(page, ".failed", 4)
    page.get_by_text(texts.batch_outcome(0, 4)).first.wait_for()


def is_in_sight(page, element):
    box = element.bounding_box()
    return box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"]


def test_title_tells_of_a_batch_on_all_pages_and_what_became_of_it_to_who_looks_at_another_tab(visit):
    page = visit(FAST)
    held, asked = [], []
    page.route("**/batches/**", lambda route: held.append(route) if is_the_second(route) else route.continue_())
    page.on("request", lambda request: asked.append(request.url) if addresses.WORKS in request.url else None)

    def is_the_second(route):
        return route.request.method == "PUT" and route.request.post_data_buffer == photos[1]["buffer"]

    photos = [{"name": f"{at}.png", "mimeType": "", "buffer": noisy("PNG", 40 + at)} for at in range(2)]
    page.locator(".uploader .pick-files").set_input_files(photos)
    wait_for_rows(page, ".waiting", 1)
    button(page, words.start(2, 0)).click()
    wait_for_rows(page, ".done", 1)
    assert page.title() == f"1 / 2 · {introduction.title_of('Batch')}"
    assert asked == []
    page.get_by_role("link", name=texts.PAGES["about"]).click()
    elsewhere = introduction.title_of(texts.PAGES["about"])
    wait_until(page, "it is told", lambda: page.title() == f"1 / 2 · {elsewhere}")
    page.evaluate(  # to another tab
        """() => {
            window.isAway = true;
            Object.defineProperty(document, "hidden", { get: () => window.isAway });
        }"""
    )
    held.pop().continue_()
    done = f"✓ {texts.batch_outcome(2, 0)} · "
    wait_until(page, "its end is told", lambda: page.title() == done + elsewhere)
    page.evaluate("() => { isAway = false; document.dispatchEvent(new Event('visibilitychange')); }")
    assert page.title() == elsewhere
    asked.clear()
    page.get_by_role("link", name="Batch").click()
    wait_for_rows(page, ".done", 2)
    assert page.title() == introduction.title_of("Batch")
    assert asked == []  # for nothing is at work


def test_files_of_a_folder_that_are_no_photos_are_named(open_batch, tmp_path):
    for name, data in {"a.png": noisy("PNG", 40), "bad.jpg": b"no pixels", "clip.mov": b"-", ".hidden": b"-"}.items():
        (tmp_path / name).write_bytes(data)
    page = open_batch(tmp_path)
    wait_for_rows(page, ".failed", 1)
    assert rows(page, ".failed").locator(".detail").inner_text()
    page.get_by_text("Left out, because their names are not those of photos: clip.mov.").wait_for()


def test_page_comes_without_moving_and_a_phone_shows_all_of_it(visit):
    long_name = "A very long name that goes on and_on_and_on_without_any_place_to_break_it_" * 2
    files = [
        {"name": f"{long_name}.jpg", "mimeType": "", "buffer": noisy("JPEG", 60)},
        {"name": "notes.txt", "mimeType": "", "buffer": b"These are no pixels."},
    ]
    page = visit_finished(visit, "batch", **PHONE)
    assert page.evaluate("shift") < 0.1
    page.locator(".uploader .pick-files").set_input_files(files)
    wait_for_rows(page, ".failed", 1)
    assert is_in_sight(page, button(page, words.start(1, 0)))
    button(page, words.start(1, 0)).click()
    wait_for_rows(page, ".done", 1)
    link = page.locator(".photos a.zip")
    wait_until(page, "the zip is in sight", lambda: is_in_sight(page, link))
    page.locator("h1").scroll_into_view_if_needed()
    assert is_in_sight(page, link)
    assert re.search(r"\d → \d", rows(page, ".done").inner_text())
    wait_until_it_fits(page)
    assert rows(page).evaluate_all("all => all.every(row => row.getBoundingClientRect().right <= innerWidth)")


def test_removed_photo_can_come_back_and_results_are_looked_at_one_by_one_and_rejected_by_keyboard(open_batch):
    page = open_batch(
        [{"name": f"{name}.png", "mimeType": "", "buffer": noisy("PNG", 40 + at)} for at, name in enumerate("abc")]
    )
    wait_for_rows(page, ".waiting", 3)
    rows(page).nth(1).locator(".remove").press("Enter")
    page.get_by_role("alert").filter(has_text="b.png was removed.").wait_for()
    focused = page.locator(".remove[aria-label$='c.png']:focus")
    focused.wait_for()
    for name in (texts.PAGES["about"], texts.PAGES["batch"]):  # without the keyboard: the table goes and comes anew
        page.get_by_test_id("stTopNavLink").filter(has_text=name).evaluate("link => link.click()")
        wait_until(page, "the page is another", lambda name=name: page.title() == introduction.title_of(name))
    focused.wait_for()
    button(page, texts.UNDO).click()
    wait_for_rows(page, ".waiting", 3)
    assert page.locator(".photos .file").all_text_contents() == ["a.png", "b.png", "c.png"]

    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true }); // one looks at another tab
            window.titles = new Set();
            const note = () => titles.add(document.title);
            new MutationObserver(note).observe(document.head, { childList: true, subtree: true });
        }"""
    )
    button(page, words.start(3, 0)).click()
    wait_for_rows(page, ".done", 3)
    page.get_by_role("status").filter(has_text=texts.batch_outcome(3, 0)).wait_for(state="attached")
    own, done = introduction.title_of("Batch"), f"✓ {texts.batch_outcome(3, 0)} · "
    wait_until(page, "its end is told", lambda: page.title() == done + own)
    for title in (texts.TITLE, own):  # as Streamlit does when it makes the page anew
        page.evaluate("title => { document.title = title; }", title)
        wait_until(page, "its end stays told", lambda title=title: page.title() == done + title)
    assert any(title.endswith(f" / 3 · {own}") for title in page.evaluate("[...titles]"))
    page.locator(".cull-open").first.click()
    screen = page.get_by_role("dialog", name="Results one by one")
    shown = screen.locator("img")

    def is_shown(name, which):
        shows = shown.get_attribute("alt") == f"{which.capitalize()}: {name}"
        return shows and shown.evaluate("image => image.complete && image.naturalWidth > 0")

    wait_until(page, "the first is shown", lambda: is_shown("a.png", "after"))
    figure, mix = (screen.locator(part).bounding_box() for part in ("figure", ".mix"))
    assert shown.bounding_box()["height"] <= figure["height"]
    assert figure["y"] + figure["height"] <= mix["y"]
    page.keyboard.down(" ")
    wait_until(page, "it is shown before", lambda: is_shown("a.png", "before"))
    page.keyboard.up(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")  # and on to the next
    wait_until(page, "the third is shown", lambda: is_shown("c.png", "after"))
    told = screen.locator(".told")
    assert told.text_content() == "3 / 3c.png"
    page.keyboard.press("x")
    assert told.text_content().endswith("Rejected: not in the zip")
    page.keyboard.press("u")
    less = screen.get_by_role("slider", name="Less luminance noise")
    less.fill("40")
    screen.locator("canvas").wait_for()
    less.click()  # where it stands; with the pointer, which then leaves the arrow keys to the photos
    less.fill("40")
    screen.get_by_role("button", name="Next").focus()
    shown_pixels = screen.locator("canvas").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    with page.expect_download() as event:
        screen.get_by_role("link", name="Download").click()
    assert event.value.suggested_filename == "c-denoised.png"
    mixed = np.asarray(Image.open(event.value.path()).convert("RGB"))
    shown_mixed = np.reshape(shown_pixels, (*mixed.shape[:2], 4))[..., :3]
    assert np.abs(shown_mixed - mixed.astype(int)).mean() < 4  # the screen's pictures are JPEG files
    page.keyboard.press("Escape")
    assert page.locator(".cull-open:focus").get_attribute("aria-label").endswith("c.png")
    page.get_by_role("link", name="(2)").wait_for()
    found = unzipped(page)
    assert set(found) == {"a-denoised.png", "c-denoised.png", REPORT_NAME}
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(found["c-denoised.png"])).convert("RGB")), mixed)

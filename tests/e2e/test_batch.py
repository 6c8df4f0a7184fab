import csv
import io
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from denoise import pipeline
from denoise.batch import REPORT_NAME
from denoise.image import decode, encode
from denoise.ui import texts
from tests.e2e.conftest import PHONE, RESULT_TIMEOUT, assert_on_its_way, pictures_held, wait_until_it_fits

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


def test_folder_is_denoised_with_a_break_and_taken_home(open_batch, visit, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    photos = {
        "tour/a.JPG": noisy("JPEG", 80, exif=exif),
        "tour/b/a.JPG": noisy("JPEG", 64),
        "tour/c.png": noisy("PNG", 1300, 900),  # takes long enough to be cancelled
        "tour/broken.jpg": noisy("JPEG", 90)[:-30],
        "tour/a.xmp": b"no photo",
    }
    for name, data in photos.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    page = open_batch(tmp_path / "tour", FAST + "&batch_best=true")
    wait_for_rows(page, ".waiting", 3)
    page.get_by_text(texts.BATCH_UPLOADER["left_out"].format(count=1)).wait_for()
    assert rows(page).count() == 4
    assert "end of this JPEG is missing" in rows(page, ".failed").inner_text()
    assert rows(page, ".waiting").locator("img").count() == 3
    assert rows(page, ".failed").locator("img").count() == 0

    button(page, texts.batch_start(3, 0)).click()
    rows(page, ".working:has-text('c.png')").wait_for(timeout=RESULT_TIMEOUT)
    button(page, texts.CANCEL).click()
    button(page, texts.batch_start(1, 0)).wait_for()
    before = unzipped(page)
    assert set(before) == {"tour/a-denoised.JPG", "tour/b/a-denoised.JPG", REPORT_NAME}

    page.get_by_role("link", name=texts.PAGES["about"]).click()
    page.get_by_role("heading", name=texts.PAGES["about"], exact=True).wait_for()
    assert page.evaluate("() => Boolean(window.onbeforeunload)")  # the browser asks before the batch is lost
    page.get_by_role("link", name=texts.PAGES["batch"]).click()
    wait_for_rows(page, ".done", 2)
    page.get_by_text(texts.BEST).click()
    page.wait_for_url("**/batch?batch_model=Fast+U-Net")
    button(page, texts.batch_start(1, 0)).click()
    wait_for_rows(page, ".done", 3)
    page.get_by_text(texts.batch_done(3, 1)).wait_for()

    page.get_by_text(texts.BATCH_OUTDATED.split("*")[0].strip()).wait_for()  # one of them without best quality

    rows(page, ":has-text('c.png')").locator("button.look").click()
    look = page.get_by_role("dialog")
    look.locator(".viewer[data-pictures='2']").wait_for(timeout=RESULT_TIMEOUT)
    page.keyboard.press("Escape")
    look.wait_for(state="detached")
    with pictures_held(page):
        rows(page, ":has-text('a.JPG')").first.locator("button.look").click()
        look.get_by_text("a.JPG").wait_for()
        assert_on_its_way(page, texts.NOISY, texts.DENOISED)
    look.locator(".viewer[data-pictures='2']").wait_for(timeout=RESULT_TIMEOUT)
    page.keyboard.press("Escape")
    look.wait_for(state="detached")

    assert page.evaluate("() => Boolean(window.onbeforeunload)")
    found = unzipped(page)
    assert not page.evaluate("() => Boolean(window.onbeforeunload)")  # all of it has been taken home
    assert set(found) == {*before, "tour/c-denoised.png"}
    assert {name: found[name] for name in before if name != REPORT_NAME} == {
        name: data for name, data in before.items() if name != REPORT_NAME
    }
    photo = decode(photos["tour/a.JPG"])
    assert found["tour/a-denoised.JPG"] == encode(pipeline.denoise_photo(photo, "unet", best=True))
    assert decode(found["tour/c-denoised.png"]).format == "PNG"
    report = download(page, "report")
    assert report == found[REPORT_NAME]
    states = {row["name"]: row["state"] for row in csv.DictReader(io.StringIO(report.decode("utf-8-sig")))}
    assert states == {name: "failed" if "broken" in name else "done" for name in photos if not name.endswith("xmp")}

    rows(page, ".failed").locator("button.remove").click()
    rows(page, ".failed").wait_for(state="detached")
    assert rows(page).count() == 3

    link = page.locator(".photos a.zip").evaluate("link => link.href")
    other = visit("batch")
    other.get_by_text(texts.BATCH_EMPTY).wait_for()
    button(page, texts.BATCH_CLEAR).click()
    button(page, texts.BATCH_CLEAR_SURE).click()
    page.get_by_text(texts.BATCH_EMPTY).wait_for()
    assert page.request.get(link).status == 404


def test_server_takes_only_what_was_announced(open_batch, server_url):
    page = open_batch([{"name": "a.png", "mimeType": "", "buffer": noisy("PNG", 40)}])
    wait_for_rows(page, ".waiting", 1)
    batch = page.locator(".photos a.report").evaluate("link => link.href").rpartition("/")[0]
    photo = rows(page).get_attribute("data-id")
    for method, path, data, status in [
        ("GET", f"{server_url}/batches/someone/{REPORT_NAME}", None, 404),
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


def test_many_photos_are_announced_a_part_at_a_time(visit):
    page = visit(FAST)
    announced, sent = [], []

    def answer(route):
        if route.request.method == "POST":
            names = [name for name, _ in json.loads(route.request.post_data)]
            announced.append(len(names))
            route.fulfill(json=names)
        else:
            sent.append(route.request.url)
            route.fulfill(status=204)

    page.route("**/batches/**", answer)
    page.locator(".uploader .pick-files").set_input_files(photos_of(501))
    page.get_by_text(texts.BATCH_UPLOADER["sent"]).wait_for(timeout=RESULT_TIMEOUT)
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
    button(page, texts.BATCH_CLEAR).press("Enter")
    button(page, texts.BATCH_CLEAR_SURE).press("Enter")
    rows(page).first.wait_for(state="detached")
    for route in held:
        route.continue_()
    page.locator(".uploader .pick-files").set_input_files(
        [{"name": "new.png", "mimeType": "image/png", "buffer": noisy("PNG", 80)}]
    )
    wait_for_rows(page, ".waiting", 1)
    assert len(held) == 2
    assert len(sent) == 3


def test_files_may_be_dropped_anywhere(visit):
    page = visit(FAST)
    page.locator(".uploader button.files").wait_for()
    dropped = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            for (const name of ["a.txt", "b.txt"]) transfer.items.add(new File(["no pixels"], name));
            return transfer;
        }"""
    )
    page.locator("h1").dispatch_event("dragenter", {"dataTransfer": dropped})
    page.locator(".uploader .target.over").wait_for()
    page.locator("h1").dispatch_event("drop", {"dataTransfer": dropped})
    page.locator(".uploader .target:not(.over)").wait_for()
    wait_for_rows(page, ".failed", 2)
    page.get_by_text(texts.batch_done(0, 2)).wait_for()


def test_phone_shows_all_of_it(open_batch):
    long_name = "A very long name that goes on and_on_and_on_without_any_place_to_break_it_" * 2
    files = [
        {"name": f"{long_name}.jpg", "mimeType": "", "buffer": noisy("JPEG", 60)},
        {"name": "notes.txt", "mimeType": "", "buffer": b"These are no pixels."},
    ]
    page = open_batch(files, **PHONE)
    wait_for_rows(page, ".failed", 1)
    button(page, texts.batch_start(1, 0)).click()
    wait_for_rows(page, ".done", 1)
    assert re.search(r"\d → \d", rows(page, ".done").inner_text())
    wait_until_it_fits(page)
    assert rows(page).evaluate_all("all => all.every(row => row.getBoundingClientRect().right <= innerWidth)")

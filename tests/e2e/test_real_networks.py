"""The whole way, on the bundled fast network: what only a real one shows, and what needs work that lasts."""

import csv
import hashlib
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageCms

from denoise import pipeline
from denoise.batch import REPORT_NAME
from denoise.image import decode, encode
from denoise.ui import samples, texts
from denoise.ui.pages import batch_words, start_words
from tests.e2e.conftest import (
    PHONE,
    RESULT,
    RESULT_TIMEOUT,
    assert_on_its_way,
    pictures_held,
    serve,
    wait_for,
    wait_for_result,
)
from tests.e2e.test_batch import FAST, button, noisy, rows, unzipped, wait_for_rows
from tests.e2e.test_batch import download as download_of_batch
from tests.e2e.test_page import choose_sample, download, jpeg_of, noisy_photo, upload, upload_and_wait


@pytest.fixture(scope="module")
def server_url(fast_models):
    """In place of the server with tiny networks."""
    with serve(models=fast_models) as url:
        yield url


def test_sample_is_denoised_and_an_upload_comes_back_in_its_format_with_its_metadata(open_page):
    page = open_page("?model=unet")
    name = list(samples.list_samples())[1]
    choose_sample(page, name)
    before, after = map(float, re.findall(r"[\d.]+", page.get_by_test_id("stMetricValue").first.inner_text()))
    assert after > before
    assert page.locator(f".gallery [data-id='{name}']").get_attribute("aria-pressed") == "true"
    assert page.locator(".gallery [aria-pressed=true]").count() == 1
    widths = page.locator(".gallery img").evaluate_all("pictures => pictures.map(({ naturalWidth }) => naturalWidth)")
    assert widths == [168] * len(samples.list_samples())
    # The keyboard goes on from where it was, although the page was made anew.
    assert page.locator(f".gallery [data-id='{name}']").evaluate(
        "button => button.getRootNode().activeElement === button"
    )

    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera Maker", 6  # orientation: turned by 90 degrees
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = noisy_photo(300, 200)
    upload_and_wait(page, "IMG_1234.jpg", jpeg_of(photo, exif=exif, icc_profile=profile, dpi=(300, 300)))
    page.get_by_text(start_words.NO_REFERENCE).wait_for()
    page.get_by_test_id("stMetricValue").nth(1).wait_for(state="detached")  # the sample's
    assert page.get_by_test_id("stMetric").get_by_text(start_words.NOISE).is_visible()
    before, after = map(float, re.findall(r"[\d.]+", page.get_by_test_id("stMetricValue").inner_text()))
    assert after < before
    name, data = download(page)
    assert name == "IMG_1234-denoised.jpg"
    with Image.open(io.BytesIO(data)) as result:
        assert result.format == "JPEG"
        assert result.size == (200, 300)
        assert result.getexif()[0x010F] == "Camera Maker"
        assert result.getexif().get(0x0112, 1) == 1
        assert result.info["icc_profile"] == profile
        assert result.info["dpi"] == (300, 300)
        upright = np.asarray(photo.rotate(-90, expand=True), int)
        assert np.abs(upright - np.asarray(result)).mean() < 25  # another orientation: 43 or more


def test_run_goes_on_whatever_one_looks_at_until_it_is_cancelled(open_page):
    page = open_page("?model=unet")
    upload(page, "large.jpg", jpeg_of(noisy_photo(3000, 2000)))
    # Its two hundred tiles: the sample that the page opens with may still be at its dozen.
    progress = page.get_by_text(re.compile(r"Tile ([3-9]|\d\d) of \d{3}"))
    progress.wait_for(timeout=RESULT_TIMEOUT)
    tile = int(re.search(r"\d+", progress.inner_text())[0])
    page.get_by_role("link", name=texts.PAGES["about"]).click()
    page.get_by_role("heading", name=texts.PAGES["about"], exact=True).wait_for()
    page.get_by_role("link", name=texts.PAGES["denoise"]).click()
    progress.wait_for(timeout=RESULT_TIMEOUT)
    later = int(re.search(r"\d+", progress.inner_text())[0])
    assert later >= tile  # begun anew, it would be less than three
    page.locator("[data-testid=stFileUploaderDropzoneInput]").nth(1).set_input_files(
        {"name": "small.jpg", "mimeType": "image/jpeg", "buffer": jpeg_of(noisy_photo(60, 40))}
    )
    page.get_by_text("60 × 40").first.wait_for()
    progress.wait_for(timeout=RESULT_TIMEOUT)
    assert int(re.search(r"\d+", progress.inner_text())[0]) >= later
    page.get_by_role("button", name=texts.CANCEL).click()
    page.get_by_text(start_words.CANCELLED).wait_for()
    assert page.get_by_role("button", name=texts.DOWNLOAD, exact=True).is_disabled()
    choose_sample(page, next(iter(samples.list_samples())))


def test_two_visitors_at_once_see_their_own_photos(open_page):
    pages = [open_page("?model=unet"), open_page("?model=unet")]
    photos = [jpeg_of(noisy_photo(700, 600, seed)) for seed in range(2)]  # work that lasts
    for number, page in enumerate(pages):
        upload(page, f"visitor{number}.jpg", photos[number])
    for page in pages:  # both are under way before either is done
        page.get_by_text(re.compile(r"Tile \d+ of \d+")).wait_for(timeout=RESULT_TIMEOUT)
    for number, page in enumerate(pages):
        photo_id = hashlib.sha256(photos[number]).hexdigest()[:16]
        wait_for(page, f".viewer[data-shown^='{photo_id} ']")
        assert page.get_by_role("heading", name=f"visitor{number}.jpg").is_visible()
        assert page.get_by_text(f"visitor{1 - number}.jpg").count() == 0


def test_phone_keeps_progress_and_cancel_in_sight(open_page):
    page = open_page("?model=unet", **PHONE)
    wait_for_result(page)
    upload(page, "large.jpg", jpeg_of(noisy_photo(1800, 1200)))
    page.get_by_text(re.compile(r"Tile \d+ of \d{2,}")).wait_for(timeout=RESULT_TIMEOUT)
    button = page.get_by_role("button", name=texts.CANCEL)
    box = button.bounding_box()
    assert 0 <= box["y"] <= PHONE["viewport"]["height"] - box["height"]
    button.click()
    page.get_by_text(start_words.CANCELLED).wait_for()


def test_folder_is_denoised_with_a_break_and_taken_home(visit, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    photos = {
        "tour/a.JPG": noisy("JPEG", 80, exif=exif),
        "tour/b/a.JPG": noisy("JPEG", 64),
        "tour/c.png": noisy("PNG", 600, 600),  # takes long enough to be cancelled
        "tour/broken.jpg": noisy("JPEG", 90)[:-30],
        "tour/a.xmp": b"no photo",
    }
    for name, data in photos.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    page = visit(FAST + "&batch_best=true")
    page.locator(".uploader button.files").wait_for()
    page.locator(".uploader .pick-folder").set_input_files(tmp_path / "tour")
    wait_for_rows(page, ".waiting", 3)
    page.get_by_text("Left out, because their names are not those of photos: a.xmp.").wait_for()
    assert rows(page).count() == 4
    assert "end of this JPEG is missing" in rows(page, ".failed").inner_text()
    assert rows(page, ".waiting").locator("img").count() == 3
    assert rows(page, ".failed").locator("img").count() == 0

    button(page, batch_words.start(3, 0)).click()
    rows(page, ".working:has-text('c.png')").wait_for(timeout=RESULT_TIMEOUT)
    button(page, texts.CANCEL).click()
    button(page, batch_words.start(1, 0)).wait_for()
    before = unzipped(page)
    assert set(before) == {"tour/a-denoised.JPG", "tour/b/a-denoised.JPG", REPORT_NAME}

    page.get_by_role("link", name=texts.PAGES["about"]).click()
    page.get_by_role("heading", name=texts.PAGES["about"], exact=True).wait_for()
    assert page.evaluate("() => Boolean(window.onbeforeunload)")  # the browser asks before the batch is lost
    page.get_by_role("link", name=texts.PAGES["batch"]).click()
    wait_for_rows(page, ".done", 2)
    page.get_by_text(texts.BEST).click()
    page.wait_for_url("**/batch?batch_model=Fast+U-Net")
    button(page, batch_words.start(1, 0)).click()
    wait_for_rows(page, ".done", 3)
    page.get_by_text(texts.batch_outcome(3, 1)).first.wait_for()

    page.get_by_text(batch_words.OUTDATED.split("*")[0].strip()).wait_for()  # one of them without best quality

    rows(page, ":has-text('c.png')").locator("button.look").click()
    look = page.get_by_role("dialog")
    look.locator(RESULT).wait_for(timeout=RESULT_TIMEOUT)
    page.keyboard.press("Escape")
    look.wait_for(state="detached")
    with pictures_held(page):
        rows(page, ":has-text('a.JPG')").first.locator("button.look").click()
        look.get_by_text("a.JPG").wait_for()
        assert_on_its_way(page, texts.NOISY, texts.DENOISED)
    look.locator(RESULT).wait_for(timeout=RESULT_TIMEOUT)
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
    report = download_of_batch(page, "report")
    assert report == found[REPORT_NAME]
    states = {row["name"]: row["state"] for row in csv.DictReader(io.StringIO(report.decode("utf-8-sig")))}
    assert states == {name: "failed" if "broken" in name else "done" for name in photos if not name.endswith("xmp")}

    rows(page, ".failed").locator("button.remove").click()
    rows(page, ".failed").wait_for(state="detached")
    assert rows(page).count() == 3

    link = page.locator(".photos a.zip").evaluate("link => link.href")
    other = visit("batch")
    other.get_by_text(batch_words.EMPTY).wait_for()
    button(page, batch_words.CLEAR).click()
    button(page, batch_words.CLEAR_SURE).click()
    page.get_by_text(batch_words.EMPTY).wait_for()
    assert page.request.get(link).status == 404

import io
import re

import numpy as np
from PIL import Image

from denoise import catalogue
from denoise.ui import samples, texts
from denoise.ui.pages import compare
from tests.e2e.conftest import (
    PHONE,
    REPOSITORY,
    RESULT_TIMEOUT,
    assert_on_its_way,
    pictures_held,
    wait_for_result,
    wait_until_it_fits,
)

INFOS = catalogue.denoiser_names()
SAMPLE = next(iter(samples.list_samples().values()))


def wait_for_all(page):
    page.get_by_text(re.compile("^★ best of all")).wait_for(timeout=RESULT_TIMEOUT)


def choose(page, label, title):
    page.get_by_role("combobox", name=re.compile(rf"\b{label}\b")).click()
    page.keyboard.type(title)  # a long list shows its first entries only
    page.get_by_role("option", name=title, exact=True).click()


def assert_cards_show_true_pixels_and_the_page_fits(page):
    wait_for_all(page)
    cards = page.locator(".comparison li")
    cards.locator("img").nth(len(INFOS) + 1).wait_for()
    assert cards.locator("h2").all_inner_texts() == [
        texts.NOISY,
        *[info.title for info in INFOS.values()],
        texts.CLEAN,
    ]
    assert cards.locator("img").count() == len(INFOS) + 2
    heights = cards.locator(".picture").evaluate_all("all => all.map(each => each.offsetHeight)")
    assert len(set(heights)) == 1
    # Not scaled: the picture keeps its own pixels in a card that is narrower.
    picture = cards.first.locator("img")
    assert picture.evaluate("image => getComputedStyle(image).objectFit") == "none"
    shown = Image.open(io.BytesIO(page.request.get(picture.evaluate("image => image.src")).body()))
    photo = np.asarray(Image.open(REPOSITORY / "samples" / SAMPLE.noisy).convert("RGB"))
    top, left = ((side - 256 + 1) // 2 for side in photo.shape[:2])
    places = [photo[y : y + 256, x : x + 256] for y in (top - 1, top) for x in (left - 1, left)]  # half pixels
    assert any(np.array_equal(np.asarray(shown.convert("RGB")), place) for place in places)
    # One of the denoisers is the best of each column, and that is said in words too.
    assert cards.locator(".best").count() >= 4
    assert cards.locator(".said").first.inner_text().strip() == "best"
    wait_until_it_fits(page)


def test_cards_show_true_pixels_and_come_without_moving_and_fit_on_a_dark_phone(visit):
    page = visit("compare?part=256", **PHONE, color_scheme="dark")
    assert_cards_show_true_pixels_and_the_page_fits(page)
    assert page.evaluate("shift") < 0.1


def test_cards_show_true_pixels_and_any_two_are_shown_and_the_link_reproduces_them(visit):
    page = visit("compare?part=256")
    assert_cards_show_true_pixels_and_the_page_fits(page)
    wait_for_result(page)  # a key before the pictures are there does nothing
    title = INFOS["nlm"].title
    page.locator(".stage").press("4")
    choose(page, "Left", texts.CLEAN)
    page.locator(".viewer[data-shown*=' clean ']").wait_for()
    assert page.locator(".viewer").get_attribute("data-scale") == "4"  # the same place, in another picture
    choose(page, "Right", title)
    page.locator(".viewer[data-shown$=' nlm']").wait_for()
    tags = page.locator(".viewer .tag").all_inner_texts()
    assert tags[:2] == [texts.CLEAN, title]
    assert texts.CLEAN in page.locator(".viewer .hold").text_content()
    shown = page.locator(".viewer").get_attribute("data-shown")
    page.wait_for_function("() => location.search.includes('right=') && location.hash.startsWith('#side,4,')")
    link = page.url
    with pictures_held(page):  # neither of two is shown under the other's name
        choose(page, "Left", texts.NOISY)
        assert_on_its_way(page, texts.NOISY, title)
    page.locator(".viewer[data-shown*=' noisy ']").wait_for()
    again = visit("compare" + link.partition("/compare")[2])
    wait_for_all(again)
    again.locator(".viewer[data-pictures='2']").wait_for()
    assert again.locator(".viewer").get_attribute("data-shown") == shown
    assert again.locator(".viewer").get_attribute("data-scale") == "4"


def test_own_photo_is_compared_and_seen_by_nobody_else(visit):
    page = visit("")
    wait_for_result(page)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(90, 160, (120, 160, 3), np.uint8)).save(buffer, "PNG")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    page.get_by_role("heading", name="mine.png").wait_for()
    page.get_by_role("link", name=texts.PAGES["compare"]).click()
    wait_for_all(page)
    page.get_by_text(compare.LEGEND_NO_REFERENCE).wait_for()
    assert page.get_by_role("combobox").first.input_value() == texts.YOUR_PHOTO
    other = visit("compare?part=256&picture=Your photo")
    wait_for_all(other)
    assert other.get_by_role("combobox").first.input_value() == SAMPLE.title

"""The pages that are read: Results and About."""

import csv
import io
import json
import math
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from denoise import registry
from denoise.notation import EQUAL, set_and_size
from denoise.ui.pages import about_words, elements, results_words
from tests.e2e.conftest import FINISHED, PHONE, RESULT_TIMEOUT, wait_for, wait_until_it_fits


@pytest.fixture
def open_page(visit):
    """Open a page as a new visitor, see `visit`, and wait until all of it is there."""

    def open_(path, **options):
        page = visit(path, **options)
        last = results_words.CHAPTERS["next"] if path.startswith("results") else about_words.LICENCES
        page.get_by_role("heading", name=last, exact=True).wait_for()
        return page

    return open_


def assert_is_complete(page):
    if "/results" in page.url:
        page.locator(".stVegaLiteChart svg").first.wait_for()
        page.locator(".stDataFrame canvas").first.wait_for()
    wait_until_it_fits(page)  # charts find their width last
    assert page.get_by_test_id("stAlert").count() == 0
    assert page.get_by_role("heading", level=1).count() == 1


def test_results_come_without_moving_and_fit_on_a_dark_phone_where_pictures_can_be_judged(open_page):
    page = open_page("results", color_scheme="dark", **PHONE)
    assert_is_complete(page)
    assert page.evaluate("shift") < 0.1
    squares = page.locator(".squares").last
    squares.scroll_into_view_if_needed()
    sheet = squares.locator("img").first
    page.wait_for_function("image => image.complete && image.naturalWidth > 1000", arg=sheet.element_handle())
    boxes = [each.bounding_box() for each in squares.locator("figure > div").all()]
    assert {round(box["x"]) for box in boxes} == {round(boxes[0]["x"]), round(boxes[1]["x"])}
    side = sheet.evaluate("image => image.naturalHeight")
    assert min(box["width"] for box in boxes) > side  # each of its pixels is seen
    assert all(box["height"] == pytest.approx(box["width"], abs=1) for box in boxes)
    places = squares.locator("img").evaluate_all(
        "all => all.map(each => each.parentElement.getBoundingClientRect().x - each.getBoundingClientRect().x)"
    )
    assert places == pytest.approx([at * boxes[0]["width"] for at in range(len(boxes))], abs=1)
    drawing = page.locator(".network-card img").first
    drawing.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=drawing.element_handle())
    assert drawing.bounding_box()["width"] > 340  # no smaller than it was drawn for


def test_results_lead_to_their_chapters_and_give_their_tables_and_charts(open_page):
    page = open_page("results")
    assert_is_complete(page)
    assert_contents_lead_to_their_chapters(page)
    assert_table_comes_as_a_file_with_all_digits(page)
    assert_table_sorts_at_a_click_on_a_heading(page)
    assert_chart_of_a_set_has_an_address_of_its_own(page)


def assert_table_comes_as_a_file_with_all_digits(page):
    written = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))
    with page.expect_download() as event:
        page.locator(".st-key-results-csv button").first.click()
    assert event.value.suggested_filename == "results.csv"
    rows = list(csv.DictReader(io.StringIO(event.value.path().read_text("utf-8"))))
    assert [row[results_words.DENOISER] for row in rows] == [each["title"] for each in written["denoisers"].values()]
    for row, denoiser in zip(rows, written["denoisers"].values(), strict=True):
        for key, mean in denoiser["sets"].items():
            psnr = math.inf if mean["psnr"] is None else mean["psnr"]
            shown = row[f"{set_and_size(key, written['sets'][key]['photos'])} PSNR"]
            assert (math.inf if shown == EQUAL else float(shown)) == psnr


def assert_table_sorts_at_a_click_on_a_heading(page):
    wait_for(page, FINISHED["results"][1])  # what is above the table is there, and moves it no more
    table = page.locator(".stDataFrame").nth(1)
    table.locator("[role=gridcell]").first.wait_for(state="attached")

    def column(number):
        return table.locator(f"[role=gridcell][aria-colindex='{number}']").all_inner_texts()

    before = column(1)
    assert before[0] == "Noisy"
    # The rows may stand in the order of a column already, and between two columns a click changes nothing.
    for place in (0.35, 0.4, 0.45, 0.5):
        table.evaluate("table => table.scrollIntoView({ block: 'center' })")  # clear of the bar at the top
        page.wait_for_timeout(300)
        box = table.locator("canvas").first.bounding_box()
        page.mouse.click(box["x"] + box["width"] * place, box["y"] + 15)  # one of the columns of PSNR and SSIM
        page.wait_for_timeout(1000)
        if column(1) != before:
            break
    assert column(1) != before
    assert sorted(column(1)) == sorted(before)
    figures = [[float(text) for text in column(number) if re.fullmatch(r"[\d.]+", text)] for number in range(2, 12)]
    assert any(len(values) > 5 and values in (sorted(values), sorted(values)[::-1]) for values in figures), figures


def assert_chart_of_a_set_has_an_address_of_its_own(page):
    page.locator(".stVegaLiteChart[aria-label*='photos of']").wait_for()
    page.get_by_role("radio", name="SIDD", exact=True).click()
    page.locator(".stVegaLiteChart[aria-label*='photos of SIDD']").wait_for()
    address = urlsplit(page.url)
    assert "set" in parse_qs(address.query)
    page.evaluate("sessionStorage.clear()")  # as a visitor who has not been here before
    page.goto(page.url.partition("#")[0])
    chart = page.locator(".stVegaLiteChart[aria-label*='photos of SIDD']")
    chart.wait_for()
    assert re.search(r"RIDNet: \d+\.\d+\sdB", chart.get_attribute("aria-label"))


def assert_contents_lead_to_their_chapters(page):
    title = results_words.CHAPTERS["quantisation"]
    page.locator(FINISHED["results"][1]).wait_for(timeout=RESULT_TIMEOUT)  # what still comes above moves the chapters
    page.get_by_role("link", name=title, exact=True).click()
    heading = page.get_by_role("heading", name=title, exact=True)
    page.wait_for_function(
        "heading => { const { top } = heading.getBoundingClientRect(); return top >= 0 && top < innerHeight; }",
        arg=heading.element_handle(),
    )


def test_about_comes_without_moving_and_fits_on_a_dark_phone(open_page):
    page = open_page("about", color_scheme="dark", **PHONE)
    assert_is_complete(page)
    assert page.evaluate("shift") < 0.1


def test_about_fits_and_model_cards_open_by_keyboard(open_page):
    page = open_page("about")
    assert_is_complete(page)
    for card in registry.list_models().values():
        assert page.get_by_role("heading", name=card.title, exact=True).is_visible()
    noise = page.get_by_text("Noise it saw", exact=True).first
    assert not noise.is_visible()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    noise.wait_for()

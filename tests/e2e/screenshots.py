"""Take pictures of every page with its results: `python -m tests.e2e.screenshots FOLDER`.

`--readme` takes the pictures of the README instead; for them the folder is `docs`.
"""

import argparse
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from denoise.ui import texts
from denoise.ui.pages import noise_lab, results_words
from tests.e2e.conftest import DESKTOP, PHONE, RESULT_TIMEOUT, launch_browser, serve, visit_finished

README = {
    "denoise": ("denoise", DESKTOP, "light"),
    "phone": ("denoise", PHONE, "dark"),
    "compare": ("compare", DESKTOP, "dark"),
    "results": ("results", DESKTOP, "light"),
}
"""The pictures of the README by name: page, size and colours."""

FIRST = {"phone": ".viewer", "results": f"h3:has-text('{results_words.CHART_HEADING}')"}
"""What is to be seen at the top of them, where that is not the top of the page."""


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs"))
    parser.add_argument("--readme", action="store_true", help="take the README's pictures only")
    parser.add_argument("--page", choices=texts.PAGES, help="take the pictures of one page only")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with serve() as url, sync_playwright() as playwright, launch_browser(playwright) as browser:

        def open_page(name, size, scheme):
            def visit(path, **how):
                page = browser.new_page(**how)
                page.goto(f"{url}/{path}")
                return page

            page = visit_finished(visit, name, **size, color_scheme=scheme)
            if name == "denoise":
                page.get_by_test_id("stMetricValue").first.wait_for(timeout=RESULT_TIMEOUT)
            if name == "noise_lab":
                page.get_by_role("button", name=noise_lab.CURVE_BUTTON).click()
                page.locator(".stVegaLiteChart svg").wait_for(timeout=RESULT_TIMEOUT)
                page.locator("[data-testid=stMain]").evaluate("element => element.scrollTo(0, 0)")
                page.mouse.move(0, 0)
                page.wait_for_timeout(500)
            return page

        if options.readme:
            for name, (page_name, size, scheme) in README.items():
                page = open_page(page_name, size, scheme)
                if first := FIRST.get(name):
                    page.locator(first).evaluate("each => each.scrollIntoView()")
                    page.locator("[data-testid=stMain]").evaluate("each => each.scrollBy(0, -70)")  # clear of the bar
                    page.wait_for_timeout(500)
                shot = options.folder / f"{name}.png"
                page.screenshot(path=shot)
                Image.open(shot).save(shot.with_suffix(".webp"), quality=88, method=6)
                shot.unlink()
                page.close()
            return
        for name, size, scheme in product(
            [options.page] if options.page else texts.PAGES, (DESKTOP, PHONE), ("light", "dark")
        ):
            page = open_page(name, size, scheme)
            width = size["viewport"]["width"]
            page.screenshot(path=options.folder / f"{name}-{width}-{scheme}.png")
            # All of it: the page scrolls within the window, so the window has to become as high as the page.
            height = page.locator("[data-testid=stMainBlockContainer]").evaluate("element => element.scrollHeight")
            page.set_viewport_size({"width": width, "height": min(height + 80, 6000)})
            page.wait_for_timeout(500)
            page.screenshot(path=options.folder / f"{name}-{width}-{scheme}-whole.png", scale="css")
            page.close()


if __name__ == "__main__":
    main()

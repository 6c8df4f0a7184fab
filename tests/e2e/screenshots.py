"""Take pictures of the page with a result: `python -m tests.e2e.screenshots FOLDER`."""

import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.e2e.conftest import launch_browser, serve, wait_for_result

SIZES = {1440: 900, 390: 844}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with serve() as url, sync_playwright() as playwright, launch_browser(playwright) as browser:
        for (width, height), scheme in product(SIZES.items(), ("light", "dark")):
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=width < 640
            )
            page.goto(url)
            wait_for_result(page)
            page.wait_for_timeout(500)  # for the fonts and the fading of Streamlit's own elements
            page.screenshot(path=folder / f"{width}-{scheme}.png")
            page.set_viewport_size({"width": width, "height": 1800})
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"{width}-{scheme}-tall.png")
            page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Measure what a visitor waits for, in a real browser: `python -m tests.e2e.speed`.

`--promises` measures what is promised alone, beside what is promised of it; that takes a minute or two.

The browser runs on the same processor as the server, and whatever else runs there slows both down. So the best of
several rounds counts, and beside the page stands one with nothing but a heading: what Streamlit alone takes here now.
"""

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from denoise import catalogue, pipeline
from denoise.image import Photo, decode, encode
from denoise.ui import samples
from tests.e2e.conftest import CLS, DESKTOP, PHONE, RESULT, RESULT_TIMEOUT, launch_browser, serve
from tests.raws import dng

ROUNDS = 3
_LOOK = 20  # milliseconds between two looks at the page
STEPS = {
    "Streamlit's scripts run": "[data-testid=stApp] >> nth=0",
    "the first words are there": "h1",
    "the page can be used": ".gallery button >> nth=0",
    "the first photo is shown": ".viewer[data-shown]",
    "its result is shown": RESULT,
}
PROMISES = {
    "12 megapixels, uploaded: seconds until the first denoised pixels": 2.0,
    "seconds from the start of the server until the page can be used": 3.0,
    "seconds until the page can be used, for the second time": 1.0,
    "seconds until a slider is seen where it was moved, 12 megapixels": 0.2,
    "layout shift of a visit": 0.1,
    "layout shift of a visit on a phone": 0.1,
}
"""What is promised on two processors while nothing else runs there, by what `promised` measures."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--promises", action="store_true", help="measure what is promised alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often that is measured; the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as bytecode:  # which a server has where it is installed
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        measure(options)


def measure(options: argparse.Namespace) -> None:
    if options.promises:
        with sync_playwright() as playwright, launch_browser(playwright) as browser, bare_script() as bare:
            tell("What is promised", [promised(browser, bare) for _ in range(options.rounds)])
        return
    with sync_playwright() as playwright, launch_browser(playwright) as browser, bare_script() as bare:
        tell("Start of the server and a first visit, seconds", [first_visit(browser, bare) for _ in range(ROUNDS)])
        with serve() as url, serve(bare) as bare_url:
            visit(browser, url)
            tell("A visit to a server that runs, seconds", [warm_visit(browser, url, bare_url) for _ in range(ROUNDS)])
        tell("Samples that nobody has asked for yet", click_samples(browser))
        for megapixels in (3, 12):
            tell(f"A JPEG of {megapixels} megapixels, uploaded", [upload(browser, megapixels)])
        tell("A RAW file of 24 megapixels, uploaded", [upload_raw(browser)])
        tell("Two visitors at once, each with a sample", [two_visitors(browser) for _ in range(ROUNDS)])


def tell(title: str, rounds: list[dict[str, float]]) -> None:
    load = os.getloadavg()[0]
    print(f"\n{title:60}        best  median   at a load of {load:.1f}", flush=True)
    for name in rounds[0]:
        values = sorted(each[name] for each in rounds)
        promise = f"   promised {PROMISES[name]:g}" if name in PROMISES else ""
        print(f"  {name:64} {values[0]:6.2f}  {values[len(values) // 2]:6.2f}{promise}")


def promised(browser, bare: str) -> dict[str, float]:
    """Measure all that is in `PROMISES`, once, and beside it what Streamlit alone takes."""
    words = {"words": "h1"}
    started = time.monotonic()
    with serve(bare) as url:
        context = browser.new_context(**DESKTOP)
        alone = [visit(context, url, words, since)["words"] for since in (started, None)]
        context.close()
    started = time.monotonic()
    with serve() as url:
        context = browser.new_context(**DESKTOP)
        used = {"used": STEPS["the page can be used"]}
        cold = visit(context, url, used | {"result": RESULT}, started)["used"]  # then nothing is at work any more
        warm = visit(context, url, used)["used"]
        context.close()
        shifts = [shift(browser, url, size) for size in (DESKTOP, PHONE)]
        page = open_for_upload(browser, f"{url}/?model=unet")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "photo.jpg"
            file.write_bytes(jpeg(12))
            first = send(page, file)(1.5)
        page.close()
    return dict(zip(PROMISES, (first, cold, warm, slider(browser), *shifts), strict=True)) | {
        "Streamlit alone: seconds from the start until the first words": alone[0],
        "Streamlit alone: seconds until the first words, for the second time": alone[1],
    }


def shift(browser, url: str, size) -> float:
    page = browser.new_page(**size)
    page.add_init_script(CLS)
    page.goto(url)
    page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
    page.get_by_text("Denoised by").wait_for(timeout=RESULT_TIMEOUT)
    found: float = page.evaluate("shift")
    page.close()
    return found


def slider(browser) -> float:
    """Return the seconds after which the viewer shows what a slider says that was moved: the median of five."""
    with serve("tests/e2e/viewer_app.py") as url:
        page = browser.new_page(**DESKTOP)
        page.goto(f"{url}/?width=4000&height=3000&mix=1")
        page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
        seconds: list[float] = page.locator(".mix input").first.evaluate(
            """async slider => {
                const times = [];
                for (let value = 20; value < 70; value += 10) {
                    const start = performance.now();
                    slider.value = value;
                    slider.dispatchEvent(new Event("input", { bubbles: true }));
                    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                    times.push((performance.now() - start) / 1000);
                }
                return times;
            }"""
        )
        page.close()
    return sorted(seconds)[2]


@contextmanager
def bare_script() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text("import streamlit as st\n\nst.title('Hello')\n")
        yield str(script)


def first_visit(browser, bare: str) -> dict[str, float]:
    started = time.monotonic()
    with serve(bare) as url:
        alone = visit(browser, url, {"Streamlit alone: the first words are there": "h1"}, started)
    started = time.monotonic()
    with serve() as url:
        answers = {"the server answers": time.monotonic() - started}
        return answers | visit(browser, url, STEPS, started) | alone


def warm_visit(browser, url: str, bare_url: str) -> dict[str, float]:
    context = browser.new_context(**DESKTOP)
    visit(context, url)
    again = visit(context, url, {f"{name}, for the second time": STEPS[name] for name in list(STEPS)[2:4]})
    context.close()
    return (
        visit(browser, url, STEPS)
        | again
        | visit(browser, bare_url, {"Streamlit alone: the first words are there": "h1"})
    )


def visit(browser, url: str, steps: dict[str, str] = STEPS, started: float | None = None) -> dict[str, float]:
    """Open the page; return the seconds until each of the steps."""
    started = started or time.monotonic()
    page = browser.new_page()
    page.goto(url, wait_until="commit")
    seconds = {"the page begins to arrive": time.monotonic() - started}
    for name, selector in steps.items():
        while not page.locator(selector).is_visible():  # `wait_for` looks every half second only, after a while
            page.wait_for_timeout(_LOOK)
        seconds[name] = time.monotonic() - started
    page.close()
    return seconds


def click_samples(browser) -> list[dict[str, float]]:
    """Click on every sample that the page does not open with, and time the network alone on the same photo."""
    rows = []
    with serve() as url:
        page = browser.new_page(**DESKTOP)
        page.goto(url)
        page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
        for name, sample in list(samples.list_samples().items())[1:]:
            ((photo, result),) = click([page], name)
            rows.append(compare(page, samples.load(sample.noisy), photo, result))
        page.close()
    return rows


def upload(browser, megapixels: int) -> dict[str, float]:
    """Upload a photo and time the network alone on the same one; from here to here the file itself takes no time."""
    data = jpeg(megapixels)
    with serve() as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.jpg"
        file.write_bytes(data)
        page = open_for_upload(browser, url)
        photo, first, result = map(send(page, file), (1, 1.5, 2))
        row = {"seconds until its first denoised pixels": first} | compare(page, decode(data), photo, result)
        page.close()
    return row


def upload_raw(browser) -> dict[str, float]:
    """Upload a RAW file that brings a picture of its camera; see what is shown until it is developed."""
    coarse = np.random.default_rng(0).uniform(0.1, 0.6, (500, 750, 3))
    scene = np.repeat(np.repeat(coarse, 8, 0), 8, 1)
    preview = encode(Photo((255 * scene**0.45).astype(np.uint8), format="JPEG"), quality=92)
    with serve() as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.dng"
        file.write_bytes(dng(scene, noise=0.02, preview=preview))
        page = browser.new_page(**DESKTOP)
        page.goto(url)
        page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
        started = time.monotonic()
        page.locator("[data-testid=stFileUploaderDropzoneInput]").first.set_input_files(file)
        seconds = {}
        for name, selector in {
            "seconds until the camera's picture is shown": ".viewer[data-shown^='photo.dng']",
            "seconds until the photo is shown, developed": ".viewer[data-shown]:not([data-shown^='photo.dng'])",
        }.items():
            page.locator(selector).wait_for(timeout=RESULT_TIMEOUT)
            seconds[name] = time.monotonic() - started
        page.close()
        return seconds


def jpeg(megapixels: float) -> bytes:
    """Return a photo of this size: the first sample, mirrored again and again, but no two pieces of it are the same."""
    pixels = samples.load(next(iter(samples.list_samples().values())).noisy).pixels
    sides = [round((megapixels * 1e6 * ratio) ** 0.5) for ratio in (3 / 4, 4 / 3)]
    missing = [(0, side - old) for side, old in zip(sides, pixels.shape, strict=False)]
    large = np.pad(pixels, [*missing, (0, 0)], "symmetric")
    large += np.random.default_rng(0).integers(0, 3, large.shape, np.uint8) * (large < 254)
    return encode(Photo(large, format="JPEG"))


def open_for_upload(browser, url: str):
    page = browser.new_page(**DESKTOP)
    page.goto(url)
    page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
    return page


def send(page, file: Path) -> Callable[[float], float]:
    """Upload a photo; return what waits for a step of it, see `seconds_until`."""
    watch(page)
    started = time.time()
    page.locator("[data-testid=stFileUploaderDropzoneInput]").first.set_input_files(file)
    return lambda step: seconds_until(page, started, step, "")


def compare(page, noisy: Photo, photo: float, result: float) -> dict[str, float]:
    """Compare what a visitor waited for with the network's own time: what the page says, and without page and browser.

    The browser takes a part of the processors while the network works beside it. A visitor's does not: so the page's
    own share is what comes before and after the network.
    """
    page.get_by_text("Denoised by").wait_for()
    in_the_page = float(re.search(r"([\d.]+)\ss$", page.get_by_text("Denoised by").inner_text())[1])
    alone = min(seconds_alone(noisy) for _ in range(2))
    return {
        "seconds until the photo is shown": photo,
        "seconds until its result is shown": result,
        "seconds of the network, as the page says": in_the_page,
        "seconds of the network alone, in a process of its own": alone,
        "result / network, as the page says": result / in_the_page,
        "result / network alone": result / alone,
    }


def two_visitors(browser) -> dict[str, float]:
    """Let two visitors ask for results at the same time, and one alone for the same amount of work."""
    alone, first, second = list(samples.list_samples())[1:4]
    with serve() as url:
        pages = [browser.new_page(**DESKTOP) for _ in range(2)]
        for page in pages:
            page.goto(url)
            page.locator(STEPS["its result is shown"]).wait_for(timeout=RESULT_TIMEOUT)
        ((_, by_oneself),) = click(pages[:1], alone)
        both = click(pages, first, second)
        for page in pages:
            page.close()
    return {
        "one alone: seconds until the result": by_oneself,
        "both: seconds until the earlier result": min(result for _, result in both),
        "both: seconds until the later result": max(result for _, result in both),
    }


def click(pages, *names: str) -> list[tuple[float, float]]:
    """Click on a sample in each of the pages; return the seconds until the photos and until the results are shown."""
    for page in pages:
        watch(page)
    started = time.time()
    for page, name in zip(pages, names, strict=True):
        page.locator(f".gallery [data-id='{name}']").dispatch_event("click")
    return [
        (seconds_until(page, started, 1, name), seconds_until(page, started, 2, name))
        for page, name in zip(pages, names, strict=True)
    ]


def watch(page) -> None:
    """Let the page itself note when its viewer shows what: asking again and again would slow down what is measured."""
    page.locator(".viewer").evaluate(
        """viewer => {
            window.seen = [];
            window.tell = () => {};
            const note = () => {
                const { shown, pictures, growing } = viewer.dataset;
                const step = growing === undefined ? Number(pictures) : growing > 0 ? 1.5 : 1;
                seen.push([Date.now() / 1000, shown, step]);
                tell();
            };
            const attributeFilter = ["data-shown", "data-growing"];
            new MutationObserver(note).observe(viewer, { attributes: true, attributeFilter });
        }"""
    )


def seconds_until(page, started: float, step: float, name: str) -> float:
    """Wait until the viewer has shown a photo whose id begins with `name`, since `started`.

    Steps: 1 is the photo, 1.5 the first of its denoised pixels, 2 the result.
    """
    at: float = page.evaluate(
        """([step, name]) => new Promise((done) => {
            window.tell = () => {
                const found = seen.find(([, shown, count]) => shown?.startsWith(name) && count >= step);
                if (found) done(found[0]);
            };
            tell();
        })""",
        [step, name],
    )
    return at - started


def seconds_alone(photo: Photo) -> float:
    started = time.monotonic()
    pipeline.denoise_photo(photo, catalogue.default_for(photo))
    return time.monotonic() - started


if __name__ == "__main__":
    main()

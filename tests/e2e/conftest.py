"""A server with the page, and a browser that looks at it."""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
# The first there is. The shell has no windows, of which each visitor's costs as much as a third of a page.
CHROMIUM = next(
    filter(Path.exists, map(Path, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium"))), Path("chromium")
)
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
# How a page looks unless a test says otherwise. What fades and slides is drawn sixty times a second, without a graphics
# card: a quarter of what a page costs.
LOOKS = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "reduce"}
# A page that is opened by its own address asks for its base path there first: Streamlit's way to find the server.
PROBES = ("/_stcore/health", "/_stcore/host-config")
EMPTY = "/_stcore/health"
"""An address of the server at which there is no page."""
CLS = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
"""Adds up how much of the page moves while it comes; every page of the tests does so, in `shift`."""

RESULT = ".viewer[data-pictures='2']:not([data-growing])"
"""The viewer while it shows both pictures, and the second one is finished."""

RESULT_TIMEOUT = 300_000  # milliseconds; generous, for a busy machine
PATIENCE = 120_000  # milliseconds for all else that a test waits for
# By page: an address at which it is soon finished, and what is there then. Of any other page, its title.
FINISHED = {
    "batch": ("batch", ".uploader .files:not(:empty)"),
    "denoise": ("", RESULT),
    "compare": ("compare", ".comparison .best"),
    "noise_lab": ("noise_lab?cleaner=Autoencoder", RESULT),
    "results": ("results", ".stVegaLiteChart svg >> nth=7"),
    "about": ("about", "h2 >> nth=-1"),
}


@contextmanager
def serve(script: str = "app.py", models: Path | None = None) -> Iterator[str]:
    """Run the server on a free port, on the bundled networks unless told of others; give its URL once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless=true"]
    server = subprocess.Popen(
        [*command, f"--server.port={port}", "--server.address=127.0.0.1"],
        cwd=REPOSITORY,
        env=os.environ | ({"DENOISE_MODELS": str(models)} if models else {}),
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_server(server, url)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for_server(server, url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError("the server does not answer")


def peak_memory(url: str) -> int:
    """Return the most memory that the server at this URL has ever held, in bytes."""
    port = url.rsplit(":", 1)[1].encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if b"--server.port=" + port in (process / "cmdline").read_bytes().split(b"\0"):
                return int(re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())[1]) * 1024
    raise LookupError(f"no server on port {port}")


@contextmanager
def launch_browser(playwright):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()


def wait_for_result(page) -> None:
    """Wait until the viewer shows both pictures of a finished run."""
    wait_for(page, RESULT)


def wait_for(page, selector: str) -> None:
    """Wait for what may take as long as a network's work; if it does not come, print what the page shows instead."""
    try:
        page.locator(selector).first.wait_for(timeout=RESULT_TIMEOUT)
    except Exception:
        print(page.url, page.evaluate("() => document.body.innerText"), sep="\n")  # what it waits for
        raise


def visit_finished(visit, name: str, **options):
    """Open a page by its name, see `visit`, and wait until it is finished."""
    path, last = FINISHED.get(name, (name, "h1"))
    page = visit(path, **options)
    wait_for(page, last)
    page.wait_for_timeout(500)  # for the fonts and the fading of Streamlit's own elements
    return page


@pytest.fixture(scope="session")
def server_url(tiny_models: Path) -> Iterator[str]:
    """A server with tiny networks; `test_real_networks.py` has one with the bundled ones."""
    with serve(models=tiny_models) as url:
        yield url


@pytest.fixture(scope="session")
def viewer_url() -> Iterator[str]:
    """A server with a page that shows nothing but the viewer, see `viewer_page`."""
    with serve("tests/e2e/viewer_app.py") as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    if not CHROMIUM.exists():
        missing("there is neither chromium-headless-shell nor chromium")
    with sync_playwright() as playwright, launch_browser(playwright) as chromium:
        yield chromium


class Tabs:
    """The browser's tabs, lent to one test after the other.

    Most of what a page costs is to fetch its scripts and to compile them. The browser's context keeps what was fetched,
    the tab what was compiled: a page that follows another one costs half as much as in a new tab. What tells visitors
    apart lies in cookies and in the tab's own memory, and goes with the test.
    """

    def __init__(self, browser):
        self.browser, self.contexts, self.free, self.taken = browser, {}, {}, {}

    def take(self, options, listeners, number=0, script=""):
        """Lend an empty tab to a visitor of this number; visitors of different numbers know nothing of each other.

        Args:
            options: As for a context of the browser. What a page can change itself makes no other context.
            listeners: What hears of the page's events, by their names.
            number: The visitor's.
            script: Runs before the scripts of the page. It can never be taken from a tab, which is a new one therefore.
        """
        device = {name: value for name, value in options.items() if name not in ("viewport", *LOOKS)}
        key = repr(sorted(device.items())), number
        if key not in self.contexts:
            self.contexts[key] = self.browser.new_context(**device)
            self.contexts[key].set_default_timeout(PATIENCE)
            self.contexts[key].add_init_script(CLS)
        context = self.contexts[key]
        page = None if script else self.free.pop(context, None)
        if page is None:
            page = context.new_page()
        if script:
            page.add_init_script(script)
        else:
            self.taken[page] = listeners
        page.set_viewport_size(options["viewport"])
        page.emulate_media(**{name: options.get(name, value) for name, value in LOOKS.items()})
        for event, listener in listeners.items():
            page.on(event, listener)
        return page

    def give_back(self, pages):
        """Forget who looked at these pages; close what was opened beside them, and tabs with a script."""
        for page in pages:
            if page in self.taken:
                for event, listener in self.taken.pop(page).items():
                    page.remove_listener(event, listener)
                self.free[page.context] = page
        for context in {page.context for page in pages}:
            for page in context.pages:
                if page is self.free.get(context):
                    if page not in pages:  # empty since another test, whose server may have ended
                        continue
                    page.unroute_all()
                    page.mouse.move(0, 0)
                    page.goto(urljoin(page.url, EMPTY))
                    page.evaluate("sessionStorage.clear()")
                elif page not in self.taken:
                    page.close()
            context.clear_cookies()


@pytest.fixture(scope="session")
def tabs(browser):
    """Tabs for all tests, see `Tabs`."""
    tabs = Tabs(browser)
    yield tabs
    for context in tabs.contexts.values():
        context.close()


@pytest.fixture
def visit(tabs, server_url):
    """Open a page as a new visitor; at the end, assert that there were no complaints and no calls to other hosts.

    `refusals`: HTTP statuses that the test itself causes, of which the browser may complain.
    """
    pages, complaints, requests = [], [], []

    def visit(path, *, script="", refusals=(), **options):
        def complain(message):
            is_probe = path and message.location["url"].endswith(PROBES)
            where = message.location["url"]
            wanted = (*refusals, 404) if "/pictures/" in where else refusals  # it gave way to a newer one on its way
            is_wanted = any(f"the server responded with a status of {status} " in message.text for status in wanted)
            if message.type == "error" and not is_probe and not is_wanted:
                complaints.append(f"{message.text} {where}")

        listeners = {
            "console": complain,
            "pageerror": lambda error: complaints.append(str(error)),
            "request": lambda request: requests.append(request.url),
        }
        page = tabs.take(DESKTOP | options, listeners, len(pages), script)
        pages.append(page)
        page.goto(f"{server_url}/{path}")
        return page

    yield visit
    tabs.give_back(pages)
    assert complaints == []
    assert [url for url in requests if not url.startswith((server_url, "data:", "blob:"))] == []


@pytest.fixture
def open_page(visit):
    """Open the page as a new visitor, see `visit`, and wait for its first photo."""

    def open_(path="", **options):
        page = visit(path, **options)
        wait_for(page, ".viewer[data-shown]")
        return page

    return open_


def wait_until_it_fits(page) -> None:
    """Wait until no part of the page can be scrolled sideways; a chart that comes may be too wide for a moment."""
    wait_until(page, "the page fits", lambda: not overflowing(page))


def overflowing(page) -> list[str]:
    """Name the parts of the page that can be scrolled sideways."""
    return page.evaluate(
        """() => [...document.querySelectorAll("html, body, .stMain, .stMainBlockContainer")]
            .filter(element => element.scrollWidth > element.clientWidth).map(element => element.className)"""
    )


def wait_until(page, event: str, happens, timeout: float = 10.0):
    """Ask again and again, until the answer is true; return it."""
    deadline = time.monotonic() + timeout
    while not (answer := happens()):
        assert time.monotonic() < deadline, f"in vain was waited until {event}"
        page.wait_for_timeout(50)
    return answer


def canvas_pixels(page, selector):
    """Return what a canvas holds, and where it puts the photo: RGBA pixels, left, top, scale."""
    shown = page.locator(f"{selector} canvas").evaluate(
        """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let bytes = "";
            for (let i = 0; i < data.length; i += 8192) bytes += String.fromCharCode(...data.subarray(i, i + 8192));
            return { width, height, rgba: btoa(bytes), ...canvas.closest("[data-left]").dataset };
        }"""
    )
    rgba = np.frombuffer(base64.b64decode(shown["rgba"]), np.uint8).reshape(shown["height"], shown["width"], 4)
    return rgba, int(shown["left"]), int(shown["top"]), float(shown["scale"])


@contextmanager
def pictures_held(page) -> Iterator[None]:
    """Let no picture of the viewer arrive before the end, as if the way were long."""
    held, is_over = [], False
    page.route("**/pictures/**", lambda route: route.continue_() if is_over else held.append(route))
    yield
    is_over = True
    for route in held:
        route.continue_()


def assert_on_its_way(page, *labels) -> None:
    """Assert that the viewer shows nothing, and says of these pictures that they are on their way."""
    page.locator(".viewer:not([data-shown])").wait_for(timeout=RESULT_TIMEOUT)
    for pane, label in zip(("noisy", "denoised"), labels, strict=False):
        said = f"{label}: on its way …"
        assert page.locator(f".pane.{pane} .tag").text_content() == said
        assert page.locator(f".pane.{pane} canvas").evaluate(
            """canvas => !canvas.width || canvas.getContext("2d")
                .getImageData(0, 0, canvas.width, canvas.height).data.every(value => value === 0)"""
        )


def wait_for_colours(page, selector, file: bytes) -> int:
    """Wait until a canvas shows the photo as this browser shows `file` at the same place, but for a level, and no more.

    Returns:
        By how many levels the colours that are seen differ, at most, from the numbers in the file.
    """
    compare = """async ([selector, file]) => {
        const canvas = [...document.querySelectorAll("*")]
            .map(({ shadowRoot }) => shadowRoot?.querySelector(`${selector} canvas`)).find(Boolean);
        const { left, top, scale } = canvas.closest("[data-left]").dataset;
        const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
        const pixelsOf = async options => {
            const bitmap = await createImageBitmap(new Blob([bytes]), options);
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            copy.imageSmoothingEnabled = false;
            copy.drawImage(bitmap, Number(left), Number(top), bitmap.width * scale, bitmap.height * scale);
            return copy.getImageData(0, 0, canvas.width, canvas.height).data;
        };
        if (!canvas.width) return null;
        const [seen, expected, numbers] = [
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data,
            await pixelsOf(),
            await pixelsOf({ colorSpaceConversion: "none" }),
        ];
        let [off, apart, count, beside] = [0, 0, 0, 0];
        for (let i = 0; i < seen.length; i++) {
            if (!expected[i | 3]) { // beside the photo
                beside = Math.max(beside, seen[i]);
                continue;
            }
            count++;
            off = Math.max(off, Math.abs(seen[i] - expected[i]));
            apart = Math.max(apart, Math.abs(seen[i] - numbers[i]));
        }
        return count > 10000 && off <= 1 && !beside ? { apart } : null;
    }"""
    arguments = [selector, base64.b64encode(file).decode()]
    found = wait_until(page, "the colours are right", lambda: page.evaluate(compare, arguments), RESULT_TIMEOUT / 1000)
    return found["apart"]


def expected_pixels(photo, shape, left, top, zoom):
    """Return which pixels of `photo`, enlarged by a whole number, an area of `shape` shows, and where."""
    y, x = ((np.arange(length) - start) // zoom for length, start in zip(shape, (top, left), strict=False))
    rows, columns = (np.flatnonzero((at >= 0) & (at < length)) for at, length in zip((y, x), photo.shape, strict=False))
    return photo[np.ix_(y[rows], x[columns])], np.ix_(rows, columns)


def missing(reason: str) -> None:
    """Skip on a developer's machine; fail where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

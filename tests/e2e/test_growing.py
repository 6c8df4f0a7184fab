"""A result is seen while it is made: where one looks first, and in the pixels that are downloaded."""

import base64
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from denoise.image import Photo, encode
from denoise.ui.pages import start_words as words
from tests.e2e import profiles
from tests.e2e.conftest import (
    DESKTOP,
    PHONE,
    RESULT,
    canvas_pixels,
    expected_pixels,
    wait_for,
    wait_for_result,
    wait_until,
    wait_until_it_fits,
)
from tests.e2e.test_page import download, noisy_photo, upload, upload_and_wait
from tests.e2e.test_viewer import NOISY, button, data, next_frame, open_viewer  # noqa: F401
from tests.e2e.viewer_page import make_pair


@pytest.fixture
def windows(open_viewer):  # noqa: F811
    """Answer requests for windows, of which the upper half is white: `asked` has all of them."""

    class Windows:
        def __init__(self):
            self.asked, self.share = [], 0.5

        def listen(self, page):
            page.route("**/windows/**", self.fulfil)

        def fulfil(self, route):
            query = dict(part.split("=") for part in route.request.url.partition("?")[2].strip("?&").split("&"))
            top, left, bottom, right = json.loads(f"[{query['box'].replace('%2C', ',')}]")
            self.asked.append(((top, left, bottom, right), float(query["scale"]), int(query["known"])))
            scale = float(query["scale"])
            window = np.zeros((round((bottom - top) * scale), round((right - left) * scale), 4), np.uint8)
            window[: len(window) // 2] = 255
            headers = {"X-Count": "1", "X-Share": str(self.share)}
            if query["known"] == "1":
                route.fulfill(status=204, headers=headers)
            else:
                body = cv2.imencode(".png", window)[1].tobytes()
                route.fulfill(body=body, content_type="image/png", headers=headers)

    yield Windows()
    # Of what the page asked for before.
    open_viewer.complaints[:] = [text for text in open_viewer.complaints if "Failed to load resource" not in text]


# A browser that allows notifications, once it was asked, and whose tab may be hidden.
NOTIFIED = """
    window.asked = 0;
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { asked += 1; return (Notification.permission = "granted"); }
        constructor(text) { window.notified = text; }
    };
    Object.defineProperty(document, "hidden", { get: () => Boolean(window.isAway) });
"""


UNABLE = NOTIFIED.replace("window.notified = text;", "throw new TypeError('Illegal constructor.');")
"""One of a phone, which allows it from a service worker alone."""


def open_growing(open_viewer, windows, query, options=DESKTOP, script=""):  # noqa: F811
    page = open_viewer(options, query=query, script=script)
    windows.listen(page)
    return page


def test_what_is_there_lies_over_the_noisy_photo(open_viewer, windows):  # noqa: F811
    page = open_growing(open_viewer, windows, "denoised=0&growing=1", script=UNABLE)
    wait_until(page, "it is there", lambda: data(page, "growing") == "0.5")
    assert not page.locator(".bell").is_visible()
    button(page, "1:1").click()
    wait_until(page, "this view is there", lambda: windows.asked[-1][2] == 1)
    next_frame(page)
    (top, left, bottom, right), scale, _ = windows.asked[-1]
    assert scale == 1
    expected = NOISY.copy()
    expected[top : top + (bottom - top) // 2, left:right] = 255
    rgba, left, top, zoom = canvas_pixels(page, ".pane.denoised")
    part, place = expected_pixels(expected, rgba.shape, left, top, int(zoom))
    assert part.size > 10_000
    np.testing.assert_array_equal(rgba[place][..., :3], part)
    tag = "New · 50 %"
    assert page.locator(".pane.denoised .tag").text_content() == tag
    assert page.get_by_role("img", name=tag).first.is_visible()
    assert page.title().startswith("50 % · ")


def test_server_hears_where_one_looks(open_viewer, windows):  # noqa: F811
    page = open_growing(open_viewer, windows, "width=1600&height=1200&denoised=0&growing=1&spot=900,1200")
    wait_until(page, "it was asked for", lambda: windows.asked)
    (top, left, bottom, right), scale, _ = windows.asked[-1]
    assert scale == 1
    assert top < 900 < bottom
    assert left < 1200 < right
    assert right - left < 1600
    page.locator(".stage").press("ArrowLeft")
    moved = wait_until(page, "it hears more", lambda: [each for each in windows.asked if each[0][1] == left - 48])
    assert moved[0][2] == -1
    page.locator(".stage").press("0")
    wait_until(page, "it hears of all", lambda: windows.asked[-1][0] == (0, 0, 1200, 1600))
    assert windows.asked[-1][1] < 1


def test_result_before_stays_until_the_next_is_there_and_who_wants_is_notified(open_viewer, windows):  # noqa: F811
    page = open_growing(open_viewer, windows, "growing=1", script=NOTIFIED)
    assert page.evaluate("asked") == 0
    button(page, "Tell me when it is done").click()
    page.locator(".bell[aria-pressed='true']").wait_for()
    assert page.evaluate("asked") == 1
    wait_until(page, "it is there", lambda: data(page, "growing") == "0.5")
    button(page, "1:1").click()
    wait_until(page, "this view is there", lambda: windows.asked[-1][2] == 1)
    next_frame(page)
    rgba, _, top, _ = canvas_pixels(page, ".pane.denoised")
    below = rgba[top + 300 : top + 380, rgba.shape[1] // 2 - 100 : rgba.shape[1] // 2 + 100, :3]
    assert below.std(axis=0).mean() < 15  # the result before, and not the noise
    held = []
    page.route("**/pictures/**", lambda route: held.append(route))
    windows.share = 1
    page.get_by_role("button", name="Finished").click()
    wait_until(page, "it is asked for", lambda: held)
    assert data(page, "pictures") == "2"
    assert page.locator(".pane.denoised canvas").evaluate("canvas => canvas.width") > 0
    page.evaluate("() => { window.isAway = true; }")
    for route in held:
        route.continue_()
    page.locator(RESULT).wait_for()
    assert page.evaluate("notified") == "Denoised"
    assert not page.locator(".bell").is_visible()
    assert page.locator(".news").text_content() == "Denoised"
    assert page.title().startswith("✓ Denoised")


def test_another_result_is_announced_also_when_it_is_as_far_as_the_one_before(open_viewer, windows):  # noqa: F811
    page = open_growing(open_viewer, windows, "denoised=0&growing=1")
    for label in ("New", "Other"):
        news = f"{label} · 50 %"
        wait_until(page, "it is announced", lambda news=news: page.locator(".news").text_content() == news)
        page.get_by_role("button", name="Other").click()


def fulfil_part(route, value, profile=b""):
    """Answer a request for a part of a photo, which is of one grey; return which part."""
    query = dict(each.split("=") for each in route.request.url.partition("?")[2].strip("?&").split("&"))
    top, left, bottom, right = map(int, query["box"].split("%2C"))
    body = encode(Photo(np.full((bottom - top, right - left, 3), value, np.uint8), icc_profile=profile))
    route.fulfill(body=body, content_type="image/png")
    return top, left, bottom, right


def test_what_is_looked_at_of_a_large_photo_comes_before_all_of_it(open_viewer, windows):  # noqa: F811
    parts, wholes = [], []
    # The page begins without, so that all is listened to before it asks.
    page = open_growing(open_viewer, windows, "width=1600&height=1200&denoised=0")
    windows.share = 0
    page.route("**/parts/**", lambda route: parts.append(fulfil_part(route, len(parts) + 1)))
    page.route("**/pictures/**", lambda route: wholes.append(route))
    address = page.url + "&growing=1&part=1&spot=600,800"
    page.goto(address)
    page.locator(".viewer[data-shown='noisy'][data-growing='0']").wait_for()
    next_frame(page)
    assert not wholes
    assert parts[0][0] < 600 < parts[0][2]
    rgba = canvas_pixels(page, ".pane.noisy")[0]
    assert (rgba[..., :3] == len(parts)).all()
    page.locator(".stage").press("ArrowLeft")
    wait_until(page, "it is asked for more", lambda: parts[-1][1] == parts[0][1] - 48)
    windows.share = 0.5
    wait_until(page, "all of it is asked for", lambda: wholes)
    assert float(data(page, "growing")) == 0.5
    for route in wholes:
        route.continue_()
    wait_until(page, "all of it is there", lambda: (canvas_pixels(page, ".pane.noisy")[0][..., :3] > 9).any())
    rgba, left, top, zoom = canvas_pixels(page, ".pane.noisy")
    expected, place = expected_pixels(make_pair(1600, 1200)[0], rgba.shape, left, top, int(zoom))
    np.testing.assert_array_equal(rgba[place][..., :3], expected)


def test_photo_that_is_on_its_way_is_not_asked_for_twice(open_viewer, windows):  # noqa: F811
    parts, wholes = [], []
    page = open_growing(open_viewer, windows, "width=1600&height=1200&denoised=0")
    windows.share = 0
    page.route("**/parts/**", lambda route: parts.append(route))
    page.route("**/pictures/**", lambda route: wholes.append(route))
    page.goto(page.url + "&growing=1&part=1&spot=600,800")
    wait_until(page, "what is looked at is asked for", lambda: parts)
    page.get_by_role("button", name="Finished").click()  # before anything of it was seen
    wait_until(page, "photo and result are asked for", lambda: len(wholes) > 1)
    addresses = [route.request.url for route in wholes]
    assert len(set(addresses)) == len(addresses)
    for route in wholes:
        route.continue_()
    page.locator(RESULT).wait_for()


def test_result_waits_for_its_photo_to_tell_what_its_numbers_mean(open_viewer, windows):  # noqa: F811
    parts = []
    page = open_growing(open_viewer, windows, "width=1600&height=1200&denoised=0&profile=p3")
    page.route("**/parts/**", lambda route: parts.append(route))
    page.route("**/pictures/**", lambda route: None)
    page.goto(page.url + "&growing=1&part=1&spot=600,800")
    wait_until(page, "something is there of the result", lambda: data(page, "growing") == "0.5")
    next_frame(page)
    width = "canvas => canvas.width"
    assert page.locator(".pane.denoised canvas").evaluate(width) == 0
    fulfil_part(parts[-1], 100, profiles.display_p3())
    wait_until(page, "both are seen", lambda: page.locator(".pane.denoised canvas").evaluate(width))
    canvas = page.locator(".pane.noisy canvas")
    assert canvas.evaluate(width)
    canvas.evaluate(
        """canvas => {
            window.isEmptied = false;
            new MutationObserver(() => (window.isEmptied ||= !canvas.width)).observe(canvas, { attributes: true });
        }"""
    )
    asked = len(parts)
    page.locator(".stage").press("ArrowLeft")
    wait_until(page, "what is seen now is asked for", lambda: len(parts) > asked)
    fulfil_part(parts[-1], 200, profiles.display_p3())
    wait_until(page, "it is there", lambda: (canvas_pixels(page, ".pane.noisy")[0][..., :3] > 180).any())
    assert not page.evaluate("isEmptied")  # it would flicker


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_large_photo_opens_in_true_pixels_at_its_spot(open_viewer, options):  # noqa: F811
    page = open_viewer(options, query="width=1600&height=1200&spot=700,800")
    zoom = options.get("device_scale_factor", 1)
    assert data(page, "scale") == str(zoom)
    box = page.locator(".pane.noisy").bounding_box()
    middle = [length * zoom / 2 for length in (box["width"], box["height"])]
    place = [(half - int(data(page, side))) / zoom for half, side in zip(middle, ("left", "top"), strict=True)]
    assert place == pytest.approx([800, 700], abs=2)
    page.wait_for_timeout(600)  # longer than the address waits
    assert "#" not in page.url


def test_growing_result_has_the_pixels_of_the_download(open_page):
    page = open_page(path="?model=unet")
    wait_for_result(page)
    photo = noisy_photo(1600, 1200)
    page.locator(".viewer").evaluate(
        """viewer => {
            const { dataset } = viewer;
            const canvas = viewer.querySelector(".pane.denoised canvas");
            window.caught = null;
            new MutationObserver(() => {
                if (caught || !(dataset.growing > 0)) return;
                requestAnimationFrame(() => requestAnimationFrame(() => {
                    if (!(dataset.growing > 0)) return;
                    caught ??= canvas.toDataURL() + " " + [dataset.left, dataset.top, dataset.scale];
                }));
            }).observe(viewer, { attributes: true, attributeFilter: ["data-growing"] });
        }"""
    )
    file = encode(Photo(np.asarray(photo), format="PNG"))
    upload(page, "large.png", file)
    wait_for(page, ".viewer[data-shown][data-growing]")
    wait_for_result(page)
    address, place = page.evaluate("caught").split(" ")
    rgba = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    left, top, scale = map(float, place.split(","))
    assert scale == 1
    result = np.asarray(Image.open(io.BytesIO(download(page)[1])).convert("RGB"))
    finished, where = expected_pixels(result, rgba.shape, int(left), int(top), 1)
    noisy, _ = expected_pixels(np.asarray(photo), rgba.shape, int(left), int(top), 1)
    seen = rgba[where][..., :3]
    is_finished, is_noisy = (seen == finished).all(axis=2), (seen == noisy).all(axis=2)
    assert (is_finished | is_noisy).all()
    assert is_finished.mean() > 0.01  # on a fast machine the part in sight is finished before it is caught


def test_nothing_is_left_of_the_photo_before_while_another_one_is_at_work(open_page):
    page = open_page(path="?model=unet")
    upload_and_wait(page, "first.png", encode(Photo(np.asarray(noisy_photo(300, 200)))))
    page.evaluate(
        """remove => {
            const sees = (tag, text) =>
                [...document.querySelectorAll(tag)].some((it) => it.textContent.includes(text) && it.offsetHeight);
            window.isLeft = false;
            const look = () => (window.isLeft ||= sees("h2", "second.png") && sees("button", remove));
            new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
        }""",
        words.UPLOAD_REMOVE,
    )
    upload_and_wait(page, "second.png", encode(Photo(np.asarray(noisy_photo(400, 300)))))
    assert not page.evaluate("isLeft")


@pytest.mark.parametrize(
    "options",
    [DESKTOP, {"viewport": {"width": 1024, "height": 768}}, {"viewport": {"width": 720, "height": 900}}, PHONE],
    ids=["desktop", "tablet", "200 percent", "phone"],
)
def test_photo_comes_first_and_nothing_moves(visit, options):
    shifts = []
    for _ in range(2):  # once in hundreds of visits to a busy server, something comes late enough to be seen to move
        page = visit("", **options)
        wait_for_result(page)
        page.get_by_text("Denoised by").wait_for()
        shifts.append(page.evaluate("shift"))
        if shifts[-1] < 0.1:
            break
    assert min(shifts) < 0.1
    stage, choose = page.locator(".stage").bounding_box(), page.locator(".st-key-photo button").first.bounding_box()
    height = options["viewport"]["height"]
    assert choose["y"] + choose["height"] < stage["y"] < height * 0.4
    assert stage["y"] + stage["height"] < height
    assert choose["height"] >= 44
    assert page.locator(".gallery").bounding_box()["y"] > stage["y"] + stage["height"]


def test_sliders_can_be_used_at_every_width_and_nothing_overlaps(open_page):
    page = open_page("?model=unet")
    wait_for_result(page)
    page.get_by_text("Denoised by").wait_for()
    cut = "all => all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent)"
    for width in (390, 720, 768, 1024, 1200, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        if width >= 768:
            page.wait_for_timeout(300)
            assert page.locator(".mix label").evaluate_all(cut) == []
            assert page.locator("[data-testid=stMetricValue] > *").evaluate_all(cut) == []
            wait_until_it_fits(page)
        next_frame(page)
        tracks = [each.bounding_box() for each in page.locator(".mix input").all()]
        assert min(box["width"] for box in tracks) >= 150, width
        assert min(box["height"] for box in tracks) >= 24, width

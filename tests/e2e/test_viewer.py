import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from denoise.brush import Mask
from denoise.image import Photo, encode
from denoise.mixing import Mix, blend
from denoise.ui import texts
from tests.e2e.conftest import (
    DESKTOP,
    PHONE,
    RESULT_TIMEOUT,
    canvas_pixels,
    expected_pixels,
    wait_for_colours,
)
from tests.e2e.viewer_page import make_clean, make_pair, make_photos

STAGE = "Comparison of two pictures. Arrow keys move, plus and minus zoom, 0 fits, a question mark lists all keys."
NOISY, DENOISED = make_pair(600, 400)
SIZES = [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")]
PIL_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MODES = ["Side by side", "Slider", "Flip", "Removed noise"]
SLIDERS = ["Less luminance noise", "Less colour noise", "More fine detail"]


class Notes:
    """What pages complain of, and what they ask for."""

    def __init__(self):
        self.complaints, self.requests = [], []

    def listeners(self):
        return {
            "console": lambda message: message.type == "error" and self.complaints.append(message.text),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": lambda request: self.requests.append(request.url),
        }

    def assert_none(self, viewer_url):
        """There were no complaints, and no calls to other hosts."""
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith((viewer_url, "data:", "blob:"))] == []


def load(page, address):
    """Open the viewer's own page."""
    page.goto(address)
    page.locator(".viewer[data-shown]").wait_for(timeout=RESULT_TIMEOUT)
    page.locator(".stage").scroll_into_view_if_needed()
    return page


@pytest.fixture
def open_viewer(tabs, viewer_url):
    """Open the viewer's own page, for what changes more of it than where one looks; see `viewer`."""
    pages, notes = [], Notes()

    def open_(options=DESKTOP, query="", script=""):
        pages.append(tabs.take(options, notes.listeners(), len(pages), script))
        return load(pages[-1], f"{viewer_url}/?{query}")

    open_.complaints = notes.complaints
    yield open_
    tabs.give_back(pages)
    notes.assert_none(viewer_url)


@pytest.fixture(scope="module")
def kept(tabs):
    """What `viewer` lends, by the options of the browser: a page, and its notes."""
    pages = {}
    yield pages
    tabs.give_back([page for page, _ in pages.values()])


@pytest.fixture
def viewer(tabs, viewer_url, kept):
    """Lend the viewer's own page as it was opened, although other tests have looked at it before."""
    lent = []

    def lend(options=DESKTOP):
        key = repr(options)
        if key not in kept:
            notes = Notes()
            kept[key] = load(tabs.take(options, notes.listeners()), f"{viewer_url}/"), notes
        page, notes = kept[key]
        lent.append(notes)
        page.mouse.move(0, 0)
        page.keyboard.press("Escape")
        button(page, "Side by side").click()
        if is_pressed(page, "Loupe"):
            button(page, "Loupe").click()
        button(page, "Fit").click()
        page.locator(".stage").scroll_into_view_if_needed()
        return page

    yield lend
    for notes in lent:
        notes.assert_none(viewer_url)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def is_pressed(page, name):
    return button(page, name).get_attribute("aria-pressed") == "true"


def data(page, name):
    return page.locator(".viewer").get_attribute(f"data-{name}")


def place_of(page):
    return int(data(page, "left")), int(data(page, "top")), float(data(page, "scale"))


def next_frame(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def assert_canvas_shows(page, selector, photo, zoom, at_least=10_000):
    rgba, left, top, scale = canvas_pixels(page, selector)
    assert scale == zoom
    expected, place = expected_pixels(photo, rgba.shape, left, top, zoom)
    assert expected.size > at_least
    np.testing.assert_array_equal(rgba[place][..., :3], expected)


def on_screen(page, pane):
    """Return what is really seen of a pane, without its tag and round corners, and where the photo lies in that."""
    box = page.locator(f".pane.{pane}").bounding_box()
    ratio = page.evaluate("devicePixelRatio")
    screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    left, top = int(box["x"] * ratio + 0.5), int(box["y"] * ratio + 0.5)
    right, bottom = left + int(box["width"] * ratio), top + int(box["height"] * ratio)
    tag, corner = 50 * ratio, 8 * ratio
    seen = screen[top + tag : bottom - corner, left + corner : right - corner]
    return seen, int(data(page, "left")) - corner, int(data(page, "top")) - tag


def assert_screen_shows(page, photo, pane="noisy", zoom=1, columns=slice(None)):
    seen, left, top = on_screen(page, pane)
    expected, place = expected_pixels(photo, seen.shape, left, top, zoom)
    assert expected.size > 10_000
    np.testing.assert_array_equal(seen[place][:, columns], expected[:, columns])


def removed_noise(gain):
    return np.clip(128 + gain * (NOISY.astype(int) - DENOISED), 0, 255).astype(np.uint8)


def middle_of(page, selector=".stage"):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def touch():
    """Put fingers on the screen, move them, take them away."""
    sessions = {}

    def touch_(page, kind, *points):
        session = sessions.get(page) or sessions.setdefault(page, page.context.new_cdp_session(page))
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    return touch_


@pytest.mark.parametrize("options", [*SIZES, pytest.param({"viewport": {"width": 1283, "height": 801}}, id="odd")])
def test_screen_shows_the_true_pixels_of_both(viewer, options):
    page = viewer(options)
    button(page, "Side by side").click()
    button(page, "1:1").click()
    page.mouse.move(0, 0)
    assert_screen_shows(page, NOISY, "noisy")
    assert_screen_shows(page, DENOISED, "denoised")
    button(page, "8:1").click()  # the nearest pixels, and nothing between them
    assert_canvas_shows(page, ".pane.noisy", NOISY, 8)
    assert_canvas_shows(page, ".pane.denoised", DENOISED, 8)
    assert page.locator(".percent").inner_text() == "800 %"


def test_slider_shows_noisy_left_and_denoised_right(viewer):
    page = viewer()
    page.locator(".stage").press("d")
    button(page, "1:1").click()
    divider = page.get_by_role("slider", name="Divider between the two pictures")
    assert divider.get_attribute("aria-valuetext") == "Noisy on the left 50 % of the picture"
    assert_screen_shows(page, NOISY, columns=slice(0, 260))  # the divider's handle is in the middle
    assert_screen_shows(page, DENOISED, columns=slice(340, None))
    divider.press("End")
    assert_screen_shows(page, NOISY, columns=slice(0, 560))
    divider.press("Home")
    divider.press("PageUp")
    assert divider.get_attribute("aria-valuenow") == "10"


def test_flip_shows_the_noisy_photo_while_held_and_pans_when_the_pointer_moves(viewer):
    page = viewer()
    button(page, "Flip").click()
    button(page, "1:1").click()
    stage, hold = page.locator(".stage"), button(page, "Hold to see: Noisy")
    holds = {
        "pointer": (lambda: (page.mouse.move(*middle_of(page)), page.mouse.down()), page.mouse.up),
        "button": (lambda: (hold.hover(), page.mouse.down()), page.mouse.up),
        "space on the button": (lambda: (hold.focus(), page.keyboard.down(" ")), lambda: page.keyboard.up(" ")),
        "enter on the button": (lambda: (hold.focus(), page.keyboard.down("Enter")), lambda: page.keyboard.up("Enter")),
        "space": (lambda: (stage.focus(), page.keyboard.down(" ")), lambda: page.keyboard.up(" ")),
        "f": (lambda: (stage.focus(), page.keyboard.down("f")), lambda: page.keyboard.up("f")),
    }
    assert_screen_shows(page, DENOISED)
    for name, (press, let_go) in holds.items():
        press()
        assert hold.get_attribute("aria-pressed") == "true", name
        assert_screen_shows(page, NOISY)
        let_go()
        assert hold.get_attribute("aria-pressed") == "false", name
    assert_screen_shows(page, DENOISED)
    for expected in ("true", "false"):  # a screen reader cannot hold
        hold.evaluate("button => button.click()")
        assert hold.get_attribute("aria-pressed") == expected

    page.locator(".stage").press("4")
    left = place_of(page)[0]
    x, y = middle_of(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=4)
    assert data(page, "held") is None
    page.mouse.up()
    assert place_of(page)[0] == left - 60


def test_flip_works_by_touch(viewer, touch):
    page = viewer(PHONE)
    button(page, "Flip").tap()
    button(page, "1:1").tap()
    touch(page, "touchStart", middle_of(page))
    page.locator(".viewer[data-held]").wait_for()
    assert_screen_shows(page, NOISY)
    touch(page, "touchEnd")
    page.locator(".viewer:not([data-held])").wait_for()
    assert_screen_shows(page, DENOISED)


def test_removed_noise_is_the_amplified_difference_and_follows_the_pan(viewer):
    page = viewer()
    page.locator(".stage").press("n")
    for gain in (2, 8, 16, 4):
        for zoom in (1, 8) if gain == 4 else (8,):
            button(page, f"{zoom}:1").click()
            button(page, f"{gain}×").click()
            assert_canvas_shows(page, ".pane.removed", removed_noise(gain), zoom)
        assert is_pressed(page, f"{gain}×")
        assert page.locator(".scale").inner_text().split() == [f"−{128 // gain}", f"+{128 // gain}"]
        assert page.get_by_text(f"White or black: {128 // gain} of 255 levels or more were taken").is_visible()
        assert page.get_by_role("img", name=f"Removed noise {gain}×").is_visible()
        assert_screen_shows(page, removed_noise(gain), "removed", zoom=8)

    page.locator(".stage").press("4")
    before = place_of(page)
    x, y = middle_of(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 40, steps=3)
    page.mouse.up()
    assert place_of(page) == (before[0] + 90, before[1] + 40, 4)
    assert_canvas_shows(page, ".pane.removed", removed_noise(4), 4)


def test_removed_noise_of_equal_pictures_is_middle_grey(open_viewer):
    page = open_viewer(query="equal=1")
    page.locator(".stage").press("n")
    button(page, "1:1").click()
    assert_canvas_shows(page, ".pane.removed", np.full_like(NOISY, 128), 1)


def move_sliders(page, *percents):
    """Move the sliders as a hand does: many values on the way, and a last one."""
    for name, percent in zip(SLIDERS, percents, strict=True):
        page.get_by_role("slider", name=name).evaluate(
            """(slider, percent) => {
                for (const value of [50, percent]) {
                    slider.value = value;
                    slider.dispatchEvent(new Event("input", { bubbles: true }));
                }
                slider.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            percent,
        )


def test_where_the_details_are_is_asked_once_somebody_wants_to_keep_them(open_viewer):
    page = open_viewer(query="mix=1")
    count = """performance.getEntriesByType("resource").filter(({ name }) => name.includes("/pictures/")).length"""
    assert page.evaluate(count) == 3  # noisy, denoised, clean
    page.get_by_role("slider", name="Less luminance noise").press("PageDown")
    next_frame(page)
    assert page.evaluate(count) == 3
    page.get_by_role("slider", name="More fine detail").press("PageUp")
    page.locator(".viewer[data-details]").wait_for()
    assert page.evaluate(count) == 4


def test_sliders_mix_just_as_the_download(open_viewer):
    page = open_viewer(query="mix=1")
    button(page, "1:1").click()
    for percents in ((0, 0, 0), (63, 19, 81)):
        move_sliders(page, *percents)
        page.locator(".viewer[data-details]").wait_for()
        next_frame(page)
        expected = blend(Photo(NOISY), Photo(DENOISED), Mix(*(percent / 100 for percent in percents))).pixels
        assert_canvas_shows(page, ".pane.denoised", expected, 1)
        assert_canvas_shows(page, ".pane.noisy", NOISY, 1)
        page.get_by_text(f"Mix: {tuple(percent / 100 for percent in map(float, percents))}", exact=True).wait_for()
        assert_canvas_shows(page, ".pane.denoised", expected, 1)  # also when the page has run again
        button(page, "Removed noise").click()
        button(page, "4×").click()
        removed = np.clip(128 + 4 * (NOISY.astype(int) - expected), 0, 255).astype(np.uint8)
        assert_canvas_shows(page, ".pane.removed", removed, 1)
        button(page, "Reset").click()
        button(page, "Side by side").click()
        next_frame(page)
        assert_canvas_shows(page, ".pane.denoised", DENOISED, 1)


def painted_on(page):
    """Return what who saves the photo is told was painted on it."""
    text = page.evaluate(
        """async () => {
            const question = new CustomEvent("denoise-mix", { detail: {} });
            document.dispatchEvent(question);
            return await question.detail.mask;
        }"""
    )
    return Mask.read(text) if text else None


def test_brush_paints_just_what_is_downloaded(open_viewer):
    page = open_viewer(query="mix=1&width=900&height=700")
    noisy, denoised = make_pair(900, 700)
    button(page, "1:1").click()
    move_sliders(page, 63, 100, 20)
    page.locator(".stage").press("b")
    button(page, "Not at all").click()
    x, y = middle_of(page)
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()
    button(page, "More").click()
    page.locator(".stage").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")  # also without a pointer
    mask = painted_on(page)
    nodes = np.frombuffer(mask.nodes, np.uint8)
    assert (mask.spacing, nodes.min()) == (2, 0)
    assert nodes.max() > 180
    page.locator(".stage").press("b")  # no ring, and no colours that say where
    next_frame(page)
    expected = blend(Photo(noisy), Photo(denoised), Mix(0.63, 1, 0.2, mask)).pixels
    assert_canvas_shows(page, ".pane.denoised", expected, 1)
    assert_canvas_shows(page, ".pane.noisy", noisy, 1)
    page.locator(".stage").press("b")
    page.locator(".stage").press("u")
    assert np.frombuffer(painted_on(page).nodes, np.uint8).max() == 128
    button(page, "Undo").click()
    assert painted_on(page) is None
    assert button(page, "Undo").is_disabled()
    assert button(page, "Clear").is_disabled()


@pytest.mark.parametrize("profile", ["p3", "grey"])
def test_photo_with_a_profile_is_seen_as_its_download_is(open_viewer, profile):
    page = open_viewer(query=f"mix=1&profile={profile}")
    noisy, denoised = make_photos(600, 400, profile)
    button(page, "1:1").click()
    assert wait_for_colours(page, ".pane.noisy", encode(noisy)) > 10
    assert wait_for_colours(page, ".pane.denoised", encode(denoised)) > 10
    move_sliders(page, 63, 19, 81)
    mixed = blend(noisy, denoised, Mix(0.63, 0.19, 0.81))
    assert wait_for_colours(page, ".pane.denoised", encode(mixed)) > 10
    # What was removed is told in the numbers of the file.
    button(page, "Removed noise").click()
    button(page, "4×").click()
    removed = np.clip(128 + 4 * (noisy.pixels.astype(int) - mixed.pixels), 0, 255).astype(np.uint8)
    assert_canvas_shows(page, ".pane.removed", removed, 1)
    button(page, "Side by side").click()
    button(page, "4:1").click()
    wait_for_colours(page, ".pane.denoised", encode(mixed))


def test_profile_that_changes_nothing_costs_nothing(open_viewer):
    srgb = replace(Photo(NOISY), icc_profile=PIL_SRGB)
    page = open_viewer()
    page.route("**/pictures/**", lambda route: route.fulfill(body=encode(srgb), content_type="image/png"))
    page.get_by_role("button", name="Again").click()
    page.locator(".viewer[data-shown$='again']").wait_for()
    button(page, "1:1").click()
    assert_canvas_shows(page, ".pane.denoised", NOISY, 1)  # at once, and not by a level otherwise


def test_error_is_heat_where_the_pictures_are_off(open_viewer):
    page = open_viewer(query="mix=1")
    assert button(page, "Error").is_visible()
    page.locator(".stage").press("e")
    button(page, "1:1").click()
    button(page, "8×").click()
    stops = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])
    clean = make_clean(600, 400)
    for pane, photo in {"noisy": NOISY, "denoised": DENOISED}.items():
        off = np.clip(8.0 * np.abs(photo.astype(int) - clean).max(axis=2), 0, 255) / 255 * 4
        expected = np.stack([np.interp(off, range(5), stop) for stop in stops.T], axis=2)
        rgba, left, top, _ = canvas_pixels(page, f".pane.{pane}")
        heat, place = expected_pixels(expected, rgba.shape, left, top, 1)
        assert heat.size > 10_000
        assert np.abs(rgba[place][..., :3] - heat).max() <= 0.51
    assert page.locator(".meaning").inner_text().startswith("Black: equal to the clean reference. White: 32 of")


def test_error_needs_a_reference(open_viewer):
    page = open_viewer(query="#error,fit")
    assert data(page, "mode") == "side"
    assert data(page, "pictures") == "2"
    assert not button(page, "Error").is_visible()
    page.locator(".stage").press("e")
    assert data(page, "mode") == "side"


@pytest.mark.long
def test_sliders_answer_at_once_at_12_megapixels(open_viewer):
    page = open_viewer(query="width=4000&height=3000&mix=1")
    seconds = page.get_by_role("slider", name="Less luminance noise").evaluate(
        """async slider => {
            const times = [];
            for (let value = 20; value < 70; value += 10) {
                const start = performance.now();
                slider.value = value;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                times.push((performance.now() - start) / 1000);
            }
            return Math.min(...times);
        }"""
    )
    assert seconds < 0.2


def test_link_shows_the_same_view(open_viewer):
    page = open_viewer(query="mix=1")
    button(page, "Flip").click()
    page.locator(".stage").press("4")
    page.wait_for_function("location.hash.startsWith('#flip,4,')")
    enlarged = page.url
    page.locator(".stage").press("ArrowRight")
    page.wait_for_function("enlarged => location.href !== enlarged", arg=enlarged)
    address, place = page.url, place_of(page)
    again = open_viewer(query="mix=1" + address[address.index("#") :])
    assert data(again, "mode") == "flip"
    assert place_of(again) == place
    button(again, "Fit").click()
    button(again, "Side by side").click()
    again.wait_for_function("location.hash === ''")


def test_keys_reach_everything(viewer):
    page = viewer()
    stage = page.get_by_role("group", name=STAGE)
    stage.focus()
    press = page.keyboard.press
    for key, mode, name in zip("sdfn", ("side", "slider", "flip", "removed"), MODES, strict=True):
        press(key)
        assert data(page, "mode") == mode
        assert is_pressed(page, name)
    press("s")
    for key, name in {"1": "1:1", "2": "2:1", "4": "4:1", "8": "8:1", "0": "Fit"}.items():
        press(key)
        assert is_pressed(page, name)
    press("4")
    press("-")
    assert data(page, "scale") == "3"
    press("+")
    press("+")
    assert data(page, "scale") == "6"
    for key, axis, sign in (("Left", 0, 1), ("Right", 0, -1), ("Up", 1, 1), ("Down", 1, -1)):
        before = place_of(page)
        press(f"Arrow{key}")
        moved = [after - earlier for after, earlier in zip(place_of(page), before, strict=True)]
        assert moved == [48 * sign if axis == index else 0 for index in range(3)]
    press("n")
    for gain in ("8×", "16×", "2×", "4×"):
        press("a")
        assert is_pressed(page, gain)
    press("l")
    assert is_pressed(page, "Loupe")
    press("l")
    assert not is_pressed(page, "Loupe")
    # From a button too, on which the space bar keeps its own meaning.
    button(page, "Side by side").focus()
    press("2")
    assert data(page, "scale") == "2"
    press(" ")
    assert data(page, "mode") == "side"


def test_parts_have_names_and_tab_reaches_every_control_and_help_lists_the_keys(viewer):
    page = viewer()
    for group in ("How to compare", "Zoom", "Tools", STAGE):
        assert page.get_by_role("group", name=group, exact=True).is_visible()
    for name in (texts.NOISY, texts.DENOISED):
        assert page.get_by_role("img", name=name, exact=True).first.is_visible()
    assert page.get_by_role("status", name="Current zoom").inner_text() == "100 %"
    unnamed = page.locator(".viewer").evaluate(
        """viewer => [...viewer.querySelectorAll("button, [role], [tabindex]")]
            .filter(element => !element.getAttribute("aria-label") && !element.textContent && !element.ariaHidden)
            .filter(element => !element.closest(".removed, .loupe, .news"))  // the last speaks when there is news
            .map(element => element.outerHTML)"""
    )
    assert unnamed == []

    page.locator(".stage").press("n")
    button(page, "Side by side").focus()
    names = []
    for _ in range(17):
        names.append(
            page.evaluate(
                """() => {
                    let element = document.activeElement;
                    while (element.shadowRoot) element = element.shadowRoot.activeElement;
                    return element.getAttribute("aria-label") ?? element.textContent;
                }"""
            )
        )
        page.keyboard.press("Tab")
    tools = ["Loupe", "Full screen", "Keys of the viewer"]
    zooms = ["Fit", "1:1", "2:1", "4:1", "8:1"]
    assert names == [*MODES, *zooms, *tools, STAGE, "2×", "4×", "8×", "16×"]

    page.locator(".stage").press("?")
    dialog = page.get_by_role("dialog", name="Keys of the viewer")
    keys = ["S", "D", "F", "N", "E", "A", "+ −", "0", "1 2 4 8", "← ↑ ↓ →", "L", "B", "M", "?"]
    assert dialog.locator("dt").all_inner_texts() == keys
    assert dialog.locator("dd").all_inner_texts()[-1] == "This list"
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    button(page, "Keys of the viewer").click()
    dialog.wait_for()
    page.keyboard.press("?")
    dialog.wait_for(state="hidden")


def test_wheel_zooms_about_the_pointer(viewer):
    page = viewer()
    page.locator(".stage").press("d")
    x, y = middle_of(page)
    point = (x + 100, y + 50)
    page.mouse.move(*point)

    def photo_point():
        box, (left, top, scale) = page.locator(".pane.noisy").bounding_box(), place_of(page)
        return (point[0] - box["x"] - left) / scale, (point[1] - box["y"] - top) / scale

    for _ in range(3):  # far enough that the photo covers the stage, and is not moved to its middle
        before = place_of(page)[2]
        page.mouse.wheel(0, -100)
        page.locator(f".viewer:not([data-scale='{before:g}'])").wait_for()
    under = photo_point()
    before = place_of(page)[2]
    page.keyboard.down("Control")  # what a touchpad's pinch sends
    page.mouse.wheel(0, -20)
    page.locator(f".viewer:not([data-scale='{before:g}'])").wait_for()
    page.keyboard.up("Control")
    assert place_of(page)[2] == pytest.approx(before * np.exp(0.2), rel=0.01)
    assert photo_point() == pytest.approx(under, abs=1)


def test_pinch_zooms_about_the_fingers_and_moves_with_them(open_viewer, touch):
    page = open_viewer(PHONE)
    button(page, "1:1").tap()
    left, top, _ = place_of(page)
    x, y = middle_of(page)
    box = page.locator(".pane.noisy").bounding_box()
    middle = np.array([x - box["x"], y - box["y"]]) * 2  # in screen pixels of the pane
    photo_point = middle - (left, top)
    touch(page, "touchStart", (x - 40, y), (x + 40, y))
    for spread in (50, 60, 70, 80):
        touch(page, "touchMove", (x - spread, y), (x + spread, y))
    for shift in (10, 20):
        touch(page, "touchMove", (x - 80 + shift, y), (x + 80 + shift, y))
    touch(page, "touchEnd")
    next_frame(page)
    left, top, scale = place_of(page)
    assert scale == pytest.approx(2, rel=0.02)
    moved = middle + np.array([20, 0]) * 2
    assert photo_point * scale + (left, top) == pytest.approx(moved, abs=4)
    assert page.evaluate("visualViewport.scale") == pytest.approx(1)


def test_loupe_follows_the_pointer_in_true_pixels(viewer):
    page = viewer()
    button(page, "Loupe").click()
    for pane in ("noisy", "denoised"):  # the same point of the photo, from either side
        x, y = middle_of(page, f".pane.{pane}")
        page.mouse.move(x + 60, y - 30)
        next_frame(page)
        for name, photo in (("noisy", NOISY), ("denoised", DENOISED)):
            assert_canvas_shows(page, f".loupe .{name}", photo, 2)
            rgba, left, top, scale = canvas_pixels(page, f".loupe .{name}")
            centre = ((rgba.shape[1] / 2 - left) / scale, (rgba.shape[0] / 2 - top) / scale)
            pane_left, pane_top, pane_scale = place_of(page)
            box = page.locator(f".pane.{pane}").bounding_box()
            expected = (x + 60 - box["x"] - pane_left, y - 30 - box["y"] - pane_top)
            assert centre == pytest.approx(np.array(expected) / pane_scale, abs=1)
    page.locator(".stage").press("4")
    assert_canvas_shows(page, ".loupe .denoised", DENOISED, 8, at_least=1000)
    left = int(page.locator(".loupe").get_attribute("data-left"))
    page.keyboard.press("Shift+ArrowRight")
    next_frame(page)
    assert int(page.locator(".loupe").get_attribute("data-left")) == left - 16 * 8 // 4
    assert data(page, "scale") == "4"
    page.keyboard.press("l")
    assert page.locator(".loupe").is_hidden()


def test_loupe_follows_a_finger(viewer, touch):
    page = viewer(PHONE)
    button(page, "Loupe").tap()
    x, y = middle_of(page)
    before = place_of(page)
    touch(page, "touchStart", (x - 60, y))
    touch(page, "touchMove", (x + 60, y + 40))
    next_frame(page)
    loupe, stage = page.locator(".loupe").bounding_box(), page.locator(".stage").bounding_box()
    assert loupe["y"] + loupe["height"] < y + 40  # not under the finger
    assert loupe["x"] >= stage["x"]
    assert loupe["x"] + loupe["width"] <= stage["x"] + stage["width"]
    assert_canvas_shows(page, ".loupe .noisy", NOISY, 2)
    touch(page, "touchEnd")
    assert place_of(page) == before


@pytest.mark.parametrize(
    ("options", "script"),  # a phone's browser may have no full screen of its own
    [(DESKTOP, ""), (PHONE, "delete Element.prototype.requestFullscreen")],
    ids=["desktop", "phone, fallback"],
)
def test_full_screen_covers_the_window(open_viewer, options, script):
    page = open_viewer(options, script=script)
    before = page.locator(".viewer").bounding_box()
    button(page, "Full screen").click()
    page.locator(".viewer[data-full]").wait_for()
    next_frame(page)
    size = page.evaluate("({ width: innerWidth, height: innerHeight })")
    assert page.locator(".viewer").bounding_box() == {"x": 0, "y": 0, **size}
    seen = page.evaluate("() => document.elementFromPoint(innerWidth / 2, 30).shadowRoot?.querySelector('.viewer')")
    assert seen is not None  # nothing of the page lies above it
    button(page, "Side by side").click()
    button(page, "1:1").click()
    assert_screen_shows(page, DENOISED, "denoised")
    page.locator(".stage").press("m")
    page.locator(".viewer:not([data-full])").wait_for()
    assert not is_pressed(page, "Full screen")
    page.locator(".stage").press("m")
    page.locator(".viewer[data-full]").wait_for()
    if script:
        page.keyboard.press("Escape")
    else:
        page.evaluate("document.exitFullscreen()")  # what Escape does outside of a test
    page.locator(".viewer:not([data-full])").wait_for()
    next_frame(page)
    assert page.locator(".viewer").bounding_box()["height"] == before["height"]


@pytest.mark.parametrize("options", SIZES)
def test_modes_do_not_move_the_page(viewer, options):
    page = viewer(options)
    heights, widths = set(), set()
    for mode in MODES:
        button(page, mode).click()
        heights.add(page.locator(".viewer").bounding_box()["height"])
        widths.add(page.evaluate("document.documentElement.scrollWidth"))
        overflowing = page.locator(".viewer").evaluate(
            """viewer => [viewer, ...viewer.querySelectorAll(".toolbar, .footer, .legend, .group")]
                .filter(element => element.scrollWidth > element.clientWidth + 1).map(element => element.className)"""
        )
        assert overflowing == [], mode
    assert len(heights) == 1
    assert widths == {options["viewport"]["width"]}


def test_phone_has_targets_for_fingers(viewer):
    page = viewer(PHONE)
    for mode in MODES:
        button(page, mode).tap()
        boxes = [each.bounding_box() for each in page.locator(".viewer button:visible, .divider:visible").all()]
        assert len(boxes) >= 12
        assert min(min(box["width"], box["height"]) for box in boxes) >= 40, mode


def test_one_picture_alone_is_shown_in_every_mode(open_viewer):
    page = open_viewer(query="denoised=0")
    assert page.get_by_role("img", name=texts.NOISY, exact=True).first.is_visible()
    assert page.get_by_text("Denoised: not yet", exact=True).first.is_visible()
    for mode in MODES[1:]:
        button(page, mode).click()
        button(page, "1:1").click()
        assert_screen_shows(page, NOISY)
        assert page.get_by_role("slider").count() == 0
    button(page, "Flip").click()
    assert button(page, "Hold to see: Noisy").is_disabled()


def test_mode_and_tools_stay_when_the_page_runs_again(open_viewer):
    page = open_viewer()
    stage = page.locator(".stage")
    for key in ("n", "a", "l", "2"):
        stage.press(key)
    page.get_by_role("button", name="Again").click()
    page.locator(".viewer[data-shown$='again']").wait_for()
    assert data(page, "mode") == "removed"
    assert data(page, "scale") == "2"
    assert is_pressed(page, "8×")
    assert is_pressed(page, "Loupe")


def test_lost_picture_is_said(open_viewer):
    page = open_viewer()
    button(page, "1:1").click()
    page.route("**/pictures/**", lambda route: route.abort())
    page.get_by_role("button", name="Again").click()
    page.get_by_text("This picture has not arrived yet. Asking for it again …").wait_for()
    assert_screen_shows(page, NOISY)
    assert_is_coming(page, "denoised", texts.DENOISED)
    page.unroute("**/pictures/**")  # it is asked for again by itself
    page.get_by_text("This picture has not arrived yet. Asking for it again …").wait_for(state="hidden")
    page.get_by_text("Drag to move, wheel to zoom, ? for all keys").wait_for()
    assert_screen_shows(page, DENOISED, "denoised")
    open_viewer.complaints[:] = [text for text in open_viewer.complaints if "Failed to load resource" not in text]


def test_picture_that_nobody_waits_for_any_more_is_not_fetched_to_its_end(open_viewer):
    page = open_viewer()
    page.route("**/pictures/**", lambda route: None, times=1)
    page.get_by_role("button", name="Again").click()
    page.locator(".viewer[data-pictures='1']").wait_for()
    with page.expect_event("requestfailed", lambda request: "/pictures/" in request.url):
        page.get_by_role("button", name="Finished").click()
    page.locator(".viewer[data-shown$='new']").wait_for()
    button(page, "1:1").click()
    assert_screen_shows(page, DENOISED, "denoised")


def assert_is_coming(page, pane, label):
    tag = page.locator(f".pane.{pane} .tag")
    assert tag.text_content() == f"{label}: on its way …"
    assert page.locator(f".pane.{pane} canvas").evaluate("canvas => [canvas.width, canvas.height]") == [0, 0]


def test_picture_on_its_way_leaves_none_in_its_place(open_viewer):
    page = open_viewer()
    page.locator(".stage").press("l")
    held = []
    page.route("**/pictures/**", lambda route: held.append(route))
    page.get_by_role("button", name="Again").click()
    page.locator(".viewer[data-pictures='1']").wait_for()
    assert_is_coming(page, "denoised", texts.DENOISED)
    assert page.locator(".loupe .denoised canvas").evaluate("canvas => canvas.width") == 0
    assert page.get_by_role("img", name=f"{texts.DENOISED}: on its way …").count() == 1
    for mode in MODES:  # nor does any mode bring it back
        button(page, mode).click()
        assert_is_coming(page, "denoised", texts.DENOISED)
    while held:
        held.pop().continue_()
    page.locator(".viewer[data-shown$='again']").wait_for()
    button(page, "Side by side").click()
    button(page, "1:1").click()
    assert_canvas_shows(page, ".pane.denoised", DENOISED, 1)


def test_large_photo_is_drawn_from_a_preview_once_a_frame(open_viewer):
    count = """
        window.drawn = [];
        const { drawImage } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
            drawn.push(source.width);
            return drawImage.call(this, source, ...rest);
        };
    """
    page = open_viewer(query="width=4000&height=3000", script=count)
    assert set(page.evaluate("drawn")) == {2560}
    noisy, denoised = make_pair(4000, 3000)
    rgba, left, top, scale = canvas_pixels(page, ".pane.noisy")
    inside = rgba[top : top + int(3000 * scale), left : left + int(4000 * scale), :3]
    assert np.abs(inside.mean((0, 1)) - noisy.mean((0, 1))).max() < 1
    assert inside.std(0).mean() < 8  # made small, noise averages out

    page.evaluate("drawn.length = 0")
    for zoom in (1, 8):
        button(page, f"{zoom}:1").click()
        assert_canvas_shows(page, ".pane.noisy", noisy, zoom)
        assert_canvas_shows(page, ".pane.denoised", denoised, zoom)
    assert set(page.evaluate("drawn")) == {4000}

    x, y = middle_of(page, ".pane.noisy")
    page.mouse.move(x, y)
    page.mouse.down()
    draws = page.evaluate(
        """async ([x, y]) => {
            const roots = [...document.querySelectorAll("*")].map(({ shadowRoot }) => shadowRoot);
            const stage = roots.map(root => root?.querySelector(".stage")).find(Boolean);
            drawn.length = 0;
            for (let i = 1; i <= 50; i++) {
                const event = { clientX: x - i, clientY: y, pointerId: 1, pointerType: "mouse", bubbles: true };
                stage.dispatchEvent(new PointerEvent("pointermove", event));
            }
            const at_once = drawn.length;
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            return [at_once, drawn.length];
        }""",
        [x, y],
    )
    assert draws == [0, 2]  # one for each pane
    page.mouse.up()

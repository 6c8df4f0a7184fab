"""Before and after in one picture."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms
from streamlit.testing.v1 import AppTest

from denoise.image import Metadata, Photo, decode
from denoise.mixing import Mix
from denoise.ui import addresses, before_after, texts
from denoise.ui.before_after import CLIP, SIDE, SPLIT, BeforeAfter
from denoise.ui.results import Result, Run
from denoise.ui.session import Session

RUN = Run("photo", "unet")
BEFORE, AFTER = 60, 140


@pytest.fixture
def photos():
    """A photo whose columns differ, larger than any picture of it, and what a denoiser made of it."""
    pixels = np.full((1000, 1500, 3), BEFORE, np.uint8)
    pixels[:, :, 1] = np.arange(1500) % 50
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noisy = Photo(pixels, metadata=Metadata(comments=(("Author", "me"),)), icc_profile=profile, dpi=(300, 300))
    after = pixels.copy()
    after[..., 0] = AFTER
    return noisy, replace(noisy, pixels=after)


def shared(photos, way, file_format="PNG", at=(500, 750), mix=None):
    return before_after.picture(*photos, mix or Mix(), BeforeAfter(RUN, way, file_format, at))


def test_split_shows_true_pixels_before_and_after(photos):
    picture = decode(shared(photos, SPLIT)).pixels
    assert picture.shape == (800, 1200, 3)
    noisy, denoised = (each.pixels[100:900, 150:1350] for each in photos)
    below = slice(60, None)  # the labels
    np.testing.assert_array_equal(picture[below, :590], noisy[below, :590])
    np.testing.assert_array_equal(picture[below, 610:], denoised[below, 610:])
    assert (picture[below, 599] == 255).all()


def test_side_by_side_shows_the_same_twice(photos):
    picture = decode(shared(photos, SIDE)).pixels
    assert picture.shape == (800, 1603, 3)
    noisy, denoised = (each.pixels[100:900, 350:1150] for each in photos)
    np.testing.assert_array_equal(picture[60:, :800], noisy[60:])
    np.testing.assert_array_equal(picture[60:, -800:], denoised[60:])


@pytest.mark.parametrize(
    ("at", "left"), [((0, 0), 0), ((-5, 10**6), 300), ((500, 700), 100)], ids=["corner", "beyond", "inside"]
)
def test_what_is_shared_lies_in_the_photo(photos, at, left):
    picture = decode(shared(photos, SPLIT, at=at)).pixels
    np.testing.assert_array_equal(picture[100, :590, 1], photos[0].pixels[0, left : left + 590, 1])


def test_small_photo_is_shared_whole(photos):
    small = [replace(each, pixels=each.pixels[:5, :7]) for each in photos]
    assert decode(shared(small, SPLIT)).pixels.shape == (5, 7, 3)
    assert decode(shared(small, SIDE)).pixels.shape == (5, 17, 3)
    assert Image.open(io.BytesIO(shared(small, CLIP, "WEBP"))).size == (7, 5)


def test_clip_goes_from_before_to_after_and_back_for_ever(photos):
    with Image.open(io.BytesIO(shared(photos, CLIP, "WEBP"))) as clip:
        reds = []
        for number in range(clip.n_frames):
            clip.seek(number)
            reds.append(np.asarray(clip.convert("RGB"))[200:, :, 0].mean())
        assert clip.info["loop"] == 0
    top = int(np.argmax(reds))
    assert reds[0] == pytest.approx(BEFORE, abs=3)
    assert reds[top] == pytest.approx(AFTER, abs=3)
    assert reds[: top + 1] == sorted(reds[: top + 1])
    assert reds[top:] == sorted(reds[top:], reverse=True)
    assert abs(reds[-1] - reds[0]) < 20


@pytest.mark.parametrize("file_format", before_after.FORMATS)
def test_nothing_is_told_but_the_colours(photos, file_format):
    picture = decode(shared(photos, SPLIT, file_format))
    assert picture.format == file_format
    assert picture.metadata == Metadata()
    assert picture.dpi is None
    assert picture.icc_profile == photos[0].icc_profile


def test_deep_photo_is_shared_in_8_bit_and_mixed(photos):
    deep = [replace(each, pixels=each.pixels.astype(np.uint16) * 257) for each in photos]
    picture = decode(shared(deep, SIDE, mix=Mix(0, 0)))
    assert picture.bit_depth == 8
    np.testing.assert_array_equal(picture.pixels[60:, -800:], photos[0].pixels[160:900, 350:1150])


def test_photo_in_grey_is_shared(photos):
    grey = [replace(each, pixels=np.repeat(each.pixels[..., :1], 3, 2), grey=True, icc_profile=b"") for each in photos]
    assert decode(shared(grey, SPLIT)).pixels[100, 100].tolist() == [BEFORE] * 3


GOOD = {**RUN.query, "way": CLIP, "format": "WEBP", "at": "3,4"}


def test_address_says_what_is_shared():
    assert BeforeAfter.read(GOOD) == BeforeAfter(RUN, CLIP, "WEBP", (3, 4))
    assert BeforeAfter.read(GOOD).query.items() <= GOOD.items()


@pytest.mark.parametrize(
    "wrong",
    [{"way": "film"}, {"format": "TIFF"}, {"at": "1"}, {"at": "a,b"}, {"at": f"0,{10**12}"}, {"strength": "9"}],
    ids=lambda wrong: str(wrong)[:20],
)
def test_wrong_address_shares_nothing(wrong):
    with pytest.raises(ValueError, match=r"."):
        BeforeAfter.read(GOOD | wrong)


def test_session_makes_what_is_shared_of_its_photo_alone():
    state = Session("chelsea")
    chosen = state.chosen()
    run = Run(chosen.id, "unet", best=True, strength=2.5)
    with pytest.raises(LookupError):
        state.file(BeforeAfter(run, SPLIT, "PNG", (9, 9)), Mix())
    state.results.own[run] = Result(chosen.noisy, 1.0, "unet")
    picture = decode(state.file(BeforeAfter(run, SPLIT, "PNG", (9, 9)), Mix()))
    assert picture.pixels.shape == chosen.noisy.pixels.shape


PAGE = """
import streamlit as st
from denoise.ui import session
from denoise.ui.pages import start_save
from denoise.ui.results import Result, Run
state = session.current()
chosen = state.chosen()
run = Run(chosen.id, "unet")
if st.session_state.get("open"):
    st.session_state["share"] = True
start_save.share(state, chosen, run, Result(chosen.noisy, 1.0, "unet") if st.session_state.get("there", True) else None)
"""


def test_sizes_stand_beside_the_formats_once_it_is_opened(monkeypatch):
    made = []
    picture = before_after.picture
    monkeypatch.setattr(before_after, "picture", lambda *wanted: made.append(wanted[-1].format) or picture(*wanted))
    app = AppTest.from_string(PAGE, default_timeout=30).run()
    assert not made
    app.session_state["open"] = True
    app.run()
    assert made == list(before_after.FORMATS)
    options = app.segmented_control(key="share_format 3").options
    assert all(option.endswith("kB") for option in options)
    app.segmented_control(key="share_way").set_value(CLIP).run()
    assert len(app.segmented_control(key="share_format 1").options) == 1
    assert not app.exception


@pytest.mark.parametrize(("size", "said"), [(400, "1\u00a0kB"), (143_210, "144\u00a0kB"), (2_106_000, "2.1\u00a0MB")])
def test_file_size_is_said_as_its_reader_cares(size, said):
    assert texts.file_size(size) == said


def test_address_of_what_is_shared_is_the_sessions_own():
    state = Session("chelsea")
    assert addresses.before_after(state, RUN, CLIP, "WEBP").startswith(f"{addresses.BEFORE_AFTER}/{state.token}?")

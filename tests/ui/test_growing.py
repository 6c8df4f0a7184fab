import cv2
import numpy as np
import pytest

from denoise.image import Photo, outline
from denoise.tiling import Box, denoise_tiled
from denoise.ui.growing import Growing
from denoise.ui.results import Run

RUN = Run("photo", "unet")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)


@pytest.fixture
def growing(pixels):
    return Growing(RUN, outline(Photo(pixels)), (100, 150))


def decoded(png):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_window_shows_what_is_finished_in_true_pixels_and_nothing_of_the_rest(growing, pixels, dtype):
    levels = pixels.astype(dtype) * (257 if dtype == np.uint16 else 1)
    growing.add(levels, Box(0, 0, 100, 120))
    growing.add(levels, Box(100, 0, 150, 120))
    growing.add(levels, Box(0, 250, 50, 300))
    shown = decoded(growing.picture(Box(60, 80, 180, 200), 1.0))
    assert shown.shape == (120, 120, 4)
    is_there = np.zeros((120, 120), bool)
    is_there[:90, :40] = True
    np.testing.assert_array_equal(shown[..., 3], 255 * is_there)
    np.testing.assert_array_equal(shown[..., :3], np.where(is_there[..., None], pixels[60:180, 80:200], 0))


def test_small_window_shows_whole_pixels_only(growing, pixels):
    growing.add(pixels, Box(0, 0, 101, 300))
    shown = decoded(growing.picture(Box(0, 0, 200, 300), 0.25))
    assert shown.shape == (50, 75, 4)
    np.testing.assert_array_equal(shown[:, 0, 3], [255] * 25 + [0] * 25)
    expected = cv2.resize(pixels, (75, 50), interpolation=cv2.INTER_AREA)[:25]
    np.testing.assert_array_equal(shown[:25, :, :3], expected)


def test_it_counts_what_is_seen_and_how_much_there_is(growing, pixels):
    assert (growing.count(Box(0, 0, 200, 300)), growing.share) == (0, 0.0)
    growing.add(pixels, Box(0, 0, 100, 150))
    growing.add(pixels, Box(0, 150, 100, 300))
    assert growing.count(Box(0, 0, 100, 150)) == 1
    assert growing.count(Box(99, 149, 101, 151)) == 2
    assert growing.count(Box(100, 0, 200, 300)) == 0
    assert growing.share == 0.5


def test_it_begins_at_the_spot_and_goes_where_one_looks(growing):
    box = growing.view()
    assert ((box.top + box.bottom) / 2, (box.left + box.right) / 2) == (100, 150)
    growing.look(Box(1, 2, 30, 40))
    assert growing.view() == (1, 2, 30, 40)


def test_it_holds_no_pixels(growing, pixels):
    def result():
        return denoise_tiled(pixels, lambda tile, _: 1 - tile, finished=growing.add)

    kept = result()
    np.testing.assert_array_equal(decoded(growing.picture(Box(0, 0, 200, 300), 1.0))[..., :3], kept)
    del kept
    assert growing.picture(Box(0, 0, 200, 300), 1.0) is None
    assert growing.share == 1

import cv2
import numpy as np
import pytest

from denoise.image import Photo
from denoise.image.colour import linear_to_srgb, srgb_to_linear
from denoise.light import keep_light
from denoise.pipeline import denoise_photo

LEVEL = np.zeros((1, 1, 1), np.float32)  # of no interest to the denoisers here


def scene(value: float = 60) -> np.ndarray:
    """A smooth picture about a value of 0 to 255."""
    y, x = np.mgrid[:256, :256] / 255
    return np.stack([value * (0.8 + 0.4 * x), value * (0.8 + 0.4 * y), value + 0 * x], 2).astype(np.float32) / 255


def photographed(clean: np.ndarray, sigma: float) -> np.ndarray:
    """The noise of a sensor: even in linear light, so strong that it has a standard deviation of `sigma` at the end."""
    slope = (linear_to_srgb(srgb_to_linear(clean) + 1e-4) - clean) / 1e-4
    noise = sigma / 255 / slope * np.random.default_rng(0).standard_normal(clean.shape)
    shown = linear_to_srgb(np.maximum(srgb_to_linear(clean) + noise, 0)).clip(0, 1)
    return np.rint(255 * shown).astype(np.float32) / 255


def mean_of_values(tile: np.ndarray, level: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.blur(tile, (41, 41), borderType=cv2.BORDER_REFLECT))


def shift(one: np.ndarray, other: np.ndarray) -> float:
    """By how many levels of 255 one picture is lighter, on average."""
    return 255 * float((one - other).mean())


@pytest.mark.parametrize(("value", "sigma"), [(60, 20), (100, 30), (150, 25)])
def test_keep_light_gives_back_what_noise_took(value: float, sigma: float) -> None:
    clean = scene(value)
    noisy = photographed(clean, sigma)
    dark = shift(mean_of_values(noisy, LEVEL), clean)
    assert dark < -0.4 * sigma**2 / value
    assert abs(shift(keep_light(mean_of_values)(noisy, LEVEL), clean)) < 0.15 * abs(dark)


def test_keep_light_is_done_once() -> None:
    noisy = photographed(scene(), 20)
    once = keep_light(mean_of_values)(noisy, LEVEL)
    twice = keep_light(lambda tile, level: once)(noisy, LEVEL)
    assert abs(shift(twice, once)) < 0.3


def test_keep_light_takes_hot_pixels_for_no_light() -> None:
    clean = scene(30)
    noisy = np.where(np.random.default_rng(1).random(clean.shape) < 0.02, np.float32(0.8), clean)
    assert shift(noisy, clean) > 3
    assert np.abs(keep_light(lambda tile, level: clean)(noisy, LEVEL) - clean).max() < 0.2 / 255


def test_keep_light_leaves_white_paper_white() -> None:
    paper = np.ones((256, 256, 3), np.float32)
    noisy = (paper + np.random.default_rng(2).normal(0, 12 / 255, paper.shape)).clip(0, 1).astype(np.float32)
    assert keep_light(lambda tile, level: paper)(noisy, LEVEL).min() > 1 - 0.5 / 255


def test_keep_light_changes_nothing_where_little_was_removed() -> None:
    clean = scene()
    noisy = photographed(clean, 1.5)
    np.testing.assert_array_equal(keep_light(lambda tile, level: clean)(noisy, LEVEL), clean)


def test_keep_light_keeps_grey_grey() -> None:
    noisy = np.repeat(photographed(scene(), 20)[..., 2:], 3, axis=2)
    assert np.ptp(keep_light(mean_of_values)(noisy, LEVEL), axis=2).max() == 0


def test_keep_light_keeps_the_photo_when_the_denoiser_writes_into_its_tile() -> None:
    noisy = photographed(scene(), 20)
    expected = keep_light(mean_of_values)(noisy, LEVEL)

    def writes(tile: np.ndarray, level: np.ndarray) -> np.ndarray:
        tile[:] = mean_of_values(tile, level)
        return tile

    np.testing.assert_array_equal(keep_light(writes)(noisy.copy(), LEVEL), expected)


def test_denoise_photo_keeps_the_light() -> None:
    clean = scene()
    noisy = photographed(clean, 20)
    photo = Photo(np.rint(255 * noisy).astype(np.uint8))
    shift_left = (denoise_photo(photo, mean_of_values).pixels - 255 * clean).mean()
    assert abs(shift_left) < 0.6, shift_left
    assert shift(mean_of_values(noisy, LEVEL), clean) < -2.5

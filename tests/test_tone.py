import io

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from denoise.tone import GREY, keep_tone, tone_of

SEPIA = np.array([[0.0, 0.0, 0.0], [0.45, 0.33, 0.2], [1.0, 0.96, 0.85]])
CYANOTYPE = np.array([[0.02, 0.05, 0.15], [0.2, 0.42, 0.6], [0.97, 0.98, 1.0]])


def toned(colours: np.ndarray, sigma: float = 8) -> np.ndarray:
    """A noisy photo of one hue, uint8 (H, W, 3)."""
    grey = skimage.data.camera()[100:356, 100:356]
    grey = np.clip(grey + np.random.default_rng(0).normal(0, sigma, grey.shape), 0, 255) / 255
    channels = [np.interp(grey, [0, 0.5, 1], channel) for channel in colours.T]
    return np.rint(255 * np.stack(channels, axis=2)).astype(np.uint8)


LEVEL = np.zeros((1, 1, 1), np.float32)  # of no interest to the denoisers here


def smooth(image: np.ndarray, level: np.ndarray = LEVEL) -> np.ndarray:
    """A denoiser that sees colours in grain, as networks do."""
    rolled = (image + np.roll(image, 1, axis=0) + np.roll(image, 1, axis=1)) / 3
    return np.clip(rolled + [0.9, -0.5, 0.6] * np.abs(image - rolled), 0, 1).astype(np.float32)


def jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "JPEG", quality=92)
    return np.asarray(PillowImage.open(file))


def test_tone_of_equal_channels_is_grey():
    assert tone_of(np.repeat(skimage.data.camera()[..., None], 3, axis=2)) is GREY


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_equal_channels_stay_equal(dtype):
    grey = np.repeat(skimage.data.camera()[..., None], 3, axis=2).astype(dtype) * (257 if dtype == np.uint16 else 1)
    denoised = keep_tone(smooth, tone_of(grey))(grey / np.float32(np.iinfo(dtype).max), LEVEL)
    assert (denoised == denoised[..., :1]).all()


@pytest.mark.parametrize("colours", [SEPIA, CYANOTYPE], ids=["sepia", "cyanotype"])
@pytest.mark.parametrize("stored", [lambda pixels: pixels, jpeg], ids=["exact", "jpeg"])
def test_one_hue_is_kept(colours, stored):
    photo = stored(toned(colours))
    tone = tone_of(photo)
    assert tone is not None
    noisy = photo / np.float32(255)
    denoised = keep_tone(smooth, tone)(noisy, LEVEL)
    plain = smooth(noisy)

    def distance(image: np.ndarray) -> float:
        """How far colours are from the hue, in levels, on average."""
        return float(np.abs(image - tone(image @ np.array([0.299, 0.587, 0.114]))).mean() * 255)

    assert distance(denoised) < 0.8
    assert distance(denoised) < 0.3 * distance(plain)
    assert np.std(denoised - noisy) > 0.01  # it was denoised


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "rocket"])
def test_tone_of_a_colour_photo_is_none(name):
    assert tone_of(getattr(skimage.data, name)()) is None


def test_colours_beside_the_hue_come_back_as_they_were():
    photo = toned(SEPIA, sigma=0)
    photo[100:104, 100:104] = [200, 30, 30]  # a seal, too small to tell of another hue
    tone = tone_of(photo)
    assert tone is not None
    noisy = photo / np.float32(255)
    denoised = keep_tone(lambda image, _: image, tone)(noisy, LEVEL)
    np.testing.assert_allclose(denoised[100:104, 100:104], noisy[100:104, 100:104], atol=1e-5)
    np.testing.assert_allclose(denoised, noisy, atol=7 / 255)


def test_colours_of_stars_in_a_sky_of_one_hue_stay():
    y, x = np.mgrid[:256, :256]
    point = np.exp(-(((y % 32) - 16) ** 2 + ((x % 32) - 16) ** 2) / (2 * 0.9**2))[..., None]
    stars = point * np.where((x // 32 % 2 == 0)[..., None], [120, 80, 50], [50, 80, 120])
    sky = np.array([14, 14, 18]) + stars
    photo = np.rint(sky + np.random.default_rng(0).normal(0, 2, sky.shape)).clip(0, 255).astype(np.uint8)
    tone = tone_of(photo)
    assert tone is not None
    denoised = 255 * keep_tone(lambda image, _: image, tone)(photo / np.float32(255), LEVEL)
    middles = denoised[16::32, 16::32]
    assert np.abs(middles - photo[16::32, 16::32]).max() < 8  # of 70
    away = point[..., 0] < 1e-3
    assert (denoised - denoised[..., [1, 2, 0]])[away].std(axis=0).max() < 1.5  # of 2.9


def test_grey_parts_of_a_colour_photo_stay_grey():
    photo = skimage.data.astronaut().copy()
    photo[:, :256] = photo[:, :256, 1:2]
    tone = tone_of(photo)
    assert tone is None
    denoised = keep_tone(smooth, tone)(photo / np.float32(255), LEVEL)
    assert (denoised[:, :250] == denoised[:, :250, :1]).all()
    is_other = (denoised != smooth(photo / np.float32(255))).any(axis=2)
    assert is_other[:, 256:].mean() < 1e-3  # where the photo itself is grey


def test_tone_goes_on_beyond_the_luminance_that_it_was_read_from():
    photo = toned(SEPIA)[:, :, :] // 2 + 40  # neither black nor white in it
    tone = tone_of(photo.astype(np.uint8))
    assert tone is not None
    black, white = tone(np.array([[0.0, 1.0]]))[0]
    assert black.mean() < 0.1
    assert white.mean() > 0.9


def test_faint_colours_are_no_tone():
    photo = np.repeat(skimage.data.camera()[:256, :256, None], 3, axis=2).clip(10, 240)
    photo[40:100, 40:100, 0] += 5  # one twentieth of it, tinted by a few levels
    photo[40:100, 40:100, 1] -= 2
    tone = tone_of(photo)
    noisy = photo / np.float32(255)
    np.testing.assert_allclose(keep_tone(lambda image, _: image, tone)(noisy, LEVEL), noisy, atol=1.01 / 255)


@pytest.mark.parametrize("sigma", [4, 8, 12])
def test_noise_of_colour_on_a_grey_scene_is_not_kept(sigma):
    grey = np.repeat(skimage.data.camera()[100:356, 100:356, None], 3, axis=2)
    noise = np.random.default_rng(0).normal(0, sigma, grey.shape)
    photo = np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)
    noisy = photo / np.float32(255)

    def denoise(image: np.ndarray, _: np.ndarray) -> np.ndarray:
        """As well as can be, whatever it is shown."""
        return grey / np.float32(255) + 0 * image

    denoised = keep_tone(denoise, tone_of(photo))(noisy, LEVEL)
    assert np.sqrt(np.square(255 * denoised - grey).mean()) < 1.5

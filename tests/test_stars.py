"""What is given back of a sky whose noise a denoiser has removed, and what is not."""

import cv2
import numpy as np
import pytest

from denoise.image import Photo
from denoise.pipeline import denoise_photo
from denoise.stars import give_back_stars

SKY, NOISE, DISTANCE = 14.0, 2.0, 16
COLOURS = np.array([[1.0, 0.75, 0.5], [0.6, 0.8, 1.0], [1.0, 1.0, 1.0]])


def starry(size, brightness, width=0.9, seed=0):
    """Return a dark sky with stars of so many levels, as wide as a good lens draws them."""
    random = np.random.default_rng(seed)
    sky = np.full((size, size, 3), SKY)
    grid = np.arange(DISTANCE // 2, size, DISTANCE)
    middles = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2) + random.uniform(-2, 2, (len(grid) ** 2, 2))
    y, x = np.mgrid[:size, :size]
    for number, (row, column) in enumerate(middles):
        point = brightness * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
        sky += point[..., None] * COLOURS[number % len(COLOURS)]
    return sky


def noisy(sky, dtype=np.uint8, seed=0):
    level = np.iinfo(dtype).max / 255
    values = (sky + np.random.default_rng(seed).normal(0, NOISE, sky.shape)) * level
    return np.rint(values).clip(0, np.iinfo(dtype).max).astype(dtype)


def empty(photo):
    """Return what is left where a denoiser takes all stars for noise."""
    return np.full_like(photo, round(SKY * np.iinfo(photo.dtype).max / 255))


def kept(result, sky):
    """Return the share of the stars' light that is there."""
    level = np.iinfo(result.dtype).max / 255
    return float((result / level - SKY).sum() / (sky - SKY).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_stars_that_stand_out_of_the_noise_come_back_at_full_light(dtype):
    sky = starry(256, brightness=14)
    photo = noisy(sky, dtype)
    result = empty(photo)
    give_back_stars(photo, result)
    assert 0.93 < kept(result, sky) < 1.03
    level = np.iinfo(dtype).max / 255
    before, after = (np.square(each / level - sky).mean() for each in (empty(photo), result))
    assert after < before / 5


def test_colour_of_a_star_comes_back_without_its_noise():
    sky = starry(256, brightness=30)
    photo = noisy(sky)
    result = empty(photo)
    give_back_stars(photo, result)
    squares = (result - SKY).reshape(16, DISTANCE, 16, DISTANCE, 3).sum((1, 3)).swapaxes(0, 1).reshape(-1, 3)
    light = squares[: len(squares) // 3 * 3].reshape(-1, 3, 3)  # of each star, by its colour
    single = light / light.max(axis=2, keepdims=True)
    np.testing.assert_allclose(light.sum(0) / light.sum(0).max(axis=1, keepdims=True), COLOURS, atol=0.04)
    assert single.std(0).max() < 0.08  # 0.14 and more in the photo


@pytest.mark.parametrize("sky", [SKY, 1.0, 0.0])  # near black, noise reaches farther up than down
def test_noise_alone_stays_away(sky):
    photo = noisy(np.full((1000, 1000, 3), sky))
    flat = np.full_like(photo, round(float(photo.mean())))
    result = flat.copy()
    give_back_stars(photo, result)
    assert (result != flat).any(axis=2).sum() <= 2 * 49  # pixels of two points in a megapixel


def test_stars_of_two_colours_beside_one_another_become_no_brighter_than_they_were():
    y, x = np.mgrid[:128, :128]
    sky = np.full((128, 128, 3), SKY)
    for column, colour in ((62, [1, 0.7, 0.4]), (65, [0.4, 0.7, 1])):
        sky += 40 * np.exp(-((y - 64) ** 2 + (x - column) ** 2) / (2 * 0.9**2))[..., None] * colour
    photo = np.rint(sky).astype(np.uint8)
    result = empty(photo)
    give_back_stars(photo, result)
    assert result.max() > SKY + 20
    assert (result.mean(axis=2) - photo.mean(axis=2)).max() < 1


@pytest.mark.parametrize("colour", [(80, 80, 80), (80, 0, 0), (80, 80, 0)])
def test_single_pixels_and_those_of_one_colour_stay_away(colour):
    sky = np.full((256, 256, 3), SKY)
    sky[8::16, 8::16] += colour
    if colour != (80, 80, 80):
        sky = cv2.GaussianBlur(sky, (0, 0), 0.9)
    photo = noisy(sky)
    result = empty(photo)
    give_back_stars(photo, result)
    assert np.array_equal(result, empty(photo))


def test_dark_specks_stay_away():
    sky = 200 - starry(128, brightness=20)
    result = np.full((128, 128, 3), 186, np.uint8)
    give_back_stars(noisy(sky), result)
    assert (result == 186).all()


def test_star_at_an_edge_comes_back_and_nothing_overflows():
    photo = np.full((64, 64, 3), 230, np.uint8)
    cv2.circle(photo, (0, 20), 1, (255, 255, 255), -1)
    cv2.circle(photo, (40, 63), 1, (255, 255, 255), -1)
    result = np.full_like(photo, 230)
    give_back_stars(photo, result)
    assert (result[20, 0] > 250).all()
    assert (result[63, 40] > 250).all()
    assert (result >= 230).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (16, 2)])
def test_tiny_photos_are_no_trouble(shape):
    result = np.zeros((*shape, 3), np.uint8)
    give_back_stars(np.full_like(result, 9), result)  # all of which was removed
    assert not result.any()


@pytest.mark.parametrize(
    ("model", "strength", "least"), [("ridnet", 1.0, 0.9), ("ridnet", 1.5, 0.85), ("unet", 1.0, 0.9)]
)
def test_networks_keep_stars_that_stand_out(model, strength, least):
    sky = starry(256, brightness=12)
    result = denoise_photo(Photo(noisy(sky)), model, strength=strength).pixels
    assert kept(result, sky) > least

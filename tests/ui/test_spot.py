import numpy as np
import pytest

from denoise.image import Photo
from denoise.ui.spot import telling_spot


def noisy(light, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, 1, (*light.shape, 3))
    return np.clip(light[..., None] + sigma * noise, 0, 255).astype(np.uint8)


def scene(height=1200, width=1600, ground=110.0):
    """Return a flat photo with a grid of lines around (800, 1200)."""
    light = np.full((height, width), ground)
    for start in range(0, 300, 50):
        light[650 + start : 662 + start, 1050:1350] = 200
        light[650:950, 1050 + start : 1062 + start] = 200
    return light


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_it_lies_near_structure_on_middle_grey(dtype):
    pixels = noisy(scene(), 12).astype(dtype) * (257 if dtype == np.uint16 else 1)
    row, column = telling_spot(Photo(pixels))
    assert 500 < row < 1100
    assert 900 < column < 1500


def test_it_lies_where_noise_is_seen_rather_than_in_black_or_white():
    light = np.zeros((1000, 1500))
    light[:, 500:1000] = 110
    light[:, 1000:] = 255
    _, column = telling_spot(Photo(noisy(light, 15)))
    assert 500 < column < 1000


def test_it_prefers_the_noisier_part():
    light = np.full((800, 1600), 110.0)
    pixels = np.hstack([noisy(light[:, :800], 3), noisy(light[:, 800:], 20)])
    assert telling_spot(Photo(pixels))[1] > 800


def test_its_surroundings_lie_in_the_photo():
    light = scene()
    light[:, :300] += np.linspace(0, 40, 300)  # the noise is seen best at the very edge
    row, column = telling_spot(Photo(noisy(light, 10)))
    assert 150 <= row <= 1050
    assert 150 <= column <= 1450


@pytest.mark.parametrize("size", [(1, 1), (5, 3000), (3000, 5), (16, 16), (17, 400), (330, 330)], ids=str)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_every_photo_has_one(size, level):
    row, column = telling_spot(Photo(np.full((*size, 3), level, np.uint8)))
    assert 0 <= row < size[0]
    assert 0 <= column < size[1]

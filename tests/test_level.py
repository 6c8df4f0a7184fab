import cv2
import numpy as np
import pytest
from skimage import data

from denoise import level as level_module
from denoise.image import Photo
from denoise.level import (
    GRAIN,
    UNKNOWN,
    certainty,
    estimate_level,
    looks,
    noise_everywhere,
    quiet_grain,
    smoothed_grain,
    told,
)
from denoise.tiling import OVERLAP, TILE_SIZE, tile_offsets


def photo(height, width, dtype=np.uint8):
    return np.full((height, width, 3), np.iinfo(dtype).max // 2, dtype)


def darker(by, seen=None):
    """A denoiser that removes the same of every pixel; writes down what it was called with."""

    def denoise_tile(tile, level):
        if seen is not None:
            seen.append((tile.copy(), level.copy()))
        return tile - np.float32(by / 255)

    return denoise_tile


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(40, 50), (256, 256), (700, 300)])
def test_level_is_what_a_denoiser_removes(size, dtype):
    assert estimate_level(photo(*size, dtype), darker(6)) == pytest.approx(6 / 255, rel=1e-3)


def test_level_is_the_root_mean_square_over_pixels_and_channels():
    noise = np.random.default_rng(0).normal(0, 5, (256, 256, 3)) * [0.5, 1, 1.5]
    pixels = np.rint(128 + noise).astype(np.uint8)
    assert 255 * estimate_level(pixels, lambda tile, level: np.full_like(tile, 128 / 255)) == pytest.approx(
        np.sqrt(np.square(pixels.astype(float) - 128).mean()), rel=1e-3
    )


def test_level_of_what_comes_back_unchanged_is_zero():
    assert estimate_level(photo(300, 300), darker(0)) == 0


def test_denoiser_that_is_asked_for_the_level_is_not_told_one():
    seen = []
    estimate_level(photo(100, 100), darker(1, seen))
    assert {level.shape for _, level in seen} == {(256, 256, 1)}
    assert all((level == np.float32(UNKNOWN)).all() for _, level in seen)


@pytest.mark.parametrize(("size", "most"), [((256, 256), 1), ((512, 512), 2), ((1024, 1024), 4), ((5000, 8000), 5)])
def test_few_tiles_are_looked_at_and_each_once(size, most):
    seen = []
    pixels = photo(*size)
    pixels[...] = np.arange(size[1], dtype=np.uint16)[:, None] % 251  # tiles differ
    estimate_level(pixels, darker(1, seen))
    assert len(seen) == looks(*size) == most
    tiles = len(tile_offsets(size[0], TILE_SIZE, OVERLAP)) * len(tile_offsets(size[1], TILE_SIZE, OVERLAP))
    assert most == 1 or most / tiles < 0.25
    again = []
    estimate_level(pixels, darker(1, again))
    assert all((one == other).all() for (one, _), (other, _) in zip(seen, again, strict=True))


def test_level_is_that_of_what_is_not_clean():
    pixels, keep = photo(1024, 1024), np.ones((1024, 1024), bool)
    pixels[700:800, 700:800] = 200
    keep[700:800, 700:800] = False

    def denoise_tile(tile, level):
        return np.where(tile > 0.7, tile - np.float32(4 / 255), tile - np.float32(0.3))

    assert estimate_level(pixels, denoise_tile, keep=keep) == pytest.approx(4 / 255, rel=1e-3)


def test_level_of_what_is_all_clean_is_zero_and_nothing_is_denoised():
    seen = []
    assert estimate_level(photo(600, 600), darker(5, seen), keep=np.ones((600, 600), bool)) == 0
    assert seen == []


def test_told_is_the_multiple_of_the_level_one_at_most_and_nothing_where_nobody_knows():
    level = np.array([0, 0.1, 0.5, UNKNOWN], np.float32)
    np.testing.assert_array_equal(told(level, 2.5), np.array([0, 0.25, 1, UNKNOWN], np.float32))
    assert told(level, 2.5).dtype == np.float32


@pytest.mark.parametrize(("blurred", "times"), [(0, 1), (1.2, 2.6)])  # a Gaussian window makes squares of 4 as coarse
def test_level_of_coarse_grain_is_that_of_white_noise_as_strong_in_squares(blurred, times):
    noise = np.random.default_rng(0).normal(0, 10, (512, 512, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), blurred) if blurred else noise
    noise *= 10 / noise.std()
    pixels = np.rint(128 + noise).astype(np.uint8)
    flat = lambda tile, level: np.full_like(tile, 128 / 255)  # noqa: E731
    assert 255 * estimate_level(pixels, flat) == pytest.approx(10, rel=0.02)
    assert 255 * estimate_level(pixels, flat, grain=GRAIN) == pytest.approx(10 * times, rel=0.1)


def noisy(sigma, size=(600, 700), dtype=np.uint8):
    most = np.iinfo(dtype).max
    grain = np.random.default_rng(0).normal(0, sigma / 255, (*size, 3))
    return np.rint((0.5 + grain).clip(0, 1) * most).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("sigma", [5, 20])
def test_noise_everywhere_is_that_of_the_quietest_places(sigma, dtype):
    assert 0.75 * sigma < 255 * noise_everywhere(noisy(sigma, dtype=dtype)) < sigma


def test_noise_everywhere_is_not_fooled_by_texture_nor_by_black_and_white():
    pixels = noisy(20)
    pixels[:100] = noisy(1, (100, 700))  # a quiet sky
    assert 255 * noise_everywhere(pixels) < 1
    pixels[:100] = 60  # drawn, not photographed; only where its edge begins is there less
    assert 255 * noise_everywhere(pixels) > 4
    pixels[:100] = 0  # noise is cut off there
    assert 255 * noise_everywhere(pixels) > 14
    pixels[:100] = 255
    assert 255 * noise_everywhere(pixels) > 14


def at_least(pixels):
    return 255 * quiet_grain(pixels).removed


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("sigma", "least", "most"), [(1.5, 0, 0), (3, 1.7, 2.1), (20, 11, 14)])
def test_noise_at_least_is_what_a_careful_denoiser_removes_of_plain_ground(sigma, dtype, least, most):
    assert least <= at_least(noisy(sigma, dtype=dtype)) <= most


@pytest.mark.parametrize("tint", [[0.6, 1, 0.4], [1, 0.8, 0.6], [1, 1, 1]], ids=["green", "brown", "grey"])
@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_noise_at_least_is_not_fooled_by_texture_that_reaches_everywhere(name, tint):
    texture = getattr(data, name)()[..., None] * np.array(tint)
    assert 255 * noise_everywhere(np.rint(texture).astype(np.uint8)) > 3
    assert at_least(np.rint(texture).astype(np.uint8)) == 0
    grain = np.random.default_rng(0).normal(0, 6, texture.shape)
    assert 2.7 < at_least(np.rint((texture + grain).clip(0, 255)).astype(np.uint8)) < 6


@pytest.mark.parametrize("sigma", [3, 6, 12, 25, 50])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_white_noise_is_told_from_what_a_camera_makes_of_it(name, sigma):
    clean = getattr(data, name)()
    white = (clean + np.random.default_rng(0).normal(0, sigma, clean.shape)).clip(0, 255)
    smooth = cv2.blur(white - clean, (2, 2)) * 2 + clean
    alike = clean + (white - clean).mean(axis=2, keepdims=True) + (white - clean) / 2
    assert 0.75 * sigma < 255 * quiet_grain(np.rint(white).astype(np.uint8)).white < 1.05 * sigma + 0.5
    for pixels in (smooth, alike, clean):
        assert not quiet_grain(np.rint(pixels.clip(0, 255)).astype(np.uint8)).white


def test_grain_of_a_photo_is_looked_at_once(monkeypatch):
    looked = []
    monkeypatch.setattr(level_module, "quiet_grain", lambda pixels: looked.append(pixels) or quiet_grain(pixels))
    first, second = (Photo(noisy(sigma)) for sigma in (6, 9))
    assert [level_module.grain_of(each) for each in (first, second, first)] == [
        quiet_grain(each.pixels) for each in (first, second, first)
    ]
    assert [id(each) for each in looked] == [id(first.pixels), id(second.pixels)]


def test_noise_everywhere_of_next_to_nothing_is_none():
    assert noise_everywhere(noisy(20, (9, 9))) == 0
    assert noise_everywhere(np.zeros((300, 300, 3), np.uint8)) == 0


def grain_of(size: int, dtype: type = np.uint8) -> np.ndarray:
    """A sky with grain of so many pixels."""
    grain = cv2.blur(np.random.default_rng(0).standard_normal((400, 500, 3)), (size, size))
    sky = np.linspace(90, 160, 500)[:, None] + 3 * grain / grain.std()
    return np.rint(np.iinfo(dtype).max / 255 * sky).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grain_that_a_camera_has_smoothed_is_coarse(dtype: type) -> None:
    fine, demosaiced, smoothed = (smoothed_grain(grain_of(size, dtype)) for size in (1, 2, 5))
    assert fine <= demosaiced < 0.25
    assert smoothed == 1


def test_smoothed_grain_is_told_beside_texture_too() -> None:
    gravel = np.random.default_rng(1).integers(60, 200, (60, 500, 3))
    for size, expected in ((1, 0), (5, 1)):
        photo = grain_of(size)
        photo[:60] = gravel
        assert smoothed_grain(photo) == expected


def test_smoothed_grain_of_a_photo_that_is_too_small_or_black_is_not_told() -> None:
    assert smoothed_grain(grain_of(1)[:17, :17]) == 0.5
    assert smoothed_grain(np.zeros((300, 300, 3), np.uint8)) == 0.5


def test_grain_of_even_places_is_told_though_rounding_makes_it_less_than_none(monkeypatch) -> None:
    blur = cv2.blur
    monkeypatch.setattr(cv2, "blur", lambda values, size: blur(values, size) - np.float32(1e-18))
    assert smoothed_grain(np.full((300, 300, 3), 128, np.uint8)) == 0


def test_fewer_tiles_are_looked_at_where_that_is_asked_for():
    seen = []
    estimate_level(photo(1024, 1024), darker(1, seen), most_looks=2)
    assert len(seen) == 2


def test_no_more_tiles_are_looked_at_than_it_takes_to_be_certain():
    looks_of = {}
    for share in (0.1, 0.49, 0.51, 0.99, 1.01):  # of what each tile has
        seen = []
        estimate_level(photo(1024, 1024), darker(8, seen), enough=share * 8 / 255)
        looks_of[share] = len(seen)
    assert looks_of == {0.1: 1, 0.49: 1, 0.51: 2, 0.99: 4, 1.01: 4}  # squares count


@pytest.mark.parametrize(
    ("everywhere", "smoothed", "removed", "expected"),
    [
        pytest.param(0.9, 0.0, 0.9, 0.0, id="clean"),
        pytest.param(1.7, 0.0, 0.5, 1.0, id="grain everywhere"),
        pytest.param(1.3, 0.0, 0.5, 0.5, id="faint grain"),
        pytest.param(0.0, 0.0, 2.0, 1.0, id="much is removed"),
        pytest.param(0.0, 0.0, 1.5, 0.5, id="some is removed"),
        pytest.param(0.1, 0.5, 0.2, 1.0, id="smoothed by a camera"),
        pytest.param(0.1, 0.1, 0.2, 0.3, id="smoothed, perhaps"),
    ],
)
def test_noise_is_certain_where_it_is_everywhere_or_much_or_smoothed(everywhere, smoothed, removed, expected) -> None:
    assert certainty(everywhere / 255, smoothed, removed / 255) == pytest.approx(expected)

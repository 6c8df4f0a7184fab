import numpy as np
import pytest
from skimage import data

from denoise import level
from denoise.baseline import non_local_means
from denoise.image import to_float, to_pixels
from denoise.level import estimate_noise
from denoise.metrics import psnr

LEVEL = np.zeros((1, 1, 1), np.float32)  # the filter estimates the noise itself


def noisy_pair(sigma, dtype=np.uint8):
    """A clean photo with flat areas, and the same with white noise."""
    clean = to_float(data.astronaut()[:256, :256])
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape).astype(np.float32)
    return to_pixels(clean, dtype), to_pixels(clean + noise, dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
def test_estimate_noise_is_near_the_noise_of_a_flat_photo(sigma, dtype):
    noise = np.random.default_rng(0).normal(0, sigma, (200, 300, 3)).astype(np.float32)
    assert estimate_noise(to_pixels(0.5 + noise, dtype)) == pytest.approx(sigma, rel=0.1)


def test_estimate_noise_sees_correlated_noise():
    noise = np.random.default_rng(0).normal(0, 0.1, (201, 301, 3)).astype(np.float32)
    correlated = (noise[1:, 1:] + noise[:-1, 1:] + noise[1:, :-1] + noise[:-1, :-1]) / 2  # sigma 0.1 too
    assert estimate_noise(to_pixels(0.5 + correlated, np.uint8)) == pytest.approx(0.1, rel=0.25)


def test_estimate_noise_grows_with_the_noise():
    estimates = [estimate_noise(noisy_pair(sigma)[1]) for sigma in (0, 0.02, 0.05, 0.1)]
    assert estimates == sorted(estimates)
    assert estimates[0] < 0.01 < estimates[1]


def test_estimate_noise_of_a_drawing_with_a_few_plain_blocks():
    pixels = to_pixels(np.random.default_rng(0).normal(0.5, 0.05, (160, 160, 3)).astype(np.float32), np.uint8)
    pixels[:16, :16] = 128  # 1 % of the blocks
    assert estimate_noise(pixels) == pytest.approx(0.05, rel=0.1)
    assert np.isfinite(non_local_means(pixels)(to_float(pixels), LEVEL)).all()


def test_estimate_noise_ignores_clipped_areas():
    noise = np.random.default_rng(0).normal(0, 0.05, (128, 128, 3)).astype(np.float32)
    pixels = to_pixels(0.5 + noise, np.uint8)
    pixels[:, :64] = 255
    assert estimate_noise(pixels) == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("level", [0, 100, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (15, 17), (100, 100)], ids=str)
def test_estimate_noise_of_a_plain_area_is_zero(size, level):
    assert estimate_noise(np.full((*size, 3), level, np.uint8)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("sigma", "gain"), [(0.02, 1), (0.05, 3), (0.1, 3.5)])
def test_non_local_means_raises_psnr(sigma, gain):
    clean, noisy = noisy_pair(sigma)
    denoised = to_pixels(non_local_means(noisy)(to_float(noisy), LEVEL), np.uint8)
    assert psnr(clean, denoised) > psnr(clean, noisy) + gain


def test_non_local_means_leaves_a_drawing_without_noise_alone():
    y, x = np.mgrid[:200, :200]
    drawing = np.stack([x, y, 199 - x], axis=2).astype(np.uint8) // 40 * 40 + 20
    denoised = non_local_means(drawing)(to_float(drawing), LEVEL)
    np.testing.assert_array_equal(to_pixels(denoised, np.uint8), drawing)


def test_non_local_means_keeps_red_green_and_blue_in_place():
    patches = np.zeros((32, 96, 3), np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, patches.shape).astype(np.float32)
    for channel in range(3):
        patches[:, 32 * channel : 32 * (channel + 1), channel] = 0.8
    denoised = non_local_means(to_pixels(patches + noise, np.uint8))(patches, LEVEL)
    np.testing.assert_allclose(denoised, patches, atol=0.02)


def test_non_local_means_keeps_16_bits():
    clean, noisy = noisy_pair(0.05, np.uint16)
    denoised = to_pixels(non_local_means(noisy)(to_float(noisy), LEVEL), np.uint16)
    assert psnr(clean, denoised) > psnr(clean, noisy) + 3
    assert len(np.unique(denoised)) > 2000  # of 256 if it had gone through 8 bits


def test_non_local_means_stays_between_black_and_white():
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    denoised = non_local_means(to_pixels(noise, np.uint8))(noise, LEVEL)
    assert denoised.dtype == np.float32
    assert denoised.min() >= 0
    assert denoised.max() <= 1


@pytest.mark.parametrize("shape", [(500, 400, 3), (10, 9000, 3)], ids=["photo", "strip"])
def test_noise_of_a_large_photo_is_estimated_from_a_part_of_it(shape, monkeypatch):
    pixels = np.random.default_rng(0).normal(120, 9, shape).clip(0, 255).astype(np.uint8)
    looked_at = []
    look = level.flat_noise
    monkeypatch.setattr(level, "flat_noise", lambda some: looked_at.append(some.size) or look(some))
    whole = 255 * estimate_noise(pixels)
    monkeypatch.setattr(level, "_ENOUGH", 50_000)
    assert 255 * estimate_noise(pixels) == pytest.approx(whole, rel=0.05)
    assert whole == pytest.approx(9, rel=0.1)
    assert looked_at[0] == pixels.size > 1.5 * looked_at[1]

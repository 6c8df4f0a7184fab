import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from denoise.image import Photo, PhotoError
from denoise.metrics import Quality, check_reference, compare, psnr, ssim


def pair(height, width, dtype):
    generator = np.random.default_rng(height + width)
    top = np.iinfo(dtype).max
    clean = np.linspace(0, 0.9 * top, height * width * 3).reshape(height, width, 3)
    noisy = np.clip(clean + generator.normal(0, 0.1 * top, clean.shape), 0, top)
    return clean.astype(dtype), noisy.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(7, 7), (7, 50), (128, 20), (134, 20), (135, 20), (300, 33)], ids=str)
def test_metrics_agree_with_scikit_image_on_the_whole_photo(size, dtype):
    clean, noisy = pair(*size, dtype)
    top = np.iinfo(dtype).max
    assert psnr(clean, noisy) == pytest.approx(peak_signal_noise_ratio(clean, noisy, data_range=top), abs=1e-12)
    expected = structural_similarity(clean, noisy, channel_axis=2, data_range=top)
    assert ssim(clean, noisy) == pytest.approx(expected, abs=1e-12)


def test_psnr_of_a_known_error():
    clean = np.full((10, 10, 3), 100, np.uint8)
    assert psnr(clean, clean + 5) == pytest.approx(20 * math.log10(255 / 5))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_metrics_of_equal_photos(dtype):
    clean, _ = pair(20, 20, dtype)
    assert psnr(clean, clean.copy()) == math.inf
    assert ssim(clean, clean.copy()) == pytest.approx(1)


def test_psnr_measures_a_single_pixel():
    black = np.zeros((1, 1, 3), np.uint8)
    assert psnr(black, black + 255) == 0


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(
    ("other", "received"),
    [
        pytest.param(np.zeros((9, 8, 3), np.uint8), r"\(9, 8, 3\) uint8", id="shape"),
        pytest.param(np.zeros((8, 8, 3), np.uint16), r"\(8, 8, 3\) uint16", id="dtype"),
    ],
)
def test_metrics_refuse_pairs_that_differ(metric, other, received):
    with pytest.raises(ValueError, match=f"of one shape.*{received}"):
        metric(np.zeros((8, 8, 3), np.uint8), other)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("pixels", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)], ids=["2-D", "float"])
def test_metrics_refuse_what_is_no_photo(metric, pixels):
    with pytest.raises(ValueError, match="must be uint8 or uint16"):
        metric(pixels, pixels)


@pytest.mark.parametrize("size", [(6, 100), (100, 6)], ids=str)
def test_ssim_refuses_photos_smaller_than_its_window(size):
    pixels = np.zeros((*size, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 7×7"):
        ssim(pixels, pixels)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_compare_measures_in_the_depth_of_the_photo(depth):
    clean, noisy = pair(30, 20, np.uint8)
    scale = np.iinfo(depth).max // 255
    expected = Quality(psnr(clean, noisy), ssim(clean, noisy))
    assert compare(Photo(clean), Photo(noisy.astype(depth) * depth(scale))) == pytest.approx(expected)
    assert compare(Photo(clean.astype(np.uint16) * 257), Photo(noisy)) == expected


@pytest.mark.parametrize("size", [(6, 100), (100, 6)], ids=str)
def test_compare_leaves_out_the_ssim_of_small_photos(size):
    clean, noisy = pair(*size, np.uint8)
    assert compare(Photo(clean), Photo(noisy)) == (psnr(clean, noisy), None)


def test_check_reference_wants_the_same_size():
    def photo(height, width):
        return Photo(np.zeros((height, width, 3), np.uint8))

    check_reference(photo(4, 6), photo(4, 6))
    with pytest.raises(PhotoError, match="The reference is 4 × 6 pixels, but the photo is 6 × 4"):
        check_reference(photo(6, 4), photo(4, 6))

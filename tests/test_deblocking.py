import io

import numpy as np
import pytest
from PIL import Image

from denoise.baseline import non_local_means
from denoise.deblocking import BEST, find_steps, remove_blocks
from denoise.image import Photo, crop, decode
from denoise.level import estimate_noise, noise_of_photo
from denoise.metrics import psnr
from denoise.pipeline import denoise_photo
from tests.test_banding import CLEAN, SAMPLES


def clean(file: str) -> np.ndarray:
    return np.ascontiguousarray(crop(decode((SAMPLES / file).read_bytes()), 256)[0].pixels)


def compressed(pixels: np.ndarray, quality: int, **options: object) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return decode(file.getvalue()).pixels


@pytest.mark.parametrize("quality", [5, 10, 30, BEST - 5])
def test_photo_that_was_compressed_hard_gets_better(quality: int) -> None:
    gains = []
    for file in CLEAN:
        photo, hard = clean(file), compressed(clean(file), quality)
        gains.append(psnr(photo, remove_blocks(hard)) - psnr(photo, hard))
    assert min(gains) > 0.1, gains
    assert np.mean(gains) > 0.3, gains


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_steps_are_found_in_a_photo_that_was_turned(subsampling: str, turns: int) -> None:
    hard = compressed(clean(CLEAN[0])[:250, :243], 10, subsampling=subsampling)
    luminance, colour = find_steps(np.rot90(hard, turns)) or (np.zeros((8, 8)), np.zeros((8, 8)))
    assert luminance[0, 0] * 255 == pytest.approx(80)  # the library's 16, five times
    assert colour[0, 0] * 255 == pytest.approx(85)


def test_depth_does_not_matter() -> None:
    hard = compressed(clean(CLEAN[0]), 10)
    deep = remove_blocks(hard * np.uint16(257))
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - remove_blocks(hard)).max() <= 0.6


def test_bands_of_a_tall_photo_fit_together() -> None:
    tall = compressed(np.tile(clean(CLEAN[0]), (5, 1, 1)), 10)
    whole = remove_blocks(tall)
    np.testing.assert_array_equal(whole[256:512], whole[512:768])  # a border of two bands in the latter half
    assert psnr(np.tile(clean(CLEAN[0]), (5, 1, 1)), whole) > psnr(np.tile(clean(CLEAN[0]), (5, 1, 1)), tall) + 0.3


@pytest.mark.parametrize("file", CLEAN)
def test_other_photos_stay(file: str) -> None:
    photo = clean(file)
    noisy = np.rint(photo + np.random.default_rng(0).normal(0, 12, photo.shape)).clip(0, 255).astype(np.uint8)
    for pixels in (photo, noisy, compressed(photo, 80), compressed(noisy, 80), photo[:40], photo // 64 * 64):
        assert find_steps(pixels) is None
    assert remove_blocks(photo) is photo


def test_noise_that_flat_blocks_hide_counts_and_that_of_their_borders_too() -> None:
    hidden, bordered = (compressed(clean(f"{name}.clean.png"), 10) for name in ("coffee", "chelsea"))
    assert estimate_noise(hidden) < estimate_noise(remove_blocks(hidden)) == noise_of_photo(hidden)
    assert estimate_noise(remove_blocks(bordered)) < estimate_noise(bordered) == noise_of_photo(bordered)


def test_non_local_means_is_told_of_the_noise_without_the_blocks() -> None:
    photo = clean(CLEAN[0])
    noisy = np.rint(photo + np.random.default_rng(0).normal(0, 12, photo.shape)).clip(0, 255).astype(np.uint8)
    hard = compressed(noisy, 25)
    told_of_blocks = denoise_photo(Photo(hard), non_local_means(hard)).pixels
    assert psnr(photo, denoise_photo(Photo(hard), "nlm").pixels) > psnr(photo, told_of_blocks) + 0.1


def test_grey_stays_grey() -> None:
    hard = compressed(clean("camera.clean.png"), 10)
    smooth = remove_blocks(hard)
    assert smooth is not hard
    assert (smooth == smooth[..., :1]).all()

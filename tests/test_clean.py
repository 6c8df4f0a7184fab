import io

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from denoise.banding import remove_banding
from denoise.clean import clean_mask, describe_clean, mended, put_back_clean
from denoise.hot_pixels import remove_hot_pixels
from denoise.image import Photo
from denoise.level import estimate_noise
from denoise.pipeline import denoise_photo

BLACK_ON_WHITE = ((0, 0, 0), (255, 255, 255))
COLOURS = {
    "black-on-white": BLACK_ON_WHITE,
    "light-on-dark": ((220, 220, 210), (30, 30, 40)),
    "blue-on-cream": ((20, 80, 200), (250, 240, 200)),
}


def page(size: int = 12, colours: tuple[tuple[int, ...], tuple[int, ...]] = BLACK_ON_WHITE) -> np.ndarray:
    """A page of text, (384, 384, 3)."""
    ink, paper = colours
    picture = PillowImage.new("RGB", (384, 384), paper)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    words = ["the quick brown", "fox jumps over", "a lazy dog", "1234567890", "photographers wait"]
    for line, top in enumerate(range(4, 384 - size, round(1.4 * size))):
        draw.text((6, top), " ".join(words[(line + i) % len(words)] for i in range(9)), ink, font)
    return np.asarray(picture)


def noisy(pixels: np.ndarray, sigma: float, channels: int = 3) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, (*pixels.shape[:2], channels))
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def as_jpeg(pixels: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(PillowImage.open(file))


@pytest.mark.parametrize("size", [9, 12, 20, 48])
@pytest.mark.parametrize("colours", COLOURS.values(), ids=COLOURS)
def test_clean_mask_finds_text(size, colours):
    text = page(size, colours)
    assert clean_mask(text).all()
    assert estimate_noise(text) == 0


def test_clean_mask_finds_text_of_16_bit():
    assert clean_mask(page().astype(np.uint16) * 257).mean() > 0.97


@pytest.mark.parametrize("quality", [50, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 2], ids=["4:4:4", "4:2:0"])
@pytest.mark.parametrize("size", [9, 12, 20, 48])
@pytest.mark.parametrize("colours", [BLACK_ON_WHITE, COLOURS["light-on-dark"]], ids=["dark", "light"])
def test_clean_mask_finds_text_that_was_saved_as_jpeg(quality, subsampling, size, colours):
    text = as_jpeg(page(size, colours), quality, subsampling)
    assert clean_mask(text).mean() > 0.97
    assert estimate_noise(text) == 0


@pytest.mark.parametrize("sigma", [8, 12, 30])
@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("gain", [1, 0.85], ids=["clipped", "grey"])
def test_clean_mask_takes_no_noisy_text_that_was_saved_as_jpeg_for_clean(sigma, quality, gain):
    text = as_jpeg(noisy(gain * page(), sigma), quality)
    assert clean_mask(text).mean() < 0.01
    assert estimate_noise(text) > 0


def test_clean_mask_of_a_jpeg_leaves_a_noisy_inset_to_the_denoiser():
    page_with_photo = np.tile(page(), (2, 2, 1))
    page_with_photo[300:500, 300:500] = noisy(skimage.data.astronaut()[100:300, 100:300], 15)
    mask = clean_mask(as_jpeg(page_with_photo, 90))
    assert mask[:280].mean() > 0.97
    assert mask[308:492, 308:492].mean() < 0.05


@pytest.mark.parametrize("sigma", [1, 2, 5, 12, 30])
@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
def test_clean_mask_takes_no_noisy_text_for_clean(sigma, channels):
    text = noisy(page(), sigma, channels)
    assert clean_mask(text).mean() < 0.01
    assert estimate_noise(text) > 0


@pytest.mark.parametrize("sigma", [2, 5, 12])
@pytest.mark.parametrize("exposure", [(2.0, 0), (1.0, -110), (0.2, -20)], ids=["blown", "crushed", "dark"])
def test_clean_mask_leaves_the_noise_beside_clipped_parts_to_the_denoiser(sigma, exposure):
    gain, offset = exposure
    photo = noisy(skimage.data.astronaut() * gain + offset, sigma)
    is_noise = (photo > 0).any(axis=2) & (photo < 255).any(axis=2)
    assert (clean_mask(photo) & is_noise).mean() < 0.05


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "rocket"])
@pytest.mark.parametrize("quality", [None, 95, 60])
def test_clean_mask_finds_next_to_nothing_in_photos(name, quality):
    photo = getattr(skimage.data, name)()
    assert clean_mask(as_jpeg(photo, quality) if quality else photo).mean() < 0.08


def test_clean_mask_works_by_region():
    photo = noisy(skimage.data.astronaut()[:384, :384], 5)
    mask = clean_mask(np.hstack([page(), photo]))
    assert mask[:, :352].mean() > 0.97
    assert mask[:, 416:].mean() < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (33, 40)])
def test_clean_mask_has_the_shape_of_the_picture(shape):
    assert clean_mask(np.zeros((*shape, 3), np.uint8)).shape == shape


def test_clean_mask_takes_blocks_of_a_hard_jpeg_for_what_they_are():
    photo = as_jpeg(skimage.data.astronaut(), 10)
    steps = np.abs(np.diff(photo.astype(int), axis=1, append=photo[:, -1:])).max(axis=2) > 0
    assert (clean_mask(photo) & steps).mean() < 0.05  # at block borders and rings: next to none is kept


def test_clean_mask_looks_across_the_bands_of_rows_that_it_works_in():
    tall = np.vstack([page()] * 3)
    np.testing.assert_array_equal(clean_mask(tall)[64:640], clean_mask(tall[64 - 32 : 640 + 32])[32:-32])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_put_back_clean_by_region(dtype):
    level = np.iinfo(dtype).max // 255
    before = np.full((900, 1100, 3), 100 * level, dtype)
    after = before.copy()
    after[::8, ::5] += level  # 0.16 levels, root mean square: less than rounding
    after[:256, :256] += np.where(np.indices((256, 256)).sum(axis=0) % 2, level, 0)[..., None].astype(dtype)
    denoised = after.copy()
    put_back_clean(before, after, np.zeros(before.shape[:2], bool))
    np.testing.assert_array_equal(after[:128, :128], denoised[:128, :128])
    np.testing.assert_array_equal(after[512:], before[512:])
    np.testing.assert_array_equal(after[:, 512:], before[:, 512:])


def test_put_back_clean_is_not_misled_by_what_no_denoiser_was_asked_of():
    before = np.full((400, 400, 3), 100, np.uint8)
    clean = np.ones(before.shape[:2], bool)
    clean[200:230, 100:130] = False
    after = before.copy()
    after[200:230, 100:130] += 1
    denoised = after.copy()
    put_back_clean(before, after, clean)
    np.testing.assert_array_equal(after, denoised)


def test_describe_clean_tells_what_is_worth_telling():
    assert describe_clean(0.01) == ""
    assert describe_clean(0.62).startswith("In 62% of it")
    assert "exactly as it was" in describe_clean(1.0)


def branches() -> np.ndarray:
    """Dark branches before a sky that is blown out, (384, 384, 3)."""
    picture = np.full((384, 384, 3), 300.0)
    rng = np.random.default_rng(3)
    for _ in range(60):
        start, end = rng.integers(0, 384, (2, 2))
        cv2.line(picture, start.tolist(), end.tolist(), (60.0, 50.0, 40.0), int(rng.integers(2, 8)), cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("sigma", [3, 5, 10, 15])
def test_clean_mask_takes_no_noisy_branches_for_strokes(sigma):
    photo = noisy(branches(), sigma)
    is_dark = photo.max(axis=2) < 150
    assert is_dark.mean() > 0.1
    assert clean_mask(photo)[is_dark].mean() < 0.05


def test_clean_mask_leaves_a_noisy_inset_to_the_denoiser():
    page_with_photo = np.tile(page(), (3, 4, 1))
    page_with_photo[500:600, 700:800] = noisy(np.full((100, 100, 3), 128), 15)
    mask = clean_mask(page_with_photo)
    assert mask.mean() > 0.98
    assert not mask[510:590, 710:790].any()


def test_what_is_drawn_keeps_what_looks_like_hot_pixels():
    dots = np.full((384, 384, 3), 30, np.uint8)
    dots[4::8, 4::8, 0] = 240
    assert remove_hot_pixels(dots) is not dots
    np.testing.assert_array_equal(mended(dots), dots)
    np.testing.assert_array_equal(denoise_photo(Photo(dots), "nlm").pixels, dots)


@pytest.mark.parametrize("noise", [0, 4, 12])
def test_letters_below_one_another_are_no_stripes(noise):
    lines = np.tile(page()[4:21], (23, 1, 1))  # all the same text
    photo = np.rint(lines + np.random.default_rng(0).normal(0, noise, lines.shape)).clip(0, 255).astype(np.uint8)
    assert remove_banding(photo) is photo
    if noise == 0:
        np.testing.assert_array_equal(denoise_photo(Photo(photo), "nlm").pixels, photo)

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage import data

from denoise.brush import Mask
from denoise.image import Metadata, Photo, encode, formats_for, usual_quality
from denoise.mixing import Mix, blend
from denoise.ui import sizes


@pytest.fixture(scope="module")
def photo():
    enlarged = cv2.resize(data.chelsea(), (900, 720), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 3, enlarged.shape)
    return Photo(np.clip(enlarged + noise, 0, 255).astype(np.uint8), format="JPEG")


@pytest.mark.parametrize("name", sorted(formats_for(Photo(np.zeros((64, 64, 3), np.uint8)))))
def test_size_is_told_before_the_file_is_made(photo, name):
    photo = replace(photo, format=name)
    quality = min(90, usual_quality(photo))
    expected = sizes.expected_bytes(sizes.sample(photo), photo.width * photo.height, quality=quality)
    assert expected == pytest.approx(len(encode(photo, quality=quality)), rel=0.1)


def test_metadata_count_once(photo):
    told = replace(photo, metadata=Metadata(comments=(("Comment", "x" * 60_000),)))
    plain, with_words = (sizes.expected_bytes(sizes.sample(each), 900 * 720) for each in (photo, told))
    assert with_words - plain == pytest.approx(60_000, rel=0.01)


def test_small_photo_is_measured_whole():
    small = Photo(np.random.default_rng(0).integers(0, 256, (200, 640, 3), dtype=np.uint8), format="PNG")
    assert sizes.expected_bytes(sizes.sample(small), 200 * 640) == len(encode(small))


@pytest.mark.parametrize(
    ("shape", "pieces"),
    [((40, 3000), (40, 512)), ((3000, 40), (512, 40)), ((641, 641), (512, 512)), ((450, 900), (512, 512))],
)
def test_pieces_lie_in_the_photo_with_its_opacity(shape, pieces):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.uint16)
    photo = Photo(np.stack([y, x, y], axis=2), alpha=y)
    small = sizes.sample(photo)
    assert small.pixels.shape[:2] == pieces
    np.testing.assert_array_equal(small.alpha, small.pixels[..., 0])
    assert (small.pixels[0, -1, 1], small.pixels[-1, 0, 0]) == (shape[1] - 1, shape[0] - 1)


@pytest.mark.parametrize("size", [(640, 400), (900, 720)])
def test_what_was_painted_is_on_the_sample_where_it_is_on_the_photo(photo, size):
    noisy = replace(photo, pixels=photo.pixels[: size[0], : size[1]])
    denoised = replace(noisy, pixels=np.zeros_like(noisy.pixels))
    values = np.random.default_rng(0).integers(0, 256, (30, 30), dtype=np.uint8)
    mix = Mix(0.5, 0.5, mask=Mask(32, 30, 30, values.tobytes()))
    whole = sizes.sample(blend(noisy, denoised, mix)).pixels.astype(int)
    small = blend(sizes.sample(noisy), sizes.sample(denoised), sizes.sample_of_mix(mix, *noisy.pixels.shape[:2]))
    assert np.abs(small.pixels - whole).max() <= 1  # its nodes are whole numbers

import numpy as np
import pytest

from denoise.image import Photo, crop, shrink


@pytest.mark.parametrize(
    ("size", "across", "down", "left", "top"),
    [(4, 0.0, 1.0, 0, 3), (4, 1.0, 0.0, 6, 0), (4, 0.5, 0.5, 3, 2), (8, 0.5, 0.5, 1, 0), (20, 1.0, 1.0, 0, 0)],
)
def test_crop_copies_the_square_at_its_place(size, across, down, left, top):
    photo = Photo(np.arange(7 * 10 * 3, dtype=np.uint8).reshape(7, 10, 3), alpha=np.zeros((7, 10), np.uint8))
    part, place = crop(photo, size, across, down)
    assert place == (left, top)
    np.testing.assert_array_equal(part.pixels, photo.pixels[top : top + size, left : left + size])
    assert part.pixels.base is None
    assert part.alpha is None


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(30, 60, (20, 40)), (60, 20, (40, 13)), (400, 2, (40, 1)), (40, 7, (40, 7))]
)
def test_shrink_keeps_the_shape_and_what_is_small(height, width, expected):
    pixels = np.full((height, width, 3), 257 * 90, np.uint16)
    small = shrink(Photo(pixels, alpha=pixels[..., 0], icc_profile=b"icc"), 40)
    assert small.pixels.shape == (*expected, 3)
    assert small.pixels.dtype == np.uint8
    assert (small.pixels == 90).all()
    assert (small.alpha, small.icc_profile) == (None, b"icc")

import base64
import zlib

import numpy as np
import pytest

from denoise.brush import NEUTRAL, Mask
from denoise.image import Photo
from denoise.mixing import Mix, blend


def mask_of(values, spacing):
    return Mask(spacing, *values.shape, values.astype(np.uint8).tobytes())


@pytest.fixture
def photos():
    before, after = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)
    return Photo(before), Photo(after)


def test_factors_are_linear_between_nodes_and_exact_on_them():
    values = np.random.default_rng(0).integers(0, 256, (6, 8))
    factors = mask_of(values, 8).factors(np.arange(41), np.arange(57))
    np.testing.assert_array_equal(factors[::8, ::8], values / NEUTRAL)
    np.testing.assert_allclose(factors[:, 4], (factors[:, 0] + factors[:, 8]) / 2)
    np.testing.assert_allclose(factors[4], (factors[0] + factors[8]) / 2)
    np.testing.assert_array_equal(mask_of(values, 8).factors(np.arange(5, 25), np.arange(9, 39)), factors[5:25, 9:39])


def test_mask_removes_nothing_here_and_all_there(photos):
    noisy, denoised = photos
    values = np.full((6, 8), 255)
    values[:, :4] = 0
    mixed = blend(noisy, denoised, Mix(0.6, 0.6, mask=mask_of(values, 8))).pixels
    np.testing.assert_array_equal(mixed[:, :25], noisy.pixels[:, :25])
    np.testing.assert_array_equal(mixed[:, 32:], denoised.pixels[:, 32:])  # 0.6 times nearly 2 is no more than all


def test_neutral_mask_changes_nothing(photos):
    mask = mask_of(np.full((6, 8), NEUTRAL), 8)
    for mix in (Mix(), Mix(0.3, 0.7, 0.5)):
        plain, masked = (blend(*photos, each).pixels for each in (mix, mix._replace(mask=mask)))
        np.testing.assert_array_equal(plain, masked)


def test_part_of_a_photo_is_mixed_as_in_the_whole(photos):
    mix = Mix(0.8, 0.5, mask=mask_of(np.random.default_rng(1).integers(0, 256, (6, 8)), 8))
    whole = blend(*photos, mix).pixels
    parts = (Photo(each.pixels[7:30, 11:50]) for each in photos)
    np.testing.assert_array_equal(blend(*parts, mix, at=(7, 11)).pixels, whole[7:30, 11:50])
    with pytest.raises(ValueError, match="`mask` must cover"):
        blend(*photos, mix, at=(7, 11))


@pytest.mark.parametrize(
    ("size", "spacing"), [((300, 451), 1), ((512, 512), 1), ((513, 2), 2), ((3000, 4000), 8), ((5000, 10000), 32)]
)
def test_mask_is_read_as_it_was_written(size, spacing):
    height, width = (-(-length // spacing) + 1 for length in size)
    mask = mask_of(np.random.default_rng(0).integers(0, 256, (height, width)), spacing)
    assert mask.covers(*size)
    assert Mask.read(mask.write()) == mask


def packed(count):
    return base64.b64encode(zlib.compress(bytes(count))).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        f"3.2.2.{packed(4)}",
        f"1.1.2.{packed(2)}",
        f"1.2.2.{packed(3)}",
        f"1.2.2.{packed(10**7)}",
        f"8.999.2.{packed(1998)}",
        "1.2.2.====",
        "1.2.2.AAAA",
        f"x.2.2.{packed(4)}",
        f"-1.2.2.{packed(4)}",
    ],
)
def test_anything_else_is_no_mask(text):
    with pytest.raises(ValueError, match="`text` must be what"):
        Mask.read(text)

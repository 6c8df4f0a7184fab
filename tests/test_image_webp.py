from dataclasses import replace

import numpy as np
import pytest

from denoise.image import Metadata, Photo, decode, encode

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_webp_keeps_what_came():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :128]
    pixels = (np.stack([2 * x, 2 * y, x + y], 2) % 256 // 2 + rng.integers(0, 40, (96, 128, 3))).astype(np.uint8)
    as_jpeg = encode(Photo(pixels, format="JPEG"))
    photo = decode(as_jpeg)
    lossy = encode(replace(photo, format="WEBP"))
    assert b"VP8 " in lossy[:64]
    assert len(lossy) <= len(as_jpeg)
    assert len(encode(replace(photo, format="WEBP"), quality=60)) < len(lossy)
    exact = encode(replace(photo, format="WEBP"), quality=100)
    np.testing.assert_array_equal(decode(exact).pixels, photo.pixels)

    assert not decode(lossy).lossless
    assert b"VP8 " in encode(decode(lossy))[:64]
    assert decode(exact).lossless
    np.testing.assert_array_equal(decode(encode(decode(exact))).pixels, photo.pixels)
    png = decode(encode(Photo(PIXELS)))
    np.testing.assert_array_equal(decode(encode(replace(png, format="WEBP"))).pixels, PIXELS)


@pytest.mark.parametrize("quality", [80, 100])
def test_webp_with_metadata_and_transparency_is_told_lossless_or_not(quality):
    alpha = PIXELS[..., 0].copy()
    data = encode(Photo(PIXELS, alpha=alpha, format="WEBP", metadata=Metadata(xmp=b"<x/>")), quality=quality)
    assert data[12:16] == b"VP8X"
    photo = decode(data)
    assert photo.lossless == (quality == 100)
    np.testing.assert_array_equal(photo.alpha, alpha)

"""Photos as the page shows them: 8-bit PNG files, thumbnails, and blends of noisy and denoised."""

import base64
from dataclasses import replace

import cv2
import numpy as np

from denoise.image import Photo, Pixels, encode, to_float, to_pixels

_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT = 168, 126
_BAND = 256  # rows that are converted from 16 to 8 bit at a time: floats of a whole photo would be large


def to_png(photo: Photo) -> bytes:
    """Return what a browser shows of `photo`: its pixels, losslessly but in 8 bit, and its colour profile."""
    return encode(replace(photo, pixels=_to_8_bit(photo.pixels), alpha=None, format="PNG", exif=b"", dpi=None))


def thumbnail(photo: Photo, *, crop: bool) -> str:
    """Return the data URL of a thumbnail.

    Args:
        photo: What to show.
        crop: Show the middle in true pixels, in which noise stays visible, instead of the whole photo made small.
    """
    scale = 1.0 if crop else min(photo.width / _THUMBNAIL_WIDTH, photo.height / _THUMBNAIL_HEIGHT)
    width = min(photo.width, max(1, round(_THUMBNAIL_WIDTH * scale)))
    height = min(photo.height, max(1, round(_THUMBNAIL_HEIGHT * scale)))
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    middle = photo.pixels[top : top + height, left : left + width]
    small = cv2.resize(middle, (_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT), interpolation=cv2.INTER_AREA)
    jpeg = encode(Photo(_to_8_bit(small), format="JPEG", icc_profile=photo.icc_profile, grey=photo.grey))
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def blend(noisy: Pixels, denoised: Pixels, strength: float) -> Pixels:
    """Mix two photos of one depth: `strength` of the denoised one in [0, 1], the rest noisy; rounded to the nearest."""
    mixed: Pixels = cv2.addWeighted(denoised, strength, noisy, 1 - strength, 0)
    return mixed


def _to_8_bit(pixels: Pixels) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels
    eight_bit = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), _BAND):
        eight_bit[top : top + _BAND] = to_pixels(to_float(pixels[top : top + _BAND]), np.uint8)
    return eight_bit

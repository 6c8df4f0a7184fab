"""Photos as the page shows them: 8-bit PNG files and thumbnails."""

import base64
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Photo, encode, shrink, to_depth, with_depth, without_metadata
from denoise.tiling import Box

_SCREEN, _OVERVIEW = 2560, 240  # pixels
_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT = 168, 126
_PIXELS_OF = 4  # in each direction, at least, the mean of which is one of a thumbnail's


def to_png(photo: Photo) -> bytes:
    """Return what a browser shows of `photo`: its pixels, losslessly but in 8 bit, and its colour profile."""
    return encode(with_depth(replace(without_metadata(photo), alpha=None, format="PNG", dpi=None), 8))


def part(photo: Photo, box: Box, scale: float) -> bytes:
    """Return a part of a photo as `to_png` does, made smaller by a scale of at most 1."""
    pixels = photo.pixels[box.top : box.bottom, box.left : box.right]
    return to_png(shrink(replace(photo, pixels=pixels, alpha=None), max(1, round(scale * max(box.height, box.width)))))


def to_screen(photo: Photo) -> bytes:
    """Return a photo as a JPEG file that is as large as a screen shows, with its colour profile."""
    return encode(replace(without_metadata(shrink(photo, _SCREEN)), format="JPEG", dpi=None), quality=92)


def to_grey_png(values: NDArray[np.uint8]) -> bytes:
    """Return 8-bit values of shape (height, width) as a grey PNG file."""
    return encode(replace(grey(values), format="PNG"))


def grey(values: NDArray[np.uint8]) -> Photo:
    """Return 8-bit values of shape (height, width) as a grey photo."""
    return Photo(np.broadcast_to(values[..., None], (*values.shape, 3)), grey=True)


def thumbnail(photo: Photo, *, crop: bool, spot: tuple[int, int] | None = None) -> bytes:
    """Return a thumbnail as a JPEG file.

    Args:
        photo: What to show.
        crop: Show a part in true pixels, in which noise stays visible, instead of as much as fits, made small.
        spot: Row and column in its middle; without them it is the middle of the photo.
    """
    scale = 1.0 if crop else min(photo.width / _THUMBNAIL_WIDTH, photo.height / _THUMBNAIL_HEIGHT)
    width = min(photo.width, max(1, round(_THUMBNAIL_WIDTH * scale)))
    height = min(photo.height, max(1, round(_THUMBNAIL_HEIGHT * scale)))
    row, column = spot or (photo.height // 2, photo.width // 2)
    top, left = np.clip((row - height // 2, column - width // 2), 0, (photo.height - height, photo.width - width))
    step = max(1, int(scale / _PIXELS_OF))
    middle = np.ascontiguousarray(photo.pixels[top : top + height : step, left : left + width : step])
    small = cv2.resize(middle, (_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT), interpolation=cv2.INTER_AREA)
    return encode(Photo(to_depth(small, np.uint8), format="JPEG", icc_profile=photo.icc_profile, grey=photo.grey))


def overview(photo: Photo) -> str:
    """Return the data URL of the whole photo, made small."""
    return data_url(encode(replace(without_metadata(shrink(photo, _OVERVIEW)), format="JPEG", dpi=None)))


def data_url(jpeg: bytes) -> str:
    """Return the address that holds a small JPEG file itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"

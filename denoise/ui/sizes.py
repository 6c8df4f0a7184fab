"""How large a file will be, before it is made."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise.image import Photo, encode

_WHOLE = 640  # pixels on each side, up to which all of a photo is looked at
_SQUARE, _SQUARES = 64, 8  # pixels on each side of a piece of a larger one, and pieces in each direction


def sample(photo: Photo) -> Photo:
    """Return a small photo that is as hard to compress, pixel for pixel: pieces from all over it, or all of it."""
    if max(photo.width, photo.height) <= _WHOLE:
        return photo
    pixels, alpha = _pieces(photo.pixels), None if photo.alpha is None else _pieces(photo.alpha)
    return replace(photo, pixels=pixels, alpha=alpha)


def expected_bytes(small: Photo, pixels: int, *, quality: int | None = None) -> int:
    """Return about how many bytes the file of a photo has.

    Args:
        small: A `sample` of it, in the format and depth and with the metadata that its file will have.
        pixels: How many it has itself.
        quality: See `denoise.image.encode`.
    """
    data = encode(small, quality=quality)
    if small.width * small.height == pixels:
        return len(data)
    corner = replace(small, pixels=small.pixels[:16, :16], alpha=None if small.alpha is None else small.alpha[:16, :16])
    beside = len(encode(corner, quality=quality))  # metadata, and what else does not grow with the photo
    return beside + round((len(data) - beside) * pixels / (small.width * small.height))


def _pieces(samples: NDArray[Any]) -> NDArray[Any]:
    rows, columns = (
        np.concatenate([start + np.arange(min(_SQUARE, length)) for start in _starts(length)])
        for length in samples.shape[:2]
    )
    return np.asarray(samples[np.ix_(rows, columns)])


def _starts(length: int) -> NDArray[np.int64]:
    count = min(_SQUARES, -(-length // _SQUARE))
    return np.linspace(0, max(0, length - _SQUARE), count).astype(np.int64)

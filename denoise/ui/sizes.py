"""How large a file will be, before it is made."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from denoise.brush import NEUTRAL, Mask
from denoise.image import Photo, encode
from denoise.mixing import Mix

_WHOLE = 640  # pixels on each side, up to which all of a photo is looked at
_SQUARE, _SQUARES = 64, 8  # pixels on each side of a piece of a larger one, and pieces in each direction


def sample(photo: Photo) -> Photo:
    """Return a small photo that is as hard to compress, pixel for pixel: pieces from all over it, or all of it."""
    if max(photo.width, photo.height) <= _WHOLE:
        return photo
    places = np.ix_(_places(photo.height), _places(photo.width))
    return replace(photo, pixels=photo.pixels[places], alpha=None if photo.alpha is None else photo.alpha[places])


def sample_of_mix(mix: Mix, height: int, width: int) -> Mix:
    """Return how a `sample` of a photo of this size is mixed: with what was painted on its pieces."""
    if mix.mask is None or max(height, width) <= _WHOLE:
        return mix
    rows, columns = _places(height), _places(width)
    nodes = np.rint(NEUTRAL * mix.mask.factors(rows, columns)).astype(np.uint8)
    return mix._replace(mask=Mask(1, len(rows), len(columns), nodes.tobytes()))


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


def _places(length: int) -> NDArray[np.int64]:
    """Return which rows, or columns, of so many a sample has."""
    count = min(_SQUARES, -(-length // _SQUARE))
    starts = np.linspace(0, max(0, length - _SQUARE), count).astype(np.int64)
    return (starts[:, None] + np.arange(min(_SQUARE, length))).ravel()

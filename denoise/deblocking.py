"""What a JPEG was compressed by is found in its pixels, and its blocks are smoothed away.

A JPEG keeps the cosines of blocks of 8×8 pixels, rounded to multiples of a step that grows with frequency and with
compression. Of a picture that is compressed hard, little is left but multiples of large steps: that tells the steps,
even if the pixels have come into another file since. What a step or less amounts to anywhere but in the blocks' own
places was made by their rounding, and goes: cosines of blocks that lie across those are cut off, and the pictures that
this makes of all places are averaged. After Nosratinia, "Enhancement of JPEG-Compressed Images by Re-application of
JPEG", J. VLSI Signal Processing 27, 2001, and Foi, Katkovnik and Egiazarian, "Pointwise Shape-Adaptive DCT for
High-Quality Denoising and Deblocking", IEEE Trans. Image Processing 16, 2007, section V (weights).
"""

import io
from functools import cache
from itertools import product
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from denoise import Image
from denoise.image import Pixels, bands, to_float, to_pixels

BEST = 60
"""Quality of a JPEG from which on its blocks are left alone."""

_BLOCK = 8  # pixels
_WORST = 3  # quality
_SMALLEST = 8 * _BLOCK  # pixels; of a narrower photo, nobody can tell
_LOOKED_AT = 32  # blocks, in each direction, evenly over the photo
_FEWEST = 200  # cosines by which steps can be told
_OFF = 0.06  # median distance from the next multiple, in steps, at most; of any other picture, 0.25
_CUT = 0.35  # steps; smaller cosines of blocks that lie elsewhere go
# Of the blocks, from a corner of the photo's own: a lattice, no two of which are near each other.
_PLACES = [(top, (3 * top + left) % _BLOCK) for top, left in product(range(_BLOCK), (0, _BLOCK // 2))]
_BAND = 64 * _BLOCK  # rows that are smoothed at a time

_COSINES = cv2.dct(np.eye(_BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS).T  # row by row, from coarse to fine
_TO_YCC, _TO_RGB = cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB

Steps = NDArray[np.float32]


def remove_blocks(pixels: Pixels) -> Pixels:
    """Smooth the blocks of a photo that was compressed hard as a JPEG.

    Limits: it knows the steps of the Independent JPEG Group's library, which are those of most programs and of no
    camera, and it knows blocks that begin at a corner of the photo.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16.

    Returns:
        The same array if no blocks are found, else a new one.
    """
    steps = find_steps(pixels)
    if steps is None:
        return pixels
    result = np.empty_like(pixels)
    for rows, around, inside in bands(len(pixels), _BAND, margin=2 * _BLOCK):
        band = _without_blocks(to_float(pixels[around]), *steps)
        result[rows] = to_pixels(band[inside], pixels.dtype)
    return result


def find_steps(pixels: Pixels) -> tuple[Steps, Steps] | None:
    """Find by which steps the cosines of a photo's blocks were rounded.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16.

    Returns:
        Steps of luminance and of colour, (8, 8) each, of a picture in [0, 1]; nothing if they are not found, or are
        those of a JPEG of `BEST` and better.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _SMALLEST:
        return None
    # Turned upright, a photo may have whole blocks at its right and lower border instead.
    for top, left in product({0, height % _BLOCK}, {0, width % _BLOCK}):
        cosines = _cosines_of_some(pixels[top:, left:])
        for quality, is_turned in product(range(_WORST, BEST), (False, True)):
            luminance, colour = (steps.T if is_turned else steps for steps in quantisation_tables(quality))
            multiples = cosines / luminance
            multiples = multiples[np.abs(multiples) > 0.5]
            if len(multiples) < _FEWEST:
                continue
            if np.median(np.abs(multiples - np.rint(multiples))) < _OFF:
                return luminance / np.float32(255), colour / np.float32(255)
    return None


@cache
def quantisation_tables(quality: int) -> tuple[Steps, Steps]:
    """Return the steps of luminance and of colour, (8, 8) each, in levels of 255, of a JPEG by the usual library."""
    file = io.BytesIO()
    PillowImage.new("RGB", (_BLOCK, _BLOCK)).save(file, "JPEG", quality=quality)
    with PillowImage.open(file) as picture:
        tables = picture.quantization  # type: ignore[attr-defined]
    luminance, colour = (np.array(tables[index], np.float32).reshape(_BLOCK, _BLOCK) for index in (0, 1))
    return luminance, colour


def _cosines_of_some(pixels: Pixels) -> Image:
    """Cosines of the luminance of some blocks, (N, 8, 8), in levels of 255; of their means, zero."""
    rows, columns = (
        np.unique(np.linspace(0, length // _BLOCK - 1, min(_LOOKED_AT, length // _BLOCK)).astype(int)) * _BLOCK
        for length in pixels.shape[:2]
    )
    blocks = np.stack([pixels[top : top + _BLOCK, left : left + _BLOCK] for top in rows for left in columns])
    luminance = to_float(cast(Pixels, blocks)) @ np.array([0.299, 0.587, 0.114], np.float32) * np.float32(255)
    cosines: Image = _COSINES @ luminance @ _COSINES.T
    cosines[:, 0, 0] = 0
    return cosines


def _without_blocks(picture: Image, luminance: Steps, colour: Steps) -> Image:
    """Smooth the blocks of a picture in [0, 1], (H, W, 3); colour at half the size, as nearly all JPEGs hold it."""
    height, width = picture.shape[:2]
    if (picture == picture[..., :1]).all():
        return np.repeat(_smoothed(picture[..., 0], luminance)[..., None], 3, axis=2)
    planes = cv2.cvtColor(picture, _TO_YCC)
    planes[..., 0] = _smoothed(planes[..., 0], luminance)
    half = cv2.resize(planes[..., 1:], (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
    for plane in (0, 1):
        smooth = _smoothed(half[..., plane], colour)
        planes[..., plane + 1] = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return cast(Image, cv2.cvtColor(planes, _TO_RGB))


def _smoothed(plane: Image, steps: Steps) -> Image:
    """Cut small cosines off, of blocks in places all over a plane (H, W), and join what that makes of them.

    Where few cosines are left, the result is surer, and counts for more, by the square of how few.
    """
    height, width = plane.shape
    rows, columns = (-(-side // _BLOCK) + 1 for side in plane.shape)
    shape = (rows * _BLOCK, columns * _BLOCK)
    padding = [(_BLOCK, size - side) for size, side in zip(shape, plane.shape, strict=True)]
    padded = np.pad(plane, padding, mode="symmetric")
    total, weights = np.zeros((2, *padded.shape), np.float32)
    least = np.tile(_CUT * steps, columns)
    least[0, ::_BLOCK] = 0  # means stay
    for top, left in _PLACES:
        place = (slice(top, top + shape[0]), slice(left, left + shape[1]))
        blocks = (padded[place].reshape(-1, _BLOCK) @ _COSINES.T).reshape(rows, _BLOCK, -1)
        cosines = _COSINES @ blocks
        is_left = np.abs(cosines) >= least
        weight = is_left.reshape(rows, _BLOCK, columns, _BLOCK).sum(axis=(1, 3), dtype=np.float32) ** -2
        weight = np.repeat(np.repeat(weight, _BLOCK, axis=0), _BLOCK, axis=1)
        blocks = _COSINES.T @ (cosines * is_left)
        total[place] += weight * (blocks.reshape(-1, _BLOCK) @ _COSINES).reshape(shape)
        weights[place] += weight
    inside = (slice(_BLOCK, _BLOCK + height), slice(_BLOCK, _BLOCK + width))
    smooth: Image = total[inside] / weights[inside]
    return smooth

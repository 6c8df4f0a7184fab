"""Telling what is clean already: text, screenshots, drawings, of which every pixel is meant as it is.

What a sensor recorded never repeats exactly; what a program drew does, from one pixel to the next.
"""

from collections.abc import Iterator
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Pixels

Mask = NDArray[np.bool_]
"""(H, W), true where the picture is clean."""

_WINDOW = 32  # pixels, over which shares are taken
_FLAT = 0.1  # share of a window's pixels that must be flat: equal to all of their neighbours
_WEAK = 4  # levels of 255; noise is a multitude of steps as small as this beside flat areas, strokes are not
_MOST_WEAK = 0.12  # share of the steps in a window, in clean text 0.02 to 0.06
_STROKES = 13  # pixels; where strokes leave a square of this size without flat ground, it may as well be a photo
_BAND = 16 * _WINDOW  # rows that are looked at together


def clean_mask(pixels: Pixels) -> Mask:
    """Find the parts of a picture that hold no noise because they were drawn, by a program and not by light.

    A pixel is clean if there is flat ground, all values of which are equal, on all sides of it, and its surroundings
    consist of flat ground and of strong steps. Where noise was clipped at black or white, weak steps tell.

    Limits: drawings that were saved as JPEG, or have no flat ground, are not found; nor are clean photographs.

    Args:
        pixels: Picture, (H, W, 3).

    Returns:
        (H, W), true where it is clean.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    if min(height, width) < _WINDOW:
        return mask
    for rows, band in _bands(pixels, margin=_WINDOW):
        mask[rows] = _clean(pixels[band])[rows.start - band.start : rows.stop - band.start]
    return mask


def _clean(pixels: Pixels) -> Mask:
    step_x, step_y = _steps(pixels, 1), _steps(pixels, 0)
    weakest = _WEAK * (np.iinfo(pixels.dtype).max // 255)
    is_still = cv2.boxFilter((np.maximum(step_x, step_y) > 0).astype(np.float32), -1, (3, 3)) == 0
    has_step = (step_x > 0).astype(np.float32) + (step_y > 0)
    has_weak_step = ((step_x > 0) & (step_x <= weakest)).astype(np.float32) + ((step_y > 0) & (step_y <= weakest))

    def share(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.boxFilter(values, -1, (_WINDOW, _WINDOW)))

    flat = is_still.astype(np.uint8)
    is_drawn = (share(flat.astype(np.float32)) >= _FLAT) & (share(has_weak_step) <= _MOST_WEAK * share(has_step))
    amid_flat = cv2.morphologyEx(flat, cv2.MORPH_CLOSE, np.ones((_STROKES, _STROKES), np.uint8)) > 0
    return cast(Mask, is_drawn & amid_flat)


def _steps(pixels: Pixels, axis: int) -> NDArray[Any]:
    """Return how far each pixel is from the next one along an axis, in its farthest channel; zero for the last."""
    following = np.roll(pixels, -1, axis)
    steps = cv2.absdiff(pixels, following).max(axis=2)
    steps[(slice(None),) * axis + (-1,)] = 0
    return steps


def _bands(pixels: Pixels, margin: int) -> Iterator[tuple[slice, slice]]:
    """Yield bands of rows, and the same with the rows around them that are there."""
    height = pixels.shape[0]
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        yield slice(top, bottom), slice(max(top - margin, 0), min(bottom + margin, height))

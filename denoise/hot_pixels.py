"""Single pixels that shine by themselves, found and taken away.

A hot pixel of a sensor is bright in one colour and at one place: what a lens draws, a star too, is as wide as two
pixels and shows in the other colours. A network that knows little of them takes them for fine detail. In a JPEG, or
after a demosaic, they have spread to their neighbours and are not found here.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Pixels, bands
from denoise.tiling import windows

_AROUND = 5  # pixels; the surroundings of a pixel are the median of so many squared
_FAINTEST = 24  # levels of 255 by which a pixel must outshine them
_FAR = 8.0  # standard deviations of the noise by which it must as well
_DARK = 0.4  # of white; on brighter ground nobody sees them
_SHARED = 0.25  # of its excess, at most, have its other colours, and all but one of its neighbours
_MANY = 3e-4  # of a photo's pixels; in photos without, 1.6e-4 at most look like it
_ROWS = 512  # that are looked at together


def remove_hot_pixels(pixels: Pixels) -> Pixels:
    """Take the hot pixels out of a photo.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16.

    Returns:
        The same array if there are hardly any, else a new one.
    """
    looked_at = windows(pixels)
    if sum(_hot(window)[0].sum() for window in looked_at) <= _MANY * sum(window[..., 0].size for window in looked_at):
        return pixels
    result = pixels.copy()
    for rows, around, inside in bands(len(pixels), _ROWS, margin=_AROUND):
        hot, calm = (each[inside] for each in _hot(pixels[around]))
        result[rows][hot] = calm[hot]
    return result


def _hot(picture: Pixels) -> tuple[NDArray[np.bool_], Pixels]:
    """Tell which values of a picture, (H, W, 3), are those of hot pixels, and what their surroundings are."""
    level = np.iinfo(picture.dtype).max // 255
    around = cast(Pixels, cv2.medianBlur(np.ascontiguousarray(picture), _AROUND))
    is_dark = around < _DARK * 255 * level
    off = cv2.absdiff(picture, around)
    planes = zip(cv2.split(off), cv2.split(is_dark.view(np.uint8)), strict=True)
    noise = [1.4826 * np.median(plane[dark > 0]) if dark.any() else 0.0 for plane, dark in planes]
    excess = cv2.subtract(picture, around)  # of what is darker than its surroundings, zero
    is_hot: NDArray[np.bool_] = is_dark & (excess > np.maximum(_FAINTEST * level, _FAR * np.array(noise)))
    rows, columns, channels = np.nonzero(is_hot)
    most = _SHARED * excess[rows, columns, channels]
    others = [excess[rows, columns, (channels + step) % 3] for step in (1, 2)]
    padded = np.pad(excess, ((1, 1), (1, 1), (0, 0)), mode="edge")
    neighbours = [padded[rows + y, columns + x, channels] for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    second = np.sort(neighbours, axis=0)[-2]
    is_hot[rows, columns, channels] = (np.max(others, axis=0) < most) & (second < most)
    return is_hot, around

"""Where to look first: the place of a photo at which its noise is seen most, and what becomes of it."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Photo, Pixels, to_depth

_BLOCK = 8  # pixels; grain varies within, what the photo shows hardly does
_WINDOW = 40  # blocks: about as much as a pane shows at 1:1
_BAND = 64 * _BLOCK  # rows that are looked at together
_MIDDLE, _SPREAD = 110.0, 55.0  # levels: where grain is seen best, and how far around
_CLIPPED = 6.0  # levels from black and white, where noise is cut off
_EDGE = 12.0  # levels between two blocks, above which there is something to be seen
_SOME_STRUCTURE = 0.12  # share of such blocks, above which more of them tell nothing more


def telling_spot(photo: Photo) -> tuple[int, int]:
    """Choose the point of a photo to look at first.

    Grain counts where it is seen: in flat areas of middle brightness. Around the point there is some structure too,
    which is to survive.

    Args:
        photo: Noisy photo.

    Returns:
        Row and column.
    """
    height, width = photo.pixels.shape[:2]
    rows, columns = height // _BLOCK, width // _BLOCK
    if min(rows, columns) < 2:
        return height // 2, width // 2
    whole = photo.pixels[: rows * _BLOCK, : columns * _BLOCK]
    bands = [_blocks(to_depth(whole[top : top + _BAND], np.uint8)) for top in range(0, rows * _BLOCK, _BAND)]
    mean, grain = (np.concatenate(each) for each in zip(*bands, strict=True))
    light = mean.mean(axis=2)
    # Two blocks whose means differ by more than their own grain explains have an edge between them.
    around_it = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    step = np.maximum(cv2.dilate(light, around_it) - light, light - cv2.erode(light, around_it))
    is_edge = step > _EDGE + grain
    flat = 1 / (1 + np.square(step / (2 + 0.5 * grain)))
    seen = grain * flat * np.exp(-np.square((light - _MIDDLE) / _SPREAD) / 2)
    seen[(mean < _CLIPPED).any(axis=2) | (mean > 255 - _CLIPPED).any(axis=2)] = 0

    high, wide = min(_WINDOW, rows), min(_WINDOW, columns)

    def around(values: NDArray[Any]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.blur(values.astype(np.float32), (wide, high)))

    y, x = np.mgrid[:rows, :columns]
    off_centre = np.hypot(y / rows - 0.5, x / columns - 0.5)
    structure = np.minimum(around(is_edge) / _SOME_STRUCTURE, 1)
    score = around(seen) * (0.2 + structure) * (1 - off_centre / 2)
    inside = score[high // 2 : rows - high // 2 + 1, wide // 2 : columns - wide // 2 + 1]  # whole windows
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return int((row + high // 2 + 0.5) * _BLOCK), int((column + wide // 2 + 0.5) * _BLOCK)


def _blocks(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean colour of each block, (H, W, 3), and the deviation of its grain, (H, W), in levels."""
    size = pixels.shape[1] // _BLOCK, pixels.shape[0] // _BLOCK
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    rest = cv2.filter2D(grey, cv2.CV_32F, np.array([[-1, 1]], np.float32))  # in which what varies slowly cancels
    mean = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return mean, np.sqrt(cv2.resize(cv2.multiply(rest, rest), size, interpolation=cv2.INTER_AREA) / 2)

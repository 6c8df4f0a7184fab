"""Offsets that all pixels of a row or a column share, found and taken away.

Where a sensor is read out line by line, each line gets an error of its own, and what is dark shows it as stripes. A
network with a reach of some dozen pixels cannot tell such a line from the scene's own; over the whole width of a photo
it is plain. What lenses draw differs: an edge is never sharp to the pixel, so neighbouring lines are alike, and hardly
anything reaches all the way across; what people made comes again, as the dots of a print do and the letters of a page.
The offsets of lines are neither: of 450 photos without, in both directions, one is taken for one that has them, and
changes by 0.2 levels of 255.

Limit: offsets that come again, as those of a sensor do that is read out by several channels at once, stay.
"""

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Pixels, to_float, to_pixels

Plane = NDArray[np.float32]
"""One colour of a picture in [0, 1], (H, W)."""

_REACH = 33  # lines; offsets are told from the mean of so many
_STRIPS = 8  # in which the offsets must be the same
_WIDTH = 96  # pixels of each strip that are looked at first
_ENOUGH, _PARTS = 1024, 4  # lines by which those of a large photo are judged, and in how many parts of it
_SHORTEST = 128  # pixels; of a shorter line, and of fewer lines, nobody can tell
_SHARED = 0.4  # share of the strips' variance that all of them have in common; photos: 0.1
_ALIKE = 0.3  # correlation of neighbouring lines, at most; photos' own lines: 0.6 and more
_AGAIN = 0.5  # of lines that are farther apart, as in a print's dots: 0.75 and more, offsets: 0.3
_PEAKED = 5.0  # kurtosis, at most: single lines are the scene's
_WHOLE = 0.85  # share of the offsets that medians of lines have, too; with letters below one another 0.4 to 0.75
_FAR = 3.0  # standard deviations of what lies in a line; what is farther off is the scene's
_FAINTEST = 0.5 / 255  # standard deviation of offsets that are worth it
_RARE = 0.01  # share of a photo; a shade that is rarer tells too little
_SHADES = 8  # of brightness, each of which has its own share of the offsets: the tone curve is steepest in the dark


def remove_banding(pixels: Pixels) -> Pixels:
    """Take the offsets of rows, and then those of columns, out of a photo.

    Returns:
        The same array if there are none, else a new one.
    """
    for axis in (0, 1):
        lines = pixels if axis == 0 else pixels.swapaxes(0, 1)
        if has_offsets(lines):
            lines = _without_offsets(lines)
            pixels = cast(Pixels, lines if axis == 0 else np.ascontiguousarray(lines.swapaxes(0, 1)))
    return pixels


def has_offsets(lines: Pixels) -> bool:
    """Tell whether the lines of a photo have offsets of their own, by a few columns of it."""
    height, width = lines.shape[:2]
    if min(height, width) < _SHORTEST:
        return False
    wide = min(_WIDTH, width // _STRIPS)
    starts = np.linspace(0, width - wide, _STRIPS).astype(int)
    parts = np.array_split(np.arange(height), _PARTS) if height > _ENOUGH else [np.arange(height)]
    looked_at = [slice(part[0], part[min(len(part), _ENOUGH // len(parts)) - 1] + 1) for part in parts]

    def strips(told: Callable[[Plane], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What a plane tells of each line, mean of the colours, in each strip: (strips, lines)."""
        colours = [[_planes(lines[part, start : start + wide]) for part in looked_at] for start in starts]
        return np.stack(
            [np.concatenate([np.mean([told(plane) for plane in each], axis=0) for each in parts]) for parts in colours]
        )

    offsets = strips(lambda plane: _offsets(plane)[0])
    farthest = 4 * np.median(np.abs(offsets)) / 0.6745
    offsets = offsets.clip(-farthest, farthest)
    variance = offsets.var(axis=1).mean()
    if np.sqrt(variance) < _FAINTEST:
        return False
    shared = _products(offsets, offsets)
    next_ones, *farther = (_products(offsets[:, lag:], offsets[:, :-lag]) for lag in range(1, _REACH))
    common = offsets.mean(axis=0)
    peaked = np.mean((common - common.mean()) ** 4) / max(common.var() ** 2, 1e-30)
    if shared <= _SHARED * variance or peaked >= _PEAKED:
        return False
    if abs(next_ones) >= _ALIKE * shared or max(map(abs, farther)) >= _AGAIN * shared:
        return False
    medians = strips(lambda plane: np.median(_offsets(plane)[2], axis=1))
    return _products(offsets, medians - medians.mean(axis=1, keepdims=True)) > _WHOLE * shared


def _products(strips: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Mean product of what two different strips have, (strips, lines) each."""
    count = len(strips)
    of_all = count**2 * (strips.mean(axis=0) * others.mean(axis=0)).mean()
    return float((of_all - (strips * others).mean(axis=1).sum()) / (count * (count - 1)))


def _planes(lines: Pixels) -> Sequence[Plane]:
    """Red, green and blue: of numbers that lie side by side, means are taken four times as fast."""
    return cast(Sequence[Plane], cv2.split(to_float(lines)))


def _offsets(plane: Plane) -> tuple[NDArray[np.float32], Plane, Plane]:
    """Offsets of the lines of a plane, and what they are told from: its smooth part, and what is not smooth."""
    smooth = cast(Plane, cv2.blur(plane, (1, _REACH), borderType=cv2.BORDER_REFLECT))
    rough = plane - smooth
    mean, far = rough.mean(axis=1, keepdims=True), _FAR * rough.std(axis=1, keepdims=True)
    rough = rough.clip(mean - far, mean + far)
    offsets = rough.mean(axis=1)
    return offsets - offsets.mean(), smooth, rough


def _without_offsets(lines: Pixels) -> Pixels:
    """Take the offsets out of the lines of a photo, each shade by its own share of them."""
    strips = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(lines.shape[1]), _STRIPS)]
    of_strips = [[_offsets(plane)[0] for plane in _planes(lines[:, strip])] for strip in strips]
    offsets = np.median(of_strips, axis=0).astype(np.float32)[..., None]  # channel, line, 1
    products, squares = np.zeros((2, 3, _SHADES))
    for strip in strips:
        for channel, plane in enumerate(_planes(lines[:, strip])):
            _, smooth, rough = _offsets(plane)
            shade = np.minimum((smooth * _SHADES).astype(int), _SHADES - 1).ravel()
            offset = np.broadcast_to(offsets[channel], smooth.shape)
            products[channel] += np.bincount(shade, (rough * offset).ravel(), _SHADES)
            squares[channel] += np.bincount(shade, np.square(offset).ravel(), _SHADES)
    share = (products / (squares + squares.sum(axis=1, keepdims=True) * _RARE)).clip(0, 1)
    result = np.empty_like(lines)
    centres = (np.arange(_SHADES) + 0.5) / _SHADES
    for strip in strips:
        picture = to_float(lines[:, strip])
        smooth = cv2.blur(picture, (1, _REACH), borderType=cv2.BORDER_REFLECT)
        for channel in range(3):
            part = np.interp(smooth[..., channel], centres, share[channel]).astype(np.float32)
            picture[..., channel] -= part * offsets[channel]
        result[:, strip] = to_pixels(picture, lines.dtype)
    return result

"""Telling what is clean already: text, screenshots, drawings, of which every pixel is meant as it is.

What a sensor recorded never repeats exactly; what a program drew does, from one pixel to the next.
"""

import math
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.banding import remove_banding
from denoise.deblocking import remove_blocks
from denoise.hot_pixels import remove_hot_pixels
from denoise.image import Pixels, bands

Mask = NDArray[np.bool_]
"""(H, W), true where the picture is clean."""

DRAWN = 0.9
"""A picture of which a larger share is clean is a drawing: what is left are its shadows and icons."""

_WINDOW = 32  # pixels, over which shares are taken
_FLAT = 0.1  # share of a window's pixels that must be flat ground: no step there or at a neighbour
_WEAK = 4  # levels of 255; noise is a multitude of steps as small as this beside flat areas, strokes are not
_MOST_WEAK = 0.16  # share of the steps in a window; in clean text 0.02 to 0.12
_STROKES = 9  # pixels; where there are steps all over a square of this size, it may as well be a photo
_AGAIN, _COLOURS = 3, 1500  # how often, and among how many others at most, a colour is there that a program chose
_MOST_RARE = 0.4  # share of other colours in a window's strokes

_BLOCK, _BLOCKS = 8, 8  # pixels of a JPEG's block; blocks on each side of a square over which shares are taken
_STILL, _FAINT, _RINGING = 1, 3, 40  # levels between lightest and darkest of a block: ground; none of both; no stroke
_STILL_BLOCKS, _RINGING_BLOCKS = 0.1, 0.25  # shares of ground at least, of what is neither ground nor stroke at most
_GROUND, _NEAR_GROUND = 12, 0.35  # levels around the ground; share of such pixels, where strokes leave no block free
_COMMON = 0.1  # share of the flat blocks that have a colour of the ground
_SOME_GROUND = 0.05  # share of them in a block that holds a stroke; without any, it is of something else
_ENDS_OF_BLOCKS = 0.2  # share of the flat lines that end where a block does, an eighth by chance

_REGION = 256  # pixels, over which the size of what was removed is taken
_ROUNDING = 1 / math.sqrt(12)  # levels of 255; what rounding to 8 bit adds to a picture, as standard deviation

_WHOLE, _HOLE = 0.99, 16  # share of a picture, and pixels of what is left: smaller holes were missed
_WORTH_TELLING = 0.05
_BAND = 16 * _WINDOW  # rows that are looked at together


def clean_mask(pixels: Pixels) -> Mask:
    """Find the parts of a picture that hold no noise because they were drawn, by a program and not by light.

    A pixel is clean if there is flat ground, all values of which are equal, on all sides of it, and its surroundings
    consist of flat ground, of strong steps, and of colours that come again. Where noise was clipped at black or white,
    weak steps tell, and colours that there are once only.

    Where a drawing was saved as JPEG, strokes ring, but only as far as their blocks of 8×8 pixels reach: between them,
    whole blocks are flat, and hardly any is neither flat nor holds a stroke. Small text leaves no block free; it is
    found where it goes on from such a place on the same ground.

    Limits: drawings without flat ground, or that were resized after they were saved as JPEG, are not found. Clean
    photographs show only by what a denoiser makes of them, see `put_back_clean`.

    Args:
        pixels: Picture, (H, W, 3).

    Returns:
        (H, W), true where it is clean.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    if min(height, width) < _WINDOW:
        return mask
    for rows, around, inside in bands(height, _BAND, margin=_WINDOW):
        mask[rows] = (_clean(pixels[around]) | _compressed(pixels[around]))[inside]
    if mask.mean() > _WHOLE:
        holes = cv2.morphologyEx((~mask).view(np.uint8), cv2.MORPH_OPEN, np.ones((_HOLE, _HOLE), np.uint8))
        mask[:] |= not holes.any()
    return mask


def put_back_clean(before: Pixels, after: Pixels, clean: Mask) -> None:
    """Undo what a denoiser did where it found no noise: where it removed less than rounding to 8 bit adds.

    Args:
        before: Noisy picture, (H, W, 3), uint8 or uint16.
        after: The same picture, denoised; it is changed in place.
        clean: Where the denoiser was not asked, (H, W): see `clean_mask`.
    """
    most = (_ROUNDING * (np.iinfo(before.dtype).max // 255)) ** 2
    back = np.zeros_like(clean)  # all of it before any pixel is changed: a band is compared with what is around it
    for rows, around, inside in bands(len(before), _BAND, margin=_REGION // 2):
        removed = cv2.absdiff(before[around], after[around]).astype(np.float32)
        squares = cv2.transform(removed * removed, np.full((1, 3), 1 / 3))
        asked = (~clean[around]).astype(np.float32)
        total, count = (cv2.boxFilter(each, -1, (_REGION, _REGION)) for each in (squares * asked, asked))
        back[rows] = (total < most * count)[inside]
    after[back] = before[back]


def mended(pixels: Pixels) -> Pixels:
    """Return a photo, (H, W, 3), as denoisers see it: without a JPEG's blocks and a sensor's hot pixels and stripes.

    A drawing has none of them, whatever it looks like: dots are as small and bright as hot pixels.

    Returns:
        The same array if it is a drawing, or nothing changes.
    """
    result = remove_banding(remove_hot_pixels(remove_blocks(pixels)))
    return pixels if result is not pixels and clean_mask(pixels).mean() > DRAWN else result


def clean_share(pixels: Pixels) -> float:
    """Return which share of a photo, (H, W, 3), a denoiser leaves as it is: see `clean_mask`."""
    return float(clean_mask(mended(pixels)).mean())


def describe_clean(share: float) -> str:
    """Return the sentence that tells a person which share of a picture came back as it was; empty if hardly any."""
    if share >= 1:
        return "Nothing in it looks like noise, as in clean photos, text and drawings: it came back exactly as it was."
    if share >= _WORTH_TELLING:
        return (
            f"In {share:.0%} of it nothing looks like noise, as in text and graphics: that came back exactly as it was."
        )
    return ""


def _clean(pixels: Pixels) -> Mask:
    green, around = cv2.extractChannel(pixels, 1), np.ones((3, 3), np.uint8)
    if not (cv2.dilate(green, around) == cv2.erode(green, around)).any():  # as most of noise: nothing in it is flat
        return np.zeros(green.shape, bool)
    step_x, step_y = _steps(pixels, 1), _steps(pixels, 0)
    weakest = _WEAK * (np.iinfo(pixels.dtype).max // 255)
    has_step = [cv2.compare(step, 0, cv2.CMP_GT) for step in (step_x, step_y)]
    still = cv2.bitwise_not(cv2.bitwise_or(*has_step))
    flat = cv2.erode(still, around)
    if not flat.any():
        return np.zeros(flat.shape, bool)

    def share(values: NDArray[np.uint8]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.boxFilter(values, cv2.CV_32F, (_WINDOW, _WINDOW)))

    steps = sum(share(each) for each in has_step)
    strong = sum(share(cv2.compare(step, weakest, cv2.CMP_GT)) for step in (step_x, step_y))
    is_drawn = (share(flat) >= 255 * _FLAT) & (steps - strong <= _MOST_WEAK * steps)
    amid_still = cv2.morphologyEx(still, cv2.MORPH_CLOSE, np.ones((_STROKES, _STROKES), np.uint8)) > 0
    drawn: Mask = is_drawn & amid_still
    strokes = drawn & (still == 0)
    rare = np.zeros(drawn.shape, np.uint8)
    rare[strokes] = 255 * _is_rare(pixels[strokes])
    drawn &= share(rare) <= _MOST_RARE * share(255 * strokes.astype(np.uint8))
    return drawn


def _compressed(pixels: Pixels) -> Mask:
    """The same of drawings that were saved as JPEG: of 8 bit, (H, W, 3), its first pixel the first of a block."""
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    rows, columns = height // _BLOCK, width // _BLOCK
    if pixels.dtype != np.uint8 or not rows or not columns:
        return mask
    grey = cv2.cvtColor(pixels[: rows * _BLOCK, : columns * _BLOCK], cv2.COLOR_RGB2GRAY)
    if not _ends_with_blocks(grey):
        return mask
    blocks = grey.reshape(rows, _BLOCK, columns, _BLOCK)
    lightest = blocks.max((1, 3))
    span = lightest - blocks.min((1, 3))
    still = span <= _STILL
    if not still.any():
        return mask
    counts = np.bincount(lightest[still], minlength=256)
    still &= (counts >= _COMMON * counts.sum())[lightest]
    ground = counts.argmax()
    near = cv2.inRange(grey, max(0, int(ground) - _GROUND), int(ground) + _GROUND)

    def share(values: NDArray[Any]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.boxFilter(values.astype(np.float32), -1, (_BLOCKS, _BLOCKS)))

    is_between = share((span > _FAINT) & (span < _RINGING)) > _RINGING_BLOCKS * (1 - share(span <= _FAINT))
    is_free = share(still) >= _STILL_BLOCKS
    near_share = near.reshape(blocks.shape).mean((1, 3)) / 255
    is_likely = ~is_between & (is_free | (share(near_share) >= _NEAR_GROUND))
    _, places = cv2.connectedComponents(is_likely.view(np.uint8))
    drawn = is_likely & np.isin(places, places[is_likely & is_free])
    drawn &= (span <= _FAINT) | (near_share >= _SOME_GROUND)
    whole = np.repeat(np.repeat(drawn, _BLOCK, axis=0), _BLOCK, axis=1)
    mask[:] = np.pad(whole, ((0, height - len(whole)), (0, width - whole.shape[1])), mode="edge")
    return mask


def _ends_with_blocks(grey: NDArray[np.uint8]) -> bool:
    """Tell whether flat lines, of the length of a JPEG's block and more, end where its blocks do."""
    same = np.zeros(grey.shape, np.uint8)
    same[:, :-1] = grey[:, 1:] == grey[:, :-1]
    flat = cv2.erode(same, np.ones((1, _BLOCK - 1), np.uint8), anchor=(_BLOCK - 2, 0), borderValue=0)
    counts = (flat[:, :-2] > flat[:, 1:-1]).sum(axis=0)  # by column
    return bool(counts.sum()) and counts[_BLOCK - 2 :: _BLOCK].sum() >= _ENDS_OF_BLOCKS * counts.sum()


def _is_rare(colours: Pixels) -> Mask:
    """Tell which of the colours (N, 3) come fewer times than a program's would."""
    numbers = colours.astype(np.uint64) @ np.array([1 << 32, 1 << 16, 1], np.uint64)
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    is_rare: Mask = counts[places] < max(_AGAIN, len(numbers) / _COLOURS)
    return is_rare


def _steps(pixels: Pixels, axis: int) -> NDArray[Any]:
    """Return how far each pixel is from the next one along an axis, in its farthest channel; zero for the last."""
    before, after = (pixels[:-1], pixels[1:]) if axis == 0 else (pixels[:, :-1], pixels[:, 1:])
    red, green, blue = cv2.split(cv2.absdiff(before, after))
    padding = ((0, 1), (0, 0)) if axis == 0 else ((0, 0), (0, 1))
    return np.pad(cv2.max(cv2.max(red, green), blue), padding)

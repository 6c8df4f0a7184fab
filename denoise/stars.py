"""Stars and other points of light that a denoiser took for noise, given back.

A network that has seen landscapes knows little of stars: of one that stands out from the noise beyond all doubt, if its
pixels are taken together, it may leave nothing. What a lens draws as a point has a known shape, so the matched filter
for that, the best there is against white noise (Turin, An introduction to matched filters, 1960), tells it from noise
in what the denoiser removed.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Pixels, bands

_POINT, _SHARP = 1.0, 0.6  # pixels; the standard deviation of a point of light, and of one that is sharper than any
_AROUND = 15  # pixels; what is behind it is the mean of a square of this size
_NOISE = 41  # pixels; and the noise that of one of this size
_CERTAIN = 5.0  # standard deviations of the noise, by which it stands out; even noise does once in three million pixels
_FAINTEST = 0.25  # levels of 255
_WIDE = 0.5  # of what a sharper filter finds; of a single pixel it is a third
_COLOURED = 0.25  # of the light in the brightest channel, which there is in the others; a hot pixel has one colour
_GIVEN_BACK = np.ones((5, 5))  # pixels around its middle, with a soft edge
_ROWS, _FEW_ROWS, _MARGIN = 512, 32, 48  # that are looked at together, changed together, and seen above and below

_FROM_MIDDLE = np.arange(_AROUND) - _AROUND // 2
_FILTER = np.outer(*2 * [cv2.getGaussianKernel(_AROUND, _POINT)]).astype(np.float32) - 1 / _AROUND**2


def give_back_stars(before: Pixels, after: Pixels) -> None:
    """Give back the points of light that a denoiser removed, each in one colour.

    Args:
        before: Noisy photo, (H, W, 3), uint8 or uint16, without hot pixels.
        after: The same photo, denoised; it is changed in place.
    """
    row, column, colour = (np.concatenate(each) for each in zip(*_points(before, after), strict=True))
    for rows, around, inside in bands(len(before), _FEW_ROWS, margin=_MARGIN):
        here = slice(*np.searchsorted(row, (around.start, around.stop)))
        if row[here].size:
            share = np.zeros((around.stop - around.start, before.shape[1], 3), np.float32)
            share[row[here] - around.start, column[here]] = colour[here]
            share = cv2.GaussianBlur(cv2.dilate(share, _GIVEN_BACK), (0, 0), 0.7)[inside]
            share /= np.maximum(share.mean(axis=2, keepdims=True), 1)  # between two of different colour
            light = _light(before[rows], after[rows])[..., None]
            after[rows] = cv2.add(after[rows], share * light, dtype=cv2.CV_8U if after.itemsize == 1 else cv2.CV_16U)


def _points(before: Pixels, after: Pixels) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Give the points of light in what was removed, from above: rows, columns, and each channel's part of the light."""
    faintest = _FAINTEST * (np.iinfo(before.dtype).max / 255)
    for rows, around, inside in bands(len(before), _ROWS, margin=_MARGIN):
        standing_out = _standing_out(_light(before[around], after[around]), faintest)[inside]
        row, column = np.nonzero(standing_out > _CERTAIN)
        y = np.clip(row[:, None] + rows.start + _FROM_MIDDLE, 0, len(before) - 1)[:, :, None]
        x = np.clip(column[:, None] + _FROM_MIDDLE, 0, before.shape[1] - 1)[:, None, :]
        noisy = before[y, x]
        colour = np.tensordot(np.subtract(noisy, after[y, x], dtype=np.float32), _FILTER, ((1, 2), (0, 1)))
        cut_off = (noisy == 0).mean(axis=(1, 2, 3))  # at black: such noise reaches farther up than down
        is_star = colour.min(axis=1) > _COLOURED * colour.max(axis=1)
        is_star &= standing_out[row, column] > _CERTAIN * (1 + cut_off)
        row, column, colour = row[is_star], column[is_star], colour[is_star]
        yield row + rows.start, column, colour / colour.mean(axis=1, keepdims=True)


def _light(before: Pixels, after: Pixels) -> NDArray[np.float32]:
    """Mean of the channels of what was removed, (H, W)."""
    mean = np.full((1, 3), 1 / 3)
    light: NDArray[np.float32] = cv2.transform(cv2.subtract(before, after, dtype=cv2.CV_32F), mean)
    return light


def _standing_out(light: NDArray[np.float32], faintest: float) -> NDArray[np.float32]:
    """Tell of how many standard deviations of the noise a point of removed light, (H, W), is; 0 but in its middle."""
    ground = cv2.blur(light, (_AROUND, _AROUND))
    point, sharp = (cv2.GaussianBlur(light, (0, 0), deviation) - ground for deviation in (_POINT, _SHARP))
    far = np.abs(point)
    noise = _deviation(far)
    noise = _deviation(np.minimum(far, 3 * noise))  # without what is no noise
    is_middle = (point > np.maximum(_CERTAIN * noise, faintest)) & (point > _WIDE * sharp)
    is_middle &= point >= cv2.dilate(point, np.ones((5, 5)))
    standing_out: NDArray[np.float32] = np.divide(point, noise, out=np.zeros_like(point), where=is_middle & (noise > 0))
    return standing_out


def _deviation(far: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of noise around each pixel, by how far from zero it is, (H, W)."""
    deviation: NDArray[np.float32] = cv2.blur(far, (_NOISE, _NOISE)) * np.float32(np.sqrt(np.pi / 2))
    return deviation

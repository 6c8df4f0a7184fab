"""What noise takes from a photo's light, given back.

A sensor counts light, and its noise is even around what there is. The tone curve that follows is steepest in the
shadows, so it makes more of what noise takes away than of what it adds: a noisy photo is darker than the same one
without noise, by about s² / 2y levels of 255 where its noise has the standard deviation s around a value y. From afar,
or made smaller, it is as bright as it should be. A denoiser that goes by the mean of the photo's values keeps it dark;
what it must keep is the mean of the light.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.image.colour import linear_to_srgb, srgb_to_linear

WINDOW = 64
"""Pixels; the light is that of a square of this size."""

_WEAKEST = 2 / 255  # noise that takes a twentieth of a level
_OUTLIER = 4.0  # standard deviations; a hot pixel is no light
_WHITE = 2.0  # standard deviations; so near to white the sensor's noise is cut off
_FEW = 0.05  # share of a square; what fewer pixels tell is not trusted


def keep_light(denoiser: Denoiser) -> Denoiser:
    """Make a denoiser that keeps the light of the photo: its mean, not that of the values which the tone curve made.

    It changes nothing where little was removed, and where another one has kept the light already.

    Args:
        denoiser: Any denoiser of tiles with the tone curve of sRGB, or one like it.
    """

    def denoise_tile(noisy: Image, level: Level) -> Image:
        denoised = denoiser(noisy.copy(), level).clip(0, 1)
        removed = noisy - denoised
        if removed.var(axis=(0, 1)).mean() < _WEAKEST**2:
            return denoised
        counts = np.ones(removed.shape, bool)
        for _ in range(2):  # outliers hide behind themselves at first
            mean = _mean(removed, counts)
            deviation = np.sqrt(np.maximum(_mean(np.square(removed), counts) - np.square(mean), 0))
            counts = np.abs(removed - mean) <= _OUTLIER * deviation
        counts &= denoised <= 1 - _WHITE * deviation
        light = srgb_to_linear(denoised)
        return linear_to_srgb(np.maximum(light + _mean(srgb_to_linear(noisy) - light, counts), 0))

    return denoise_tile


def _mean(values: Image, counts: NDArray[np.bool_]) -> Image:
    """Return the mean around each pixel of those that count; less where they are few."""
    weight = counts.astype(np.float32)
    mean: Image = _around(values * weight) / (_around(weight) + _FEW)
    return mean


def _around(values: Image) -> Image:
    mean: Image = cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT)
    return mean

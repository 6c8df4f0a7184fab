"""What noise takes from a photo's light, given back.

A sensor counts light, and its noise is even around what there is. The tone curve that follows is steepest in the
shadows, so it makes more of what noise takes away than of what it adds: a noisy photo is darker than the same one
without noise, by about s² / 2y levels of 255 where its noise has the standard deviation s around a value y. From afar,
or made smaller, it is as bright as it should be. A denoiser that goes by the mean of the photo's values keeps it dark;
what it must keep is the mean of the light.
"""

import cv2
import numpy as np

from denoise import Denoiser, Image, Level
from denoise.image.colour import linear_to_srgb, srgb_to_linear

WINDOW = 64
"""Pixels; the light is that of a square of this size."""

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear light (ITU-R BT.709)
_WEAKEST = 2 / 255  # noise that takes a twentieth of a level
_OUTLIER = 4.0  # standard deviations; a hot pixel is no light
_WHITE = 2.0  # standard deviations; so near to white the sensor's noise is cut off
_FEW = 0.05  # share of a square; what fewer pixels tell is not trusted
_DARK = 1e-5  # light of a square that has none


def keep_light(denoiser: Denoiser) -> Denoiser:
    """Make a denoiser that keeps the light of the photo: its mean, not that of the values which the tone curve made.

    All channels grow by the same factor, so hues stay and black stays black. It changes nothing where little was
    removed, and next to nothing where another one has kept the light already.

    Args:
        denoiser: Any denoiser of tiles with the tone curve of sRGB, or one like it.
    """

    def denoise_tile(noisy: Image, level: Level) -> Image:
        denoised = denoiser(noisy.copy(), level).clip(0, 1)
        removed = noisy - denoised
        if removed.var(axis=(0, 1)).mean() < _WEAKEST**2:
            return denoised
        counts = np.ones(removed.shape, np.float32)
        for _ in range(2):  # outliers hide behind themselves at first
            share = _around(counts) + _FEW
            mean = _around(removed * counts) / share
            variance = _around(np.square(removed) * counts) / share - np.square(mean)
            deviation = np.sqrt(np.maximum(variance, 0))
            counts = (np.abs(removed - mean) <= _OUTLIER * deviation).astype(np.float32)
        counts = (counts * (denoised <= 1 - _WHITE * deviation)).min(axis=2)
        light = srgb_to_linear(denoised)
        lost = _around(counts * ((srgb_to_linear(noisy) - light) @ _LUMINANCE)) / (_around(counts) + _FEW)
        factor = 1 + lost / np.maximum(_around(light @ _LUMINANCE), _DARK)
        return linear_to_srgb(np.maximum(factor, 0)[..., None] * light).clip(0, 1)

    return denoise_tile


def _around(values: Image) -> Image:
    mean: Image = cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT)
    return mean

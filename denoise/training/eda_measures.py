"""What exploratory analysis measures of one pair. Noise is noisy - clean, in levels of 8 bit (0 to 255)."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise import metrics
from denoise.training import eda_figures as figures
from denoise.training.datasets import Pixels8

LAGS = 4
"""Pixels up to which the correlation of the noise is measured."""

BIN = 8
"""Levels of brightness that are taken together."""

_BINS = 256 // BIN

BRIGHTNESS = np.arange(_BINS) * BIN + (BIN - 1) / 2
"""The middle of each bin, in levels."""

DARK = 32
"""Levels below which a clean pixel counts as dark."""

ENOUGH = 100
"""Pixels of one brightness that a standard deviation or a mean needs."""

_MOST_PIXELS = 4 << 20  # of a photo for which noise and SSIM are computed
_STRIP_ROWS = 256

Floats = NDArray[np.float64]


class Measured(NamedTuple):
    """One pair in numbers; what cannot be computed (of equal photos, of tiny ones) is nan.

    Attributes:
        size: Height and width in pixels.
        mean: Mean pixel value of the clean and of the noisy photo.
        zeroed: Share of the values that are 0 in the clean and in the noisy photo.
        psnr: Of the noisy photo, in dB; infinite for equal photos.
        ssim: Of the noisy photo.
        sigma: (3,), standard deviation of the noise of each channel.
        lag: (3, LAGS), correlation of the noise with itself 1 to LAGS pixels away.
        channels: (3, 3), correlation of the noise between channels.
        level: (3, bins), standard deviation of the noise by brightness of the clean pixel.
        pixels: (3, bins), number of pixels of each brightness.
        total: (3, bins), sum of the noise over them.
    """

    size: tuple[int, int]
    mean: tuple[float, float]
    zeroed: tuple[float, float]
    psnr: float
    ssim: float
    sigma: Floats
    lag: Floats
    channels: Floats
    level: Floats
    pixels: Floats
    total: Floats


def measure_pair(noisy: Pixels8, clean: Pixels8) -> Measured:
    """Measure one pair; of a photo above 4 megapixels, noise and SSIM come from strips spread evenly over it.

    Args:
        noisy: Noisy photo, uint8, (H, W, 3).
        clean: Its reference, of the same shape.

    Raises:
        ValueError: The shapes differ, or are not those of a photo.
    """
    psnr = metrics.psnr(clean, noisy)  # first: it checks the shapes
    histograms = figures.count_levels(clean), figures.count_levels(noisy)
    values = clean.size
    means = [histogram @ np.arange(256) / (values / 3) for histogram in histograms]  # by channel
    average = means[1] - means[0]  # of the noise

    count, total, squares = np.zeros((3, 3, _BINS))
    products = np.zeros((3, LAGS))
    neighbours = np.zeros(LAGS)
    covariance = np.zeros((3, 3))
    pixels = 0
    for strip in _strips(*clean.shape[:2]):
        noise = noisy[strip].astype(np.float64) - clean[strip]
        bins = clean[strip] // BIN
        for channel in range(3):
            place, value = bins[..., channel].ravel(), noise[..., channel].ravel()
            count[channel] += np.bincount(place, minlength=_BINS)
            total[channel] += np.bincount(place, value, _BINS)
            squares[channel] += np.bincount(place, value * value, _BINS)
        noise -= average
        flat = noise.reshape(-1, 3)
        covariance += flat.T @ flat
        pixels += len(flat)
        for lag in range(1, LAGS + 1):
            for first, second in ((noise[:, lag:], noise[:, :-lag]), (noise[lag:], noise[:-lag])):
                products[:, lag - 1] += np.einsum("yxc,yxc->c", first, second)
                neighbours[lag - 1] += first.size / 3

    variance = np.diag(covariance) / pixels
    deviation = np.sqrt(variance)
    spread = ratio(squares, count) - ratio(total, count) ** 2
    return Measured(
        size=(clean.shape[0], clean.shape[1]),
        mean=(float(means[0].mean()), float(means[1].mean())),
        zeroed=(float(histograms[0][:, 0].sum() / values), float(histograms[1][:, 0].sum() / values)),
        psnr=psnr,
        ssim=_ssim(noisy, clean),
        sigma=deviation,
        lag=ratio(ratio(products, np.broadcast_to(neighbours, products.shape)), variance[:, None]),
        channels=ratio(covariance / pixels, np.outer(deviation, deviation)),
        level=np.where(count >= ENOUGH, np.sqrt(np.maximum(spread, 0)), np.nan),
        pixels=count,
        total=total,
    )


def _strips(height: int, width: int) -> Iterator[slice]:
    """Rows of the whole photo, or of so many strips, spread evenly, that they have `_MOST_PIXELS`."""
    if height * width <= _MOST_PIXELS:
        tops = np.arange(0, height, _STRIP_ROWS)
    else:
        fitting = max(1, min(height, _MOST_PIXELS // width) // _STRIP_ROWS)
        tops = np.linspace(0, max(0, height - _STRIP_ROWS), fitting).astype(int)
    for top in tops.tolist():
        yield slice(top, min(top + _STRIP_ROWS, height))


def _ssim(noisy: Pixels8, clean: Pixels8) -> float:
    height, width = clean.shape[:2]
    if min(height, width) < metrics.SSIM_WINDOW:
        return math.nan
    if height * width <= _MOST_PIXELS:
        return metrics.ssim(clean, noisy)
    return float(np.mean([metrics.ssim(clean[strip], noisy[strip]) for strip in _strips(height, width)]))


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Return the quotient, nan where the denominator is zero."""
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient

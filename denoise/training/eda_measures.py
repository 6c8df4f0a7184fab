"""What exploratory analysis measures of one pair. Noise is noisy - clean, in levels of 8 bit (0 to 255)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from denoise import metrics
from denoise.training.datasets import Pixels8

LAGS = 4
"""Pixels up to which the correlation of the noise is measured."""

BIN = 8
"""Levels of brightness that are taken together."""

_BINS = 256 // BIN

BRIGHTNESS = np.arange(_BINS) * BIN + (BIN - 1) / 2
"""The middle of each bin, in levels."""

DARK = 4 * BIN
"""Levels below which a clean pixel counts as dark."""

ENOUGH = 100
"""Pixels of one brightness that a standard deviation needs."""

SIDE = 2048
"""Pixels of a photo in each direction in which noise and SSIM are measured."""

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
        pixels: (3, bins), number of clean pixels by brightness.
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
    """Measure one pair; of a large photo, noise and SSIM are those of its middle, see `SIDE`.

    Args:
        noisy: Noisy photo, uint8, (H, W, 3).
        clean: Its reference, of the same shape.

    Raises:
        ValueError: The shapes differ, or are not those of a photo.
    """
    psnr = metrics.psnr(clean, noisy)  # first: it checks the shapes
    whole = clean, noisy
    noisy, clean = middle(noisy, SIDE), middle(clean, SIDE)
    noise = noisy.astype(np.float64) - clean
    places, values = (clean // BIN).reshape(-1, 3).T, noise.reshape(-1, 3).T
    count, total, squares = (
        np.stack([np.bincount(*each, _BINS) for each in zip(places, weights, strict=True)]).astype(np.float64)
        for weights in (np.ones_like(values), values, values**2)
    )
    centred, sigma = values - values.mean(axis=1, keepdims=True), values.std(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # nan is what there is none of
        return Measured(
            size=(whole[0].shape[0], whole[0].shape[1]),
            mean=(float(whole[0].mean()), float(whole[1].mean())),
            zeroed=(float((whole[0] == 0).mean()), float((whole[1] == 0).mean())),
            psnr=psnr,
            ssim=metrics.ssim(clean, noisy) if min(clean.shape[:2]) >= metrics.SSIM_WINDOW else math.nan,
            sigma=sigma,
            lag=np.stack([_lag(noise, distance) for distance in range(1, LAGS + 1)], axis=1),
            channels=centred @ centred.T / values.shape[1] / np.outer(sigma, sigma),
            level=np.where(count >= ENOUGH, np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0)), np.nan),
            pixels=count,
            total=total,
        )


def middle(photo: Pixels8, side: int) -> Pixels8:
    """Return the middle of a photo, (H, W, 3), at most `side` pixels high and wide."""
    top, left = (max(0, length - side) // 2 for length in photo.shape[:2])
    return np.ascontiguousarray(photo[top : top + side, left : left + side])


def _lag(noise: Floats, distance: int) -> Floats:
    """Correlation of the noise of each channel with itself so many pixels away, in rows and in columns."""
    if min(noise.shape[:2]) <= distance:
        return np.full(3, np.nan)
    noise = noise - noise.mean(axis=(0, 1))
    both = (noise[:, distance:], noise[:, :-distance]), (noise[distance:], noise[:-distance])
    products = [np.einsum("yxc,yxc->c", *each) / (each[0].size / 3) for each in both]
    correlation: Floats = np.mean(products, axis=0) / noise.var(axis=(0, 1))
    return correlation


def floats(values: Any) -> Floats:
    """Return what `plain` has returned as an array, with nan for `None`."""
    return np.array(values, np.float64)


def over_pairs(values: Sequence[Any] | Floats, percentile: float | None = None) -> Floats:
    """Return the mean or a percentile over the first axis, of what is finite; nan where nothing is."""
    stack = np.asarray(values, np.float64)
    table = pd.DataFrame(np.where(np.isfinite(stack), stack, np.nan).reshape(len(stack), -1))
    reduced = table.mean() if percentile is None else table.quantile(percentile / 100)
    return np.asarray(reduced, np.float64).reshape(stack.shape[1:])


def plain(value: Any) -> Any:
    """Return numpy as what JSON holds, rounded to five digits; what is not finite becomes `None`."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value

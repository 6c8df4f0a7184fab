"""Reads the pairs of a set; what exploratory analysis measures of each, and of all of them.

Noise is noisy - clean, in levels of 8 bit (0 to 255). One pair is in memory at a time; of each pair only a row of
numbers is kept.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from denoise import camera, metrics
from denoise.image import PhotoError, to_pixels
from denoise.training.data import random_photograph
from denoise.training.datasets import Pair, PairedSet, Pixels8, read_pair
from denoise.training.progress import with_progress

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

CHANNEL_PAIRS = tuple(combinations(range(3), 2))
"""R-G, R-B, G-B."""

SIDE = 2048
"""Pixels of a photo in each direction in which noise and SSIM are measured."""

Floats = NDArray[np.float64]

Analysis = Mapping[str, Any]
"""The content of an `eda.json`."""

_T = TypeVar("_T")

_SIMULATED_SIDE = 512  # pixels; of a clean photo whose noise is synthesised


# Reading


def measure_pairs(
    found: PairedSet, limit: int | None, title: str, measure: Callable[[Pixels8, Pixels8], _T]
) -> tuple[list[int], list[_T], list[str]]:
    """Read the pairs of a set, as many as `choose` says, and measure each: its noisy photo and its clean one.

    Returns:
        The places in the set of those that can be read, what was measured of each, and what was skipped and why.

    Raises:
        ValueError: No pair can be read, or `limit` is less than 1.
    """
    places, rows, problems = [], [], list(found.problems)
    for place in with_progress(choose(len(found.pairs), limit), title):
        try:
            rows.append(measure(*read_noisy_and_clean(found.pairs[place], place)))
        except (PhotoError, OSError) as error:
            problems.append(str(error))
            print(f"skipped: {error}")
        else:
            places.append(place)
    if not rows:
        raise ValueError(f"No pair of {title} can be analysed. " + (problems or ["The set is empty."])[-1])
    return places, rows, problems


def choose(count: int, limit: int | None) -> list[int]:
    """Choose `limit` of `count` places (all for `None`): one at random from each of so many equal parts, ascending.

    Raises:
        ValueError: `limit` is less than 1.
    """
    if limit is None or limit >= count:
        return list(range(count))
    if limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: {limit}")
    edges = np.linspace(0, count, limit + 1).astype(int)
    return [int(place) for place in np.random.default_rng(0).integers(edges[:-1], edges[1:])]


def read_noisy_and_clean(pair: Pair, place: int) -> tuple[Pixels8, Pixels8]:
    """Read a pair; the noise of a clean photo alone is synthesised by a simulated camera.

    The pair's place in its set is the seed of camera and noise: they are the same whenever the pair is read.

    Returns:
        Noisy and clean; simulated ones are square, at most 512×512.

    Raises:
        PhotoError: A file cannot be read, or is too small for the simulation.
        OSError: A file cannot be opened.
    """
    noisy, clean = read_pair(pair)
    if noisy is not None:
        return noisy, clean
    size = min(*clean.shape[:2], _SIMULATED_SIDE) // camera.MULTIPLE * camera.MULTIPLE
    if not size:
        raise PhotoError(f"{pair.clean[0]}: noise can be synthesised on photos of at least 16×16 pixels only.")
    simulated = random_photograph(clean, size, np.random.default_rng([0, place]))
    noisy, clean = (np.asarray(to_pixels(side, np.uint8), np.uint8) for side in simulated)
    return noisy, clean


# A pair


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


# A whole set

_DISTRIBUTION = {"mean": None, "p10": 10, "p25": 25, "median": 50, "p75": 75, "p90": 90}
_RANGE = {"mean": None, "median": 50, "low": 10, "high": 90}
"""Statistics over the pairs, by name: the mean, and percentiles."""


def summarise(pairs: Sequence[Pair], rows: Sequence[Measured]) -> dict[str, Any]:
    """Return what `eda.json` holds of the pairs that were measured, beside the facts of the set."""
    of: Any = Measured._make(zip(*rows, strict=True))  # a column of each figure
    kinds = ("clean", "noisy")
    count, total = (np.sum(column, axis=0) for column in (of.pixels, of.total))
    dark, darkness = (each[:, : DARK // BIN].sum() for each in (count, total))
    groups: dict[tuple[str, int | None], list[Measured]] = defaultdict(list)
    cameras: dict[str, list[Floats]] = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        if pair.camera or pair.iso is not None:
            groups[pair.camera, pair.iso].append(row)
        if pair.camera:
            cameras[pair.camera].append(over_pairs(row.level))  # mean over the channels
    return {
        "psnr": _statistics(of.psnr, _DISTRIBUTION) | {"equal": sum(map(math.isinf, of.psnr))},
        "ssim": _statistics(of.ssim, _DISTRIBUTION),
        "mean": {
            kind: _statistics(means, _DISTRIBUTION) for kind, means in zip(kinds, np.transpose(of.mean), strict=True)
        },
        "zeroed": dict(zip(kinds, np.mean(of.zeroed, axis=0), strict=True)),
        "dark_bias": darkness / dark if dark else math.nan,
        "bias": {"brightness": BRIGHTNESS, "mean": np.where(count >= ENOUGH, total / np.maximum(count, 1), np.nan)},
        "sigma": {"median": over_pairs(of.sigma, 50)},
        "level": {"brightness": BRIGHTNESS, **_statistics(of.level, _RANGE)},
        "lag": _statistics(of.lag, _RANGE),
        "channels": _statistics(of.channels, _RANGE),
        "cameras": {
            name: over_pairs(levels, 50) for name, levels in sorted(cameras.items(), key=lambda item: -len(item[1]))
        },
        "groups": [
            {"camera": name, "iso": iso, **_group(members)}
            for (name, iso), members in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] or 0))
        ],
        "pairs": [
            {"name": pair.name, "scene": pair.scene, "camera": pair.camera, "iso": pair.iso, "size": row.size}
            | {"psnr": row.psnr, "ssim": row.ssim, "mean": row.mean, "zeroed": row.zeroed, "sigma": row.sigma}
            for pair, row in zip(pairs, rows, strict=True)
        ],
    }


def _statistics(values: Sequence[Any], percentiles: Mapping[str, int | None]) -> dict[str, Any]:
    return {name: over_pairs(values, percentile) for name, percentile in percentiles.items()}


def _group(rows: Sequence[Measured]) -> dict[str, Any]:
    """What is told of the pairs of one camera and ISO speed."""
    of: Any = Measured._make(zip(*rows, strict=True))
    channels = over_pairs(of.channels)
    return {
        "pairs": len(rows),
        "psnr": over_pairs(of.psnr),
        "ssim": over_pairs(of.ssim),
        "sigma": over_pairs(of.sigma, 50),
        "lag": over_pairs(of.lag),
        "channels": [channels[place] for place in CHANNEL_PAIRS],
    }


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

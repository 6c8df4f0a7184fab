"""The figures of the exploratory analysis, drawn from its numbers alone: from what `eda.json` holds."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import gaussian_kde  # type: ignore[import-untyped]

from denoise import metrics
from denoise.notation import number, set_title
from denoise.training import plots
from denoise.training.datasets import Pixels8

Analysis = Mapping[str, Any]
"""What `denoise.training.eda.analyse` returns."""

MOST_GROUPS = 24
"""Cameras and ISO speeds in one figure."""

CHANNEL_PAIRS = tuple(combinations(range(3), 2))
"""R-G, R-B, G-B."""

_Floats = NDArray[np.float64]


class Example(NamedTuple):
    """A pair to be shown, why it was chosen, and its name."""

    kind: str
    name: str
    noisy: Pixels8
    clean: Pixels8


def group_label(group: Mapping[str, Any]) -> str:
    """Name a camera and an ISO speed, of which one may be unknown."""
    return ", ".join([group["camera"]] * bool(group["camera"]) + [f"ISO {group['iso']}"] * (group["iso"] is not None))


def count_levels(photo: Pixels8) -> _Floats:
    """Count how often each level occurs in each channel of a photo, (H, W, 3): (3, 256)."""
    return np.stack([cv2.calcHist([photo], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]).astype(
        np.float64
    )


def draw_pairs(examples: Sequence[Example]) -> Figure:
    """Each pair: the whole noisy photo, and of its most detailed part noisy and clean, pixels doubled."""
    size, scale, rows, labels = 200, 2, [], []
    for kind, name, noisy, clean in examples:
        crop = plots.detailed_crop(clean, size)
        enlarged = [photo[crop].repeat(scale, axis=0).repeat(scale, axis=1) for photo in (noisy, clean)]
        rows.append([plots.thumbnail(noisy, scale * size), *enlarged])
        labels.append([name[:48], f"{kind}, PSNR {number(metrics.psnr(clean, noisy), 1, ' dB')}", ""])
    return plots.photo_grid(rows, columns=["noisy, whole photo", "noisy", "clean"], labels=labels)


def _draw_distribution(axes: Any, values: Sequence[float], edges: _Floats, kind: str) -> None:
    """Histogram of counts, and the density scaled to it where there are enough different values."""
    colour = plots.ROLES[kind]
    if kind == "noisy":
        axes.hist(values, edges, color=colour, alpha=0.35, edgecolor="white", label=kind)
    else:  # an outline, because mixed colours would be a third
        axes.hist(values, edges, color=colour, histtype="step", linewidth=1.2, label=kind)
    if len(values) >= 5 and np.ptp(values) > 1e-6:
        x = np.linspace(edges[0], edges[-1], 300)
        line = "-" if kind == "noisy" else "--"
        axes.plot(x, gaussian_kde(values)(x) * len(values) * (edges[1] - edges[0]), line, color=colour)


def _edges(values: Sequence[float], least: float, lowest: float, highest: float) -> _Floats:
    """Edges of histogram bars: as many bars as there are values for, at least `least` apart, within the limits."""
    bars = int(np.clip(2 * np.sqrt(len(values)), 8, 32))
    low, high = min(values), max(values)
    margin = max(0.15 * (high - low), least * bars / 2 - (high - low) / 2)
    return np.linspace(max(lowest, low - margin), min(highest, high + margin), bars + 1)


@plots.style()
def draw_brightness(analysis: Analysis) -> Figure:
    """Distribution of the mean pixel value, noisy and clean."""
    figure, ((axes,),) = plots.panels()
    clean, noisy = zip(*(pair["mean"] for pair in analysis["pairs"]), strict=True)
    edges = _edges([*clean, *noisy], 2, 0, 255)
    _draw_distribution(axes, noisy, edges, "noisy")
    _draw_distribution(axes, clean, edges, "clean")
    axes.set(xlabel="mean pixel value of the photo (0 to 255)", ylabel="photos", title="How bright the photos are")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return figure


@plots.style()
def draw_quality(analysis: Analysis) -> Figure | None:
    """Distributions of PSNR and SSIM; nothing where there is neither."""
    measures = {
        "psnr": ("PSNR of the noisy photo (dB)", 0.25, 200, "median {:.1f} dB"),
        "ssim": ("SSIM of the noisy photo", 0.01, 1, "median {:.2f}"),
    }
    shown = [key for key in measures if analysis[key]["median"] is not None]
    if not shown:
        return None
    figure, axes_grid = plots.panels(1, len(shown))
    for axes, key in zip(axes_grid[0], shown, strict=True):
        label, least, highest, title = measures[key]
        values = [pair[key] for pair in analysis["pairs"] if pair[key] is not None]
        _draw_distribution(axes, values, _edges(values, least, 0, highest), "noisy")
        axes.axvline(analysis[key]["median"], color="black", linestyle="--", linewidth=1.5)
        axes.set(xlabel=label, ylabel="pairs", title=title.format(analysis[key]["median"]))
        axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


@plots.style()
def draw_histograms(examples: Sequence[Example]) -> Figure:
    """Of each pair and channel, how often each pixel value occurs, noisy and clean."""
    figure, axes_grid = plots.panels(len(examples), 3, height=1.2 + 2.4 * len(examples), sharex=True, sharey="row")
    for axes_row, example in zip(axes_grid, examples, strict=True):
        noisy, clean = (
            100 * count_levels(photo) / (photo.size / 3) for photo in (example.noisy, example.clean)
        )  # percent
        top = 1.5 * max(noisy[:, 1:-1].max(), clean[:, 1:-1].max()) or 100  # leaves room for the notes
        for channel, axes in enumerate(axes_row):
            axes.fill_between(
                range(256), noisy[channel], color=plots.ROLES["noisy"], alpha=0.55, linewidth=0, label="noisy"
            )
            axes.plot(range(256), clean[channel], color=plots.ROLES["clean"], linewidth=1.2, label="clean")
            axes.set(xlim=(-3, 258), ylim=(0, top), xticks=[0, 64, 128, 192, 255])
            for level, side, x in ((0, "left", 0.04), (255, "right", 0.97)):
                shares = noisy[channel, level], clean[channel, level]
                if max(shares) > top:  # cut off, because it would flatten all the rest
                    text = "at {}: noisy {:.1f} %\nclean {:.1f} %".format(level, *shares)
                    axes.text(x, 0.98, text, transform=axes.transAxes, ha=side, va="top", fontsize=10)
        axes_row[0].set_ylabel(f"{example.kind}\npixels (%)")
    for axes, name in zip(axes_grid[0], plots.CHANNELS, strict=True):
        axes.set_title(name)
    for axes in axes_grid[-1]:
        axes.set_xlabel("pixel value")
    figure.legend(*axes_grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def _brightness_axis(axes: Any) -> None:
    axes.set_xlim(0, 255)
    axes.set_xticks([0, 64, 128, 192, 255])
    axes.set_xlabel("clean pixel value")


def _floats(values: Any) -> _Floats:
    """Lists with `None` to an array with nan."""
    return np.array(values, np.float64)


def _draw_range(axes: Any, curves: Analysis, channel: int, look: plots.Series, label: str) -> None:
    """A median, and the range about it."""
    x, middle = _floats(curves["brightness"]), _floats(curves["median"][channel])
    axes.plot(x, middle, color=look.colour, linestyle=look.line, label=label)
    low, high = _floats(curves["low"][channel]), _floats(curves["high"][channel])
    axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)


@plots.style()
def draw_level(analysis: Analysis) -> Figure | None:
    """Noise level against brightness, a panel for each channel; nothing where too few pixels share one."""
    if not np.isfinite(_floats(analysis["level"]["median"])).any():
        return None
    figure, (axes_row,) = plots.panels(1, 3, height=4.4, sharey=True)
    for channel, (axes, (name, look)) in enumerate(zip(axes_row, plots.CHANNELS.items(), strict=True)):
        _draw_range(axes, analysis["level"], channel, look, name)
        axes.set_title(name)
        _brightness_axis(axes)
    axes_row[0].set_ylabel("standard deviation\nof the noise (levels)")
    axes_row[0].set_ylim(bottom=0)
    return figure


@plots.style()
def draw_bias(analysis: Analysis) -> Figure:
    """Mean of the noise against brightness."""
    figure, ((axes,),) = plots.panels(height=4.6)
    for values, (name, look) in zip(analysis["bias"]["mean"], plots.CHANNELS.items(), strict=True):
        axes.plot(analysis["level"]["brightness"], _floats(values), color=look.colour, linestyle=look.line, label=name)
    axes.axhline(0, color="black", linewidth=1)
    _brightness_axis(axes)
    axes.set(ylabel="mean of the noise (levels)", title="Does noise brighten or darken?")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -1), max(high, 1))  # else a bias of nothing would look like much
    axes.legend(ncols=3)
    return figure


def _draw_lags(axes: Any, lag: Analysis, channel: int, look: plots.Series, label: str, shift: float) -> None:
    mean, low, high = (np.array([1.0, *_floats(lag[key][channel])]) for key in ("mean", "low", "high"))
    x = np.arange(len(mean)) + shift
    axes.plot(x, mean, color=look.colour, linestyle=look.line, marker=look.marker, label=label)
    axes.vlines(x, low, high, color=look.colour, linewidth=1.2, alpha=0.7)


def _lag_axis(axes: Any) -> None:
    axes.axhline(0, color="black", linewidth=1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("distance (pixels)")
    axes.set_ylim(bottom=min(-0.2, axes.get_ylim()[0]), top=1.05)


@plots.style()
def draw_correlation(analysis: Analysis) -> Figure | None:
    """Correlation of the noise between pixels and between channels; nothing where there is no noise."""
    if not np.isfinite(_floats(analysis["lag"]["mean"])).any():
        return None
    figure, ((left, right),) = plots.panels(1, 2, height=4.8, width_ratios=[1.5, 1])
    for channel, (name, look) in enumerate(plots.CHANNELS.items()):
        _draw_lags(left, analysis["lag"], channel, look, name, 0.06 * (channel - 1))
    _lag_axis(left)
    left.set(ylabel="correlation of the noise", title="Between pixels")
    left.legend()
    matrix = _floats(analysis["channels"]["mean"])
    right.imshow(np.nan_to_num(matrix), cmap="Blues", vmin=0, vmax=1.2)
    for (y, x), value in np.ndenumerate(matrix):
        right.text(x, y, number(value, 2), ha="center", va="center", color="white" if value > 0.8 else "black")
    right.set_xticks(range(3), plots.CHANNELS)
    right.set_yticks(range(3), plots.CHANNELS)
    right.tick_params(length=0)
    right.grid(visible=False)
    right.spines[:].set_visible(False)
    right.set_title("Between channels")
    return figure


@plots.style()
def draw_groups(analysis: Analysis) -> Figure | None:
    """Noise level and grain of each camera and ISO speed; nothing where neither is known."""
    groups = sorted(analysis["groups"], key=lambda group: -group["pairs"])[:MOST_GROUPS]
    groups = [group for group in analysis["groups"] if group in groups]
    if not groups:
        return None
    figure, ((left, right),) = plots.panels(1, 2, height=2.0 + 0.36 * len(groups), sharey=True)
    y = np.arange(len(groups))
    for axes, values in (
        (left, [group["sigma"] for group in groups]),
        (right, [[row[0] for row in group["lag"]] for group in groups]),
    ):
        for channel, look in enumerate(plots.CHANNELS.values()):
            axes.plot(
                _floats(values)[:, channel], y + 0.16 * (channel - 1), look.marker, color=look.colour, markersize=6
            )
    left.set_yticks(y, [f"{group_label(group)} ({group['pairs']})" for group in groups])
    left.set_ylim(len(groups) - 0.5, -0.5)
    left.set_xlim(left=0)
    right.set_xlim(min(0, right.get_xlim()[0]), 1)
    left.set(xlabel="standard deviation\nof the noise (levels)", title="Level (pairs in brackets)")
    right.set(xlabel="correlation of the noise\nof neighbouring pixels", title="Grain")
    right.legend(left.lines, list(plots.CHANNELS), loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@plots.style()
def draw_cameras(analysis: Analysis) -> Figure | None:
    """Noise level against brightness of each camera; nothing where there are not two."""
    if len(analysis["cameras"]) < 2:
        return None
    figure, ((axes,),) = plots.panels()
    for (name, level), look in zip(analysis["cameras"].items(), plots.SERIES, strict=False):
        axes.plot(analysis["level"]["brightness"], _floats(level), color=look.colour, linestyle=look.line, label=name)
    _brightness_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set(ylabel="standard deviation of the noise (levels)", title="Noise level of each camera")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@plots.style()
def draw_level_of_sets(analyses: Mapping[str, Analysis]) -> Figure:
    """Noise level against brightness of several sets."""
    figure, (axes_row,) = plots.panels(1, 3, height=5.0, sharey=True)
    for channel, (axes, title) in enumerate(zip(axes_row, plots.CHANNELS, strict=True)):
        for (name, analysis), look in zip(analyses.items(), plots.SERIES, strict=False):
            _draw_range(axes, analysis["level"], channel, look, set_title(name))
        axes.set_title(title)
        _brightness_axis(axes)
    axes_row[0].set_ylabel("standard deviation of the noise (levels)")
    axes_row[0].set_ylim(bottom=0)
    figure.legend(*axes_row[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


@plots.style()
def draw_correlation_of_sets(analyses: Mapping[str, Analysis]) -> Figure:
    """Correlation of the noise of several sets."""
    figure, axes_grid = plots.panels(2, 2, height=8.0)
    *lag_axes, between = axes_grid.ravel()
    for place, ((name, analysis), look) in enumerate(zip(analyses.items(), plots.SERIES, strict=False)):
        shift = 0.08 * (place - (len(analyses) - 1) / 2)
        for channel, axes in enumerate(lag_axes):
            _draw_lags(axes, analysis["lag"], channel, look, set_title(name), shift)
        x = np.arange(3) + shift
        mean, low, high = (
            _floats([analysis["channels"][key][i][j] for i, j in CHANNEL_PAIRS]) for key in ("mean", "low", "high")
        )
        between.plot(x, mean, look.marker, color=look.colour)
        between.vlines(x, low, high, color=look.colour, linewidth=1.2, alpha=0.7)
    for axes, title in zip(lag_axes, plots.CHANNELS, strict=True):
        _lag_axis(axes)
        axes.set_title(title)
    between.axhline(0, color="black", linewidth=1)
    between.set_xticks(range(3), ["R-G", "R-B", "G-B"])
    between.set_xlim(-0.5, 2.5)
    between.set_title("Between channels")
    for axes in axes_grid[:, 0]:
        axes.set_ylabel("correlation of the noise")
    figure.legend(*lag_axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


@plots.style()
def draw_quality_of_sets(analyses: Mapping[str, Analysis]) -> Figure:
    """Spread of PSNR and SSIM in several sets."""
    figure, (axes_row,) = plots.panels(1, 2, height=1.8 + 0.6 * len(analyses), sharey=True)
    for axes, key, label in zip(
        axes_row, ("psnr", "ssim"), ("PSNR of the noisy photos (dB)", "SSIM of the noisy photos"), strict=True
    ):
        for y, (analysis, look) in enumerate(zip(analyses.values(), plots.SERIES, strict=False)):
            numbers = {name: math.nan if value is None else value for name, value in analysis[key].items()}
            axes.hlines(y, numbers["p10"], numbers["p90"], color=look.colour, linewidth=2)
            axes.hlines(y, numbers["p25"], numbers["p75"], color=look.colour, linewidth=8, alpha=0.6)
            axes.plot(numbers["median"], y, look.marker, color=look.colour, markersize=11, markeredgecolor="white")
        axes.set_xlabel(label)
        axes.grid(visible=False, axis="y")
    axes_row[0].set_yticks(range(len(analyses)), [set_title(name) for name in analyses])
    axes_row[0].set_ylim(len(analyses) - 0.5, -0.5)
    return figure

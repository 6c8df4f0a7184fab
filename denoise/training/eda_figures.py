"""The figures of the exploratory analysis, drawn from what `eda.json` holds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde  # type: ignore[import-untyped]

from denoise import metrics
from denoise.image import Photo, shrink
from denoise.notation import number, set_title
from denoise.training import plots
from denoise.training.datasets import Pixels8
from denoise.training.eda_measures import CHANNEL_PAIRS, Analysis, floats


class Example(NamedTuple):
    """A pair to be shown, why it was chosen, and its name."""

    kind: str
    name: str
    noisy: Pixels8
    clean: Pixels8


def draw_pairs(examples: Sequence[Example]) -> Figure:
    """Each pair: the whole noisy photo, and of its most detailed part noisy and clean, pixels doubled."""
    size, scale, rows, labels = 200, 2, [], []
    for kind, name, noisy, clean in examples:
        crop = plots.detailed_crop(clean, size)
        enlarged = [photo[crop].repeat(scale, axis=0).repeat(scale, axis=1) for photo in (noisy, clean)]
        whole = np.asarray(shrink(Photo(noisy), scale * size).pixels, np.uint8)
        rows.append([whole, *enlarged])
        labels.append([name[:48], f"{kind}, PSNR {number(metrics.psnr(clean, noisy), 1, ' dB')}", ""])
    return plots.photo_grid(rows, columns=["noisy, whole photo", "noisy", "clean"], labels=labels)


def _draw_distribution(axes: Any, groups: Mapping[str, Sequence[float]]) -> None:
    """Histograms of what each kind of photo has, and their densities scaled to them."""
    values = np.concatenate(list(groups.values()))
    edges = np.histogram_bin_edges(values, int(np.clip(2 * np.sqrt(len(values)), 8, 32)))
    for kind, found in groups.items():
        colour = plots.ROLES[kind]
        axes.hist(found, edges, color=colour, alpha=0.35, edgecolor="white", label=kind)
        if len(found) >= 5 and np.ptp(found) > 1e-6:
            x = np.linspace(edges[0], edges[-1], 300)
            line = "-" if kind == "noisy" else "--"
            axes.plot(x, gaussian_kde(found)(x) * len(found) * (edges[1] - edges[0]), line, color=colour)
    axes.yaxis.get_major_locator().set_params(integer=True)


@plots.style()
def draw_brightness(analysis: Analysis) -> Figure:
    """Distribution of the mean pixel value, noisy and clean."""
    figure, ((axes,),) = plots.panels()
    clean, noisy = zip(*(pair["mean"] for pair in analysis["pairs"]), strict=True)
    _draw_distribution(axes, {"noisy": noisy, "clean": clean})
    axes.set(xlabel="mean pixel value of the photo (0 to 255)", ylabel="photos", title="How bright the photos are")
    axes.legend()
    return figure


@plots.style()
def draw_quality(analysis: Analysis) -> Figure | None:
    """Distributions of PSNR and SSIM; nothing where there is neither."""
    titles = {"psnr": "PSNR of the noisy photo (dB)", "ssim": "SSIM of the noisy photo"}
    shown = [key for key in titles if analysis[key]["median"] is not None]
    if not shown:
        return None
    figure, axes_grid = plots.panels(1, len(shown))
    for axes, key in zip(axes_grid[0], shown, strict=True):
        _draw_distribution(axes, {"noisy": [pair[key] for pair in analysis["pairs"] if pair[key] is not None]})
        axes.axvline(analysis[key]["median"], color="black", linestyle="--", linewidth=1.5)
        axes.set(xlabel=titles[key], ylabel="pairs", title=f"median {number(analysis[key]['median'], 2)}")
    return figure


@plots.style()
def draw_histograms(examples: Sequence[Example]) -> Figure:
    """Of each pair and channel, how often each pixel value occurs, noisy and clean."""
    figure, axes_grid = plots.panels(len(examples), 3, height=1.2 + 2.4 * len(examples), sharex=True, sharey="row")
    for axes_row, example in zip(axes_grid, examples, strict=True):
        for channel, (name, axes) in enumerate(zip(plots.CHANNELS, axes_row, strict=True)):
            noisy, clean = (
                100 * np.bincount(photo[..., channel].ravel(), minlength=256) / (photo.size / 3)
                for photo in (example.noisy, example.clean)
            )  # percent
            axes.fill_between(range(256), noisy, color=plots.ROLES["noisy"], alpha=0.55, linewidth=0, label="noisy")
            axes.plot(range(256), clean, color=plots.ROLES["clean"], linewidth=1.2, label="clean")
            text = f"at 0: {noisy[0]:.1f} / {clean[0]:.1f} %\nat 255: {noisy[255]:.1f} / {clean[255]:.1f} %"
            axes.text(0.97, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=9)
            axes.set(xlim=(1, 254), xlabel="pixel value", title=name)  # a peak at an end would flatten all the rest
            axes.label_outer()
        axes_row[0].set_ylabel(f"{example.kind}\npixels (%)")
    figure.legend(*axes_grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


@plots.style()
def draw_level(analyses: Mapping[str, Analysis]) -> Figure | None:
    """Noise level against brightness of one or several sets; nothing where too few pixels share one."""
    if not any(np.isfinite(floats(analysis["level"]["median"])).any() for analysis in analyses.values()):
        return None
    figure, (axes_row,) = plots.panels(1, 3, height=5.0, sharey=True)
    for channel, (axes, title) in enumerate(zip(axes_row, plots.CHANNELS, strict=True)):
        for (name, analysis), look in zip(analyses.items(), plots.SERIES, strict=False):
            x, level = analysis["level"]["brightness"], analysis["level"]
            low, median, high = (floats(level[key][channel]) for key in ("low", "median", "high"))
            axes.plot(x, median, color=look.colour, linestyle=look.line, label=set_title(name))
            axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)
        axes.set(title=title, xlim=(0, 255), xticks=[0, 64, 128, 192, 255], xlabel="clean pixel value")
    axes_row[0].set_ylabel("standard deviation of the noise (levels)")
    axes_row[0].set_ylim(bottom=0)
    figure.legend(*axes_row[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


@plots.style()
def draw_correlation(analyses: Mapping[str, Analysis]) -> Figure | None:
    """Correlation of the noise of one or several sets, between pixels and channels; nothing where there is no noise."""
    if not any(np.isfinite(floats(analysis["lag"]["mean"])).any() for analysis in analyses.values()):
        return None
    figure, axes_grid = plots.panels(2, 2, height=8.0, sharey=True)
    *_, between = axes_grid.ravel()
    for place, ((name, analysis), look) in enumerate(zip(analyses.items(), plots.SERIES, strict=False)):
        shift = 0.08 * (place - (len(analyses) - 1) / 2)
        mean, low, high = (floats(analysis["lag"][key]) for key in ("mean", "low", "high"))
        pairs = [floats([analysis["channels"][k][i][j] for i, j in CHANNEL_PAIRS]) for k in ("mean", "low", "high")]
        panels = [*zip(mean, low, high, strict=True), pairs]
        for axes, (middle, least, most) in zip(axes_grid.ravel(), panels, strict=True):
            x = np.arange(len(middle)) + shift + (0 if axes is between else 1)
            line = "none" if axes is between else look.line
            axes.plot(x, middle, color=look.colour, linestyle=line, marker=look.marker, label=set_title(name))
            axes.vlines(x, least, most, color=look.colour, linewidth=1.2, alpha=0.7)
    for axes, title in zip(axes_grid.ravel(), [*plots.CHANNELS, "Between channels"], strict=True):
        axes.axhline(0, color="black", linewidth=1)
        axes.set_title(title)
        if axes is not between:
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_xlabel("distance (pixels)")
    between.set_xticks(range(3), ["R-G", "R-B", "G-B"])
    for axes in axes_grid[:, 0]:
        axes.set_ylabel("correlation of the noise")
    figure.legend(*axes_grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


@plots.style()
def draw_quality_of_sets(analyses: Mapping[str, Analysis]) -> Figure:
    """Spread of PSNR and SSIM in several sets."""
    figure, (axes_row,) = plots.panels(1, 2, height=1.8 + 0.6 * len(analyses), sharey=True)
    for axes, key in zip(axes_row, ("psnr", "ssim"), strict=True):
        for y, (analysis, look) in enumerate(zip(analyses.values(), plots.SERIES, strict=False)):
            numbers = {name: math.nan if value is None else value for name, value in analysis[key].items()}
            axes.hlines(y, numbers["p10"], numbers["p90"], color=look.colour, linewidth=2)
            axes.hlines(y, numbers["p25"], numbers["p75"], color=look.colour, linewidth=8, alpha=0.6)
            axes.plot(numbers["median"], y, look.marker, color=look.colour, markersize=11, markeredgecolor="white")
        axes.set_xlabel(f"{key.upper()} of the noisy photos")
        axes.grid(visible=False, axis="y")
    axes_row[0].set_yticks(range(len(analyses)), [set_title(name) for name in analyses])
    axes_row[0].set_ylim(len(analyses) - 0.5, -0.5)
    return figure

"""Exploratory analysis: what a set of noisy and clean photos holds, in numbers, plots and sentences computed from them.

Noise is noisy - clean, in levels of 8 bit (0 to 255). One pair is in memory at a time; of each pair only a row of
numbers is kept.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from denoise import camera
from denoise.image import PhotoError, to_pixels
from denoise.notation import number, set_title
from denoise.training import eda_figures as figures
from denoise.training import markdown, plots
from denoise.training.data import random_photograph
from denoise.training.datasets import Pair, PairedSet, Pixels8, find_sets, read_pair
from denoise.training.eda_measures import (
    BIN,
    BRIGHTNESS,
    DARK,
    ENOUGH,
    Floats,
    Measured,
    measure_pair,
    over_pairs,
    plain,
)
from denoise.training.eda_sentences import group_label, sentences
from denoise.training.markdown import REPORT
from denoise.training.progress import with_progress

_SIMULATED_SIDE = 512  # pixels; of a clean photo whose noise is synthesised

_Analysis = Mapping[str, Any]
_T = TypeVar("_T")


def analyse_folders(
    folders: Sequence[Path], out: Path, *, layout: str | None = None, pictures: bool = True, limit: int | None = None
) -> dict[str, dict[str, Any]]:
    """Analyse one data set, or several and what tells them apart, each of them in a folder of its own below `out`.

    Args:
        folders: Data sets, see `denoise.training.datasets.find_pairs`.
        out: Folder of the report.
        layout: Of all the sets; `None` to recognise it.
        pictures: See `analyse`.
        limit: See `analyse`.

    Returns:
        What `analyse` returns, by set name.

    Raises:
        FileNotFoundError: A folder is missing or holds no pair.
        ValueError: Two sets have the same name, or no pair of a set can be read.
    """
    sets = find_sets(folders, layout)  # all of them first: a wrong folder shows at once
    analyses = {
        name: analyse(found, out / name if len(sets) > 1 else out, title=name, pictures=pictures, limit=limit)
        for name, found in sets.items()
    }
    if len(sets) > 1:
        compare(analyses, out)
        print(f"Comparison: {out / REPORT}")
    return analyses


def analyse(
    found: PairedSet, out: Path, *, title: str = "Data set", pictures: bool = True, limit: int | None = None
) -> dict[str, Any]:
    """Measure a set of pairs and write a report: `README.md`, its plots, and `eda.json` with all the numbers.

    A clean photo without a noisy one is photographed by a simulated camera (`denoise.camera`), seeded by its place in
    the set: so the generator of training noise is compared with real cameras.

    Args:
        found: The pairs.
        out: Folder of the report; made if missing.
        title: What the set is called in the report.
        pictures: Show photographs; without them the report holds nothing but figures computed from them.
        limit: Analyse this many pairs, drawn at random but evenly over the set; `None` for all.

    Returns:
        The content of `eda.json`: numbers are levels of 8 bit unless named otherwise, `null` where there is none.

    Raises:
        ValueError: No pair can be read, or `limit` is less than 1.
        OSError: The report cannot be written.
    """
    places, rows, problems = measure_pairs(found, limit, title, measure_pair)
    pairs = [found.pairs[place] for place in places]
    facts = {
        "title": title,
        "layout": found.layout,
        "pairs": len(found.pairs),
        "analysed": len(rows),
        "limit": limit,
        "synthesised": sum(pair.noisy is None for pair in pairs),
        "scenes": len({pair.scene for pair in found.pairs}),
        "cameras": dict(Counter(pair.camera for pair in found.pairs if pair.camera).most_common()),
        "isos": {str(iso): n for iso, n in sorted(Counter(p.iso for p in found.pairs if p.iso).items())},
        "sizes": {f"{w} × {h}": n for (h, w), n in Counter(row.size for row in rows).most_common()},
        "problems": problems,
    }
    analysis: dict[str, Any] = plain({"set": facts, **_summarise(pairs, rows)})
    analysis["sentences"] = sentences(analysis)
    by_psnr = sorted(zip((row.psnr for row in rows), places, strict=True))
    kinds = {0.1: "much noise", 0.5: "typical", 0.9: "little noise"} if len(rows) > 2 else {0: "first", 1: "second"}
    chosen = {by_psnr[round(share * (len(rows) - 1))][1]: kind for share, kind in kinds.items()}
    examples = [
        figures.Example(kind, found.pairs[place].name, *read_noisy_and_clean(found.pairs[place], place))
        for place, kind in chosen.items()
    ]
    drawn: plots.Drawn = {
        "pairs.png": (
            figures.draw_pairs(examples) if pictures else None,
            "Pairs of the set. Left the whole noisy photo; then the part of it with the most contrast, each pixel "
            "twice as large, and the same part of the clean photo.",
        ),
        "brightness.png": (
            figures.draw_brightness(analysis),
            "Distribution of the mean pixel value of the photos. The curves are densities, scaled to the bars.",
        ),
        "histograms.png": (
            figures.draw_histograms(examples),
            "How often each pixel value occurs in single photos. Noise makes the distribution smoother. In the "
            "corners, how many pixels are black or white, noisy / clean.",
        ),
        "quality.png": (
            figures.draw_quality(analysis),
            "PSNR and SSIM of the noisy photos against the clean ones: what a denoiser that does nothing would score. "
            "The curve is the density, scaled to the bars.",
        ),
        "level.png": (
            figures.draw_level({title: analysis}),
            "Noise level against the brightness of the clean pixel: median over the pairs, and the range that holds "
            f"80 % of them. Brightness is taken in steps of {BIN} levels.",
        ),
        "correlation.png": (
            figures.draw_correlation({title: analysis}),
            "Correlation of the noise between pixels of a row or column, and between channels at the same pixel: mean "
            "over the pairs; bars hold 80 % of them. White noise has 0.",
        ),
    }
    note = (
        "Noise is the difference between the noisy and the clean photo, in levels of 8 bit (0 to 255); what the two "
        "differ in otherwise, such as a small movement, counts as noise too. Of photos above 2048×2048 pixels, noise "
        "and SSIM are those of the middle."
    )
    heading = f"Exploratory analysis: {set_title(title)}"
    markdown.publish(analysis, drawn, out, "eda.json", heading, *_blocks(analysis), problems=problems, note=note)
    return analysis


def compare(analyses: Mapping[str, _Analysis], out: Path) -> None:
    """Lay the noise of several sets over each other and write `README.md` and its plots.

    Args:
        analyses: What `analyse` returned (or the content of its `eda.json`) by set name. The report of each set is
            linked as `NAME/README.md`.
        out: Folder of the comparison; made if missing.

    Raises:
        ValueError: More sets than can be told apart.
        OSError: The comparison cannot be written.
    """
    if len(analyses) > len(plots.SERIES):
        raise ValueError(f"At most {len(plots.SERIES)} sets can be compared at once. Received: {len(analyses)}")
    captions = plots.save_all(
        {
            "compare-level.png": (
                figures.draw_level(analyses),
                "Noise level against brightness: median over the pairs of each set, and the range that holds 80 % of "
                "them.",
            ),
            "compare-correlation.png": (
                figures.draw_correlation(analyses),
                "Correlation of the noise: between pixels of a row or column, and between channels at the same pixel; "
                "mean over the pairs, bars hold 80 % of them.",
            ),
            "compare-quality.png": (
                figures.draw_quality_of_sets(analyses),
                "PSNR and SSIM of the noisy photos: median (mark), half of the pairs (thick) and 80 % of them (thin).",
            ),
        },
        out,
    )
    rows = []
    for name, analysis in analyses.items():
        group = {
            "pairs": analysis["set"]["analysed"],
            "sigma": analysis["sigma"]["median"],
            **{key: analysis[key]["mean"] for key in ("psnr", "ssim", "lag")},
            "channels": [analysis["channels"]["mean"][i][j] for i, j in figures.CHANNEL_PAIRS],
        }
        rows.append([f"[{set_title(name)}]({name}/{REPORT})", *_cells(group)])
    blocks = [markdown.table(["set", *_HEADER], rows), _NOTE, markdown.pictures(captions)]
    markdown.write(out / REPORT, "The noise of " + ", ".join(map(set_title, analyses)), *blocks)


# Reading


def measure_pairs(
    found: PairedSet, limit: int | None, title: str, measure: Callable[[Pixels8, Pixels8], _T]
) -> tuple[list[int], list[_T], list[str]]:
    """Read and measure the pairs of a set.

    Args:
        found: The pairs.
        limit: See `choose`.
        title: What the set is called.
        measure: Called with each noisy photo and its clean one, see `read_noisy_and_clean`.

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

    Args:
        pair: Of a set.
        place: Its place in the set, the seed of camera and noise: they are the same whenever the pair is read.

    Returns:
        Noisy and clean, uint8, (H, W, 3); simulated ones are square, at most 512×512.

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


# Numbers of the whole set


_DISTRIBUTION = {"mean": None, "p10": 10, "p25": 25, "median": 50, "p75": 75, "p90": 90}
_RANGE = {"mean": None, "median": 50, "low": 10, "high": 90}
"""Statistics over the pairs, by name: the mean, and percentiles."""


def _summarise(pairs: Sequence[Pair], rows: Sequence[Measured]) -> dict[str, Any]:
    count, total = (np.sum([getattr(row, name) for row in rows], axis=0) for name in ("pixels", "total"))
    dark, darkness = (each[:, : DARK // BIN].sum() for each in (count, total))
    groups: dict[tuple[str, int | None], list[Measured]] = defaultdict(list)
    cameras: dict[str, list[Floats]] = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        if pair.camera or pair.iso is not None:
            groups[pair.camera, pair.iso].append(row)
        if pair.camera:
            cameras[pair.camera].append(over_pairs(row.level))  # mean over the channels
    return {
        "psnr": _statistics([row.psnr for row in rows], _DISTRIBUTION)
        | {"equal": sum(math.isinf(row.psnr) for row in rows)},
        "ssim": _statistics([row.ssim for row in rows], _DISTRIBUTION),
        "mean": {
            kind: _statistics([row.mean[i] for row in rows], _DISTRIBUTION) for i, kind in enumerate(("clean", "noisy"))
        },
        "zeroed": {kind: float(np.mean([row.zeroed[i] for row in rows])) for i, kind in enumerate(("clean", "noisy"))},
        "dark_bias": darkness / dark if dark else math.nan,
        "bias": {"brightness": BRIGHTNESS, "mean": np.where(count >= ENOUGH, total / np.maximum(count, 1), np.nan)},
        "sigma": {"median": over_pairs([row.sigma for row in rows], 50)},
        "level": {"brightness": BRIGHTNESS, **_statistics([row.level for row in rows], _RANGE)},
        "lag": _statistics([row.lag for row in rows], _RANGE),
        "channels": _statistics([row.channels for row in rows], _RANGE),
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
    channels = over_pairs([row.channels for row in rows])
    return {
        "pairs": len(rows),
        "psnr": over_pairs([row.psnr for row in rows]),
        "ssim": over_pairs([row.ssim for row in rows]),
        "sigma": over_pairs([row.sigma for row in rows], 50),
        "lag": over_pairs([row.lag for row in rows]),
        "channels": [channels[place] for place in figures.CHANNEL_PAIRS],
    }


# The report

_HEADER = ["pairs", "PSNR dB", "SSIM", "noise R", "G", "B", "lag 1 R", "G", "B", "R-G", "R-B", "G-B"]
_NOTE = (
    "PSNR, SSIM: mean over the pairs. Noise: standard deviation in levels of 8 bit, median over the pairs. Lag 1 and "
    "channels: correlation, mean over the pairs."
)


def _cells(group: Mapping[str, Any]) -> list[str]:
    return [
        *(str(group["pairs"]), number(group["psnr"], 2), number(group["ssim"], 4)),
        *(number(value, 1) for value in group["sigma"]),
        *(number(row[0], 2) for row in group["lag"]),
        *(number(value, 2) for value in group["channels"]),
    ]


def _blocks(analysis: _Analysis) -> list[str]:
    """What the report of a set has between its sentences and its plots."""
    facts, groups = analysis["set"], analysis["groups"]
    noise = "synthesised" if facts["synthesised"] else "real"
    lines = [f"{facts['pairs']} pairs of {facts['scenes']} scenes (layout “{facts['layout']}”), noise {noise}"]
    for key, name in (("cameras", "Cameras"), ("isos", "ISO speeds"), ("sizes", "Sizes in pixels")):
        if found := [f"{value} ({count})" for value, count in facts[key].items()]:
            lines.append(f"{name}: {', '.join(found[:20])}" + " and more" * (len(found) > 20))
    blocks = ["## What was found", markdown.bullets(lines)]
    if groups:
        rows = [[group_label(group), *_cells(group)] for group in groups]
        blocks += ["## Cameras and ISO speeds", markdown.table(["camera, ISO", *_HEADER], rows), _NOTE]
    return [*blocks, "## Plots"]

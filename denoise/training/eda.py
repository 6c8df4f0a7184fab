"""Exploratory analysis: what a set of noisy and clean photos holds, in numbers, plots and sentences computed from them.

Noise is noisy - clean, in levels of 8 bit (0 to 255). One pair is in memory at a time; of each pair only a row of
numbers is kept.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from denoise import camera
from denoise.files import write_atomically
from denoise.image import PhotoError, to_pixels
from denoise.notation import number, set_title
from denoise.training import eda_figures as figures
from denoise.training import plots
from denoise.training.data import random_photograph
from denoise.training.datasets import Pair, PairedSet, Pixels8, find_pairs, read_pair
from denoise.training.eda_measures import BIN, BRIGHTNESS, DARK, ENOUGH, Floats, Measured, measure_pair, ratio
from denoise.training.eda_sentences import mean, sentences
from denoise.training.progress import with_progress

_SIMULATED_SIDE = 512  # pixels; of a clean photo whose noise is synthesised

_Report = Callable[[str], None]
_Analysis = Mapping[str, Any]


def analyse_folders(
    folders: Sequence[Path],
    out: Path,
    *,
    layout: str | None = None,
    pictures: bool = True,
    limit: int | None = None,
    report: _Report = print,
) -> dict[str, Any]:
    """Analyse one data set, or several and what tells them apart.

    Args:
        folders: Data sets, see `denoise.training.datasets.find_pairs`.
        out: Folder of the report; several sets have one each below it, named like the set.
        layout: Of all the sets; `None` to recognise it.
        pictures: See `analyse`.
        limit: See `analyse`.
        report: See `analyse`.

    Returns:
        What `analyse` returns, or that by set name.

    Raises:
        FileNotFoundError: A folder is missing or holds no pair.
        ValueError: Two sets have the same name, or no pair of a set can be read.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise ValueError(f"The data folders must have different names. Received: {', '.join(map(str, folders))}")
    sets = [find_pairs(folder, layout) for folder in folders]  # all of them first: a wrong folder shows at once
    if len(sets) == 1:
        return analyse(sets[0], out, title=names[0], pictures=pictures, limit=limit, report=report)
    analyses = {
        name: analyse(found, out / name, title=name, pictures=pictures, limit=limit, report=report)
        for name, found in zip(names, sets, strict=True)
    }
    compare(analyses, out)
    report(f"Comparison: {out / 'index.html'}")
    return analyses


def analyse(
    found: PairedSet,
    out: Path,
    *,
    title: str = "Data set",
    pictures: bool = True,
    limit: int | None = None,
    report: _Report = print,
) -> dict[str, Any]:
    """Measure a set of pairs and write a report: `index.html`, its plots, and `eda.json` with all the numbers.

    A clean photo without a noisy one is photographed by a simulated camera (`denoise.camera`), seeded by its place in
    the set: so the generator of training noise is compared with real cameras.

    Args:
        found: The pairs.
        out: Folder of the report; made if missing.
        title: What the set is called in the report.
        pictures: Show photographs; without them the report holds nothing but figures computed from them.
        limit: Analyse this many pairs, drawn at random but evenly over the set; `None` for all.
        report: Called with each line of the result.

    Returns:
        The content of `eda.json`: numbers are levels of 8 bit unless named otherwise, `null` where there is none.

    Raises:
        ValueError: No pair can be read, or `limit` is less than 1.
        OSError: The report cannot be written.
    """
    places, rows, problems = [], [], list(found.problems)
    for place in with_progress(choose(len(found.pairs), limit), title):
        try:
            rows.append(measure_pair(*read_noisy_and_clean(found.pairs[place], place)))
        except (PhotoError, OSError) as error:
            problems.append(str(error))
            report(f"skipped: {error}")
        else:
            places.append(place)
    if not rows:
        raise ValueError(f"No pair of {title} can be analysed. " + (problems or ["The set is empty."])[-1])

    pairs = [found.pairs[place] for place in places]
    analysis = _summarise(found, pairs, rows, problems=problems, title=title, limit=limit)
    by_psnr = sorted(zip((row.psnr for row in rows), places, strict=True))
    kinds = {0.1: "much noise", 0.5: "typical", 0.9: "little noise"} if len(rows) > 2 else {0: "first", 1: "second"}
    chosen = {by_psnr[round(share * (len(rows) - 1))][1]: kind for share, kind in kinds.items()}
    examples = [
        figures.Example(kind, found.pairs[place].name, *read_noisy_and_clean(found.pairs[place], place))
        for place, kind in chosen.items()
    ]

    drawn: dict[str, tuple[Figure | None, str]] = {}
    drawn["pairs.png"] = (
        figures.draw_pairs(examples) if pictures else None,
        "Pairs of the set. Left the whole noisy photo; then the part of it with the most contrast, each pixel twice as "
        "large, and the same part of the clean photo.",
    )
    drawn["brightness.png"] = (
        figures.draw_brightness(analysis),
        "Distribution of the mean pixel value of the photos. The curves are densities, scaled to the bars.",
    )
    drawn["histograms.png"] = (
        figures.draw_histograms(examples),
        "How often each pixel value occurs in single photos. Noise makes the distribution smoother; a peak at 0 or "
        "255 means pixels that were clipped to black or white (the number says how many).",
    )
    drawn["quality.png"] = (
        figures.draw_quality(analysis),
        "PSNR and SSIM of the noisy photos against the clean ones: what a denoiser that does nothing would score. "
        "The curve is the density, scaled to the bars.",
    )
    drawn["level.png"] = (
        figures.draw_level(analysis),
        "Noise level against the brightness of the clean pixel: median over the pairs, and the range that holds 80 % "
        f"of them. Brightness is taken in steps of {BIN} levels.",
    )
    drawn["bias.png"] = (
        figures.draw_bias(analysis),
        "Mean of the noise against brightness, over the whole set: above zero noise makes pixels brighter. Clipping "
        "can push it up at black and down at white; a tone curve, steepest in the dark, can pull it down between.",
    )
    drawn["correlation.png"] = (
        figures.draw_correlation(analysis),
        "Left: correlation of the noise between pixels of a row or column, mean over the pairs; bars hold 80 % of "
        "them. White noise has 0. Right: correlation between the channels at the same pixel, mean over the pairs.",
    )
    drawn["groups.png"] = (
        figures.draw_groups(analysis),
        "Each camera and ISO speed: noise level (median over its pairs) and correlation of the noise between "
        f"neighbouring pixels (mean). At most {figures.MOST_GROUPS} groups, those with the most pairs.",
    )
    drawn["cameras.png"] = (
        figures.draw_cameras(analysis),
        "Noise level against brightness for each camera: median over its pairs, mean over the channels.",
    )
    analysis["plots"] = plots.save_all(drawn, out)
    write_atomically(out / "eda.json", _json(analysis))
    plots.save_page(out / "index.html", f"Exploratory analysis: {set_title(title)}", _page(analysis))
    for sentence in analysis["sentences"]:
        report(f"- {sentence}")
    report(f"Report: {out / 'index.html'}")
    return analysis


def compare(analyses: Mapping[str, _Analysis], out: Path) -> None:
    """Lay the noise of several sets over each other and write `index.html` and its plots.

    Args:
        analyses: What `analyse` returned (or the content of its `eda.json`) by set name. The report of each set is
            linked as `NAME/index.html`.
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
                figures.draw_level_of_sets(analyses),
                "Noise level against brightness: median over the pairs of each set, and the range that holds 80 % of "
                "them.",
            ),
            "compare-correlation.png": (
                figures.draw_correlation_of_sets(analyses),
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
    header = ["set", "pairs", "PSNR dB", "SSIM", "noise R", "G", "B", "lag 1 R", "G", "B", "lag 2", "R-G", "G-B", "R-B"]
    table = []
    for name, analysis in analyses.items():
        lag, channels = analysis["lag"]["mean"], analysis["channels"]["mean"]
        between = [channels[first][second] for first, second in ((0, 1), (1, 2), (0, 2))]
        numbers = [*analysis["sigma"]["median"], *(row[0] for row in lag), mean(row[1] for row in lag), *between]
        scores = [number(analysis["psnr"]["mean"], 2), number(analysis["ssim"]["mean"], 4)]
        table.append([set_title(name), analysis["set"]["analysed"], *scores, *(number(value, 2) for value in numbers)])
    blocks = [
        plots.table_block(header, table),
        plots.note_block(
            "PSNR, SSIM: mean. Noise: standard deviation in levels of 8 bit, median over the pairs. Lags and "
            "channels: correlation, mean over the pairs; lag 2: mean of the channels."
        ),
        *plots.picture_blocks(captions),
        *(plots.link_block(f"{name}/index.html", f"Report of {set_title(name)}") for name in analyses),
    ]
    plots.save_page(out / "index.html", "The noise of " + _enumerate(map(set_title, analyses)), blocks)


# Reading


def choose(count: int, limit: int | None, seed: int = 0) -> list[int]:
    """Choose `limit` of `count` places (all for `None`): one at random from each of so many equal parts, ascending.

    Raises:
        ValueError: `limit` is less than 1.
    """
    if limit is None or limit >= count:
        return list(range(count))
    if limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: {limit}")
    edges = np.linspace(0, count, limit + 1).astype(int)
    return [int(place) for place in np.random.default_rng(seed).integers(edges[:-1], edges[1:])]


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


def _summarise(
    found: PairedSet,
    pairs: Sequence[Pair],
    rows: Sequence[Measured],
    *,
    problems: Sequence[str],
    title: str,
    limit: int | None,
) -> dict[str, Any]:
    count = np.sum([row.pixels for row in rows], axis=0)
    bias = ratio(np.sum([row.total for row in rows], axis=0), count)
    analysis = {
        "set": {
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
        },
        "psnr": _distribution([row.psnr for row in rows]) | {"equal": sum(math.isinf(row.psnr) for row in rows)},
        "ssim": _distribution([row.ssim for row in rows]),
        "mean": {kind: _distribution([row.mean[i] for row in rows]) for i, kind in enumerate(("clean", "noisy"))},
        "zeroed": {kind: float(np.mean([row.zeroed[i] for row in rows])) for i, kind in enumerate(("clean", "noisy"))},
        "sigma": {"median": over_pairs(np.stack([row.sigma for row in rows]), 50)},
        "level": {"brightness": BRIGHTNESS, **_range_over_pairs(np.stack([row.level for row in rows]))},
        "bias": {"brightness": BRIGHTNESS, "mean": np.where(count >= ENOUGH, bias, np.nan)},
        "dark_bias": _dark_bias(rows),
        "lag": _range_over_pairs(np.stack([row.lag for row in rows])),
        "channels": _range_over_pairs(np.stack([row.channels for row in rows])),
        "groups": _groups(pairs, rows),
        "cameras": _cameras(pairs, rows),
        "pairs": [
            {
                **{"name": pair.name, "scene": pair.scene, "camera": pair.camera, "iso": pair.iso},
                **{"size": row.size, "psnr": row.psnr, "ssim": row.ssim, "mean": row.mean, "zeroed": row.zeroed},
                **{
                    "sigma": row.sigma,
                    "lag": row.lag,
                    "channels": [row.channels[i, j] for i, j in figures.CHANNEL_PAIRS],
                },
            }
            for pair, row in zip(pairs, rows, strict=True)
        ],
    }
    rounded: dict[str, Any] = plain(analysis)
    rounded["sentences"] = sentences(rounded)
    return rounded


def _distribution(values: Sequence[float]) -> dict[str, float]:
    finite = np.array([value for value in values if math.isfinite(value)])
    names = {"p10": 10, "p25": 25, "median": 50, "p75": 75, "p90": 90}
    if not len(finite):
        return dict.fromkeys(("mean", *names), math.nan)
    return {"mean": float(finite.mean()), **{name: float(np.percentile(finite, q)) for name, q in names.items()}}


def over_pairs(stack: Floats, percentile: float | None = None) -> Floats:
    """Return the mean or a percentile over the first axis, of what is finite; nan where nothing is."""

    def reduce(values: Floats) -> float:
        values = values[np.isfinite(values)]
        if not len(values):
            return math.nan
        return float(values.mean() if percentile is None else np.percentile(values, percentile))

    reduced: Floats = np.apply_along_axis(reduce, 0, stack)
    return reduced


def _range_over_pairs(stack: Floats) -> dict[str, Floats]:
    """Mean, median, and the bounds of 80 % of the pairs."""
    percentiles = {"mean": None, "median": 50, "low": 10, "high": 90}
    return {name: over_pairs(stack, percentile) for name, percentile in percentiles.items()}


def _dark_bias(rows: Sequence[Measured]) -> float:
    """Mean of the noise where the clean value is below `DARK`."""
    dark = slice(0, DARK // BIN)
    count = sum(row.pixels[:, dark].sum() for row in rows)
    return float(sum(row.total[:, dark].sum() for row in rows) / count) if count else math.nan


def _groups(pairs: Sequence[Pair], rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """One entry for each camera and ISO speed; none where neither is known."""
    members = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        if pair.camera or pair.iso is not None:
            members[pair.camera, pair.iso].append(row)
    return [
        {
            "camera": name,
            "iso": iso,
            "pairs": len(group),
            "psnr": _distribution([row.psnr for row in group])["mean"],
            "ssim": _distribution([row.ssim for row in group])["mean"],
            "sigma": over_pairs(np.stack([row.sigma for row in group]), 50),
            "lag": over_pairs(np.stack([row.lag for row in group])),
            "channels": [
                float(over_pairs(np.stack([row.channels[i, j] for row in group]))) for i, j in figures.CHANNEL_PAIRS
            ],
        }
        for (name, iso), group in sorted(members.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    ]


def _cameras(pairs: Sequence[Pair], rows: Sequence[Measured]) -> dict[str, Floats]:
    """Noise level by brightness for each camera, those with the most pairs first."""
    levels = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        if pair.camera:
            levels[pair.camera].append(over_pairs(row.level))
    return {name: over_pairs(np.stack(group), 50) for name, group in sorted(levels.items(), key=lambda i: -len(i[1]))}


def plain(value: Any) -> Any:
    """Return numpy as what JSON holds, rounded to five digits; what is not finite becomes `None`."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def _json(analysis: _Analysis) -> bytes:
    return (json.dumps(analysis, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _enumerate(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else str(last)


# The page


def _page(analysis: _Analysis) -> Iterator[str]:
    facts = analysis["set"]
    yield plots.heading_block("What the data say")
    yield plots.list_block(analysis["sentences"])
    yield plots.heading_block("What was found")
    noise = "synthesised" if facts["synthesised"] else "real"
    lines = [f"{facts['pairs']} pairs of {facts['scenes']} scenes (layout “{facts['layout']}”), noise {noise}"]
    for key, name in (("cameras", "Cameras"), ("isos", "ISO speeds"), ("sizes", "Sizes in pixels")):
        if facts[key]:
            shown = [f"{value} ({count})" for value, count in list(facts[key].items())[:20]]
            rest = len(facts[key]) - len(shown)
            lines.append(f"{name}: {', '.join(shown)}" + (f" and {rest} more" if rest else ""))
    yield plots.list_block(lines)
    captions = dict(analysis["plots"])
    for heading, files in (
        ("The photos", ("pairs.png", "brightness.png", "histograms.png")),
        ("What doing nothing scores", ("quality.png",)),
        ("The noise", ("level.png", "bias.png", "correlation.png")),
        ("Cameras and ISO speeds", ("groups.png", "cameras.png")),
    ):
        shown_captions = {file: captions[file] for file in files if file in captions}
        if shown_captions:
            yield plots.heading_block(heading)
            yield from plots.picture_blocks(shown_captions)
    if analysis["groups"]:
        header = ["camera, ISO", "pairs", "PSNR dB", "SSIM", "noise R", "G", "B", "lag 1 R", "G", "B"]
        yield plots.table_block(
            [*header, "R-G", "R-B", "G-B"],
            (
                [
                    *(figures.group_label(group), group["pairs"], number(group["psnr"], 2), number(group["ssim"], 4)),
                    *(number(value, 1) for value in group["sigma"]),
                    *(number(row[0], 2) for row in group["lag"]),
                    *(number(value, 2) for value in group["channels"]),
                ]
                for group in analysis["groups"]
            ),
        )
        yield plots.note_block(
            "PSNR, SSIM: mean over the pairs. Noise: standard deviation in levels of 8 bit, median over the pairs. "
            "Lag 1 and channels: correlation, mean over the pairs."
        )
    if facts["problems"]:
        yield plots.heading_block("What was skipped")
        yield plots.list_block(facts["problems"])
    yield plots.note_block(
        "Noise is the difference between the noisy and the clean photo, in levels of 8 bit (0 to 255); what the two "
        "differ in otherwise, such as a small movement, counts as noise too. Of photos above 4 megapixels, noise and "
        "SSIM come from strips spread evenly over the photo. All numbers: eda.json."
    )

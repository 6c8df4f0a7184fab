"""Exploratory analysis: what a set of noisy and clean photos holds, in numbers, plots and sentences computed from them.

See `eda_measures.py` for the numbers, `eda_figures.py` for the plots.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from denoise.notation import number, set_title
from denoise.training import eda_figures as figures
from denoise.training import markdown, plots
from denoise.training.datasets import PairedSet, find_sets
from denoise.training.eda_measures import (
    BIN,
    CHANNEL_PAIRS,
    DARK,
    LAGS,
    Analysis,
    measure_pair,
    measure_pairs,
    plain,
    read_noisy_and_clean,
    summarise,
)
from denoise.training.markdown import REPORT


def analyse_folders(
    folders: Sequence[Path], out: Path, *, layout: str | None = None, pictures: bool = True, limit: int | None = None
) -> dict[str, dict[str, Any]]:
    """Analyse one data set, or several and what tells them apart, each of them in a folder of its own below `out`.

    Returns:
        What `analyse` returns, by set name; see there for `pictures` and `limit`.

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
    the set: so the generator of training noise is compared with real cameras. Without `pictures` the report holds
    nothing but figures computed from the photographs. For `limit` see `denoise.training.eda_measures.choose`.

    Returns:
        The content of `eda.json`: numbers are levels of 8 bit unless named otherwise, `null` where there is none.

    Raises:
        ValueError: No pair can be read, or `limit` is less than 1.
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
    analysis: dict[str, Any] = plain({"set": facts, **summarise(pairs, rows)})
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


def compare(analyses: Mapping[str, Analysis], out: Path) -> None:
    """Lay the noise of several sets over each other and write `README.md` and its plots, beside the sets' reports.

    Raises:
        ValueError: More sets than can be told apart.
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
            "channels": [analysis["channels"]["mean"][i][j] for i, j in CHANNEL_PAIRS],
        }
        rows.append([f"[{set_title(name)}]({name}/{REPORT})", *_cells(group)])
    blocks = [markdown.table(["set", *_HEADER], rows), _NOTE, markdown.pictures(captions)]
    markdown.write(out / REPORT, "The noise of " + ", ".join(map(set_title, analyses)), *blocks)


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


def _blocks(analysis: Analysis) -> list[str]:
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


# What the numbers say


def sentences(analysis: Analysis) -> list[str]:
    """Say in plain words what the numbers of a set say, the content of its `eda.json`."""
    return [*_say_what(analysis), *_say_photos(analysis), *_say_noise(analysis), *_say_groups(analysis)]


def _say_what(analysis: Analysis) -> Iterator[str]:
    facts = analysis["set"]
    if facts["analysed"] < facts["pairs"]:
        drawn = ", drawn at random but evenly over the set" if facts["limit"] else ""
        yield f"{facts['analysed']} of {facts['pairs']} pairs were analysed{drawn}."
    if facts["problems"]:
        yield f"Skipped: {len(facts['problems'])}; what and why is listed below."
    if count := facts["synthesised"]:
        yield (
            f"The noise of {'all' if count == facts['analysed'] else count} photos is synthesised by the simulated "
            "camera: what follows describes the generator, not a real camera."
        )


def _say_photos(analysis: Analysis) -> Iterator[str]:
    clean, noisy = analysis["mean"]["clean"], analysis["mean"]["noisy"]
    words = ("dark", "dark to medium bright", "medium to very bright", "very bright")
    yield (
        f"The clean photos are {words[int(clean['median'] // 64)]}: the mean pixel value of most (80 %) lies between "
        f"{clean['p10']:.0f} and {clean['p90']:.0f} of 255, the median is {clean['median']:.0f}."
    )
    zeros = [analysis["zeroed"][kind] * 100 for kind in ("noisy", "clean")]
    yield "{:.2f} % of the pixel values are zero in noisy photos, {:.2f} % in clean ones.".format(*zeros)
    shift = noisy["mean"] - clean["mean"]
    dark = analysis["dark_bias"]
    yield (
        f"On average noise {'brightens' if shift > 0 else 'darkens'} the photos by {abs(shift):.2f} levels"
        + ("" if dark is None else f"; where the clean value is below {DARK}, its mean is {dark:+z.2f} levels")
        + "."
    )
    psnr, ssim = analysis["psnr"], analysis["ssim"]
    if psnr["equal"]:
        yield f"Pairs that are equal, noisy and clean: {psnr['equal']}; PSNR is infinite there and left out."
    if psnr["mean"] is not None:
        yield (
            f"Most noisy photos (80 %) have a PSNR between {psnr['p10']:.1f} and {psnr['p90']:.1f} dB. Doing nothing "
            f"scores {psnr['mean']:.2f} dB on average: a denoiser must exceed that."
        )
    if ssim["mean"] is not None:
        yield (
            f"Most (80 %) have an SSIM between {ssim['p10']:.2f} and {ssim['p90']:.2f}; doing nothing scores "
            f"{ssim['mean']:.3f} on average."
        )


def _say_noise(analysis: Analysis) -> Iterator[str]:
    sigma = analysis["sigma"]["median"]
    if not max(sigma):
        yield "In most pairs there is no noise at all."
        return
    sentence = f"The noise has a standard deviation of {_triple(sigma, 1)} levels in R / G / B (median over the pairs)"
    level = np.array(analysis["level"]["median"], np.float64).mean(axis=0)
    if np.isfinite(level).any():
        high, low = int(np.nanargmax(level)), int(np.nanargmin(level))
        where = analysis["level"]["brightness"]
        sentence += (
            "; it is nearly the same at every brightness"
            if level[high] < 1.25 * level[low]
            else f"; it is strongest where the clean value is about {where[high]:.0f} ({level[high]:.1f}) and weakest "
            f"at about {where[low]:.0f} ({level[low]:.1f})"
        )
    yield sentence + "."

    lag = analysis["lag"]["mean"]
    if any(None in row for row in lag):
        return
    first, means = [row[0] for row in lag], np.abs(np.mean(lag, axis=0))
    if means.max() < 0.1:
        yield f"Neighbouring pixels have independent noise (correlation {_triple(first, 2)}): it is white."
    else:
        below = np.flatnonzero(means < 0.1)
        reach = (
            f"it is below 0.1 from a distance of {below[0] + 1} pixels on"
            if len(below)
            else f"{LAGS} pixels away it is still {number(float(means[-1]), 2)}"
        )
        yield (
            f"Noise of neighbouring pixels is correlated: {_triple(first, 2)} in R / G / B, and {reach}. It is grain, "
            "not white noise, and a denoiser trained on white noise would take part of it for detail."
        )
    red_green, red_blue, green_blue = (number(analysis["channels"]["mean"][i][j], 2) for i, j in CHANNEL_PAIRS)
    yield (
        f"Between channels the noise has a correlation of {red_green} (R-G), {green_blue} (G-B) and {red_blue} (R-B)."
    )


def _say_groups(analysis: Analysis) -> Iterator[str]:
    groups = [group for group in analysis["groups"] if group["psnr"] is not None]
    if len(groups) > 1:
        worst, best = (choice(groups, key=lambda group: group["psnr"]) for choice in (min, max))
        yield (
            f"The noisiest photos come from {group_label(worst)} ({worst['psnr']:.1f} dB on average), the cleanest "
            f"from {group_label(best)} ({best['psnr']:.1f} dB)."
        )


def group_label(group: Mapping[str, Any]) -> str:
    """Name a camera and an ISO speed, of which one may be unknown."""
    return ", ".join([group["camera"]] * bool(group["camera"]) + [f"ISO {group['iso']}"] * (group["iso"] is not None))


def _triple(values: Sequence[float], digits: int) -> str:
    return " / ".join(number(value, digits) for value in values)

"""What the numbers of an exploratory analysis say, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from denoise.notation import number
from denoise.training.eda_figures import CHANNEL_PAIRS
from denoise.training.eda_measures import DARK, LAGS

_Analysis = Mapping[str, Any]


def sentences(analysis: _Analysis) -> list[str]:
    """Say in plain words what the numbers of a set say, the content of its `eda.json`."""
    return [*_say_what(analysis), *_say_photos(analysis), *_say_noise(analysis), *_say_groups(analysis)]


def _say_what(analysis: _Analysis) -> Iterator[str]:
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


def _say_photos(analysis: _Analysis) -> Iterator[str]:
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


def _say_noise(analysis: _Analysis) -> Iterator[str]:
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


def _say_groups(analysis: _Analysis) -> Iterator[str]:
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

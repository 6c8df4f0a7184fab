"""What the numbers of an exploratory analysis say, in sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from denoise.notation import number
from denoise.training import eda_figures as figures
from denoise.training.eda_measures import DARK, LAGS

_ALIKE = 12.0  # dB; a set whose photos differ by more has no typical PSNR

_Analysis = Mapping[str, Any]


def sentences(analysis: _Analysis) -> list[str]:
    """Say in plain words what the numbers of a set say, the content of its `eda.json`."""
    return [
        sentence
        for part in (_say_what, _say_brightness, _say_quality, _say_level, _say_lags, _say_channels, _say_groups)
        for sentence in part(analysis)
    ]


def _say_what(analysis: _Analysis) -> Iterator[str]:
    facts = analysis["set"]
    if facts["analysed"] < facts["pairs"]:
        yield (
            f"{facts['analysed']} of {facts['pairs']} pairs were analysed"
            + (", drawn at random but evenly over the set." if facts["limit"] else ".")
        )
    if facts["problems"]:
        yield f"Skipped: {len(facts['problems'])}; what and why is listed below."
    if facts["synthesised"]:
        yield (
            f"The noise of {'all' if facts['synthesised'] == facts['analysed'] else facts['synthesised']} photos is "
            "synthesised by the simulated camera: what follows describes the generator, not a real camera."
        )


def _say_brightness(analysis: _Analysis) -> Iterator[str]:
    clean, noisy = analysis["mean"]["clean"], analysis["mean"]["noisy"]
    words = ("dark", "dark to medium bright", "medium to very bright", "very bright")
    yield (
        f"The clean photos are {words[int(clean['median'] // 64)]}: the mean pixel value of most (80 %) lies between "
        f"{clean['p10']:.0f} and {clean['p90']:.0f} of 255, the median is {clean['median']:.0f}."
    )
    zeros = [analysis["zeroed"][kind] * 100 for kind in ("clean", "noisy")]
    if max(zeros) < 0.005:
        yield "Next to no pixel value is zero, neither in clean nor in noisy photos."
    elif abs(zeros[1] - zeros[0]) < 0.1 * max(zeros):
        yield (
            f"About as many pixel values are zero in noisy photos ({zeros[1]:.2f} %) as in clean ones "
            f"({zeros[0]:.2f} %)."
        )
    else:
        more = zeros[1] > zeros[0]
        yield (
            f"{zeros[1]:.2f} % of the pixel values are zero in noisy photos, {zeros[0]:.2f} % in clean ones: noise "
            f"{'replaces shadows by black' if more else 'lifts black pixels'}."
        )
    shift = noisy["mean"] - clean["mean"]
    verb = "brightens" if shift > 0 else "darkens"
    sentence = (
        "On average noise leaves the brightness as it is"
        if abs(shift) < 0.05
        else f"On average noise {verb} the photos by {abs(shift):.2f} levels"
    )
    if analysis["dark_bias"] is not None:
        sentence += f"; where the clean value is below {DARK}, its mean is {analysis['dark_bias']:+z.2f} levels"
    yield sentence + "."


def _say_quality(analysis: _Analysis) -> Iterator[str]:
    psnr, ssim = analysis["psnr"], analysis["ssim"]
    if psnr["equal"]:
        pairs = "1 pair is" if psnr["equal"] == 1 else f"{psnr['equal']} pairs are"
        yield f"{pairs} equal, noisy and clean: PSNR is infinite there and left out."
    if psnr["mean"] is not None:
        sentence = (
            f"Most noisy photos (80 %) have a PSNR between {psnr['p10']:.1f} and {psnr['p90']:.1f} dB. Doing nothing "
            f"scores {psnr['mean']:.2f} dB on average: a denoiser must exceed that"
        )
        if psnr["p90"] - psnr["p10"] < _ALIKE:
            sentence += f", and a good one also {psnr['p90']:.1f} dB, which only every tenth noisy photo reaches"
        yield sentence + "."
    if ssim["mean"] is not None:
        yield (
            f"Most (80 %) have an SSIM between {ssim['p10']:.2f} and {ssim['p90']:.2f}; doing nothing scores "
            f"{ssim['mean']:.3f} on average."
        )


def _say_level(analysis: _Analysis) -> Iterator[str]:
    sigma = analysis["sigma"]["median"]
    if not max(sigma):
        yield "In most pairs there is no noise at all."
        return
    sentence = f"The noise has a standard deviation of {_triple(sigma, 1)} levels in R / G / B (median over the pairs)"
    curve = {
        brightness: value
        for brightness, *channels in zip(analysis["level"]["brightness"], *analysis["level"]["median"], strict=True)
        if (value := mean(channels)) is not None
    }
    if curve:
        high, low = max(curve, key=lambda key: curve[key]), min(curve, key=lambda key: curve[key])
        if curve[high] < 1.25 * curve[low]:
            sentence += "; it is nearly the same at every brightness"
        else:
            sentence += (
                f"; it is strongest where the clean value is about {high:.0f} ({curve[high]:.1f}) and weakest at "
                f"about {low:.0f} ({curve[low]:.1f})"
            )
    yield sentence + "."


def _say_lags(analysis: _Analysis) -> Iterator[str]:
    lag = analysis["lag"]["mean"]
    if any(None in row for row in lag):
        return
    first, means = [row[0] for row in lag], [mean(column) or 0 for column in zip(*lag, strict=True)]
    if max(map(abs, means)) < 0.1:
        yield f"Neighbouring pixels have independent noise (correlation {_triple(first, 2)}): it is white."
        return
    below = next((place for place, value in enumerate(means, 1) if abs(value) < 0.1), None)
    reach = (
        f"it is below 0.1 from a distance of {below} pixels on"
        if below
        else f"{LAGS} pixels away it is still {number(means[-1], 2)}"
    )
    yield (
        f"Noise of neighbouring pixels is correlated: {_triple(first, 2)} in R / G / B, and {reach}. It is grain, not "
        "white noise, and a denoiser trained on white noise would take part of it for detail."
    )


def _say_channels(analysis: _Analysis) -> Iterator[str]:
    matrix = analysis["channels"]["mean"]
    between = [matrix[i][j] for i, j in figures.CHANNEL_PAIRS]
    if None not in between:
        yield (
            f"Between channels the noise has a correlation of {number(between[0], 2)} (R-G), {number(between[2], 2)} "
            f"(G-B) and {number(between[1], 2)} (R-B)."
        )


def _say_groups(analysis: _Analysis) -> Iterator[str]:
    groups = [group for group in analysis["groups"] if group["psnr"] is not None]
    if len(groups) > 1:
        worst, best = (choice(groups, key=lambda group: group["psnr"]) for choice in (min, max))
        yield (
            f"The noisiest photos come from {figures.group_label(worst)} ({worst['psnr']:.1f} dB on average), the "
            f"cleanest from {figures.group_label(best)} ({best['psnr']:.1f} dB)."
        )


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is known, `None` if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _triple(values: Sequence[float], digits: int) -> str:
    return " / ".join(number(value, digits) for value in values)

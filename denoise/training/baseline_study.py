"""What a denoiser removes and what it smears: non-local means, and networks beside it, on pairs of photos.

A figure of PSNR says that a filter helps, not where. So the error is measured against the local detail of the clean
photo.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from denoise import catalogue, metrics, pipeline
from denoise.bundled import folder
from denoise.image import Photo
from denoise.notation import number, set_title
from denoise.results import Example
from denoise.training import markdown, plots
from denoise.training.datasets import Pair, PairedSet, Pixels8
from denoise.training.eda_measures import Floats, floats, measure_pairs, middle, over_pairs, plain, read_noisy_and_clean

_MOST_SIDE = 1024  # pixels of a photo that are denoised in each direction
_CROP = 152  # pixels of an example: whole blocks of a JPEG file
_EXAMPLES = 3
_EDGES = np.array([0, *2.0 ** np.arange(-1.5, 5.1, 0.5), np.inf])  # of gradient, in levels per pixel
_GRADIENTS = np.array([0.25, *2.0 ** np.arange(-1.25, 5.3, 0.5)])  # what stands for each bin
_FLAT, _TEXTURE = 1.0, 8.0  # gradient below, above
_ENOUGH = 200  # pixels of one gradient in a photo
_BLOCK = 64  # pixels, for spectra
_BANDS = 2.0 ** np.arange(-5.25, -0.7, 0.5)  # edges, in cycles per pixel
_PERIODS = 2.0 ** np.arange(5, 0.9, -0.5)  # pixels; centres of the bands

_REMOVED = (
    "Squares of single photos. What was removed, as many times as strong as is said: where that is plain grey, "
    "nothing; where it shows outlines, detail was taken for noise."
)

_Study = Mapping[str, Any]


def sample_pairs() -> PairedSet:
    """Return the sample photos that come with the program as a set of pairs, called by their titles."""
    samples = folder("samples")
    pairs = [
        Pair(e["title"], samples / e["noisy"], (samples / e["clean"],), e["name"], "simulated", e["iso"])
        for e in json.loads((samples / "samples.json").read_text("utf-8"))
    ]
    return PairedSet("samples", tuple(pairs), ())


def study(
    found: PairedSet,
    out: Path,
    denoisers: Sequence[str],
    *,
    title: str,
    pictures: bool = True,
    limit: int | None = None,
) -> dict[str, Any]:
    """Study denoisers on a set of pairs and write a report: `README.md`, its figures, and `baseline.json`.

    Of a large photo the middle 1024×1024 pixels are taken; noise is synthesised where there is no noisy photo. See
    `denoise.training.eda.analyse` for `title`, `pictures` and `limit`.

    Returns:
        The content of `baseline.json`.

    Raises:
        ValueError: A denoiser is unknown, no pair can be read, or `limit` is less than 1.
    """
    known = catalogue.denoiser_names()
    if not denoisers or len(denoisers) > len(plots.SERIES):
        raise ValueError(f"Between 1 and {len(plots.SERIES)} denoisers can be studied. Received: {len(denoisers)}")
    if unknown := [name for name in denoisers if name not in known]:
        raise ValueError(f"There is no denoiser {unknown[0]!r}. Known denoisers: {', '.join(known)}.")
    titles = {name: known[name].title for name in denoisers}

    def measure(noisy: Pixels8, clean: Pixels8) -> dict[str, Measured]:
        noisy, clean = middle(noisy, _MOST_SIDE), middle(clean, _MOST_SIDE)
        return {name: _measure(noisy, _denoised(noisy, name), clean) for name in denoisers}

    places, rows, problems = measure_pairs(found, limit, title, measure)
    facts = {"title": title, "photos": len(rows), "problems": problems}
    numbers = _summarise([found.pairs[place] for place in places], rows, titles)
    result: dict[str, Any] = plain({**facts, **numbers})
    result["sentences"] = [text for each in result["denoisers"].values() for text in _sentences(each, result)]
    evenly = dict.fromkeys(np.linspace(0, len(rows) - 1, _EXAMPLES, dtype=int).tolist())
    examples = [places[row] for row in evenly] if pictures else []
    drawn: dict[str, tuple[Figure | Pixels8 | None, str]] = {
        f"example-{number}.jpg": (None, "") for number in range(1, _EXAMPLES + 1)
    }
    result["examples"] = []
    for index, place in enumerate(examples, 1):
        name, file = found.pairs[place].name, f"example-{index}.jpg"
        pixels, squares = _squares(found.pairs[place], place, titles)
        example: Example = {"name": name, "file": file, "squares": squares}
        result["examples"].append(example)
        drawn[file] = pixels, markdown.example(example)
    drawn["detail.png"] = (
        _draw_detail(result),
        "Left: error against how much detail the clean photo has at a pixel (strength of its gradient). Right: the "
        "same as gain over the noisy photo: above the line the denoiser helps, below it does harm. Below: how many "
        "pixels have so much detail. Mean over the photos.",
    )
    scored = [("Noisy", result["noisy"]), *((each["title"], each) for each in result["denoisers"].values())]
    scores = [[name, number(each["psnr"], 2), number(each["ssim"], 4)] for name, each in scored]
    markdown.publish(
        result,
        drawn,
        out,
        "baseline.json",
        f"What it removes, what it smears: {set_title(title)}",
        markdown.table(["", "PSNR dB", "SSIM"], scores),
        _REMOVED if examples else "",
        problems=problems,
        note="Of photos above 1024×1024 pixels the middle was taken.",
    )
    return result


# Measuring


class Measured(NamedTuple):
    """One photo and one denoiser in numbers; what cannot be computed is nan.

    Attributes:
        psnr: Of the noisy and of the denoised photo, in dB.
        ssim: Of the noisy and of the denoised photo.
        pixels: (bins,), share of the pixels by gradient.
        error: (2, bins), root mean square error of noisy and denoised by gradient, in levels.
        kept: (2, bands), amplitude of noise and of detail in the denoised photo, by spatial frequency, see `kept`.
    """

    psnr: tuple[float, float]
    ssim: tuple[float, float]
    pixels: Floats
    error: Floats
    kept: Floats


def gradient(clean: Pixels8) -> Floats:
    """Local strength of the gradient of a photo, in levels per pixel: how much detail there is.

    Root mean square over a Gaussian window of sigma 1.5 pixels, of the channels' mean; (H, W, 3) to (H, W).
    """
    steps = np.square(np.gradient(clean.mean(axis=2)))
    strength: Floats = np.sqrt(gaussian_filter(steps.sum(axis=0), 1.5))
    return strength


def kept(noisy: Pixels8, denoised: Pixels8, clean: Pixels8) -> Floats:
    """Split what a denoiser puts out into noise and detail, by spatial frequency.

    In each band, spectra of blocks of 64×64 pixels: denoised = a · noise + b · clean + what is neither, by least
    squares over all coefficients and channels.

    Returns:
        a and b for each band, coarse to fine, (2, bands); nan where a band has no noise or no detail.
    """
    rows, columns = (side // _BLOCK for side in clean.shape[:2])
    frequency = np.hypot(np.fft.fftfreq(_BLOCK)[:, None], np.fft.rfftfreq(_BLOCK))
    band = np.digitize(frequency, _BANDS).ravel()  # 0 below, len(_BANDS) above
    window = np.outer(np.hanning(_BLOCK), np.hanning(_BLOCK))[:, None, :, None]

    def spectra(photo: NDArray[Any]) -> NDArray[np.complex128]:
        whole = photo[: rows * _BLOCK, : columns * _BLOCK].astype(np.float64)
        blocks = whole.reshape(rows, _BLOCK, columns, _BLOCK, 3)
        blocks = (blocks - blocks.mean(axis=(1, 3), keepdims=True)) * window
        return np.fft.rfft2(blocks, axes=(1, 3))

    def products(first: NDArray[Any], second: NDArray[Any]) -> Floats:
        sums = (first * second.conj()).real.sum(axis=(0, 2, 4)).ravel()
        return np.bincount(band, sums, len(_BANDS) + 1)[1:-1].astype(np.float64)

    c, n, d = spectra(clean), spectra(noisy.astype(np.int16) - clean), spectra(denoised)
    cc, nn, cn, dc, dn = (products(*each) for each in ((c, c), (n, n), (c, n), (d, c), (d, n)))
    determinant = cc * nn - cn**2
    usable = np.where(determinant > 1e-9 * cc * nn, determinant, np.nan)
    return np.stack([dn * cc - dc * cn, dc * nn - dn * cn]) / usable


def _measure(noisy: Pixels8, denoised: Pixels8, clean: Pixels8) -> Measured:
    place = np.digitize(gradient(clean).ravel(), _EDGES) - 1
    pixels = np.bincount(place, minlength=len(_GRADIENTS)).astype(np.float64)
    errors = []
    for photo in (noisy, denoised):
        squares = np.square(photo.astype(np.float64) - clean).mean(axis=2).ravel()
        errors.append(np.bincount(place, squares, len(_GRADIENTS)) / np.where(pixels >= _ENOUGH, pixels, np.nan))
    measurable = min(clean.shape[:2]) >= metrics.SSIM_WINDOW
    return Measured(
        psnr=(metrics.psnr(clean, noisy), metrics.psnr(clean, denoised)),
        ssim=(metrics.ssim(clean, noisy), metrics.ssim(clean, denoised)) if measurable else (math.nan, math.nan),
        pixels=pixels / place.size,
        error=np.sqrt(errors),
        kept=kept(noisy, denoised, clean),
    )


def _denoised(noisy: Pixels8, name: str) -> Pixels8:
    is_grey = bool((noisy == noisy[..., :1]).all())
    return np.asarray(pipeline.denoise_photo(Photo(pixels=noisy, grey=is_grey), name).pixels, np.uint8)


# Numbers and sentences


def _summarise(
    pairs: Sequence[Pair], rows: Sequence[Mapping[str, Measured]], titles: Mapping[str, str]
) -> dict[str, Any]:
    columns: dict[str, Any] = {name: Measured._make(zip(*(row[name] for row in rows), strict=True)) for name in titles}
    of_noisy = next(iter(columns.values()))  # what is the same for every denoiser
    denoisers = {}
    for name, of in columns.items():
        noise_kept, detail_kept = over_pairs(of.kept, 50)
        denoisers[name] = {
            "title": titles[name],
            "psnr": over_pairs(of.psnr)[1],
            "ssim": over_pairs(of.ssim)[1],
            "worse": sum(after < before for before, after in of.psnr),
            **_by_gradient(np.array(of.error)),
            "noise_kept": noise_kept,
            "detail_kept": detail_kept,
        }
    return {
        "noisy": {"psnr": over_pairs(of_noisy.psnr)[0], "ssim": over_pairs(of_noisy.ssim)[0]},
        "gradient": {"value": _GRADIENTS, "edges": _EDGES[1:-1], "pixels": np.mean(of_noisy.pixels, axis=0)},
        "period": _PERIODS,
        "denoisers": denoisers,
        "pairs": [
            {"name": pair.name, "noisy": row[next(iter(row))].psnr[0], **{name: m.psnr[1] for name, m in row.items()}}
            for pair, row in zip(pairs, rows, strict=True)
        ],
    }


def _by_gradient(errors: Floats) -> dict[str, Floats]:
    """Geometric mean of the errors (photo, noisy and denoised, gradient), as a mean PSNR weighs them; gain in dB."""
    # Errors of nothing have no logarithm; equal photos say nothing about a denoiser.
    usable = (errors > 0).all(axis=1, keepdims=True)
    noisy, denoised = over_pairs(np.log10(np.where(usable, errors, np.nan)))
    return {"noisy_error": 10**noisy, "error": 10**denoised, "gain": 20 * (noisy - denoised)}


def _sentences(denoiser: _Study, result: _Study) -> Iterator[str]:
    """What the numbers say about one denoiser, in plain words."""
    title, noisy = denoiser["title"], result["noisy"]
    if None not in (noisy["psnr"], denoiser["psnr"]):
        changes = "raises" if denoiser["psnr"] >= noisy["psnr"] else "lowers"
        sentence = f"{title} {changes} the PSNR from {noisy['psnr']:.2f} to {denoiser['psnr']:.2f} dB"
        if None not in (noisy["ssim"], denoiser["ssim"]):
            sentence += f" (SSIM {noisy['ssim']:.3f} to {denoiser['ssim']:.3f})"
        photos = "photo" if result["photos"] == 1 else "photos"
        yield f"{sentence}, mean over {result['photos']} {photos}; {denoiser['worse']} became worse."
    value, share, gain = map(floats, (result["gradient"]["value"], result["gradient"]["pixels"], denoiser["gain"]))
    share = np.where(np.isfinite(gain), share, 0)
    gain = np.nan_to_num(gain)
    flat, texture = value < _FLAT, value > _TEXTURE
    if share[flat].any() and share[texture].any():
        said = [
            f"{'gains' if mean >= 0 else 'loses'} {abs(mean):.1f} dB"
            for mean in (np.average(gain[part], weights=share[part]) for part in (flat, texture))
        ]
        yield (
            f"{title} {said[0]} in flat areas (gradient below {_FLAT:.0f} level per pixel) and {said[1]} in texture "
            f"and on edges (above {_TEXTURE:.0f})."
        )
    if harmed := share[gain < 0].sum():
        yield f"{title} does harm at the gradients that {100 * harmed:.1f} % of the pixels have."
    elif share.any():
        yield f"{title} does no harm at any gradient."


# Figures


def _squares(pair: Pair, place: int, titles: Mapping[str, str]) -> tuple[Pixels8, list[list[str]]]:
    """Return the most detailed square of a photo, noisy, clean, and denoised by each, beside what that removed."""
    noisy, clean = (middle(photo, _MOST_SIDE) for photo in read_noisy_and_clean(pair, place))
    crop = plots.detailed_crop(clean, _CROP)
    deviation = float(np.std(noisy[crop].astype(float) - clean[crop]))
    factor = int(np.clip(32 / max(deviation, 1), 1, 8))  # noise of whatever strength is seen equally well
    pieces = [noisy[crop], clean[crop]]
    squares = [["Noisy", number(metrics.psnr(clean, noisy), 2, " dB")], ["Clean", ""]]
    for name, title in titles.items():
        denoised = _denoised(noisy, name)
        removed = 128 + factor * (noisy[crop].astype(int) - denoised[crop])
        pieces += [denoised[crop], np.clip(removed, 0, 255).astype(np.uint8)]
        squares += [[title, number(metrics.psnr(clean, denoised), 2, " dB")], ["What it removed", f"× {factor}"]]
    return np.concatenate(pieces, axis=1), squares


@plots.style()
def _draw_detail(result: _Study) -> Figure | None:
    denoisers = result["denoisers"].values()
    if not any(np.isfinite(floats(denoiser["gain"])).any() for denoiser in denoisers):
        return None
    figure, ((left, right), (below, beside)) = plots.panels(2, 2, height=6.4, height_ratios=[3, 1], sharex=True)
    x = floats(result["gradient"]["value"])
    left.plot(x, floats(next(iter(denoisers))["noisy_error"]), color=plots.ROLES["noisy"], marker="o", label="noisy")
    for denoiser, look in zip(denoisers, plots.SERIES, strict=False):
        options = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "label": denoiser["title"]}
        left.plot(x, floats(denoiser["error"]), **options)
        right.plot(x, floats(denoiser["gain"]), **options)
    left.set(title="Error", ylabel="root mean square error\n(levels)", xscale="log")
    left.set_ylim(bottom=0)
    right.set(title="Gain over the noisy photo", ylabel="gain (dB)")
    right.axhline(0, color="black", linewidth=1)
    low, high = right.get_ylim()
    right.set_ylim(min(low, -1), max(high, 1))
    right.text(0.98, 0.97, "helps", transform=right.transAxes, ha="right", va="top", color=plots.QUIET)
    right.text(0.02, 0.03, "does harm", transform=right.transAxes, ha="left", va="bottom", color=plots.QUIET)
    for axes in (below, beside):
        edges = np.array([0.2, *result["gradient"]["edges"], 45])
        axes.stairs(100 * floats(result["gradient"]["pixels"]), edges, fill=True, color="#BBBBBB")
        axes.set(xlabel="detail: gradient of the clean photo\n(levels per pixel)", xlim=(0.2, 45))
        axes.set_xticks([0.25, 1, 4, 16], ["0", "1", "4", "16"])
        axes.minorticks_off()
    below.set_ylabel("pixels\n(%)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure

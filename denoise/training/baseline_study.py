"""What a denoiser removes and what it smears: non-local means, and networks beside it, on pairs of photos.

A figure of PSNR says that a filter helps, not where. So the error is measured against the local detail of the clean
photo.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from denoise import catalogue, metrics, pipeline
from denoise.bundled import folder
from denoise.files import write_atomically
from denoise.image import Photo, PhotoError
from denoise.notation import number, set_title
from denoise.training import eda, markdown, plots
from denoise.training.datasets import Pair, PairedSet, Pixels8
from denoise.training.eda_measures import middle, over_pairs, plain
from denoise.training.progress import with_progress

SAMPLES_DIR = folder("samples")

_MOST_SIDE = 1024  # pixels of a photo that are denoised in each direction
_CROP, _SCALE = 150, 2  # pixels of an example, and how much each is enlarged
_EXAMPLES = 3
_EDGES = np.array([0, *2.0 ** np.arange(-1.5, 5.1, 0.5), np.inf])  # of gradient, in levels per pixel
_GRADIENTS = np.array([0.25, *2.0 ** np.arange(-1.25, 5.3, 0.5)])  # what stands for each bin
_FLAT, _TEXTURE = 1.0, 8.0  # gradient below, above
_ENOUGH = 200  # pixels of one gradient in a photo

_Floats = NDArray[np.float64]
_Study = Mapping[str, Any]


def sample_pairs() -> PairedSet:
    """Return the sample photos that come with the program as a set of pairs, called by their titles."""
    pairs = [
        Pair(e["title"], SAMPLES_DIR / e["noisy"], (SAMPLES_DIR / e["clean"],), e["name"], "simulated", e["iso"])
        for e in json.loads((SAMPLES_DIR / "samples.json").read_text("utf-8"))
    ]
    return PairedSet("samples", tuple(pairs), ())


def study(
    found: PairedSet,
    out: Path,
    denoisers: Sequence[str] = ("nlm",),
    *,
    title: str = "samples",
    pictures: bool = True,
    limit: int | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Study denoisers on a set of pairs and write a report: `README.md`, its figures, and `baseline.json`.

    Of a large photo the middle 1024×1024 pixels are taken.

    Args:
        found: The pairs, such as `sample_pairs()`; noise is synthesised where there is no noisy photo.
        out: Folder of the report; made if missing.
        denoisers: Names from `denoise.catalogue.denoiser_names`.
        title: What the set is called in the report.
        pictures: Show photographs; without them the report holds nothing but figures computed from them.
        limit: Take this many pairs, drawn at random but evenly over the set; `None` for all.
        report: Called with each line of the result.

    Returns:
        The content of `baseline.json`.

    Raises:
        ValueError: A denoiser is unknown, no pair can be read, or `limit` is less than 1.
        OSError: The report cannot be written.
    """
    known = catalogue.denoiser_names()
    if not denoisers or len(denoisers) > len(plots.SERIES):
        raise ValueError(f"Between 1 and {len(plots.SERIES)} denoisers can be studied. Received: {len(denoisers)}")
    if unknown := [name for name in denoisers if name not in known]:
        raise ValueError(f"There is no denoiser {unknown[0]!r}. Known denoisers: {', '.join(known)}.")
    titles = {name: known[name].title for name in denoisers}
    places, rows, problems = [], [], list(found.problems)
    for place in with_progress(eda.choose(len(found.pairs), limit), title):
        try:
            noisy, clean = _read(found.pairs[place], place)
        except (PhotoError, OSError) as error:
            problems.append(str(error))
            report(f"skipped: {error}")
            continue
        places.append(place)
        rows.append({name: _measure(noisy, _denoised(noisy, name), clean) for name in denoisers})
    if not rows:
        raise ValueError(f"No pair of {title} can be studied. " + (problems or ["The set is empty."])[-1])

    result = _summarise([found.pairs[place] for place in places], rows, titles, title=title, problems=problems)
    evenly = dict.fromkeys(np.linspace(0, len(rows) - 1, _EXAMPLES, dtype=int).tolist())
    examples = [places[row] for row in evenly] if pictures else []
    drawn: dict[str, tuple[Figure | None, str]] = {f"example-{n + 1}.png": (None, "") for n in range(_EXAMPLES)}
    for index, place in enumerate(examples, 1):
        drawn[f"example-{index}.png"] = (
            _draw_example(found.pairs[place], place, titles),
            f"{found.pairs[place].name}: what comes in, what comes out, what was taken away (where that is plain "
            "grey, nothing; where it shows outlines, detail was taken for noise), and the clean photo. Each pixel "
            "twice as large.",
        )
    drawn["detail.png"] = (
        _draw_detail(result),
        "Left: error against how much detail the clean photo has at a pixel (strength of its gradient). Right: the "
        "same as gain over the noisy photo: above the line the denoiser helps, below it does harm. Below: how many "
        "pixels have so much detail. Mean over the photos.",
    )
    result["plots"] = plots.save_all(drawn, out)
    write_atomically(out / "baseline.json", (json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n").encode())
    write_report(result, out)
    for sentence in result["sentences"]:
        report(f"- {sentence}")
    report(f"Report: {out / eda.REPORT}")
    return result


# Measuring


class Measured(NamedTuple):
    """One photo and one denoiser in numbers; what cannot be computed is nan.

    Attributes:
        psnr: Of the noisy and of the denoised photo, in dB.
        ssim: Of the noisy and of the denoised photo.
        pixels: (bins,), share of the pixels by gradient.
        error: (2, bins), root mean square error of noisy and denoised by gradient, in levels.
    """

    psnr: tuple[float, float]
    ssim: tuple[float, float]
    pixels: _Floats
    error: _Floats


def gradient(clean: Pixels8) -> _Floats:
    """Local strength of the gradient of a photo, in levels per pixel: how much detail there is.

    Root mean square over a Gaussian window of sigma 1.5 pixels, of the channels' mean; (H, W, 3) to (H, W).
    """
    steps = np.square(np.gradient(clean.mean(axis=2)))
    strength: _Floats = np.sqrt(gaussian_filter(steps.sum(axis=0), 1.5))
    return strength


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
    )


def _read(pair: Pair, place: int) -> tuple[Pixels8, Pixels8]:
    """Noisy and clean, of a large photo the middle."""
    noisy, clean = eda.read_noisy_and_clean(pair, place)
    return middle(noisy, _MOST_SIDE), middle(clean, _MOST_SIDE)


def _denoised(noisy: Pixels8, name: str) -> Pixels8:
    is_grey = bool((noisy == noisy[..., :1]).all())
    return np.asarray(pipeline.denoise_photo(Photo(pixels=noisy, grey=is_grey), name).pixels, np.uint8)


# Numbers and sentences


def _summarise(
    pairs: Sequence[Pair],
    rows: Sequence[Mapping[str, Measured]],
    titles: Mapping[str, str],
    *,
    title: str,
    problems: Sequence[str],
) -> dict[str, Any]:
    first = [next(iter(row.values())) for row in rows]  # what is the same for every denoiser
    result: dict[str, Any] = {
        "title": title,
        "photos": len(rows),
        "problems": problems,
        "noisy": _scores([(row.psnr[0], row.ssim[0]) for row in first]),
        "gradient": {"value": _GRADIENTS, "edges": _EDGES[1:-1], "pixels": np.mean([row.pixels for row in first], 0)},
        "denoisers": {
            name: {
                "title": titles[name],
                **_scores([(row[name].psnr[1], row[name].ssim[1]) for row in rows]),
                "worse": sum(row[name].psnr[1] < row[name].psnr[0] for row in rows),
                **_by_gradient([row[name] for row in rows]),
            }
            for name in titles
        },
        "pairs": [
            {"name": pair.name, "noisy": row[next(iter(row))].psnr[0], **{name: m.psnr[1] for name, m in row.items()}}
            for pair, row in zip(pairs, rows, strict=True)
        ],
    }
    rounded: dict[str, Any] = plain(result)
    rounded["sentences"] = [
        sentence for denoiser in rounded["denoisers"].values() for sentence in _sentences(denoiser, rounded)
    ]
    return rounded


def _scores(values: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Mean PSNR and SSIM; pairs of equal photos have no PSNR."""
    psnr, ssim = over_pairs(values)
    return {"psnr": float(psnr), "ssim": float(ssim)}


def _by_gradient(rows: Sequence[Measured]) -> dict[str, _Floats]:
    """Geometric mean of the error over the photos, as a mean PSNR weighs them, and the gain in dB."""
    errors = np.stack([row.error for row in rows])  # photo, (noisy, denoised), gradient
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
    value, share, gain = map(_shown, (result["gradient"]["value"], result["gradient"]["pixels"], denoiser["gain"]))
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


def _draw_example(pair: Pair, place: int, titles: Mapping[str, str]) -> Figure:
    noisy, clean = _read(pair, place)
    crop = plots.detailed_crop(clean, _CROP)
    deviation = float(np.std(noisy[crop].astype(float) - clean[crop]))
    factor = int(np.clip(32 / max(deviation, 1), 1, 8))  # noise of whatever strength is seen equally well
    rows, labels = [], []
    for name, title in titles.items():
        denoised = _denoised(noisy, name)
        removed = 128 + factor * (noisy[crop].astype(int) - denoised[crop])
        rows.append([noisy[crop], denoised[crop], np.clip(removed, 0, 255).astype(np.uint8), clean[crop]])
        scores = [number(metrics.psnr(clean, photo), 2, " dB") for photo in (noisy, denoised)]
        labels.append([scores[0], f"{title}, {scores[1]}", f"(noisy - denoised) × {factor}", ""])
    return plots.photo_grid(rows, columns=["noisy", "denoised", "removed", "clean"], labels=labels, scale=_SCALE)


def _shown(values: Any) -> _Floats:
    return np.array(values, np.float64)


@plots.style()
def _draw_detail(result: _Study) -> Figure | None:
    denoisers = result["denoisers"].values()
    if not any(np.isfinite(_shown(denoiser["gain"])).any() for denoiser in denoisers):
        return None
    figure, ((left, right), (below, beside)) = plots.panels(2, 2, height=6.4, height_ratios=[3, 1], sharex=True)
    x = _shown(result["gradient"]["value"])
    left.plot(x, _shown(next(iter(denoisers))["noisy_error"]), color=plots.ROLES["noisy"], marker="o", label="noisy")
    for denoiser, look in zip(denoisers, plots.SERIES, strict=False):
        options = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "label": denoiser["title"]}
        left.plot(x, _shown(denoiser["error"]), **options)
        right.plot(x, _shown(denoiser["gain"]), **options)
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
        axes.stairs(100 * _shown(result["gradient"]["pixels"]), edges, fill=True, color="#BBBBBB")
        axes.set(xlabel="detail: gradient of the clean photo\n(levels per pixel)", xlim=(0.2, 45))
        axes.set_xticks([0.25, 1, 4, 16], ["0", "1", "4", "16"])
        axes.minorticks_off()
    below.set_ylabel("pixels\n(%)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def write_report(result: _Study, out: Path) -> None:
    """Write the report from the content of `baseline.json`.

    Raises:
        OSError: It cannot be written.
    """
    rows = [
        [title, number(scores["psnr"], 2), number(scores["ssim"], 4)]
        for title, scores in [
            ("Noisy", result["noisy"]),
            *((each["title"], each) for each in result["denoisers"].values()),
        ]
    ]
    blocks = [markdown.bullets(result["sentences"]), markdown.table(["", "PSNR dB", "SSIM"], rows)]
    blocks.append(markdown.pictures(result["plots"]))
    if result["problems"]:
        blocks += ["## What was skipped", markdown.bullets(result["problems"])]
    blocks.append("Of photos above 1024×1024 pixels the middle was taken. All numbers: baseline.json.")
    markdown.write(out / eda.REPORT, f"What it removes, what it smears: {set_title(result['title'])}", *blocks)

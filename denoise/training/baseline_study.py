"""What a denoiser removes and what it smears: non-local means, and networks beside it, on pairs of photos.

A figure of PSNR says that a filter helps, not where. So the error is measured against the local detail of the clean
photo, and by the size of the structures, how much of the noise stays and how much of the detail.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from denoise import catalogue, metrics, pipeline
from denoise.bundled import folder
from denoise.files import write_atomically
from denoise.image import Photo, PhotoError
from denoise.notation import number, set_title
from denoise.training import eda, plots
from denoise.training.datasets import Pair, PairedSet, Pixels8
from denoise.training.eda_measures import ratio
from denoise.training.progress import with_progress

SAMPLES_DIR = folder("samples")

_MOST_SIDE = 1024  # pixels of a photo that are denoised in each direction
_CROP, _SCALE = 150, 2  # pixels of an example, and how much each is enlarged
_EXAMPLES = 3
_EDGES = np.array([0, *2.0 ** np.arange(-1.5, 5.1, 0.5), np.inf])  # of gradient, in levels per pixel
_GRADIENTS = np.array([0.25, *2.0 ** np.arange(-1.25, 5.3, 0.5)])  # what stands for each bin
_FLAT, _TEXTURE = 1.0, 8.0  # gradient below, above
_ENOUGH = 200  # pixels of one gradient in a photo
_BLOCK = 64  # pixels, for spectra
_BANDS = 2.0 ** np.arange(-5.25, -0.7, 0.5)  # edges, in cycles per pixel
_PERIODS = 2.0 ** np.arange(5, 0.9, -0.5)  # pixels; centres of the bands

_Floats = NDArray[np.float64]
_Study = Mapping[str, Any]


def sample_pairs(folder: Path = SAMPLES_DIR) -> PairedSet:
    """Return the sample photos that come with the program as a set of pairs, called by their titles.

    Raises:
        FileNotFoundError: The folder holds no samples.
    """
    entries = json.loads((folder / "samples.json").read_text("utf-8"))
    pairs = [
        Pair(e["title"], folder / e["noisy"], (folder / e["clean"],), e["name"], "simulated", e["iso"]) for e in entries
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
    """Study denoisers on a set of pairs and write a report: `index.html`, its figures, and `baseline.json`.

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
    titles = _titles(denoisers)
    places, rows, problems = [], [], list(found.problems)
    for place in with_progress(eda.choose(len(found.pairs), limit), title):
        try:
            noisy, clean = _middle(*eda.read_noisy_and_clean(found.pairs[place], place))
        except (PhotoError, OSError) as error:
            problems.append(str(error))
            report(f"skipped: {error}")
            continue
        places.append(place)
        rows.append({name: _measure(noisy, _denoised(noisy, name), clean) for name in denoisers})
    if not rows:
        raise ValueError(f"No pair of {title} can be studied. " + (problems or ["The set is empty."])[-1])

    result = _summarise([found.pairs[place] for place in places], rows, titles, title=title, problems=problems)
    drawn: dict[str, tuple[Figure | None, str]] = {}
    evenly = [places[row] for row in dict.fromkeys(np.linspace(0, len(rows) - 1, _EXAMPLES, dtype=int).tolist())]
    for example in range(_EXAMPLES):
        place = evenly[min(example, len(evenly) - 1)]
        drawn[f"example-{example + 1}.png"] = (
            _draw_example(found.pairs[place], place, titles) if pictures and example < len(evenly) else None,
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
    drawn["frequency.png"] = (
        _draw_frequency(result),
        "How much of the noise and how much of the detail is left, by the size of the structure: at 2 pixels the "
        "finest that a photo can hold. A perfect denoiser would keep 0 % and 100 %; where noise drowns the detail, "
        "even the best guess keeps little of it. Median over the photos.",
    )
    result["plots"] = plots.save_all(drawn, out)
    write_atomically(out / "baseline.json", (json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n").encode())
    plots.save_page(out / "index.html", f"What it removes, what it smears: {set_title(title)}", _page(result))
    for sentence in result["sentences"]:
        report(f"- {sentence}")
    report(f"Report: {out / 'index.html'}")
    return result


def _titles(denoisers: Sequence[str]) -> dict[str, str]:
    known = catalogue.denoiser_names()
    if not denoisers or len(denoisers) > len(plots.SERIES):
        raise ValueError(f"Between 1 and {len(plots.SERIES)} denoisers can be studied. Received: {len(denoisers)}")
    for name in denoisers:
        if name not in known:
            raise ValueError(f"There is no denoiser {name!r}. Known denoisers: {', '.join(known)}.")
    return {name: known[name].title for name in denoisers}


# Measuring


class Measured(NamedTuple):
    """One photo and one denoiser in numbers; what cannot be computed is nan.

    Attributes:
        psnr: Of the noisy and of the denoised photo, in dB.
        ssim: Of the noisy and of the denoised photo.
        pixels: (bins,), share of the pixels by gradient.
        error: (2, bins), root mean square error of noisy and denoised by gradient, in levels.
        noise_kept: (bands,), amplitude of the noise in the denoised photo, 1 as in the noisy photo.
        detail_kept: (bands,), amplitude of the clean photo in the denoised photo, 1 as it should be.
    """

    psnr: tuple[float, float]
    ssim: tuple[float, float]
    pixels: _Floats
    error: _Floats
    noise_kept: _Floats
    detail_kept: _Floats


def gradient(clean: Pixels8) -> _Floats:
    """Local strength of the gradient of a photo, in levels per pixel: how much detail there is.

    Root mean square over a Gaussian window of sigma 1.5 pixels, of the channels' mean; (H, W, 3) to (H, W).
    """
    grey = clean.mean(axis=2)
    steps = [cv2.filter2D(grey, -1, np.array(kernel) / 2) for kernel in ([[-1.0, 0, 1]], [[-1.0], [0], [1]])]
    strength: _Floats = np.sqrt(cv2.GaussianBlur(steps[0] ** 2 + steps[1] ** 2, (0, 0), 1.5))
    return strength


def kept(noisy: Pixels8, denoised: Pixels8, clean: Pixels8) -> tuple[_Floats, _Floats]:
    """Split what a denoiser puts out into noise and detail, by spatial frequency.

    In each band, spectra of blocks of 64×64 pixels: denoised = a · noise + b · clean + what is neither, by least
    squares over all coefficients and channels.

    Args:
        noisy: Noisy photo, (H, W, 3).
        denoised: What the denoiser made of it, of the same shape.
        clean: Its reference, of the same shape.

    Returns:
        a and b for each band, coarse to fine; nan for photos smaller than a block and bands without noise or detail.
    """
    rows, columns = (side // _BLOCK for side in clean.shape[:2])
    frequency = np.hypot(np.fft.fftfreq(_BLOCK)[:, None], np.fft.rfftfreq(_BLOCK)[None])
    band = np.digitize(frequency, _BANDS).ravel()  # 0 below, len(_BANDS) above
    window = np.hanning(_BLOCK)[:, None] * np.hanning(_BLOCK)
    sums = np.zeros((5, len(_BANDS) + 1))
    for y, x in np.ndindex(rows, columns):
        place = np.s_[y * _BLOCK : (y + 1) * _BLOCK, x * _BLOCK : (x + 1) * _BLOCK]
        blocks = [photo[place].astype(np.float64) for photo in (clean, noisy, denoised)]
        blocks[1] -= blocks[0]
        c, n, d = (np.fft.rfft2((block - block.mean(axis=(0, 1))) * window[..., None], axes=(0, 1)) for block in blocks)
        for row, (first, second) in enumerate(((c, c), (n, n), (c, n), (d, c), (d, n))):
            power = (first * second.conj()).real.sum(axis=2).ravel()
            sums[row] += np.bincount(band, power, len(_BANDS) + 1)
    cc, nn, cn, dc, dn = sums[:, 1:-1]
    determinant = cc * nn - cn**2
    usable = np.where(determinant > 1e-9 * cc * nn, determinant, 0)
    return ratio(dn * cc - dc * cn, usable), ratio(dc * nn - dn * cn, usable)


def _measure(noisy: Pixels8, denoised: Pixels8, clean: Pixels8) -> Measured:
    place = np.digitize(gradient(clean).ravel(), _EDGES) - 1
    pixels = np.bincount(place, minlength=len(_GRADIENTS)).astype(np.float64)
    errors = []
    for photo in (noisy, denoised):
        squares = np.square(photo.astype(np.float64) - clean).mean(axis=2).ravel()
        errors.append(ratio(np.bincount(place, squares, len(_GRADIENTS)), pixels * (pixels >= _ENOUGH)))
    measurable = min(clean.shape[:2]) >= metrics.SSIM_WINDOW
    noise_kept, detail_kept = kept(noisy, denoised, clean)
    return Measured(
        psnr=(metrics.psnr(clean, noisy), metrics.psnr(clean, denoised)),
        ssim=(metrics.ssim(clean, noisy), metrics.ssim(clean, denoised)) if measurable else (math.nan, math.nan),
        pixels=pixels / place.size,
        error=np.sqrt(errors),
        noise_kept=noise_kept,
        detail_kept=detail_kept,
    )


def _middle(noisy: Pixels8, clean: Pixels8) -> tuple[Pixels8, Pixels8]:
    top, left = (max(0, side - _MOST_SIDE) // 2 for side in clean.shape[:2])
    middle = np.s_[top : top + _MOST_SIDE, left : left + _MOST_SIDE]
    return np.ascontiguousarray(noisy[middle]), np.ascontiguousarray(clean[middle])


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
        "period": _PERIODS,
        "denoisers": {
            name: {
                "title": titles[name],
                **_scores([(row[name].psnr[1], row[name].ssim[1]) for row in rows]),
                "worse": sum(row[name].psnr[1] < row[name].psnr[0] for row in rows),
                **_by_gradient([row[name] for row in rows]),
                "noise_kept": eda.over_pairs(np.stack([row[name].noise_kept for row in rows]), 50),
                "detail_kept": eda.over_pairs(np.stack([row[name].detail_kept for row in rows]), 50),
            }
            for name in titles
        },
        "pairs": [
            {"name": pair.name, "noisy": row[next(iter(row))].psnr[0], **{name: m.psnr[1] for name, m in row.items()}}
            for pair, row in zip(pairs, rows, strict=True)
        ],
    }
    plain: dict[str, Any] = eda.plain(result)
    plain["sentences"] = [
        sentence for name in plain["denoisers"] for sentence in _sentences(plain["denoisers"][name], plain)
    ]
    return plain


def _scores(values: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Mean PSNR and SSIM; pairs of equal photos have no PSNR."""
    psnr, ssim = eda.over_pairs(np.array(values))
    return {"psnr": float(psnr), "ssim": float(ssim)}


def _by_gradient(rows: Sequence[Measured]) -> dict[str, _Floats]:
    """Geometric mean of the error over the photos, as a mean PSNR weighs them, and the gain in dB."""
    errors = np.stack([row.error for row in rows])  # photo, (noisy, denoised), gradient
    # Errors of nothing have no logarithm; equal photos say nothing about a denoiser.
    usable = (errors > 0).all(axis=1, keepdims=True)
    noisy, denoised = eda.over_pairs(np.log10(np.where(usable, errors, np.nan)))
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
    curve = [
        (value, share, gain)
        for value, share, gain in zip(
            result["gradient"]["value"], result["gradient"]["pixels"], denoiser["gain"], strict=True
        )
        if gain is not None
    ]
    flat = [(gain, share) for value, share, gain in curve if value < _FLAT and share]
    texture = [(gain, share) for value, share, gain in curve if value > _TEXTURE and share]
    if flat and texture:
        gains = [
            sum(gain * share for gain, share in part) / sum(share for _, share in part) for part in (flat, texture)
        ]
        said = [f"{'gains' if gain >= 0 else 'loses'} {abs(gain):.1f} dB" for gain in gains]
        yield (
            f"{title} {said[0]} in flat areas (gradient below {_FLAT:.0f} level per pixel) and {said[1]} in texture "
            f"and on edges (above {_TEXTURE:.0f})."
        )
    harmed = sum(share for _, share, gain in curve if gain < 0)
    if curve and harmed:
        yield f"{title} does harm at the gradients that {100 * harmed:.1f} % of the pixels have."
    elif curve:
        yield f"{title} does no harm at any gradient."
    for size, low, high in (("fine", 0, 4), ("coarse", 12, math.inf)):
        numbers = [
            (noise, detail)
            for period, noise, detail in zip(
                result["period"], denoiser["noise_kept"], denoiser["detail_kept"], strict=True
            )
            if low < period <= high and None not in (noise, detail)
        ]
        if numbers:
            noise, detail = (100 * np.mean(column) for column in zip(*numbers, strict=True))
            span = f"up to {high:.0f} pixels" if size == "fine" else f"above {low:.0f} pixels"
            yield (
                f"Of {size} structures ({span}) {title} keeps {detail:.0f} % of the detail and {noise:.0f} % of the "
                "noise."
            )


# Figures


def _draw_example(pair: Pair, place: int, titles: Mapping[str, str]) -> Figure:
    noisy, clean = _middle(*eda.read_noisy_and_clean(pair, place))
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


@plots.style()
def _draw_frequency(result: _Study) -> Figure | None:
    denoisers = result["denoisers"].values()
    if not any(np.isfinite(_shown(denoiser["noise_kept"])).any() for denoiser in denoisers):
        return None
    figure, (axes_row,) = plots.panels(1, 2, height=5.0, sharey=True)
    for axes, key, title in zip(
        axes_row, ("noise_kept", "detail_kept"), ("Noise that stays", "Detail that stays"), strict=True
    ):
        for denoiser, look in zip(denoisers, plots.SERIES, strict=False):
            axes.plot(
                result["period"],
                100 * _shown(denoiser[key]),
                **{"color": look.colour, "linestyle": look.line, "marker": look.marker, "label": denoiser["title"]},
            )
        axes.axhline(0 if key == "noise_kept" else 100, color="black", linewidth=1)
        axes.set(title=title, xscale="log", xlabel="size of the structure (period in pixels)")
        axes.set_xticks([32, 16, 8, 4, 2], ["32", "16", "8", "4", "2"])
        axes.minorticks_off()
        axes.set_xlim(40, 1.7)
    axes_row[0].set_ylabel("amplitude (%)")
    axes_row[0].set_ylim(min(0, axes_row[0].get_ylim()[0]), max(105, axes_row[0].get_ylim()[1]))
    figure.legend(*axes_row[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _page(result: _Study) -> Iterator[str]:
    yield plots.list_block(result["sentences"])

    def cells(title: str, scores: _Study) -> list[str]:
        return [title, number(scores["psnr"], 2), number(scores["ssim"], 4)]

    rows = [cells("Noisy", result["noisy"])]
    rows += [cells(denoiser["title"], denoiser) for denoiser in result["denoisers"].values()]
    yield plots.table_block(["", "PSNR dB", "SSIM"], rows)
    yield from plots.picture_blocks(result["plots"])
    if result["problems"]:
        yield plots.heading_block("What was skipped")
        yield plots.list_block(result["problems"])
    yield plots.note_block("Of photos above 1024×1024 pixels the middle was taken. All numbers: baseline.json.")

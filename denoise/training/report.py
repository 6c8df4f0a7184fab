"""Tables, charts and crops from what `evaluate` and `quantize` wrote: no number comes from anywhere else."""

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from denoise import catalogue, metrics, pipeline, registry
from denoise.files import write_atomically
from denoise.image import Photo, decode
from denoise.notation import EQUAL, NONE, few_photos, infinite, number, scaled, set_and_size, set_title
from denoise.results import KERAS, Evaluated, Example, Machine, Mean, Quantised, Results, Scored
from denoise.training import markdown, plots
from denoise.training.baseline_study import sample_pairs
from denoise.training.datasets import Pair
from denoise.training.export import QUANTISATIONS, format_card

CHART = "quality-time.png"

_CROP_SIZE = 128  # pixels: whole blocks of a JPEG file


def report(results: Sequence[Path], out: Path) -> dict[str, str]:
    """Write `results.md`, `results.json` for the page, a chart of quality against time, and crops side by side.

    `results` are files of results: exactly one of `evaluate`, any number of `quantize`; an older `results.json` among
    them is passed over.

    Returns:
        Markdown tables by name, for `fill_tables`: "results", "quantisation", and "quantisation-NAME" of each
        network.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is none of results, or not exactly one is of `evaluate`.
    """
    read = [_read(path) for path in results]
    evaluated = [found for found in read if found["kind"] == "evaluate"]
    quantised = [found for found in read if found["kind"] == "quantize"]
    quantised.sort(key=lambda found: _place(found["name"]))
    if len(evaluated) != 1:
        raise ValueError(f"Exactly one file of results must be of `evaluate`. Received: {len(evaluated)}")
    sizes = {title: len(found["photos"]) for title, found in evaluated[0]["sets"].items()}
    of_networks = [quantisation_table(found, sizes) for found in quantised]
    tables = {"results": results_table(evaluated[0])}
    tables |= {f"quantisation-{found['name']}": table for found, table in zip(quantised, of_networks, strict=True)}

    plots.save(chart(evaluated[0]), out / CHART)
    examples = crops(sample_pairs().pairs, out)
    blocks = [tables["results"], "## Quality against time", markdown.pictures({CHART: _CHART_TEXT})]
    shown = {each["file"]: markdown.example(each) for each in examples}
    blocks += ["## Side by side", _CROPS_TEXT, markdown.pictures(shown)]
    if quantised:
        tables["quantisation"] = "\n\n".join(of_networks)
        blocks += ["## Quantisation", tables["quantisation"]]
    markdown.write(out / "results.md", "Results", *blocks)
    write_atomically(out / "results.json", format_card(_for_page(evaluated[0], quantised, examples)))
    return tables


_CHART_TEXT = (
    "Mean PSNR against the time for one 256×256 tile; bars: standard error of the mean gain over the noisy photos."
)
_CROPS_TEXT = "The most detailed square of each sample; PSNR is that of the whole photo."


def fill_tables(document: Path, tables: Mapping[str, str]) -> None:
    """Replace what stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->` by the table of that name.

    Raises:
        ValueError: If there are no markers, one has no counterpart, or one names no table; the file stays as it was.
    """
    text = document.read_text(encoding="utf-8")
    markers = re.findall(r"<!-- (/?)results:(.*?) -->", text)
    names = [name for slash, name in markers if not slash]
    if not names:
        raise ValueError(f"There is no <!-- results:NAME --> in {document}. Known names: {', '.join(tables)}")
    if markers != [marker for name in names for marker in (("", name), ("/", name))]:
        raise ValueError(
            f"Every <!-- results:NAME --> in {document} must be followed by its <!-- /results:NAME -->. "
            f"Received: {', '.join(slash + name for slash, name in markers)}"
        )
    if unknown := [name for name in names if name not in tables]:
        raise ValueError(
            f"There is no table for <!-- results:{unknown[0]} --> in {document}. Known names: {', '.join(tables)}"
        )
    text = re.sub(
        r"(<!-- results:(.*?) -->).*?(<!-- /results:\2 -->)",
        lambda found: f"{found[1]}\n{tables[found[2]]}\n{found[3]}",
        text,
        flags=re.DOTALL,
    )
    write_atomically(document, text.encode())


def results_table(evaluated: Evaluated) -> str:
    """The case study's table, for every denoiser: PSNR / SSIM on each set, parameters, file size, time for a tile.

    The best of each column is bold, the noisy photos aside.
    """
    denoisers, sets = _denoisers(evaluated), list(evaluated["sets"])
    seconds = evaluated["speed"]["seconds_per_tile"]
    columns, photos = [], []
    for title in sets:
        means = {name: denoiser["means"].get(title) for name, denoiser in denoisers.items()}
        rivals = [mean for name, mean in means.items() if mean and name != "noisy"]
        psnr = max((infinite(mean["psnr"]) for mean in rivals), default=None)
        ssim = max((mean["ssim"] for mean in rivals), default=None)
        columns.append([_quality(mean, None if name == "noisy" else (psnr, ssim)) for name, mean in means.items()])
        photos.append(set_and_size(title, len(evaluated["sets"][title]["photos"])))
        if title.endswith(" clean"):  # a photo without noise should come back as it was
            shifts = [mean and mean.get("colour_shift") for mean in means.values()]
            columns.append([number(shift, 2) for shift in shifts])
            photos.append("colour shift")
    columns.append(_least([denoiser.get("parameters") for denoiser in denoisers.values()], "{:,}"))
    columns.append(_least([scaled(denoiser.get("bytes"), 1e-6) for denoiser in denoisers.values()], "{:.2f} MB"))
    columns.append(_least([scaled(seconds.get(name), 1e3) for name in denoisers], "{:.0f} ms"))
    header = ["denoiser", *photos, "parameters", "file", "one tile"]
    rows = zip([_title(name, denoisers) for name in denoisers], *columns, strict=True)
    note = (
        f"PSNR in dB, of the photos that did not come back equal / SSIM, number of photos in brackets; bold: best of "
        f"the column. {evaluated['protocol']} "
        f"One tile: 256×256 pixels, LiteRT on {_machine(evaluated['speed']['machine'])}."
    )
    return f"{markdown.table(header, rows)}\n\n{note}"


def quantisation_table(quantised: Quantised, sizes: Mapping[str, int] | None = None) -> str:
    """What each quantisation of one network costs and gains, Keras in float32 first: a table of quality, one of cost.

    `sizes` is how many photos the sets have, where it was measured on a part of them.
    """
    formats, sets = quantised["formats"], quantised["sets"]
    order = [key for key in (KERAS, *QUANTISATIONS) if key in formats]
    counts = {title: (found["photos"], (sizes or {}).get(title, found["photos"])) for title, found in sets.items()}
    header = ["format"]
    for title, count in counts.items():
        header += [set_and_size(title, *count), "loss", "output against Keras"]
    keras, quality, costs = formats[KERAS], [], []
    for key in order:
        found, row = formats[key], [_format_title(key)]
        for title in sets:
            mean = found.get("sets", {}).get(title)
            row.append(_quality(mean))
            if mean is None or key == KERAS:
                row += [NONE, NONE]
            else:
                row += [number(mean["loss"], 2, " dB"), number(mean["difference"], 1, " dB", none=EQUAL)]
        quality.append(row)
        seconds = found.get("seconds_16_patches")
        compared = seconds / keras["seconds_16_patches"] if seconds and "seconds_16_patches" in keras else None
        costs.append(
            [
                _format_title(key),
                number(scaled(found.get("bytes"), 1e-6), 2, " MB"),
                number(found["bytes"] / keras["bytes"] if "bytes" in found else None, 2),
                number(scaled(found.get("seconds_per_tile"), 1e3), 0, " ms"),
                number(seconds, 2, " s"),
                number(compared, 2),
                number(found.get("seconds_photo"), 2, " s"),
                number(found.get("peak_memory_mb"), 0, " MB"),
            ]
        )
    cost_header = ["format", "file", "size / Keras", "one tile", "16 patches", "time / Keras"]
    cost_header += ["photo with overlap", "peak memory"]
    errors = [f"{_format_title(key)} failed: {formats[key]['error']}." for key in order if "error" in formats[key]]
    notes = [
        f"**{quantised['title']}**, {quantised['parameters']:,} parameters. PSNR in dB / SSIM, number of photos in "
        "brackets; loss: PSNR below that of Keras; output against Keras: PSNR between the two before rounding."
        + (f" {few}" if (few := few_photos(counts)) else ""),
        markdown.table(header, quality),
        markdown.table(cost_header, costs),
        "16 patches: a 1024×1024 photo in bare 256×256 patches, by Keras in one batch; photo with overlap: as the page "
        f"does it, tiles blended. Median of fresh processes on {_machine(quantised['machine'])}.",
        *errors,
    ]
    return "\n\n".join(notes)


@plots.style()
def chart(evaluated: Evaluated) -> Figure:
    """Draw mean PSNR against seconds for a tile, a panel for each set, each point with its name beside it."""
    denoisers = _denoisers(evaluated)
    seconds = evaluated["speed"]["seconds_per_tile"]
    shown = [name for name in denoisers if name in seconds]
    sets = list(evaluated["sets"])
    columns = math.ceil(math.sqrt(len(sets)))
    rows = math.ceil(len(sets) / columns)
    figure, axes = plots.panels(rows, columns, width=5 * columns + 1, height=3.7 * rows + 0.5, sharex=True)
    for title, ax in zip(sets, axes.flat, strict=False):
        for index, name in enumerate(shown):
            mean = denoisers[name]["means"].get(title)
            if mean is None or mean["psnr"] is None:
                continue
            look = plots.SERIES[index % len(plots.SERIES)]
            x, y, bar = 1000 * seconds[name], mean["psnr"], _standard_error(denoisers, name, title)
            ax.errorbar(x, y, bar, fmt=look.marker, color=look.colour, capsize=3, elinewidth=1.2, markersize=9)
            beside = {"xytext": (0, 0), "textcoords": "offset points", "va": "center"}
            ax.annotate(_title(name, denoisers), (x, y), **beside, fontsize=11, in_layout=False)
        noisy = denoisers["noisy"]["means"].get(title)
        about = "" if noisy is None else f"\nnoisy: {number(noisy['psnr'], 2, ' dB', none=EQUAL)}"
        ax.set_title(f"{set_title(title)}, {len(evaluated['sets'][title]['photos'])} photos{about}")
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(labelbottom=True)
        ax.margins(x=0.15, y=0.2)
    for ax in axes.flat[len(sets) :]:
        ax.set_visible(False)
    figure.supylabel("mean PSNR [dB]", fontsize=13)
    figure.supxlabel("time for one 256×256 tile [ms]", fontsize=13)
    figure.draw_without_rendering()  # so that places on the canvas are known
    for ax in axes.flat[: len(sets)]:
        _place_labels(ax)
    return figure


def _place_labels(ax: Axes) -> None:
    """Move each label beside its point, where it covers neither a point nor another label, if there is such a place."""
    labels = [text for text in ax.texts if isinstance(text, Annotation)]
    points = [ax.transData.transform(label.xy) for label in labels]
    taken = [Bbox.from_bounds(x - 10, y - 10, 20, 20) for x, y in points]
    places = [(x, y, align) for y in (0, 11, -11) for x, align in ((11, "left"), (-11, "right"))]
    places += [(0, y, "center") for y in (18, -18, 32, -32)]
    panel = ax.get_window_extent()
    for label in sorted(labels, key=lambda each: each.xy[0]):  # what is farthest left has the least room
        costs = []
        for x, y, align in places:
            label.set(position=(x, y), horizontalalignment=align)
            box = label.get_window_extent()
            outside = box.x0 < panel.x0 or box.x1 > panel.x1 or box.y0 < panel.y0 or box.y1 > panel.y1
            costs.append(sum(box.overlaps(other) for other in taken) + 2 * outside)
        x, y, align = places[costs.index(min(costs))]
        label.set(position=(x, y), horizontalalignment=align)
        taken.append(label.get_window_extent())


def crops(pairs: Sequence[Pair], out: Path, models: Path = registry.MODELS_DIR) -> list[Example]:
    """Write a detailed square of every pair to a picture: noisy, clean, and as each denoiser of `models` cleans it."""
    cards = registry.list_models(models)
    names = sorted(cards, key=_place)
    networks = [(registry.load_model(name, models), catalogue.describe(cards[name])) for name in names]
    titles = ["Noisy", "Clean", *(cards[name].title for name in names), "Non-local means"]
    examples: list[Example] = []
    for pair in pairs:
        noisy, clean = (decode(path.read_bytes()) for path in pair.files)
        photos: list[Photo] = [noisy, clean]
        photos += (pipeline.denoise_photo(noisy, each, info=info) for each, info in networks)
        photos.append(pipeline.denoise_photo(noisy, "nlm"))
        place = plots.detailed_crop(np.asarray(clean.pixels, np.uint8), _CROP_SIZE)
        file = f"crops-{pair.scene}.jpg"
        plots.save(np.concatenate([np.asarray(photo.pixels[place], np.uint8) for photo in photos], axis=1), out / file)
        said = [number(metrics.psnr(clean.pixels, photo.pixels), 2, " dB") for photo in photos]
        said[:2] = [f"ISO {pair.iso}, {said[0]}", ""]
        examples.append(
            {"name": pair.name, "file": file, "squares": [list(each) for each in zip(titles, said, strict=True)]}
        )
    return examples


def _read(path: Path) -> Evaluated | Quantised | Results:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of results: {path}. Run `evaluate` or `quantize` first.")
    try:
        found: Evaluated | Quantised | Results = json.loads(path.read_text(encoding="utf-8"))
        if found["kind"] not in ("evaluate", "quantize", "report"):
            raise KeyError
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"A file of results must be one that `evaluate` or `quantize` wrote. Received: {path}"
        ) from None
    return found


def _for_page(evaluated: Evaluated, quantised: Sequence[Quantised], examples: list[Example]) -> Results:
    """What the page shows: the means, without the scores of every photo."""
    denoisers, speed = _denoisers(evaluated), evaluated["speed"]
    return {
        "kind": "report",
        "protocol": evaluated["protocol"],
        "machine": speed["machine"],
        "sets": {
            name: {"title": set_title(name), "photos": len(found["photos"])}
            for name, found in evaluated["sets"].items()
        },
        "denoisers": {
            name: {
                "title": _title(name, denoisers),
                "parameters": denoiser.get("parameters"),
                "bytes": denoiser.get("bytes"),
                "seconds_per_tile": speed["seconds_per_tile"].get(name),
                "sets": denoiser["means"],
            }
            for name, denoiser in denoisers.items()
        },
        "quantisation": {
            found["name"]: {
                "machine": found["machine"],
                "parameters": found["parameters"],
                "sets": found["sets"],
                "formats": found["formats"],
            }
            for found in quantised
        },
        "examples": examples,
    }


def _denoisers(evaluated: Evaluated) -> dict[str, Scored]:
    """The denoisers in the order of all tables, see `_place`, noisy first."""
    found = evaluated["denoisers"]
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[bool, bool, int, str]:
    """Sort denoisers as the page lists them to be chosen from: the defaults, other networks, non-local means."""
    network = name.split(" ")[0]  # "ridnet best" follows "ridnet"
    return name != "noisy", name == "nlm", catalogue.place(network), name


def _title(name: str, denoisers: Mapping[str, Scored]) -> str:
    own = {"noisy": "Noisy", "nlm": "Non-local means"}
    return own.get(name) or str(denoisers[name]["title"])


def _format_title(key: str) -> str:
    return key if key == KERAS else f"TFLite {key}"


def _machine(about: Machine) -> str:
    return f"{about['processor']}, {about['cores']} cores, {about['threads']} threads, {about['date']}"


def _standard_error(denoisers: Mapping[str, Scored], name: str, title: str) -> float | None:
    """Standard error of the mean gain over the noisy photos; None where a photo has no PSNR, or there is one only."""
    noisy, denoised = (denoisers[key]["scores"][title] for key in ("noisy", name))
    pairs = [(noisy[photo][0], denoised[photo][0]) for photo in denoised if photo in noisy]
    gains = [after - before for before, after in pairs if before is not None and after is not None]
    if len(gains) < max(2, len(pairs)):
        return None
    return statistics.stdev(gains) / math.sqrt(len(gains))


def _quality(mean: Mean | None, best: tuple[float | None, float | None] | None = None) -> str:
    if mean is None:
        return NONE
    psnr, ssim = number(mean["psnr"], 2, none=EQUAL), number(mean["ssim"], 4)
    if best is not None:
        psnr = f"**{psnr}**" if infinite(mean["psnr"]) == best[0] else psnr
        ssim = f"**{ssim}**" if mean["ssim"] == best[1] else ssim
    equal = mean.get("equal") if mean["psnr"] is not None else 0
    return f"{psnr} / {ssim}" + (f", {equal} {EQUAL}" if equal else "")


def _least(values: Sequence[float | None], pattern: str) -> list[str]:
    """Cells of a column whose least value is the best."""
    least = min((value for value in values if value is not None), default=None)
    cells = [NONE if value is None else pattern.format(value) for value in values]
    return [
        f"**{cell}**" if value == least and value is not None else cell
        for value, cell in zip(values, cells, strict=True)
    ]

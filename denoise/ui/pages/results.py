"""Results: the story of the case study, told with the numbers that the training side measured."""

import csv
import html
import io
import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st
from PIL import Image as PillowImage
from streamlit.runtime import get_instance

from denoise import registry
from denoise.notation import few_photos, set_and_size, set_title
from denoise.results import KERAS, Format, Mean, Photos, Results
from denoise.ui import tables, texts
from denoise.ui.pages import results_words as words
from denoise.ui.tables import Column

RESULTS_DIR = registry.MODELS_DIR / "results"
TRAINING_LOG = registry.MODELS_DIR / "TRAINING.md"

STORY_CSS = Path(__file__).with_name("story.css")
_PROSE_WIDTH = 760  # pixels: about 90 letters, what a line may have to be read with ease
_CHART_HEIGHT = 420  # pixels

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def show() -> None:
    """Make the page from the files as they are now: a chapter that lacks its file says so, the others stay."""
    st.html(STORY_CSS)
    st.title(texts.PAGES["results"], anchor=False)
    prose(words.INTRO)
    st.markdown(" · ".join(f"[{title}](#{anchor})" for anchor, title in words.CHAPTERS.items()))
    for anchor, chapter in {
        "data": _data,
        "classical": _classical,
        "networks": _networks,
        "quantisation": _quantisation,
        "training": _training,
    }.items():
        st.header(words.CHAPTERS[anchor], anchor=anchor)
        chapter()


def prose(text: str) -> None:
    """Place a paragraph, no wider than is read with ease."""
    st.markdown(text, width=_PROSE_WIDTH)


# Chapters


def _data() -> None:
    prose(words.DATA_INTRO)
    files = sorted((RESULTS_DIR / "eda").glob("*/eda.json"))
    if not files:
        st.info(words.unreadable("eda.json"))
    analyses = {path: found for path in files if (found := _read(path, _analysis)) is not None}
    if facts := list(analyses.values()):
        _table(_noise_columns(facts), "noise", words.NOISE_TABLE)
        st.caption(words.NOISE_TABLE_NOTE)
        for name, heading, sentence in (
            ("quality", words.HOW_NOISY, words.how_noisy([(each["title"], each["psnr"]) for each in facts])),
            ("level", words.WHERE_NOISY, words.where_noisy([(each["title"], each["sigma"][1]) for each in facts])),
            ("correlation", words.GRAIN, words.grain([(each["title"], each["lag"][1]) for each in facts])),
        ):
            _plate(RESULTS_DIR / "eda" / f"compare-{name}.png", heading, sentence, words.COMPARISONS[name])
    for path, analysis in analyses.items():
        with st.expander(words.set_in_detail(analysis["title"], analysis["pairs"])):
            prose("\n".join(f"- {sentence}" for sentence in analysis["sentences"]))
            for file, caption in analysis["plots"].items():
                _plate(path.with_name(file), words.PLOTS.get(file, file), caption)


def _classical() -> None:
    prose(words.CLASSICAL_INTRO)
    path = RESULTS_DIR / "baseline" / "baseline.json"
    found = _read(path, _study)
    if found is None:
        return
    sentences, plots = found
    prose("\n".join(f"- {sentence}" for sentence in sentences))
    examples = [file for file in plots if file not in words.PLOTS_OF_FILTER]
    for file in (*examples[:1], *words.PLOTS_OF_FILTER):
        if file in plots:
            _plate(path.with_name(file), words.PLOTS_OF_FILTER.get(file, words.EXAMPLE), plots[file])
    if examples[1:]:
        with st.expander(words.MORE_EXAMPLES):
            for file in examples[1:]:
                _plate(path.with_name(file), words.EXAMPLE, plots[file])


def _networks() -> None:
    prose(words.NETWORKS_INTRO)
    prose(words.PSNR_AND_SSIM)
    path = RESULTS_DIR / "results.json"
    columns = _read(path, _quality_columns)
    if columns is None:
        return
    _table(columns, "results", words.QUALITY_TABLE)
    if note := _read(path, lambda results: words.protocol(results["protocol"], results["machine"])):
        st.caption(note)
    st.subheader(words.CHART_HEADING, anchor=False)
    if sets := _read(path, _points):
        _chart(sets)
    _plate(RESULTS_DIR / "crops.png", words.CROPS_HEADING, words.CROPS, words.CROPS_NOTE)


def _quantisation() -> None:
    prose(words.QUANTISATION_INTRO)
    for name, title, columns, gain, note in _read(RESULTS_DIR / "results.json", _quantised) or ():
        _table(columns, f"quantisation-{name}", words.quantisation_table(title))
        if gain:
            prose(gain)
        st.caption(note)


def _training() -> None:
    prose(words.TRAINING_INTRO)
    if runs := sorted((RESULTS_DIR / "curves").glob("*.csv")):
        _curves(runs)
    try:
        log = TRAINING_LOG.read_text("utf-8")
    except (OSError, ValueError):
        st.info(words.unreadable(TRAINING_LOG.name))
        return
    with st.expander(words.TRAINING_LOG):
        # Its own title is the expander's, and its sections come one level below the chapter.
        prose("\n".join(f"#{line}" if line.startswith("##") else line for line in log.splitlines()[1:]))


# Files


def _read(path: Path, parse: Callable[[Any], _T]) -> _T | None:
    """Return what `parse` takes from a JSON file, or say in place that the file is missing or not as it should be."""
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        _log.warning("%s is missing or damaged", path, exc_info=True)
        st.info(words.unreadable(path.name))
        return None


def _analysis(found: Any) -> dict[str, Any]:
    facts = found["set"]
    return {
        "title": words.SETS.get(facts["title"], facts["title"]),
        "pairs": int(facts["analysed"]),
        "psnr": _infinite(found["psnr"]["mean"]),
        "ssim": float(found["ssim"]["mean"]),
        "sigma": [float(value) for value in found["sigma"]["median"]],
        "lag": [float(row[0]) for row in found["lag"]["mean"]],
        "sentences": [str(sentence) for sentence in found["sentences"]],
        "plots": dict(found["plots"]),
    }


def _study(found: Any) -> tuple[list[str], dict[str, str]]:
    return [str(sentence) for sentence in found["sentences"]], dict(found["plots"])


def _noise_columns(analyses: Sequence[dict[str, Any]]) -> list[Column]:
    def take(key: str, channel: int | None = None) -> list[Any]:
        return [each[key] if channel is None else each[key][channel] for each in analyses]

    return [
        tables.names(words.PHOTOS, take("title")),
        tables.counts(words.PAIRS, take("pairs")),
        tables.figures(words.psnr_of(), take("psnr"), 2, words.PSNR_COLUMN_HELP),
        tables.figures(words.ssim_of(), take("ssim"), 4, words.SSIM_COLUMN_HELP),
        *(tables.figures(words.noise_in(c), take("sigma", i), 1, words.SIGMA_HELP) for i, c in _CHANNELS),
        *(tables.figures(words.grain_in(c), take("lag", i), 2, words.GRAIN_HELP) for i, c in _CHANNELS),
    ]


_CHANNELS = tuple(enumerate(words.CHANNELS))


def _quality_columns(results: Results) -> list[Column]:
    denoisers = list(results["denoisers"].values())
    # Time and size first: they are half of the story, and a table this wide is cut off at the right.
    columns = [
        tables.names(words.DENOISER, [str(each["title"]) for each in denoisers]),
        tables.figures(
            words.TILE_MS, [_scaled(each.get("seconds_per_tile"), 1e3) for each in denoisers], 0, words.TILE_HELP
        ),
        tables.figures(words.FILE_MB, [_scaled(each.get("bytes"), 1e-6) for each in denoisers], 2),
    ]
    for key, about in results["sets"].items():
        means = [each["sets"].get(key) for each in denoisers]
        columns += _quality_of(set_and_size(key, int(about["photos"])), means, words.measured_on(about["photos"]))
        shifts = [each and each.get("colour_shift") for each in means]
        # Interesting where there is no noise: such a photo should come back as it was.
        if key.endswith(" clean") and any(shift is not None for shift in shifts):
            columns.append(tables.figures(words.shift_of(set_title(key)), shifts, 2, words.SHIFT_HELP))
    parameters = [each.get("parameters") for each in denoisers]
    return [*columns, tables.counts(words.PARAMETERS, parameters, words.PARAMETERS_HELP)]


def _quality_of(title: str, means: Sequence[Mean | None], photos: str) -> list[Column]:
    return [
        tables.figures(words.psnr_of(title), [_psnr(each) for each in means], 2, words.PSNR_COLUMN_HELP + photos),
        tables.figures(
            words.ssim_of(title), [each and each["ssim"] for each in means], 4, words.SSIM_COLUMN_HELP + photos
        ),
    ]


def _points(results: Results) -> dict[str, dict[str, Any]]:
    """Take the points of the chart: by set its title, what doing nothing scores, and each denoiser's place."""
    sets = {}
    for key, about in results["sets"].items():
        means = {name: mean for name, each in results["denoisers"].items() if (mean := each["sets"].get(key))}
        points = [
            {
                "title": str(each["title"]),
                "ms": 1000 * seconds,
                "psnr": float(psnr),
                "kind": words.FILTER if name == "nlm" else words.NETWORK,
            }
            for name, each in results["denoisers"].items()
            if (seconds := each.get("seconds_per_tile")) and name in means and (psnr := means[name]["psnr"]) is not None
        ]
        noisy = means["noisy"]["psnr"] if "noisy" in means else None
        if points:
            sets[key] = {"title": str(about["title"]), "photos": int(about["photos"]), "noisy": noisy, "points": points}
    return sets


def _quantised(results: Results) -> list[tuple[str, str, list[Column], str, str]]:
    """Take of each network: name, title, table, the sentence on the format that is bundled, and the notes."""
    found = []
    for name, network in results["quantisation"].items():
        formats, sets = network["formats"], network["sets"]
        rows = list(formats.values())
        counts = {key: (about["photos"], _all_photos(results, key, about)) for key, about in sets.items()}

        def cells(key: str, factor: float = 1.0, rows: list[Format] = rows) -> list[float | None]:
            return [_scaled(cast("float | None", each.get(key)), factor) for each in rows]

        columns = [
            tables.names(words.FORMAT_COLUMN, [words.format_of(key) for key in formats]),
            tables.figures(words.FILE_MB, cells("bytes", 1e-6), 2),
            tables.figures(words.TILE_MS, cells("seconds_per_tile", 1e3), 0, words.TILE_HELP),
            tables.figures(words.PATCHES_S, cells("seconds_16_patches"), 2, words.PATCHES_HELP),
            tables.figures(words.PHOTO_S, cells("seconds_photo"), 2, words.PHOTO_HELP),
            tables.figures(words.MEMORY_MB, cells("peak_memory_mb"), 0, words.MEMORY_HELP),
        ]
        for key, (part, whole) in counts.items():
            means = [each.get("sets", {}).get(key) for each in rows]
            title = set_and_size(key, part, whole)
            columns += [
                *_quality_of(title, means, words.measured_on(part)),
                tables.figures(words.loss_of(title), [each and each.get("loss") for each in means], 2, words.LOSS_HELP),
            ]
        title = results["denoisers"][name]["title"] if name in results["denoisers"] else name
        failed = [
            words.format_failed(words.format_of(key), each["error"]) for key, each in formats.items() if "error" in each
        ]
        note = words.quantised(title, network["parameters"], few_photos(counts), network["machine"])
        gain = _gain(name, formats, *next(iter(counts.items()), ("", (0, 0))))
        found.append((str(name), str(title), columns, gain, " ".join([note, *failed])))
    return found


def _all_photos(results: Results, key: str, about: Photos) -> int:
    """How many photos of a set there are: as many as the denoisers were measured on."""
    return int(results["sets"].get(key, about)["photos"])


def _gain(name: str, formats: dict[str, Format], key: str, counts: tuple[int, int]) -> str:
    """Say what the bundled format gained over the network as it was trained; empty where that was not measured."""
    try:
        card = json.loads((registry.MODELS_DIR / f"{name}.json").read_text("utf-8"))
        bundled, trained = formats[card["quantisation"]], formats[KERAS]
        if (loss := bundled["sets"][key]["loss"]) is None:
            return ""
        return words.quantisation_gain(
            words.format_of(card["quantisation"]),
            trained["bytes"] / bundled["bytes"],
            trained["seconds_per_tile"] / bundled["seconds_per_tile"],
            loss,
            counts[0],
            set_title(key),
        )
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        return ""


def _psnr(mean: Mean | None) -> float | None:
    return None if mean is None else _infinite(mean["psnr"])


def _infinite(psnr: float | None) -> float:
    return math.inf if psnr is None else float(psnr)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


# Elements


def _table(columns: Sequence[Column], name: str, description: str) -> None:
    """Place a table, and the button that downloads it with its numbers unrounded."""
    tables.show(columns, description)
    text = io.StringIO(newline="")
    rows = [[column.name for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    csv.writer(text, lineterminator="\n").writerows(rows)
    _download(name, text.getvalue(), description)


def _download(name: str, text: str, description: str) -> None:
    st.download_button(
        words.DOWNLOAD_CSV,
        text,
        file_name=f"{name}.csv",
        mime="text/csv",
        on_click="ignore",
        key=f"{name}.csv",
        help=description,
        icon=":material/download:",
    )


def _plate(path: Path, heading: str, sentence: str, note: str = "") -> None:
    """Place a plot on its card beside what it says; `st.image` would resample it and leave its size open."""
    try:
        with PillowImage.open(path) as picture:
            width, height = picture.size
        url = get_instance().media_file_mgr.add(str(path), "image/png", f"plate {path}")
    except OSError:
        st.info(words.unreadable(path.name))
        return
    heading, sentence, note = (html.escape(text) for text in (heading, sentence, note))
    st.html(
        f'<figure class="plate"><figcaption><strong>{heading}</strong>{sentence}<small>{note}</small></figcaption>'
        f'<div class="card" tabindex="0" role="group" aria-label="{heading}">'
        # Relative, because the page may lie below a path.
        f'<img src=".{url}" width="{width}" height="{height}" alt="{note or sentence}" loading="lazy"></div></figure>'
    )


@st.fragment
def _chart(sets: dict[str, dict[str, Any]]) -> None:
    """Draw quality against time for the set that the visitor chooses."""
    key = st.segmented_control(
        words.CHART_SET,
        list(sets),
        format_func=lambda name: str(sets[name]["title"]),
        default=next(iter(sets)),
        required=True,
        key="set",
        bind="query-params",
    )
    chosen = sets[key]
    points = sorted(chosen["points"], key=lambda point: point["psnr"])
    description = words.chart(
        chosen["title"], chosen["photos"], chosen["noisy"], [(p["title"], p["ms"], p["psnr"]) for p in points]
    )
    from denoise.ui import charts

    st.altair_chart(charts.scatter(points, chosen["noisy"]), height=_CHART_HEIGHT, alt=description)


def _curves(runs: Sequence[Path]) -> None:
    """Draw the PSNR of a run over its steps, from the log that training wrote."""
    names = {path.stem: path for path in runs}
    name = st.segmented_control(
        words.RUN, list(names), default=next(iter(names)), required=True, key="run", bind="query-params"
    )
    try:
        log = names[name].read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(log)))
        points = [
            {"steps": int(row["steps"]), "psnr": float(row[key]), "photos": title}
            for key, title in words.CURVES.items()
            for row in rows
            if row[key] not in ("", "NA")
        ]
    except (OSError, ValueError, LookupError, TypeError):
        points = []
    if not points:
        st.info(words.unreadable(names[name].name))
        return
    from denoise.ui import charts

    st.altair_chart(charts.curves(points), height=_CHART_HEIGHT, alt=words.curves(name))
    _download(f"training-{name}", log, words.curves(name))

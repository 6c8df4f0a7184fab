"""Results: the story of the case study, told with the numbers that the training side measured."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import streamlit as st

from denoise import catalogue, registry
from denoise.notation import few_photos, infinite, scaled, set_and_size, set_title
from denoise.results import KERAS, Format, Mean, Results
from denoise.runtime import ModelError
from denoise.ui import texts
from denoise.ui.pages import elements, noise, story
from denoise.ui.pages import results_words as words

TRAINING_LOG = registry.MODELS_DIR / "TRAINING.md"


def show() -> None:
    """Make the page from the files as they are now: a chapter that lacks its file says so, the others stay."""
    st.title(texts.PAGES["results"], anchor=False)
    elements.prose(words.INTRO)
    st.markdown(" · ".join(f"[{title}](#{anchor})" for anchor, title in words.CHAPTERS.items()))
    for anchor, chapter in {
        "problem": story.problem,
        "data": story.data,
        "patches": story.patches,
        "noise": noise.analysis,
        "classical": noise.classical,
        "networks": story.networks,
        "training": _training,
        "results": _results,
        "quantisation": _quantisation,
        "deployment": story.deployment,
        "next": story.what_comes_next,
    }.items():
        st.header(words.CHAPTERS[anchor], anchor=anchor)
        chapter()


# Chapters


def _results() -> None:
    elements.prose(words.RESULTS_INTRO)
    path = elements.RESULTS_DIR / "results.json"
    columns = elements.read(path, _quality_columns)
    if columns is None:
        return
    elements.table(columns, "results", "Quality, size and time of each denoiser.")
    if note := elements.read(path, lambda found: f"{found['protocol']} Times: {words.machine(found['machine'])}."):
        st.caption(note)
    st.subheader(words.CHART_HEADING, anchor=False)
    if sets := elements.read(path, _points):
        _chart(sets)
    st.subheader(words.CROPS, anchor=False)
    elements.prose(words.CROPS_SENTENCE)
    elements.examples(elements.read(path, lambda found: list(found["examples"])) or (), path.parent, "crops")


def _quantisation() -> None:
    elements.prose(words.QUANTISATION_INTRO)
    for name, title, columns, gain, note in elements.read(elements.RESULTS_DIR / "results.json", _quantised) or ():
        elements.table(columns, f"quantisation-{name}", f"What each way of storing {title} costs and gains.")
        if gain:
            elements.prose(gain)
        st.caption(note)


def _training() -> None:
    elements.prose(words.TRAINING_INTRO)
    if runs := sorted((elements.RESULTS_DIR / "curves").glob("*.csv")):
        _curves(runs)
    try:
        log = TRAINING_LOG.read_text("utf-8")
    except (OSError, ValueError):
        st.info(words.unreadable(TRAINING_LOG.name))
        return
    with st.expander("The training log"):
        # Its own title is the expander's, and its sections come one level below the chapter.
        elements.prose("\n".join(f"#{line}" if line.startswith("##") else line for line in log.splitlines()[1:]))


# Files


def _quality_columns(results: Results) -> list[elements.Column]:
    denoisers = list(results["denoisers"].values())
    # Time and size first: they are half of the story, and a table this wide is cut off at the right.
    columns = [
        elements.row_names(words.DENOISER, [str(each["title"]) for each in denoisers]),
        elements.figures(
            words.TILE_MS, [scaled(each.get("seconds_per_tile"), 1e3) for each in denoisers], 0, words.TILE_HELP
        ),
        elements.figures(words.FILE_MB, [scaled(each.get("bytes"), 1e-6) for each in denoisers], 2),
    ]
    for key, about in results["sets"].items():
        means = [each["sets"].get(key) for each in denoisers]
        columns += _quality_of(set_and_size(key, int(about["photos"])), means, words.measured_on(about["photos"]))
        shifts = [each and each.get("colour_shift") for each in means]
        # Interesting where there is no noise: such a photo should come back as it was.
        if key.endswith(" clean") and any(shift is not None for shift in shifts):
            columns.append(elements.figures(words.SHIFT_COLUMN.format(set_title(key)), shifts, 2, words.SHIFT_HELP))
    parameters = [each.get("parameters") for each in denoisers]
    return [*columns, elements.counts(words.PARAMETERS, parameters, "Numbers that the network has learnt.")]


def _quality_of(title: str, means: Sequence[Mean | None], photos: str) -> list[elements.Column]:
    return [
        elements.figures(
            f"{title} PSNR", [each and infinite(each["psnr"]) for each in means], 2, words.PSNR_COLUMN_HELP + photos
        ),
        elements.figures(
            f"{title} SSIM", [each and each["ssim"] for each in means], 4, words.SSIM_COLUMN_HELP + photos
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


def _quantised(results: Results) -> list[tuple[str, str, list[elements.Column], str, str]]:
    """Take of each network: name, title, table, the sentence on the format that is bundled, and the notes."""
    found = []
    for name, network in results["quantisation"].items():
        formats, sets = network["formats"], network["sets"]
        rows = list(formats.values())
        # Of each set, how many photos were taken, and how many there are: those that the denoisers were measured on.
        counts = {key: (about["photos"], int(results["sets"].get(key, about)["photos"])) for key, about in sets.items()}

        def cells(key: str, factor: float = 1.0, rows: list[Format] = rows) -> list[float | None]:
            return [scaled(cast("float | None", each.get(key)), factor) for each in rows]

        columns = [
            elements.row_names("Stored as", [words.format_of(key) for key in formats]),
            elements.figures(words.FILE_MB, cells("bytes", 1e-6), 2),
            elements.figures(words.TILE_MS, cells("seconds_per_tile", 1e3), 0, words.TILE_HELP),
            elements.figures("16 patches, s", cells("seconds_16_patches"), 2, words.PATCHES_HELP),
            elements.figures("Photo, s", cells("seconds_photo"), 2, words.PHOTO_HELP),
            elements.figures("Memory, MB", cells("peak_memory_mb"), 0, "Most memory that the program held at once."),
        ]
        for key, (part, whole) in counts.items():
            means = [each.get("sets", {}).get(key) for each in rows]
            title = set_and_size(key, part, whole)
            columns += [
                *_quality_of(title, means, words.measured_on(part)),
                elements.figures(
                    f"{title} loss, dB", [each and each.get("loss") for each in means], 2, words.LOSS_HELP
                ),
            ]
        title = results["denoisers"][name]["title"] if name in results["denoisers"] else name
        failed = [
            f"{words.format_of(key)} failed: {each['error']}." for key, each in formats.items() if "error" in each
        ]
        note = words.quantised(title, network["parameters"], few_photos(counts), network["machine"])
        gain = _gain(name, formats, *next(iter(counts.items()), ("", (0, 0))))
        found.append((str(name), str(title), columns, gain, " ".join([note, *failed])))
    return found


def _gain(name: str, formats: dict[str, Format], key: str, counts: tuple[int, int]) -> str:
    """Say what the bundled format gained over the network as it was trained; empty where that was not measured."""
    try:
        quantisation = registry.model_card(name).quantisation
        bundled, trained = formats[quantisation], formats[KERAS]
        if (loss := bundled["sets"][key]["loss"]) is None:
            return ""
        return words.quantisation_gain(
            words.format_of(quantisation),
            trained["bytes"] / bundled["bytes"],
            trained["seconds_per_tile"] / bundled["seconds_per_tile"],
            loss,
            counts[0],
            set_title(key),
        )
    except (ModelError, LookupError, TypeError, ZeroDivisionError):
        return ""


# Elements


@st.fragment
def _chart(sets: dict[str, dict[str, Any]]) -> None:
    """Draw quality against time for the set that the visitor chooses."""
    titles = {name: str(each["title"]) for name, each in sets.items()}
    key = elements.one_of("Photos that are measured", titles, key="set", bind="query-params")
    chosen = sets[key]
    points = sorted(chosen["points"], key=lambda point: point["psnr"])
    description = words.chart(
        chosen["title"], chosen["photos"], chosen["noisy"], [(p["title"], p["ms"], p["psnr"]) for p in points]
    )
    from denoise.ui import charts

    st.altair_chart(charts.scatter(points, chosen["noisy"]), height=elements.CHART_HEIGHT, alt=description)


def _curves(runs: Sequence[Path]) -> None:
    """Draw a run over its steps, from the log that training wrote."""
    titles = catalogue.titles()
    order = {name: place for place, name in enumerate(titles)}
    names = {path.stem: path for path in sorted(runs, key=lambda path: order.get(path.stem, len(order)))}
    known = {name: titles.get(name, name) for name in names}
    name = elements.one_of("Training run", known, key="run", bind="query-params")
    try:
        log = names[name].read_text("utf-8")
    except (OSError, ValueError):
        log = ""
    rows = list(csv.DictReader(io.StringIO(log)))
    figure = "gain"
    if not rows or figure not in rows[0]:
        figure = elements.one_of("What is drawn", words.FIGURES, key="curve", bind="query-params")
    kinds = words.CURVES if figure == "psnr" else {figure: words.CURVES["psnr"]}
    try:
        points = [
            {"steps": int(row["steps"]), "value": float(row[key]), "photos": title}
            for key, title in kinds.items()
            for row in rows
            if row[key] not in ("", "NA")
        ]
    except (ValueError, LookupError, TypeError):
        points = []
    if not points:
        st.info(words.unreadable(names[name].name))
        return
    from denoise.ui import charts

    axis = words.CURVE_AXES[figure]
    about = words.curve(axis, known[name])
    st.altair_chart(charts.curves(points, axis), height=elements.CHART_HEIGHT, alt=about)
    st.caption(words.NO_LOG)
    elements.download(f"training-{name}", log, about)

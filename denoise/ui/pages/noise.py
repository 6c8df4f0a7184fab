"""Two chapters of the case study: what noise is like, and how far a classical filter gets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from denoise.notation import infinite
from denoise.ui.pages import elements
from denoise.ui.pages import results_words as words

_GREEN = 1
_SMALL = 320  # pixels: height of a chart of which there are many
_CHANNELS = tuple(enumerate(words.CHANNELS))


def analysis() -> None:
    """Make the chapter on the noise of each set of photos."""
    elements.prose(words.NOISE_INTRO)
    files = sorted((elements.RESULTS_DIR / "eda").glob("*/eda.json"))
    if not files:
        st.info(words.unreadable("eda.json"))
    sets = [found for path in files if (found := elements.read(path, analysis_of)) is not None]
    if not sets:
        return
    elements.table(_noise_columns(sets), "noise", words.NOISE_TABLE)
    st.caption(words.NOISE_TABLE_NOTE)
    titles = [each["title"] for each in sets]
    elements.chart(
        "How noisy the photos are",
        words.how_noisy([(each["title"], each["psnr"]) for each in sets]),
        _charts().ranges([{"set": each["title"], **each["range"]} for each in sets]),
        words.RANGES_NOTE,
        height=60 + 60 * len(sets),
    )
    elements.chart(
        "Where in a photo the noise is strong",
        words.where_noisy([(each["title"], each["sigma"][_GREEN]) for each in sets]),
        _charts().lines(
            [{"kind": each["title"], **row} for each in sets for row in each["levels"][_GREEN]],
            words.BRIGHTNESS_AXIS,
            words.LEVEL_AXIS,
            by=titles,
        ),
        words.LEVEL_NOTE,
    )
    elements.chart(
        "Grain, not white noise",
        words.grain([(each["title"], each["lag"][_GREEN]) for each in sets]),
        _charts().lines(
            [{"kind": each["title"], **row} for each in sets for row in each["grain"][_GREEN]],
            words.DISTANCE_AXIS,
            words.CORRELATION_AXIS,
            by=titles,
            marks=True,
        ),
        words.GRAIN_NOTE,
    )
    for each in sets:
        _in_detail(each)


@st.fragment  # so that opening it makes nothing else anew; until then, none of its charts is drawn
def _in_detail(found: dict[str, Any]) -> None:
    title = f"{found['title']}: {found['pairs']} pairs in detail"
    place = st.expander(title, key=f"set {found['title']}", on_change="rerun")
    if not place.open:
        return
    with place:
        elements.prose("\n".join(f"- {sentence}" for sentence in found["sentences"]))

        def coloured(rows: Sequence[Sequence[dict[str, float]]]) -> list[dict[str, Any]]:
            return [{"kind": channel, **row} for at, channel in _CHANNELS for row in rows[at]]

        drawings: list[tuple[tuple[str, str], Any]] = [
            (words.BRIGHTNESS, _brightness(found["pairs_found"])),
            (words.SINGLE, _charts().pairs(found["single"])),
            (words.LEVELS, _lines(coloured(found["levels"]), words.BRIGHTNESS_AXIS, words.LEVEL_AXIS)),
            (words.BIAS, _lines(coloured(found["bias"]), words.BRIGHTNESS_AXIS, "mean of the noise, levels")),
            (
                words.GRAINS,
                _lines(coloured(found["grain"]), words.DISTANCE_AXIS, words.CORRELATION_AXIS, marks=True),
            ),
        ]
        if cameras := found["cameras"]:
            kinds = sorted({row["kind"] for row in cameras})
            drawings.append(
                (words.CAMERAS, _charts().lines(cameras, words.BRIGHTNESS_AXIS, words.LEVEL_AXIS, by=kinds))
            )
        if groups := found["groups"]:
            drawings.append((words.GROUPS, _charts().bars(groups, words.LEVEL_AXIS)))
        for start in range(0, len(drawings), 2):
            for column, ((heading, sentence), drawn) in zip(st.columns(2), drawings[start : start + 2], strict=False):
                with column:
                    elements.chart(heading, sentence, drawn, height=_SMALL)


def _lines(rows: Sequence[dict[str, Any]], x: str, y: str, **options: Any) -> Any:
    return _charts().lines(rows, x, y, by=words.CHANNELS, **options)


def _brightness(pairs: Sequence[tuple[float, float]]) -> Any:
    edges = np.arange(0, 257, 16)
    rows = [
        {"kind": kind, "x": int(edge), "y": int(count)}
        for kind, means in zip(words.KINDS, zip(*pairs, strict=True), strict=True)
        for edge, count in zip(edges, [*np.histogram(means, edges)[0], 0], strict=True)
    ]
    return _charts().histogram(rows, "mean pixel value of the photo", "photos", words.KINDS)


def classical() -> None:
    """Make the chapter on non-local means."""
    elements.prose(words.CLASSICAL_INTRO)
    path = elements.RESULTS_DIR / "baseline" / "baseline.json"
    found = elements.read(path, study_of)
    if found is None:
        return
    elements.prose("\n".join(f"- {sentence}" for sentence in found["sentences"]))
    for (heading, sentence), rows, x, y in (
        (words.GAINS, found["gain"], "gradient, levels a pixel", "gain, dB"),
        (words.KEPT, found["kept"], "size of the structure, pixels", "share that is kept"),
    ):
        kinds = list(dict.fromkeys(row["kind"] for row in rows))
        elements.chart(heading, sentence, _charts().lines(rows, x, y, by=kinds, marks=True, logarithmic=True))
    elements.prose(f"**{words.LOOK}.** {words.LOOK_SENTENCE}")
    elements.examples(found["examples"], path.parent, "look")


def _charts() -> Any:
    from denoise.ui import charts

    return charts


# Files


def analysis_of(found: Any) -> dict[str, Any]:
    """Take what is drawn of an `eda.json`, see `denoise.training.eda.analyse`."""
    facts, level, lag = found["set"], found["level"], found["lag"]
    distances = range(1, len(lag["mean"][0]) + 1)
    single = [
        {
            "name": words.pair(each["name"], each["camera"], each["iso"]),
            "psnr": each["psnr"],
            "ssim": each["ssim"],
            "group": each["camera"] or words.PHOTOS,
        }
        for each in found["pairs"]
        if each["psnr"] is not None
    ]
    return {
        "title": words.SETS.get(facts["title"], facts["title"]),
        "pairs": int(facts["analysed"]),
        "psnr": infinite(found["psnr"]["mean"]),
        "ssim": float(found["ssim"]["mean"]),
        "range": {name: float(found["psnr"][name]) for name in ("p10", "p25", "median", "p75", "p90")},
        "sigma": [float(value) for value in found["sigma"]["median"]],
        "lag": [float(row[0]) for row in lag["mean"]],
        "levels": _channels(level["brightness"], level["median"], low=level["low"], high=level["high"]),
        "grain": _channels(distances, lag["mean"], low=lag["low"], high=lag["high"]),
        "bias": _channels(found["bias"]["brightness"], found["bias"]["mean"]),
        "single": single,
        "pairs_found": [(float(each["mean"][0]), float(each["mean"][1])) for each in found["pairs"]],
        "cameras": [
            {"kind": camera, "x": x, "y": y}
            for camera, values in found["cameras"].items()
            for x, y in zip(level["brightness"], values, strict=True)
            if y is not None
        ],
        "groups": [
            {"name": words.camera_and_iso(each["camera"], each["iso"]), "value": each["sigma"][_GREEN]}
            for each in found["groups"]
        ],
        "sentences": [str(sentence) for sentence in found["sentences"]],
    }


def _channels(xs: Sequence[float], ys: Any, **ranges: Any) -> list[list[dict[str, float]]]:
    """Return the points of each colour's curve; what is not known of it is left out."""
    return [
        [
            {"x": x, "y": y, **{name: values[at][number] for name, values in ranges.items()}}
            for number, (x, y) in enumerate(zip(xs, ys[at], strict=True))
            if y is not None
        ]
        for at, _ in _CHANNELS
    ]


def study_of(found: Any) -> dict[str, Any]:
    """Take what is drawn of a `baseline.json`, see `denoise.training.baseline_study.study`."""
    denoisers = found["denoisers"].values()
    kept = ((words.NOISE_KEPT, "noise_kept"), (words.DETAIL_KEPT, "detail_kept"))
    return {
        "sentences": [str(sentence) for sentence in found["sentences"]],
        "examples": list(found["examples"]),
        "gain": [
            {"kind": each["title"], "x": x, "y": y}
            for each in denoisers
            for x, y in zip(found["gradient"]["value"], each["gain"], strict=True)
            if y is not None
        ],
        "kept": [
            {"kind": name.format(title=each["title"]), "x": x, "y": y}
            for each in denoisers
            for name, key in kept
            for x, y in zip(found["period"], each[key], strict=True)
        ],
    }


def _noise_columns(analyses: Sequence[dict[str, Any]]) -> list[elements.Column]:
    def take(key: str, channel: int | None = None) -> list[Any]:
        return [each[key] if channel is None else each[key][channel] for each in analyses]

    return [
        elements.row_names(words.PHOTOS, take("title")),
        elements.counts(words.PAIRS, take("pairs")),
        elements.figures("PSNR", take("psnr"), 2, words.PSNR_COLUMN_HELP),
        elements.figures("SSIM", take("ssim"), 4, words.SSIM_COLUMN_HELP),
        *(elements.figures(f"Noise, {c}", take("sigma", i), 1, words.SIGMA_HELP) for i, c in _CHANNELS),
        *(elements.figures(f"Grain, {c}", take("lag", i), 2, words.GRAIN_HELP) for i, c in _CHANNELS),
    ]

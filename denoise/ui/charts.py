"""The charts of the case study. To be imported where one is drawn: Altair takes a second to load."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from denoise.notation import DECIBELS, number
from denoise.ui.pages import elements
from denoise.ui.pages import results_words as words

_LABEL_GAP = 0.055  # of the chart's height, between the names of two points
_NEAR = 0.6  # decades of time within which the names of two points could meet
_TICKS = [step * 10**power for power in range(5) for step in (1, 2, 5)]

# Told apart by people with any colour vision (Okabe and Ito), and light enough on dark, dark enough on light.
_CHANNELS = ["#d55e00", "#009e73", "#3d8fd1"]
_SETS = ["#d98200", "#3d8fd1", "#b5609a", "#5f9e3f"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]
# What a legend shows of a line: a piece.
_PIECE: dict[str, Any] = {"symbolType": "stroke", "symbolSize": 700, "symbolStrokeWidth": 2.5}
_LEGEND_LETTERS = 24  # that have room beside each other, on a phone

Rows = Sequence[Mapping[str, Any]]


def chart_of(rows: Rows) -> alt.Chart:
    """Return a chart of these points, on which nothing is drawn yet."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def coloured(field: str, names: Sequence[str], colours: Sequence[str], **legend: Any) -> alt.Color:
    """Colour points by a field, and tell above the chart which is which."""
    scale = alt.Scale(domain=list(names), range=list(colours))
    return alt.Color(field, title=None, legend=alt.Legend(orient="top", **legend), scale=scale)


def scatter(points: Rows, noisy: float | None) -> alt.LayerChart | alt.FacetChart:
    """Draw the PSNR of denoisers against their time, each with its name beside it.

    Args:
        points: `title`, `ms` for a tile, `psnr` and `kind` of each, in ascending order of PSNR.
        noisy: What doing nothing scores; `None` where that has no place.
    """
    every = [point["psnr"] for point in points] + ([] if noisy is None else [noisy])
    low, high = min(every), max(every)
    margin = 0.12 * (high - low) or 1.0
    first, last = (choice(point["ms"] for point in points) for choice in (min, max))
    time = alt.Scale(type="log", domain=[first / 1.5, last * 1.5], nice=False)

    # Each name stands beside its point, on the side of the middle, and moves up where it would cover a name or a point.
    placed: list[dict[str, Any]] = []
    for point in points:  # by PSNR, so the names below are placed already
        near = [each["label"] for each in placed if abs(math.log10(each["ms"] / point["ms"])) < _NEAR]
        gap = _LABEL_GAP * (high - low + 2 * margin)
        label = max([point["psnr"], *(each + gap for each in near)])
        left = point["ms"] > math.sqrt(first * last)
        for other in points:  # by PSNR, too
            away = math.log10(point["ms"] / other["ms"] if left else other["ms"] / point["ms"])
            if 0 < away < _NEAR and abs(label - other["psnr"]) < gap:
                label = other["psnr"] + gap
        placed.append({**point, "label": label, "left": left})

    top = max(high + margin, *(each["label"] for each in placed))
    scale = alt.Scale(domain=[low - margin, top], nice=False, zero=False)
    kinds, (accent, ink) = [words.NETWORK, words.FILTER], elements.colours()
    base = chart_of(placed).encode(
        x=alt.X("ms:Q", scale=time, title=words.TILE_AXIS, axis=alt.Axis(values=_TICKS, format="d"))
    )
    axis = alt.Axis(title=words.PSNR_AXIS, format=".1f")
    dots = base.mark_point(filled=True, size=150, opacity=1).encode(
        y=alt.Y("psnr:Q", scale=scale, axis=axis),
        color=coloured("kind:N", kinds, [accent, ink]),
        shape=alt.Shape("kind:N", title=None, scale=alt.Scale(domain=kinds, range=["circle", "diamond"])),
        tooltip=[
            alt.Tooltip("title:N", title=words.DENOISER),
            alt.Tooltip("psnr:Q", title=words.PSNR_AXIS, format=".2f"),
            alt.Tooltip("ms:Q", title=words.TILE_AXIS, format=".0f"),
        ],
    )
    layers: list[Any] = [dots]
    for left in (False, True):
        names = base.transform_filter(f"datum.left === {str(left).lower()}").mark_text(
            align="right" if left else "left", dx=-12 if left else 12, baseline="middle", fontSize=13, color=ink
        )
        layers.append(names.encode(y=alt.Y("label:Q", scale=scale, axis=axis), text="title:N"))
    if noisy is not None:
        line = chart_of([{"psnr": noisy, "title": f"noisy photo: {number(noisy, 2, DECIBELS)}"}])
        y = alt.Y("psnr:Q", scale=scale, axis=axis)
        layers += [
            line.mark_rule(strokeDash=[6, 4], opacity=0.7, color=ink).encode(y=y),
            line.mark_text(align="left", baseline="top", dy=6, fontSize=12, color=ink).encode(
                y=y, x=alt.value(8), text="title:N"
            ),
        ]
    return alt.layer(*layers)


def curves(points: Rows, axis: str) -> alt.Chart:
    """Draw a figure of a training run over its steps.

    Args:
        points: `steps`, `value`, and which `photos` it was measured on.
        axis: What the values are.
    """
    shown = [each for each in words.CURVES.values() if any(point["photos"] == each for point in points)]
    colours = [*reversed(elements.colours())][: len(shown)]
    marks = chart_of(points).mark_line(point=True)
    chart: alt.Chart = marks.encode(
        x=alt.X("steps:Q", title="training steps"),
        y=alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False)),
        tooltip=["photos:N", "steps:Q", alt.Tooltip("value:Q", format=".4~r")],
        color=coloured("photos:N", shown, colours, columns=1, **_PIECE),
        strokeDash=alt.StrokeDash("photos:N", title=None),
    )
    return chart


def ranges(rows: Rows) -> alt.LayerChart | alt.FacetChart:
    """Draw how noisy sets of photos are: a mark at the median, half of the pairs thick, 80 % thin.

    Args:
        rows: `set`, `p10`, `p25`, `median`, `p75`, `p90` of each.
    """
    names = alt.Axis(labelExpr="split(datum.label, ', ')", labelLimit=180)  # what follows a comma stands below
    base = chart_of(rows).encode(
        y=alt.Y("set:N", title=None, sort=None, axis=names), tooltip=_tips("set:N", "median:Q")
    )
    x = alt.Scale(zero=False)
    thin = base.mark_rule(strokeWidth=2).encode(x=alt.X("p10:Q", title=words.PSNR_AXIS, scale=x), x2="p90:Q")
    thick = base.mark_bar(size=12, opacity=0.6).encode(x="p25:Q", x2="p75:Q")
    accent, ink = elements.colours()
    middle = base.mark_tick(size=26, thickness=3, color=ink).encode(x="median:Q")
    return alt.layer(thin.encode(color=alt.value(ink)), thick.encode(color=alt.value(accent)), middle)


def lines(
    rows: Rows, x_title: str, y_title: str, *, by: Sequence[str], marks: bool = False, logarithmic: bool = False
) -> alt.LayerChart | alt.FacetChart:
    """Draw curves, with the range around each where it is known; one that is clicked in the legend stands out.

    Args:
        rows: `x`, `y`, `kind`, and where known `low` and `high`.
        x_title: What `x` is.
        y_title: What `y` is.
        by: The kinds, in their order.
        marks: Whether each point has a mark.
        logarithmic: Whether `x` is.
    """
    colours = _CHANNELS if list(by) == list(words.CHANNELS) else _SETS
    many = len(by) > len(colours)
    columns = max(1, _LEGEND_LETTERS // (max(map(len, by), default=0) + 3))
    legend = alt.Legend(orient="top", columns=columns, labelLimit=260, symbolOpacity=1, **_PIECE)
    picked = alt.selection_point(fields=["kind"], bind="legend")
    scale = alt.Scale(domain=list(by)) if many else alt.Scale(domain=list(by), range=colours[: len(by)])
    base = chart_of(rows).encode(
        x=alt.X(
            "x:Q",
            title=x_title,
            scale=alt.Scale(type="log" if logarithmic else "linear", nice=False),
            axis=alt.Axis(tickMinStep=1, format="~r"),
        ),
        color=alt.Color("kind:N", title=None, scale=scale, legend=legend),
        opacity=alt.condition(picked, alt.value(1), alt.value(0.15)),
    )
    curve = base.mark_line(point=marks).encode(
        y=alt.Y("y:Q", title=y_title),
        strokeDash=alt.value([1, 0]) if many else alt.StrokeDash("kind:N", title=None, scale=alt.Scale(range=_DASHES)),
        tooltip=_tips("kind:N", "x:Q", "y:Q"),
    )
    layers = [curve.add_params(picked)]
    if rows and "low" in rows[0]:
        band = base.mark_area().encode(
            y="low:Q", y2="high:Q", opacity=alt.condition(picked, alt.value(0.15), alt.value(0.03))
        )
        layers.insert(0, band)
    return alt.layer(*layers)


def pairs(rows: Rows) -> alt.Chart:
    """Draw PSNR and SSIM of single pairs; each tells what it is, and the chart can be zoomed.

    Args:
        rows: `name`, `psnr`, `ssim` and `group` of each.
    """
    groups = sorted({str(row["group"]) for row in rows})
    colour = (
        alt.Color("group:N", title=None, legend=alt.Legend(orient="top", columns=2, labelLimit=130))
        if len(groups) > 1
        else alt.value(elements.colours()[0])
    )
    marks = chart_of(rows).mark_circle(size=70, opacity=0.75)
    chart: alt.Chart = marks.encode(
        x=alt.X("psnr:Q", title=words.PSNR_AXIS, scale=alt.Scale(zero=False)),
        y=alt.Y("ssim:Q", title="SSIM", scale=alt.Scale(zero=False)),
        color=colour,
        tooltip=_tips("name:N", "psnr:Q", "ssim:Q"),
    )
    return chart.interactive()


def histogram(rows: Rows, x_title: str, y_title: str, kinds: Sequence[str]) -> alt.Chart:
    """Draw how often values occur, as steps.

    Args:
        rows: `x`, `y` and `kind`.
        x_title: What is counted.
        y_title: What it is counted in.
        kinds: In their order.
    """
    marks = chart_of(rows).mark_line(interpolate="step-after", strokeWidth=1.6)
    chart: alt.Chart = marks.encode(
        x=alt.X("x:Q", title=x_title),
        y=alt.Y("y:Q", title=y_title),
        color=coloured("kind:N", kinds, elements.colours(), **_PIECE),
        strokeDash=alt.StrokeDash("kind:N", title=None, scale=alt.Scale(domain=list(kinds), range=_DASHES)),
        tooltip=_tips("kind:N", "x:Q", "y:Q"),
    )
    return chart


def bars(rows: Rows, x_title: str) -> alt.Chart:
    """Draw a bar for each of some groups.

    Args:
        rows: `name` and `value` of each.
        x_title: What the values are.
    """
    marks = chart_of(rows).mark_bar(color=elements.colours()[0])
    chart: alt.Chart = marks.encode(
        x=alt.X("value:Q", title=x_title),
        y=alt.Y("name:N", title=None, sort="x", axis=alt.Axis(labelLimit=180)),
        tooltip=_tips("name:N", "value:Q"),
    )
    return chart


def _tips(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(field, format=".3~r") if field.endswith(":Q") else alt.Tooltip(field) for field in fields]

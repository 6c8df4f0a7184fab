"""The charts of the results. To be imported where one is drawn: Altair takes a second to load."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from denoise.ui import theme
from denoise.ui.pages import results_words as words

_LABEL_GAP = 0.055  # of the chart's height, between the names of two points
_NEAR = 0.6  # decades of time within which the names of two points could meet
_TICKS = [step * 10**power for power in range(5) for step in (1, 2, 5)]


Rows = Sequence[Mapping[str, Any]]


def chart_of(rows: Rows) -> alt.Chart:
    """Return a chart of these points, on which nothing is drawn yet."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def coloured(field: str, names: Sequence[str], colours: Sequence[str]) -> alt.Color:
    """Colour points by a field, and tell above the chart which is which."""
    scale = alt.Scale(domain=list(names), range=list(colours))
    return alt.Color(field, title=None, legend=alt.Legend(orient="top"), scale=scale)


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
    kinds, (accent, ink) = [words.NETWORK, words.FILTER], theme.colours()
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
        line = chart_of([{"psnr": noisy, "title": words.doing_nothing(noisy)}])
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
    chart: alt.Chart = (
        chart_of(points)
        .mark_line(point=True)
        .encode(
            x=alt.X("steps:Q", title=words.STEPS_AXIS),
            y=alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False)),
            tooltip=["photos:N", "steps:Q", alt.Tooltip("value:Q", format=".4~r")],
            color=coloured("photos:N", [*words.CURVES.values()], [*reversed(theme.colours())]),
            strokeDash=alt.StrokeDash("photos:N", title=None),
        )
    )
    return chart

"""The charts of what noise is like, and of the classical filter. To be imported where one is drawn, as `charts`."""

from collections.abc import Sequence

import altair as alt

from denoise.ui import theme
from denoise.ui.charts import Rows, chart_of, coloured
from denoise.ui.pages import results_words as words

# Told apart by people with any colour vision (Okabe and Ito), and light enough on dark, dark enough on light.
_CHANNELS = ["#d55e00", "#009e73", "#3d8fd1"]
_SETS = ["#d98200", "#3d8fd1", "#b5609a", "#5f9e3f"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]


def ranges(rows: Rows) -> alt.LayerChart | alt.FacetChart:
    """Draw how noisy sets of photos are: a mark at the median, half of the pairs thick, 80 % thin.

    Args:
        rows: `set`, `p10`, `p25`, `median`, `p75`, `p90` of each.
    """
    base = chart_of(rows).encode(
        y=alt.Y("set:N", title=None, sort=None, axis=alt.Axis(labelLimit=180)), tooltip=_tips("set:N", "median:Q")
    )
    x = alt.Scale(zero=False)
    thin = base.mark_rule(strokeWidth=2).encode(x=alt.X("p10:Q", title=words.PSNR_AXIS, scale=x), x2="p90:Q")
    thick = base.mark_bar(size=12, opacity=0.6).encode(x="p25:Q", x2="p75:Q")
    accent, ink = theme.colours()
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
    legend = alt.Legend(orient="top", columns=1, labelLimit=260, symbolOpacity=1)
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
        else alt.value(theme.colours()[0])
    )
    chart: alt.Chart = (
        chart_of(rows)
        .mark_circle(size=70, opacity=0.75)
        .encode(
            x=alt.X("psnr:Q", title=words.PSNR_AXIS, scale=alt.Scale(zero=False)),
            y=alt.Y("ssim:Q", title=words.SSIM_AXIS, scale=alt.Scale(zero=False)),
            color=colour,
            tooltip=_tips("name:N", "psnr:Q", "ssim:Q"),
        )
        .interactive()
    )
    return chart


def histogram(rows: Rows, x_title: str, y_title: str, kinds: Sequence[str]) -> alt.Chart:
    """Draw how often values occur, as steps.

    Args:
        rows: `x`, `y` and `kind`.
        x_title: What is counted.
        y_title: What it is counted in.
        kinds: In their order.
    """
    chart: alt.Chart = (
        chart_of(rows)
        .mark_line(interpolate="step-after", strokeWidth=1.6)
        .encode(
            x=alt.X("x:Q", title=x_title),
            y=alt.Y("y:Q", title=y_title),
            color=coloured("kind:N", kinds, theme.colours()),
            strokeDash=alt.StrokeDash("kind:N", title=None, scale=alt.Scale(domain=list(kinds), range=_DASHES)),
            tooltip=_tips("kind:N", "x:Q", "y:Q"),
        )
    )
    return chart


def bars(rows: Rows, x_title: str) -> alt.Chart:
    """Draw a bar for each of some groups.

    Args:
        rows: `name` and `value` of each.
        x_title: What the values are.
    """
    chart: alt.Chart = (
        chart_of(rows)
        .mark_bar(color=theme.colours()[0])
        .encode(
            x=alt.X("value:Q", title=x_title),
            y=alt.Y("name:N", title=None, sort="x", axis=alt.Axis(labelLimit=140)),
            tooltip=_tips("name:N", "value:Q"),
        )
    )
    return chart


def _tips(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(field, format=".3~r") if field.endswith(":Q") else alt.Tooltip(field) for field in fields]

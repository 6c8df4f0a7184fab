"""One look for all figures.

Colours are those of Okabe and Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/, which people with
any colour vision tell apart; a colour never speaks alone: curves differ in line style and marker too.

Figures are drawn with matplotlib's objects, without pyplot, inside `style()`: nobody's settings change.
"""

import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from denoise.files import write_atomically
from denoise.image import Photo, encode

DPI = 150

ROLES = {"noisy": "#E69F00", "clean": "#000000"}
"""Colour of each kind of photo."""


class Series(NamedTuple):
    """How one of several curves is told from the others."""

    colour: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str


CHANNELS = ("R", "G", "B")

SERIES = (
    Series("#0072B2", "-", "o"),
    Series("#D55E00", "--", "s"),
    Series("#009E73", "-.", "^"),
    Series("#CC79A7", ":", "D"),
    Series("#E69F00", (0, (5, 1)), "v"),
    Series("#56B4E9", (0, (1, 1)), "P"),
    Series("#000000", (0, (8, 2, 1, 2)), "X"),
    Series("#8C510A", (0, (3, 1, 1, 1)), "h"),
    Series("#5E3C99", (0, (2, 2)), "<"),
    Series("#4D9221", (0, (6, 1, 1, 1)), ">"),
)
"""Looks of the curves of data sets and of denoisers."""

QUIET = "#767676"
"""Grey of reference lines and of notes inside a figure; the lightest that is still easy to read on white."""

_STYLE = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "legend.fontsize": 12,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
}


style = partial(matplotlib.style.context, ["default", _STYLE])
"""The context in which every part of a figure is made; it works as a decorator too."""


def panels(
    rows: int = 1, columns: int = 1, *, width: float = 10.0, height: float = 5.6, **options: Any
) -> tuple[Figure, Any]:
    """Make a figure with an array (rows, columns) of axes; call it inside `style()`.

    Width and height are in inches, 10 of which are 1500 pixels, for which the text is sized; the options are those of
    `matplotlib.figure.Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


@style()
def photo_grid(
    rows: Sequence[Sequence[NDArray[np.uint8]]],
    *,
    columns: Sequence[str],
    labels: Sequence[Sequence[str]],
    scale: int = 1,
) -> Figure:
    """Lay photos out in a grid without resampling them: noise is seen as it is.

    Args:
        rows: Photos, (H, W, 3), one list a row; all of one column need not be equal in size.
        columns: A title above each column.
        labels: A line below each photo, in the shape of `rows`.
        scale: Width of a photo's pixel in the figure, in pixels.
    """
    gap, above, below = 16, 40, 40
    enlarged = [[photo.repeat(scale, axis=0).repeat(scale, axis=1) for photo in row] for row in rows]
    widths = [max(photo.shape[1] for photo in column) for column in zip(*enlarged, strict=True)]
    heights = [max(photo.shape[0] for photo in row) for row in enlarged]
    width = sum(widths) + gap * (len(widths) + 1)
    height = above + sum(heights) + (gap + below) * len(heights)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    top = height - above
    for y, row in enumerate(enlarged):
        left = gap
        for x, photo in enumerate(row):
            figure.figimage(photo, left, top - photo.shape[0])
            if y == 0:
                figure.text(left / width, 1 - 0.5 * above / height, columns[x], va="center", fontsize=12)
            middle = top - photo.shape[0] - 0.5 * below
            figure.text(left / width, middle / height, labels[y][x], va="center", fontsize=10)
            left += widths[x] + gap
        top -= heights[y] + gap + below
    return figure


def detailed_crop(photo: NDArray[np.uint8], size: int) -> tuple[slice, slice]:
    """Find the rows and columns of the square of a photo, (H, W, 3), with the most fine detail, of 5×5 places.

    A smaller photo is taken whole in that direction.
    """
    height, width = (min(size, length) for length in photo.shape[:2])
    places = [
        (slice(y, y + height), slice(x, x + width))
        for y in np.linspace(0, photo.shape[0] - height, 5, dtype=int).tolist()
        for x in np.linspace(0, photo.shape[1] - width, 5, dtype=int).tolist()
    ]
    return max(places, key=lambda place: float(np.abs(np.diff(photo[place].astype(np.int16), axis=1)).mean()))


def save(figure: Figure | NDArray[np.uint8], path: Path) -> None:
    """Write a figure as a PNG file at 150 dpi, at once or not at all, and free its memory: it is empty afterwards.

    Pixels, (H, W, 3), become a JPEG file with all of their colours, in which noise looks as it is: of noise, a PNG file
    is three times as large.
    """
    if not isinstance(figure, Figure):
        write_atomically(path, encode(Photo(figure, format="JPEG"), quality=95))
        return
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DPI)
    figure.clear()
    write_atomically(path, buffer.getvalue())


Drawn = Mapping[str, tuple[Figure | NDArray[np.uint8] | None, str]]
"""Figures of a report and their captions, by file name; no figure where there is nothing to show."""


def save_all(drawn: Drawn, folder: Path) -> dict[str, str]:
    """Write the figures of a report; a file of an earlier report whose figure is `None` now is deleted.

    Returns:
        The captions of what was written, by file name, for `markdown.pictures`.
    """
    for file, (figure, _) in drawn.items():
        if figure is None:
            (folder / file).unlink(missing_ok=True)
        else:
            save(figure, folder / file)
    return {file: caption for file, (figure, caption) in drawn.items() if figure is not None}

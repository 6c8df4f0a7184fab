"""What several pages are made of: paragraphs, tables, plots, pictures, and the offer to undo a removal."""

import csv
import html
import io
import json
import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as PillowImage
from streamlit.runtime import get_instance

from denoise import registry
from denoise.notation import EQUAL, NONE, number
from denoise.results import Example
from denoise.ui import addresses, texts, viewer
from denoise.ui.chosen import Chosen
from denoise.ui.pages import results_words as words
from denoise.ui.session import Session

RESULTS_DIR = registry.MODELS_DIR / "results"

CHART_HEIGHT = 380  # pixels
_PROSE_WIDTH = 760  # pixels: about 90 letters, what a line may have to be read with ease
_ROW_HEIGHT = 35  # pixels

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def colours() -> tuple[str, str]:
    """Return the accent and the colour of letters in the theme that the visitor sees, for what is drawn here."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    return st.get_option(f"theme.{theme}.primaryColor"), st.get_option(f"theme.{theme}.textColor")


def one_of(label: str, titles: Mapping[_T, str], **options: Any) -> _T:
    """Place the choice of one of a few, each called by its title; until something is chosen, it is the first."""
    chosen: _T = st.segmented_control(
        label, list(titles), default=next(iter(titles)), required=True, format_func=titles.__getitem__, **options
    )
    return chosen


def select(label: str, titles: Mapping[str, str], **options: Any) -> str:
    """Do the same where there are more: in a list that opens."""
    chosen: str = st.selectbox(label, list(titles), format_func=titles.__getitem__, **options)
    return chosen


def prose(text: str) -> None:
    """Place a paragraph, no wider than is read with ease."""
    st.markdown(text, width=_PROSE_WIDTH)


def shown(
    state: Session, slot: str, key: Hashable, label: str, make: Callable[[], bytes], *, of: Chosen | None = None
) -> viewer.Picture:
    """Return a picture as the viewer shows it, whose PNG file is made once for each key, see `Cache.picture`."""
    return viewer.Picture(str(key), label, addresses.made_picture(state, slot, key, make, of=of))


def undo(sentence: str, on_undo: Callable[[], None]) -> None:
    """Say at the edge of the window what was removed, and offer to bring it back."""
    with st.container(key="undo", horizontal=True, vertical_alignment="center"):
        st.html(f'<p role="alert">{html.escape(sentence)}</p>')  # which Markdown cannot be
        st.button(texts.UNDO, on_click=on_undo)


def read(path: Path, parse: Callable[[Any], _T]) -> _T | None:
    """Return what `parse` takes from a JSON file, or say in place that the file is missing or not as it should be."""
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        _log.warning("%s is missing or damaged", path, exc_info=True)
        st.info(words.unreadable(path.name))
        return None


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Its heading.
        cells: As they go into a CSV file, with all their digits.
        shown: As they stand on the page.
        config: How the page shows them: what `st.column_config` makes.
    """

    name: str
    cells: Sequence[Any]
    shown: Sequence[Any]
    config: Any


def figures(name: str, cells: Sequence[float | None], digits: int, explanation: str | None = None) -> Column:
    """Make a column of figures with so many digits behind the point; it is one of words where one is infinite."""
    # Adding zero takes the minus from it.
    exact: list[Any] = [None if cell is None else EQUAL if math.isinf(cell) else cell + 0.0 for cell in cells]
    if EQUAL in exact:
        shown = [None if cell is None else number(cell, digits) for cell in cells]
        return Column(name, exact, shown, st.column_config.TextColumn(help=explanation, alignment="right"))
    rounded = [None if cell is None else round(cell, digits) + 0.0 for cell in cells]
    return Column(name, exact, rounded, st.column_config.NumberColumn(format=f"%.{digits}f", help=explanation))


def counts(name: str, cells: Sequence[int | None], explanation: str | None = None) -> Column:
    """Make a column of whole numbers."""
    return Column(name, cells, cells, st.column_config.NumberColumn(format="localized", help=explanation))


def row_names(name: str, cells: Sequence[str]) -> Column:
    """Make the column that names the rows; it stays in view."""
    return Column(name, cells, cells, st.column_config.TextColumn(pinned=True))


def show_table(columns: Sequence[Column], description: str) -> None:
    """Place a table that can be sorted in the page; the description is for those who do not see it."""
    rows = list(zip(*(column.shown for column in columns), strict=True))
    st.dataframe(
        [{column.name: cell for column, cell in zip(columns, row, strict=True)} for row in rows],
        height=_ROW_HEIGHT * (len(rows) + 1) + 2,  # told beforehand, so that nothing moves when the table comes
        row_height=_ROW_HEIGHT,
        hide_index=True,
        column_config={column.name: column.config for column in columns},
        alt=description,
        placeholder=NONE,
    )


def table(columns: Sequence[Column], name: str, description: str) -> None:
    """Place a table, and the button that downloads it with its numbers unrounded."""
    show_table(columns, description)
    text = io.StringIO(newline="")
    rows = [[column.name for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    csv.writer(text, lineterminator="\n").writerows(rows)
    download(name, text.getvalue(), description)


def download(name: str, text: str, description: str) -> None:
    """Place the button that downloads a table."""
    st.download_button(
        "Download as CSV",
        text,
        file_name=f"{name}.csv",
        mime="text/csv",
        on_click="ignore",
        key=f"{name}.csv",
        help=description,
        icon=":material/download:",
    )


def chart(heading: str, sentence: str, drawn: Any, note: str = "", height: int = CHART_HEIGHT) -> None:
    """Place a chart below what it says."""
    prose(f"**{heading}{'' if heading.endswith('?') else '.'}** {sentence}")
    st.altair_chart(drawn, height=height, alt=f"{heading}. {sentence} {note}")
    if note:
        st.caption(note, width=_PROSE_WIDTH)


def picture(pixels: NDArray[np.uint8], name: str, alt: str) -> str:
    """Return the element that shows pixels, (H, W, 3) or with opacity (H, W, 4), in true size where there is room."""
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    height, width = pixels.shape[:2]
    return file(buffer.getvalue(), "image/png", name, (width, height), alt)


def file(data: bytes, kind: str, name: str, size: tuple[int, int], alt: str) -> str:
    """Return the element that shows a picture's file; Streamlit takes an SVG element itself out of the page."""
    url = get_instance().media_file_mgr.add(data, kind, f"picture {name}")
    return f'<img src=".{url}" width="{size[0]}" height="{size[1]}" alt="{html.escape(alt)}" loading="lazy">'


@st.fragment  # so that another photo makes nothing else anew
def examples(found: Sequence[Example], folder: Path, key: str) -> None:
    """Place the squares of a photo beside each other, and the choice of the photo; the picture is in this folder."""
    if not found:
        return
    chosen = found[one_of("Photo", {at: each["name"] for at, each in enumerate(found)}, key=key)]
    path, squares = folder / chosen["file"], chosen["squares"]
    try:
        with PillowImage.open(path) as sheet:
            width, height = sheet.width // len(squares), sheet.height
        url = get_instance().media_file_mgr.add(str(path), "image/jpeg", f"squares {path}")
    except OSError:
        st.info(words.unreadable(path.name))
        return
    figures = []
    for at, (title, said) in enumerate(squares):
        alt = html.escape(f"{chosen['name']}: {title}")
        figures.append(
            f'<figure><div style="aspect-ratio:{width}/{height}">'
            # Relative, because the page may lie below a path. The picture holds all squares, each shows its own.
            f'<img src=".{url}" alt="{alt}" style="width:{len(squares)}00%;margin-left:-{at}00%" loading="lazy"></div>'
            f"<figcaption><strong>{html.escape(title)}</strong> {html.escape(said)}</figcaption></figure>"
        )
    st.html(f'<div class="squares" style="--most:{2 * width}px">{"".join(figures)}</div>')

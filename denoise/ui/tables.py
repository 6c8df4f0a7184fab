"""Tables of figures, as the page shows them and as they go into CSV files."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from denoise.notation import EQUAL, NONE, number

_ROW_HEIGHT = 35  # pixels


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


def names(name: str, cells: Sequence[str]) -> Column:
    """Make the column that names the rows; it stays in view."""
    return Column(name, cells, cells, st.column_config.TextColumn(pinned=True))


def show(columns: Sequence[Column], description: str) -> None:
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

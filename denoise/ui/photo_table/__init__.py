"""The table of a batch: a row for each photo that fills in, and the links to what is done."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from denoise.batch import REPORT_NAME, ZIP_NAME
from denoise.ui.component import component

_component = component("photo_table")


@dataclass(frozen=True)
class Row:
    """A photo as the table shows it.

    `kind` is the state's name, `detail` says more about it, `seen` has a picture, `mix` is in percent.
    """

    id: str
    name: str
    size: str
    noise: str
    time: str
    kind: str
    state: str
    detail: str
    seen: bool
    rejected: bool
    mix: tuple[int, ...] = (100, 100, 0)


def show(
    rows: Sequence[Row],
    path: str,
    *,
    is_working: bool,
    outcome: str,
    on_look: Callable[[str], None],
    on_remove: Callable[[str], None],
) -> None:
    """Place the table in the page.

    Args:
        rows: A row for each photo.
        path: Where pictures, zip and report are, see `addresses.batch`.
        is_working: Whether the photos are being denoised.
        outcome: What became of them, once all are done.
        on_look: Called with the id of a row that is to be looked at.
        on_remove: Called with the id of a row that is to be removed.
    """
    _component(
        data={
            "rows": [asdict(row) for row in rows],
            "path": path,
            "links": {"zip": f"{path}/{ZIP_NAME}", "report": f"{path}/{REPORT_NAME}"},
            "isWorking": is_working,
            "outcome": outcome,
        },
        key="photos",
        on_look_change=lambda: on_look(st.session_state["photos"]["look"]),
        on_remove_change=lambda: on_remove(st.session_state["photos"]["remove"]),
        on_culled_change=lambda: None,  # what was rejected is counted when the page is made anew
    )

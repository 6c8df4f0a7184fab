"""The table of a batch: a row for each photo that fills in, and the links to what is done."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from denoise.batch import REPORT_NAME, ZIP_NAME
from denoise.tone import LUMA
from denoise.ui.component import component

TEXTS = {
    "label": "The photos of the batch",
    "photo": "Photo",
    "size": "Size",
    "noise": "Noise",
    "noise_help": "Estimated, in levels of 0 to 255, before and after",
    "time": "Time",
    "state": "State",
    "zip": "Download zip",
    "report": "Report (CSV)",
    "news": "{ended} of {total} photos are done.",
    "bell": "Tell me when all are done",
    "bell_help": "A notification of the browser, if you look at something else meanwhile.",
    "look": "See it before and after",
    "remove": "Remove this photo",
    "cull": "See them one by one, on the whole screen",
    "culling": "Results one by one. Left and right arrow: others. Hold Space: before. K keeps, X rejects, U undoes.",
    "close": "Close",
    "previous": "Previous",
    "next": "Next",
    "hold": "Hold: before",
    "keep": "Keep",
    "reject": "Reject",
    "undo": "Undo",
    "detail": "True pixels",
    "save": "Download",
    "before": "Before",
    "after": "After",
    "kept": "Kept",
    "rejected": "Rejected: not in the zip",
    "mix": "How much noise is removed of this photo",
    "luminance": "Less luminance noise",
    "colour": "Less colour noise",
    "more": "More fine detail",
    "mixing": "Saving …",
    "unsaved": "The server did not hear of this. Please try once more.",
}

_component = component(__file__)


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
    done: int,
    path: str,
    *,
    is_working: bool,
    outcome: str,
    on_look: Callable[[str], None],
    on_remove: Callable[[str], None],
    key: str = "photos",
) -> None:
    """Place the table in the page.

    Args:
        rows: A row for each photo.
        done: How many results there are to be taken home.
        path: Where pictures, zip and report are, see `addresses.batch`.
        is_working: Whether the photos are being denoised.
        outcome: What became of them, once all are done.
        on_look: Called with the id of a row that is to be looked at.
        on_remove: Called with the id of a row that is to be removed.
        key: Tells several tables apart.
    """
    links = [f"{path}/{ZIP_NAME}", f"{path}/{REPORT_NAME}"]
    # A list, because Streamlit would load pandas for a dictionary.
    _component(
        data=[TEXTS, [asdict(row) for row in rows], done, path, links, LUMA, is_working, outcome],
        key=key,
        on_look_change=lambda: on_look(st.session_state[key]["look"]),
        on_remove_change=lambda: on_remove(st.session_state[key]["remove"]),
        on_culled_change=lambda: None,  # what was rejected is counted when the page is made anew
    )

"""A place to drop many photos, or a folder of them: they are sent one after another, straight to the server's disk.

Streamlit's own uploader would hold all of them in the server's memory.
"""

import streamlit as st

from denoise.image import SUFFIXES
from denoise.ui import farewell
from denoise.ui.component import component

TEXTS = {
    "drop": "Drop photos or a folder here",
    "touch": "Add your photos",
    "files": "Choose photos",
    "folder": "Choose a folder",
    "sending": "Sending photo {done} of {total}",
    "sent": "Everything has been sent.",
    "lost": "{count} of {total} photos did not arrive. Add them again.",
    "left_out": "Left out, because their names are not those of photos: {names}.",
    "more": " and {count} more",
    "nothing": "There is no photo in this folder.",
    "refused": "The server did not take these files. Reload the page and try again.",
    "progress": "How much has been sent",
}

_component = component(__file__)


def show(path: str, note: str, *, is_arriving: bool, key: str = "uploader") -> None:
    """Place the uploader in the page, which is made anew as soon as photos have been announced.

    Args:
        path: Where the photos are sent, see `addresses.batch`.
        note: What may be sent, and what becomes of it.
        is_arriving: Whether photos are expected. A page that was reloaded has none to send: they are given up.
        key: Tells several uploaders apart.
    """
    _component(
        # A list, because Streamlit would load pandas for a dictionary.
        data=[TEXTS, path, note, SUFFIXES, is_arriving],
        key=key,
        on_announced_change=lambda: st.session_state.pop(farewell.ANEW, None),
    )

"""A place to drop many photos, or a folder of them: they are sent one after another, straight to the server's disk.

Streamlit's own uploader would hold all of them in the server's memory.
"""

import streamlit as st

from denoise.image import SUFFIXES
from denoise.ui import farewell
from denoise.ui.component import component

_component = component("uploader")


def show(path: str, note: str, *, is_arriving: bool) -> None:
    """Place the uploader in the page, which is made anew as soon as photos have been announced.

    Args:
        path: Where the photos are sent, see `addresses.batch`.
        note: What may be sent, and what becomes of it.
        is_arriving: Whether photos are expected. A page that was reloaded has none to send: they are given up.
    """
    _component(
        data={"path": path, "note": note, "suffixes": SUFFIXES, "isArriving": is_arriving},
        key="uploader",
        on_announced_change=lambda: st.session_state.pop(farewell.ANEW, None),
    )

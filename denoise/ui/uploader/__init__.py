"""A place to drop many photos, or a folder of them: they are sent one after another, straight to the server's disk.

Streamlit's own uploader would hold all of them in the server's memory.
"""

import streamlit as st

from denoise.image import SUFFIXES
from denoise.ui import farewell, texts
from denoise.ui.component import component

_component = component(__file__)


def show(path: str, note: str, *, key: str = "uploader") -> None:
    """Place the uploader in the page, which is made anew as soon as photos have been announced.

    Args:
        path: Where the photos are sent, see `transfer`.
        note: What may be sent, and what becomes of it.
        key: Tells several uploaders apart.
    """
    _component(
        # A list, because Streamlit would load pandas for a dictionary.
        data=[texts.BATCH_UPLOADER, path, note, SUFFIXES],
        key=key,
        on_announced_change=lambda: st.session_state.pop(farewell.ANEW, None),
    )

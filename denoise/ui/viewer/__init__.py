"""The comparison viewer: noisy and denoised photo under one shared zoom and position, in their true pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime import get_instance

from denoise.ui import texts

_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "denoise.viewer",
    html=(_HERE / "viewer.html").read_text("utf-8"),
    css=(_HERE / "viewer.css").read_text("utf-8"),
    js=(_HERE / "viewer.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Picture:
    """A picture in the viewer.

    `id` tells pictures apart: one that the browser has already is not fetched again.
    """

    id: str
    label: str
    png: bytes


def show(pictures: Sequence[Picture], *, key: str = "viewer") -> None:
    """Place the viewer in the page.

    The PNG files go through Streamlit's store of media files, as those of `st.image` do: a component's own data would
    be copied several times on the way, which for a photo of 12 megapixels takes 200 MB more.

    Args:
        pictures: The noisy one, and the denoised one if it is there.
        key: Tells several viewers in a page apart.
    """
    media = get_instance().media_file_mgr
    shown = [
        {"id": each.id, "label": each.label, "url": media.add(each.png, "image/png", f"{key}.{number}")}
        for number, each in enumerate(pictures)
    ]
    _component(data=[texts.VIEWER, shown], key=key)  # a list, because Streamlit would load pandas for a dictionary

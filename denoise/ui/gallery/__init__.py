"""The gallery: clickable thumbnails of which one is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from denoise.ui import texts

_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "denoise.gallery",
    html='<div class="gallery" role="group"></div>',
    css=(_HERE / "gallery.css").read_text("utf-8"),
    js=(_HERE / "gallery.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Item:
    """A thumbnail with two lines of text below; `src` is the picture's URL."""

    id: str
    title: str
    detail: str
    src: str


def show(items: Sequence[Item], chosen: str, *, on_choose: Callable[[str], None], key: str = "gallery") -> None:
    """Place the gallery in the page; a click calls `on_choose` with the item's id."""
    _component(
        # A list, because Streamlit would load pandas for a dictionary.
        data=[texts.GALLERY_LABEL, chosen, [asdict(item) for item in items]],
        key=key,
        on_chosen_change=lambda: on_choose(st.session_state[key]["chosen"]),
    )

"""The gallery: clickable thumbnails of which one is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from denoise.ui.component import component

_component = component("gallery")


@dataclass(frozen=True)
class Item:
    """A thumbnail with two lines of text below; `src` is the picture's address, relative to the page's."""

    id: str
    title: str
    detail: str
    src: str


def show(
    label: str, items: Sequence[Item], chosen: str, *, on_choose: Callable[[str], None], key: str = "gallery"
) -> None:
    """Place the gallery in the page; a click calls `on_choose` with the item's id."""
    st.markdown(f"**{label}**")
    _component(
        data={"label": label, "chosen": chosen, "items": [asdict(item) for item in items]},
        key=key,
        on_chosen_change=lambda: on_choose(st.session_state[key]["chosen"]),
    )

"""Before and after in one picture, to be shown to others."""

from pathlib import PurePath

import streamlit as st

from denoise.image import format_title, suffix_for
from denoise.ui import addresses, before_after, download
from denoise.ui.before_after import BeforeAfter
from denoise.ui.cache import in_turn
from denoise.ui.chosen import Chosen
from denoise.ui.pages import start_words as words
from denoise.ui.results import Result, Run
from denoise.ui.session import Session


@st.fragment  # so that opening it makes nothing else anew
def show(state: Session, chosen: Chosen, run: Run, result: Result | None) -> None:
    """Place it in the page; nothing is made of it before it is opened."""
    place = st.expander(words.SHARE, key="share", on_change="rerun")
    if not place.open:
        return
    with place:
        way = st.segmented_control(
            words.SHARE_WAY,
            before_after.WAYS,
            default=before_after.SPLIT,
            required=True,
            format_func=words.SHARE_WAYS.__getitem__,
            key="share_way",
            width="stretch",
            label_visibility="collapsed",
        )
        formats = before_after.FORMATS[:1] if way == before_after.CLIP else before_after.FORMATS
        sizes: dict[str, int] = {}
        if result is not None:
            made = in_turn(chosen, lambda: _sizes(chosen, run, result, state, way, formats))
            sizes = state.cache.get("share sizes", (run, state.painted(chosen.subject), way), made)
        file_format = st.segmented_control(
            words.FORMAT,
            formats,
            default=formats[0],
            required=True,
            format_func=lambda name: words.format_and_size(format_title(name), sizes.get(name)),
            key=f"share_format {len(formats)}",
            width="stretch",
            label_visibility="collapsed",
        )
        name = f"{PurePath(chosen.file_name).stem}-before-after.{suffix_for(file_format)}"
        path = addresses.before_after(state, run, way, file_format)
        download.button(path if result else "", name, label=words.SHARE_SAVE, key="share download")
        st.caption(words.SHARE_NOTE)


def _sizes(
    chosen: Chosen, run: Run, result: Result, state: Session, way: str, formats: tuple[str, ...]
) -> dict[str, int]:
    """Return how many bytes each of the files has, with the spot to look at first in its middle."""
    photos, mix = (chosen.noisy, result.photo), state.painted(chosen.subject)
    return {name: len(before_after.picture(*photos, mix, BeforeAfter(run, way, name, chosen.spot))) for name in formats}

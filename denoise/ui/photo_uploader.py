"""A place for one photo: Streamlit's own uploader, which loses no file and keeps none that has been replaced."""

import re
from collections.abc import Callable

import streamlit as st
from streamlit.runtime.uploaded_file_manager import DeletedFile

from denoise.ui import texts
from denoise.ui.cache import run_anew
from denoise.ui.component import component
from denoise.ui.farewell import ANEW
from denoise.ui.kept import Kept
from denoise.ui.session import Session

# Why an upload did not arrive: Streamlit's uploader only says "AxiosError", and hides that.
_trouble = component("trouble")


def show(
    state: Session,
    label: str,
    place: str,
    *,
    on_file: Callable[[str, Kept[bytes]], None],
    on_empty: Callable[[], None] = lambda: None,
    key: str = "",
    tip: str | None = None,
    note: str = "",
    is_button: bool = False,
    disabled: bool = False,
) -> bool:
    """Place the uploader in the page.

    Args:
        state: Whose photo it is.
        label: What is to be uploaded.
        place: Tells the visitor's uploaders apart; a file that comes later in the same place replaces the one before.
        on_file: Called with the name and the content of a file that came, before the page is made anew.
        on_empty: Called when the list was emptied; also for a moment while a file takes another's place.
        key: Of the widget, if it is not `place`: another key empties the list.
        tip: What becomes of it.
        note: What may be uploaded.
        is_button: Whether it looks like one large button, and its label is for screen readers alone.
        disabled: Whether nothing can be uploaded at the moment.

    Returns:
        Whether there is a file in the list.
    """
    # A list that names a file that is not there, see below, is emptied by another key.
    lost, shown, missing = f"{place} lost", f"{place} shown", f"{place} not taken"
    key = " ".join(filter(None, [key or place, st.session_state.get(lost, "")]))

    def changed() -> None:
        file = st.session_state[key]
        if isinstance(file, DeletedFile):
            return
        st.session_state.pop(missing, None)
        if file:
            st.session_state.pop(ANEW, None)
            on_file(file.name, Kept(state.arrivals.take(place, file)))
        else:
            on_empty()

    with st.container(key=f"button-{place}" if is_button else f"list-{place}"):
        file = st.file_uploader(
            label,
            key=key,
            on_change=changed,
            disabled=disabled,
            label_visibility="collapsed" if is_button else "visible",
        )
    if note:
        st.caption(note, help=tip)
    # As Streamlit makes a class of a key.
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", key)
    _trouble(data={"name": name, "sentences": texts.REFUSALS}, key=f"trouble {key}")
    if isinstance(st.session_state.get(key), DeletedFile):
        st.session_state[lost] = f"{st.session_state.get(lost, '')}I"
        # The browser names what another session has had, or what came here while the page was busy, see `limits`.
        st.session_state[missing if st.session_state.get(shown) else ANEW] = True
        run_anew()
    st.session_state[shown] = True
    if st.session_state.get(missing):
        st.error(texts.NOT_TAKEN)
    if state.arrivals.is_untaken(place, file):  # the run that was to take it was overtaken before it began
        changed()
        run_anew()
    return file is not None

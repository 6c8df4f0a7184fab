"""Work that takes a while: its progress, its Cancel button, and what is said when it ended early."""

import time
from collections.abc import Callable, Hashable

import streamlit as st

from denoise.ui import session, texts

Report = Callable[[float, str], None]
"""Called with the share that is done and a sentence, once a tile at least: there the work ends when it is cancelled."""

_PAUSE = 0.4  # seconds between two messages to the browser, which otherwise draws the bar anew up to 80 times a second


def run(name: str, key: Hashable, work: Callable[[Report], None], *, again: str) -> None:
    """Do the work and make the page anew; or say that it was cancelled or failed, with a button to do it after all.

    Args:
        name: Tells the works of the page apart.
        key: What it is about: work on something else starts although this one was cancelled.
        work: Keeps what it makes in the session, piece by piece, so that little is lost when it is cancelled.
        again: The button's text.
    """
    ended = f"{name} ended"

    def end(sentence: str) -> None:
        st.session_state[ended] = (key, sentence)

    ended_key, sentence = st.session_state.get(ended, (None, ""))
    if ended_key == key:
        st.warning(sentence)
        st.button(again, key=f"{name} again", on_click=lambda: st.session_state.pop(ended, None))
        return
    with st.container(key=f"running-{name}"):
        report = progress_bar()
        st.button(texts.CANCEL, key=f"{name} cancel", on_click=end, args=(texts.WORK_CANCELLED,))
    try:
        work(report)
    except Exception as error:
        end(session.explain(error))
    st.rerun()


def progress_bar() -> Report:
    """Place a progress bar; call what is returned as often as the work can be ended, by a choice of the visitor's."""
    bar = st.progress(0.0, text=texts.STARTING)
    told = time.monotonic()

    def report(share: float, text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _PAUSE:
            bar.progress(share, text)
            told = time.monotonic()
        else:
            session.current()  # as with a message, Streamlit ends here a run that is outdated

    return report

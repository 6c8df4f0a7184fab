"""Letting go of what a visitor left behind."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

GRACE, _PAUSE = 60.0, 15.0
"""Seconds after the page was closed in which a broken connection may still be taken up again, and between two looks.

Together less than `server.disconnectedSessionTTL`: after that Streamlit no longer finds the session, but it keeps its
memory until the next visitor leaves.
"""

_let_go: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
_looks: dict[str, asyncio.TimerHandle] = {}


def expect() -> None:
    """See to it that all of this visitor's photos are gone soon after the page is closed."""
    if context := get_script_run_ctx():
        _visit(context.session_id)


def when_gone(let_go: Callable[[], None]) -> None:
    """Have something of this visitor's done away with that is not in the session's memory alone."""
    if context := get_script_run_ctx():
        _let_go[context.session_id].append(let_go)


def _leave(session_id: str) -> None:
    with suppress(RuntimeError):  # no loop: the server is going down, and everything with it
        _look_after(session_id, GRACE, is_away=True)


def _look_after(session_id: str, seconds: float, *, is_away: bool) -> None:
    if earlier := _looks.pop(session_id, None):
        earlier.cancel()
    _looks[session_id] = asyncio.get_running_loop().call_later(seconds, _look, session_id, is_away)


def _look(session_id: str, is_away: bool) -> None:
    """See whether a visitor who had left is back; who is may leave again without Streamlit's telling."""
    del _looks[session_id]
    if get_instance().is_active_session(session_id):
        _look_after(session_id, _PAUSE, is_away=False)
    elif is_away:
        _forget(session_id)
    else:
        _look_after(session_id, GRACE, is_away=True)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _visit(session_id: str) -> str:
    return session_id  # what Streamlit releases as soon as the connection ends


def _forget(session_id: str) -> None:
    get_instance().close_session(session_id)
    for let_go in _let_go.pop(session_id, ()):
        let_go()

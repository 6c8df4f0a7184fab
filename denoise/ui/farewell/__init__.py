"""Letting go of what a visitor left behind."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from denoise.ui.component import component

GRACE, PATIENCE, _PAUSE = 60.0, 3600.0, 15.0
"""Seconds until the photos of who closed the page are gone, of whose connection broke, and between two looks.

A page that is closed says so, see `bid`. A computer that sleeps does not, and comes back to its batch.
`server.disconnectedSessionTTL` must be longer than all of them together: after that Streamlit no longer finds the
session, but it keeps its memory until the next visitor leaves.
"""

PATH = "/farewell"

_component = component(__file__)
_let_go: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
_looks: dict[str, asyncio.TimerHandle] = {}
_sessions: dict[str, str] = {}  # by the token that the page knows
_closed: set[str] = set()  # sessions of which the page has said so


def expect() -> None:
    """See to it that all of this visitor's photos are gone soon after the page is closed."""
    if context := get_script_run_ctx():
        _visit(context.session_id)
        token = st.session_state.setdefault("farewell token", secrets.token_urlsafe(24))
        _sessions[token] = context.session_id
        _component(data=[f"{PATH}/{token}"], key="farewell")


def bid(token: str) -> None:
    """Note that a page is being closed; a token that is not known is ignored."""
    if session_id := _sessions.get(token):
        _closed.add(session_id)
        if session_id in _looks:  # the connection ended before this came
            _look_after(session_id, GRACE, is_away=True)


def when_gone(let_go: Callable[[], None]) -> None:
    """Have something of this visitor's done away with that is not in the session's memory alone."""
    if context := get_script_run_ctx():
        _let_go[context.session_id].append(let_go)


def _leave(session_id: str) -> None:
    with suppress(RuntimeError):  # no loop: the server is going down, and everything with it
        _look_after(session_id, _wait(session_id), is_away=True)


def _wait(session_id: str) -> float:
    return GRACE if session_id in _closed else PATIENCE


def _look_after(session_id: str, seconds: float, *, is_away: bool) -> None:
    if earlier := _looks.pop(session_id, None):
        earlier.cancel()
    _looks[session_id] = asyncio.get_running_loop().call_later(seconds, _look, session_id, is_away)


def _look(session_id: str, is_away: bool) -> None:
    """See whether a visitor who had left is back; who is may leave again without Streamlit's telling."""
    del _looks[session_id]
    if get_instance().is_active_session(session_id):
        _closed.discard(session_id)  # the browser had kept the page
        _look_after(session_id, _PAUSE, is_away=False)
    elif is_away:
        _forget(session_id)
    else:
        _look_after(session_id, _wait(session_id), is_away=True)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _visit(session_id: str) -> str:
    return session_id  # what Streamlit releases as soon as the connection ends


def _forget(session_id: str) -> None:
    get_instance().close_session(session_id)
    _closed.discard(session_id)
    for token in [token for token, owner in _sessions.items() if owner == session_id]:
        del _sessions[token]
    for let_go in _let_go.pop(session_id, ()):
        let_go()

"""Letting go of what a visitor left behind."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

GRACE = 60.0
"""Seconds after the page was closed in which a broken connection may still be taken up again.

Less than `server.disconnectedSessionTTL`: after that Streamlit no longer finds the session, but it keeps its memory
until the next visitor leaves.
"""

_let_go: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)


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
        asyncio.get_running_loop().call_later(GRACE, _forget, session_id)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _visit(session_id: str) -> str:
    return session_id  # what Streamlit releases as soon as the connection ends


def _forget(session_id: str) -> None:
    runtime = get_instance()
    if not runtime.is_active_session(session_id):
        runtime.close_session(session_id)
        for let_go in _let_go.pop(session_id, ()):
            let_go()

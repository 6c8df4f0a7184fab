"""Letting go of what a visitor left behind; and giving it back to who has only reloaded the page."""

import asyncio
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from denoise.ui.component import component

GRACE, PATIENCE, _PAUSE = 60.0, 3600.0, 15.0
ABSENCE = float(os.environ.get("DENOISE_ABSENCE", "120"))
"""Seconds until the photos of who closed the page are gone, of whose connection broke, until the memory of the latter
is let go of, and between two looks.

A page that is closed says so, see `note_closing`. A computer that sleeps does not, and comes back to its batch.
`server.disconnectedSessionTTL` must be longer than all of them together: after that Streamlit no longer finds the
session, but it keeps its memory until the next visitor leaves.
"""

MOST = int(os.environ.get("DENOISE_MAX_VISITORS", "100"))
"""Visitors at once; who runs the server decides. One more takes the place of who is away for the longest time."""

PATH = "/farewell"

RETURN = "returns"
"""The parameter of an address by which a reloaded page says who it was, see `return.js`."""

_component = component("farewell")
_adding = threading.Lock()  # visitors come in many threads; all else is done by the server's loop alone


def _new_token() -> str:
    return secrets.token_urlsafe(24)


class Held(Protocol):
    """All that is held for a visitor."""

    def put_aside(self) -> None:
        """Let go of memory; what cannot be made again waits on disk."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass
class _Visitor:
    """A visitor and what is to be done once nobody is there.

    Attributes:
        session_id: Streamlit's name for the session.
        token: By which the page names it.
        held: What is held for the visitor, see `hold`.
        has_closed: The page said that it is being closed.
        has_returned: A page that was reloaded goes on with another session, which has not taken over yet.
        left: When the connection ended, by the loop's clock; 0 while it is there.
        look: The next look at whether somebody is there.
        loop: The server's, once the connection has ended.
    """

    session_id: str
    token: str = field(default_factory=_new_token)
    held: Held | None = None
    has_closed: bool = False
    has_returned: bool = False
    left: float = 0.0
    look: asyncio.TimerHandle | None = None
    loop: asyncio.AbstractEventLoop | None = None


_visitors: dict[str, _Visitor] = {}


def admit() -> bool:
    """See to it that all of this visitor's photos are gone soon after the page is closed.

    Returns:
        Whether there is a place for this visitor.
    """
    context = get_script_run_ctx()
    if context is None:
        return True
    _come_back(st.query_params.get(RETURN, ""), context.session_id)
    _visit(context.session_id)
    visitor = _visitor(context.session_id)
    if visitor is None:
        return False
    visitor.left = 0.0  # nobody tells of who comes back but the page
    _component(
        data={"path": f"{PATH}/{visitor.token}", "parameter": RETURN},
        key="farewell",
        on_anew_change=lambda: st.session_state.update({ANEW: True}),
    )
    return True


ANEW = "anew"
"""In the session's state once the page has told that it belonged to another session before."""


def note_closing(token: str) -> None:
    """Note that a page is being closed; a token that is not known is ignored."""
    for visitor in list(_visitors.values()):
        if visitor.token == token:
            visitor.has_closed = True
            if visitor.look:  # the connection ended before this came, or ends now for the second time
                visitor.left = visitor.left or asyncio.get_running_loop().time()
                _look_after(visitor, GRACE)


def _come_back(token: str, session_id: str) -> None:
    """Let a session go on with what another one has left, whose page was reloaded: only who has the token, and once."""
    with _adding:
        visitor = next((each for each in list(_visitors.values()) if token and each.token == token), None)
        if visitor is None or visitor.loop is None or session_id in _visitors:
            return
        if not visitor.has_closed and get_instance().is_active_session(visitor.session_id):  # a copy of the tab
            return
        before = visitor.session_id
        _visitors[session_id] = _visitors.pop(before)
        visitor.session_id, visitor.token = session_id, _new_token()
        visitor.has_closed, visitor.has_returned = False, True
    visitor.loop.call_soon_threadsafe(_stop_looking, visitor)
    visitor.loop.call_soon_threadsafe(get_instance().close_session, before)


def _stop_looking(visitor: _Visitor) -> None:
    if visitor.look:
        visitor.look.cancel()
        visitor.look = None


def returned() -> Held | None:
    """Return what is held for a visitor who came back with a new session; once, for it to be taken over."""
    context = get_script_run_ctx()
    visitor = _visitors.get(context.session_id) if context else None
    if visitor is None or not visitor.has_returned:
        return None
    visitor.has_returned = False
    return visitor.held


def hold(held: Held) -> None:
    """Have this put aside when the visitor's connection has been broken for a while, and closed at the end."""
    if (context := get_script_run_ctx()) and (visitor := _visitor(context.session_id)):
        visitor.held = held


def _visitor(session_id: str) -> _Visitor | None:
    with _adding:
        if session_id not in _visitors and (len(_visitors) < MOST or _made_place()):
            _visitors[session_id] = _Visitor(session_id)
        return _visitors.get(session_id)


def _made_place() -> bool:
    """Let who is away for the longest time go; return whether there was anybody."""
    is_there = get_instance().is_active_session  # who is back may not have been looked at since
    away = [each for each in list(_visitors.values()) if each.left and each.loop and not is_there(each.session_id)]
    if not away:
        return False
    first = min(away, key=lambda visitor: visitor.left)
    _visitors.pop(first.session_id, None)
    assert first.loop
    first.loop.call_soon_threadsafe(_forget, first)
    return True


def _leave(session_id: str) -> None:
    with suppress(RuntimeError):  # no loop: the server is going down, and everything with it
        loop = asyncio.get_running_loop()
        visitor = _visitors.get(session_id)
        if visitor is None:  # there was no place
            loop.call_soon(get_instance().close_session, session_id)
            return
        visitor.left, visitor.loop = loop.time(), loop
        _look_after(visitor, _wait(visitor))


def _wait(visitor: _Visitor) -> float:
    """Return the seconds from the last connection to the first look."""
    return GRACE if visitor.has_closed else ABSENCE


def _look_after(visitor: _Visitor, seconds: float) -> None:
    if visitor.look:
        visitor.look.cancel()
    visitor.look = asyncio.get_running_loop().call_later(seconds, _look, visitor)


def _look(visitor: _Visitor) -> None:
    """See whether a visitor who had left is back; who is may leave again without Streamlit's telling."""
    visitor.look = None
    now = asyncio.get_running_loop().time()
    if get_instance().is_active_session(visitor.session_id):
        visitor.has_closed, visitor.left = False, 0.0  # the browser had kept the page
        _look_after(visitor, _PAUSE)
    elif not visitor.left:
        visitor.left = now
        _look_after(visitor, _wait(visitor))
    elif visitor.has_closed or now - visitor.left >= PATIENCE:
        _forget(visitor)
    else:
        if visitor.held:
            asyncio.get_running_loop().run_in_executor(None, visitor.held.put_aside)  # it writes to disk
        _look_after(visitor, visitor.left + PATIENCE - now)


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _visit(session_id: str) -> str:
    return session_id  # what Streamlit releases as soon as the connection ends


def _forget(visitor: _Visitor) -> None:
    _stop_looking(visitor)
    get_instance().close_session(visitor.session_id)
    _visitors.pop(visitor.session_id, None)
    if visitor.held:
        visitor.held.close()

"""The end of the server: within seconds, whoever still sends, reads or computes, and leaving no photo behind."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from denoise.batch import remove_spool

_GRACE = 2  # seconds in which what is being sent may still arrive
_LAST = 4.0  # seconds after which the process ends, though a thread computes


def prepare() -> None:
    """Have a signal to end obeyed; must be called while the server starts, in its thread.

    Uvicorn waits for all connections and tasks unless it is told for how long, and Streamlit has no option for that.
    Does nothing under another server.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        server = getattr(signal.getsignal(number), "__self__", None)
        if isinstance(server, uvicorn.Server):
            server.config.timeout_graceful_shutdown = _GRACE
            signal.signal(number, _end(server))


def _end(server: uvicorn.Server) -> Callable[[int, FrameType | None], None]:
    def obey(number: int, frame: FrameType | None) -> None:
        if server.should_exit:  # the second signal
            _end_now(number)
        last = threading.Timer(_LAST, _end_now, [number])
        last.daemon = True
        last.start()
        server.handle_exit(number, frame)

    return obey


def _end_now(number: int) -> None:
    remove_spool()
    os._exit(128 + number)

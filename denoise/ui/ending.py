"""The end of the server: within seconds, whoever still sends, reads or computes, and leaving no photo behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from denoise.spool import remove_spool

_GRACE = 2  # seconds in which what is being sent may still arrive
_LAST = 4.0  # seconds after which the process ends, though a thread computes

_WATCH = """
import shutil, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


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
    def end(number: int, frame: FrameType | None) -> None:
        if server.should_exit:  # the second signal
            _end_now(number)
        last = threading.Timer(_LAST, _end_now, [number])
        last.daemon = True
        last.start()
        server.handle_exit(number, frame)

    return end


def _end_now(number: int) -> None:
    remove_spool()
    os._exit(128 + number)


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """Have a folder removed when this process ends, also by being killed or running out of memory.

    A small process waits for that: it reads from a pipe, which ends when nobody is there who could write.
    """
    command = [sys.executable, "-I", "-S", "-c", _WATCH, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ):
        yield

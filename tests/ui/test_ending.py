import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import uvicorn

from denoise.ui import ending


@pytest.fixture
def ended(monkeypatch):
    """What is done at the very end."""
    done, timers = [], []
    monkeypatch.setattr(ending, "remove_spool", lambda: done.append("folder removed"))
    monkeypatch.setattr(ending.os, "_exit", done.append)

    def timer(seconds, work, arguments):
        timers.append((seconds, lambda: work(*arguments)))
        return SimpleNamespace(start=lambda: None)

    monkeypatch.setattr(ending.threading, "Timer", timer)
    return done, timers


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def server(handlers):
    made = uvicorn.Server(uvicorn.Config("app:app", timeout_graceful_shutdown=None))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, made.handle_exit)
    return made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_in_time_and_a_second_one_at_once(server, ended, number):
    done, timers = ended
    ending.prepare()
    assert server.config.timeout_graceful_shutdown < ending._LAST < 5
    signal.raise_signal(number)
    assert server.should_exit
    ((seconds, end),) = timers
    assert (seconds, done) == (ending._LAST, [])
    end()
    assert done == ["folder removed", 128 + number]
    signal.raise_signal(number)
    assert done == ["folder removed", 128 + number] * 2


def test_other_servers_are_left_alone(handlers):
    def handler(number, frame):
        pass

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ending.prepare()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


_KILLED = """
import os, signal, sys
from pathlib import Path
from denoise.ui import ending
with ending.leaving_nothing(Path(sys.argv[1])):
    print("begun", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folder_goes_also_with_a_process_that_is_killed(tmp_path):
    folder, other = tmp_path / "ours", tmp_path / "other"
    for each in (folder, other):
        each.mkdir()
        (each / "photo").touch()
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout.readline() == b"begun\n"
        assert (folder / "photo").exists()
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (other / "photo").exists()

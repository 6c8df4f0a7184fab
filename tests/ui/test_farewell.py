import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from denoise.ui import farewell


class Runtime:
    def __init__(self):
        self.active, self.closed = set(), []

    def is_active_session(self, session_id):
        return session_id in self.active

    def close_session(self, session_id):
        self.closed.append(session_id)


@pytest.fixture
def runtime(monkeypatch):
    runtime = Runtime()
    monkeypatch.setattr(farewell, "get_instance", lambda: runtime)
    monkeypatch.setattr(farewell, "GRACE", 0.06)
    monkeypatch.setattr(farewell, "_PAUSE", 0.01)
    return runtime


def play(scene):
    """Run in a thread of its own: a browser test may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, scene).result()


def test_session_ends_after_the_grace(runtime):
    async def leave():
        farewell._leave("a")
        await asyncio.sleep(0.03)
        assert runtime.closed == []
        await asyncio.sleep(0.06)
        assert runtime.closed == ["a"]

    play(leave())


def test_session_of_a_visitor_who_is_back_ends_only_a_grace_after_the_next_leave(runtime):
    async def come_and_go():
        farewell._leave("a")
        runtime.active.add("a")
        await asyncio.sleep(0.1)
        assert runtime.closed == []
        runtime.active.clear()  # of which Streamlit tells nothing: the page was not made again
        await asyncio.sleep(0.04)
        assert runtime.closed == []
        await asyncio.sleep(0.08)
        assert runtime.closed == ["a"]

    play(come_and_go())


def test_each_leave_has_its_own_grace(runtime):
    async def leave_twice():
        farewell._leave("a")
        await asyncio.sleep(0.04)
        farewell._leave("a")
        await asyncio.sleep(0.04)
        assert runtime.closed == []
        await asyncio.sleep(0.05)
        assert runtime.closed == ["a"]

    play(leave_twice())


def test_leaving_is_quiet_when_the_server_goes_down():
    farewell._leave("a")


def test_files_go_with_the_session(monkeypatch, runtime):
    gone = []
    monkeypatch.setattr(farewell, "get_script_run_ctx", lambda: SimpleNamespace(session_id="a"))
    farewell.when_gone(lambda: gone.append("files"))
    farewell._forget("b")
    assert gone == []
    farewell._forget("a")
    farewell._forget("a")
    assert gone == ["files"]

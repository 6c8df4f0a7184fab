import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from denoise.ui import farewell


class Runtime:
    def __init__(self, active):
        self.active, self.closed = active, []

    def is_active_session(self, session_id):
        return session_id in self.active

    def close_session(self, session_id):
        self.closed.append(session_id)


@pytest.mark.parametrize(("active", "closed"), [((), ["a"]), (("a",), [])], ids=["gone", "back"])
def test_session_ends_after_the_grace_unless_the_visitor_is_back(monkeypatch, active, closed):
    runtime = Runtime(active)
    monkeypatch.setattr(farewell, "get_instance", lambda: runtime)
    monkeypatch.setattr(farewell, "GRACE", 0.01)

    async def leave():
        farewell._leave("a")
        assert runtime.closed == []
        await asyncio.sleep(0.05)

    # In a thread of its own: a browser test may have left a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, leave()).result()
    assert runtime.closed == closed


def test_leaving_is_quiet_when_the_server_goes_down():
    farewell._leave("a")


def test_files_go_with_the_session(monkeypatch):
    runtime, gone = Runtime({"a"}), []
    monkeypatch.setattr(farewell, "get_instance", lambda: runtime)
    monkeypatch.setattr(farewell, "get_script_run_ctx", lambda: SimpleNamespace(session_id="a"))
    farewell.when_gone(lambda: gone.append("files"))
    farewell._forget("a")
    assert gone == []
    runtime.active = ()
    farewell._forget("b")
    assert gone == []
    farewell._forget("a")
    farewell._forget("a")
    assert gone == ["files"]

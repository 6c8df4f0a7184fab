from types import SimpleNamespace

import pytest

from denoise.ui import farewell


class Server:
    """Streamlit's runtime and the server's loop, with a clock that goes only when it is told to."""

    def __init__(self):
        self.active, self.closed, self.now, self.timers = set(), [], 0.0, []

    def is_active_session(self, session_id):
        return session_id in self.active

    def close_session(self, session_id):
        self.closed.append(session_id)

    def call_later(self, seconds, act, *args):
        timer = SimpleNamespace(at=self.now + seconds, act=lambda: act(*args))
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    def wait(self, seconds):
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= end]:
            first = min(due, key=lambda timer: timer.at)
            self.timers.remove(first)
            self.now = first.at
            first.act()
        self.now = end


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(farewell, "get_instance", lambda: server)
    monkeypatch.setattr(farewell, "asyncio", SimpleNamespace(get_running_loop=lambda: server))
    return server


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """The page of session "a", which knows the token "t"."""
    monkeypatch.setattr(farewell, "_sessions", {"t": "a"})
    monkeypatch.setattr(farewell, "_closed", set())
    monkeypatch.setattr(farewell, "_looks", {})


@pytest.mark.parametrize("order", ["page first", "connection first"])
def test_session_of_a_page_that_was_closed_ends_after_the_grace(server, order):
    acts = [lambda: farewell.bid("t"), lambda: farewell._leave("a")]
    for act in acts if order == "page first" else reversed(acts):
        act()
    server.wait(59)
    assert server.closed == []
    server.wait(2)
    assert server.closed == ["a"]
    assert server.timers == []


def test_session_whose_connection_broke_waits_an_hour(server):
    farewell._leave("a")
    server.wait(3599)
    assert server.closed == []
    server.wait(2)
    assert server.closed == ["a"]
    assert farewell._sessions == {}


def test_nobody_closes_the_page_of_another(server):
    farewell.bid("unknown")
    assert server.timers == []
    assert farewell._closed == set()


def test_session_of_a_visitor_who_is_back_ends_only_a_grace_after_the_next_leave(server):
    farewell.bid("t")
    farewell._leave("a")
    server.active.add("a")
    server.wait(1000)
    assert server.closed == []
    server.active.clear()  # of which Streamlit tells nothing: the page was not made again
    farewell.bid("t")
    server.wait(59)
    assert server.closed == []
    server.wait(17)
    assert server.closed == ["a"]


def test_each_leave_has_its_own_grace(server):
    farewell.bid("t")
    farewell._leave("a")
    server.wait(50)
    farewell._leave("a")
    server.wait(50)
    assert server.closed == []
    server.wait(20)
    assert server.closed == ["a"]


def test_leaving_is_quiet_when_the_server_goes_down():
    farewell._leave("a")


def test_files_go_with_the_session(monkeypatch, server):
    gone = []
    monkeypatch.setattr(farewell, "get_script_run_ctx", lambda: SimpleNamespace(session_id="a"))
    farewell.when_gone(lambda: gone.append("files"))
    farewell._forget("b")
    assert gone == []
    farewell._forget("a")
    farewell._forget("a")
    assert gone == ["files"]

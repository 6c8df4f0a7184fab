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

    def call_soon(self, act, *args):
        act(*args)

    call_soon_threadsafe = call_soon

    def run_in_executor(self, _, act):
        act()

    def time(self):
        return 1000.0 + self.now

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
    monkeypatch.setattr(farewell, "_visitors", {"a": farewell._Visitor("a", "t")})


@pytest.mark.parametrize("order", ["page first", "connection first"])
def test_session_of_a_page_that_was_closed_ends_after_the_grace(server, order):
    acts = [lambda: farewell.note_closing("t"), lambda: farewell._leave("a")]
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
    assert farewell._visitors == {}


def test_nobody_closes_the_page_of_another(server):
    farewell.note_closing("unknown")
    assert server.timers == []
    assert not farewell._visitors["a"].has_closed


def test_session_of_a_visitor_who_is_back_ends_only_a_grace_after_the_next_leave(server):
    farewell.note_closing("t")
    farewell._leave("a")
    server.active.add("a")
    server.wait(1000)
    assert server.closed == []
    server.active.clear()  # of which Streamlit tells nothing: the page was not made again
    farewell.note_closing("t")
    server.wait(59)
    assert server.closed == []
    server.wait(17)
    assert server.closed == ["a"]


def test_each_leave_has_its_own_grace(server):
    farewell.note_closing("t")
    farewell._leave("a")
    server.wait(50)
    farewell._leave("a")
    server.wait(50)
    assert server.closed == []
    server.wait(20)
    assert server.closed == ["a"]


def test_leaving_is_quiet_when_the_server_goes_down():
    farewell._leave("a")


@pytest.fixture
def script(monkeypatch):
    """Run what follows as the script of this session."""

    def be(session_id):
        monkeypatch.setattr(farewell, "get_script_run_ctx", lambda: SimpleNamespace(session_id=session_id))
        monkeypatch.setattr(farewell, "_component", lambda **_: None)

    monkeypatch.setattr(farewell, "_visit", lambda _: None)
    be("a")
    return be


def held(done, name="gone"):
    """What a visitor holds: notes in the list what is done with it."""
    return SimpleNamespace(put_aside=lambda: done.append("aside"), close=lambda: done.append(name))


def test_what_a_visitor_holds_goes_with_the_session_and_with_no_other(script, server):
    done = []
    farewell.hold(held(done))
    farewell._forget(farewell._Visitor("b"))
    assert done == []
    farewell._forget(farewell._visitors["a"])
    assert done == ["gone"]


def test_memory_is_let_go_of_two_minutes_after_a_connection_broke_and_the_rest_after_an_hour(script, server):
    done = []
    farewell.hold(held(done))
    farewell._leave("a")
    server.wait(119)
    assert done == []
    server.wait(2)
    assert done == ["aside"]
    server.wait(3400)
    assert done == ["aside"]
    server.wait(100)
    assert done == ["aside", "gone"]
    assert server.timers == []


def test_nothing_is_put_aside_of_a_visitor_who_is_back(script, server):
    done = []
    farewell.hold(held(done))
    farewell._leave("a")
    server.wait(60)
    server.active.add("a")
    server.wait(4000)
    assert (done, server.closed) == ([], [])


def test_visitors_are_limited_and_who_is_away_for_the_longest_time_makes_place(script, server, monkeypatch):
    monkeypatch.setattr(farewell, "MOST", 3)
    gone = []
    for name in "abc":
        script(name)
        assert farewell.admit()
        farewell.hold(held(gone, name))
    script("d")
    assert not farewell.admit()  # all three are there
    farewell._leave("b")
    server.wait(1)
    farewell._leave("a")
    script("c")
    assert farewell.admit()  # has a place
    assert gone == []
    script("d")
    assert farewell.admit()
    assert (gone, server.closed) == (["b"], ["b"])
    script("e")
    assert farewell.admit()
    script("f")
    assert not farewell.admit()
    farewell._leave("f")
    assert (gone, server.closed) == (["b", "a"], ["b", "a", "f"])
    assert set(farewell._visitors) == {"c", "d", "e"}


def test_who_is_back_keeps_the_place_though_not_looked_at_since(script, server, monkeypatch):
    monkeypatch.setattr(farewell, "MOST", 2)
    for name in "ab":
        script(name)
        assert farewell.admit()
    farewell._leave("a")
    server.active.add("a")  # connected, though the page was not made yet
    script("c")
    assert not farewell.admit()
    script("a")
    assert farewell.admit()
    server.active.clear()
    script("c")
    assert not farewell.admit()  # the page of "a" was made since it left
    assert server.closed == []
    assert set(farewell._visitors) == {"a", "b"}


@pytest.fixture
def come_back(script, monkeypatch):
    """Have a page ask for a new session, whose address says who it was."""

    def come_back(session_id, token):
        query = {farewell.RETURN: token} if token else {}
        monkeypatch.setattr(farewell, "st", SimpleNamespace(query_params=query))
        script(session_id)
        assert farewell.admit()
        return farewell.returned()

    return come_back


def test_reloaded_page_finds_what_it_held(come_back, script, server):
    done = []
    farewell.hold(before := held(done))
    farewell.note_closing("t")
    farewell._leave("a")
    server.wait(50)
    assert come_back("b", "t") is before
    assert farewell.returned() is None  # it is taken over
    server.active.add("b")
    assert server.closed == ["a"]
    server.wait(4000)
    assert done == []
    farewell._leave("a")  # Streamlit tells of it late
    assert (set(farewell._visitors), farewell._visitors["b"].left) == ({"b"}, 0)


def test_page_that_came_back_is_let_go_of_like_any_other(come_back, server):
    done = []
    farewell.hold(held(done))
    farewell._leave("a")
    come_back("b", "t")
    farewell.note_closing("t")  # of the page before, and late
    farewell._leave("b")
    server.wait(3599)
    assert done == ["aside"]
    come_back("c", farewell._visitors["b"].token)
    farewell.note_closing(farewell._visitors["c"].token)
    farewell._leave("c")
    server.wait(61)
    assert done == ["aside", "gone"]
    assert not farewell._visitors


@pytest.mark.parametrize("token", ["", "unknown", "t2"])
def test_nobody_gets_what_another_held(come_back, server, token):
    farewell.hold(held([]))
    farewell._leave("a")
    assert come_back("b", token) is None
    assert set(farewell._visitors) == {"a", "b"}


def test_copy_of_a_tab_gets_nothing_and_takes_nothing(come_back, server):
    farewell.hold(before := held([]))
    farewell._leave("a")
    server.active.add("a")  # is back
    assert come_back("b", "t") is None
    assert farewell._visitors["a"].held is before


def test_token_brings_back_once(come_back, server):
    farewell.hold(held([]))
    farewell._leave("a")
    assert come_back("b", "t")
    assert come_back("c", "t") is None


def test_who_comes_back_needs_no_new_place(come_back, server, monkeypatch):
    monkeypatch.setattr(farewell, "MOST", 1)
    farewell.hold(before := held([]))
    farewell._leave("a")
    assert come_back("b", "t") is before

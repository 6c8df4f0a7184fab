import asyncio
import logging
from types import SimpleNamespace

import pytest
from starlette.responses import PlainTextResponse
from streamlit.logger import get_logger, update_formatter

from denoise.ui import guard
from tests.asynchronous import run


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(guard.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def paced(messages, send=None):
    """Return what an app behind the guard receives of so many messages, until it is told that the sender is gone."""
    received = []

    async def app(scope, receive, send):
        while (message := await receive())["type"] != "websocket.disconnect":
            received.append(message["n"])
            await send({"type": "websocket.send"})

    waiting = [{"type": "websocket.receive", "n": n} for n in range(messages)] + [{"type": "websocket.disconnect"}]

    async def receive():
        return waiting.pop(0)

    async def send_nothing(message):
        pass

    run(guard.guarded(app)({"type": "websocket", "path": "/_stcore/stream"}, receive, send or send_nothing))
    return received


def test_messages_of_a_visitor_come_at_once(clock):
    assert paced(guard._AT_ONCE) == list(range(guard._AT_ONCE))
    assert clock.now < 1


def test_flood_comes_at_a_pace_and_whole(clock):
    assert paced(3000) == list(range(3000))
    assert clock.now == pytest.approx((3000 - guard._AT_ONCE) / guard._A_SECOND, rel=0.01)


def test_who_pauses_may_hurry_again(clock):
    async def app(scope, receive, send):
        for _ in range(guard._AT_ONCE):
            await receive()
        clock.now += 1000
        before = clock.now
        for _ in range(guard._AT_ONCE):
            await receive()
        assert clock.now == before
        for _ in range(5):
            await receive()
        assert clock.now == pytest.approx(before + 5 / guard._A_SECOND)

    async def receive():
        return {"type": "websocket.receive"}

    run(guard.guarded(app)({"type": "websocket", "path": "/"}, receive, None))


def test_what_is_left_of_a_flood_is_dropped_with_its_sender(clock):
    async def send(message):
        if clock.now > 10:
            raise OSError("gone")

    assert len(paced(3000, send)) == pytest.approx(guard._AT_ONCE + 10 * guard._A_SECOND, abs=2)


def request(app, receive=None, send=None, path="/", method="GET"):
    """Return the messages that come for a request."""
    messages = []

    async def receive_nothing():
        return {"type": "http.request"}

    async def keep(message):
        messages.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    run(guard.guarded(app)(scope, receive or receive_nothing, send or keep))
    return messages


def test_every_answer_tells_the_browser_what_may_run():
    start, _ = request(PlainTextResponse("x", headers={"Referrer-Policy": "no-referrer"}))
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"  # the answer's own
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'self'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert policy["script-src"].count("'sha256-") == 1
    assert not any("http" in value or "*" in value for value in policy.values())


def test_metrics_are_nobodys(monkeypatch):
    monkeypatch.setattr("streamlit.config.get_option", {"server.baseUrlPath": "/photos/"}.__getitem__)
    assert request(PlainTextResponse("x"), path="/photos/_stcore/metrics")[0]["status"] == 404
    assert request(PlainTextResponse("x"), path="/photos/_stcore/health")[0]["status"] == 200


async def read(scope, receive, send):
    """An app that reads the body, and answers with its length, or "gone"."""
    length = 0
    while (message := await receive())["type"] == "http.request":
        length += len(message["body"])
        if not message["more_body"]:
            return await PlainTextResponse(str(length))(scope, receive, send)
    return await PlainTextResponse("gone")(scope, receive, send)


@pytest.mark.parametrize(
    ("size", "answer"), [(1, b"gone"), (guard._PROGRESS, str(100 * guard._PROGRESS).encode())], ids=["slow", "steady"]
)
def test_who_sends_next_to_nothing_counts_as_gone(clock, size, answer):
    """100 pieces, each of which takes a third of the time that is given."""
    came = 0

    async def receive():
        nonlocal came
        came += 1
        clock.now += guard.SILENCE / 3
        if clock.now > 3 * guard.SILENCE and size == 1:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": bytes(size), "more_body": came < 100}

    assert request(read, receive, method="PUT")[1]["body"] == answer


def test_who_sends_nothing_counts_as_gone(monkeypatch):
    monkeypatch.setattr(guard, "SILENCE", 0.01)
    start, body = request(read, lambda: asyncio.Event().wait(), method="PUT")
    assert body["body"] == b"gone"
    assert (b"connection", b"close") in start["headers"]


def test_end_of_a_connection_may_be_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "SILENCE", 0.01)
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if waiting:
            return waiting.pop()
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def app(scope, receive, send):
        await receive()
        assert await receive() == {"type": "http.disconnect"}
        await PlainTextResponse("end")(scope, receive, send)

    assert request(app, receive)[1]["body"] == b"end"


def test_answer_that_is_not_taken_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "SILENCE", 0.01)
    ended = []

    async def app(scope, receive, send):
        try:
            await PlainTextResponse("long")(scope, receive, send)
        finally:
            ended.append(True)

    request(app, send=lambda message: asyncio.Event().wait())
    assert ended


def test_addresses_stay_out_of_the_log(capfd):
    log = logging.getLogger("uvicorn.access")
    try:
        guard.keep_addresses_secret()
        get_logger("uvicorn.access")
        update_formatter()  # as when the file of settings is touched
        log.error("a token")
    finally:
        log.disabled = False
    assert capfd.readouterr() == ("", "")

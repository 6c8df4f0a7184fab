"""What stands between the network and the page: nobody sends faster, slower or elsewhere than a visitor would.

ASGI middleware, which sees every request before Streamlit and the routes do.
"""

import asyncio
import base64
import hashlib
import logging
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from denoise.batch import SILENCE
from denoise.ui import addresses

_AT_ONCE, _A_SECOND = 60, 5.0
"""Messages of a page that are taken at once, and a second after that: a batch's page sends one a second, and a slider
that is dragged, or stepped by a key that is held down, five at most."""

_PROGRESS = 1 << 17  # bytes that must come within `SILENCE`: one byte now and then is silence too

_CLOSED = "_stcore/metrics"  # Streamlit tells everybody who asks how many visitors there are, and of their memory


def guarded(app: ASGIApp) -> ASGIApp:
    """Let `app` answer as a whole, at the pace of a visitor; see `_paced` and `_punctual`."""
    closed = f"{addresses.base()}/{_CLOSED}"

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _paced(app, scope, receive, send)
        elif scope["type"] == "http":
            send = _with_headers(send)
            if scope["path"] == closed:
                await PlainTextResponse("Not Found", 404)(scope, receive, send)
            else:
                await _punctually(app, scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


async def _paced(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Hand out messages no faster than a token bucket allows; the rest waits in the sender's network.

    Streamlit takes them in a loop that lets nobody else have a turn while there are more, and each may start the page's
    script anew. What was sent by who has left meanwhile is dropped.
    """
    tokens, filled, gone = float(_AT_ONCE), time.monotonic(), False

    async def receive_in_turn() -> Message:
        nonlocal tokens, filled
        message = await receive()
        now = time.monotonic()
        tokens = min(tokens + (now - filled) * _A_SECOND, _AT_ONCE) - 1
        filled = now
        await asyncio.sleep(max(0.0, -tokens / _A_SECOND))  # 0 too gives the others a turn
        return {"type": "websocket.disconnect", "code": 1006} if gone else message

    async def send_if_there(message: Message) -> None:
        nonlocal gone
        try:
            await send(message)
        except OSError:  # the connection is lost, which Streamlit would take for a mistake while it still has messages
            gone = True

    await app(scope, receive_in_turn, send_if_there)


class _TooSlowError(Exception):
    pass


async def _punctually(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Give up who sends or takes next to nothing for `SILENCE` seconds; to the app it is gone, as if it had hung up.

    What the app answers ends the connection: else the server would go on reading what comes, byte by byte.
    """
    left, came, more = SILENCE, 0, True  # what the app itself takes its time for is not counted
    is_late = False

    async def receive_soon() -> Message:
        nonlocal left, came, more, is_late
        if not more:  # then this waits for the end of the connection
            return await receive()
        started = time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await receive()
        except TimeoutError:
            more, is_late = False, True
            return {"type": "http.disconnect"}
        came += len(message.get("body", b""))
        left -= time.monotonic() - started
        if came >= _PROGRESS:
            left, came = SILENCE, 0
        more = message.get("more_body", False)
        return message

    async def send_soon(message: Message) -> None:
        if is_late and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        try:
            async with asyncio.timeout(SILENCE):
                await send(message)
        except TimeoutError:
            raise _TooSlowError from None

    with suppress(_TooSlowError):  # the server ends a connection whose answer is not complete
        await app(scope, receive_soon, send_soon)


def _with_headers(send: Send) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _headers().items():
                headers.setdefault(name, value)
        await send(message)

    return send_with


@cache
def _headers() -> dict[str, str]:
    """Return what every answer says to the browser, so that nothing but the page's own parts runs in it.

    Streamlit needs: its own inline script; styles that its elements write; the code of components, and workers, as
    blobs; `unsafe-eval` for charts, whose expressions Vega compiles.
    """
    policy = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", "'unsafe-eval'", "blob:", *_inline_scripts()]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # addresses hold tokens
    }


def keep_addresses_secret() -> None:
    """Have no address written to a log: they hold tokens.

    Streamlit turns the log of requests off, and on again as soon as its file of settings is touched.
    """
    logging.getLogger("uvicorn.access").disabled = True


def _inline_scripts() -> list[str]:
    """Return the hashes of the scripts that stand in Streamlit's page itself."""
    page = Path(file_util.get_static_dir(), "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]

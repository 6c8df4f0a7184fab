"""Running coroutines in a test."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own: in the test's, a browser test may have left a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def answer(route, chunks=(), headers=None, query="", **path_params):
    """Return a route's answer to a request whose body comes in these pieces."""
    rest = list(chunks)

    async def receive():
        chunk = rest.pop(0) if rest else b""
        if callable(chunk):
            chunk = chunk()
        if isinstance(chunk, ClientDisconnect):
            return {"type": "http.disconnect"}
        if isinstance(chunk, Exception):
            raise chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(rest)}

    async def ask():
        encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path_params": path_params,
            "headers": encoded,
            "query_string": query.encode(),
        }
        return await whole(await route(Request(scope, receive)))

    return run(ask())


def is_in_a_loop() -> bool:
    """Tell whether this thread is one that all requests share."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def noted(work: Callable[..., Any], threads: list[bool]) -> Callable[..., Any]:
    """Return this function, which notes at each call whether it was one in such a thread."""
    return lambda *args, **kwargs: (threads.append(is_in_a_loop()), work(*args, **kwargs))[1]


async def whole(response):
    """Return the response with its whole body."""
    if isinstance(response, StreamingResponse):
        response.body = b"".join([piece async for piece in response.body_iterator])
    return response

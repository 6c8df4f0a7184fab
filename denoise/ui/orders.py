"""Files made to order.

Each is made once, one at a time for a visitor and few in the whole server, and none for who has left meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary, WeakValueDictionary

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request

from denoise.pipeline import Mix
from denoise.ui.session import File, Result, Session

_KEPT_BYTES = 64_000_000  # of all files that are kept
_encoding = CapacityLimiter(2)
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
_kept: WeakKeyDictionary[Result, tuple[tuple[File, Mix], bytes]] = WeakKeyDictionary()
"""The last file that was made of a result, for as long as the result is there and the newest ones fit."""


async def fill(request: Request, state: Session, file: File, mix: Mix) -> bytes:
    """Return a file of a visitor's, see `Session.file`.

    Raises:
        LookupError: The photo or its result is no longer there.
        ClientDisconnect: Nobody waits for it any more; if it had not been begun, it was not.
    """

    async def make() -> bytes:
        async with _turns.setdefault(state.token, asyncio.Lock()):
            result = state.result(file.run)
            if result is None:
                raise LookupError(file.run)
            order, data = _kept.get(result, (None, b""))
            if order != (file, mix):
                data = await to_thread.run_sync(state.file, file, mix, limiter=_encoding)
                _keep(result, (file, mix), data)
            return data

    return await _while_connected(request, make)


def _keep(result: Result, order: tuple[File, Mix], data: bytes) -> None:
    _kept.pop(result, None)
    _kept[result] = order, data
    while sum(len(each) for _, each in _kept.values()) > _KEPT_BYTES:
        del _kept[next(iter(_kept))]


async def _while_connected(request: Request, make: Callable[[], Awaitable[bytes]]) -> bytes:
    """Return what `make` makes, unless the connection ends before.

    Raises:
        ClientDisconnect: It has ended.
    """
    made: bytes | Exception = ClientDisconnect()

    async def work() -> None:
        nonlocal made
        try:
            made = await make()
        except Exception as error:
            made = error
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()
    if isinstance(made, Exception):
        raise made
    return made

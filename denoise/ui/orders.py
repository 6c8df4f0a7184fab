"""Files made to order.

Each is made once, one at a time for a visitor and few in the whole server, and none for who has left meanwhile.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request

from denoise.mixing import Mix
from denoise.ui.before_after import BeforeAfter
from denoise.ui.results import File, Result
from denoise.ui.session import Session

BLOCK = 1 << 18
"""Bytes that are sent at a time: the network's queue would copy all of a file that it is given at once."""

_KEPT_BYTES = 64_000_000  # of all files that are kept
_encoding = CapacityLimiter(2)


@dataclass(frozen=True, eq=False)
class Made:
    """A file that was made; there is one in memory, to however many it is sent."""

    data: bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        """Return it bit by bit, and hold it until the last one is sent."""
        for start in range(0, len(self.data), BLOCK):
            yield self.data[start : start + BLOCK]


_kept: WeakKeyDictionary[Result, Made] = WeakKeyDictionary()
"""The last file that was made of a result, while the newest ones fit.

It goes with the result, and so with the visitor or the uploaded photo, see `Session.close` and `Session.close_upload`;
while the visitor is away it stays, and counts towards `_KEPT_BYTES` alone.
"""


async def fill(request: Request, state: Session, file: File | BeforeAfter, mix: Mix) -> Made:
    """Return a file of a visitor's, see `Session.file`.

    Raises:
        LookupError: The photo or its result is no longer there.
        ClientDisconnect: Nobody waits for it any more; if it had not been begun, it was not.
    """

    async def make() -> Made:
        async with state.encoding:
            result = state.results.get(file.run)
            if result is None:
                raise LookupError(file.run)
            made: Made | None = result.files.get((file, mix))
            if made is None:
                made = Made(await to_thread.run_sync(state.file, file, mix, limiter=_encoding))
                result.files[file, mix] = made
                _keep(result, made)
            return made

    return await _while_connected(request, make)


def _keep(result: Result, made: Made) -> None:
    if len(made.data) > _KEPT_BYTES:  # which would cost all others theirs, and not fit all the same
        return
    _kept.pop(result, None)
    _kept[result] = made
    while sum(len(each.data) for each in _kept.values()) > _KEPT_BYTES:
        del _kept[next(iter(_kept))]


async def _while_connected(request: Request, make: Callable[[], Awaitable[Made]]) -> Made:
    """Return what `make` makes, unless the connection ends before, see `fill`."""
    made: Made | Exception = ClientDisconnect()

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

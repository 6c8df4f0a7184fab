"""A file that comes over the network, written to disk as it comes and as long as there is room for it."""

from collections.abc import AsyncIterable, Callable
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from denoise.spool import release, reserve

_BLOCK = 1 << 20  # bytes that are written at a time
_AHEAD = 16 << 20  # bytes for which room on disk is kept before they come


class TooManyBytesError(Exception):
    """More came than may."""


async def write(
    stream: AsyncIterable[bytes],
    part: Path,
    *,
    limit: int,
    announced: int = 0,
    on_progress: Callable[[], object] = lambda: None,
    limiter: CapacityLimiter,
) -> None:
    """Write what comes into a file of the spool.

    Args:
        stream: What comes, bit by bit; the last bit is empty.
        part: Where it is written; what was there is lost.
        limit: Bytes that may come.
        announced: Bytes that are said to come, if that is said.
        on_progress: Called whenever something was written; what it raises ends that.
        limiter: Of the threads that wait for the disk.

    Raises:
        TooManyBytesError: More than `limit` came.
        OSError: There is no room for it, see `denoise.spool.reserve`, or it cannot be written.
    """
    left, announced = limit, min(announced, limit)
    room = min(announced, _AHEAD)
    try:
        # For all that is announced, rather than to say so when most of it has been sent.
        await to_thread.run_sync(reserve, part, room, announced, limiter=limiter)
        with await to_thread.run_sync(part.open, "wb", limiter=limiter) as file:
            block = bytearray()
            async for chunk in stream:
                block += chunk
                if len(block) >= _BLOCK or not chunk:
                    written = limit - left
                    if written + len(block) > room:
                        room = written + max(len(block), min(_AHEAD, (announced or limit) - written))
                        await to_thread.run_sync(reserve, part, room, limiter=limiter)
                    left -= await to_thread.run_sync(file.write, bytes(block), limiter=limiter)
                    block.clear()
                    on_progress()
                if left < 0:
                    raise TooManyBytesError(limit)
    finally:
        release(part)

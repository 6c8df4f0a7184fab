"""A visitor who fetches the result of a large photo many times at once: how long does another visitor wait meanwhile?

`python -m tests.attack.downloads --megapixels 24 --gets 40` tells the seconds until the other visitor's page is there
and its pictures have come, before and during that.
"""

import argparse
import asyncio
import statistics
import threading
import time
import uuid

from tests.attack.visitors import Visitor, photo
from tests.e2e.conftest import serve

_PAUSE = 0.5  # seconds between two visits


async def _visit(url: str) -> float:
    """Return the seconds that a new visitor waits for a sample and its result, and their pictures."""
    other = Visitor(url)
    started = time.monotonic()
    await other.come()
    await other.wait(3, own=False)
    assert await asyncio.to_thread(other.fetch) == len(other.pictures)
    seconds = time.monotonic() - started
    other.drop()
    return seconds


async def play(url: str, megapixels: float, gets: int, visits: int, *, say=print) -> dict[str, float]:
    """Let one visitor fetch and others come; return the median and the longest seconds of the others, alone and then.

    Raises:
        AssertionError: A file or a picture did not come.
    """
    attacker = Visitor(url)
    await attacker.come()
    await attacker.is_open.wait()
    assert await attacker.upload(f"{uuid.uuid4().hex}.jpg", await asyncio.to_thread(photo, megapixels)) == 204
    await attacker.wait(3)
    await _visit(url)  # which denoises the sample, for all that come later
    alone = [await _visit(url) for _ in range(3)]
    statuses: list[int] = []
    address = f"{attacker.download}&mix=60-60-0"
    threads = [threading.Thread(target=lambda: statuses.append(attacker.get(address))) for _ in range(gets)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    during = []
    while len(during) < visits and any(thread.is_alive() for thread in threads):
        during.append(await _visit(url))
        await asyncio.sleep(_PAUSE)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert statuses == [200] * gets, statuses
    found = {
        "alone, median": statistics.median(alone),
        "during, median": statistics.median(during),
        "during, longest": max(during),
        "visits": len(during),
        "all files have come after": time.monotonic() - started,
    }
    for what, value in found.items():
        say(f"{what}: {value:.2f}", flush=True)
    return found


def main() -> None:
    """Play it, see the module's words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--gets", type=int, default=40)
    parser.add_argument("--visits", type=int, default=20)
    args = parser.parse_args()
    with serve() as url:
        asyncio.run(play(url, args.megapixels, args.gets, args.visits))


if __name__ == "__main__":
    main()

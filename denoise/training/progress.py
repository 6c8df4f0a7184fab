"""How far a long run is."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def with_progress(items: Sequence[_Item], title: str) -> Iterator[_Item]:
    """Yield items, and tell on standard error after each how many are done and how long the rest will take."""
    terminal = sys.stderr.isatty()
    started = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        minutes, seconds = divmod(round((time.monotonic() - started) / done * (len(items) - done)), 60)
        line = f"{title}: {done} of {len(items)}, {minutes}:{seconds:02} left"
        end = "" if terminal and done < len(items) else "\n"  # one line, written over
        print(f"\r{line:60}" if terminal else line, end=end, file=sys.stderr, flush=True)

"""Who works at the same time: large photos take turns, so that a server of many visitors does not run out of memory."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext

_PAUSE = 0.25  # seconds between two looks whether one who waits still wants to


class Turns:
    """Lets works go on side by side as long as their photos together are not too large; the others wait.

    Args:
        most: Bytes of the photos that are at work at once. One that is larger works alone.
        small: Bytes of a photo that does not wait for larger ones.
        few: How many such small ones may be at work at once; any number if it is not given.
    """

    def __init__(self, most: int, small: int = 8_000_000, few: int | None = None) -> None:
        self._most, self._small = most, small
        self._of_small = Turns(few, small=0) if few else None
        self._changed = threading.Condition()  # guards what follows
        self._working: list[int] = []
        self._waiting: list[object] = []

    @contextmanager
    def turn(
        self, size: int, *, tell: Callable[[int], None] = lambda ahead: None, check: Callable[[], object] = lambda: None
    ) -> Generator[None]:
        """Wait until there is room for a photo of so many bytes, and have it.

        Args:
            size: Bytes that the work holds of pixels: those of the photo, and of what becomes of it.
            tell: Called with the number of those who came earlier, while waiting; at last with 0.
            check: Called while waiting; what it raises ends that.
        """
        if size <= self._small:
            with self._of_small.turn(1, tell=tell, check=check) if self._of_small else nullcontext():
                yield
            return
        me = object()
        with self._changed:
            self._waiting.append(me)
            try:
                while self._waiting[0] is not me or (self._working and sum(self._working) + size > self._most):
                    tell(len(self._working) + self._waiting.index(me))
                    self._changed.wait(_PAUSE)
                    check()
                self._working.append(size)
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()
        tell(0)
        try:
            yield
        finally:
            with self._changed:
                self._working.remove(size)
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait for room."""
        return len(self._waiting) + (self._of_small.waiting if self._of_small else 0)


networks = Turns(360_000_000, few=4)
"""Of the photos that are denoised: the networks take one tile after another, so more at once would be no quicker."""

pictures = Turns(160_000_000)
"""Of the photos that are decoded, encoded or measured for a page."""

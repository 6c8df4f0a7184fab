"""What a visitor has at work: one job in each slot, a page's part such as the curves of the noise lab."""

import threading
from collections.abc import Callable, Hashable

from denoise import engine
from denoise.engine import Job, Task


class Slots:
    """The jobs of one visitor.

    Args:
        explain: Turns a failure into a sentence, see `Job.reason`.
    """

    def __init__(self, explain: Callable[[Exception], str]) -> None:
        self._explain = explain
        self._changing = threading.Lock()  # guards what follows
        self._jobs: dict[str, tuple[Hashable, Job[None]]] = {}  # by slot: what about, and the job
        self._ending: dict[str, Job[None]] = {}  # the last that was ended: perhaps still in a tile

    def job(self, slot: str, key: Hashable, work: Callable[[Task], None]) -> Job[None]:
        """Return the job on `key` in this slot while it is at work, or when it was cancelled or failed; else begin it.

        Args:
            slot: A job on something else that is there ends first.
            key: What it is about.
            work: Keeps what it makes, piece by piece, so that little is lost, and makes only what is not there.
        """
        with self._changing:
            known = self._jobs.get(slot)
            if known and known[0] == key and (known[1].goes_on or known[1].ended_early):
                return known[1]
            self._end(slot)
            job = engine.shared().submit(work, explain=self._explain, after=self._ending.get(slot))
            self._jobs[slot] = key, job
            return job

    def goes_on(self, slot: str) -> bool:
        """Tell whether something is at work in this slot."""
        known = self._jobs.get(slot)
        return known is not None and known[1].goes_on

    def end(self, slot: str) -> None:
        """Let what is at work in this slot end within a tile, and forget how it ended."""
        with self._changing:
            self._end(slot)

    def end_others(self, slot: str) -> None:
        """Do that in all slots but this one."""
        with self._changing:
            for each in [each for each in self._jobs if each != slot]:
                self._end(each)

    def forget_early_end(self, slot: str) -> None:
        """Let the job begin again that was cancelled or failed, if there is one."""
        with self._changing:
            if (known := self._jobs.get(slot)) and known[1].ended_early:
                self._end(slot)

    def wait(self, seconds: float) -> None:
        """Wait until those that were ended have, each of them at most so long."""
        for job in list(self._ending.values()):
            job.wait(seconds)

    def _end(self, slot: str) -> None:
        if before := self._jobs.pop(slot, None):
            before[1].cancel()
            self._ending[slot] = before[1]

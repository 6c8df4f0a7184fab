"""A visitor's jobs; and on a page their progress, a Cancel button, and what is said of one that ended early."""

import threading
import time
from collections.abc import Callable, Hashable

import streamlit as st

from denoise import engine
from denoise.engine import Job, Task
from denoise.ui import texts
from denoise.ui.cache import end_if_overtaken, run_anew

_LOOK = 0.1  # seconds between two looks at the job
_PAUSE = 0.4  # seconds between two messages to the browser, which otherwise draws the bar anew up to 80 times a second


class Jobs:
    """What a visitor has at work: one job in each slot, a page's part such as the curves of the noise lab.

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

    def last(self, slot: str) -> Job[None] | None:
        """Return the job in this slot, at work or not, unless it was ended."""
        known = self._jobs.get(slot)
        return known[1] if known else None

    def goes_on(self, slot: str) -> bool:
        """Tell whether something is at work in this slot."""
        job = self.last(slot)
        return job is not None and job.goes_on

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


def of_tiles(job: Job[None]) -> tuple[float, str]:
    """Return the share of a job's tiles that are done, and a sentence."""
    return job.done / job.total, texts.progress(job.done, job.total, job.seconds)


def show(
    jobs: Jobs,
    slot: str,
    key: Hashable,
    work: Callable[[Task], None],
    *,
    tell: Callable[[Job[None]], tuple[float, str]] = of_tiles,
    cancelled: str = texts.WORK_CANCELLED,
    again: str = texts.REPEAT,
    starting: str = texts.STARTING,
) -> None:
    """Show a job until it ends, and then make the page anew; or say that it was cancelled or failed, with a button.

    It goes on while the page is made anew or another one is looked at: this looks at it only.

    Args:
        jobs: The visitor's.
        slot: See `Jobs.job`.
        key: See `Jobs.job`.
        work: See `Jobs.job`; begins unless it is at work.
        tell: Returns the share that is done and a sentence, once the job counts tiles.
        cancelled: The sentence for one that was cancelled.
        again: The text of the button to do it after all.
        starting: The sentence until the job counts tiles.
    """
    job = jobs.job(slot, key, work)
    if job.ended_early:
        st.warning(job.reason or cancelled)
        st.button(again, key=f"{slot} again", on_click=jobs.end, args=(slot,))
        return
    with st.container(key=f"running-{slot}"):
        bar = st.progress(0.0, text=starting)
        st.button(texts.CANCEL, key=f"{slot} cancel", on_click=job.cancel)
    told = time.monotonic()
    while not job.wait(_LOOK):
        end_if_overtaken()  # as a message does
        if time.monotonic() - told < _PAUSE:
            continue
        if job.ahead:
            bar.progress(0.0, texts.waiting_for(job.ahead))
        elif job.total:
            bar.progress(*tell(job))
        told = time.monotonic()
    run_anew()

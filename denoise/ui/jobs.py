"""A job on a page: its progress, its Cancel button, and what is said when it ended early."""

import time
from collections.abc import Callable, Hashable

import streamlit as st

from denoise.engine import Job, Task
from denoise.ui import session, texts
from denoise.ui.slots import Slots

_LOOK = 0.1  # seconds between two looks at the job
_PAUSE = 0.4  # seconds between two messages to the browser, which otherwise draws the bar anew up to 80 times a second


def of_tiles(job: Job[None]) -> tuple[float, str]:
    """Return the share of a job's tiles that are done, and a sentence."""
    return job.done / job.total, texts.progress(job.done, job.total, job.seconds)


def show(
    jobs: Slots,
    slot: str,
    key: Hashable,
    work: Callable[[Task], None],
    *,
    tell: Callable[[Job[None]], tuple[float, str]] = of_tiles,
    cancelled: str = texts.WORK_CANCELLED,
    again: str = texts.REPEAT,
) -> None:
    """Show a job until it ends, and then make the page anew; or say that it was cancelled or failed, with a button.

    It goes on while the page is made anew or another one is looked at: this looks at it only.

    Args:
        jobs: The visitor's.
        slot: See `Slots.job`.
        key: See `Slots.job`.
        work: See `Slots.job`; begins unless it is at work.
        tell: Returns the share that is done and a sentence, once the job counts tiles.
        cancelled: The sentence for one that was cancelled.
        again: The text of the button to do it after all.
    """
    job = jobs.job(slot, key, work)
    if job.ended_early:
        st.warning(job.reason or cancelled)
        st.button(again, key=f"{slot} again", on_click=jobs.end, args=(slot,))
        return
    with st.container(key=f"running-{slot}"):
        bar = st.progress(0.0, text=texts.STARTING)
        st.button(texts.CANCEL, key=f"{slot} cancel", on_click=job.cancel)
    told = time.monotonic()
    while not job.wait(_LOOK):
        if time.monotonic() - told < _PAUSE:
            session.current()  # as with a message, Streamlit ends here a run that is outdated
            continue
        if job.ahead:
            bar.progress(0.0, texts.waiting_for(job.ahead))
        elif job.total:
            bar.progress(*tell(job))
        else:
            session.current()
        told = time.monotonic()
    st.rerun()

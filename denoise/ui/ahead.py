"""The result that is there before anybody asks, so that the first visitor sees one at once."""

import logging

from denoise import catalogue, engine
from denoise.engine import Job, Task
from denoise.ui.results import Run
from denoise.ui.session import Session, first_sample

_log = logging.getLogger(__name__)


def begin() -> Job[None]:
    """Begin to denoise the sample that the page opens with, by the fast network.

    The other samples wait until somebody asks: whoever comes first, to a server that has just started, needs its
    processors for the page and for a photo of their own.
    """

    def work(task: Task) -> None:
        state = Session(chosen_id=first_sample())
        run = Run(state.chosen_id, catalogue.DEFAULT_FOR_BIG_PHOTOS)
        state.denoise(run, state.chosen())(task)

    def explain(error: Exception) -> str:
        _log.warning("The first sample could not be denoised ahead: %s", error)
        return str(error)

    return engine.shared().submit(work, explain=explain)

"""Results of the samples that are there before anybody asks, so that the first visitor sees one at once."""

import logging

from denoise import catalogue, engine
from denoise.engine import Job, Task
from denoise.ui import samples
from denoise.ui.results import Run
from denoise.ui.session import Session

_log = logging.getLogger(__name__)


def begin() -> Job[None]:
    """Begin to denoise all samples by the fast network, one after another; visitors' tiles take turns with theirs."""

    def work(task: Task) -> None:
        for name in samples.list_samples():
            state = Session(chosen_id=name)
            state.denoise(Run(name, catalogue.DEFAULT_FOR_BIG_PHOTOS), state.chosen())(task)

    def explain(error: Exception) -> str:
        _log.warning("The samples could not be denoised ahead: %s", error)
        return str(error)

    return engine.shared().submit(work, explain=explain)

"""What is there before anybody asks: the pages' modules, and a result, so that a first visitor sees one at once."""

import inspect
import logging
import time
from importlib import import_module
from pathlib import Path

from denoise import catalogue, engine
from denoise.engine import Job, Task
from denoise.ui.results import Run
from denoise.ui.session import Session, first_sample

_log = logging.getLogger(__name__)
_PAGES = Path(__file__).parent / "pages"
_CALM = 3.0  # seconds between the two


def begin() -> Job[None]:
    """Begin to load the pages, and then to denoise the sample that the page opens with, by the fast network.

    The other samples wait until somebody asks. So does this one where somebody has come meanwhile: whoever comes first,
    to a server that has just started, needs its processors for the page and for a photo of their own.
    """

    def work(task: Task) -> None:
        # While the browser loads Streamlit's own scripts.
        for path in sorted(_PAGES.glob("*.py")):
            import_module(f"denoise.ui.pages.{path.stem}")
        inspect.stack()  # so does Streamlit, and looks at all modules the first time
        time.sleep(_CALM)
        if engine.shared().tiles:
            return
        state = Session(chosen_id=first_sample())
        run = Run(state.chosen_id, catalogue.DEFAULT_FOR_BIG_PHOTOS)
        state.denoise(run, state.chosen())(task)

    def explain(error: Exception) -> str:
        _log.warning("The first sample could not be denoised ahead: %s", error)
        return str(error)

    return engine.shared().submit(work, explain=explain)

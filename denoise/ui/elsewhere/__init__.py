"""Work that goes on while another page is looked at: the tab's title tells how far it is."""

from typing import TypedDict

from denoise.item import State
from denoise.ui import addresses, texts
from denoise.ui.component import component
from denoise.ui.session import PHOTO, Session

_component = component("elsewhere")


class Work(TypedDict):
    """How far a work is.

    Attributes:
        told: While it is at work; empty if it is not.
        outcome: What became of it, once it is done; empty if it was cancelled or failed.
    """

    told: str
    outcome: str


def show(state: Session, page: str) -> None:
    """Have the title tell it, on a page of this title, of all work but the page's own."""
    if any(work["told"] for name, work in works(state).items() if name != page):  # a component takes time to load
        _component(data={"path": addresses.works(state), "own": page}, key="elsewhere")


def works(state: Session) -> dict[str, Work]:
    """Return how far the visitor's works are, by the title of the page that shows them."""
    found: dict[str, Work] = {}
    if job := state.jobs.last(PHOTO):
        percent = 100 * job.done // max(job.total, 1)
        found[texts.PAGES["denoise"]] = {
            "told": f"{percent} %" if job.goes_on else "",
            "outcome": texts.DENOISED if job.has_ended and not job.ended_early else "",
        }
    if batch := state.batch:
        states = [item.state for item in batch.items()]
        done, failed = states.count(State.DONE), states.count(State.FAILED)
        found[texts.PAGES["batch"]] = {
            "told": f"{done + failed} / {len(states)}" if batch.is_working else "",
            "outcome": texts.batch_outcome(done, failed) if 0 < len(states) == done + failed else "",
        }
    return found

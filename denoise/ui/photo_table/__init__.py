"""The table of a batch: a row for each photo that fills in, and the links to what is done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from denoise.batch import REPORT_NAME, ZIP_NAME
from denoise.ui import texts
from denoise.ui.component import component

_component = component(__file__)


@dataclass(frozen=True)
class Row:
    """A photo as the table shows it; `kind` is the state's name, `detail` says more about it, `seen` has a picture."""

    id: str
    name: str
    size: str
    noise: str
    time: str
    kind: str
    state: str
    detail: str
    seen: bool


def show(rows: Sequence[Row], done: int, path: str, *, key: str = "photos") -> None:
    """Place the table in the page.

    Args:
        rows: A row for each photo.
        done: How many results there are to be taken home.
        path: Where pictures, zip and report are, see `transfer`.
        key: Tells several tables apart.
    """
    links = [f"{path}/{ZIP_NAME}", f"{path}/{REPORT_NAME}"]
    # A list, because Streamlit would load pandas for a dictionary.
    _component(data=[texts.BATCH_TABLE, [asdict(row) for row in rows], done, path, links], key=key)

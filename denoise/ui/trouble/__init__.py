"""Why an upload did not arrive: Streamlit's uploader only says "AxiosError", and hides that."""

import re

from denoise.ui import texts
from denoise.ui.component import component

_component = component(__file__)


def explain(uploader: str) -> None:
    """Say below the file uploader of this key what was wrong, whenever its list has a file that did not arrive."""
    # As Streamlit makes a class of a key.
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", uploader)
    _component(data={"name": name, "sentences": texts.REFUSALS}, key=f"trouble {uploader}")

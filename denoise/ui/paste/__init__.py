"""Photos from the clipboard, and photos dropped anywhere on the page."""

from denoise.ui import texts
from denoise.ui.component import component

_component = component(__file__)


def into(uploader: str) -> None:
    """Hand pasted and dropped pictures to the file uploader of this key, as if they had been chosen there."""
    _component(data=[texts.PASTE, texts.PASTED_NAME, uploader, texts.PASTE_ONE], key=f"paste into {uploader}")

"""Photos from the clipboard, and photos dropped anywhere on the page."""

from denoise.ui.component import component

INVITATION = "Or drop it anywhere on the page, or paste it"
ONE = "Only the first of these photos was taken. The page Batch takes many at once."
DROP = "Drop the photo here"
NAME = "pasted.png"

_component = component(__file__)


def into(uploader: str) -> None:
    """Hand pasted and dropped pictures to the file uploader of this key, as if they had been chosen there."""
    _component(data=[INVITATION, NAME, uploader, ONE, DROP], key=f"paste into {uploader}")

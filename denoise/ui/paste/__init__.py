"""Photos from the clipboard, and photos dropped anywhere on the page."""

from denoise.ui.component import component

_component = component("paste")


def into(uploader: str) -> bool:
    """Hand a pasted or dropped picture to the file uploader of this key, as if it had been chosen there.

    Returns:
        Whether there were several, or a folder: they wait in the browser for the page that has `denoise.ui.uploader`.
    """
    data = {"uploader": uploader}
    return bool(_component(data=data, key=f"paste into {uploader}", on_many_change=lambda: None).many)

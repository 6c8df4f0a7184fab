"""The button that saves the denoised photo, or a picture of before and after, just as the viewer shows it."""

from denoise.ui import texts
from denoise.ui.component import component

_component = component("download")


def button(path: str, file_name: str, *, label: str = texts.DOWNLOAD, key: str = "download") -> None:
    """Place the button in the page.

    Not Streamlit's own: that one hands out what the sliders were at the last run of the page, and nothing at all while
    the page is made anew.

    Args:
        path: Where the server sends the file, see `denoise.ui.addresses.result`; the button adds the mix and the
            middle of the view. Empty if there is no file yet.
        file_name: What the file is to be called.
        label: What it says.
        key: Tells several in a page apart.
    """
    _component(data={"label": label, "path": path, "name": file_name}, key=key)

"""The page's own components: plain HTML, CSS and JavaScript, each in a file of its own."""

from pathlib import Path
from typing import Any

import streamlit as st


def component(module: str) -> Any:
    """Return what places a component in the page.

    Its script's function is called again, with the same element, whenever its data change. Streamlit drops what an
    earlier call returned to clean up, unless the data changed while the script was being loaded: then it calls that
    after the newer call. So a script must not listen twice, and must clean up only once its element has left the page.

    Args:
        module: The `__file__` of its package, which has its name and in which its files have it too.
    """
    folder = Path(module).parent
    html, css, js = ((folder / f"{folder.name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"denoise.{folder.name}", html=html, css=css, js=js)

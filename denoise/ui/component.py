"""The page's own components: plain HTML, CSS and JavaScript, each in a file of its own."""

from pathlib import Path
from typing import Any

import streamlit as st


def component(module: str) -> Any:
    """Return what places a component in the page.

    Its script has a function `show`, which is called again, with the same element, whenever its data change; what the
    function returns is called only once, when the element has left the page.

    Args:
        module: The `__file__` of its package, which has its name and in which its files have it too; other scripts
            there are read along with its own.
    """
    folder = Path(module).parent
    html, css = ((folder / f"{folder.name}.{kind}").read_text("utf-8") for kind in ("html", "css"))
    scripts = [*sorted(folder.glob("*.js")), Path(__file__).with_suffix(".js")]
    js = "\n".join(path.read_text("utf-8") for path in scripts)
    return st.components.v2.component(f"denoise.{folder.name}", html=html, css=css, js=js)

"""The page's own components: plain HTML, CSS and JavaScript, each in a file of its own, with the words in them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_COMMON = Path(__file__).with_suffix(".js").resolve()
_IMPORTED = re.compile(r'^import .* from "(\.\./.+)";$', re.MULTILINE)
_IMPORT_LINE = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def component(name: str) -> Callable[..., Any]:
    """Return what places a component in the page: with its `data`, a dictionary, and all else that Streamlit takes.

    Its script has a function `show`, which is called again, with the same element, whenever its data change; what
    the function returns is called only once, when the element has left the page.

    Args:
        name: Of its folder beside this module, and of its files there.
    """
    folder = _COMMON.parent / name
    html, css = ((folder / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css"))
    place = st.components.v2.component(f"denoise.{name}", html=html, css=css, js=script(folder))
    # In a list, because Streamlit would load pandas for a dictionary.
    return lambda *, data, **options: place(data=[data], **options)


def script(folder: Path) -> str:
    """Return the scripts of a component, ES modules that import one another, as the one that Streamlit takes.

    What all components have in common is among them, and those of other components that they import.

    Streamlit can serve several, but only of an installed package, and not to a module that is imported before the
    server runs. What they declare at their top has one name in all of them.
    """
    own = sorted(folder.glob("*.js"))
    imported = {(folder / name).resolve() for path in own for name in _IMPORTED.findall(path.read_text("utf-8"))}
    paths = [*sorted(imported | {_COMMON}), *own]
    return "\n".join(_EXPORT.sub("", _IMPORT_LINE.sub("", path.read_text("utf-8"))) for path in paths)

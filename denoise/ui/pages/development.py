"""How RAW files are developed: what the pages Denoise and Batch let their visitors choose."""

from typing import Any

import streamlit as st

from denoise.image import MOST_STOPS, Development
from denoise.ui.pages import elements

KEYS = ("white_balance", "exposure", "highlights")

_WHITE_BALANCES = {"camera": "As shot", "auto": "Auto", "daylight": "Daylight"}
_WHITE_BALANCE_HELP = "What is white: as the camera thought, as this photo looks on average, or what is so by daylight."
_HIGHLIGHTS = {"clip": "Clip", "blend": "Blend", "rebuild": "Rebuild"}
_HIGHLIGHTS_HELP = (
    "Where a colour of the sensor was at its limit. Clip: white without a tint. Blend: what the other colours tell is "
    "mixed in. Rebuild: guessed from what is around."
)


def choose(prefix: str = "", **options: Any) -> Development:
    """Place the choices in the page; return what is chosen.

    Args:
        prefix: Of the widgets' keys, before those of `KEYS`.
        options: Of all widgets.
    """

    def choice(name: str, label: str, titles: dict[str, str], tip: str) -> Any:
        return elements.one_of(label, titles, key=prefix + name, help=tip, width="stretch", **options)

    white_balance = choice("white_balance", "White balance", _WHITE_BALANCES, _WHITE_BALANCE_HELP)
    highlights = choice("highlights", "Highlights", _HIGHLIGHTS, _HIGHLIGHTS_HELP)
    exposure = st.slider(
        "Exposure, in stops",
        -MOST_STOPS,
        MOST_STOPS,
        0.0,
        step=0.25,
        format="%+.2f",
        key=prefix + "exposure",
        help="Each stop is twice as light, or half. What is white stays white.",
        **options,
    )
    return Development(white_balance, exposure, highlights)

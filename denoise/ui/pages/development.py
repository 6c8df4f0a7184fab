"""How RAW files are developed: what the pages Denoise and Batch let their visitors choose."""

from typing import Any

import streamlit as st

from denoise.image import MOST_STOPS, Development
from denoise.ui.pages import development_words as words

KEYS = ("white_balance", "exposure", "highlights")


def choose(prefix: str = "", **options: Any) -> Development:
    """Place the choices in the page; return what is chosen.

    Args:
        prefix: Of the widgets' keys, before those of `KEYS`.
        options: Of all widgets.
    """
    usual = Development()

    def choice(name: str, label: str, choices: dict[str, str], tip: str) -> Any:
        return st.segmented_control(
            label,
            list(choices),
            default=getattr(usual, name),
            format_func=choices.__getitem__,
            key=prefix + name,
            help=tip,
            required=True,
            width="stretch",
            **options,
        )

    white_balance = choice("white_balance", words.WHITE_BALANCE, words.WHITE_BALANCES, words.WHITE_BALANCE_HELP)
    highlights = choice("highlights", words.HIGHLIGHTS, words.HIGHLIGHT_WAYS, words.HIGHLIGHTS_HELP)
    exposure = st.slider(
        words.EXPOSURE,
        -MOST_STOPS,
        MOST_STOPS,
        usual.exposure,
        step=0.25,
        format="%+.2f",
        key=prefix + "exposure",
        help=words.EXPOSURE_HELP,
        **options,
    )
    return Development(white_balance, exposure, highlights)

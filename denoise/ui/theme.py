"""The colours of the page as its visitor sees it, for what is drawn on the server."""

import streamlit as st


def colours() -> tuple[str, str]:
    """Return the accent and the colour of letters in the theme that the visitor sees."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    return st.get_option(f"theme.{theme}.primaryColor"), st.get_option(f"theme.{theme}.textColor")

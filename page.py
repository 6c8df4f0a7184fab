"""What Streamlit runs for every visitor, whenever something on the page changes."""

from pathlib import Path

import streamlit as st

from denoise.ui import farewell, memory, session, texts
from denoise.ui.pages import about, batch, compare, denoise, noise_lab, results

PAGES = {
    texts.PAGES["denoise"]: denoise,
    texts.PAGES["batch"]: batch,
    texts.PAGES["compare"]: compare,
    texts.PAGES["noise_lab"]: noise_lab,
    texts.PAGES["results"]: results,
    texts.PAGES["about"]: about,
}

memory.return_large_blocks()
farewell.expect()
st.set_page_config(page_title=texts.TITLE, layout="wide")
st.html(Path(denoise.__file__).parents[1] / "style.css")
pages = [
    st.Page(page.show, title=title, url_path=page.__name__.rpartition(".")[2], default=page is denoise)
    for title, page in PAGES.items()
]

try:
    st.navigation(pages, position="top").run()
except Exception as error:
    st.error(session.explain(error))

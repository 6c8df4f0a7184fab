"""What Streamlit runs for every visitor, whenever something on the page changes."""

import streamlit as st

from denoise.ui import elsewhere, farewell, introduction, memory, session, texts
from denoise.ui.pages import about, batch, compare, noise_lab, results, start

# By their addresses.
PAGES = {
    "denoise": start,
    "batch": batch,
    "compare": compare,
    "noise_lab": noise_lab,
    "results": results,
    "about": about,
}

memory.return_large_blocks()
st.set_page_config(page_title=texts.TITLE, layout="wide")
if not farewell.admit():
    st.info(texts.FULL_HOUSE)
    st.fragment(lambda: farewell.admit() and st.rerun(), run_every=10.0)()
    st.stop()
pages = [
    st.Page(page.show, title=texts.PAGES[address], url_path=address, default=page is start)
    for address, page in PAGES.items()
]

if st.session_state.get(farewell.ANEW):
    st.warning(texts.ANEW)
    st.button(texts.ANEW_SEEN, on_click=lambda: st.session_state.pop(farewell.ANEW, None))

try:
    page = st.navigation(pages, position="top")
    st.set_page_config(page_title=introduction.title_of(page.title))
    elsewhere.show(session.current(), page.title)
    page.run()
except Exception as error:
    st.error(texts.explain(error))

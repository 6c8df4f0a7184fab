"""The web page; start it with `streamlit run app.py`."""

import streamlit as st

from denoise.ui import memory, page, session, texts

memory.return_large_blocks()
st.set_page_config(page_title=texts.TITLE, layout="wide")

try:
    page.show()
except Exception as error:
    st.error(session.explain(error))

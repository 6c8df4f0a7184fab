"""The web page; start it with `streamlit run app.py`."""

import streamlit as st

from denoise.ui import transfer

app = st.App("page.py", routes=transfer.routes(), lifespan=transfer.lifespan)

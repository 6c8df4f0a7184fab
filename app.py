"""The web page; start it with `streamlit run app.py`."""

import streamlit as st
from starlette.middleware import Middleware

from denoise.ui import assets, limits, transfer

app = st.App(
    "page.py",
    routes=transfer.routes(),
    lifespan=transfer.lifespan,
    middleware=[Middleware(assets.compressed), Middleware(limits.limited)],
)

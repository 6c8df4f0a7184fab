"""The server of `viewer_page`, with the routes of the pictures."""

import streamlit as st

from denoise.ui import routes

app = st.App("viewer_page.py", routes=routes.routes(""))

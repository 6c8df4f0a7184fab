"""The server of `viewer_page`, with the routes of the pictures."""

import streamlit as st

from denoise.ui import transfer

app = st.App("viewer_page.py", routes=transfer.routes())

"""The web page; start it with `streamlit run app.py`."""

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit import config

from denoise.ui import assets, guard, introduction, limits, transfer

# Streamlit asks this of websockets only. Names that lead here by a trick of a foreign page's are refused.
hosts = config.get_option("server.allowedHosts") or ["*"]

app = st.App(
    "page.py",
    routes=transfer.routes(),
    lifespan=transfer.lifespan,
    middleware=[
        Middleware(guard.guarded),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(assets.compressed),
        Middleware(introduction.introduced),
        Middleware(limits.limited),
    ],
)

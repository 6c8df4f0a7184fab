"""The web page; start it with `streamlit run app.py`."""

from importlib.util import find_spec

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute
from streamlit import config

from denoise import engine
from denoise.ui import assets, guard, introduction, limits, session, transfer

# Streamlit asks this of websockets only. Names that lead here by a trick of a foreign page's are refused.
hosts = config.get_option("server.allowedHosts") or ["*"]


def service_routes() -> list[BaseRoute]:
    """Return what the service for programs answers, if its extra is installed."""
    if find_spec("fastapi") is None:
        return []
    from denoise import service

    base = str(config.get_option("server.baseUrlPath")).strip("/")
    rules = service.from_environment(
        max_megapixels=session.MAX_MEGAPIXELS, max_bytes=int(config.get_option("server.maxUploadSize")) << 20
    )
    return service.routes(engine.shared(), rules, base=f"/{base}" if base else "")


app = st.App(
    "page.py",
    routes=[*transfer.routes(), *service_routes()],
    lifespan=transfer.lifespan,
    middleware=[
        Middleware(guard.guarded),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(assets.compressed),
        Middleware(introduction.introduced),
        Middleware(limits.limited),
    ],
)

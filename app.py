"""The web page; start it with `streamlit run app.py`."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute
from streamlit import config

from denoise import engine
from denoise.presets import presets
from denoise.spool import remove_spool, spool
from denoise.ui import addresses, ahead, assets, batch_routes, ending, file_urls, guard, introduction, limits, routes

# Streamlit asks this of websockets only. Names that lead here by a trick of a foreign page's are refused.
hosts = config.get_option("server.allowedHosts") or ["*"]


def service_routes() -> list[BaseRoute]:
    """Return what the service for programs answers, if its extra is installed."""
    if find_spec("fastapi") is None:
        return []
    from denoise import service

    rules = service.from_environment(
        max_megapixels=limits.MAX_MEGAPIXELS, max_bytes=int(config.get_option("server.maxUploadSize")) << 20
    )
    return service.routes(engine.shared(), rules, base=addresses.base())


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncGenerator[None]:
    """Begin and end the server: without what a killed one left on disk, and leaving nothing there itself."""
    ending.prepare()
    guard.keep_addresses_secret()
    presets()  # if there is something wrong with those of one's own, it is said now, and not to visitors
    with ending.leaving_nothing(spool()):
        # Streamlit collects garbage after every run of the page. What is there before the first visitor comes stays,
        # and to look through it each time takes 50 ms.
        gc.freeze()
        results = ahead.begin()
        yield
        results.cancel()
        remove_spool()


app = st.App(
    "page.py",
    routes=[*routes.routes(addresses.base()), *batch_routes.routes(addresses.base()), *service_routes()],
    lifespan=lifespan,
    middleware=[
        Middleware(guard.guarded),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(assets.compressed),
        Middleware(introduction.introduced),
        Middleware(limits.limited),
        Middleware(file_urls.told),
    ],
)

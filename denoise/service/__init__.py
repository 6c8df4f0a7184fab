"""The service for programs: what the page does with one photo, over HTTP (`docs/service.md`).

It needs the extra `service`, and stands beside the page in one server, on the same engine, or alone under any ASGI
server.
"""

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from denoise.catalogue import denoiser_names
from denoise.engine import Engine
from denoise.runtime import ModelError
from denoise.service import api, problems
from denoise.service.jobs import Store
from denoise.service.metrics import Metrics
from denoise.service.rules import Rules, from_environment
from denoise.spool import check_room

__all__ = ["Rules", "from_environment", "routes"]

PATH = "/api/v1"


def routes(engine: Engine, rules: Rules, *, base: str = "") -> list[BaseRoute]:
    """Return what a server has to answer.

    Args:
        engine: Does all work.
        rules: What is allowed.
        base: What all paths of the server begin with, such as "/photos"; empty if nothing.
    """
    store = Store(engine, rules, lambda figures: metrics.seconds.labels(figures.model).observe(figures.seconds))
    metrics = Metrics(engine, store.states)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def readiness(_: Request) -> Response:  # in a thread: it looks at the disk
        try:
            denoiser_names()
            check_room(0)
        except (ModelError, OSError) as error:
            return problems.answer(503, problems.sentence_of(error))
        return JSONResponse({"status": "ok"})

    async def numbers(_: Request) -> Response:
        if not rules.shows_metrics:
            return problems.answer(404, "Not Found")
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    app = api.create(engine, rules, store, metrics)
    return [
        Mount(f"{base}{PATH}", app),
        Route(f"{base}/healthz", health),
        Route(f"{base}/readyz", readiness),
        Route(f"{base}/metrics", numbers),
    ]

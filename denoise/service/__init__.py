"""The service for programs: what the page does with one photo, over HTTP (`docs/service.md`).

It needs the extra `service`, and stands beside the page in one server, on the same engine, or alone under any ASGI
server.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from denoise.catalogue import denoiser_names
from denoise.engine import Engine
from denoise.runtime import ModelError
from denoise.service.rules import Rules, from_environment
from denoise.spool import check_room

if TYPE_CHECKING:
    from fastapi import FastAPI

    from denoise.service.metrics import Metrics

__all__ = ["Rules", "from_environment", "routes"]

PATH = "/api/v1"


class _Late:
    """What answers below `PATH`: imported when the first program asks, for FastAPI takes as long as Streamlit."""

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self._engine, self._rules = engine, rules

    @cached_property
    def made(self) -> tuple["FastAPI", "Metrics"]:
        from denoise.service import api
        from denoise.service.jobs import Store
        from denoise.service.metrics import Metrics

        engine, rules = self._engine, self._rules
        store = Store(engine, rules, lambda figures: metrics.seconds.labels(figures.model).observe(figures.seconds))
        metrics = Metrics(engine, store.states)
        return api.create(engine, rules, store, metrics), metrics

    @property
    def routes(self) -> list[BaseRoute]:  # where Starlette looks for the address of a job
        return self.made[0].routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.made[0](scope, receive, send)


def routes(engine: Engine, rules: Rules, *, base: str = "") -> list[BaseRoute]:
    """Return what a server has to answer, all of whose paths begin with `base`, such as "/photos"."""
    late = _Late(engine, rules)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def readiness(_: Request) -> Response:  # in a thread: it looks at the disk
        try:
            denoiser_names()
            check_room(0)
        except (ModelError, OSError) as error:
            from denoise.service import problems

            return problems.answer(503, problems.sentence_of(error))
        return JSONResponse({"status": "ok"})

    async def numbers(_: Request) -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST

        from denoise.service import problems

        if not rules.shows_metrics:
            return problems.answer(404, "Not Found")
        return Response(late.made[1].text(), media_type=CONTENT_TYPE_LATEST)

    return [
        Mount(f"{base}{PATH}", late),
        Route(f"{base}/healthz", health),
        Route(f"{base}/readyz", readiness),
        Route(f"{base}/metrics", numbers),
    ]

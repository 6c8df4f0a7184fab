"""The addresses of the service, and what happens at each."""

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from denoise import __version__, catalogue
from denoise.engine import Engine
from denoise.image import FORMATS
from denoise.pipeline import STRONGEST
from denoise.service import docs, gate, intake, problems
from denoise.service.jobs import ID, Sent, Store
from denoise.service.metrics import Metrics
from denoise.service.models import Job, Model, Order, Report, State
from denoise.service.rules import Rules

TOO_LONG = "This photo takes longer than {seconds:.0f} s here. Send it to /jobs, and ask for the result later."
TOO_SLOW = "So little of this photo came for two minutes that it was given up. Send it again."
NO_JOB = "There is no such job: it was deleted, or nobody asked about it for too long."
NOT_YET = "The picture is not there yet: the job is {state}."

_LOOK = 0.2  # seconds between two looks at a job whose progress somebody follows
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {intake.PART: _BINARY["schema"]}, "required": [intake.PART]}
_PHOTO = {
    "requestBody": {
        "description": f"The photo's file as it is, or in a form, as the part “{intake.PART}”.",
        "required": True,
        "content": {"application/octet-stream": _BINARY, "multipart/form-data": {"schema": _FORM}},
    }
}
_HEADERS = {
    "Denoise-Model": "The denoiser that made it: of white noise FFDNet, whichever network was asked for.",
    "Denoise-Noise-Before": "Estimated noise of the photo, in levels of 0 to 255.",
    "Denoise-Noise-After": "The same of the result.",
    "Denoise-Clean": "Share that held no noise and came back as it was, in [0, 1].",
    "Denoise-Seconds": "How long the work took.",
    "Denoise-Not-Kept": "What of the photo the format could not keep.",
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture.",
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
        "content": {"image/*": _BINARY},
    }
}
_SENT_WRONGLY = {
    400: "The form is broken.",
    408: "It came too slowly.",
    413: "The file is too large.",
    422: "The photo or a parameter is refused.",
}
_BUSY = {429: "Too many photos of one client.", 503: "Too much to do here.", 507: "The server's disk is full."}


@dataclass(frozen=True)
class Service:
    """What all requests share."""

    engine: Engine
    rules: Rules
    store: Store
    metrics: Metrics
    pace: gate.Pace
    writing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))  # threads that wait for the disk


def create(engine: Engine, rules: Rules, store: Store, metrics: Metrics) -> FastAPI:
    """Return the application that answers below one path."""
    app = _App(
        title="Denoise",
        version=__version__,
        summary="Cleans noisy photographs.",
        description="Send a photo; it comes back without its noise, in the format, depth and with the metadata it had.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = Service(engine, rules, store, metrics, gate.Pace(rules.rate))
    problems.install(app, lambda status: metrics.refusals.labels(str(status)).inc())
    refused = {401: "A key is asked for."} if rules.keys else {}
    refused |= {403: "The page of another site asks."}
    app.include_router(_router, dependencies=[Depends(gate.gate(rules))], responses=problems.describe(refused))
    docs.add(app)
    return app


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"].update(problems.schemas())
        return document


_router = APIRouter()


async def _service(request: Request) -> Service:
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


Here = Annotated[Service, Depends(_service)]


async def _keep_pace(request: Request, here: Here) -> None:
    await here.pace.check(request.state.client)


async def _find(job_id: Annotated[str, Path(json_schema_extra={"pattern": ID})], here: Here) -> Sent:
    if sent := here.store.find(job_id):
        return sent
    raise HTTPException(404, NO_JOB)


Found = Annotated[Sent, Depends(_find)]


@_router.get("/models", tags=["models"], responses=problems.describe({503: "A model is damaged."}))
async def list_models(here: Here) -> list[Model]:
    """List the denoisers to choose from."""
    pace = here.engine.pace
    return [
        Model(
            name=name,
            title=info.title,
            summary=info.summary,
            default=name == catalogue.DEFAULT,
            default_for_big_photos=name == catalogue.DEFAULT_FOR_BIG_PHOTOS,
            default_for_noisy_ones=name == catalogue.DEFAULT_FOR_NOISY_ONES,
            takes_level=info.needs_level,
            strongest=STRONGEST if info.has_best else 1.0,
            has_best=info.has_best,
            seconds_per_tile=pace.get(name, info.seconds),
        )
        for name, info in catalogue.denoiser_names().items()
    ]


@_router.post(
    "/denoise",
    tags=["photos"],
    dependencies=[Depends(_keep_pace)],
    response_class=Response,
    responses=_PICTURE | problems.describe(_SENT_WRONGLY | _BUSY),
    openapi_extra=_PHOTO,
)
async def denoise_photo(request: Request, order: Annotated[Order, Query()], here: Here) -> Response:
    """Denoise a photo while the client waits; whoever hangs up ends the work."""
    with here.store.place(request.state.client) as sent:
        await _begin(request, sent, order, here)
        work = sent.work
        assert work

        async def end_if_gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            work.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(end_if_gone)
            with anyio.move_on_after(here.rules.seconds):
                # A thread of its own: it is one that the engine has for the work as well.
                await to_thread.run_sync(work.wait, abandon_on_cancel=True, limiter=CapacityLimiter(1))
            group.cancel_scope.cancel()
        if not work.has_ended:
            raise HTTPException(503, TOO_LONG.format(seconds=here.rules.seconds))
        if work.is_cancelled:
            here.store.remove(sent)
            return Response(status_code=204)  # which nobody reads
        file = _picture(sent)
        here.store.release(sent)
        file.then = sent.close
        return file


@_router.post(
    "/jobs",
    tags=["jobs"],
    dependencies=[Depends(_keep_pace)],
    status_code=202,
    response_model=Job,
    responses=problems.describe(_SENT_WRONGLY | _BUSY)
    | {202: {"headers": {"Location": {"description": "Where to ask about it.", "schema": {"type": "string"}}}}},
    openapi_extra=_PHOTO,
)
async def begin_job(request: Request, response: Response, order: Annotated[Order, Query()], here: Here) -> Job:
    """Send a photo that is denoised while nobody waits."""
    with here.store.place(request.state.client) as sent:
        await _begin(request, sent, order, here)
        response.headers["Location"] = request.url_for("read_job", job_id=sent.id).path
        return _job(request, sent)


@_router.get("/jobs/{job_id}", tags=["jobs"], responses=problems.describe({404: "No such job."}))
async def read_job(request: Request, sent: Found) -> Job:
    """Tell how far a job is."""
    return _job(request, sent)


@_router.get(
    "/jobs/{job_id}/events",
    tags=["jobs"],
    response_class=EventSourceResponse,
    responses=problems.describe({404: "No such job."}),
)
async def follow_job(request: Request, sent: Found, here: Here) -> AsyncIterator[ServerSentEvent]:
    """Tell of a job's progress as it goes: events “progress”, at last “end”; their data is the job."""
    told = None
    while True:
        now = _job(request, sent)
        if here.store.find(sent.id) is None:
            now.state = State.GONE
        if now.state not in (State.WAITING, State.WORKING):
            yield ServerSentEvent(event="end", data=now)
            return
        if (now.state, now.tiles_done, now.tiles_total, now.ahead) != told:
            told = now.state, now.tiles_done, now.tiles_total, now.ahead
            yield ServerSentEvent(event="progress", data=now)
        await anyio.sleep(_LOOK)


@_router.get(
    "/jobs/{job_id}/result",
    tags=["jobs"],
    response_class=Response,
    responses=_PICTURE
    | problems.describe(
        {404: "No such job.", 409: "It is not there yet.", 422: "The photo is refused.", 503: "…", 507: "…"}
    ),
)
async def fetch_result(sent: Found, here: Here) -> Response:
    """Send the picture that a job has made; if it failed, why."""
    if sent.state in (State.WAITING, State.WORKING):
        raise HTTPException(409, NOT_YET.format(state=sent.state), {"Retry-After": "1"})
    return _picture(sent)


@_router.delete("/jobs/{job_id}", tags=["jobs"], status_code=204, responses=problems.describe({404: "No such job."}))
async def delete_job(sent: Found, here: Here) -> None:
    """End a job within a tile, and remove the photo and its result."""
    here.store.remove(sent)


async def _begin(request: Request, sent: Sent, order: Order, here: Service) -> None:
    """Take the photo and begin its work."""
    try:
        await intake.receive(request, sent.source, limit=here.rules.max_bytes, limiter=here.writing)
    except ClientDisconnect:  # or who is taken for gone, see `denoise.ui.guard`: who really is, reads nothing
        raise HTTPException(408, TOO_SLOW) from None
    here.store.start(sent, order.settings())


def _job(request: Request, sent: Sent) -> Job:
    work, state = sent.work, sent.state
    is_done = state == State.DONE
    return Job(
        id=sent.id,
        state=state,
        tiles_done=work.done if work else 0,
        tiles_total=work.total if work else 0,
        ahead=work.ahead if work else 0,
        seconds=work.seconds if work and state == State.WORKING else 0.0,
        reason=work.reason if work else "",
        result=request.url_for("fetch_result", job_id=sent.id).path if is_done else None,
        figures=Report(**asdict(work.result)) if work and work.result else None,
        expires=datetime.fromtimestamp(sent.until, UTC),
    )


class _File(FileResponse):
    """Sends a file, and does something afterwards, however that ends."""

    then: Callable[[], object] = staticmethod(lambda: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.then()


def _picture(sent: Sent) -> _File:
    """Return a result, or raise why there is none."""
    work = sent.work
    assert work
    if work.failure:
        raise HTTPException(problems.status_of(work.failure), work.reason)
    figures = work.result
    assert figures
    if not sent.result.exists():
        raise FileNotFoundError(sent.result)
    headers = {
        "Denoise-Model": figures.model,
        "Denoise-Noise-Before": f"{figures.noise_before:.2f}",
        "Denoise-Noise-After": f"{figures.noise_after:.2f}",
        "Denoise-Clean": f"{figures.clean:.4f}",
        "Denoise-Seconds": f"{figures.seconds:.3f}",
        "Denoise-Not-Kept": ", ".join(figures.not_kept).encode("ascii", "replace").decode(),
        "Cache-Control": "no-store",
    }
    return _File(sent.result, headers=headers, media_type=FORMATS[figures.format].media_type)

"""The way of a batch's files between browser and disk, past the memory in which Streamlit would hold them.

Only who knows a batch's token finds it: the page of the visitor whose batch it is.
"""

import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import streamlit as st
from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit import config

from denoise.batch import REPORT_NAME, ZIP_NAME, Batch, remove_spool, spool
from denoise.image import PhotoError
from denoise.ui import session, texts

PATH = "/batches"

_MOST = 2000  # photos that are announced at once
_LONGEST_LIST = 1 << 20  # bytes
_BLOCK = 1 << 20  # bytes that are written at a time
_batches: WeakValueDictionary[str, Batch] = WeakValueDictionary()


def offer(batch: Batch) -> str:
    """Let a batch send and receive files; return the path below which it does."""
    _batches[batch.token] = batch
    return f"{PATH}/{batch.token}"


def routes() -> list[BaseRoute]:
    """Return what the server has to answer."""
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    path = f"/{base}{PATH}/{{token}}" if base else f"{PATH}/{{token}}"
    return [
        Route(path, _announce, methods=["POST"]),
        Route(f"{path}/{ZIP_NAME}", _zip),
        Route(f"{path}/{REPORT_NAME}", _report),
        Route(f"{path}/{{item}}", _thumbnail, methods=["GET"]),
        Route(f"{path}/{{item}}", _receive, methods=["PUT"]),
        Route(f"{path}/{{item}}", _lose, methods=["DELETE"]),
    ]


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncGenerator[None]:
    """Begin and end the server: without what a killed one left on disk, and leaving nothing there itself."""
    spool()
    # Streamlit collects garbage after every run of the page. What is there before the first visitor comes stays, and to
    # look through it each time takes 50 ms.
    gc.freeze()
    yield
    remove_spool()


def _batch(request: Request) -> Batch:
    batch = _batches.get(request.path_params["token"])
    if batch is None or batch.is_closed:
        raise HTTPException(404)
    return batch


async def _announce(request: Request) -> Response:
    """Take a list of names and sizes; answer with the id of each."""
    batch = _batch(request)
    if int(request.headers.get("content-length", _LONGEST_LIST + 1)) > _LONGEST_LIST:
        raise HTTPException(413)
    try:
        files = [(str(name), int(size)) for name, size in await request.json()]
    except (ValueError, TypeError):
        raise HTTPException(400) from None
    if len(files) > _MOST:
        raise HTTPException(413)
    return JSONResponse([batch.expect(name, size).id for name, size in files])


async def _receive(request: Request) -> Response:
    """Write a file to disk as it comes, then look at it."""
    batch, item = _batch(request), request.path_params["item"]
    try:
        part = batch.part(item)
    except KeyError:
        raise HTTPException(404) from None
    try:
        await _write(request, part, batch.heard)
    except (ClientDisconnect, OSError, PhotoError) as error:
        part.unlink(missing_ok=True)
        batch.lose(item, ConnectionError() if isinstance(error, ClientDisconnect) else error)
    else:
        await to_thread.run_sync(batch.receive, item, part)
    return Response(status_code=204)


async def _write(request: Request, part: Path, heard: Callable[[], None]) -> None:
    left = limit = int(config.get_option("server.maxUploadSize")) << 20
    with part.open("wb") as file:
        block = bytearray()
        async for chunk in request.stream():
            block += chunk
            if len(block) >= _BLOCK or not chunk:  # the last one is empty
                left -= await to_thread.run_sync(file.write, bytes(block))
                block.clear()
                heard()
            if left < 0:
                raise PhotoError(texts.too_many_bytes(limit))


async def _lose(request: Request) -> Response:
    batch, item = _batch(request), request.path_params["item"]
    try:
        batch.lose(item, ConnectionError())
    except KeyError:
        raise HTTPException(404) from None
    return Response(status_code=204)


async def _thumbnail(request: Request) -> Response:
    path = _batch(request).thumbnail(request.path_params["item"])
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def _zip(request: Request) -> Response:
    batch = _batch(request)
    try:
        path = await to_thread.run_sync(batch.zip)
    except OSError as error:
        return Response(session.explain(error), 507, media_type="text/plain")
    return FileResponse(path, media_type="application/zip", filename=ZIP_NAME, headers={"Cache-Control": "no-store"})


async def _report(request: Request) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{REPORT_NAME}"'}
    return Response(_batch(request).report(), media_type="text/csv; charset=utf-8", headers=headers)

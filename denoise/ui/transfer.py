"""The way of files between browser and server past Streamlit.

A batch's, which lie on disk, the pictures that a page shows, and results to take home: only who knows the token of the
batch or the session finds them, the page of the visitor whose they are. And the samples' thumbnails, which are
everybody's: the browser keeps them, instead of being sent all of them at each click.
"""

import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import streamlit as st
from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit import config

from denoise.batch import REPORT_NAME, ZIP_NAME, Batch
from denoise.image import PhotoError, media_type
from denoise.spool import remove_spool, spool
from denoise.ui import farewell, samples, session, texts
from denoise.ui.kept import Kept
from denoise.ui.session import File, Session, read_mix

PATH, PHOTO_PATH, PICTURE_PATH, THUMBNAIL_PATH = "/batches", "/photos", "/pictures", "/thumbnails"

_MOST = 2000  # photos that are announced at once
_LONGEST_LIST = 1 << 20  # bytes
_BLOCK = 1 << 20  # bytes that are written at a time
_batches: WeakValueDictionary[str, Batch] = WeakValueDictionary()
_sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()


def offer(batch: Batch) -> str:
    """Let a batch send and receive files; return the path below which it does."""
    _batches[batch.token] = batch
    return f"{PATH}/{batch.token}"


def offer_photo(state: Session, file: File) -> str:
    """Let a session's result be fetched; return its address, to which the mix must be added, see `_photo`.

    The address says it all, so that what comes is what was offered there, whatever was chosen since.
    """
    _sessions[state.token] = state
    photo, model, best = file.run
    query = file._asdict() | {"photo": photo, "model": model, "best": int(best), "strip": int(file.strip)}
    del query["run"]
    return f"{PHOTO_PATH}/{state.token}?{urlencode(query)}"


def offer_picture(state: Session, slot: str, png: bytes | Kept[bytes]) -> str:
    """Let a PNG file be fetched by a session's page, until another one takes its slot; return its address.

    Streamlit's own store of such files loses one now and then, for a moment, when another visitor's run ends just then.
    """
    _sessions[state.token] = state
    return f"{PICTURE_PATH}/{state.token}/{state.keep_picture(slot, png)}.png"


def offer_thumbnail(sample: str) -> str:
    """Return the address of a sample's thumbnail, relative to the page's."""
    return f".{THUMBNAIL_PATH}/{sample}.jpg"


def routes() -> list[BaseRoute]:
    """Return what the server has to answer."""
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    base = f"/{base}" if base else ""
    path = f"{base}{PATH}/{{token}}"
    leave = f"{base}{farewell.PATH}/{{token}}"
    return [
        Route(f"{base}{PHOTO_PATH}/{{token}}", _photo),
        Route(f"{base}{PICTURE_PATH}/{{token}}/{{digest}}.png", _picture),
        Route(f"{base}{THUMBNAIL_PATH}/{{sample}}.jpg", _thumbnail),
        Route(leave, _leave, methods=["POST"]),
        Route(path, _announce, methods=["POST"]),
        Route(f"{path}/{ZIP_NAME}", _zip),
        Route(f"{path}/{REPORT_NAME}", _report),
        Route(f"{path}/{{item}}", _batch_thumbnail, methods=["GET"]),
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


async def _photo(request: Request) -> Response:
    """Send a result, mixed as the last part of its address says: percents of luminance, colour and detail."""
    state = _sessions.get(request.path_params["token"])
    if state is None:
        return Response(texts.DOWNLOAD_GONE, 404, media_type="text/plain")
    said = request.query_params
    try:
        run = (said["photo"], said["model"], said["best"] == "1")
        file = File(run, said["format"], int(said["depth"]), int(said["quality"]), said["strip"] == "1")
        mix = read_mix(said["mix"])
        media = media_type(file.format)
    except (KeyError, ValueError):
        raise HTTPException(400) from None
    try:
        data = await to_thread.run_sync(state.file, file, mix)
    except LookupError:
        return Response(texts.DOWNLOAD_GONE, 404, media_type="text/plain")
    except Exception as error:
        return Response(session.explain(error), 500, media_type="text/plain")
    return Response(data, media_type=media, headers={"Cache-Control": "no-store"})


async def _picture(request: Request) -> Response:
    state = _sessions.get(request.path_params["token"])
    png = state and state.picture(request.path_params["digest"])
    if png is None:
        raise HTTPException(404)
    return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})


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
    refusal = texts.REFUSALS.get(request.query_params.get("status", ""))
    try:
        batch.lose(item, PhotoError(refusal) if refusal else ConnectionError())
    except KeyError:
        raise HTTPException(404) from None
    return Response(status_code=204)


async def _thumbnail(request: Request) -> Response:
    name = request.path_params["sample"]
    if name not in samples.list_samples():
        raise HTTPException(404)
    jpeg = await to_thread.run_sync(samples.thumbnail, name)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=3600"})


async def _leave(request: Request) -> Response:
    farewell.bid(request.path_params["token"])
    return Response(status_code=204)


async def _batch_thumbnail(request: Request) -> Response:
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

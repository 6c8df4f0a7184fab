"""The way of files between browser and server past Streamlit.

A batch's, which lie on disk, the pictures that a page shows, and results to take home: only who knows the token of the
batch or the session finds them, the page of the visitor whose they are. And the samples' thumbnails, which are
everybody's: the browser keeps them, instead of being sent all of them at each click.
"""

import asyncio
import gc
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import streamlit as st
from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from streamlit import config

from denoise import arrival, turns
from denoise.arrival import TooManyBytesError
from denoise.batch import REPORT_NAME, ZIP_NAME, Batch
from denoise.brush import Mask
from denoise.image import PhotoError, media_type
from denoise.mixing import detail_map
from denoise.spool import BUDGET, SHARE, ShareError, remove_spool, spool
from denoise.tiling import Box
from denoise.ui import ahead, ending, farewell, guard, orders, pictures, samples, session, texts
from denoise.ui.choices import read_mix
from denoise.ui.kept import Kept
from denoise.ui.results import File, Run
from denoise.ui.session import Session
from denoise.ui.sharing import Share

PATH, PHOTO_PATH, PICTURE_PATH, THUMBNAIL_PATH = "/batches", "/photos", "/pictures", "/thumbnails"
WINDOW_PATH, SHARE_PATH = "/windows", "/shares"

_MOST = 2000  # photos of a batch
_LONGEST_LIST = 1 << 20  # bytes
_LARGEST_MASK = 1 << 19  # bytes of its text
_LARGEST = 1 << 40  # bytes of a photo that somebody may announce; what comes is counted
_NEWS, _LOOK = 0.5, 0.05  # seconds for which a request waits for news of a result, and between two looks
_LARGEST_WINDOW = 50_000_000  # pixels of the picture that is sent
_batches: WeakValueDictionary[str, Batch] = WeakValueDictionary()
_sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()

# Threads that wait, for the disk or for one another: not Streamlit's, without which nobody's page is made.
_writing, _reading, _packing = CapacityLimiter(8), CapacityLimiter(4), CapacityLimiter(2)
_looking_on = CapacityLimiter(2)

# One for each batch: a large photo waits for its turn there, and the small ones of other batches need not.
_looking = CapacityLimiter(farewell.MOST)
_looks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


def offer(batch: Batch) -> str:
    """Let a batch send and receive files; return the path below which it does."""
    _batches[batch.token] = batch
    return f"{PATH}/{batch.token}"


def offer_photo(state: Session, file: File) -> str:
    """Let a session's result be fetched; return its address, to which the mix must be added, see `_photo`.

    The address says it all, so that what comes is what was offered there, whatever was chosen since.
    """
    _sessions[state.token] = state
    query = file._asdict() | file.run.query | {"strip": int(file.strip)}
    del query["run"]
    return f"{PHOTO_PATH}/{state.token}?{urlencode(query)}"


def offer_share(state: Session, run: Run, way: str, file_format: str) -> str:
    """Let a picture of before and after be fetched; return its address, to which mix and middle must be added."""
    _sessions[state.token] = state
    return f"{SHARE_PATH}/{state.token}?{urlencode(Share(run, way, file_format, (0, 0)).query)}"


def offer_picture(state: Session, slot: str, png: bytes | Kept[bytes]) -> str:
    """Let a PNG file be fetched by a session's page, until another one takes its slot; return its address.

    Streamlit's own store of such files loses one now and then, for a moment, when another visitor's run ends just then.
    """
    _sessions[state.token] = state
    return f"{PICTURE_PATH}/{state.token}/{state.keep_picture(slot, png)}.png"


def offer_window(state: Session, run: Run) -> str:
    """Let what is there of a result be looked at while it is made; return the address, see `_window`."""
    _sessions[state.token] = state
    return f"{WINDOW_PATH}/{state.token}?{urlencode(run.query)}"


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
        Route(f"{base}{PHOTO_PATH}/{{token}}", _photo, methods=["GET", "POST"]),
        Route(f"{base}{SHARE_PATH}/{{token}}", _share, methods=["GET", "POST"]),
        Route(f"{base}{PICTURE_PATH}/{{token}}/{{digest}}.png", _picture),
        Route(f"{base}{WINDOW_PATH}/{{token}}", _window),
        Route(f"{base}{THUMBNAIL_PATH}/{{sample}}.jpg", _thumbnail),
        Route(leave, _leave, methods=["POST"]),
        Route(path, _announce, methods=["POST"]),
        Route(f"{path}/{ZIP_NAME}", _zip),
        Route(f"{path}/{REPORT_NAME}", _report),
        Route(f"{path}/{{item}}/result", _batch_result, methods=["GET"]),
        Route(f"{path}/{{item}}/rejected", _reject, methods=["POST"]),
        Route(f"{path}/{{item}}/mix", _mix, methods=["POST"]),
        Route(f"{path}/{{item}}/{{which}}", _batch_picture, methods=["GET"]),
        Route(f"{path}/{{item}}", _batch_thumbnail, methods=["GET"]),
        Route(f"{path}/{{item}}", _receive, methods=["PUT"]),
        Route(f"{path}/{{item}}", _lose, methods=["DELETE"]),
    ]


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncGenerator[None]:
    """Begin and end the server: without what a killed one left on disk, and leaving nothing there itself."""
    ending.prepare()
    guard.keep_addresses_secret()
    with ending.leaving_nothing(spool()):
        # Streamlit collects garbage after every run of the page. What is there before the first visitor comes stays,
        # and to look through it each time takes 50 ms.
        gc.freeze()
        results = ahead.begin()
        yield
        results.cancel()
        remove_spool()


def _batch(request: Request) -> Batch:
    batch = _batches.get(request.path_params["token"])
    if batch is None or batch.is_closed:
        raise HTTPException(404)
    return batch


async def _photo(request: Request) -> Response:
    """Send a result, mixed as the last part of its address says: percents of luminance, colour and detail.

    What comes with the request is what was painted with the brush, see `Mask.write`.
    """
    return await _send(request, _read_file)


async def _share(request: Request) -> Response:
    """Send a picture of before and after, mixed in the same way, with the middle that its address says."""
    return await _send(request, Share.read)


async def _send(request: Request, read: Callable[[Mapping[str, str]], File | Share]) -> Response:
    state = _sessions.get(request.path_params["token"])
    if state is None:
        return Response(texts.DOWNLOAD_GONE, 404, media_type="text/plain")
    painted = await _body(request, _LARGEST_MASK) if request.method == "POST" else b""
    try:
        file, mix = read(request.query_params), read_mix(request.query_params["mix"])
        if painted:
            mix = mix._replace(mask=Mask.read(painted.decode("ascii")))
    except (KeyError, ValueError):
        raise HTTPException(400) from None
    try:
        made = await orders.fill(request, state, file, mix)
    except ClientDisconnect:
        return Response(status_code=204)  # which nobody reads
    except LookupError:
        return Response(texts.DOWNLOAD_GONE, 404, media_type="text/plain")
    except Exception as error:
        return Response(session.explain(error), 500, media_type="text/plain")
    headers = {"Cache-Control": "no-store", "Content-Length": str(len(made.data))}
    return StreamingResponse(made.pieces(), media_type=media_type(file.format), headers=headers)


def _read_file(said: Mapping[str, str]) -> File:
    """Return what an address of `offer_photo` says.

    Raises:
        KeyError: It does not say all, or names a format that there is not.
        ValueError: It says what cannot be.
    """
    file = File(Run.read(said), said["format"], int(said["depth"]), int(said["quality"]), said["strip"] == "1")
    media_type(file.format)
    if file.depth not in (8, 16) or not 1 <= file.quality <= 100:
        raise ValueError(file)
    return file


async def _picture(request: Request) -> Response:
    state = _sessions.get(request.path_params["token"])
    if state is None:
        raise HTTPException(404)
    png = await to_thread.run_sync(state.picture, request.path_params["digest"], limiter=_reading)
    if png is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "no-store", "Content-Length": str(png.size)}
    return StreamingResponse(_pieces(png), media_type="image/png", headers=headers)


async def _pieces(png: Kept[bytes]) -> AsyncIterator[bytes]:
    """Return a picture bit by bit; what is on disk is sent from there, and no connection holds it in memory."""
    for start in range(0, png.size, orders.BLOCK):
        yield await to_thread.run_sync(png.piece, start, orders.BLOCK, limiter=_reading)


async def _window(request: Request) -> Response:
    """Send what is there of a result in the part of the photo that is looked at, which is made first from now on.

    The last part of the address says: which part, `box`; how small, `scale`; and how many finished pieces of it the
    browser has, `known`. Without news for a while there is no picture in the answer. Its headers say how many pieces
    there are, and which share of the whole result.
    """
    state, query = _sessions.get(request.path_params["token"]), request.query_params
    try:
        run = Run.read(query)
        box, scale, known = Box(*map(int, query["box"].split(","))), float(query["scale"]), int(query["known"])
    except (KeyError, ValueError, TypeError):
        raise HTTPException(400) from None
    if state is None:
        raise HTTPException(404)
    growing = state.growing
    if growing is None or growing.run != run:  # it waits for room, or the one before is about to end
        return Response(None, 204, {"Cache-Control": "no-store", "X-Count": "0", "X-Share": "0"})
    if not growing.holds(box) or not 0 < scale <= 1 or scale**2 * box.height * box.width > _LARGEST_WINDOW:
        raise HTTPException(400)
    growing.look(box)
    patience = _NEWS
    while (count := growing.count(box)) == known and patience > 0:
        await asyncio.sleep(_LOOK)
        patience -= _LOOK
    headers = {"Cache-Control": "no-store", "X-Count": str(count), "X-Share": f"{growing.share:.4f}"}
    png = None
    if count != known:
        png = await to_thread.run_sync(growing.picture, box, scale, limiter=_looking_on)
    return Response(png, 200, headers, "image/png") if png else Response(None, 204, headers)


async def _announce(request: Request) -> Response:
    """Take a list of names and sizes; answer with the id of each."""
    batch = _batch(request)
    files = _read_list(await _body(request, _LONGEST_LIST))
    if len(batch.items()) + len(files) > _MOST:
        return Response(texts.too_many_photos(_MOST), 413, media_type="text/plain")
    return JSONResponse([batch.expect(name, size).id for name, size in files])


async def _body(request: Request, limit: int) -> bytes:
    """Return what is sent; how much is counted as it comes, whatever the request says of itself."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)


def _read_list(text: bytes) -> list[tuple[str, int]]:
    try:
        files = json.loads(text)
        if not isinstance(files, list):
            raise TypeError(files)
        for name, size in files:
            if not isinstance(name, str) or type(size) is not int or not 0 <= size <= _LARGEST:
                raise TypeError(files)
    except (ValueError, TypeError, RecursionError):
        raise HTTPException(400) from None
    return [(name, size) for name, size in files]


async def _receive(request: Request) -> Response:
    """Write a file to disk as it comes, then look at it.

    The same photo may come once more, over a new connection, while the old one is not yet known to be dead: the newer
    one counts.
    """
    batch, item = _batch(request), request.path_params["item"]
    try:
        part = batch.part(item)
    except KeyError:
        raise HTTPException(404) from None
    try:
        await _write(request, batch, item, part)
    except KeyError:
        await to_thread.run_sync(_remove, part, limiter=_writing)
        raise HTTPException(409) from None
    except (ClientDisconnect, OSError, PhotoError) as error:
        await to_thread.run_sync(_remove, part, limiter=_writing)
        batch.lose(item, ConnectionError() if isinstance(error, ClientDisconnect) else error, part)
    else:
        batch.arrived(part)  # before it queues
        async with _looks.setdefault(batch.token, asyncio.Lock()):
            await to_thread.run_sync(batch.receive, item, part, limiter=_looking)
    return Response(status_code=204)


async def _write(request: Request, batch: Batch, item: str, part: Path) -> None:
    """Write what comes.

    Raises:
        ClientDisconnect: It ended too early.
        KeyError: It is not wanted any more.
        OSError: There is no room for it, or it cannot be written.
        PhotoError: It is too much.
    """
    limit = int(config.get_option("server.maxUploadSize")) << 20
    announced = int(request.headers.get("content-length", 0))
    heard = partial(batch.heard, item, part)
    try:
        await arrival.write(request.stream(), part, limit=limit, announced=announced, heard=heard, limiter=_writing)
    except TooManyBytesError:
        raise PhotoError(texts.too_many_bytes(limit)) from None
    except ShareError:
        raise PhotoError(texts.batch_share(SHARE * BUDGET)) from None


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


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
    jpeg = await to_thread.run_sync(samples.thumbnail, name, limiter=_reading)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=3600"})


async def _leave(request: Request) -> Response:
    farewell.bid(request.path_params["token"])
    return Response(status_code=204)


async def _batch_thumbnail(request: Request) -> Response:
    path = _batch(request).thumbnail(request.path_params["item"])
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def _batch_picture(request: Request) -> Response:
    """Send a photo of a batch, its result, or where it has texture, see `detail_map`, as large as a screen shows."""
    batch, item, which = _batch(request), request.path_params["item"], request.path_params["which"]
    if which not in ("before", "after", "details"):
        raise HTTPException(404)

    def make() -> bytes:
        with turns.pictures.turn(2 * batch.unpacked(item)):
            if which == "details":
                return pictures.to_screen(pictures.grey(detail_map(*batch.photos(item))))
            return pictures.to_screen(batch.photo(item, after=which == "after"))

    try:
        jpeg = await to_thread.run_sync(make, limiter=_reading)
    except (KeyError, FileNotFoundError):
        raise HTTPException(404) from None
    except Exception as error:
        return Response(session.explain(error), 500, media_type="text/plain")
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


async def _batch_result(request: Request) -> Response:
    try:
        path, name = _batch(request).result(request.path_params["item"])
    except KeyError:
        raise HTTPException(404) from None
    if not path.exists():
        return Response(texts.TIDIED_AWAY, 404, media_type="text/plain")
    name = name.rpartition("/")[2]
    return FileResponse(path, filename=name, headers={"Cache-Control": "no-store"})


async def _reject(request: Request) -> Response:
    """Leave a result out of what is taken home, or take it in again, as the last part of the address says."""
    try:
        _batch(request).reject(request.path_params["item"], request.query_params.get("is") == "1")
    except KeyError:
        raise HTTPException(404) from None
    return Response(status_code=204)


async def _mix(request: Request) -> Response:
    """Mix a result anew with its photo, as the last part of the address says."""
    batch, item = _batch(request), request.path_params["item"]
    try:
        mix = read_mix(request.query_params.get("mix", ""))
    except ValueError:
        raise HTTPException(400) from None

    def make() -> None:
        with turns.pictures.turn(3 * batch.unpacked(item)):
            batch.mix(item, mix)

    try:
        await to_thread.run_sync(make, limiter=_reading)
    except (KeyError, FileNotFoundError):
        raise HTTPException(404) from None
    except Exception as error:
        return Response(session.explain(error), 500, media_type="text/plain")
    return Response(status_code=204)


async def _zip(request: Request) -> Response:
    batch = _batch(request)
    try:
        pieces = await to_thread.run_sync(batch.zip, limiter=_packing)
    except FileNotFoundError:
        return Response(texts.TIDIED_AWAY, 500, media_type="text/plain")
    except OSError as error:
        return Response(session.explain(error), 500, media_type="text/plain")
    # With its length, so that a browser tells a zip that broke off from a whole one.
    headers = _attached(ZIP_NAME) | {"Content-Length": str(len(pieces))}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


async def _report(request: Request) -> Response:
    report = await to_thread.run_sync(_batch(request).report, limiter=_packing)
    return Response(report, media_type="text/csv; charset=utf-8", headers=_attached(REPORT_NAME))


def _attached(name: str) -> dict[str, str]:
    return {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}

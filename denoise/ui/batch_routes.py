"""The way of a batch's files between browser and disk past Streamlit, which would hold all of them in memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from streamlit import config

from denoise import arrival, turns
from denoise.arrival import TooManyBytesError
from denoise.batch import REPORT_NAME, ZIP_NAME, Batch
from denoise.image import PhotoError
from denoise.mixing import detail_map
from denoise.spool import FOLDER_BUDGET, FolderFullError
from denoise.ui import addresses, farewell, incoming, pictures, texts
from denoise.ui.choices import read_mix

_MOST = 2000  # photos of a batch
_LONGEST_LIST = 1 << 20  # bytes
_LARGEST = 1 << 40  # bytes of a photo that somebody may announce; what comes is counted

# Threads that wait for the disk: not Streamlit's, without which nobody's page is made.
_writing, _reading, _packing = CapacityLimiter(8), CapacityLimiter(4), CapacityLimiter(2)

# One for each batch: a large photo waits for its turn there, and the small ones of other batches need not.
_looking = CapacityLimiter(farewell.MOST)


def routes(base: str) -> list[BaseRoute]:
    """Return what answers below `addresses.batch`; `base` is the path below which the page lies."""
    path = f"{base}{addresses.BATCH}/{{token}}/{{batch}}"
    return [
        Route(path, _announce, methods=["POST"]),
        Route(path, _give_up_arriving, methods=["DELETE"]),
        Route(f"{path}/{ZIP_NAME}", _zip),
        Route(f"{path}/{REPORT_NAME}", _report),
        Route(f"{path}/{{item}}/result", _result, methods=["GET"]),
        Route(f"{path}/{{item}}/rejected", _reject, methods=["POST"]),
        Route(f"{path}/{{item}}/mix", _mix, methods=["POST"]),
        Route(f"{path}/{{item}}/{{which}}", _picture, methods=["GET"]),
        Route(f"{path}/{{item}}", _thumbnail, methods=["GET"]),
        Route(f"{path}/{{item}}", _receive, methods=["PUT"]),
        Route(f"{path}/{{item}}", _give_up, methods=["DELETE"]),
    ]


def _batch(request: Request) -> Batch:
    batch = incoming.visitor(request).batch
    if batch is None or batch.is_closed or batch.id != request.path_params["batch"]:
        raise HTTPException(404)
    return batch


@contextmanager
def _found() -> Iterator[None]:
    """Answer that a photo, or its file, is not there, or else why nothing can be made of it."""
    try:
        yield
    except (KeyError, FileNotFoundError):
        raise HTTPException(404) from None
    except Exception as error:
        raise HTTPException(500, texts.explain(error)) from None


async def _announce(request: Request) -> Response:
    """Take a list of names and sizes; answer with the id of each."""
    batch = _batch(request)
    files = _read_list(await incoming.body(request, _LONGEST_LIST))
    if len(batch.items()) + len(files) > _MOST:
        return Response(texts.TOO_MANY_PHOTOS.format(_MOST), 413, media_type="text/plain")
    return JSONResponse([batch.expect(name, size).id for name, size in files])


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
    with _found():
        part = batch.part(item)
    try:
        await _write(request, batch, item, part)
    except KeyError:  # it is not wanted any more
        await to_thread.run_sync(_remove, part, limiter=_writing)
        raise HTTPException(409) from None
    except (ClientDisconnect, OSError, PhotoError) as error:
        await to_thread.run_sync(_remove, part, limiter=_writing)
        batch.give_up(item, ConnectionError() if isinstance(error, ClientDisconnect) else error, part)
    else:
        batch.arrived(part)  # before it queues
        async with incoming.visitor(request).receiving:
            await to_thread.run_sync(batch.receive, item, part, limiter=_looking)
    return Response(status_code=204)


async def _write(request: Request, batch: Batch, item: str, part: Path) -> None:
    """Write what comes; `_receive` says what may be wrong with it."""
    limit = int(config.get_option("server.maxUploadSize")) << 20
    announced = int(request.headers.get("content-length", 0))
    on_progress = partial(batch.note_progress, item, part)
    try:
        await arrival.write(
            request.stream(), part, limit=limit, announced=announced, on_progress=on_progress, limiter=_writing
        )
    except TooManyBytesError:
        raise PhotoError(texts.too_many_bytes(limit)) from None
    except FolderFullError:
        raise PhotoError(texts.batch_full_disk(FOLDER_BUDGET)) from None


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


async def _give_up(request: Request) -> Response:
    batch, item = _batch(request), request.path_params["item"]
    refusal = texts.REFUSALS.get(request.query_params.get("status", ""))
    with _found():
        batch.give_up(item, PhotoError(refusal) if refusal else ConnectionError())
    return Response(status_code=204)


async def _give_up_arriving(request: Request) -> Response:
    _batch(request).give_up_arriving(ConnectionError())
    return Response(status_code=204)


async def _thumbnail(request: Request) -> Response:
    path = _batch(request).thumbnail(request.path_params["item"])
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def _picture(request: Request) -> Response:
    """Send a photo of a batch, its result, or where it has texture, see `detail_map`, as large as a screen shows."""
    batch, item, which = _batch(request), request.path_params["item"], request.path_params["which"]
    if which not in ("before", "after", "details"):
        raise HTTPException(404)

    def make() -> bytes:
        with turns.pictures.turn(2 * batch.unpacked(item)):
            if which == "details":
                return pictures.to_screen(pictures.grey(detail_map(*batch.photos(item))))
            return pictures.to_screen(batch.photo(item, after=which == "after"))

    with _found():
        jpeg = await to_thread.run_sync(make, limiter=_reading)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


async def _result(request: Request) -> Response:
    batch = _batch(request)
    with _found():
        path, name = batch.result(request.path_params["item"])
    if not path.exists():
        return Response(texts.TIDIED_AWAY, 404, media_type="text/plain")
    name = name.rpartition("/")[2]
    return FileResponse(path, filename=name, headers={"Cache-Control": "no-store"})


async def _reject(request: Request) -> Response:
    """Leave a result out of what is taken home, or take it in again, as the last part of the address says."""
    batch = _batch(request)
    with _found():
        batch.reject(request.path_params["item"], request.query_params.get("is") == "1")
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

    with _found():
        await to_thread.run_sync(make, limiter=_reading)
    return Response(status_code=204)


async def _zip(request: Request) -> Response:
    batch = _batch(request)
    try:
        pieces = await to_thread.run_sync(batch.zip, limiter=_packing)
    except FileNotFoundError:
        return Response(texts.TIDIED_AWAY, 500, media_type="text/plain")
    except OSError as error:
        return Response(texts.explain(error), 500, media_type="text/plain")
    # With its length, so that a browser tells a zip that broke off from a whole one.
    headers = _attached(ZIP_NAME) | {"Content-Length": str(len(pieces))}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


async def _report(request: Request) -> Response:
    report = await to_thread.run_sync(_batch(request).report, limiter=_packing)
    return Response(report, media_type="text/csv; charset=utf-8", headers=_attached(REPORT_NAME))


def _attached(name: str) -> dict[str, str]:
    return {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}

"""What the browser fetches of a visitor's photo: pictures, a result while it is made, and files to take home."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from denoise.brush import Mask
from denoise.image import FORMATS, Photo
from denoise.tiling import Box
from denoise.ui import addresses, elsewhere, farewell, incoming, orders, pictures, samples, session, texts
from denoise.ui.before_after import BeforeAfter
from denoise.ui.choices import read_mix
from denoise.ui.kept import GoneError, Kept
from denoise.ui.results import File, Run

_NEWS, _LOOK = 0.5, 0.05  # seconds for which a request waits for news of a result, and between two looks
_LARGEST_MASK = 1 << 19  # bytes of its text
_LARGEST_WINDOW = 50_000_000  # pixels of the picture that is sent

# Threads that wait, for the disk or for a photo's turn: not Streamlit's, without which nobody's page is made.
_reading, _making, _looking_on = CapacityLimiter(4), CapacityLimiter(2), CapacityLimiter(2)


def routes(base: str) -> list[BaseRoute]:
    """Return what answers at `denoise.ui.addresses`, but for batches; `base` is the path below which the page lies."""
    return [
        Route(f"{base}{addresses.RESULT}/{{token}}", partial(_send, File.read), methods=["GET", "POST"]),
        Route(f"{base}{addresses.BEFORE_AFTER}/{{token}}", partial(_send, BeforeAfter.read), methods=["GET", "POST"]),
        Route(f"{base}{addresses.PICTURE}/{{token}}/{{name}}.png", _picture),
        Route(f"{base}{addresses.PART}/{{token}}", _part),
        Route(f"{base}{addresses.WINDOW}/{{token}}", _window),
        Route(f"{base}{addresses.WORKS}/{{token}}", _works),
        Route(f"{base}{addresses.THUMBNAIL}/{{sample}}.jpg", _thumbnail),
        Route(f"{base}{farewell.PATH}/{{token}}", _leave, methods=["POST"]),
    ]


async def _send(read: Callable[[Mapping[str, str]], File | BeforeAfter], request: Request) -> Response:
    """Send the file that `read` reads from the address, mixed as that says: percents of luminance, colour and detail.

    What comes with the request is what was painted with the brush, see `Mask.write`.
    """
    state = session.find(request.path_params["token"])
    gone = Response(texts.DOWNLOAD_GONE, 404, media_type="text/plain")
    if state is None:
        return gone
    painted = await incoming.body(request, _LARGEST_MASK) if request.method == "POST" else b""
    try:
        file, mix = read(request.query_params), read_mix(request.query_params["mix"])
        mask = Mask.read(painted.decode("ascii")) if painted else None
    except (KeyError, ValueError):
        raise HTTPException(400) from None
    try:
        if mask:
            shape = state.photo_of(file.run).outline
            if not mask.covers(shape.height, shape.width):
                return Response(status_code=400)  # it was painted on another photo
            mix = mix._replace(mask=mask)
        made = await orders.fill(request, state, file, mix)
    except ClientDisconnect:
        return Response(status_code=204)  # which nobody reads
    except LookupError:
        return gone
    except Exception as error:
        return Response(texts.explain(error), 500, media_type="text/plain")
    headers = {"Cache-Control": "no-store", "Content-Length": str(len(made.data))}
    return StreamingResponse(made.pieces(), media_type=FORMATS[file.format].media_type, headers=headers)


async def _picture(request: Request) -> Response:
    cache, name = incoming.visitor(request).cache, request.path_params["name"]
    limiter = _reading if cache.is_made(name) else _making
    try:
        png = await to_thread.run_sync(cache.offered, name, limiter=limiter)
    except GoneError:
        png = None
    if png is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "no-store", "Content-Length": str(png.size)}
    return StreamingResponse(_pieces(png), media_type="image/png", headers=headers)


async def _pieces(png: Kept[bytes]) -> AsyncIterator[bytes]:
    """Return a picture bit by bit; what is on disk is sent from there, and no connection holds it in memory."""
    for start in range(0, png.size, orders.BLOCK):
        yield await to_thread.run_sync(png.piece, start, orders.BLOCK, limiter=_reading)


async def _part(request: Request) -> Response:
    """Send a part of a photo: `box`, made smaller by `scale`. Of one that is no longer there, nothing."""
    state, query = incoming.visitor(request), request.query_params
    try:
        photo, (box, scale) = query["photo"], _looked_at(query)
    except (KeyError, ValueError, TypeError):
        raise HTTPException(400) from None
    try:
        chosen = state.photo_of(Run(photo, ""))
        if not _can_be_sent(box, scale, chosen.outline):
            raise HTTPException(400)
        png = await to_thread.run_sync(lambda: pictures.part(chosen.noisy, box, scale), limiter=_looking_on)
    except (LookupError, GoneError):
        return Response(status_code=204)
    return Response(png, 200, {"Cache-Control": "no-store"}, "image/png")


def _looked_at(query: Mapping[str, str]) -> tuple[Box, float]:
    return Box(*map(int, query["box"].split(","))), float(query["scale"])


def _can_be_sent(box: Box, scale: float, photo: Photo) -> bool:
    is_part = 0 <= box.top < box.bottom <= photo.height and 0 <= box.left < box.right <= photo.width
    return is_part and 0 < scale <= 1 and scale**2 * box.height * box.width <= _LARGEST_WINDOW


async def _window(request: Request) -> Response:
    """Send what is there of a result in the part of the photo that is looked at, which is made first from now on.

    The last part of the address says: which part, `box`; how small, `scale`; and how many finished pieces of it the
    browser has, `known`. Without news for a while there is no picture in the answer. Its headers say how many pieces
    there are, and which share of the whole result.
    """
    state, query = incoming.visitor(request), request.query_params
    try:
        run = Run.read(query)
        (box, scale), known = _looked_at(query), int(query["known"])
    except (KeyError, ValueError, TypeError):
        raise HTTPException(400) from None
    patience = _NEWS
    while (growing := state.growing) is None or growing.run != run:  # it waits for room, or the one before is to end
        if patience <= 0:
            return Response(None, 204, {"Cache-Control": "no-store", "X-Count": "0", "X-Share": "0"})
        await asyncio.sleep(_LOOK)
        patience -= _LOOK
    if not _can_be_sent(box, scale, growing.outline):
        raise HTTPException(400)
    growing.look(box)
    while (count := growing.count(box)) == known and patience > 0:
        await asyncio.sleep(_LOOK)
        patience -= _LOOK
    headers = {"Cache-Control": "no-store", "X-Count": str(count), "X-Share": f"{growing.share:.4f}"}
    png = None
    if count != known:
        png = await to_thread.run_sync(growing.picture, box, scale, limiter=_looking_on)
    return Response(png, 200, headers, "image/png") if png else Response(None, 204, headers)


async def _works(request: Request) -> Response:
    return JSONResponse(elsewhere.works(incoming.visitor(request)), headers={"Cache-Control": "no-store"})


async def _thumbnail(request: Request) -> Response:
    name = request.path_params["sample"]
    if name not in samples.list_samples():
        raise HTTPException(404)
    jpeg = await to_thread.run_sync(samples.thumbnail, name, limiter=_reading)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=3600"})


async def _leave(request: Request) -> Response:
    farewell.note_closing(request.path_params["token"])
    return Response(status_code=204)

"""A photo that a request brings: its body, or a part of it."""

from collections.abc import AsyncIterator
from pathlib import Path

from anyio import CapacityLimiter
from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException

from denoise import arrival
from denoise.arrival import TooManyBytesError
from denoise.ui import texts

PART = "photo"
"""The name of a form's part that holds the photo."""

NO_PART = f"The form must hold one part, a file, by the name “{PART}”; all else goes into the address."
BROKEN_FORM = "This form broke off, or is not built as multipart/form-data is (RFC 7578). Send it again."


async def receive(request: Request, path: Path, *, limit: int, limiter: CapacityLimiter) -> None:
    """Write a request's photo into a file of the spool.

    Args:
        request: Whose body is the photo, or a form with it.
        path: Where it is written.
        limit: Bytes that it may have.
        limiter: See `arrival.write`.

    Raises:
        ClientDisconnect: It ended too early.
        HTTPException: It is too much, or a form without a photo.
        OSError: See `arrival.write`.
    """
    length = request.headers.get("content-length", "")
    announced = int(length[:20]) if length.isascii() and length.isdigit() else 0
    if announced > limit:  # rather than when most of it has been sent
        raise HTTPException(413, texts.too_many_bytes(limit))
    kind, options = parse_options_header(request.headers.get("content-type"))
    stream: AsyncIterator[bytes] = request.stream()
    if kind == b"multipart/form-data":
        stream = _part(stream, options.get(b"boundary", b""))
    try:
        await arrival.write(stream, path, limit=limit, announced=announced, limiter=limiter)
    except TooManyBytesError:
        raise HTTPException(413, texts.too_many_bytes(limit)) from None


async def _part(stream: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Return what the form's one part holds, bit by bit as it comes, and an empty bit at the end."""
    names: list[bytes] = []  # of the parts whose headers have come
    name, field, value, came = bytearray(), bytearray(), bytearray(), bytearray()
    ends: list[bool] = []

    def header_ends() -> None:
        if field.lower() == b"content-disposition":
            name[:] = parse_options_header(bytes(value))[1].get(b"name", b"")
        field.clear()
        value.clear()

    try:
        if not boundary:
            raise FormParserError
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": name.clear,
                "on_header_field": lambda data, start, end: field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: value.extend(data[start:end]),
                "on_header_end": header_ends,
                "on_headers_finished": lambda: names.append(bytes(name)),
                "on_part_data": lambda data, start, end: came.extend(data[start:end]),
                "on_end": lambda: ends.append(True),
            },
        )
        async for chunk in stream:
            parser.write(chunk)
            if names not in ([], [PART.encode()]):
                raise HTTPException(422, NO_PART)
            if came:
                yield bytes(came)
                came.clear()
    except FormParserError:
        raise HTTPException(400, BROKEN_FORM) from None
    if not ends:
        raise HTTPException(400, BROKEN_FORM)
    if not names:
        raise HTTPException(422, NO_PART)
    yield b""

"""Boxes, of which HEIC, AVIF, JPEG XL, JPEG 2000 and Canon's CR3 are made. Source: ISO/IEC 14496-12, section 4.2."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_MOST = 10_000  # in one place; a picture of 200 megapixels has a few thousand


class TooManyBoxesError(ValueError):
    """A file is cut into far more boxes than it needs."""


class Box(NamedTuple):
    """A box, and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yields the boxes that lie one after another.

    Raises:
        struct.error: One is cut off, or shorter than its own head.
        TooManyBoxesError: There are far too many.
    """
    end, seen = len(data) if end is None else end, 0
    while start + 8 <= end:
        seen += 1
        if seen > _MOST:
            raise TooManyBoxesError
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        size = size or end - start  # 0: to the end
        if size < head or start + size > end:
            raise struct.error("a box is cut off")
        yield Box(kind, start + head, start + size)
        start += size


def find(data: bytes, *kinds: bytes) -> Box | None:
    """Returns the first box of a kind within the first of another, and so on; `None` if there is none.

    Raises:
        struct.error, TooManyBoxesError: See `boxes`.
    """
    found = Box(b"", 0, len(data))
    for kind in kinds:
        skipped = 4 if found.kind == b"meta" else 0  # version and flags
        inside = boxes(data, found.start + skipped, found.end)
        each = next((box for box in inside if box.kind == kind), None)
        if each is None:
            return None
        found = each
    return found


def boxed(kind: bytes, content: bytes) -> bytes:
    """Returns a box as it stands in a file."""
    return struct.pack(">I4s", 8 + len(content), kind) + content

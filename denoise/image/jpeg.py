"""Segments of a JPEG that say something about its photo.

Sources: Adobe, XMP Specification Part 3, section 1.1.3; ISO 21496-1 (gain maps), annex on JPEG.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from PIL import ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from denoise.image import photoshop, png, xmp
from denoise.image.photo import Metadata, Photo

LARGEST = 65533
"""Bytes that a segment can hold."""

_XMP, _XMP_EXTENSION = png.XMP_HEADER, b"http://ns.adobe.com/xmp/extension/\x00"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\x00"
_PART = 65400  # bytes of an extension in one segment
_APP1, _APP13, _COM = 0xE1, 0xED, 0xFE
_COMMENT = "Comment"  # the only kind of note that a JPEG has, as PNG calls it


def reduced(data: bytes, side: int) -> Photo:
    """Decodes a JPEG upright and without metadata, a part of it where it is larger: at most twice as wide and high.

    Args:
        data: The whole file, which has been checked.
        side: Pixels that both sides have at least, if there are as many.
    """
    image = JpegImageFile(io.BytesIO(data))
    image.draft("RGB", (side, side))  # what is left out is never computed
    return Photo(np.asarray(ImageOps.exif_transpose(image).convert("RGB")), format="JPEG")


def read(image: JpegImageFile, limit: int) -> tuple[Metadata, set[str]]:
    """Returns what the segments say, and the names of the fields that are damaged.

    Args:
        image: The file, opened by Pillow.
        limit: Bytes of an extension of the XMP packet that are read.
    """
    packet, is_damaged = image.info.get("xmp", b""), False
    if (tree := xmp.parse(packet)) is not None and (name := xmp.extension_of(tree)):
        extension = xmp.parse(_extension(image, name)[:limit])
        is_damaged = extension is None
        if extension is not None:
            xmp.extend(tree, extension)
            packet = xmp.serialize(tree)
    iptc = image.info.get("photoshop", {}).get(photoshop.IPTC, b"")
    comments = [(_COMMENT, text.decode("utf-8", "surrogateescape")) for name, text in image.applist if name == "COM"]
    return Metadata(image.info.get("exif", b""), packet, iptc, tuple(comments)), {"xmp"} if is_damaged else set()


def _extension(image: JpegImageFile, name: str) -> bytes:
    """Returns the extension of the XMP packet, put together from its parts; empty if they are not all there."""
    header = _XMP_EXTENSION + name.encode("utf-8", "replace")
    parts: dict[int, bytes] = {}
    size = 0
    for _, segment in image.applist:
        if segment.startswith(header) and len(segment) >= len(header) + 8:
            size, offset = struct.unpack_from(">II", segment, len(header))
            parts[offset] = segment[len(header) + 8 :]
    whole = b"".join(part for _, part in sorted(parts.items()))
    return whole if len(whole) == size else b""


def left_behind(image: JpegImageFile) -> list[str]:
    """Returns what the file holds beside the photo, and cannot be kept."""
    found = []
    with suppress(Exception):  # the index may hold anything
        pictures = (image._getmp() or {}).get(0xB002, [])
        if any("Thumbnail" not in picture["Attribute"]["MPType"] for picture in pictures[1:]):
            found.append("further pictures in the file")
    if any(name == "APP2" and segment.startswith(_GAIN_MAP) for name, segment in image.applist):
        found.append("HDR gain map")
    if any(name == "APP11" and segment[12:16] == b"jumb" for name, segment in image.applist):
        found.append(png.CREDENTIALS)
    return found


def segments(metadata: Metadata) -> bytes | None:
    """Returns the segments that hold metadata other than EXIF; `None` if something is too large for them."""
    try:
        return b"".join(
            struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for marker, content in _contents(metadata)
        )
    except struct.error:
        return None


def _contents(metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    """Yields marker and content of each segment."""
    if metadata.xmp:
        room = LARGEST - len(_XMP)
        packet, extension, name = metadata.xmp, b"", ""
        if len(packet) > room and (parts := xmp.split(packet, room)):
            packet, extension, name = parts
        yield _APP1, _XMP + packet
        for start in range(0, len(extension), _PART):
            place = struct.pack(">II", len(extension), start)
            yield _APP1, _XMP_EXTENSION + name.encode() + place + extension[start : start + _PART]
    if metadata.iptc:
        yield _APP13, photoshop.HEADER + photoshop.wrap_iptc(metadata.iptc)
    for keyword, text in metadata.comments:
        words = text if keyword == _COMMENT else f"{keyword}: {text}"
        yield _COM, words.encode("utf-8", "surrogateescape")

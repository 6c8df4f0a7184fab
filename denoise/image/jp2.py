"""Boxes of a JPEG 2000 that say something about its photo.

Sources: ITU-T T.800 (JPEG 2000), annexes A and I; Adobe, XMP Specification Part 3, section 1.1.5; ExifTool for EXIF
and IPTC.
"""

import struct
from collections.abc import Iterator

from denoise.image import exif
from denoise.image.boxes import boxed, boxes, find
from denoise.image.directories import check_exif
from denoise.image.photo import Metadata
from denoise.image.refusals import check_notes, check_size, check_stored, cut_short, damaged, overdone

_NAME = "JPEG2000"
CODESTREAM = b"\xff\x4f\xff\x51"
SIGNATURE = b"\x00\x00\x00\x0cjP  "
_END = b"\xff\xd9"
_MAX_TILES = 4096
_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_ICC = b"\x02\x00\x00"  # method of the box `colr`; precedence and approximation
_METRE = 0.0254  # in an inch


def check(data: bytes, max_megapixels: float) -> None:
    """Refuses files that are cut off, too large, or hold much more than a genuine one does.

    Raises:
        PhotoError: If the file is one of these.
        struct.error: If the file is cut off.
    """
    start, end = _codestream(data)
    right, low, left, top, tile_width, tile_height = struct.unpack_from(">6I", data, start + 8)
    width, height = right - left, low - top
    check_size(_NAME, width, height, max_megapixels)
    if not tile_width or not tile_height:
        raise damaged(_NAME)
    if -(-right // tile_width) * -(-low // tile_height) > _MAX_TILES:
        raise overdone(_NAME, f"its picture is cut into more than {_MAX_TILES:,} tiles")
    if _END not in data[max(start, end - 16) : end]:
        raise cut_short(_NAME)
    (channels,) = struct.unpack_from(">H", data, start + 40)
    check_stored(_NAME, width, height, end - start, 2 * width * height * channels)
    if start:
        notes = [box for box in boxes(data) if box.kind != b"jp2c"]
        check_notes(_NAME, len(notes), sum(box.end - box.start for box in notes))
        check_exif(read(data).exif, _NAME)


def depth_of(data: bytes) -> int:
    """Returns how many bits the first channel has."""
    start, _ = _codestream(data)
    return 1 + (data[start + 42] & 127)


def is_lossy(data: bytes) -> bool:
    """Returns whether the wavelets are those that lose something."""
    start, end = _codestream(data)
    place = data.find(b"\xff\x52", start, end)  # the usual coding style
    return place >= 0 and data[place + 13] == 0


def read(data: bytes) -> Metadata:
    """Returns what the boxes say."""
    found: dict[bytes, bytes] = {}
    if not data.startswith(CODESTREAM):
        for box in boxes(data):
            if box.kind == b"uuid":
                found.setdefault(data[box.start : box.start + 16], data[box.start + 16 : box.end])
    return Metadata(found.get(_EXIF, b""), found.get(_XMP, b""), found.get(_IPTC, b""))


def icc_profile(data: bytes) -> bytes:
    """Returns the colour profile; empty if there is none."""
    if data.startswith(CODESTREAM):
        return b""
    head = find(data, b"jp2h")
    for box in boxes(data, head.start, head.end) if head else ():
        if box.kind == b"colr" and data[box.start] in (2, 3):
            return data[box.start + 3 : box.end]
    return b""


def with_metadata(
    data: bytes, metadata: Metadata, icc_profile: bytes, dpi: tuple[float, float] | None
) -> Iterator[bytes]:
    """Yields the parts of a file to which metadata, colour profile and resolution were added."""
    for box in boxes(data):
        content = data[box.start : box.end]
        if box.kind == b"jp2h":
            inside = [(each.kind, data[each.start : each.end]) for each in boxes(data, box.start, box.end)]
            if icc_profile:
                inside = [(kind, _ICC + icc_profile if kind == b"colr" else rest) for kind, rest in inside]
            if dpi:
                across, down = (round(value / _METRE) for value in dpi)
                if max(across, down) < 65536:
                    inside.append((b"res ", boxed(b"resc", struct.pack(">4H2b", down, 1, across, 1, 0, 0))))
            yield boxed(box.kind, b"".join(boxed(kind, rest) for kind, rest in inside))
            notes = ((_EXIF, metadata.exif.removeprefix(exif.PREFIX)), (_XMP, metadata.xmp), (_IPTC, metadata.iptc))
            yield from (boxed(b"uuid", kind + note) for kind, note in notes if note)
        else:
            yield boxed(box.kind, content)


def _codestream(data: bytes) -> tuple[int, int]:
    """Returns where the picture itself begins and ends."""
    if data.startswith(CODESTREAM):
        return 0, len(data)
    box = find(data, b"jp2c")
    if box is None or not data.startswith(CODESTREAM, box.start):
        raise damaged(_NAME)
    return box.start, box.end

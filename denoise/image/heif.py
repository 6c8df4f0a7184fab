"""Pictures in HEIC and AVIF files, which are built alike: a list of items, each with its properties and its bytes.

Sources: ISO/IEC 23008-12 (HEIF), ISO/IEC 14496-12 (boxes `iloc`, `iinf`), ISO/IEC 23000-22 (MIAF), AV1 Image File
Format.
"""

import struct
from collections.abc import Iterator

from denoise.image.boxes import Box, boxes, find
from denoise.image.directories import check_exif
from denoise.image.formats import FORMATS
from denoise.image.photo import PhotoError
from denoise.image.png import CREDENTIALS
from denoise.image.refusals import animation, check_notes, check_size, check_stored, cut_short, damaged, overdone

_MAX_ITEMS = 10_000  # a picture of 200 megapixels has a thousand tiles
_SEQUENCES = (b"msf1", b"hevc", b"hevx", b"avis")
_CHANNELS, _DEEPEST = 4, 2  # samples of a pixel, and bytes of one
# What lies beside the picture, by a word that nothing else has.
_BESIDE = {
    "HDR gain map": (b"hdrgainmap", b"tmap"),
    "depth map": (b"auxiliary:depth", b"hevc:2015:auxid:2", b"portraiteffectsmatte", b"semanticskymatte"),
}
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA Technical Specification, embedding in BMFF


def format_of(data: bytes) -> str:
    """Returns "HEIC", "AVIF", or nothing if this file is no picture, or is neither."""
    length = min(int.from_bytes(data[:4]), 256)
    major, brands = data[8:12], {data[place : place + 4] for place in range(16, length, 4)}
    if major in (b"avif", b"avis") or (major in (b"mif1", b"msf1") and brands & {b"avif", b"avis"}):
        return "AVIF"
    return "HEIC" if major[:3] in (b"hei", b"hev", b"mif", b"msf") else ""


def check(name: str, data: bytes, max_megapixels: float) -> None:
    """Refuses files that are cut off, too large, or sequences, or hold much more than a genuine one does.

    Raises:
        PhotoError: If the file is one of these.
        struct.error: If the file is cut off.
    """
    if data[8:12] in _SEQUENCES:
        raise animation(name)
    check_notes(name, sum(1 for _ in boxes(data)), 0)
    if find(data, b"meta", b"ipro"):
        raise PhotoError(
            f"This {FORMATS[name].title} is encrypted. Open it where it can be seen, export it and use the new file."
        )
    meta = find(data, b"meta")
    sizes = [
        struct.unpack_from(">II", data, box.start + 4)
        for box in _properties(data)
        if box.kind == b"ispe" and box.end - box.start >= 12
    ]
    if meta is None or not sizes:
        raise damaged(name)
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    check_size(name, width, height, max_megapixels)

    notes, stored = meta.end - meta.start, 0
    for kind, start, end in _pieces(data, name):
        if end > len(data):
            raise cut_short(name)
        if kind in (b"Exif", b"mime"):
            notes += end - start
        else:
            stored += end - start
        if kind == b"Exif":
            check_exif(data[start + 4 + int.from_bytes(data[start : start + 4]) : end], name)
    check_notes(name, 0, notes)
    check_stored(name, width, height, stored, width * height * _CHANNELS * _DEEPEST)


def depth_of(data: bytes) -> int:
    """Returns how many bits a sample of the picture has: those of the first of its parts."""
    for box in _properties(data):
        if box.kind == b"av1C":
            flags = data[box.start + 2]
            return 8 + 2 * (flags >> 6 & 1) + 2 * (flags >> 5 & flags >> 6 & 1)
        if box.kind == b"hvcC":
            return 8 + (data[box.start + 17] & 7)
    return 8


def colour_of(data: bytes) -> bytes:
    """Returns what the colours are by ITU-T H.273: primaries, transfer function, matrix, range; empty if not told."""
    for box in _properties(data):
        if box.kind == b"colr" and data[box.start : box.start + 4] == b"nclx":
            codes = struct.unpack_from(">HHHB", data, box.start + 4)
            return bytes([codes[0] & 255, codes[1] & 255, 0, 1])  # as they are once decoded: RGB of full range
    return b""


def with_colour(data: bytes, codes: bytes) -> bytes:
    """Returns a file that tells by ITU-T H.273 what its colours are: the first two of `codes`, see `colour_of`."""
    if not codes:
        return data
    told = bytearray(data)
    for box in _properties(data):
        if box.kind == b"colr" and data[box.start : box.start + 4] == b"nclx":
            struct.pack_into(">HH", told, box.start + 4, *codes[:2])
    return bytes(told)


def left_behind(data: bytes) -> list[str]:
    """Returns what the file holds beside the photo, and cannot be kept."""
    meta = find(data, b"meta")
    words = data[meta.start : meta.end] if meta else b""
    found = [what for what, marks in _BESIDE.items() if any(mark in words for mark in marks)]
    for box in boxes(data):
        if box.kind == b"uuid" and data.startswith(_C2PA, box.start):
            found.append(CREDENTIALS)
        if box.kind == b"moov":
            found.append("the moving part of the file")
    return found


def _properties(data: bytes) -> Iterator[Box]:
    """Yields the properties of all items."""
    container = find(data, b"meta", b"iprp", b"ipco")
    if container:
        yield from boxes(data, container.start, container.end)


def _pieces(data: bytes, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Yields the kind of each item, and where its bytes lie in the file, or a piece of them."""
    kinds = {}
    if information := find(data, b"meta", b"iinf"):
        first = information.start + (6 if data[information.start] == 0 else 8)
        for box in boxes(data, first, information.end):
            wide = data[box.start] == 3  # the version
            (item,) = struct.unpack_from(">I" if wide else ">H", data, box.start + 4)
            kinds[item] = data[box.start + (10 if wide else 8) :][:4]
            if len(kinds) > _MAX_ITEMS:
                raise overdone(name, f"it holds more than {_MAX_ITEMS:,} items")
    location = find(data, b"meta", b"iloc")
    if location is None:
        raise damaged(name)
    position = location.start

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > location.end:
            raise struct.error("the list ends early")
        return int.from_bytes(data[position - size : position])

    version = number(4) >> 24
    sizes = number(2)
    of_offset, of_length, of_base, of_index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    seen = 0
    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)  # of another file
        base = number(of_base)
        for _ in range(number(2)):
            seen += 1
            if seen > _MAX_ITEMS:
                raise overdone(name, f"its items are cut into more than {_MAX_ITEMS:,} pieces")
            number(of_index if version else 0)
            start, size = base + number(of_offset), number(of_length)
            if method == 0:  # else they lie elsewhere
                yield kinds.get(item, b""), start, start + size

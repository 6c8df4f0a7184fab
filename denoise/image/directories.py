"""How a TIFF and an EXIF block, which is a small TIFF, are built: directories of entries that point to values.

A few bytes can claim any number of values, and many entries can point to the same ones. So what the libraries would
read is counted before they do.

Sources: TIFF 6.0, BigTIFF as libtiff describes it, CIPA DC-008 (EXIF).
"""

import re
import struct
from contextlib import suppress
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL.ExifTags import IFD, Base

from denoise.image.photo import PhotoError
from denoise.image.refusals import check_notes, check_size, check_stored, cut_short, damaged, overdone

_MAX_PAGES = 16  # that are looked at
_MAX_CHANNELS = 16  # of a pixel
_MAX_STRIPS = 100_000  # or tiles
_MAX_NUMBERS = 200_000  # in the other entries; each becomes an object
_MAX_SCANS = 20  # of a JPEG in each strip
_MAX_PREFIXES = 4  # of an EXIF block; some programs write two, and Pillow copies the block to take one off

_ENTRY = (("tag", "u2"), ("kind", "u2"), ("count", "u4"), ("value", "u4"))
_BIG_ENTRY = (("tag", "u2"), ("kind", "u2"), ("count", "u8"), ("value", "u8"))
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_WIDTHS = np.zeros(256, np.float64)  # bytes of a value by type; 0 for types that nobody reads
for _kinds, _width in (((1, 2, 6, 7), 1), ((3, 8), 2), ((4, 9, 11, 13), 4), ((5, 10, 12, 16, 17, 18), 8)):
    _WIDTHS[list(_kinds)] = _width
_BYTES = (1, 2, 7)  # types whose values stay together in one object

_PLACES = (Base.StripOffsets, Base.StripByteCounts, Base.TileOffsets, Base.TileByteCounts)
_LAYERS = 37724  # of a Photoshop document inside a TIFF; they may be larger than the picture
_JPEG = (6, 7)  # values of Compression
_MOSAIC = (32803, 34892)  # values of PhotometricInterpretation: a colour for each pixel, and all three but linear
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")  # start of a JPEG's scan

_Entries = NDArray[Any]
"""Entries of a directory: structured array with the fields `tag`, `kind`, `count` and `value`."""


def check_exif(block: bytes, name: str) -> None:
    r"""Refuses a file for its EXIF block, with or without `Exif\0\0`, if reading the block would take long.

    A block that is merely broken passes: that is no reason to refuse the picture.

    Raises:
        PhotoError: If the block holds far more than a genuine one.
    """
    for _ in range(_MAX_PREFIXES):
        block = block.removeprefix(b"Exif\0\0")
    if block.startswith(b"Exif\0\0"):
        raise overdone(name, "its EXIF block begins again and again")
    with suppress(struct.error):
        order, big, first = _header(block)
        _check_values(name, block, order, big, _directory(block, order, big, first)[0], of_picture=False)


def check_tiff(data: bytes, max_megapixels: float) -> None:
    """Refuses TIFFs that are cut off, too large, documents of several pages, or would be read wrongly.

    Raises:
        PhotoError: If the file is one of these or holds much more than a genuine one does.
        struct.error: If the file is cut off.
    """
    order, big, position = _header(data)
    for number in range(_MAX_PAGES):
        entries, position = _directory(data, order, big, position)
        if position < 0:
            raise cut_short("TIFF")
        check_notes("TIFF", len(entries), 0)
        if number == 0:
            _check_picture(data, order, big, entries, max_megapixels)
        elif not _value(data, order, entries, Base.NewSubfileType, 0) & (1 | 4):  # neither a thumbnail nor a mask
            raise PhotoError(
                "This TIFF holds several pages; only one picture can be denoised at a time. "
                "Save the page that you want as a file of its own and try again."
            )
        if not position:
            break


def is_raw(data: bytes) -> bool:
    """Returns whether this TIFF is a camera's RAW file: its first picture is the sensor's mosaic, or a thumbnail."""
    with suppress(struct.error):
        order, big, first = _header(data)
        entries, _ = _directory(data, order, big, first)
        photometric = _value(data, order, entries, Base.PhotometricInterpretation, 0)
        is_thumbnail = bool(_value(data, order, entries, Base.NewSubfileType, 0) & 1)
        return Base.DNGVersion in entries["tag"] or photometric in _MOSAIC or is_thumbnail
    return False


def check_raw(data: bytes, _: float) -> None:
    """Refuses RAW files that are built like a TIFF if they are cut off, or hold much more than a genuine one does.

    Only what its first directory leads to: makers have their own ways behind that. Of what size the sensor is, LibRaw
    says before it reads its values.

    Raises:
        PhotoError: If the file is one of these.
        struct.error: If the file is cut off.
    """
    if data[:2] not in (b"II", b"MM") or data[6:10] == b"HEAP":
        return
    order, big, first = _header(data)
    places, seen = [first], 0
    while places and seen < _MAX_PAGES:
        seen += 1
        try:
            entries, following = _directory(data, order, big, places.pop(0))
        except struct.error:
            if seen == 1:
                raise
            continue
        if following < 0:
            if seen == 1:
                raise cut_short("RAW")
            continue
        check_notes("RAW", len(entries), 0)
        _check_values("RAW", data, order, big, entries, of_picture=True)
        for tag in (Base.StripOffsets, Base.TileOffsets):
            if max(_values(data, order, entries, tag), default=0) > len(data):
                raise cut_short("RAW")
        places += _values(data, order, entries, Base.SubIFDs)[:_MAX_PAGES] + [following] * (following > 0)


def _check_picture(data: bytes, order: str, big: bool, entries: _Entries, max_megapixels: float) -> None:
    def value(tag: int, default: int) -> int:
        return _value(data, order, entries, tag, default)

    photometric, channels = value(Base.PhotometricInterpretation, 0), value(Base.SamplesPerPixel, 1)
    width, height = value(Base.ImageWidth, 0), value(Base.ImageLength, 0)
    check_size("TIFF", width, height, max_megapixels)
    bits = max(_values(data, order, entries, Base.BitsPerSample) or [1])
    tile = value(Base.TileWidth, 0) * value(Base.TileLength, 0)
    kinds, is_deep = set(_values(data, order, entries, Base.SampleFormat)), bits > 8
    is_float = kinds == {3} and bits in (16, 32)
    if (
        not (kinds <= {1, 4} or is_float)
        or Base.PhotometricInterpretation not in entries["tag"]
        or photometric not in ((0, 1, 2) if is_deep else (0, 1, 2, 3, 5, 6))
        or bits not in ((16, 32) if is_float else (1, 2, 4, 8, 16))
        or (is_deep and value(Base.Compression, 1) in _JPEG)
        or not 1 <= channels <= _MAX_CHANNELS
        or channels < (3 if photometric == 2 else 1)
        or tile > max_megapixels * 1e6
    ):
        raise PhotoError(
            "This TIFF stores its pixels in a way that cannot be read here, such as 12 bits a channel, Lab, 16-bit "
            "CMYK or 32-bit whole numbers. Export it as RGB with 8 or 16 bits a channel and try again."
        )

    if not np.all(_is_inside(data, entries)):
        raise cut_short("TIFF")
    _check_values("TIFF", data, order, big, entries, of_picture=True)
    if entries["count"][np.isin(entries["tag"], _PLACES)].max(initial=0) > _MAX_STRIPS:
        raise overdone("TIFF", f"its picture is cut into more than {_MAX_STRIPS:,} strips")
    offsets = _values(data, order, entries, Base.StripOffsets) or _values(data, order, entries, Base.TileOffsets)
    sizes = _values(data, order, entries, Base.StripByteCounts) or _values(data, order, entries, Base.TileByteCounts)
    ends = [offset + size for offset, size in zip(offsets, sizes, strict=False)]
    if not ends:
        raise damaged("TIFF")
    if max(ends) > len(data):
        raise cut_short("TIFF")
    raw = max(width * height, tile * len(offsets)) * channels * bits / 8
    check_stored("TIFF", width, height, sum(sizes), raw)  # many strips may lie in the same place
    if value(Base.Compression, 1) in _JPEG:
        most = _MAX_SCANS * len(offsets)
        if sum(1 for _ in islice(_SCAN.finditer(data), most + 1)) > most:
            raise overdone("TIFF", "its picture is stored in far too many passes")


def _check_values(name: str, block: bytes, order: str, big: bool, entries: _Entries, *, of_picture: bool) -> None:
    """Refuses directories with too much in them: this one, and those for EXIF and GPS that it points to."""
    directories = [entries]
    for pointer in (IFD.Exif, IFD.GPSInfo, IFD.Interop):
        with suppress(struct.error, StopIteration):
            place = next(place for some in directories for place in _values(block, order, some, pointer))
            directories.append(_directory(block, order, big, place)[0])

    notes, numbers, size = 0, 0.0, 0.0
    for some in directories:
        places, layers = (np.isin(some["tag"], tags) & (of_picture and some is entries) for tags in (_PLACES, _LAYERS))
        sizes = _sizes(some)
        is_read = (sizes > 0) & _is_inside(block, some)
        notes += int(np.count_nonzero(is_read))
        numbers += some["count"][is_read & ~places & ~np.isin(some["kind"], _BYTES)].sum(dtype=np.float64)
        size += sizes[is_read & ~places & ~layers].sum()
    check_notes(name, notes, size)
    if numbers > _MAX_NUMBERS:
        raise overdone(name, f"its notes hold more than {_MAX_NUMBERS:,} numbers")


# Reading


def _header(block: bytes) -> tuple[str, bool, int]:
    """Returns the byte order, whether this is a BigTIFF, and where the first directory is."""
    order, big = (">" if block.startswith(b"MM") else "<"), block[2:4] in (b"+\0", b"\0+")
    (first,) = struct.unpack_from(order + "Q", block, 8) if big else struct.unpack_from(order + "I", block, 4)
    return order, big, first


def _directory(block: bytes, order: str, big: bool, position: int) -> tuple[_Entries, int]:
    """Returns the entries, and where the next directory is: 0 if there is none, -1 if this one is cut off."""
    start = min(position, len(block))
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), block, start)
    start += 8 if big else 2
    layout = np.dtype([(field, order + kind) for field, kind in (_BIG_ENTRY if big else _ENTRY)])
    there = min(count, (len(block) - start) // layout.itemsize)
    entries = np.frombuffer(block, layout, there, start)
    end = start + there * layout.itemsize
    if there < count or end + (8 if big else 4) > len(block):
        return entries, -1
    return entries, struct.unpack_from(order + ("Q" if big else "I"), block, end)[0]


def _sizes(entries: _Entries) -> NDArray[np.float64]:
    """Returns the bytes that the values of each entry take; 0 where no reader knows the type."""
    sizes: NDArray[np.float64] = _WIDTHS[np.minimum(entries["kind"], 255)] * entries["count"]
    return sizes


def _is_inside(block: bytes, entries: _Entries) -> NDArray[np.bool_]:
    """Returns which entries have their values inside the block: in their own field, or where that points to."""
    sizes, room = _sizes(entries), entries["value"].itemsize
    return (sizes <= room) | (entries["value"] + sizes <= len(block))


def _values(block: bytes, order: str, entries: _Entries, tag: int) -> list[int]:
    """Returns the whole numbers of an entry; none if it is missing or holds something else."""
    entry = entries[entries["tag"] == tag][:1]
    if not len(entry) or (kind := int(entry["kind"][0])) not in _INTEGERS:
        return []
    layout = np.dtype(order + _INTEGERS[kind])
    size, place = int(entry["count"][0]) * layout.itemsize, int(entry["value"][0])
    raw = entry["value"].tobytes()[:size] if size <= entry["value"].itemsize else block[place : place + size]
    if len(raw) < size:
        raise struct.error("the values lie behind the end")
    return cast(list[int], np.frombuffer(raw, layout).tolist())


def _value(block: bytes, order: str, entries: _Entries, tag: int, default: int) -> int:
    """Returns the first whole number of an entry."""
    return next(iter(_values(block, order, entries, tag)), default)

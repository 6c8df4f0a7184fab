"""EXIF blocks: what they say of position and size is made to agree with the upright photo.

The bytes are changed where they lie, because moving anything breaks the makers' own notes.
Source: CIPA DC-008-2019, Exchangeable image file format for digital still cameras: Exif version 2.32.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress

from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base

PREFIX = b"Exif\x00\x00"
_ORDERS = {b"II": "<", b"MM": ">"}
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}  # by their type


def is_exif(block: bytes) -> bool:
    """Returns whether this is an EXIF block, with its prefix or without."""
    return block.removeprefix(PREFIX)[:2] in _ORDERS


def orientation_of(block: bytes) -> int:
    """Returns the orientation (1 to 8) that an EXIF block tells, 0 if it tells none."""
    tiff = block.removeprefix(PREFIX)
    order = _ORDERS[tiff[:2]]
    with suppress(struct.error):  # cut short
        for tag, value, position in _entries(tiff, order, *struct.unpack_from(order + "I", tiff, 4)):
            if tag == Base.Orientation:
                (orientation,) = struct.unpack_from(value, tiff, position)
                return orientation if 1 <= orientation <= 8 else 0
    return 0


def tells_resolution(block: bytes) -> bool:
    """Returns whether an EXIF block tells how many pixels go to an inch."""
    exif = PillowImage.Exif()
    try:
        exif.load(block)
        return Base.XResolution in exif
    except Exception:  # it may hold anything
        return False


def made_upright(block: bytes, width: int, height: int) -> bytes:
    """Returns the EXIF block of the upright photo of so many pixels.

    The thumbnail is unlinked: it shows the noisy photo, and lies as the camera was held.
    """
    tiff = bytearray(block.removeprefix(PREFIX))
    order = _ORDERS[bytes(tiff[:2])]
    facts: dict[int, int] = {
        Base.Orientation: 1,
        **dict.fromkeys((Base.ImageWidth, Base.ExifImageWidth), width),
        **dict.fromkeys((Base.ImageLength, Base.ExifImageHeight), height),
    }

    def correct(directory: int) -> Iterator[int]:
        """Yields where the directory of the camera's data begins."""
        for tag, value, position in _entries(tiff, order, directory):
            if tag == IFD.Exif:
                yield from struct.unpack_from(value, tiff, position)
            elif tag in facts:
                with suppress(struct.error):  # stored as a type that is too small
                    struct.pack_into(value, tiff, position, facts[tag])

    with suppress(struct.error):
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for directory in list(correct(first))[:1]:
            with suppress(struct.error):
                list(correct(directory))
        struct.pack_into(order + "I", tiff, first + 2 + 12 * count, 0)
    return PREFIX + bytes(tiff)


def _entries(tiff: bytes | bytearray, order: str, directory: int) -> Iterator[tuple[int, str, int]]:
    """Yields the whole numbers of a directory: tag, how it is stored, and where."""
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if kind in _WHOLE_NUMBERS:
            yield tag, order + _WHOLE_NUMBERS[kind], entry + 8

"""What a file says about its photo: EXIF and resolution."""

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

MAX_METADATA = 4 << 20  # bytes; larger EXIF or colour profiles are not genuine, and not every format can hold them
# What a TIFF says about the photo rather than about how its pixels are stored; the rest is written anew.
_DESCRIPTION = {
    *(Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer),
    *(Base.Rating, Base.RatingPercent, Base.Copyright, IFD.Exif, IFD.GPSInfo),
}
_silent = threading.RLock()


@contextmanager
def no_warnings() -> Iterator[None]:
    """Silences warnings; one thread at a time, because they are switched off for the whole process."""
    with _silent, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def dpi_of(image: ImageFile) -> tuple[float, float] | None:
    """Returns the horizontal and vertical resolution in pixels per inch, if the file tells one that makes sense."""
    if isinstance(image, TiffImageFile) and Base.XResolution not in image.tag_v2:
        return None  # Pillow would say 1
    with suppress(TypeError, ValueError, ZeroDivisionError):
        x, y = (float(value) for value in image.info.get("dpi", ()))
        if all(1 <= value <= 65535 for value in (x, y)):  # what every format can hold; NaN fails too
            return x, y
    return None


def exif_of(image: ImageFile) -> bytes:
    """Returns the EXIF block; of a TIFF, which is one itself, a new one with what describes the photo."""
    if not isinstance(image, TiffImageFile):
        return cast(bytes, image.info.get("exif") or b"")
    exif = PillowImage.Exif()
    try:
        exif.update(_describe(image.getexif()))
        return exif.tobytes() if len(exif) else b""
    except Exception:  # a broken description is no reason to refuse the picture
        return b""


def _describe(exif: PillowImage.Exif) -> dict[int, Any]:
    """Returns the entries that describe the photo; those that are directories as dictionaries."""
    entries: dict[int, Any] = {tag: exif[tag] for tag in _DESCRIPTION & set(exif)}
    for directory in {IFD.Exif, IFD.GPSInfo} & set(entries):
        entries[directory] = dict(exif.get_ifd(directory))
        entries[directory].pop(IFD.Interop, None)  # an offset into the old file
    return entries


def reset_orientation(exif: bytes) -> tuple[int, bytes]:
    """Returns the orientation (1 to 8) and the EXIF block without it.

    The bytes are changed where they lie, because moving anything breaks the makers' own notes. The thumbnail is
    unlinked: it shows the noisy photo, and lies as the camera was held.
    """
    block = bytearray(exif.removeprefix(b"Exif\x00\x00"))
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None:
        return 1, b""
    orientation = 1
    with suppress(struct.error):  # cut short
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", block, entry)
            if tag == Base.Orientation:
                value = order + ("I" if kind == 4 else "H")
                (orientation,) = struct.unpack_from(value, block, entry + 8)
                struct.pack_into(value, block, entry + 8, 1)
        struct.pack_into(order + "I", block, directory + 2 + 12 * count, 0)
    return (orientation if 1 <= orientation <= 8 else 1), b"Exif\x00\x00" + bytes(block)


def tiff_description(exif: bytes) -> ImageFileDirectory_v2:
    """Returns a new directory with the part of the EXIF block that describes the photo."""
    tags = ImageFileDirectory_v2(prefix=b"II")
    with no_warnings():
        try:
            block = PillowImage.Exif()
            block.load(exif)
            tags.update(_describe(block))
            tags.tobytes()
        except Exception:  # a broken description is no reason to lose the picture
            return ImageFileDirectory_v2(prefix=b"II")
    return tags

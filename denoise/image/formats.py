"""The formats that can be read and written, and what files in them are called."""

from pathlib import PurePath
from typing import NamedTuple

from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from denoise.image.photo import Photo, PhotoError


class _Format(NamedTuple):
    title: str
    media_type: str
    suffixes: tuple[str, ...]
    opener: type[ImageFile] | None  # opened directly: `PIL.Image.open` would guess, and warn about large pictures
    longest_side: int  # that can be written; 0 if none can
    extra: str = ""  # of this package, with the library that reads it


# Of Adobe and phones; Canon; Nikon; Sony; Fujifilm; Olympus; Panasonic and Leica; Pentax; Samsung; Hasselblad; Phase
# One and Mamiya; Kodak; Minolta; Epson; Sigma.
_RAW_SUFFIXES = (
    *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "orf", "ori", "rw2", "raw", "rwl", "pef"),
    *("srw", "3fr", "fff", "iiq", "mef", "mos", "dcr", "kdc", "mrw", "erf", "x3f"),
)

FORMATS = {
    "PNG": _Format("PNG", "image/png", ("png",), PngImageFile, 2**31 - 1),
    "JPEG": _Format("JPEG", "image/jpeg", ("jpg", "jpeg"), JpegImageFile, 65500),
    "WEBP": _Format("WebP", "image/webp", ("webp",), WebPImageFile, 16383),
    "TIFF": _Format("TIFF", "image/tiff", ("tif", "tiff"), TiffImageFile, 2**31 - 1),
    "BMP": _Format("BMP", "image/bmp", ("bmp",), BmpImageFile, 2**31 - 1),
    "RAW": _Format("RAW file", "image/x-dcraw", _RAW_SUFFIXES, None, 0, "raw"),
}

SUFFIXES: tuple[str, ...] = tuple(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
"""File name endings of the formats that can be read, without the dot."""

WRITTEN_SUFFIXES: tuple[str, ...] = tuple(
    suffix for kind in FORMATS.values() if kind.longest_side for suffix in kind.suffixes
)
"""Those of the formats that can be written, too."""


def formats_for(photo: Photo) -> list[str]:
    """Returns the names of the formats that can hold a photo of this size, its own first."""
    names = [name for name, kind in FORMATS.items() if max(photo.width, photo.height) <= kind.longest_side]
    return sorted(names, key=lambda name: name != photo.format)


def is_deep(name: str) -> bool:
    """Returns whether a format can hold 16 bit."""
    return name in ("PNG", "TIFF")


def format_title(name: str) -> str:
    """Returns the name of a format as users know it, such as "WebP" for "WEBP"."""
    return FORMATS[name].title


def media_type(name: str) -> str:
    """Returns the media type of a format, such as "image/png"."""
    return FORMATS[name].media_type


def suffix_for(name: str) -> str:
    """Returns the usual file name ending of a format, without the dot."""
    return FORMATS[name].suffixes[0]


def format_for(suffix: str) -> str:
    """Returns the format to write that a file name ending means, with or without the dot, in any case.

    Raises:
        PhotoError: If no format that can be written has that ending.
    """
    for name, kind in FORMATS.items():
        if kind.longest_side and suffix.lower().removeprefix(".") in kind.suffixes:
            return name
    raise PhotoError(f"“{suffix}” is no file type that can be written. Use one of: {', '.join(WRITTEN_SUFFIXES)}.")


def denoised_name(name: str, format_name: str) -> str:
    """Returns what the denoised version of a file is called; a suffix that lies about the format is replaced."""
    path = PurePath(name)
    kept = path.suffix.lower().removeprefix(".") in FORMATS[format_name].suffixes
    return f"{path.stem}-denoised{path.suffix if kept else '.' + suffix_for(format_name)}"

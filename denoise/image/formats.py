"""The formats that can be read and written, and what files in them are called."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import NamedTuple, cast

from PIL.ImageFile import ImageFile

from denoise.image.photo import Photo, PhotoError


class _Format(NamedTuple):
    title: str  # as users know it
    media_type: str
    suffixes: tuple[str, ...]  # of file names, without the dot; the usual one first
    plugin: str  # module and class of Pillow, or for it; imported when it is needed
    longest_side: int  # that can be written; 0 if none can
    depth: int = 8  # bits of a sample at most
    extra: str = ""  # of this package, with the library that it needs

    def holds(self, photo: Photo) -> bool:
        """Whether a photo of this size can be written."""
        return max(photo.width, photo.height) <= self.longest_side


# Of Adobe and phones; Canon; Nikon; Sony; Fujifilm; Olympus; Panasonic and Leica; Pentax; Samsung; Hasselblad; Phase
# One and Mamiya; Kodak; Minolta; Epson; Sigma.
_RAW_SUFFIXES = (
    *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "orf", "ori", "rw2", "raw", "rwl", "pef"),
    *("srw", "3fr", "fff", "iiq", "mef", "mos", "dcr", "kdc", "mrw", "erf", "x3f"),
)

_JPEG_SUFFIXES = ("jpg", "jpeg", "jfif", "jpe")
_HEIC_SUFFIXES = ("heic", "heif", "hif")  # the last is Sony's and Canon's
_JP2_SUFFIXES = ("jp2", "j2k", "jpx", "jpf", "j2c", "jpc")
_PPM_SUFFIXES = ("ppm", "pgm", "pnm")
_ANY = 2**31 - 1

FORMATS = {
    "PNG": _Format("PNG", "image/png", ("png",), "PIL.PngImagePlugin:PngImageFile", _ANY, 16),
    "JPEG": _Format("JPEG", "image/jpeg", _JPEG_SUFFIXES, "PIL.JpegImagePlugin:JpegImageFile", 65500),
    "WEBP": _Format("WebP", "image/webp", ("webp",), "PIL.WebPImagePlugin:WebPImageFile", 16383),
    "TIFF": _Format("TIFF", "image/tiff", ("tif", "tiff"), "PIL.TiffImagePlugin:TiffImageFile", _ANY, 16),
    "BMP": _Format("BMP", "image/bmp", ("bmp",), "PIL.BmpImagePlugin:BmpImageFile", _ANY),
    "HEIC": _Format("HEIC", "image/heic", _HEIC_SUFFIXES, "pillow_heif:HeifImageFile", 16383, 10, "heif"),
    "AVIF": _Format("AVIF", "image/avif", ("avif",), "PIL.AvifImagePlugin:AvifImageFile", 16384, 12),
    "JPEG2000": _Format("JPEG 2000", "image/jp2", _JP2_SUFFIXES, "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile", _ANY, 16),
    "PPM": _Format("PPM", "image/x-portable-anymap", _PPM_SUFFIXES, "PIL.PpmImagePlugin:PpmImageFile", _ANY, 16),
    "JXL": _Format("JPEG XL", "image/jxl", ("jxl",), "pylibjxl:", _ANY, 16, "jxl"),
    "RAW": _Format("RAW file", "image/x-dcraw", _RAW_SUFFIXES, "", 0, extra="raw"),
}
"""By `Photo.format`."""

SUFFIXES: tuple[str, ...] = tuple(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
"""File name endings of the formats that can be read, without the dot."""

WRITTEN_SUFFIXES: tuple[str, ...] = tuple(
    suffix for kind in FORMATS.values() if kind.longest_side for suffix in kind.suffixes
)
"""Those of the formats that can be written, too."""


def opener(name: str) -> type[ImageFile]:
    """Returns what reads the header of a format's files; `PIL.Image.open` would guess, and warn about large pictures.

    Raises:
        ImportError: Its library is not installed.
    """
    module, _, kind = FORMATS[name].plugin.partition(":")
    return cast(type[ImageFile], getattr(import_module(module), kind))


def formats_for(photo: Photo) -> list[str]:
    """Returns the names of the formats that can hold a photo of this size, its own first."""
    names = [name for name, kind in FORMATS.items() if kind.holds(photo)]
    return sorted(filter(_is_installed, names), key=lambda name: name != photo.format)


def _is_installed(name: str) -> bool:
    return find_spec(FORMATS[name].plugin.partition(":")[0].partition(".")[0]) is not None


def has_quality(name: str) -> bool:
    """Returns whether a format's files are the smaller the worse they are."""
    return name in ("JPEG", "WEBP", "HEIC", "AVIF", "JXL")


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
    return f"{path.stem}-denoised{path.suffix if kept else '.' + FORMATS[format_name].suffixes[0]}"

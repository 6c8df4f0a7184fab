"""Picture files to pixels and back: what the user gave comes back, and a bad file gets a sentence.

Pixels stay integers in the depth of the file; floats exist only where a denoiser needs them (`to_float`, `to_pixels`).

Two libraries share the reading. Pillow reads every header and all metadata, and the pixels of JPEG, BMP and 8-bit TIFF
(palettes, CMYK). OpenCV reads the pixels of PNG, WebP and 16-bit TIFF: Pillow has no 16-bit colour, lets a PNG through
whose data end early, and takes three times the memory for a WebP.
"""

import io
import math
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import IFD, Base
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from denoise import Image

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""A stored photo: array of shape (H, W, 3), RGB, in the depth of the file."""

_Samples: TypeAlias = NDArray[Any]
"""What a file holds: array of shape (H, W, C); C = 1 is grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""


class _Format(NamedTuple):
    title: str
    media_type: str
    suffixes: tuple[str, ...]
    opener: type[ImageFile]  # opened directly: `PIL.Image.open` would guess, and warn about large pictures
    longest_side: int


_FORMATS = {
    "PNG": _Format("PNG", "image/png", ("png",), PngImageFile, 2**31 - 1),
    "JPEG": _Format("JPEG", "image/jpeg", ("jpg", "jpeg"), JpegImageFile, 65500),
    "WEBP": _Format("WebP", "image/webp", ("webp",), WebPImageFile, 16383),
    "TIFF": _Format("TIFF", "image/tiff", ("tif", "tiff"), TiffImageFile, 2**31 - 1),
    "BMP": _Format("BMP", "image/bmp", ("bmp",), BmpImageFile, 2**31 - 1),
}

SUFFIXES: tuple[str, ...] = tuple(suffix for kind in _FORMATS.values() for suffix in kind.suffixes)
"""File name endings of the formats that can be read and written, without the dot."""

_BIG_TIFF = b"II+\x00"
_TIFF = (b"II*\x00", b"MM\x00*", _BIG_TIFF)
_EXPORT = "Export it as JPEG, PNG or TIFF and try again."
_DEVELOP = "Develop it in your RAW software, export it as a 16-bit TIFF or PNG (or as JPEG) and try again."
_RAW = f"This is a camera's RAW file, which cannot be read here. {_DEVELOP}"
_RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00", b"FOVb", b"\x00MRM")
_OTHER_MAGIC = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop document (PSD)",
    b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"v/1\x01": "an OpenEXR picture",
    b"#?R": "a Radiance HDR picture",
    b"<svg": "an SVG drawing",
    b"PK\x03\x04": "a ZIP archive or an office document",
}

_MAX_METADATA = 4 << 20  # bytes; larger EXIF or colour profiles are not genuine, and not every format can hold them
_MAX_SCANS = 500  # in a JPEG; genuine ones have about ten, and each one costs the time of the whole picture
_MAX_PAGES = 16  # of a TIFF that are looked at
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")  # start of a scan, too specific to occur by chance
_BLOCK = 1 << 20  # bytes that are filtered and compressed at a time

# What a TIFF says about the photo rather than about how its pixels are stored; the rest is written anew.
_DESCRIPTION = {
    *(Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer),
    *(Base.Rating, Base.RatingPercent, Base.Copyright, IFD.Exif, IFD.GPSInfo),
}
_silent = threading.RLock()
_UNASSOCIATED_ALPHA = 2  # value of the TIFF tag ExtraSamples; 1 means that the colours are multiplied by alpha


class PhotoError(ValueError):
    """Something is wrong with a picture that a user gave; the message is shown to the user as it is."""


@dataclass(frozen=True, eq=False)
class Photo:
    r"""A decoded picture with all that must come back when it is encoded.

    Attributes:
        pixels: (H, W, 3), RGB, upright; three equal channels if `grey`.
        alpha: Opacity, (H, W), same dtype as `pixels`, not multiplied into them; `None` if the file is opaque.
        grey: The file had no colour.
        format: "PNG", "JPEG", "WEBP", "TIFF" or "BMP".
        exif: EXIF block beginning with `Exif\0\0`, orientation reset, without thumbnail; empty if there is none.
        icc_profile: Colour profile of the pixels; empty if there is none.
        dpi: Horizontal and vertical resolution in pixels per inch.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    grey: bool = False
    format: str = "PNG"
    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])

    @property
    def bit_depth(self) -> int:
        """Bits per channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize


def decode(data: bytes, *, max_megapixels: float = 50.0) -> Photo:
    """Reads a picture file; its content decides what it is, not its name.

    EXIF orientation is applied. Palettes become RGB, and 1-bit pictures 8-bit grey. CMYK becomes sRGB through the
    file's colour profile where it has one. Of a multi-picture JPEG (MPO) the main picture is read. A TIFF may hold
    thumbnails and masks beside its one picture.

    Args:
        data: The whole file.
        max_megapixels: Larger pictures are refused before their pixels are decoded. For TIFF and WebP, values above
            Pillow's own limit of 178 have no effect.

    Raises:
        PhotoError: If this is not a complete picture in one of the formats and within the limit.
    """
    name = _identify(data)
    with _reading(data, name):
        if name == "TIFF":
            _check_tiff(data, max_megapixels)
        image = _FORMATS[name].opener(io.BytesIO(data))
        _check_header(image, data, name, max_megapixels)
        icc_profile = image.info.get("icc_profile") or b""
        orientation, exif = _reset_orientation(_exif_of(image))
        dpi = _dpi_of(image)

        if name in ("PNG", "WEBP") or _is_deep_tiff(image):
            samples = _read_with_opencv(data, image)
        elif image.mode == "CMYK":
            rgb, icc_profile = _cmyk_to_srgb(image, icc_profile)
            samples = np.asarray(rgb)
        else:
            samples = _read_with_pillow(image)
        if not isinstance(image, TiffImageFile):  # both libraries turn a TIFF upright themselves
            samples = _upright(samples, orientation)

        channels = samples.shape[2]
        is_grey_palette = image.mode in ("P", "PA") and icc_profile[16:20] != b"RGB " and _is_colourless(samples)
        grey = channels < 3 or is_grey_palette
        return Photo(
            pixels=np.repeat(samples[..., :1], 3, axis=2) if grey else np.ascontiguousarray(samples[..., :3]),
            alpha=samples[..., -1].copy() if channels in (2, 4) else None,
            grey=grey,
            format=name,
            exif=exif if len(exif) <= _MAX_METADATA else b"",
            icc_profile=icc_profile if len(icc_profile) <= _MAX_METADATA else b"",
            dpi=dpi,
        )


def encode(photo: Photo, *, quality: int = 95) -> bytes:
    """Writes `photo` as a file in `photo.format`, with everything that the format can hold.

    PNG, TIFF (deflate) and BMP are exact. WebP is written lossless, because lossy WebP always halves the resolution of
    the colours. JPEG has full colour resolution (4:4:4).

    What a format cannot hold gives way: 16 bit is rounded to 8 for JPEG, WebP and BMP, transparency is laid over white
    for JPEG, and BMP keeps no EXIF and no colour profile. A grey photo is grey in the file, except in WebP and, with
    transparency, in BMP and 16-bit TIFF.

    Args:
        photo: What to write.
        quality: Of a JPEG, 1 to 100, in the scale of libjpeg.

    Raises:
        PhotoError: If the photo is too large for the format.
    """
    if photo.format not in _FORMATS:
        raise ValueError(f"`photo.format` must be one of {', '.join(_FORMATS)}. Received: {photo.format!r}")
    if photo.alpha is not None and photo.alpha.dtype != photo.pixels.dtype:
        raise ValueError(f"`alpha` must have the type of `pixels`. Received: {photo.alpha.dtype}, {photo.pixels.dtype}")
    title, longest_side = format_title(photo.format), _FORMATS[photo.format].longest_side
    if max(photo.pixels.shape) > longest_side:
        raise PhotoError(
            f"The photo is {photo.width} × {photo.height} pixels, but a {title} can be at most {longest_side} pixels "
            "wide or high. Choose PNG or TIFF instead."
        )
    if photo.format == "PNG":
        return _encode_png(photo)
    if photo.format == "TIFF":
        return _encode_tiff(photo)
    if photo.format == "BMP":
        return _encode_bmp(photo)

    buffer = io.BytesIO()
    if photo.format == "JPEG":
        # A JPEG holds EXIF in one segment of at most 65533 bytes.
        exif = photo.exif if len(photo.exif) <= 65533 else b""
        extra = {"dpi": photo.dpi} if photo.dpi else {}
        _opaque_8bit(photo).save(
            buffer, "JPEG", quality=quality, subsampling=0, exif=exif, icc_profile=photo.icc_profile, **extra
        )
    else:
        # A profile for grey would not fit the colour channels that WebP always has.
        icc_profile = b"" if photo.icc_profile[16:20] == b"GRAY" else photo.icc_profile
        PillowImage.fromarray(_to_colour(to_depth(_samples(photo), np.uint8))).save(
            buffer, "WEBP", lossless=True, exact=True, method=0, quality=0, exif=photo.exif, icc_profile=icc_profile
        )  # the least effort: more takes half as much memory again for files a sixth smaller
    return buffer.getvalue()


def to_float(pixels: Pixels) -> Image:
    """Returns integer `pixels` of 8 or 16 bit as float32 in [0, 1]."""
    return np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)


def to_pixels(image: Image, dtype: DTypeLike) -> Pixels:
    """Returns `image`, clipped to [0, 1], as integers of `dtype` (uint8 or uint16), rounded to the nearest."""
    scaled = np.clip(image, 0, 1) * np.float32(np.iinfo(np.dtype(dtype)).max)
    return cast(Pixels, np.rint(scaled, out=scaled).astype(dtype))


def to_depth(pixels: Pixels, dtype: DTypeLike) -> Pixels:
    """Returns integer `pixels` as integers of `dtype` (uint8 or uint16), rounded to the nearest."""
    if pixels.dtype == dtype:
        return pixels
    if pixels.dtype == np.uint8:
        return cast(Pixels, pixels * np.uint16(257))  # 65535 / 255
    rounded: Pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return rounded.reshape(pixels.shape)


def with_depth(photo: Photo, bits: int) -> Photo:
    """Returns the photo with pixels and opacity of 8 or 16 bit."""
    dtype = {8: np.uint8, 16: np.uint16}[bits]
    alpha = None if photo.alpha is None else to_depth(photo.alpha, dtype)
    return replace(photo, pixels=to_depth(photo.pixels, dtype), alpha=alpha)


def without_metadata(photo: Photo) -> Photo:
    """Returns the photo without its EXIF block: no place, time, camera or name. The colour profile stays."""
    return replace(photo, exif=b"")


def formats_for(photo: Photo) -> list[str]:
    """Returns the names of the formats that can hold a photo of this size, its own first."""
    names = [name for name, kind in _FORMATS.items() if max(photo.width, photo.height) <= kind.longest_side]
    return sorted(names, key=lambda name: name != photo.format)


def is_deep(name: str) -> bool:
    """Returns whether a format can hold 16 bit."""
    return name in ("PNG", "TIFF")


def format_title(name: str) -> str:
    """Returns the name of a format as users know it, such as "WebP" for "WEBP"."""
    return _FORMATS[name].title


def media_type(name: str) -> str:
    """Returns the media type of a format, such as "image/png"."""
    return _FORMATS[name].media_type


def suffix_for(name: str) -> str:
    """Returns the usual file name ending of a format, without the dot."""
    return _FORMATS[name].suffixes[0]


def format_for(suffix: str) -> str:
    """Returns the format that a file name ending means, with or without the dot, in any case.

    Raises:
        PhotoError: If no format has that ending.
    """
    for name, kind in _FORMATS.items():
        if suffix.lower().removeprefix(".") in kind.suffixes:
            return name
    raise PhotoError(f"“{suffix}” is not a known file type. Use one of: {', '.join(SUFFIXES)}.")


def denoised_name(name: str, format_name: str) -> str:
    """Returns what the denoised version of a file is called; a suffix that lies about the format is replaced."""
    path = PurePath(name)
    kept = path.suffix.lower().removeprefix(".") in _FORMATS[format_name].suffixes
    return f"{path.stem}-denoised{path.suffix if kept else '.' + suffix_for(format_name)}"


# Recognising and refusing


def _identify(data: bytes) -> str:
    """Returns the format that the first bytes announce."""
    if not data:
        raise PhotoError("The file is empty (0 bytes). Copy or download it again.")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # reserved bytes: a text may begin with BM
        return "BMP"
    if data.startswith(_TIFF) and data[8:10] != b"CR":
        return "TIFF"

    if data.startswith((*_RAW_MAGIC, *_TIFF)) or data[4:12] == b"ftypcrx ":
        raise PhotoError(_RAW)
    if data[4:8] == b"ftyp":
        if data[8:11] in (b"hei", b"hev", b"mif", b"msf"):
            raise PhotoError(
                "This is a HEIC photo, as iPhones take them, which cannot be read here. Export or share it as JPEG "
                "and try again; the camera setting “Most Compatible” takes JPEG from the start."
            )
        kind = "an AVIF picture" if data[8:11] == b"avi" else "a video"
        raise PhotoError(f"This is {kind}, which cannot be read here. {_EXPORT}")
    for magic, kind in _OTHER_MAGIC.items():
        if data.startswith(magic):
            raise PhotoError(f"This is {kind}, which cannot be read here. {_EXPORT}")
    raise PhotoError(f"This is not a picture that can be read here: PNG, JPEG, WebP, TIFF and BMP can. {_EXPORT}")


@contextmanager
def _reading(data: bytes, name: str) -> Iterator[None]:
    """Turns whatever the libraries raise or warn about a bad file into a `PhotoError`."""
    with _no_warnings():
        try:
            yield
        except (PhotoError, MemoryError):
            raise
        except PillowImage.DecompressionBombError as error:
            raise PhotoError("This photo has more than 178 megapixels. Make it smaller and try again.") from error
        except Exception as error:  # the parsers of foreign bytes raise anything: struct.error, KeyError, SyntaxError…
            raise _unreadable(data, name) from error


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silences warnings; one thread at a time, because they are switched off for the whole process."""
    with _silent, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _unreadable(data: bytes, name: str) -> PhotoError:
    title = format_title(name)
    if _is_cut_short(data, name):
        return PhotoError(
            f"The end of this {title} is missing: it was cut off while it was copied or downloaded. "
            "Copy or download it again."
        )
    return PhotoError(
        f"This {title} cannot be decoded: it is damaged or of an unusual kind. "
        "Open it in a photo editor and export it again, or use another copy."
    )


def _is_cut_short(data: bytes, name: str) -> bool:
    """Returns whether the file ends before its own structure does."""
    if name == "PNG":
        # OpenCV takes memory for as much as a chunk claims to hold, so every claim is checked.
        position, kind = 8, b""
        while position + 12 <= len(data):
            size, kind = struct.unpack_from(">I4s", data, position)
            position += 12 + size
            if kind == b"IEND":
                break
        return position > len(data) or kind != b"IEND"
    if name == "JPEG":
        # Thumbnails precede, and other pictures and videos may follow: the last scan is the one that must end.
        last_scan = max((match.start() for match in _SCAN.finditer(data)), default=0)
        return data.find(b"\xff\xd9", last_scan) == -1
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if name == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)

    try:
        tags = next(_tiff_pages(data))
        offsets = tags.get(Base.StripOffsets) or tags.get(Base.TileOffsets) or ()
        counts = tags.get(Base.StripByteCounts) or tags.get(Base.TileByteCounts) or ()
        ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
        # Where the directory itself is cut off, nothing is listed, or Pillow has not moved on to the next one.
        return max(ends, default=math.inf) > len(data) or tags.next == tags.offset
    except Exception:  # too damaged to tell
        return len(data) < 16


def _check_header(image: ImageFile, data: bytes, name: str, max_megapixels: float) -> None:
    """Refuses what must not be decoded."""
    width, height = image.size
    if not width or not height:
        raise _unreadable(data, name)
    if width * height > max_megapixels * 1e6:
        raise PhotoError(
            f"This photo is {width} × {height} pixels, that is {width * height / 1e6:.4g} megapixels; the limit is "
            f"{max_megapixels:g}. Make it smaller or crop it and try again."
        )
    if name in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise PhotoError(
            f"This {format_title(name)} is an animation; only still pictures can be denoised. "
            "Save the frame that you want as a picture of its own and try again."
        )
    if _is_cut_short(data, name) or (name == "JPEG" and len(_SCAN.findall(data)) > _MAX_SCANS):
        raise _unreadable(data, name)


def _tiff_pages(data: bytes) -> Iterator[ImageFileDirectory_v2]:
    """Yields the directories of the first pages; Pillow's own page count takes quadratic time."""
    stream = io.BytesIO(data)
    tags = ImageFileDirectory_v2(data[:16] if data.startswith(_BIG_TIFF) else data[:8])
    for _ in range(_MAX_PAGES):
        stream.seek(min(tags.next, len(data)))
        tags.load(stream)
        yield tags
        if not tags.next:
            return


def _check_tiff(data: bytes, max_megapixels: float) -> None:
    """Refuses TIFFs that are RAW files, documents of several pages, or of a kind that would be read wrongly."""
    if _is_cut_short(data, "TIFF"):
        raise _unreadable(data, "TIFF")
    for number, tags in enumerate(_tiff_pages(data)):
        subfile = tags.get(Base.NewSubfileType, 0)
        if number == 0:
            photometric, bits = tags.get(Base.PhotometricInterpretation), max(tags.get(Base.BitsPerSample, (1,)))
            channels, planes = tags.get(Base.SamplesPerPixel, 1), tags.get(Base.PlanarConfiguration, 1)
            tile = tags.get(Base.TileWidth, 0) * tags.get(Base.TileLength, 0)
            # RAW files are TIFFs too; their first picture is the sensor's mosaic or a thumbnail.
            if Base.DNGVersion in tags or photometric in (32803, 34892) or subfile & 1:
                raise PhotoError(_RAW)
            is_usual_deep = photometric in (1, 2) and channels != 2 and planes == 1
            if (
                not set(tags.get(Base.SampleFormat, (1,))) <= {1, 4}
                or photometric not in (0, 1, 2, 3, 5, 6)
                or bits not in (1, 2, 4, 8, 16)
                or (bits == 16 and not is_usual_deep)
                or tile > max_megapixels * 1e6
            ):
                raise PhotoError(
                    "This TIFF stores its pixels in a way that cannot be read here, such as 32-bit float, Lab, "
                    "16-bit CMYK or separate colour planes. Export it as RGB with 8 or 16 bits a channel and try again."
                )
        elif not subfile & (1 | 4):  # neither a thumbnail nor a mask
            raise PhotoError(
                "This TIFF holds several pages; only one picture can be denoised at a time. "
                "Save the page that you want as a file of its own and try again."
            )


# Reading pixels


def _is_deep_tiff(image: ImageFile) -> bool:
    return isinstance(image, TiffImageFile) and 16 in image.tag_v2.get(Base.BitsPerSample, ())


def _read_with_opencv(data: bytes, image: ImageFile) -> _Samples:
    decoded: _Samples | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape[1::-1] != image.size or decoded.dtype not in (np.uint8, np.uint16):
        raise ValueError("OpenCV cannot decode the file")

    if decoded.ndim == 2:
        grey = decoded[..., np.newaxis]
        if (transparent := image.info.get("transparency")) is not None:  # a PNG whose one grey is transparent
            top, depth = np.iinfo(grey.dtype).max, data[24]
            alpha = np.where(grey == transparent * (top // (2**depth - 1)), 0, top).astype(grey.dtype)
            return np.concatenate([grey, alpha], axis=2)
        return grey

    samples: _Samples = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    if isinstance(image, PngImageFile) and data[25] == 4:  # grey with alpha, which OpenCV makes RGB with alpha
        return samples[..., ::3]
    if not image.has_transparency_data:
        return samples[..., :3]
    if isinstance(image, TiffImageFile) and image.tag_v2.get(Base.ExtraSamples) == (1,):
        _divide_by_alpha(samples)
    return samples


def _divide_by_alpha(samples: _Samples) -> None:
    """Undoes, in place, the multiplication of 16-bit RGB by alpha; (2**16 - 1)**2 still fits into uint32."""
    alpha = samples[..., 3].astype(np.uint32)
    for channel in range(3):
        numerator = samples[..., channel] * np.uint32(65535) + alpha // 2
        samples[..., channel] = np.minimum(numerator // np.maximum(alpha, 1), 65535)


def _read_with_pillow(image: ImageFile) -> _Samples:
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    image.load()
    samples = np.asarray(image if image.mode == mode else image.convert(mode))
    return samples if samples.ndim == 3 else samples[..., np.newaxis]


def _cmyk_to_srgb(image: ImageFile, icc_profile: bytes) -> tuple[PillowImage.Image, bytes]:
    """Returns the RGB image and its profile; without a usable profile Pillow's plain conversion, and no profile."""
    image.load()
    try:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        rgb = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)),
            srgb,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), b""
    return cast(PillowImage.Image, rgb), srgb.tobytes()


def _upright(samples: _Samples, orientation: int) -> _Samples:
    """Undoes the EXIF orientation (1 to 8): transpose first, then flip."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples


def _is_colourless(samples: _Samples) -> bool:
    return all(np.array_equal(samples[..., 0], samples[..., channel]) for channel in (1, 2))


# Metadata


def _dpi_of(image: ImageFile) -> tuple[float, float] | None:
    if isinstance(image, TiffImageFile) and Base.XResolution not in image.tag_v2:
        return None  # Pillow would say 1
    with suppress(TypeError, ValueError, ZeroDivisionError):
        x, y = (float(value) for value in image.info.get("dpi", ()))
        if all(1 <= value <= 65535 for value in (x, y)):  # what every format can hold; NaN fails too
            return x, y
    return None


def _exif_of(image: ImageFile) -> bytes:
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


def _reset_orientation(exif: bytes) -> tuple[int, bytes]:
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


# Writing


def _samples(photo: Photo) -> _Samples:
    """Returns what the file shall hold."""
    samples: _Samples = np.ascontiguousarray(photo.pixels)
    if photo.grey:
        samples = cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return samples if photo.alpha is None else np.dstack([samples, photo.alpha])


def _to_colour(samples: _Samples) -> _Samples:
    """Returns RGB, or RGB and alpha."""
    channels = samples.shape[2]
    return samples if channels > 2 else samples[..., [0, 0, 0, 1][: channels + 2]]


def _opaque_8bit(photo: Photo) -> PillowImage.Image:
    """Returns a grey or RGB image, over white where the photo is transparent."""
    samples = to_depth(_samples(replace(photo, alpha=None)), np.uint8)
    image = PillowImage.fromarray(samples[..., 0] if photo.grey else samples)
    if photo.alpha is None:
        return image
    canvas = PillowImage.new(image.mode, image.size, "white")
    canvas.paste(image, mask=PillowImage.fromarray(to_depth(photo.alpha, np.uint8)))
    return canvas


def _blocks(samples: _Samples) -> Iterator[_Samples]:
    """Yields the rows in blocks of about a mebibyte, so that nothing is copied as a whole."""
    rows = max(1, _BLOCK // samples[0].nbytes)
    for top in range(0, len(samples), rows):
        yield samples[top : top + rows]


def _compressor() -> "zlib._Compress":
    """Returns what deflates the differences of a photo's neighbouring samples.

    Level 1 takes a sixth of the time of the usual 6, for files 5 % larger. To look for repetitions farther back than a
    byte would take up to twice the time, for larger files of noisy photos and 2 to 5 % smaller ones of clean photos.
    """
    return zlib.compressobj(1, strategy=zlib.Z_RLE)


def _encode_png(photo: Photo) -> bytes:
    """Writes what Pillow cannot: 16-bit colour, with metadata. Source: PNG Specification, third edition, W3C 2025."""
    samples = _samples(photo)
    channels = samples.shape[2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    step = channels * samples.itemsize

    file = io.BytesIO()  # its value is handed over without a copy

    def write(kind: bytes, content: bytes) -> None:
        file.write(struct.pack(">I4s", len(content), kind))
        file.write(content)
        file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))

    file.write(b"\x89PNG\r\n\x1a\n")
    write(b"IHDR", struct.pack(">IIBBBBB", photo.width, photo.height, photo.bit_depth, colour_type, 0, 0, 0))
    if photo.icc_profile:
        write(b"iCCP", b"ICC profile\x00\x00" + zlib.compress(photo.icc_profile))
    if photo.dpi:
        write(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in photo.dpi), 1))
    if photo.exif:
        write(b"eXIf", photo.exif.removeprefix(b"Exif\x00\x00"))
    compressor = _compressor()
    for block in _blocks(samples):
        raw = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(len(block), -1)
        filtered = np.empty((len(block), 1 + raw.shape[1]), np.uint8)
        filtered[:, 0] = 1  # filter type Sub: each byte less the one a pixel to the left
        filtered[:, 1 : 1 + step] = raw[:, :step]
        np.subtract(raw[:, step:], raw[:, :-step], out=filtered[:, 1 + step :])
        if compressed := compressor.compress(filtered.tobytes()):
            write(b"IDAT", compressed)
    write(b"IDAT", compressor.flush())
    write(b"IEND", b"")
    return file.getvalue()


def _encode_tiff(photo: Photo) -> bytes:
    """Writes deflated strips with horizontal differences. Source: TIFF 6.0 and Adobe's Technical Notes of 2002."""
    samples = _samples(photo)
    if photo.bit_depth == 16 and samples.shape[2] == 2:
        samples = _to_colour(samples)  # hardly a program reads 16-bit grey with transparency
    channels = samples.shape[2]
    little_endian, zero = samples.dtype.newbyteorder("<"), samples.dtype.type(0)
    differences = (np.diff(block, axis=1, prepend=zero) for block in _blocks(samples))
    strips = []
    for block in differences:
        compressor = _compressor()
        strips.append(compressor.compress(block.astype(little_endian).tobytes()) + compressor.flush())

    tags = _tiff_description(photo.exif)
    tags[Base.ImageWidth] = photo.width
    tags[Base.ImageLength] = photo.height
    tags[Base.BitsPerSample] = (photo.bit_depth,) * channels
    tags[Base.Compression] = 8  # deflate
    tags[Base.PhotometricInterpretation] = 1 if channels < 3 else 2  # grey or RGB
    tags[Base.SamplesPerPixel] = channels
    tags[Base.PlanarConfiguration] = 1
    tags[Base.Predictor] = 2  # horizontal differences
    tags[Base.RowsPerStrip] = len(next(_blocks(samples)))
    tags[Base.StripByteCounts] = tuple(len(strip) for strip in strips)
    tags[Base.StripOffsets] = tuple(accumulate(map(len, strips[:-1]), initial=0))  # Pillow adds where the pixels begin
    if photo.alpha is not None:
        tags[Base.ExtraSamples] = (_UNASSOCIATED_ALPHA,)
    if photo.icc_profile and not (channels > 2 and photo.icc_profile[16:20] == b"GRAY"):
        tags[Base.InterColorProfile] = photo.icc_profile
    if photo.dpi:
        tags[Base.XResolution], tags[Base.YResolution] = photo.dpi
        tags[Base.ResolutionUnit] = 2  # inch
    buffer = io.BytesIO()
    tags.save(buffer)
    buffer.writelines(strips)
    return buffer.getvalue()


def _tiff_description(exif: bytes) -> ImageFileDirectory_v2:
    """Returns a new directory with the part of the EXIF block that describes the photo."""
    tags = ImageFileDirectory_v2(prefix=b"II")
    with _no_warnings():
        try:
            block = PillowImage.Exif()
            block.load(exif)
            tags.update(_describe(block))
            tags.tobytes()
        except Exception:  # a broken description is no reason to lose the picture
            return ImageFileDirectory_v2(prefix=b"II")
    return tags


def _encode_bmp(photo: Photo) -> bytes:
    """Writes through OpenCV, because Pillow's BMP has no transparency, and adds the resolution."""
    if photo.grey and photo.alpha is None:
        samples = to_depth(_samples(photo), np.uint8)
    else:
        samples = _to_colour(to_depth(_samples(photo), np.uint8))
        samples = cv2.cvtColor(samples, cv2.COLOR_RGB2BGR if photo.alpha is None else cv2.COLOR_RGBA2BGRA)
    data = bytearray(cv2.imencode(".bmp", samples)[1])
    # Horizontal and vertical pixels per metre in the bitmap information header.
    struct.pack_into("<ii", data, 38, *(round(value / 0.0254) for value in photo.dpi or (0, 0)))
    return bytes(data)

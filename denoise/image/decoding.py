"""Picture files to pixels: a bad file gets a sentence.

Two libraries share the reading. Pillow reads every header and all metadata, and the pixels of JPEG, BMP and 8-bit TIFF
(palettes, CMYK). OpenCV reads the pixels of PNG, WebP, AVIF, 16-bit TIFF and JPEG 2000, and run-length BMP: Pillow has
no 16-bit colour, lets a PNG through whose data end early, takes three times the memory for a WebP, and forty times the
time for such a BMP. LibRaw develops RAW files, and libheif reads HEIC.
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from denoise.image import heif, jp2, jxl, metadata, netpbm, png, raw, tiff_samples
from denoise.image.directories import check_exif
from denoise.image.formats import opener
from denoise.image.metadata import MAX_METADATA, photo_of
from denoise.image.photo import Photo, PhotoError, Samples, stretched
from denoise.image.raw import Development
from denoise.image.refusals import check_size, damaged, missing
from denoise.image.structure import check, identify

# Pillow warns where it overlooks a fault of a file. This is set once and for good, for Pillow alone: to silence it
# while a file is read (`warnings.catch_warnings`) acts on the whole process, so that a lock would have to let one
# picture after the other in.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=PillowImage.DecompressionBombWarning, module=r"PIL\.")


cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it would write of each tag that is strange to it


_STRIP = 64  # rows
_PLAIN = Development()
_UNSPECIFIED = 2  # of primaries and transfer functions, by ITU-T H.273


def decode(data: bytes, *, max_megapixels: float = 50.0, development: Development = _PLAIN) -> Photo:
    """Reads a picture file; its content decides what it is, not its name.

    EXIF orientation is applied. Palettes become RGB, and 1-bit pictures 8-bit grey. CMYK becomes sRGB through the
    file's colour profile where it has one. Of a multi-picture JPEG (MPO) the main picture is read. A TIFF may hold
    thumbnails and masks beside its one picture. RAW files are developed.

    Args:
        data: The whole file.
        max_megapixels: Larger pictures are refused before their pixels are decoded. For TIFF and WebP, values above
            Pillow's own limit of 178 have no effect.
        development: Of a RAW file; of no meaning for others.

    Raises:
        PhotoError: If this is not a complete picture in one of the formats and within the limit.
    """
    name = _checked(data, max_megapixels)
    if name == "RAW":
        return raw.develop(data, development, max_megapixels)
    if name == "JXL":
        return _decode_jxl(data)
    with _opened(data, name, max_megapixels) as image:
        found, lost = metadata.read(image, data)
        check_exif(found.exif, name)
        # HEIC's library turns it by itself; AVIF has a property for that, as which Pillow tells it by the EXIF.
        orientation = 1 if name == "HEIC" else metadata.orientation_of(found, by_xmp=name != "AVIF")
        is_unusual = name == "TIFF" and tiff_samples.is_unusual(data)
        tag = image.tag_v2.get(Base.Orientation) if isinstance(image, TiffImageFile) else None
        icc_profile = jp2.icc_profile(data) if name == "JPEG2000" else image.info.get("icc_profile") or b""
        dpi = metadata.dpi_of(image)

        if image.mode == "CMYK":
            rgb, icc_profile = _cmyk_to_srgb(image, icc_profile)
            samples = np.asarray(rgb)
            lost.append("CMYK colours")
        elif is_unusual:
            samples, cut = tiff_samples.read(data)
            lost += cut
        else:
            samples = _samples(name, data, image)
        if tag is None or is_unusual:  # else both libraries turn a TIFF themselves
            samples = _upright(samples, tag or orientation)

        may_be_grey = image.mode in ("P", "PA") and icc_profile[16:20] != b"RGB "
        grey = may_be_grey and bool((samples[..., :3] == samples[..., :1]).all())
        photo = photo_of(samples, found, lost, orientation=tag or orientation, grey=grey)
        return replace(
            photo,
            format=name,
            lossless=not _is_lossy(name, data),
            icc_profile=icc_profile if len(icc_profile) <= MAX_METADATA else b"",
            colour_chunks=_colour_chunks(name, data, icc_profile),
            dpi=dpi,
            significant_bits=max(8, _bits(name, data, image)),
        )


def unpacked_size(data: bytes, *, max_megapixels: float = 50.0) -> int:
    """Returns how many bytes of samples `decode` will make of a file, which takes a small part of the time of that.

    Raises:
        PhotoError: If `decode` would refuse it before it looks at the pixels.
    """
    name = _checked(data, max_megapixels)
    if name == "RAW":
        width, height = raw.size(data, max_megapixels)
        return width * height * 3 * 2
    if name == "JXL":
        width, height, channels, size = jxl.layout_of(data)
        return width * height * (channels if channels > 2 else 2 + channels) * size
    with _opened(data, name, max_megapixels) as image:
        is_deep = _bits(name, data, image) > 8
        return image.width * image.height * (3 + image.has_transparency_data) * (1 + is_deep)


def _decode_jxl(data: bytes) -> Photo:
    with _reading("JXL"):
        samples, bits, icc_profile, lost = jxl.samples_of(data)
    found, left = metadata.vetted(jxl.read(data))
    profile = icc_profile if len(icc_profile) <= MAX_METADATA else b""
    photo = photo_of(samples, found, [*lost, *left])
    return replace(photo, format="JXL", lossless=False, icc_profile=profile, significant_bits=bits)


def _checked(data: bytes, max_megapixels: float) -> str:
    """Returns a file's format, once its structure was checked."""
    name = identify(data)
    check(data, name, max_megapixels)
    return name


@contextmanager
def _opened(data: bytes, name: str, max_megapixels: float) -> Iterator[ImageFile]:
    """Gives a file's header, as the library has understood it."""
    with _reading(name):
        try:
            kind = opener(name)
        except ImportError as error:
            raise missing(name) from error
        image = kind(io.BytesIO(_header(name, data)))
        check_size(name, *image.size, max_megapixels)
        yield image


def _header(name: str, data: bytes) -> bytes:
    """Returns what Pillow is to see of a file: all of it, or what it does not refuse."""
    if name == "PNG":
        return png.header(data)
    return tiff_samples.header(data) if name == "TIFF" and tiff_samples.is_unusual(data) else data


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turns whatever the libraries raise about a bad file into a `PhotoError`."""
    try:
        yield
    except (PhotoError, MemoryError):
        raise
    except PillowImage.DecompressionBombError as error:
        raise PhotoError("This photo has more than 178 megapixels. Make it smaller and try again.") from error
    except Exception as error:  # the parsers of foreign bytes raise anything: struct.error, KeyError, SyntaxError…
        raise damaged(name) from error


def _is_lossy(name: str, data: bytes) -> bool:
    """Returns whether the file holds its pixels but nearly; of HEIC and AVIF it is assumed."""
    if name == "WEBP":  # which has them in a chunk of either kind. Source: RFC 9649
        position, kind = 12, b""
        while position + 8 <= len(data) and kind not in (b"VP8 ", b"VP8L"):
            kind, size = struct.unpack_from("<4sI", data, position)
            position += 8 + size + size % 2
        return kind == b"VP8 "
    return name in ("JPEG", "HEIC", "AVIF") or (name == "JPEG2000" and jp2.is_lossy(data))


def _bits(name: str, data: bytes, image: ImageFile) -> int:
    """Returns how many bits a sample has; whatever is below is 8."""
    if name == "PNG":
        return data[24]
    if isinstance(image, TiffImageFile):
        return 16 if tiff_samples.is_unusual(data) else int(max(image.tag_v2.get(Base.BitsPerSample, (1,))))
    if name in ("HEIC", "AVIF"):
        return heif.depth_of(data)
    if name == "JPEG2000":
        return jp2.depth_of(data)
    return netpbm.depth_of(data) if name == "PPM" else 8


def _colour_chunks(name: str, data: bytes, icc_profile: bytes) -> tuple[tuple[bytes, bytes], ...]:
    if name == "PNG":
        return png.colour(data)
    if name in ("HEIC", "AVIF") and not icc_profile and (codes := heif.colour_of(data)):
        told = ((b"cICP", codes),)
        return () if png.is_srgb(told) or _UNSPECIFIED in codes[:2] else told
    return ()


def _samples(name: str, data: bytes, image: ImageFile) -> Samples:
    if name == "PPM":
        return netpbm.read(data)
    if name == "HEIC":
        return _read_heic(data, image)
    bits = _bits(name, data, image)
    is_run_length = name == "BMP" and image.info["compression"] in (1, 2)  # Pillow would decode it byte by byte
    if name in ("PNG", "WEBP", "AVIF") or bits > 8 or is_run_length:
        return _read_with_opencv(data, image, bits)
    return _read_with_pillow(image)


def _read_heic(data: bytes, image: ImageFile) -> Samples:
    import pillow_heif

    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    samples = np.atleast_3d(np.asarray(file))
    if samples.shape[1::-1] != file.size or file.size != image.size:
        raise ValueError("the picture is of another size than its file says")
    if samples.dtype == np.uint16:  # the bits of the file come first, and nothing behind them
        samples = samples | samples >> file.info["bit_depth"]
    if file.premultiplied_alpha:
        tiff_samples.divide_by_alpha(samples)
    return samples


def _read_with_opencv(data: bytes, image: ImageFile, bits: int) -> Samples:
    decoded: Samples | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape[1::-1] != image.size or decoded.dtype not in (np.uint8, np.uint16):
        raise ValueError("OpenCV cannot decode the file")
    if image.format in ("AVIF", "JPEG2000") and bits not in (8, 16):
        decoded = stretched(decoded, 2**bits - 1)

    if decoded.ndim == 2:
        grey = decoded[..., np.newaxis]
        if (transparent := image.info.get("transparency")) is not None:  # a PNG whose one grey is transparent
            top, depth = np.iinfo(grey.dtype).max, data[24]
            alpha = np.where(grey == transparent * (top // (2**depth - 1)), 0, top).astype(grey.dtype)
            return np.concatenate([grey, alpha], axis=2)
        return grey

    samples: Samples = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    if isinstance(image, PngImageFile) and data[25] == 4:  # grey with alpha, which OpenCV makes RGB with alpha
        return samples[..., ::3]
    if not image.has_transparency_data:
        return samples[..., :3]
    if isinstance(image, TiffImageFile) and image.tag_v2.get(Base.ExtraSamples) == (1,):
        tiff_samples.divide_by_alpha(samples)
    return samples


def _read_with_pillow(image: ImageFile) -> Samples:
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    image.load()
    converted = image if image.mode == mode else image.convert(mode)
    width, height = image.size
    samples = np.empty((height, width, len(mode)), np.uint8)
    for top in range(0, height, _STRIP):  # as a whole, it would be in memory three times
        strip = np.asarray(converted.crop((0, top, width, min(top + _STRIP, height))))
        samples[top : top + _STRIP] = strip.reshape(-1, width, samples.shape[2])
    return samples


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


def _upright(samples: Samples, orientation: int) -> Samples:
    """Undoes the EXIF orientation (1 to 8): transpose first, then flip."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples

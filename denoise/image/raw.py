"""Cameras' RAW files: the sensor's mosaic, developed by LibRaw to an upright 16-bit photo in sRGB.

Developed plainly, with nothing that a network cannot tell from the photo: no sharpening, no smoothing, and one tone
curve for all photos; but hot photosites go. LibRaw's own automatic brightness would choose one for each, by its
brightest hundredth, and it would take the lightest value of each for white: what was taken at night would become day,
and of a series no two would match.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from denoise.image import exif, metadata, tiff, xmp
from denoise.image.boxes import boxes, find
from denoise.image.colour import linear_to_srgb
from denoise.image.photo import Metadata, Photo, PhotoError, Samples
from denoise.image.refusals import check_size, cut_short, damaged, missing
from denoise.image.structure import check

WhiteBalance = Literal["camera", "auto", "daylight"]
Highlights = Literal["clip", "blend", "rebuild"]

MOST_STOPS = 3.0
"""By how much a RAW file can be developed lighter or darker."""

_NAME, _RESULT = "RAW", "TIFF"
_LIFT = 2.5  # of the shadows: cameras expose for the highlights, and their own JPEGs are lighter by as much
_TOP = 65535
_BLOCK = 64  # rows
_FULL = 0.75  # of white: a sensor may be full from there on
_CUT, _FEWEST_CUT = 1e-4, 16  # share of the photosites that have one and the same greatest value where it is, and count
_HOT_IN, _HOT_FAINTEST = 0.1, 0.004  # of white: surroundings at most of a hot photosite, and its excess at least
_HOT_FAR, _HOT_SHARED = 8.0, 0.25  # standard deviations of the noise, at least; what all neighbours but one have of it
_LARGEST_JPEG = 200.0  # megapixels of a preview, of which nothing but the EXIF is read
_MARGIN = 1.3  # pixels of a sensor for each one of its photo: it has dark edges
_FLIPS = {3: 3, 5: 8, 6: 6}  # how LibRaw has turned it, and what that is in EXIF
_LIKE_TIFF = {b"II": b"II*\0", b"MM": b"MM\0*"}  # some makers have letters of their own behind the byte order
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


@dataclass(frozen=True)
class Development:
    """How a RAW file is developed; of no meaning for other files.

    Attributes:
        white_balance: What is white: as the camera thought, as the photo looks on average, or what is so by daylight.
        exposure: Lighter by so many stops, or darker, up to `MOST_STOPS`; what is white stays so.
        highlights: Where one colour of the sensor is at its limit: all are cut there, so that white has no tint; or
            what the others tell is blended in; or is rebuilt from the surroundings.

    Raises:
        ValueError: A value is none of these.
    """

    white_balance: WhiteBalance = "camera"
    exposure: float = 0.0
    highlights: Highlights = "clip"

    def __post_init__(self) -> None:
        for name, choices in (("white_balance", _WHITE), ("highlights", _HIGHLIGHTS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {', '.join(choices)}. Received: {getattr(self, name)!r}")
        if not abs(self.exposure) <= MOST_STOPS:
            raise ValueError(
                f"`exposure` must be between -{MOST_STOPS:g} and {MOST_STOPS:g}. Received: {self.exposure}"
            )


_WHITE: dict[str, dict[str, bool]] = {
    "camera": {"use_camera_wb": True},
    "auto": {"use_auto_wb": True},
    "daylight": {},
}
_HIGHLIGHTS = {"clip": 0, "blend": 2, "rebuild": 5}  # LibRaw's numbers


def develop(data: bytes, development: Development, max_megapixels: float) -> Photo:
    """Makes a photo of a RAW file; one that is to be written as a 16-bit TIFF.

    Raises:
        PhotoError: It is cut off, damaged, too large, of an unknown camera, or the library for RAW files is missing.
    """
    with _opened(data, max_megapixels) as raw:
        full, share = _full(raw)
        _cool(raw)
        linear = raw.postprocess(
            **_WHITE[development.white_balance],
            highlight_mode=_HIGHLIGHTS[development.highlights],
            no_auto_bright=True,
            adjust_maximum_thr=0,
            user_sat=full,
            gamma=(1, 1),
            output_bps=16,
        )
        white = _white(raw.auto_whitebalance) * share
        flip = raw.sizes.flip
    samples: Samples = np.atleast_3d(linear)
    del linear
    curve = _curve(_LIFT * 2**development.exposure, white)
    for top in range(0, len(samples), _BLOCK):
        samples[top : top + _BLOCK] = curve[samples[top : top + _BLOCK]]

    said = Metadata()
    lost: list[str] = []
    with suppress(Exception):  # a broken description is no reason to refuse the photo
        said, lost = read(data)
    photo = metadata.photo_of(samples, said, lost, orientation=_FLIPS.get(flip, 1))
    profile = b"" if photo.grey else ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return replace(photo, format=_RESULT, icc_profile=profile)


def size(data: bytes, max_megapixels: float) -> tuple[int, int]:
    """Returns width and height of the photo, about.

    Raises:
        PhotoError: See `develop`; what is wrong with the sensor's values is not found.
    """
    with _opened(data, max_megapixels) as raw:
        return raw.sizes.width, raw.sizes.height


def preview(data: bytes, max_megapixels: float) -> bytes:
    """Returns the JPEG that the camera made of the photo and put into its file; empty if there is none.

    Raises:
        PhotoError: See `size`.
    """
    with _opened(data, max_megapixels) as raw, suppress(Exception):  # LibRaw has several for what is not there
        found = bytes(raw.extract_thumb().data)
        return found if found.startswith(b"\xff\xd8") else b""  # a few cameras' are no JPEG
    return b""


@contextmanager
def _opened(data: bytes, max_megapixels: float) -> Iterator[Any]:
    """Gives the file as LibRaw sees it, before it has looked at the sensor's values."""
    try:
        import rawpy
    except ImportError as error:
        raise missing(_NAME) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            check_size(_NAME, sizes.width, sizes.height, max_megapixels)
            check_size(_NAME, sizes.raw_width, sizes.raw_height, _MARGIN * max_megapixels)
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise PhotoError(
            "This RAW file is of a camera, or of a kind, that is not known here. Convert it to DNG with Adobe's free "
            "DNG Converter, or export it as a 16-bit TIFF from your RAW software, and try again."
        ) from error
    except rawpy.LibRawIOError as error:
        raise cut_short(_NAME) from error
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error
    except (rawpy.LibRawError, rawpy.NotSupportedError, OSError) as error:
        raise damaged(_NAME) from error


def _full(raw: Any) -> tuple[int | None, float]:
    """Returns the value at which the sensor was full, if that is less than LibRaw knows of its camera, as a share too.

    There green would be darker than red and blue, which the white balance makes lighter. It shows: many photosites have
    that very value.
    """
    values, white = raw.raw_image_visible, raw.white_level
    top = 0 if values is None else int(values.max())
    if not _FULL * white < top < white or np.count_nonzero(values == top) < max(_FEWEST_CUT, _CUT * values.size):
        return None, 1.0
    black = float(np.mean(raw.black_level_per_channel))
    return top, (top - black) / (white - black)


def _cool(raw: Any) -> None:
    """Takes hot photosites out of a Bayer mosaic, before a demosaic spreads them: those in the dark that shine alone.

    The light of a star falls on its neighbours, too, whatever their colour.
    """
    values = raw.raw_image_visible
    if values is None or values.ndim != 2 or np.shape(raw.raw_pattern) != (2, 2):
        return
    black = float(np.mean(raw.black_level_per_channel))
    span = raw.white_level - black
    excess, is_hot = np.zeros_like(values), np.zeros(values.shape, bool)
    for plane in product((slice(0, None, 2), slice(1, None, 2)), repeat=2):  # of one colour each
        own = np.ascontiguousarray(values[plane])
        around = cv2.medianBlur(own, 5)
        excess[plane] = cv2.subtract(own, around)
        is_dark = around < black + _HOT_IN * span
        noise = 1.4826 * np.median(cv2.absdiff(own, around)[is_dark]) if is_dark.any() else 0.0
        is_hot[plane] = is_dark & (excess[plane] > max(_HOT_FAR * noise, _HOT_FAINTEST * span))
    rows, columns = np.nonzero(is_hot)
    padded = np.pad(excess, 1, mode="edge")
    others = [padded[rows + y, columns + x] for y, x in product(range(3), repeat=2) if (y, x) != (1, 1)]
    alone = np.sort(others, axis=0)[-2] < _HOT_SHARED * excess[rows, columns]
    values[rows[alone], columns[alone]] -= excess[rows[alone], columns[alone]]


def _white(multipliers: list[float] | None) -> float:
    """Returns how many times as light as white the lightest is.

    Unless it cuts the highlights, LibRaw makes the photo darker, so that even what one colour alone tells has room.
    """
    used = [each for each in multipliers or [] if each > 0]
    return max(1.0, 1 / min(used)) if used else 1.0


def _curve(lift: float, white: float) -> NDArray[np.uint16]:
    """Returns what becomes of each linear value: a curve that lifts the shadows and bends so that white is not cut.

    Its slope is `lift` at black, and it ends at white (Reinhard et al. 2002, section 3, with another slope); then comes
    the transfer function of sRGB (IEC 61966-2-1).

    Args:
        lift: Slope at black.
        white: What the greatest value is, where 1 is white.
    """
    light = np.linspace(0, white, _TOP + 1)
    light = lift * light / (1 + (lift - 1 / white) * light)
    curve: NDArray[np.uint16] = np.rint(_TOP * linear_to_srgb(light).ravel().clip(0, 1)).astype(np.uint16)
    return curve


def read(data: bytes) -> tuple[Metadata, list[str]]:
    """Returns what the file says of its photo, where it is built like a TIFF or brings a JPEG, and what is lost."""
    photo, *others = _directories(data)
    if photo[:2] not in _LIKE_TIFF:
        return Metadata(), []
    found, has_notes = tiff.read_block(_LIKE_TIFF[photo[:2]] + photo[4:], *others)
    packet = xmp.without_development(found.xmp)
    return replace(found, xmp=packet), ["the maker's own notes in the EXIF"] if has_notes else []


def _directories(data: bytes) -> list[bytes]:
    """Returns what says something of the photo, as TIFFs: all in one; or apart the photo's, the camera's, the place's.

    Source: https://github.com/lclevy/canon_cr3, https://libopenraw.freedesktop.org/formats/raf
    """
    if data.startswith(b"FUJIFILM"):
        start, size = struct.unpack_from(">II", data, 84)  # of a JPEG
        jpeg = data[start : start + size]
        check(jpeg, "JPEG", _LARGEST_JPEG)
        return [JpegImageFile(io.BytesIO(jpeg)).info.get("exif", b"").removeprefix(exif.PREFIX)]
    if data[4:8] != b"ftyp":
        return [data]
    movie = find(data, b"moov")
    inside = boxes(data, movie.start, movie.end) if movie else ()
    place = next(box for box in inside if box.kind == b"uuid" and data[box.start : box.start + 16] == _CANON)
    found = {box.kind: data[box.start : box.end] for box in boxes(data, place.start + 16, place.end)}
    return [found.get(kind, b"") for kind in (b"CMT1", b"CMT2", b"CMT4")]

"""A picture in memory, and its versions in other depths and sizes.

Pixels stay integers in the depth of the file; floats exist only where a denoiser needs them (`to_float`, `to_pixels`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from denoise import Image

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""A stored photo: array of shape (H, W, 3), RGB, in the depth of the file."""

Samples: TypeAlias = NDArray[Any]
"""What a file holds: array of shape (H, W, C); C = 1 is grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""


class PhotoError(ValueError):
    """Something is wrong with a picture that a user gave; the message is shown to the user as it is."""


class TooLargeError(PhotoError):
    """A photo has more megapixels than are allowed."""


@dataclass(frozen=True)
class Metadata:
    r"""What a file says about its photo, in a form that agrees with the upright pixels.

    Attributes:
        exif: EXIF block beginning with `Exif\0\0`; empty if there is none, as all that follows.
        xmp: XMP packet, in UTF-8 unless it cannot be parsed.
        iptc: IPTC records.
        comments: Keyword and text of each note in words: the texts of a PNG, the comments of a JPEG. A comment's bytes
            that are not UTF-8 are held as surrogates, and come back as they were.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    comments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded picture with all that must come back when it is encoded.

    Attributes:
        pixels: (H, W, 3), RGB, upright; three equal channels if `grey`.
        alpha: Opacity, (H, W), same dtype as `pixels`, not multiplied into them; `None` if the file is opaque.
        grey: The file had no colour.
        format: In which it is to be written, such as "PNG": that of its file, or "TIFF" for a camera's RAW file.
        lossless: The file kept its pixels exactly; a JPEG, HEIC or AVIF, and most WebPs, do not.
        metadata: What the file says about the photo.
        icc_profile: Colour profile of the pixels; empty if there is none.
        colour_chunks: What a PNG says of its colours beside that: kind and content of its chunks `gAMA`, `cICP`, …;
            what HEIC and AVIF say is held as the latter.
        dpi: Horizontal and vertical resolution in pixels per inch.
        significant_bits: How many bits of each sample the file had; the pixels may have more, as for a HEIC of 10.
        lost: What of the file could not be kept when it was read, in words such as "HDR gain map".
    """

    pixels: Pixels
    alpha: Pixels | None = None
    grey: bool = False
    format: str = "PNG"
    lossless: bool = True
    metadata: Metadata = Metadata()
    icc_profile: bytes = b""
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
    dpi: tuple[float, float] | None = None
    significant_bits: int = 16
    lost: tuple[str, ...] = ()

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
        """Bits per channel of the pixels: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize


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


def stretched(samples: Samples, most: int, top: int = 65535) -> Samples:
    """Returns integer samples from 0 to `most` as such from 0 to `top`, of 16 bit, rounded to the nearest."""
    levels = np.minimum(np.arange(np.iinfo(samples.dtype).max + 1), most)
    scaled: Samples = np.rint(levels * (top / most)).astype(np.uint16)[samples]
    return scaled


def with_depth(photo: Photo, bits: int) -> Photo:
    """Returns the photo with pixels and opacity of 8 or 16 bit."""
    dtype = {8: np.uint8, 16: np.uint16}[bits]
    alpha = None if photo.alpha is None else to_depth(photo.alpha, dtype)
    return replace(photo, pixels=to_depth(photo.pixels, dtype), alpha=alpha)


def without_metadata(photo: Photo) -> Photo:
    """Returns the photo without a word about it: no place, time, camera, name or caption. Its colours keep theirs."""
    return replace(photo, metadata=Metadata())


def bands(height: int, rows: int, margin: int = 0) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a photo into bands, to be worked off one by one: what that takes of memory is as much as a band's.

    Args:
        height: Of the photo.
        rows: Of each band.
        margin: Rows above and below a band that are looked at as well, as far as they are there.

    Yields:
        The rows of a band, the same with its margin, and where the former lie in the latter.
    """
    for top in range(0, height, rows):
        bottom, first = min(top + rows, height), max(top - margin, 0)
        yield slice(top, bottom), slice(first, min(bottom + margin, height)), slice(top - first, bottom - first)


def crop(photo: Photo, size: int, across: float = 0.5, down: float = 0.5) -> tuple[Photo, tuple[int, int]]:
    """Cut a square out of a photo, or what of it fits into the photo.

    Args:
        photo: The photo.
        size: Height and width of the square, in pixels.
        across: Where it lies, from 0 at the left edge to 1 at the right.
        down: The same from the top to the bottom.

    Returns:
        The square, a copy without transparency and EXIF data, and the place of its first pixel: left, top.
    """
    left, top = (round(share * max(side - size, 0)) for share, side in ((across, photo.width), (down, photo.height)))
    pixels = photo.pixels[top : top + size, left : left + size].copy()
    return replace(without_metadata(photo), pixels=pixels, alpha=None), (left, top)


def shrink(photo: Photo, longest_side: int) -> Photo:
    """Make a photo small in 8 bit, at most so many pixels wide and high; one that is so already keeps its size."""
    scale = min(1.0, longest_side / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    small = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    return replace(photo, pixels=to_depth(small, np.uint8), alpha=None)


def outline(photo: Photo) -> Photo:
    """Returns a photo of this size and kind that takes no memory: its samples are all 0, and nothing is said of it."""
    alpha = None if photo.alpha is None else _no_samples(photo.alpha)
    pixels, bits = _no_samples(photo.pixels), photo.significant_bits
    return Photo(pixels, alpha, photo.grey, photo.format, photo.lossless, significant_bits=bits)


def _no_samples(samples: Pixels) -> Pixels:
    return cast(Pixels, np.broadcast_to(samples.dtype.type(0), samples.shape))

"""What a file says about its photo: EXIF, XMP, IPTC, comments, resolution."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace

import numpy as np
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from denoise.image import exif, heif, jp2, jpeg, png, tiff, xmp
from denoise.image.photo import Metadata, Photo, Samples

MAX_METADATA = 4 << 20  # bytes; larger EXIF or colour profiles are not genuine, and not every format can hold them

TITLES = {
    "exif": "EXIF (camera, time, place)",
    "xmp": "XMP (ratings, keywords)",
    "iptc": "IPTC (captions)",
    "comments": "comments",
}
"""What a photographer calls the fields of `Metadata`."""


def dpi_of(image: ImageFile) -> tuple[float, float] | None:
    """Returns the horizontal and vertical resolution in pixels per inch, if the file tells one that makes sense."""
    if isinstance(image, TiffImageFile) and Base.XResolution not in image.tag_v2:
        return None  # Pillow would say 1
    is_in_header = image.info.get("jfif_unit") in (1, 2)
    if isinstance(image, JpegImageFile) and not (is_in_header or exif.tells_resolution(image.info.get("exif", b""))):
        return None  # Pillow would say 72
    with suppress(TypeError, ValueError, ZeroDivisionError):
        x, y = (float(value) for value in image.info.get("dpi", ()))
        if all(1 <= value <= 65535 for value in (x, y)):  # what every format can hold; NaN fails too
            return x, y
    return None


def read(image: ImageFile, data: bytes) -> tuple[Metadata, list[str]]:
    """Returns what a file says about its photo, as it says it, and what of it is damaged or too large.

    Args:
        image: The file, opened by Pillow.
        data: The same file, whole.
    """
    damaged: set[str] = set()
    if isinstance(image, TiffImageFile):
        found = tiff.read(image)
    elif isinstance(image, PngImageFile):
        found, damaged = png.read(data, 3 * MAX_METADATA)  # some hold hexadecimal digits
    elif isinstance(image, JpegImageFile):
        found, damaged = jpeg.read(image, MAX_METADATA)
    elif image.format == "JPEG2000":
        found = jp2.read(data)
    else:
        found = Metadata(image.info.get("exif") or b"", image.info.get("xmp") or b"")
    found, lost = vetted(found, damaged)
    return found, lost + _left_behind(image, data)


def vetted(found: Metadata, damaged: AbstractSet[str] = frozenset()) -> tuple[Metadata, list[str]]:
    """Returns what of metadata can be kept, and what cannot: it is damaged, as that of the names, or too large."""
    if found.exif and not exif.is_exif(found.exif):
        found, damaged = replace(found, exif=b""), damaged | {"exif"}
    too_large = {name for name in TITLES if _size(getattr(found, name)) > MAX_METADATA}
    found = replace(found, **{name: getattr(Metadata, name) for name in too_large})
    lost = [f"damaged {title}" for name, title in TITLES.items() if name in damaged]
    lost += [f"oversized {title}" for name, title in TITLES.items() if name in too_large]
    return found, lost


def _left_behind(image: ImageFile, data: bytes) -> list[str]:
    if isinstance(image, JpegImageFile):
        return jpeg.left_behind(image)
    if image.format in ("HEIF", "AVIF"):
        further = ["further pictures in the file"] if getattr(image, "n_frames", 1) > 1 else []
        return heif.left_behind(data) + further
    return png.left_behind(data) if isinstance(image, PngImageFile) else []


def _size(value: bytes | tuple[tuple[str, str], ...]) -> int:
    return len(value) if isinstance(value, bytes) else sum(len(word) for pair in value for word in pair)


def orientation_of(metadata: Metadata, *, by_xmp: bool) -> int:
    """Returns how the photo has to be turned, as in EXIF (1 to 8); XMP may be asked where EXIF does not tell."""
    orientation = exif.orientation_of(metadata.exif) if metadata.exif else 0
    if not orientation and by_xmp and metadata.xmp and (tree := xmp.parse(metadata.xmp)):
        orientation = xmp.orientation_of(tree)
    return orientation or 1


def photo_of(
    samples: Samples, said: Metadata, lost: Iterable[str], *, orientation: int = 1, grey: bool = False
) -> Photo:
    """Returns the photo of upright samples, and of what its file says, made to agree with them.

    Nothing of it points to a thumbnail, or to what followed the photo in its file.

    Args:
        samples: (H, W, C), of 8 or 16 bit.
        said: What the file says.
        lost: What of the file cannot be kept.
        orientation: How the samples were turned, as in EXIF.
        grey: They have no colour, though they have channels for it.
    """
    height, width, channels = samples.shape
    facts = {
        **dict.fromkeys(("exif:Orientation", "tiff:Orientation"), "1"),  # as older ImageMagicks write them
        **dict.fromkeys(("exif:ExifImageWidth", "exif:PixelXDimension"), str(width)),
        **dict.fromkeys(("exif:ExifImageLength", "exif:PixelYDimension"), str(height)),
    }
    packet, outdated = _upright_xmp(said.xmp, orientation, width, height) if said.xmp else (b"", [])
    upright = Metadata(
        exif=exif.made_upright(said.exif, width, height) if said.exif else b"",
        xmp=packet,
        iptc=said.iptc,
        comments=tuple((keyword, facts.get(keyword, text)) for keyword, text in said.comments),
    )
    grey = grey or channels < 3
    return Photo(
        pixels=np.repeat(samples[..., :1], 3, axis=2) if grey else np.ascontiguousarray(samples[..., :3]),
        alpha=samples[..., -1].copy() if channels in (2, 4) else None,
        grey=grey,
        metadata=upright,
        lost=tuple(dict.fromkeys([*lost, *outdated])),
    )


def _upright_xmp(packet: bytes, orientation: int, width: int, height: int) -> tuple[bytes, list[str]]:
    tree = xmp.parse(packet)
    if tree is None:
        return (packet, []) if xmp.is_harmless(packet) else (b"", [f"damaged {TITLES['xmp']}"])
    lost = xmp.appended(tree)
    is_changed = xmp.make_upright(tree, orientation, width, height)
    is_utf8 = packet.decode(errors="replace").encode() == packet
    return (xmp.serialize(tree) if is_changed or not is_utf8 else packet), lost

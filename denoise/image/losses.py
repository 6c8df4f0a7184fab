"""What each format can hold of a photo, and what it cannot."""

from dataclasses import replace

from denoise.image import exif, jpeg, jxl, png, tiff
from denoise.image.colour import needs_profile, profile_of
from denoise.image.formats import FORMATS
from denoise.image.metadata import TITLES
from denoise.image.photo import Metadata, Photo

_HOLDS = {
    "PNG": ("exif", "xmp", "iptc", "comments"),
    "JPEG": ("exif", "xmp", "iptc", "comments"),
    "WEBP": ("exif", "xmp"),
    "TIFF": ("exif", "xmp", "iptc"),
    "BMP": (),
    "HEIC": ("exif", "xmp"),
    "AVIF": ("exif", "xmp"),
    "JPEG2000": ("exif", "xmp", "iptc"),
    "JXL": ("exif", "xmp"),
    "PPM": (),
}
_TELLS_CODES = ("HEIC", "AVIF")  # the colours by ITU-T H.273, as the chunk cICP of a PNG does
_TELLS_DPI = ("PNG", "JPEG", "TIFF", "BMP", "JPEG2000")  # beside the EXIF


def losses(photo: Photo) -> list[str]:
    """Returns what `decode` and `encode` cannot keep of a photo in `photo.format`, such as "16-bit depth".

    How exactly a JPEG, WebP, HEIC or AVIF keeps the pixels in its depth is a matter of its quality, and not among it.
    """
    fitted, beside = fit(photo)
    bits, held = min(photo.significant_bits, photo.bit_depth), FORMATS[photo.format].depth if keeps_depth(fitted) else 8
    pixels = [f"{bits}-bit depth"] if bits > held else []
    if photo.alpha is not None and photo.format in ("JPEG", "PPM"):
        pixels.append("transparency")
    return [*pixels, *beside, *photo.lost]


def keeps_depth(photo: Photo) -> bool:
    """Returns whether more than 8 bit are written: a JPEG XL of them is sRGB here, see `denoise.image.jxl`."""
    return FORMATS[photo.format].depth > 8 and not (photo.format == "JXL" and needs_profile(photo))


def fit(photo: Photo) -> tuple[Photo, list[str]]:
    """Returns the photo without what `photo.format` cannot hold beside its pixels, and the names of that."""
    said, lost = photo.metadata, []
    for name, title in TITLES.items():
        value = getattr(said, name)
        if value and not (name in _HOLDS[photo.format] and _has_room(photo.format, Metadata(**{name: value}))):
            said = replace(said, **{name: getattr(Metadata, name)})
            lost.append(title)
    icc_profile, colour_chunks, dpi = photo.icc_profile, photo.colour_chunks, photo.dpi
    if icc_profile and not _holds_profile(photo):
        icc_profile = b""
        lost.append("colour profile")
    kept = colour_chunks
    if photo.format != "PNG":
        kept = tuple(chunk for chunk in kept if chunk[0] == b"cICP" and photo.format in _TELLS_CODES)
    if kept and photo.format != "PNG":
        icc_profile = b""  # they come before it
    if colour_chunks and not kept:
        is_told_otherwise = icc_profile and not any(kind == b"cICP" for kind, _ in colour_chunks)
        if not is_told_otherwise and not png.is_srgb(colour_chunks):
            made = profile_of(photo)
            if made and _holds_profile(replace(photo, icc_profile=made)):
                icc_profile = made
            else:
                lost.append("colour space")
    if dpi and photo.format not in _TELLS_DPI:
        dpi = None
        if not exif.tells_resolution(said.exif):
            lost.append("resolution in dpi")
    return replace(photo, metadata=said, icc_profile=icc_profile, colour_chunks=kept, dpi=dpi), lost


def _has_room(format_name: str, metadata: Metadata) -> bool:
    if format_name == "JPEG":
        return len(metadata.exif) <= jpeg.LARGEST and jpeg.segments(metadata) is not None
    return format_name != "TIFF" or tiff.is_readable(metadata.exif)


def _holds_profile(photo: Photo) -> bool:
    """Returns whether a colour profile can be kept; one for grey does not fit colour channels."""
    has_colour_channels = (
        not photo.grey
        or photo.format == "WEBP"
        or (photo.format in ("TIFF", "JPEG2000") and photo.bit_depth == 16 and photo.alpha is not None)
        or (photo.format in ("AVIF", "HEIC", "JXL") and photo.alpha is not None)
    )
    is_for_grey = photo.icc_profile[16:20] == b"GRAY"
    if photo.format == "JXL" and not jxl.takes(photo.icc_profile, 3 if has_colour_channels else 1):
        return False
    return photo.format not in ("BMP", "PPM") and not (is_for_grey and has_colour_channels)

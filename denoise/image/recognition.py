"""What a file is, by its first bytes."""

from denoise.image import heif, jp2, jxl, netpbm
from denoise.image.directories import is_raw
from denoise.image.formats import FORMATS
from denoise.image.photo import PhotoError

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00")
_EXPORT = "Export it as JPEG, PNG or TIFF and try again."
_RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"FOVb", b"\x00MRM", b"II\x1a\x00\x00\x00HEAPCCDR")
_RAW_LIKE_TIFF = (b"IIRO", b"IIRS", b"MMOR", b"IIU\x00")
_OTHER_MAGIC = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop document (PSD)",
    b"v/1\x01": "an OpenEXR picture",
    b"#?R": "a Radiance HDR picture",
    b"<svg": "an SVG drawing",
    b"PK\x03\x04": "a ZIP archive or an office document",
}


def identify(data: bytes) -> str:
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
    if data.startswith((*_RAW_MAGIC, *_RAW_LIKE_TIFF)) or data[4:12] == b"ftypcrx ":
        return "RAW"
    if data.startswith(_TIFF):
        return "RAW" if data[8:10] == b"CR" or is_raw(data) else "TIFF"

    if data.startswith((jp2.SIGNATURE, jp2.CODESTREAM)):
        return "JPEG2000"
    if data.startswith(jxl.SIGNATURES):
        return "JXL"
    if netpbm.is_netpbm(data):
        return "PPM"
    if data[4:8] == b"ftyp":
        if name := heif.format_of(data):
            return name
        raise PhotoError(f"This is a video, which cannot be read here. {_EXPORT}")
    for magic, kind in _OTHER_MAGIC.items():
        if data.startswith(magic):
            raise PhotoError(f"This is {kind}, which cannot be read here. {_EXPORT}")
    *titles, last = (kind.title.removesuffix(" file") for kind in FORMATS.values())
    raise PhotoError(f"This is not a picture that can be read here: {', '.join(titles)} and {last} can. {_EXPORT}")

"""What a file is, by its first bytes and its header, and the sentences for what cannot be read."""

import io
import math
import re
import struct
from collections.abc import Iterator

from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from denoise.image.formats import format_title
from denoise.image.photo import PhotoError

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
_MAX_SCANS = 500  # in a JPEG; genuine ones have about ten, and each one costs the time of the whole picture
_MAX_PAGES = 16  # of a TIFF that are looked at
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")  # start of a scan, too specific to occur by chance


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


def unreadable(data: bytes, name: str) -> PhotoError:
    """Returns the sentence for a file that no library can read."""
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


def check_header(image: ImageFile, data: bytes, name: str, max_megapixels: float) -> None:
    """Refuses what must not be decoded."""
    width, height = image.size
    if not width or not height:
        raise unreadable(data, name)
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
        raise unreadable(data, name)


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


def check_tiff(data: bytes, max_megapixels: float) -> None:
    """Refuses TIFFs that are RAW files, documents of several pages, or of a kind that would be read wrongly."""
    if _is_cut_short(data, "TIFF"):
        raise unreadable(data, "TIFF")
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

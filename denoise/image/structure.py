"""What a file is, and how it is built, from its bytes alone.

So no library sees one that is cut off, too large, or built to be slow.

The libraries walk through segments and chunks of any number, in Python and now and then in quadratic time, and make
room for whatever a file claims to hold. So what their time and memory depend on is counted here first, and counting
ends where a limit is passed. TIFF and EXIF, which are directories, have a module of their own.

Sources: ITU-T T.81 (JPEG), PNG Specification (W3C, third edition), RFC 9649 (WebP).
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import numpy as np

from denoise.image import heif, jp2, jxl, netpbm, png
from denoise.image.boxes import TooManyBoxesError
from denoise.image.directories import check_exif, check_raw, check_tiff, is_raw
from denoise.image.formats import FORMATS
from denoise.image.photo import PhotoError
from denoise.image.refusals import animation, check_notes, check_size, check_stored, cut_short, damaged, overdone

_MAX_TABLES = 256 << 10  # bytes of a JPEG's tables; every scan may bring some hundred of its own
_MAX_FILL = 64 << 10  # bytes of a JPEG that mean nothing: in all before its pixels, in a row among them
_MAX_SCANS = 100  # of a JPEG, each of which costs the time of the whole picture …
_MAX_FULL_SCANS = 20  # … and of one as large as is allowed; progressive photos have 10 to 14
_MAX_INFLATED = 64 << 20  # bytes that a PNG's compressed texts become; each of them is also inflated by OpenCV
_BLOCK = 64 << 10  # bytes that are looked at in one go

_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_APPLICATION = range(0xE0, 0xF0)

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type

_MAGIC = {
    "PNG": (png.SIGNATURE,),
    "JPEG": (b"\xff\xd8\xff",),
    "RAW": (
        *(b"FUJIFILMCCD-RAW", b"FOVb", b"\x00MRM", b"II\x1a\x00\x00\x00HEAPCCDR"),
        *(b"IIRO", b"IIRS", b"MMOR", b"IIU\x00"),  # like a TIFF
    ),
    "JPEG2000": (jp2.SIGNATURE, jp2.CODESTREAM),
    "JXL": jxl.SIGNATURES,
}
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00")
_EXPORT = "Export it as JPEG, PNG or TIFF and try again."
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
    for name, beginnings in _MAGIC.items():
        if data.startswith(beginnings):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # reserved bytes: a text may begin with BM
        return "BMP"
    if data.startswith(_TIFF):
        return "RAW" if data[8:10] == b"CR" or is_raw(data) else "TIFF"
    if netpbm.is_netpbm(data):
        return "PPM"
    if data[4:12] == b"ftypcrx ":
        return "RAW"
    if data[4:8] == b"ftyp":
        if name := heif.format_of(data):
            return name
        raise PhotoError(f"This is a video, which cannot be read here. {_EXPORT}")
    for magic, kind in _OTHER_MAGIC.items():
        if data.startswith(magic):
            raise PhotoError(f"This is {kind}, which cannot be read here. {_EXPORT}")
    *titles, last = (kind.title.removesuffix(" file") for kind in FORMATS.values())
    raise PhotoError(f"This is not a picture that can be read here: {', '.join(titles)} and {last} can. {_EXPORT}")


def check(data: bytes, name: str, max_megapixels: float) -> None:
    """Refuses a file that should not be given to a library.

    It takes a small part of the time of decoding, and hardly any memory.

    Args:
        data: The whole file. What follows the picture, such as the video of a phone's motion photo, is not looked at.
        name: The format that the first bytes announce, see `identify`.
        max_megapixels: Larger pictures are refused.

    Raises:
        PhotoError: If the file is cut off, damaged, too large, an animation, a document of several pages, stored in an
            unusual way, or holds much more than a genuine one does.
    """
    checks: dict[str, Callable[[bytes, float], None]] = {
        "PNG": _check_png,
        "JPEG": _check_jpeg,
        "WEBP": _check_webp,
        "TIFF": check_tiff,
        "BMP": _check_bmp,
        "HEIC": partial(heif.check, name),
        "AVIF": partial(heif.check, name),
        "JPEG2000": jp2.check,
        "JXL": jxl.check,
        "PPM": netpbm.check,
        "RAW": check_raw,
    }
    try:
        checks[name](data, max_megapixels)
    except struct.error as error:  # a field lies behind the end
        raise cut_short(name) from error
    except IndexError as error:
        raise damaged(name) from error
    except TooManyBoxesError as error:
        raise overdone(name, "it is cut into far too many boxes") from error


def _check_jpeg(data: bytes, max_megapixels: float) -> None:
    width = height = samples = scans = notes = metadata = tables = fill = stored = 0
    exif = bytearray()
    for marker, before, start, end in _jpeg_segments(data):
        if not scans:
            fill += start - before
        elif data.find(b"\xff" * _MAX_FILL, before, start) >= 0:
            fill = _MAX_FILL
        else:
            stored += start - before
            check_stored("JPEG", width, height, stored, samples)
        if fill >= _MAX_FILL:
            raise overdone("JPEG", "it is filled up with bytes that mean nothing")

        if marker == _END_OF_IMAGE:
            break
        if marker == _START_OF_SCAN:
            scans += 1
            if not samples:
                raise damaged("JPEG")
            most = int(min(_MAX_SCANS, _MAX_FULL_SCANS * max_megapixels * 1e6 / (width * height)))
            if scans > most:
                raise overdone("JPEG", f"its picture is stored in more than {most} passes")
        elif marker in _START_OF_FRAME:
            if samples:
                raise damaged("JPEG")
            bits, height, width, channels = struct.unpack_from(">BHHB", data, start + 4)
            check_size("JPEG", width, height, max_megapixels)
            if bits != 8:
                raise PhotoError(
                    f"This JPEG has {bits} bits a channel, as scanners of hospitals write it; those of 8 can be read "
                    "here. Export it as a 16-bit TIFF or PNG and try again."
                )
            samples = width * height * channels
        elif marker == _COMMENT or marker in _APPLICATION:
            notes += 1 + data.count(b"8BIM", start, end)  # Photoshop puts many into one segment
            metadata += end - start
            if data.startswith(b"Exif\0\0", start + 4):
                exif += data[start + 4 + 6 * bool(exif) : end]
        else:
            notes += 1
            tables += end - start
            if tables > _MAX_TABLES:
                raise overdone("JPEG", "it holds more tables than any picture needs")
        check_notes("JPEG", notes, metadata)
    if not scans:
        raise damaged("JPEG")
    check_exif(bytes(exif), "JPEG")  # which Pillow reads as soon as it opens the file


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yields each marker, where the segment before it ends, and where its own segment begins and ends."""
    before = 2
    while (start := _next_marker(data, before)) >= 0:
        marker, end = data[start + 1], start + 2
        if marker != _END_OF_IMAGE:
            (size,) = struct.unpack_from(">H", data, end)
            if size < 2:
                raise damaged("JPEG")
            end += size
        yield marker, before, start, end
        before = end
    raise cut_short("JPEG")


def _next_marker(data: bytes, position: int) -> int:
    """Returns where the next marker is that begins a segment or ends the picture, or -1.

    Other bytes FF lie among the pixels: followed by 0 where they are meant themselves, by D0 to D7 at a restart, and by
    FF as filling. They are looked through in blocks, so that other threads have their turn.
    """
    values = np.frombuffer(data, np.uint8)
    for first in range(position, len(data) - 1, _BLOCK):
        block = values[first : first + _BLOCK + 1]
        code = block[1:]
        is_marker = (block[:-1] == 0xFF) & (code >= 0xC0) & ((code < 0xF0) | (code == _COMMENT))
        is_marker &= ((code & 0xF8) != 0xD0) & ((code & 0xEF) != 0xC8)  # neither restarts nor C8 and D8
        if is_marker.any():
            return first + int(is_marker.argmax())
    return -1


def _check_png(data: bytes, max_megapixels: float) -> None:
    width = height = notes = metadata = inflated = parts = stored = raw = frames = 0
    position, kind = 8, b""
    while kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + size
        position = end + 4
        if position > len(data):  # OpenCV takes memory for as much as a chunk claims to hold
            raise cut_short("PNG")
        if (kind == b"IHDR") != (not raw):  # it is the first, and the only one
            raise damaged("PNG")
        if not raw:
            if size != 13:
                raise damaged("PNG")
            width, height, depth, colour = struct.unpack_from(">IIBB", data, start)
            check_size("PNG", width, height, max_megapixels)
            raw = height * (1 + (width * depth * _PNG_CHANNELS.get(colour, 4) + 7) // 8)
        elif kind == b"IDAT":
            parts += 1
            stored += size
            check_stored("PNG", width, height, stored, raw)
            if parts > 1000 + stored // 256:  # programs write 8 KiB at a time, some of them 1 KiB
                raise overdone("PNG", "its pixels are cut into far too many pieces")
        else:
            if kind == b"acTL":
                frames += struct.unpack_from(">I", data, start)[0]
            frames += 2 * (kind == b"fdAT" and frames > 0)  # what is animated is not the picture itself
            if frames > 1:
                raise animation("PNG")
            notes += 1
            metadata += size
            check_notes("PNG", notes, metadata)
            inflated += _inflated(kind, data[start:end])
            if inflated > _MAX_INFLATED:
                raise overdone("PNG", f"compressed notes in it become more than {_MAX_INFLATED >> 20} MB")
    if not parts:  # OpenCV would go on behind the end
        raise damaged("PNG")


def _inflated(kind: bytes, content: bytes) -> int:
    """Returns how many bytes a compressed chunk of a PNG becomes; counting ends behind what is allowed."""
    _, _, stream = content.partition(b"\0")
    if kind == b"iTXt" and stream.startswith(b"\1"):
        stream = stream[2:].partition(b"\0")[2].partition(b"\0")[2]  # behind language and translated name
    elif kind in (b"iCCP", b"zTXt"):
        stream = stream[1:]
    else:
        return 0
    inflater, size = zlib.decompressobj(), 0
    with suppress(zlib.error):  # then the libraries stop here, too
        for start in range(0, len(stream), 4096):  # which become 4 MiB at most
            size += len(inflater.decompress(stream[start : start + 4096]))
            if size > _MAX_INFLATED or inflater.eof:
                break
    return size


def _check_webp(data: bytes, max_megapixels: float) -> None:
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise cut_short("WEBP")
    width = height = notes = metadata = stored = frames = 0
    position = 12
    while position + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, position)
        start = position + 8
        position = start + size + size % 2
        if start + size > end:
            raise damaged("WEBP")
        if kind in (b"VP8X", b"VP8 ", b"VP8L"):
            width, height = _webp_size(kind, data[start : start + min(size, 10)])
            check_size("WEBP", width, height, max_megapixels)
        if not width:
            raise damaged("WEBP")
        if kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            frames += kind == b"ANMF"
            if frames > 1:
                raise animation("WEBP")
            stored += size
            check_stored("WEBP", width, height, stored, 4 * width * height)
        else:
            notes += 1
            metadata += size
            check_notes("WEBP", notes, metadata)
    if not stored:
        raise damaged("WEBP")


def _webp_size(kind: bytes, head: bytes) -> tuple[int, int]:
    if len(head) < (5 if kind == b"VP8L" else 10):
        raise damaged("WEBP")
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 6)
    return width & 0x3FFF, height & 0x3FFF


def _check_bmp(data: bytes, max_megapixels: float) -> None:
    file_size, first, header = struct.unpack_from("<I4xII", data, 2)
    if header == 12:  # of OS/2
        (width, height, _, bits), compression = struct.unpack_from("<4H", data, 18), 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    check_size("BMP", width, abs(height), max_megapixels)
    row = (width * bits + 31) // 32 * 4
    if file_size > len(data) or (compression in (0, 3) and first + row * abs(height) > len(data)):
        raise cut_short("BMP")

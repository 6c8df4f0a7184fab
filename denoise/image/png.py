"""Chunks of a PNG that say something about its photo. Source: PNG Specification, third edition, W3C 2025."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL.PngImagePlugin import PngInfo, iTXt

from denoise.image import exif
from denoise.image.photo import Metadata
from denoise.image.photoshop import find_iptc, wrap_iptc

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
"""With this begins an XMP packet in a segment of a JPEG."""

CREDENTIALS = "Content Credentials"
"""A signature of the photo as it was. Source: C2PA Technical Specification."""

_READ_BY_PILLOW = (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"iCCP", b"pHYs")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP, _RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "
_COLOUR = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}  # bytes
_SRGB_CODE_POINTS = bytes([1, 13])  # primaries and transfer function, by ITU-T H.273
_SRGB = {
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
}
_LONGEST_KEYWORD = 79  # letters
_SHORT = 1024  # characters; longer texts are compressed


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields kind and content of the chunks that are whole, but those of the pixels."""
    position, kind = len(SIGNATURE), b""
    while position + 12 <= len(data) and kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, position)
        if kind not in (b"IDAT", b"fdAT") and position + 12 + size <= len(data):
            yield kind, data[position + 8 : position + 8 + size]
        position += 12 + size


def chunk(kind: bytes, content: bytes) -> tuple[bytes, bytes, bytes]:
    """Returns a chunk as it stands in a file, in three parts."""
    return struct.pack(">I4s", len(content), kind), content, struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def header(data: bytes) -> bytes:
    """Returns the PNG without its pixels and texts: what Pillow refuses of them is no reason to refuse the photo."""
    kept = [part for kind, content in chunks(data) if kind in _READ_BY_PILLOW for part in chunk(kind, content)]
    return b"".join([SIGNATURE, *kept, *chunk(b"IEND", b"")])


def colour(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Returns kind and content of the chunks that say what the colours mean, beside the colour profile."""
    found = {kind: content for kind, content in chunks(data) if len(content) == _COLOUR.get(kind)}
    return tuple(found.items())


def is_srgb(colour_chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Returns whether these chunks say that the colours are sRGB, as those of files that say nothing."""
    told = dict(colour_chunks)
    if b"cICP" in told:
        return told[b"cICP"][:2] == _SRGB_CODE_POINTS
    if b"sRGB" in told:
        return True
    pairs = ((told.get(kind, usual), usual) for kind, usual in _SRGB.items())
    values = ((np.frombuffer(value, ">u4").astype(float), np.frombuffer(usual, ">u4")) for value, usual in pairs)
    return all(np.allclose(value, usual, rtol=0.01) for value, usual in values)


def read(data: bytes, limit: int) -> tuple[Metadata, set[str]]:
    """Returns what a PNG says about its photo, and the names of the fields that are damaged.

    EXIF, XMP and IPTC are found wherever programs have put them.

    Args:
        data: The file.
        limit: Bytes of texts that are read.
    """
    blocks = {"exif": b"", "xmp": b"", "iptc": b""}
    comments: list[tuple[str, str]] = []
    damaged = set()
    for kind, content in chunks(data):
        if kind == b"eXIf":
            blocks["exif"] = content
        elif kind in _TEXTS:
            limit -= 12 + len(content)
            try:
                keyword, text = _text(kind, content, limit)
                name, block = _block(keyword, text)
            except (ValueError, IndexError, zlib.error):
                damaged.add("comments")
                continue
            limit -= len(text)
            if not name:
                comments.append((keyword, text))
            elif not blocks[name]:
                blocks[name] = block
    return Metadata(**blocks, comments=tuple(comments)), damaged


def left_behind(data: bytes) -> list[str]:
    """Returns what the file holds beside the photo, and cannot be kept."""
    return [CREDENTIALS] if any(kind == b"caBX" for kind, _ in chunks(data)) else []


def _text(kind: bytes, content: bytes, limit: int) -> tuple[str, str]:
    """Returns keyword and text of one chunk.

    Raises:
        ValueError, IndexError, zlib.error: It is damaged, or longer than `limit`.
    """
    if limit < 0:
        raise ValueError("too many texts")
    name, _, rest = content.partition(b"\x00")
    if not 1 <= len(name) <= _LONGEST_KEYWORD:
        raise ValueError("no keyword")
    keyword = name.decode("latin-1")
    if kind == b"tEXt":
        return keyword, rest.decode("latin-1")
    if kind == b"zTXt":
        return keyword, _inflate(rest[1:], limit).decode("latin-1")
    is_compressed, (language, translated, text) = rest[0], rest[2:].split(b"\x00", 2)
    words = _inflate(text, limit) if is_compressed else text
    return keyword, iTXt(words.decode(), language.decode(), translated.decode())


def _inflate(content: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(content, limit + 1)
    if len(text) > limit or not inflater.eof:
        raise ValueError("too long, or cut short")
    return text


def _block(keyword: str, text: str) -> tuple[str, bytes]:
    """Returns the field of `Metadata` that a text is in truth, and its value; no name if it is just a text.

    Raises:
        ValueError: It is damaged.
    """
    if keyword == _XMP:
        return "xmp", text.encode()
    kind = keyword.removeprefix(_RAW_PROFILE).lower()
    if kind == keyword.lower() or kind not in ("exif", "app1", "xmp", "iptc", "8bim"):
        return "", b""
    _, _, size, digits = text.split("\n", 3)  # as ImageMagick writes them
    content = bytes.fromhex(digits)[: int(size)]
    if content.startswith(XMP_HEADER):
        return "xmp", content.removeprefix(XMP_HEADER)
    if kind in ("iptc", "8bim"):
        return "iptc", find_iptc(content)
    return ("xmp" if kind == "xmp" else "exif"), content


def describing_chunks(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Yields kind and content of the chunks that hold metadata.

    PNG has no place of its own for IPTC records: they are written as ImageMagick and ExifTool do.
    """
    if metadata.exif:
        yield b"eXIf", metadata.exif.removeprefix(exif.PREFIX)
    info = PngInfo()
    for keyword, text in metadata.comments:
        info.add_text(keyword, _readable(text), zip=len(text) > _SHORT)
    if metadata.xmp:
        info.add_itxt(_XMP, metadata.xmp)
    if metadata.iptc:
        digits = wrap_iptc(metadata.iptc).hex()
        lines = (digits[start : start + 72] for start in range(0, len(digits), 72))
        info.add_text(f"{_RAW_PROFILE}iptc", "\n".join(["", "iptc", f"{len(digits) // 2:8}", *lines, ""]), zip=True)
    for kind, content, _ in info.chunks:
        yield kind, content


def _readable(text: str) -> str:
    """Returns a text that may hold bytes of unknown meaning, see `Metadata.comments`, with those as Latin-1."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text

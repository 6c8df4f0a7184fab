"""Picture files put together by hand: all that a library writes, and much that none would."""

import io
import struct
import zlib
from itertools import count

from PIL import Image as PillowImage

EXIF = b"Exif\0\0"
RDF = (
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>%b</rdf:Description></rdf:RDF>'
)


def saved(size=(64, 48), kind="JPEG", mode="RGB", **options):
    buffer = io.BytesIO()
    PillowImage.effect_noise(size, 60).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def flood(part, total=20_000_000):
    return part * (total // len(part))


# JPEG


def segment(marker, content=b""):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def jpeg(*segments, **options):
    """A JPEG with segments before its tables."""
    data = saved(**options)
    return b"".join((data[:2], *segments, data[2:]))


def in_segments(marker, content, prefix=b""):
    """The content in as many segments as it takes."""
    return b"".join(segment(marker, prefix + content[i : i + 65000]) for i in range(0, len(content), 65000))


def among_pixels(content, size=(64, 48)):
    """A JPEG that claims a size, with something behind its pixels."""
    return claimed(saved(), *size)[:-2] + content + b"\xff\xd9"


def claimed(data, width, height):
    frame = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def scans(number, size):
    """A progressive JPEG with more scans than its ten."""
    data = claimed(saved(progressive=True), *size)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (number - 9) + data[-2:]


def exif(*entries, blob=b""):
    """An EXIF block without prefix: `entries` are (tag, type, count), all of them at the beginning of `blob`."""
    begin = 8 + 2 + 12 * len(entries) + 4
    body = b"".join(struct.pack("<HHII", *entry, begin) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + blob


# PNG


def chunk(kind, content=b""):
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks, size=(64, 48), pixels=None, interlace=0):
    """A grey PNG; `chunks` stand before the pixels."""
    width, height = size
    pixels = pixels or chunk(b"IDAT", zlib.compress(bytes(height * (1 + width))))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace))
    return b"".join((b"\x89PNG\r\n\x1a\n", head, *chunks, pixels, chunk(b"IEND")))


def in_chunks(stream, size):
    return b"".join(chunk(b"IDAT", stream[i : i + size]) for i in range(0, len(stream), size))


def raw_profile(block):
    """An EXIF block as ImageMagick writes it."""
    text = b"\nexif\n%8d\n%b\n" % (len(block), block.hex().encode())
    return chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))


def bomb(mebibytes):
    """Zeros, compressed a thousandfold."""
    compressor = zlib.compressobj(9)
    begin = compressor.compress(b"") + compressor.flush(zlib.Z_FULL_FLUSH)
    return begin + (compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)) * mebibytes


# WebP


def riff(kind, content=b""):
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp(*chunks, flags=0, canvas=(64, 48)):
    """An extended WebP; `chunks` stand behind the picture."""
    sides = b"".join(struct.pack("<I", side - 1)[:3] for side in canvas)
    body = b"".join((b"WEBP", riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides), saved(kind="WEBP")[12:], *chunks))
    return b"RIFF" + struct.pack("<I", len(body)) + body


# TIFF


def tiff(*entries, size=(64, 48), compression=1, blob=b"", strips=None, following=0, big=False):
    """A TIFF in grey: `entries` are (tag, type, count), all of them at the beginning of `blob`, as is the picture."""
    width, height = size
    pack = "<HHQQ" if big else "<HHII"
    begin = 16 if big else 8
    blob = blob or bytes(width * height)
    offsets, lengths = strips or ([0], [len(blob)])
    tables = [struct.pack(f"<{len(table)}I", *table) for table in ([begin + offset for offset in offsets], lengths)]
    place = begin + len(blob)
    every = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    every += [(277, 3, 1, 1), (278, 4, 1, -(-height // len(offsets)))]
    if len(offsets) == 1:
        every += [(273, 4, 1, begin + offsets[0]), (279, 4, 1, lengths[0])]
    else:
        every += [(273, 4, len(offsets), place), (279, 4, len(offsets), place + len(tables[0]))]
    every += [(*entry, begin) for entry in entries]
    place += sum(map(len, tables))
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, place) if big else struct.pack("<2sHI", b"II", 42, place)
    directory = struct.pack("<Q" if big else "<H", len(every)) + b"".join(struct.pack(pack, *one) for one in every)
    end = struct.pack("<Q" if big else "<I", place if following else 0)
    return b"".join((head, blob, *tables, directory, end))


def tags(number):
    """Tags that no reader knows."""
    return [tag for tag, _ in zip(count(51000), range(number), strict=False)]


# BMP


def bmp(size=(64, 48), bits=8, compression=0, colours=256, pixels=b""):
    palette = b"".join(struct.pack("<I", 0x10101 * (value % 256)) for value in range(colours))
    begin = 54 + len(palette)
    head = struct.pack("<2sIII", b"BM", begin + len(pixels), 0, begin)
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(pixels), 0, 0, colours, 0)
    return head + info + palette + pixels

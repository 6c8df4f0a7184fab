import struct
import zlib

import pytest

from denoise.image import PhotoError
from denoise.image.directories import check_exif
from denoise.image.structure import check
from tests.attack.builders import (
    EXIF,
    among_pixels,
    bmp,
    bomb,
    chunk,
    claimed,
    exif,
    jpeg,
    png,
    riff,
    saved,
    scans,
    segment,
    tags,
    tiff,
    webp,
)

SIZE = (64, 48)


def jpeg_of(megabytes_of_notes):
    """A JPEG with so many comments of a mebibyte in all."""
    return jpeg(*[segment(0xFE, bytes(65533)) for _ in range(megabytes_of_notes * 16)], segment(0xFE, bytes(48)))


@pytest.mark.parametrize(
    ("name", "within", "beyond", "sentence"),
    [
        pytest.param(
            "JPEG",
            lambda: jpeg(*[segment(0xE2)] * 990),
            lambda: jpeg(*[segment(0xE2)] * 1001),
            "1,000 notes",
            id="jpeg-segments",
        ),
        pytest.param("JPEG", lambda: jpeg_of(15), lambda: jpeg_of(16) + jpeg_of(1), "16 MB of notes", id="jpeg-bytes"),
        pytest.param("JPEG", lambda: scans(100, SIZE), lambda: scans(101, SIZE), "than 100 passes", id="jpeg-scans"),
        pytest.param(
            "JPEG",
            lambda: scans(20, (10_000, 5000)),
            lambda: scans(21, (10_000, 5000)),
            "than 20 passes",
            id="jpeg-scans-of-50-megapixels",
        ),
        pytest.param(
            "JPEG",
            lambda: jpeg(b"\xff" * 65_535),
            lambda: jpeg(b"\xff" * 65_536),
            "bytes that mean nothing",
            id="jpeg-filling",
        ),
        pytest.param(
            "JPEG",
            lambda: among_pixels((b"\xff" * 65_000 + b"\0") * 10),
            lambda: among_pixels(b"\xff" * 65_537),
            "bytes that mean nothing",
            id="jpeg-filling-among-pixels",
        ),
        pytest.param(
            "JPEG",
            lambda: among_pixels(bytes(1_000_000)),
            lambda: among_pixels(bytes(1_100_000)),
            "64 × 48 pixels need",
            id="jpeg-size",
        ),
        pytest.param(
            "JPEG",
            lambda: among_pixels(bytes(90_000_000), (8000, 6000)),
            lambda: among_pixels(bytes(90_000_000), (800, 600)),
            "800 × 600 pixels need",
            id="jpeg-size-of-large-picture",
        ),
        pytest.param(
            "PNG",
            lambda: png(*[chunk(b"prVt")] * 999),
            lambda: png(*[chunk(b"prVt")] * 1000),
            "1,000 notes",
            id="png-chunks",
        ),
        pytest.param(
            "PNG",
            lambda: png(chunk(b"zTXt", b"key\0\0" + bomb(63))),
            lambda: png(chunk(b"zTXt", b"key\0\0" + bomb(65))),
            "more than 64 MB",
            id="png-inflated",
        ),
        pytest.param(
            "PNG",
            lambda: png(pixels=chunk(b"IDAT", bytes(1_000_000))),
            lambda: png(pixels=chunk(b"IDAT", bytes(1_100_000))),
            "64 × 48 pixels need",
            id="png-size",
        ),
        pytest.param(
            "PNG",
            lambda: png(pixels=chunk(b"IDAT") * 1000),
            lambda: png(pixels=chunk(b"IDAT") * 1001),
            "too many pieces",
            id="png-pieces",
        ),
        pytest.param(
            "WEBP",
            lambda: webp(*[riff(b"prVt")] * 999),
            lambda: webp(*[riff(b"prVt")] * 1000),
            "1,000 notes",
            id="webp-chunks",
        ),
        pytest.param(
            "TIFF",
            lambda: tiff(*((tag, 7, 1) for tag in tags(900))),
            lambda: tiff(*((tag, 7, 1) for tag in tags(1000))),
            "1,000 notes",
            id="tiff-entries",
        ),
        pytest.param(
            "TIFF",
            lambda: tiff((51_000, 4, 199_000), blob=bytes(800_000)),
            lambda: tiff((51_000, 4, 201_000), blob=bytes(900_000)),
            "200,000 numbers",
            id="tiff-numbers",
        ),
        pytest.param(
            "TIFF",
            lambda: tiff(size=(1, 100_000), strips=([0] * 100_000, [1] * 100_000)),
            lambda: tiff(size=(1, 100_001), strips=([0] * 100_001, [1] * 100_001)),
            "100,000 strips",
            id="tiff-strips",
        ),
    ],
)
def test_check_knows_its_limits(name, within, beyond, sentence):
    check(within(), name, 50)
    with pytest.raises(PhotoError, match=sentence):
        check(beyond(), name, 50)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_check_without_limit_of_size(name):
    check(saved(kind=name), name, float("inf"))
    with pytest.raises(PhotoError, match=r"64 × 48 pixels.*limit is 0\.003"):
        check(saved(kind=name), name, 0.003)


FRAME = segment(0xC0, struct.pack(">BHHB", 8, 48, 64, 1) + b"\1\x11\0")


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        pytest.param("JPEG", b"\xff\xd8\xff\xd9", "damaged", id="jpeg-without-anything"),
        pytest.param("JPEG", b"\xff\xd8" + segment(0xDA, bytes(6)) + b"\xff\xd9", "damaged", id="jpeg-without-frame"),
        pytest.param("JPEG", jpeg(FRAME), "damaged", id="jpeg-of-two-frames"),
        pytest.param("JPEG", claimed(saved(), 0, 48), "damaged", id="jpeg-without-width"),
        pytest.param("JPEG", jpeg(b"\xff\xe1\0\0"), "damaged", id="jpeg-segment-without-length"),
        pytest.param("JPEG", jpeg()[:-2] + bytes(100), "cut off", id="jpeg-without-end"),
        pytest.param("JPEG", jpeg()[:100], "cut off", id="jpeg-cut-in-segment"),
        pytest.param("PNG", png()[:8] + png()[33:], "damaged", id="png-without-header"),
        pytest.param("PNG", png(png()[8:33]), "damaged", id="png-of-two-headers"),
        pytest.param("PNG", png()[:-12], "cut off", id="png-without-end"),
        pytest.param("PNG", png(chunk(b"acTL", struct.pack(">II", 2, 0))), "animation", id="png-frames"),
        pytest.param(
            "PNG",
            png(chunk(b"acTL", struct.pack(">II", 1, 0)), pixels=chunk(b"IDAT", b"") + chunk(b"fdAT", b"")),
            "animation",
            id="png-with-another-frame",
        ),
        pytest.param("WEBP", webp()[:30], "cut off", id="webp-cut"),
        pytest.param("WEBP", b"RIFF\x04\0\0\0WEBP", "damaged", id="webp-without-anything"),
        pytest.param("WEBP", b"RIFF\x0c\0\0\0WEBPVP8L\0\0\0\0", "damaged", id="webp-without-picture"),
        pytest.param("WEBP", webp(riff(b"ANMF"), riff(b"ANMF")), "animation", id="webp-frames"),
        pytest.param("TIFF", b"II*\0\x08\0\0\0" + bytes(6), "damaged", id="tiff-without-entries"),
        pytest.param("TIFF", tiff((51_000, 7, 1_000_000)), "cut off", id="tiff-value-behind-end"),
        pytest.param("TIFF", tiff()[:-3], "cut off", id="tiff-cut"),
        pytest.param("TIFF", tiff(strips=([3000], [730])), "cut off", id="tiff-strip-behind-end"),
        pytest.param("TIFF", tiff(big=True)[:-1], "cut off", id="bigtiff-cut"),
        pytest.param("BMP", bmp(pixels=bytes(3071)), "cut off", id="bmp-cut"),
        pytest.param("BMP", bmp(size=(64, 0)), "damaged", id="bmp-without-height"),
    ],
)
def test_check_refuses(name, data, sentence):
    with pytest.raises(PhotoError, match=sentence):
        check(data, name, 50)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(EXIF, id="prefix"),
        pytest.param(EXIF * 3 + exif((271, 2, 6), blob=b"Maker\0"), id="three-prefixes"),
        pytest.param(b"junk" * 9, id="junk"),
        pytest.param(b"II*\0\xff\xff\xff\xff", id="directory-behind-end"),
        pytest.param(exif((34665, 4, 1)), id="pointer-behind-end"),
        pytest.param(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 34665, 4, 1, 8) + bytes(4), id="circle"),
        pytest.param(exif(*((tag, 99, 1 << 31) for tag in range(5000))), id="unknown-types"),
        pytest.param(exif(*((tag, 5, 1 << 31) for tag in range(5000))), id="values-behind-end"),
    ],
)
def test_check_exif_lets_broken_blocks_pass(block):
    check_exif(block, "JPEG")


def test_check_exif_counts_what_directories_point_to():
    inner = struct.pack("<H", 1) + struct.pack("<HHII", 33434, 5, 300_000, 8) + bytes(4)
    outer = struct.pack("<H", 1) + struct.pack("<HHII", 34665, 4, 1, 26) + bytes(4)
    with pytest.raises(PhotoError, match="200,000 numbers"):
        check_exif(b"II*\0\x08\0\0\0" + outer + inner + bytes(2_400_000), "JPEG")


def test_check_counts_a_compressed_text_only_where_it_is_one():
    junk = zlib.compress(bytes(70_000_000))
    check(png(chunk(b"iTXt", b"key\0\0\0\0\0" + junk), chunk(b"tEXt", b"key\0" + junk)), "PNG", 50)

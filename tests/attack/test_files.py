"""Files built to be slow or large to read, and genuine ones that look like them."""

import io
import re
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngImageFile

from denoise.image import decode, decoding
from denoise.image.structure import check
from tests.attack.builders import (
    EXIF,
    RDF,
    among_pixels,
    bmp,
    bomb,
    chunk,
    exif,
    flood,
    in_chunks,
    in_segments,
    jpeg,
    png,
    raw_profile,
    riff,
    saved,
    scans,
    segment,
    tags,
    tiff,
    webp,
)
from tests.attack.sandbox import attempt

FLOOD = 20_000_000  # bytes, where the limit is passed long before
LARGE = 100_000_000  # bytes
SECONDS = 1  # of processor time, for what is refused
MEBIBYTES = 50  # beside the file
FULL = (8000, 6000)  # nearly as large as is allowed


NOTES = r"more than 1,000 notes"
MEGABYTES = r"more than 16 MB of notes"
INFLATED = "compressed notes in it become more than 64 MB"
FILLED = "filled up with bytes that mean nothing"
FAR_MORE = r"far more data than its \d+ × \d+ pixels need"
PASSES = "more than (20|100) passes"
ATTACKS = {
    # What stands before a JPEG's pixels
    "jpeg-app2": (lambda: jpeg(flood(segment(0xE2), LARGE)), NOTES),
    "jpeg-comments": (lambda: jpeg(flood(segment(0xFE), LARGE)), NOTES),
    "jpeg-exif-of-12-bytes": (lambda: jpeg(flood(segment(0xE1, EXIF + b"II"), 10_000_000)), NOTES),
    "jpeg-exif-of-64-kb": (lambda: jpeg(flood(segment(0xE1, EXIF + bytes(65000)))), MEGABYTES),
    "jpeg-extended-xmp": (lambda: jpeg(in_segments(0xE1, bytes(FLOOD), b"http://ns.adobe.com/xmp/")), MEGABYTES),
    "jpeg-quantisation": (lambda: jpeg(flood(segment(0xDB, bytes(65)))), NOTES),
    "jpeg-quantisation-full": (lambda: jpeg(in_segments(0xDB, bytes(65 * 200_000))), "more tables than"),
    "jpeg-huffman": (lambda: jpeg(flood(segment(0xC4, bytes(17)))), NOTES),
    "jpeg-restart-intervals": (lambda: jpeg(flood(segment(0xDD, bytes(2)))), NOTES),
    "jpeg-photoshop": (lambda: jpeg(in_segments(0xED, b"8BIM\4\4\0\0\0\0\0\0" * 50_000)), NOTES),
    "jpeg-filling": (lambda: jpeg(flood(b"\xff", LARGE)), FILLED),
    "jpeg-zeros": (lambda: jpeg(segment(0xFE), bytes(FLOOD)), FILLED),
    "jpeg-restarts": (lambda: jpeg(flood(b"\xff\xd0")), FILLED),
    "jpeg-reserved": (lambda: jpeg(flood(b"\xff\xf0")), FILLED),
    "jpeg-frames": (lambda: jpeg(flood(segment(0xC0, b"\x08\0\1\0\1\1\1\x11\0"))), "damaged"),
    # What an EXIF block says
    "exif-prefixes": (lambda: jpeg(in_segments(0xE1, EXIF * 200_000, EXIF)), "begins again and again"),
    "exif-rationals": (
        lambda: jpeg(in_segments(0xE1, exif((282, 5, 500_000), blob=bytes(4_000_000)), EXIF)),
        "more than 200,000 numbers",
    ),
    "exif-entries": (
        lambda: jpeg(in_segments(0xE1, exif(*((tag, 7, 1000) for tag in range(60_000)), blob=bytes(1000)), EXIF)),
        NOTES,
    ),
    "exif-overlapping": (
        lambda: jpeg(in_segments(0xE1, exif(*((tag, 7, 900_000) for tag in tags(100)), blob=bytes(900_000)), EXIF)),
        MEGABYTES,
    ),
    # Its pixels
    "jpeg-480-scans": (lambda: scans(480, FULL), PASSES),
    "jpeg-2000-scans": (lambda: scans(2000, (64, 48)), PASSES),
    "jpeg-filling-behind": (lambda: among_pixels(flood(b"\xff", LARGE), FULL), FILLED),
    "jpeg-filling-behind-small": (lambda: among_pixels(flood(b"\xff", 7_000_000)), FILLED),
    "jpeg-of-100-mb": (lambda: among_pixels(bytes(LARGE)), FAR_MORE),
    "jpeg-without-end": (lambda: among_pixels(flood(b"\xff\0", LARGE), FULL)[:-2], "cut off"),
    "jpeg-tables-between": (lambda: among_pixels(flood(segment(0xC4, bytes(17)))), NOTES),
    # PNG
    "png-private": (lambda: png(flood(chunk(b"prVt"), LARGE)), NOTES),
    "png-private-behind": (lambda: png(pixels=png()[33:-12] + flood(chunk(b"prVt"))), NOTES),
    "png-text": (lambda: png(flood(chunk(b"tEXt", b"key\0text"))), NOTES),
    "png-large-text": (lambda: png(chunk(b"tEXt", b"key\0" + bytes(FLOOD))), MEGABYTES),
    "png-profile-bomb": (lambda: png(chunk(b"iCCP", b"icc\0\0" + bomb(1000))), INFLATED),
    "png-text-bomb": (lambda: png(chunk(b"zTXt", b"key\0\0" + bomb(1000))), INFLATED),
    "png-text-bombs": (lambda: png(chunk(b"zTXt", b"key\0\0" + bomb(1)) * 900), INFLATED),
    "png-unicode-bomb": (lambda: png(chunk(b"iTXt", b"key\0\1\0\0\0" + bomb(1000))), INFLATED),
    "png-exif-rationals": (
        lambda: png(chunk(b"eXIf", exif((282, 5, 500_000), blob=bytes(4_000_000)))),
        "more than 200,000 numbers",
    ),
    "png-exif-as-text": (
        lambda: png(raw_profile(exif((282, 5, 500_000), blob=bytes(4_000_000)))),
        "more than 200,000 numbers",
    ),
    "png-empty-pixels": (lambda: png(pixels=flood(chunk(b"IDAT"))), "far too many pieces"),
    "png-single-bytes": (lambda: png(pixels=flood(chunk(b"IDAT", b"\0"))), "far too many pieces"),
    "png-of-100-mb": (lambda: png(size=(1, 1), pixels=chunk(b"IDAT", bytes(LARGE))), FAR_MORE),
    "png-without-pixels": (
        lambda: png(pixels=chunk(b"tEXt", b"key\0text")) + b"\x3f\xff\xff\xffIDAT" + bytes(100),
        "damaged",
    ),
    "png-frames": (lambda: png(chunk(b"acTL", bytes([0, 9, 9, 9]) * 2), flood(chunk(b"fcTL", bytes(26)))), "animation"),
    # WebP
    "webp-private": (lambda: webp(flood(riff(b"prVt"))), NOTES),
    "webp-xmp": (lambda: webp(riff(b"XMP ", bytes(FLOOD)), flags=4), MEGABYTES),
    "webp-exif-entries": (
        lambda: webp(riff(b"EXIF", exif(*((tag, 7, 9) for tag in tags(5000)), blob=bytes(9))), flags=8),
        NOTES,
    ),
    "webp-frames": (lambda: webp(flood(riff(b"ANMF", bytes(16))), flags=2), "animation"),
    "webp-large-frame": (lambda: webp(riff(b"ANMF", bytes(FLOOD)), flags=2), FAR_MORE),
    "webp-canvas": (lambda: webp(flags=2, canvas=(13_000, 13_000)), "169 megapixels"),
    # TIFF
    "tiff-description": (lambda: tiff((270, 2, LARGE), blob=bytes(LARGE), strips=([0], [3072])), MEGABYTES),
    "tiff-entries": (lambda: tiff(*((tag, 7, 1) for tag in range(1000, 50_000))), NOTES),
    "tiff-entries-unknown": (lambda: tiff(*((tag, 99, 1) for tag in range(1000, 50_000))), NOTES),
    "bigtiff-entries": (lambda: tiff(*[(51_000, 7, 1)] * 1_000_000, big=True), NOTES),
    "tiff-overlapping": (
        lambda: tiff(*((tag, 7, 1_000_000) for tag in tags(100)), blob=bytes(1_000_000), strips=([0], [3072])),
        MEGABYTES,
    ),
    "tiff-rationals": (
        lambda: tiff((282, 5, 1_000_000), blob=bytes(8_000_000), strips=([0], [3072])),
        "more than 200,000 numbers",
    ),
    "tiff-strips": (lambda: tiff(size=(1, 2_000_000), strips=([0] * 2_000_000, [1] * 2_000_000)), "100,000 strips"),
    "tiff-strips-in-one-place": (
        lambda: tiff(size=(64, 8000), blob=bytes(50_000_000), strips=([0] * 8000, [50_000_000] * 8000)),
        FAR_MORE,
    ),
    "tiff-of-100-mb": (lambda: tiff(blob=bytes(LARGE)), FAR_MORE),
    "tiff-circle": (lambda: tiff(following=1), "several pages"),
    "tiff-scans": (lambda: tiff(size=(640, 480), compression=7, blob=scans(480, (640, 480))), "far too many passes"),
    # BMP
    "bmp-header-only": (lambda: bmp(FULL), "cut off"),
}


@pytest.fixture
def attempted(tmp_path):
    def attempted(data):
        path = tmp_path / "photo"
        path.write_bytes(data)
        try:
            return attempt(path)
        finally:
            path.unlink()

    return attempted


@pytest.mark.parametrize(("make", "sentence"), ATTACKS.values(), ids=ATTACKS)
def test_attack_is_refused_at_little_cost(make, sentence, attempted):
    outcome = attempted(make())
    assert not outcome.failure
    assert outcome.size is None
    assert outcome.sentence.endswith(".")
    assert re.search(sentence, outcome.sentence)
    assert outcome.seconds < SECONDS
    assert outcome.mebibytes < MEBIBYTES


PACKET = RDF % (b"<a/>" * 900_000)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: png(chunk(b"eXIf", EXIF * 1_000_000)), id="png-exif"),
        pytest.param(lambda: webp(riff(b"EXIF", EXIF * 1_000_000), flags=8), id="webp-exif"),
        pytest.param(lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET))), id="png"),
        pytest.param(lambda: jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET[:65000])), id="jpeg"),
        pytest.param(lambda: webp(riff(b"XMP ", PACKET), flags=4), id="webp"),
        pytest.param(lambda: tiff((700, 1, len(PACKET)), blob=PACKET, strips=([0], [64 * 48])), id="tiff"),
    ],
)
def test_flood_that_is_left_out_costs_little(make, attempted):
    """It does not keep the picture from being read."""
    outcome = attempted(make())
    assert outcome.size == (64, 48)
    assert outcome.seconds < SECONDS
    assert outcome.mebibytes < MEBIBYTES


# Genuine files


NOISE = np.random.default_rng(0).integers(0, 256, 2_000_000, np.uint8).tobytes()
PROFILE = NOISE[:1_200_000]


def noisy_png(*chunks, step=8192):
    """A PNG whose pixels lie in pieces of `step` bytes."""
    rows = b"".join(b"\0" + NOISE[640 * y : 640 * (y + 1)] for y in range(480))
    return png(*chunks, size=(640, 480), pixels=in_chunks(zlib.compress(rows), step))


def profile_in_segments(number):
    step = -(-len(PROFILE) // number)
    parts = [PROFILE[i : i + step] for i in range(0, len(PROFILE), step)]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes([i + 1, len(parts)]) + part) for i, part in enumerate(parts)]


GENUINE = {
    "jpeg-noise-at-full-quality": lambda: saved((640, 480), quality=100, subsampling=0),
    "jpeg-progressive": lambda: scans(14, (640, 480)),
    "jpeg-60-scans-of-a-small-picture": lambda: scans(60, (640, 480)),
    "jpeg-and-video": lambda: saved((640, 480)) + NOISE * 15,
    "jpeg-and-filling-behind": lambda: saved((640, 480)) + flood(b"\xff", 1_000_000),
    "jpeg-40-segments": lambda: jpeg(*(segment(0xE0 + i % 16, b"note" * 500) for i in range(40)), size=(640, 480)),
    "jpeg-profile": lambda: jpeg(*profile_in_segments(20), size=(640, 480)),
    "jpeg-maker-note": lambda: jpeg(
        segment(0xE1, EXIF + exif((37500, 7, 60_000), blob=NOISE[:60_000])), size=(640, 480)
    ),
    "jpeg-previews": lambda: jpeg(in_segments(0xE1, NOISE * 4, b"http://ns.adobe.com/xmp/"), size=(640, 480)),
    "jpeg-aligned": lambda: jpeg(b"\xff" * 3000, segment(0xFE), b"\xff" * 500, size=(640, 480)),
    "jpeg-restarts": lambda: saved((640, 480), restart_marker_blocks=1),
    "jpeg-two-prefixes": lambda: jpeg(segment(0xE1, EXIF * 2 + exif((315, 2, 9), blob=b"Somebody\0")), size=(640, 480)),
    "jpeg-broken-exif": lambda: jpeg(segment(0xE1, EXIF + b"II*\0\xff\xff\xff\xff"), size=(640, 480)),
    "jpeg-exif-of-noise": lambda: jpeg(segment(0xE1, EXIF + b"II*\0\x08\0\0\0" + NOISE[:60_000]), size=(640, 480)),
    "png-pieces-of-1-kb": lambda: noisy_png(step=1024),
    "png-pieces-of-8-kb": lambda: noisy_png(),
    "png-in-one-piece": lambda: noisy_png(step=1 << 30),
    "png-interlaced": lambda: png(size=(640, 480), interlace=1, pixels=chunk(b"IDAT", zlib.compress(bytes(310_000)))),
    "png-single-frame": lambda: noisy_png(chunk(b"acTL", struct.pack(">II", 1, 0))),
    "png-profile": lambda: noisy_png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(900_000)))),
    "webp-lossless-noise": lambda: saved((640, 480), "WEBP", lossless=True),
    "webp-metadata": lambda: saved((640, 480), "WEBP", icc_profile=PROFILE, exif=exif((315, 2, 9), blob=b"Somebody\0")),
    "tiff-strip-for-each-row": lambda: tiff(
        size=(640, 480), strips=([640 * y for y in range(480)], [640] * 480), blob=NOISE[: 640 * 480]
    ),
    "tiff-tiles-of-16": lambda: written_by_tifffile(tile=(16, 16)),
    "tiff-noise-in-lzw": lambda: saved((640, 480), "TIFF", compression="tiff_lzw"),
    "tiff-layers": lambda: tiff((37724, 7, 30_000_000), size=(640, 480), blob=NOISE * 15, strips=([0], [640 * 480])),
    "tiff-profile": lambda: saved((640, 480), "TIFF", icc_profile=PROFILE),
    "bmp-and-more": lambda: saved((640, 480), "BMP") + bytes(1000),
}


def written_by_tifffile(**options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.frombuffer(NOISE[: 640 * 480], np.uint8).reshape(480, 640), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("make", GENUINE.values(), ids=GENUINE)
def test_genuine_file_is_read(make):
    photo = decode(make())
    assert (photo.width, photo.height) == (640, 480)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("JPEG", lambda: scans(14, FULL), id="jpeg-14-scans"),
        pytest.param(
            "PNG", lambda: png(size=FULL, pixels=flood(chunk(b"IDAT", bytes(8192)), 48_000_000)), id="png-8-kb"
        ),
        pytest.param(
            "PNG", lambda: png(size=FULL, pixels=flood(chunk(b"IDAT", bytes(1024)), 48_000_000)), id="png-1-kb"
        ),
        pytest.param(
            "TIFF",
            lambda: tiff(size=FULL, strips=([8000 * y for y in range(6000)], [8000] * 6000), blob=bytes(48_000_000)),
            id="tiff-6000-strips",
        ),
    ],
)
def test_genuine_file_of_48_megapixels_passes(name, make):
    check(make(), name, 50)


def test_genuine_metadata_comes_back():
    photo = decode(jpeg(*profile_in_segments(20)))
    assert photo.icc_profile == PROFILE


def test_run_length_bmp_reads_the_same_elsewhere():
    rows = [b"".join(bytes([2, value]) for value in NOISE[32 * y : 32 * (y + 1)]) + b"\0\0" for y in range(48)]
    data = bmp(compression=1, pixels=b"".join(rows) + b"\0\1")
    photo = decode(data)
    np.testing.assert_array_equal(photo.pixels, np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB")))


# Others at the same time


def test_two_photos_are_decoded_at_the_same_time(monkeypatch):
    meeting = threading.Barrier(2, timeout=30)

    def opener(stream):
        meeting.wait()  # breaks if nobody else comes this far
        return PngImageFile(stream)

    monkeypatch.setattr(decoding, "opener", lambda name: opener)
    with ThreadPoolExecutor(2) as pool:
        photos = list(pool.map(decode, [png(), png()]))
    assert [photo.width for photo in photos] == [64, 64]


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        pytest.param(tiff((315, 2, 9), (296, 3, 2)), "too many entries", id="tiff"),
        pytest.param(jpeg(segment(0xE1, EXIF + exif((315, 2, 60_000)))), "larger than file", id="exif"),
    ],
)
def test_warnings_of_the_library_neither_fail_nor_leak(data, warning):
    """Even where warnings are errors, as in these tests and with `python -W error`."""
    with pytest.warns(UserWarning, match=warning):  # which puts the usual filters aside
        decode(data)
    before = list(warnings.filters)
    assert decode(data).width == 64
    assert warnings.filters == before
    code = "import sys; from denoise.image import decode; decode(sys.stdin.buffer.read())"
    command = [sys.executable, "-W", "error", "-c", code]
    assert subprocess.run(command, input=data, capture_output=True, check=True).stderr == b""

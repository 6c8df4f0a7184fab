"""Files changed at random: each is either read or refused with a sentence, and what is read comes back.

In the tests a fixed number of files, the same in every run. Longer on demand, with files never tried before:

    python -m tests.attack.fuzz --minutes 5
"""

import argparse
import io
import itertools
import math
import os
import random
import re
import secrets
import struct
import sys
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.ExifTags import IFD, Base

from denoise.image import Metadata, Photo, PhotoError, decode, encode
from tests.attack import sandbox
from tests.raws import dng

MEGAPIXELS = 0.3  # larger pictures are refused, so that time and memory are those of small ones
SECONDS = 2  # of processor time for a file, reading, writing and reading again
MEBIBYTES = 150  # by which the memory may grow
INTERESTING = (0, 1, 2, 7, 8, 16, 100, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535)
LARGE = (1 << 16, 100_000, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


# Seeds


def seeds() -> dict[str, bytes]:
    """Returns a small file of every kind that is read."""
    y, x = np.mgrid[:24, :40]
    rng = np.random.default_rng(0)
    rgb = (np.stack([x * 6, y * 10, (x + y) * 4], axis=2) + rng.integers(0, 16, (24, 40, 3))).astype(np.uint8)
    grey, alpha, deep = rgb[..., 0].copy(), rgb[..., 1].copy(), rgb * np.uint16(257)
    exif, profile = _exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    )
    told = {"exif": exif, "icc_profile": profile, "dpi": (300, 300)}
    palette = PillowImage.fromarray(rgb).quantize(16)
    photos = {
        "png": Photo(rgb),
        "png-alpha": Photo(rgb, alpha=alpha),
        "png-grey": Photo(np.dstack([grey] * 3), grey=True),
        "png16": Photo(deep, alpha=alpha * np.uint16(257)),
        "webp": Photo(rgb, alpha=alpha, format="WEBP"),
        "tiff": Photo(rgb, format="TIFF"),
        "tiff16": Photo(deep, format="TIFF"),
        "bmp": Photo(rgb, format="BMP"),
        "bmp-alpha": Photo(rgb, alpha=alpha, format="BMP"),
        "heic": Photo(rgb, format="HEIC", icc_profile=profile, metadata=Metadata(exif, xmp)),
        "heic-deep": Photo(deep, format="HEIC"),
        "avif": Photo(rgb, alpha=alpha, format="AVIF", icc_profile=profile, metadata=Metadata(exif, xmp)),
        "avif-deep": Photo(deep, format="AVIF"),
        "jxl": Photo(rgb, alpha=alpha, format="JXL", icc_profile=profile, metadata=Metadata(exif, xmp)),
        "ppm16": Photo(deep, format="PPM"),
    }
    return {
        **{name: encode(photo) for name, photo in photos.items()},
        "png-told": _saved(rgb, "PNG", **told),
        "png-palette": _saved(palette, "PNG", transparency=bytes(range(0, 256, 16))),
        "png-bits": _saved(PillowImage.fromarray(grey).convert("1"), "PNG"),
        "png-animated": _saved(rgb, "PNG", save_all=True, append_images=[PillowImage.fromarray(255 - rgb)]),
        "jpeg": _saved(rgb, "JPEG", comment=b"comment", xmp=xmp, **told),
        "jpeg-progressive": _saved(rgb, "JPEG", progressive=True),
        "jpeg-grey": _saved(grey, "JPEG", restart_marker_blocks=2),
        "jpeg-cmyk": _saved(PillowImage.fromarray(rgb).convert("CMYK"), "JPEG"),
        "jpeg-two": _saved(rgb, "MPO", save_all=True, append_images=[PillowImage.fromarray(rgb[:8, :8])]),
        "webp-lossy": _saved(rgb, "WEBP", quality=80, xmp=xmp, exif=exif, icc_profile=profile),
        "webp-animated": _saved(rgb, "WEBP", save_all=True, append_images=[PillowImage.fromarray(255 - rgb)]),
        "tiff-told": _saved(rgb, "TIFF", **told),
        "tiff-palette": _saved(palette, "TIFF"),
        "tiff-cmyk": _saved(PillowImage.fromarray(rgb).convert("CMYK"), "TIFF"),
        "tiff-fax": _saved(PillowImage.fromarray(grey).convert("1"), "TIFF", compression="group4"),
        **{f"tiff-{kind}": _saved(rgb, "TIFF", compression=kind) for kind in ("tiff_lzw", "packbits", "jpeg")},
        "tiff-tiles": _written(rgb, photometric="rgb", tile=(16, 16), compression="zlib", predictor=True),
        "tiff16-tiles": _written(deep, photometric="rgb", tile=(16, 16)),
        "tiff16-strips": _written(deep, photometric="rgb", rowsperstrip=1, byteorder=">"),
        "tiff-planes": _written(rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        "tiff-float": _written(rgb / np.float32(255), photometric="rgb", compression="zlib"),
        "tiff16-planes": _written(deep.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(16, 16)),
        "tiff16-selections": _written(np.dstack([deep, deep]), photometric="rgb", extrasamples=[0] * 3),
        "jp2": _saved(np.tile(rgb, (2, 2, 1)), "JPEG2000"),  # no side below 32, with which some cannot be written
        "jp2-bare": _saved(np.tile(grey, (2, 2)), "JPEG2000", no_jp2=True, irreversible=True),
        "dng": dng(rgb / 255, orientation=6, xmp=xmp),
        "bigtiff": _written(rgb, photometric="rgb", bigtiff=True),
        "bmp-palette": _saved(palette, "BMP"),
        "bmp-run-length": _run_length_bmp(grey),
    }


def _exif() -> bytes:
    exif = PillowImage.Exif()
    exif[Base.Make], exif[Base.Orientation] = "Maker", 6
    exif.get_ifd(IFD.Exif)[Base.ExposureTime] = 0.25
    exif.get_ifd(IFD.Exif)[Base.MakerNote] = b"note" * 9
    exif.get_ifd(IFD.GPSInfo)[1] = "N"
    return exif.tobytes()


def _saved(picture: np.ndarray | PillowImage.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    (PillowImage.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(buffer, kind, **options)
    return buffer.getvalue()


def _written(samples: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def _run_length_bmp(grey: np.ndarray) -> bytes:
    height, width = grey.shape
    rows = b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in grey[::-1]) + b"\0\1"
    palette = b"".join(struct.pack("<I", 0x10203 * value) for value in range(256))
    head = struct.pack("<2sIII", b"BM", 54 + len(palette) + len(rows), 0, 54 + len(palette))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return head + info + palette + rows


# Changing


def changed(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Returns a file with one to four changes; the checksums of a PNG are mostly made right again."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        change = rng.choice((_set_bytes, _set_number, _set_number, _cut, _exchange, _exchange))
        data = change(data, rng) if change is not _exchange else _exchange(data, rng.choice(others), rng)
    return _with_checksums(data) if data.startswith(b"\x89PNG") and rng.random() < 0.8 else data


def _place(data: bytes, rng: random.Random) -> int:
    """Returns a place, half of the time near the beginning, where headers are."""
    return rng.randrange(1 + min(len(data), rng.choice((60, 400, len(data), len(data)))))


def _set_bytes(data: bytes, rng: random.Random) -> bytes:
    return _replaced(data, _place(data, rng), rng.randbytes(rng.choice((1, 1, 1, 2, 8))))


def _set_number(data: bytes, rng: random.Random) -> bytes:
    """Writes a number over another one: of usual limits, or a little more or less than it was."""
    place, size, order = _place(data, rng), rng.choice((1, 2, 2, 4, 4, 8)), rng.choice(("little", "big"))
    before = int.from_bytes(data[place : place + size], order)
    after = rng.choice((before + rng.choice((-1, 1)), before * 2, rng.choice(INTERESTING), rng.choice(LARGE)))
    return _replaced(data, place, (after % (1 << 8 * size)).to_bytes(size, order))


def _cut(data: bytes, rng: random.Random) -> bytes:
    """Takes some bytes out, or repeats them, or leaves the end away."""
    start, end = sorted((_place(data, rng), _place(data, rng)))
    return rng.choice(
        (data[:start] + data[end:], data[:end] + data[start:end] * rng.choice((1, 9)) + data[end:], data[:end])
    )


def _exchange(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Repeats, takes out, swaps or brings in segments, chunks or entries."""
    parts = _parts(data)
    here, there = rng.randrange(len(parts)), rng.randrange(len(parts))
    if (act := rng.randrange(4)) == 0:
        parts[here] *= rng.choice((2, 3, 50, 1500))
    elif act == 1:
        del parts[here]
    elif act == 2:
        parts[here], parts[there] = parts[there], parts[here]
    else:
        parts.insert(here, rng.choice(_parts(other)))
    return b"".join(parts)


def _replaced(data: bytes, place: int, content: bytes) -> bytes:
    return data[:place] + content + data[place + len(content) :]


def _parts(data: bytes) -> list[bytes]:
    """Returns the pieces that a file consists of, as far as they can be told apart."""
    if data.startswith(b"\xff\xd8"):
        places = [match.start() for match in re.finditer(rb"\xff[\xc0-\xcf\xd8-\xfe]", data)]
    elif data.startswith((b"II", b"MM")):
        first = int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
        places = list(range(first + 2, min(len(data), first + 400), 12))
    elif data.startswith((b"\x89PNG", b"RIFF")):
        is_png = data.startswith(b"\x89PNG")
        places, position = [], 8 if is_png else 12
        while position + 8 <= len(data):
            places.append(position)
            (size,) = struct.unpack_from(">I" if is_png else "<4xI", data, position)
            position += 12 + size if is_png else 8 + size + size % 2
    else:
        places = list(range(14, len(data), 40))
    return [data[start:end] for start, end in itertools.pairwise([0, *places, len(data)])]


def _with_checksums(data: bytes) -> bytes:
    """Returns a PNG whose chunks have the checksums that their contents ask for."""
    parts = _parts(data)
    return parts[0] + b"".join(
        part[:-4] + struct.pack(">I", zlib.crc32(part[4:-4])) if len(part) >= 12 else part for part in parts[1:]
    )


# Trying


def examine(data: bytes) -> tuple[bool, str]:
    """Returns whether a file was read, and what is wrong with how it was dealt with."""
    memory, begin, wrong, is_read = sandbox.most_memory(), time.process_time(), "", False
    try:
        photo = decode(data, max_megapixels=MEGAPIXELS)
        is_read = True
        again = decode(encode(photo))
        if not (_equal(photo, again) if photo.lossless else photo.pixels.shape == again.pixels.shape):
            wrong = "does not come back"
    except PhotoError as error:
        wrong = f"written, but refused: {error}" if is_read else "" if str(error).endswith(".") else "no sentence"
    except BaseException as error:
        wrong = repr(error)
    seconds, mebibytes = time.process_time() - begin, sandbox.most_memory() - memory
    if not wrong and (seconds > SECONDS or mebibytes > MEBIBYTES):
        wrong = f"{seconds:.1f} s, {mebibytes:.0f} MiB"
    return is_read, wrong


def _equal(photo: Photo, again: Photo) -> bool:
    pairs = ((photo.pixels, again.pixels), (photo.alpha, again.alpha))
    return all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)


def made(key: str, index: int) -> tuple[str, bytes]:
    """Returns the name of a seed and what it was changed to; always the same for the same arguments."""
    rng, originals = random.Random(f"{key} {index}"), _seeds()
    name = rng.choice(list(originals))
    alike = [data for other, data in originals.items() if other[:3] == name[:3]]
    return name, changed(originals[name], alike, rng)


_seeds = cache(seeds)


def _work(sender, current, key: str, indices: range, until: float) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the libraries print of each file
    for index in indices:
        if time.monotonic() > until:
            break
        current.value = index
        sandbox.limit(10 * SECONDS)
        sender.send((index, *examine(made(key, index)[1])))


def fuzz(key: str, indices: range, until: float = math.inf) -> tuple[int, int, dict[int, str]]:
    """Tries files, in a process of its own that is replaced when a file ends it.

    Returns:
        How many files were tried, how many of them were read, and what was wrong by index.
    """
    tried = read = 0
    wrong: dict[int, str] = {}
    while len(indices) and time.monotonic() < until:
        receiver, sender = sandbox.PROCESSES.Pipe(duplex=False)
        current = sandbox.PROCESSES.Value("q", indices.start)
        process = sandbox.PROCESSES.Process(target=_work, args=(sender, current, key, indices, until))
        process.start()
        sender.close()
        with suppress(EOFError):
            while True:
                index, is_read, fault = receiver.recv()
                tried, read = tried + 1, read + is_read
                if fault:
                    wrong[index] = fault
        process.join()
        if process.exitcode == 0:
            break
        wrong[current.value] = f"ended with {process.exitcode}"
        indices = range(current.value + 1, indices.stop)
    return tried, read, wrong


def main() -> int:
    """Tries files for some minutes; those that went wrong are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--key", default=secrets.token_hex(4), help="tries the same files again")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="folder for files that went wrong")
    options = parser.parse_args()
    tried, read, wrong = fuzz(options.key, range(1 << 40), time.monotonic() + 60 * options.minutes)
    print(f"{tried} files of key {options.key}: {read} read, {tried - read} refused, {len(wrong)} wrong")
    for index, fault in wrong.items():
        name, data = made(options.key, index)
        options.keep.mkdir(exist_ok=True)
        (options.keep / f"{options.key}-{index}-{name}").write_bytes(data)
        print(f"{options.keep}/{options.key}-{index}-{name}: {fault}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

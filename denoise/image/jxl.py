"""JPEG XL: a codestream, bare or among boxes. Source: ISO/IEC 18181-2 (boxes), and libjxl.

Two bindings bring it: pylibjxl knows 8 bit only, and pyjpegxl puts no profile where other programs find it. They get
the codestream alone: of compressed boxes they would unpack whatever these hold.
"""

from importlib import import_module
from typing import Any

import numpy as np

from denoise.image import exif
from denoise.image.boxes import Box, boxed, boxes
from denoise.image.directories import check_exif
from denoise.image.photo import Metadata, Photo, Samples
from denoise.image.png import CREDENTIALS
from denoise.image.refusals import animation, check_notes, check_size, damaged, missing

_NAME = "JXL"
SIGNATURES = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
_PICTURE = (b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp")
_BESIDE = {b"brob": "compressed EXIF and XMP", b"jhgm": "HDR gain map", b"jumb": CREDENTIALS}  # that is not kept


def check(data: bytes, max_megapixels: float) -> None:
    """Refuses files that are cut off, too large, or animations, or hold much more than a genuine one does.

    Raises:
        PhotoError: If the file is one of these.
        struct.error: If the file is cut off.
    """
    notes = [box for box in _boxes(data) if box.kind not in _PICTURE]
    check_notes(_NAME, len(_boxes(data)), sum(box.end - box.start for box in notes))
    check_exif(read(data).exif, _NAME)
    facts = _facts(data)
    check_size(_NAME, facts["width"], facts["height"], max_megapixels)
    if facts["have_animation"]:
        raise animation(_NAME)


def samples_of(data: bytes) -> tuple[Samples, int, bytes, list[str]]:
    """Returns samples of 8 or 16 bit, upright, how many of these they use, the colour profile, and what cannot be kept.

    Raises:
        ValueError: libjxl cannot read it.
    """
    facts = _facts(data)
    try:
        told, samples = _library("pyjpegxl").decode_to_numpy(_picture(data), dtype=_dtype(facts))
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    kinds = {box.kind for box in _boxes(data)}
    lost = [what for kind, what in _BESIDE.items() if kind in kinds]
    bits = int(facts["bits_per_sample"])
    if facts["exponent_bits_per_sample"]:
        lost.append("floating point")
    elif bits > 16:
        lost.append(f"{bits}-bit depth")
    return np.atleast_3d(samples), min(16, max(8, bits)), told.icc or b"", lost


def layout_of(data: bytes) -> tuple[int, int, int, int]:
    """Returns width, height, how many samples a pixel has, and how many bytes of each are read."""
    facts = _facts(data)
    return facts["width"], facts["height"], facts["channels"], np.dtype(_dtype(facts)).itemsize


def read(data: bytes) -> Metadata:
    """Returns what the boxes say."""
    found = {box.kind: data[box.start : box.end] for box in _boxes(data)[::-1]}
    block = found.get(b"Exif", b"")
    return Metadata(block[4 + int.from_bytes(block[:4]) :], found.get(b"xml ", b""))


def write(samples: Samples, photo: Photo, quality: int) -> bytes:
    """Returns a file of samples of 8 bit, or of 16 in sRGB; it is lossless at a quality of 100.

    What a quality means follows libjxl (`JxlEncoderDistanceFromQuality`).
    """
    distance = 0.1 + 0.09 * (100 - quality) if quality >= 30 else 53 / 3000 * quality**2 - 1.15 * quality + 25
    if samples.dtype == np.uint16:
        library = _library("pyjpegxl")
        file: bytes = library.encode_from_numpy(
            np.ascontiguousarray(samples),
            lossless=quality == 100,
            quality=min(distance, 15.0),  # so it calls a distance
            speed=library.EncoderSpeed.Hare,  # as the effort below
        )
    else:
        file = _library("pylibjxl").encode(
            np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples),
            lossless=quality == 100,
            distance=distance,
            effort=5,  # of 10: more takes several times as long
            icc=photo.icc_profile or None,
        )
    said = photo.metadata
    block = said.exif and bytes(4) + said.exif.removeprefix(exif.PREFIX)
    notes = ((b"Exif", block), (b"xml ", said.xmp))
    told = b"".join(boxed(kind, note) for kind, note in notes if note)  # which the library would compress
    if not told or not file.startswith(SIGNATURES[0]):
        return file + told
    return SIGNATURES[1] + boxed(b"ftyp", b"jxl \0\0\0\0jxl ") + boxed(b"jxlc", file) + told


def takes(icc_profile: bytes, channels: int) -> bool:
    """Returns whether a file of 8 bit can hold a colour profile, which libjxl takes apart."""
    try:
        _library("pylibjxl").encode(np.zeros((1, 1, 3)[: 2 if channels == 1 else 3], np.uint8), icc=icc_profile)
    except RuntimeError:
        return False
    return True


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise missing(_NAME) from error


def _facts(data: bytes) -> dict[str, Any]:
    library = _library("pylibjxl")
    try:
        facts: dict[str, Any] = library.probe(_picture(data))
    except (RuntimeError, ValueError) as error:
        raise damaged(_NAME) from error
    return facts


def _dtype(facts: dict[str, Any]) -> str:
    return "uint16" if facts["bits_per_sample"] > 8 else "uint8"


def _boxes(data: bytes) -> list[Box]:
    return [] if data.startswith(SIGNATURES[0]) else list(boxes(data))


def _picture(data: bytes) -> bytes:
    """Returns the file without all that is not the picture itself."""
    if data.startswith(SIGNATURES[0]):
        return data
    kept = (box for box in _boxes(data) if box.kind in _PICTURE)
    return b"".join(boxed(box.kind, data[box.start : box.end]) for box in kept)

"""PPM and PGM: samples behind a line or two of text. Source: the Netpbm format specifications, ppm(5) and pgm(5)."""

import re

import numpy as np

from denoise.image.photo import PhotoError, Samples, stretched
from denoise.image.refusals import check_size, cut_short, damaged

_NAME = "PPM"
_BINARY = {b"P5": 1, b"P6": 3}
_TEXT_OR_ELSE = (b"P1", b"P2", b"P3", b"P4", b"P7", b"PF", b"Pf")
_HEAD = re.compile(rb"P[56](?:\s|#[^\n]*\n)+?(\d{1,9})(?:\s|#[^\n]*\n)+?(\d{1,9})(?:\s|#[^\n]*\n)+?(\d{1,9})\s")
_LONGEST_HEAD = 4096  # bytes


def is_netpbm(data: bytes) -> bool:
    """Returns whether a file begins as those of this family do: others begin with their letters, too."""
    return data[:2] in (*_BINARY, *_TEXT_OR_ELSE) and data[2:3] in (b" ", b"\t", b"\n", b"\r", b"#")


def check(data: bytes, max_megapixels: float) -> None:
    """Refuses files that are cut off, too large, or hold text in place of samples.

    Raises:
        PhotoError: If the file is one of these.
    """
    width, height, channels, top, start = _head(data)
    check_size(_NAME, width, height, max_megapixels)
    if start + width * height * channels * (1 + (top > 255)) > len(data):
        raise cut_short(_NAME)


def depth_of(data: bytes) -> int:
    """Returns whether samples have 8 bit or 16, see `read`."""
    return 16 if _head(data)[3] > 255 else 8


def read(data: bytes) -> Samples:
    """Returns the samples of a file that has passed `check`: of 8 bit or, if there is more in them, of 16."""
    width, height, channels, top, start = _head(data)
    stored = np.frombuffer(data, np.uint8 if top < 256 else ">u2", width * height * channels, start)
    samples: Samples = stored.astype(np.uint8 if top < 256 else np.uint16).reshape(height, width, channels)
    most = np.iinfo(samples.dtype).max
    return samples if top == most else stretched(samples, top, most).astype(samples.dtype)


def write(samples: Samples) -> bytes:
    """Returns a PGM or PPM of samples with one channel or three."""
    height, width, channels = samples.shape
    head = f"P{5 if channels == 1 else 6}\n{width} {height}\n{np.iinfo(samples.dtype).max}\n"
    return head.encode() + samples.astype(samples.dtype.newbyteorder(">")).tobytes()


def _head(data: bytes) -> tuple[int, int, int, int, int]:
    """Returns width, height, channels, the greatest value, and where the samples begin."""
    if data[:2] in _TEXT_OR_ELSE:
        raise PhotoError(
            "This Netpbm picture is of a kind (text, bitmap, float or PAM) that cannot be read here. "
            "Save it as a binary PPM or PGM, or as PNG, and try again."
        )
    head = _HEAD.match(data[:_LONGEST_HEAD])
    if head is None:
        raise damaged(_NAME)
    width, height, top = (int(number) for number in head.groups())
    if not 0 < top < 65536:
        raise damaged(_NAME)
    return width, height, _BINARY[data[:2]], top, head.end()

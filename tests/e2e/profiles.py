"""Colour profiles, made by hand: the smallest that browsers take."""

import struct
from collections.abc import Mapping, Sequence

_D50 = (0.9642, 1.0, 0.8249)


def display_p3() -> bytes:
    """Return the profile of wide screens, in which phones take their photos: other primaries, the curve of sRGB."""
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return _profile(
        b"RGB ",
        {name: _xyz(xyz) for name, xyz in primaries.items()} | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    )


def grey() -> bytes:
    """Return the profile of a grey photo that looks lighter than sRGB would have it."""
    return _profile(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">IHH", 1, round(256 * 1.4), 0)})


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    text = "made for a test".encode("utf-16-be")
    text = b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(_D50), **tags}
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", 128 + len(table) + len(content), 0x04300000, b"mntr", space, b"XYZ ", b"acsp"
    )
    return header + _fixed(*_D50) + bytes(48) + table + content


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))

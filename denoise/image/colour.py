"""Colour spaces: networks know sRGB alone, so they are shown a photo as sRGB would hold it, and its file keeps its own.

Linear light, the curve of ProPhoto, PQ and HLG give noise another size in the shadows than a network has ever seen, and
wide primaries make its colours paler.

Sources: ICC.1:2022, sections 10.6 (curves), 10.18 (parametric curves) and 10.31 (XYZ); ITU-T H.273 (code points of PNG,
HEIC and AVIF); ITU-R BT.2100 (PQ, HLG) and BT.2408 (the white of the latter); IEC 61966-2-1 (sRGB).
"""

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image.photo import Photo, Pixels, bands

Curve = Callable[[NDArray[Any]], NDArray[Any]]
"""Linear light, where 1 is white, of the values of a file, in [0, 1]."""

_ROWS = 64  # that are looked at together
_POINTS = 4097  # of a curve, between which it is straight
_VALUES = np.linspace(0, 1, _POINTS)
_NEAR = 0.02  # how far values and shares of primaries may be from those of sRGB
_WHITEST = 1.01  # light; what can be more has room above white
_KNEE = 0.85  # where white is shown of what can be lighter than white
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65 = (0.3127, 0.3290)
_PRIMARIES = {  # x and y of red, green, blue, white, by code point
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
}


class Space(NamedTuple):
    """What the values of a photo mean.

    Attributes:
        light: (K,), linear light of K values that are evenly spaced over [0, 1], ascending; 1 is white.
        mix: (3, 3), the linear light of sRGB's primaries from that of the photo's; each row sums up to 1.
    """

    light: NDArray[np.float64]
    mix: NDArray[np.float64]

    def shown(self, pixels: Pixels) -> NDArray[np.uint16]:
        """Return a photo, (H, W, 3), as sRGB holds it; what sRGB does not have is the nearest that it has."""
        shown = np.empty(pixels.shape, np.uint16)
        for rows, _, _ in bands(len(pixels), _ROWS):
            shown[rows] = np.rint(65535 * self._srgb(pixels[rows]).clip(0, 1))
        return shown

    def returned(self, pixels: Pixels, shown: Pixels, changed: Pixels) -> Pixels:
        """Return a photo to which has been done what was done to its version in sRGB.

        What is not changed there is not changed here; and as far as a colour is beyond sRGB, it stays so.

        Args:
            pixels: Photo, (H, W, 3).
            shown: The same in sRGB, see `shown`.
            changed: What became of that.
        """
        result = pixels.copy()
        top, unmix = np.iinfo(pixels.dtype).max, np.linalg.inv(self.mix).astype(np.float64)
        values = np.linspace(0, top, len(self.light), dtype=np.float32)
        for rows, _, _ in bands(len(pixels), _ROWS):
            srgb = self._srgb(pixels[rows])
            srgb += changed[rows] / np.float32(65535) - srgb.clip(0, 1)
            light = _mixed(srgb_to_linear(_unbend(srgb) if self._is_high else srgb), unmix)
            back = np.rint(np.interp(light, self.light, values)).astype(pixels.dtype)
            is_changed = (changed[rows] != shown[rows]).any(axis=2)
            result[rows][is_changed] = back[is_changed]
        return result

    @property
    def _is_high(self) -> bool:
        """Whether something can be lighter than white."""
        return bool(self.light[-1] > _WHITEST)

    def _srgb(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return rows in sRGB, beyond [0, 1] where colours are that sRGB does not have."""
        every = np.linspace(0, 1, np.iinfo(pixels.dtype).max + 1)
        light = np.interp(every, np.linspace(0, 1, len(self.light)), self.light).astype(np.float32)[pixels]
        srgb = linear_to_srgb(_mixed(light, self.mix))
        return _bend(srgb) if self._is_high else srgb


def space_of(photo: Photo) -> Space | None:
    """Return the space of a photo's colours; `None` if they are as in sRGB, or nothing is known of them."""
    space = _told(photo)
    if space is None or _is_srgb(space):
        return None
    is_usable = space.light[-1] > 0.5 and np.abs(np.linalg.det(space.mix)) > 0.01
    return space if is_usable else None


def needs_profile(photo: Photo) -> bool:
    """Return whether a photo's profile says anything but sRGB, which is what is meant where none is."""
    return bool(photo.icc_profile) and not ((space := _told(photo)) and _is_srgb(space))


def _told(photo: Photo) -> Space | None:
    space = None
    # A profile may hold anything.
    with suppress(struct.error, ValueError, LookupError, ArithmeticError, np.linalg.LinAlgError):
        space = _of_profile(photo.icc_profile) if photo.icc_profile else _of_chunks(dict(photo.colour_chunks))
    return space if space and np.isfinite(space.light).all() and np.isfinite(space.mix).all() else None


def _is_srgb(space: Space) -> bool:
    curve, mix = np.abs(linear_to_srgb(space.light).ravel() - _VALUES).max(), np.abs(space.mix - np.eye(3)).max()
    return bool(max(curve, mix) < _NEAR)


# What files say


def _of_profile(profile: bytes) -> Space | None:
    tags = {}
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(min(count, 100)):
        kind, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        tags[kind] = profile[start : start + size]
    if b"cicp" in tags and (space := _of_code_points(tags[b"cicp"][8:10])):
        return space
    if b"kTRC" in tags:
        return _space(_curve(tags[b"kTRC"]), np.eye(3))
    if b"rTRC" not in tags:  # tables, which mean anything
        return None
    columns = [struct.unpack_from(">3i", tags[kind], 8) for kind in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return _space(_curve(tags[b"gTRC"]), np.array(columns).T / 65536)


def profile_of(photo: Photo) -> bytes:
    """Return an ICC profile for what a PNG, HEIC or AVIF tells of its colours otherwise.

    It is empty if there is nothing to be told, or something can be lighter than white, which no simple profile tells.
    """
    space = space_of(replace(photo, icc_profile=b""))
    if space is None or space.light[-1] > _WHITEST:
        return b""
    curve = b"curv" + struct.pack(">4xI", _POINTS) + np.rint(65535 * space.light.clip(0, 1)).astype(">u2").tobytes()
    columns = (_primaries(*_PRIMARIES[1]) @ space.mix).T
    tags = {b"desc": b"desc" + struct.pack(">4xI", 8) + b"Colours\0" + bytes(79), b"cprt": b"text\0\0\0\0CC0\0"}
    for kind, values in zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), (_D50, *columns), strict=True):
        tags[kind] = b"XYZ " + struct.pack(">4x3i", *(round(65536 * value) for value in values))
    start = 128 + 4 + 12 * (len(tags) + 3)
    table, blocks = struct.pack(">I", len(tags) + 3), b""
    for kind, block in (*tags.items(), (b"rTRC", curve)):
        for each in (b"rTRC", b"gTRC", b"bTRC") if kind == b"rTRC" else (kind,):
            table += struct.pack(">4sII", each, start + len(blocks), len(block))
        blocks += block + bytes(-len(block) % 4)
    head = struct.pack(">I4xI4s4s4s", start + len(blocks), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(65536 * value) for value in _D50))
    return head.ljust(128, b"\0") + table + blocks


def _curve(tag: bytes) -> Curve:
    if tag.startswith(b"para"):
        (kind,) = struct.unpack_from(">H", tag, 8)
        numbers = [value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
        gamma, a, b, c, d, e, f = numbers + [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(numbers) :]
        if kind in (1, 2):  # whose fourth number is added everywhere
            c, d, e, f = 0.0, -b / a, c, c
        return lambda values: np.where(values >= d, np.maximum(a * values + b, 0) ** gamma + e, c * values + f)
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda values: values
    if count == 1:
        (power,) = struct.unpack_from(">H", tag, 12)
        return lambda values: values ** (power / 256)
    table = np.frombuffer(tag, ">u2", count, 12) / 65535
    return lambda values: np.interp(values, np.linspace(0, 1, count), table)


def _of_chunks(chunks: dict[bytes, bytes]) -> Space | None:
    """Return what a PNG tells beside a profile, or HEIC and AVIF in its place."""
    if b"cICP" in chunks:
        return _of_code_points(chunks[b"cICP"])
    if b"sRGB" in chunks or not chunks.keys() & {b"gAMA", b"cHRM"}:
        return None
    curve: Curve = srgb_to_linear
    if b"gAMA" in chunks:
        (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
        curve = _power(100_000 / gamma) if abs(gamma - 45455) > 500 else srgb_to_linear
    primaries = _PRIMARIES[1]
    if b"cHRM" in chunks:
        white, *colours = np.array(struct.unpack(">8I", chunks[b"cHRM"])).reshape(4, 2) / 100_000
        primaries = (*np.ravel(colours), *white)
    return _space(curve, _primaries(*primaries))


def _of_code_points(codes: bytes) -> Space | None:
    if codes[0] not in _PRIMARIES or codes[1] not in _TRANSFERS:
        return None
    return _space(_TRANSFERS[codes[1]], _primaries(*_PRIMARIES[codes[0]]))


def _space(curve: Curve, primaries: NDArray[np.float64]) -> Space:
    """Return the space of a curve and primaries, whose XYZ for white D50 are the columns; as they are, if the unit."""
    mix = primaries if np.array_equal(primaries, np.eye(3)) else np.linalg.inv(_primaries(*_PRIMARIES[1])) @ primaries
    light = np.maximum.accumulate(curve(_VALUES)) + 1e-9 * _VALUES  # never flat, so that it can be undone
    return Space(light, mix / mix.sum(axis=1, keepdims=True))


def _primaries(rx: float, ry: float, gx: float, gy: float, bx: float, by: float, wx: float, wy: float) -> Any:
    """Return XYZ, for white D50, of red, green and blue as columns, from their x and y (Bradford adaptation)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in ((rx, ry), (gx, gy), (bx, by))]).T
    white = np.array([wx / wy, 1, (1 - wx - wy) / wy])
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    return adapt @ columns * np.linalg.solve(columns, white)


# Curves


def srgb_to_linear(shown: NDArray[Any]) -> NDArray[Any]:
    """Return the linear light of sRGB's values; of negative values the same, negative."""
    size = np.abs(shown)
    light: NDArray[Any] = np.copysign(
        np.where(size <= 0.04045, size / 12.92, cv2.pow((size + 0.055) / 1.055, 2.4)), shown
    )
    return light


def linear_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Return sRGB's values of linear light; of negative light the same, negative."""
    size = np.abs(light)
    shown: NDArray[Any] = np.copysign(
        np.where(size <= 0.0031308, 12.92 * size, 1.055 * cv2.pow(size, 1 / 2.4) - 0.055), light
    )
    return shown


def _bend(shown: NDArray[Any]) -> NDArray[Any]:
    """Make room for what is lighter than white: below, all is darker by a factor; above, it comes closer to 1."""
    above = np.maximum(shown - 1, 0) * (_KNEE / (1 - _KNEE))
    return np.where(shown <= 1, _KNEE * shown, _KNEE + (1 - _KNEE) * above / (1 + above))


def _unbend(bent: NDArray[Any]) -> NDArray[Any]:
    share = ((bent - _KNEE) / (1 - _KNEE)).clip(0, 0.999)
    return np.where(bent <= _KNEE, bent / _KNEE, 1 + share / (1 - share) * ((1 - _KNEE) / _KNEE))


def _mixed(light: NDArray[Any], mix: NDArray[np.float64]) -> NDArray[Any]:
    """Return light (H, W, 3) of other primaries; as differences, so that equal channels stay exactly equal."""
    red, green, blue = np.moveaxis(light, -1, 0)
    mixed = np.empty_like(light)
    share = mix.astype(light.dtype)
    mixed[..., 0] = red + share[0, 1] * (green - red) + share[0, 2] * (blue - red)
    mixed[..., 1] = green + share[1, 0] * (red - green) + share[1, 2] * (blue - green)
    mixed[..., 2] = blue + share[2, 0] * (red - blue) + share[2, 1] * (green - blue)
    return mixed


def _power(exponent: float) -> Curve:
    return lambda values: values**exponent


def _camera(values: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.709 and BT.2020, of which the two parts meet."""
    a, b = 1.09929682680944, 0.018053968510807
    return np.where(values < 4.5 * b, values / 4.5, ((values + a - 1) / a) ** (1 / 0.45))


def _pq(values: NDArray[Any]) -> NDArray[Any]:
    """SMPTE ST 2084, with white at 203 candelas a square metre."""
    power = values ** (32 / 2523)
    light = (np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305)
    candelas: NDArray[Any] = 10_000 * light
    return candelas / 203


def _hlg(values: NDArray[Any]) -> NDArray[Any]:
    """ARIB STD-B67, with white at three quarters of its range."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073

    scene: NDArray[Any] = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    white: float = (np.exp((0.75 - c) / a) + b) / 12
    return scene / white


_TRANSFERS: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _camera),
    **{4: _power(2.2), 5: _power(2.8), 8: _power(1.0), 13: srgb_to_linear, 16: _pq, 18: _hlg},
}

"""Colour spaces: the network is shown a photo as sRGB would hold it, and the file keeps its own."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms

from denoise.catalogue import load_denoiser
from denoise.image import Photo, decode, encode, losses, space_of
from denoise.pipeline import denoise_photo

SAMPLE = Path(__file__).parents[1] / "samples"
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
PRIMARIES = {  # of red, green, blue, and white
    "srgb": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65),
    "p3": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *D65),
    "adobe": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65),
    "rec2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    "prophoto": (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, *D50),
}


def to_light(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def from_light(light):
    light = light.clip(0, None)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def pq(light):
    """SMPTE ST 2084 in the numbers of its standard, white at 203 cd/m²."""
    power = (light.clip(0, None) * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light):
    scene = light.clip(0, None) * 0.26496256
    curved = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), curved)


def rec709(light):
    light = light.clip(0, None)
    return np.where(light < 0.018054, 4.5 * light, 1.099297 * light**0.45 - 0.099297)


def xyz(primaries):
    """XYZ of red, green and blue as columns, for the white that they are meant for."""
    pairs = np.reshape(primaries, (4, 2))
    red, green, blue, white = ([x / y, 1, (1 - x - y) / y] for x, y in pairs)
    columns = np.array([red, green, blue]).T
    return columns * np.linalg.solve(columns, white)


def for_d50(primaries):
    """The same as profiles hold it (Bradford adaptation, ICC.1:2022 annex E)."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    columns = xyz(primaries)
    ratio = (cone @ [0.9642, 1, 0.8249]) / (cone @ columns.sum(axis=1))
    return np.linalg.inv(cone) @ np.diag(ratio) @ cone @ columns


def icc(primaries, curve):
    tags = {b"desc": b"desc" + struct.pack(">4xI", 5) + b"Test\0" + bytes(78), b"cprt": b"text\0\0\0\0CC0\0"}
    columns = ((0.9642, 1, 0.8249), *for_d50(PRIMARIES[primaries]).T)
    for kind, values in zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[kind] = b"XYZ " + struct.pack(">4x3i", *(round(65536 * value) for value in values))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, blocks = struct.pack(">I", len(tags)), b""
    for kind, block in tags.items():
        table += struct.pack(">4sII", kind, 132 + 12 * len(tags) + len(blocks), len(block))
        blocks += block + bytes(-len(block) % 4)
    size = 128 + len(table) + len(blocks)
    head = struct.pack(">I4xI4s4s4s", size, 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + blocks


def gamma(exponent):
    return b"curv" + struct.pack(">4xIH", 1, round(256 * exponent))


def parametric(kind, *numbers):
    return b"para" + struct.pack(f">4xH2x{len(numbers)}i", kind, *(round(65536 * number) for number in numbers))


LINEAR = b"curv" + bytes(8)
OF_SRGB = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def table(curve):
    return b"curv" + struct.pack(">4xI", 1024) + np.rint(65535 * curve(np.linspace(0, 1, 1024))).astype(">u2").tobytes()


def code_points(primaries, transfer):
    return {"colour_chunks": ((b"cICP", bytes([primaries, transfer, 0, 1])),)}


def profile(primaries, curve):
    return {"icc_profile": icc(primaries, curve)}


# What the file says, its primaries, and its values for linear light.
SPACES = [
    pytest.param(profile("p3", OF_SRGB), "p3", from_light, id="p3"),
    pytest.param(profile("adobe", gamma(563 / 256)), "adobe", lambda light: light ** (256 / 563), id="adobe"),
    pytest.param(profile("prophoto", gamma(1.8)), "prophoto", lambda light: light ** (1 / 1.80078), id="prophoto"),
    pytest.param(profile("rec2020", table(lambda v: v**2.4)), "rec2020", lambda light: light ** (1 / 2.4), id="table"),
    pytest.param(profile("srgb", LINEAR), "srgb", lambda light: light, id="linear"),
    pytest.param(profile("rec2020", LINEAR), "rec2020", lambda light: light, id="linear-rec2020"),
    pytest.param(code_points(12, 13), "p3", from_light, id="p3-by-code"),
    pytest.param(code_points(9, 1), "rec2020", rec709, id="rec2020-by-code"),
    pytest.param(code_points(9, 16), "rec2020", pq, id="pq"),
    pytest.param(code_points(9, 18), "rec2020", hlg, id="hlg"),
    pytest.param({"colour_chunks": ((b"gAMA", struct.pack(">I", 100_000)),)}, "srgb", lambda light: light, id="gAMA"),
]


@pytest.fixture(scope="module")
def network():
    with load_denoiser("unet", Photo(np.zeros((4, 4, 3), np.uint8))) as denoiser:
        yield denoiser


@pytest.fixture(scope="module")
def route(network):
    """A noisy sample, what is clean of it, and what becomes of it in sRGB; in [0, 1]."""
    noisy, clean = (
        decode((SAMPLE / f"coffee.{kind}.png").read_bytes()).pixels[60:188, 60:188] for kind in ("noisy", "clean")
    )
    denoised = denoise_photo(Photo(noisy * np.uint16(257)), network).pixels / 65535
    return noisy / 255, clean / 255, denoised


def psnr(one, other):
    return -10 * np.log10(np.square(one - other).mean())


@pytest.mark.parametrize(("told", "primaries", "values"), SPACES)
def test_denoise_photo_does_as_well_in_any_space(told, primaries, values, route, network):
    noisy, clean, denoised = route
    mix = np.linalg.inv(for_d50(PRIMARIES[primaries])) @ for_d50(PRIMARIES["srgb"])
    stored = np.rint(65535 * values((to_light(noisy) @ mix.T).clip(0, None)).clip(0, 1)).astype(np.uint16)
    photo = Photo(stored, **told)
    result = denoise_photo(photo, network)
    assert (result.icc_profile, result.colour_chunks) == (photo.icc_profile, photo.colour_chunks)
    grid = np.linspace(0, 1, 65536) ** 4 * (1 if values(np.array(1.0)) > 0.99 else 20)
    light = np.interp(result.pixels / 65535, values(grid), grid)
    back = from_light(light @ np.linalg.inv(mix).T).clip(0, 1)
    assert abs(psnr(back, clean) - psnr(denoised, clean)) < 0.25  # decibels; it gains 4
    assert np.abs((back - denoised).mean(axis=(0, 1))).max() * 255 < 0.5


def test_spaces_differ_enough_to_be_told(route, network):
    """What the test above would find without them."""
    noisy, clean, denoised = route
    stored = np.rint(65535 * to_light(noisy)).astype(np.uint16)
    back = from_light(denoise_photo(Photo(stored), network).pixels / 65535)
    assert psnr(back, clean) < psnr(denoised, clean) - 1


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({}, id="nothing"),
        pytest.param(
            {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}, id="littlecms"
        ),
        pytest.param(profile("srgb", OF_SRGB), id="profile"),
        pytest.param(code_points(1, 13), id="code"),
        pytest.param(code_points(2, 2), id="unspecified"),
        pytest.param({"colour_chunks": ((b"sRGB", b"\0"),)}, id="chunk"),
        pytest.param({"colour_chunks": ((b"gAMA", struct.pack(">I", 45455)),)}, id="gamma"),
    ],
)
def test_space_of_is_none_for_srgb(told):
    assert space_of(Photo(np.zeros((1, 1, 3), np.uint8), **told)) is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no profile", id="short"),
        pytest.param(bytes(128) + b"\xff" * 400, id="garbage"),
        pytest.param(icc("srgb", b"para" + bytes(4) + b"\0\x09" + bytes(40)), id="unknown-curve"),
        pytest.param(icc("srgb", parametric(1, 2.2, 0.0, 0.5)), id="division-by-zero"),
        pytest.param(icc("srgb", b"curv" + struct.pack(">4xI", 2**31)), id="huge-table"),
        pytest.param(icc("srgb", gamma(0)), id="flat"),
        pytest.param(icc("srgb", LINEAR).replace(b"XYZ \0\0\0\0", b"XYZ \0\0\0\1"), id="still-readable"),
        pytest.param(icc("srgb", LINEAR).replace(b"rTRC", b"A2B0"), id="tables"),
    ],
)
def test_broken_profiles_do_no_harm(content, network):
    photo = Photo(np.full((8, 8, 3), 77, np.uint8), icc_profile=content)
    assert denoise_photo(photo, lambda tile, level: tile).pixels.tolist() == photo.pixels.tolist()


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        pytest.param(parametric(0, 2.0), lambda v: v**2, id="0"),
        pytest.param(parametric(1, 2.0, 2.0, -1.0), lambda v: np.where(v >= 0.5, (2 * v - 1) ** 2, 0), id="1"),
        pytest.param(
            parametric(2, 2.0, 2.0, -1.0, 0.1), lambda v: np.where(v >= 0.5, (2 * v - 1) ** 2, 0) + 0.1, id="2"
        ),
        pytest.param(parametric(3, 2.0, 1.0, 0.0, 0.5, 0.5), lambda v: np.where(v >= 0.5, v**2, 0.5 * v), id="3"),
        pytest.param(
            parametric(4, 2.0, 1.0, 0.0, 0.5, 0.5, 0.01, 0.0),
            lambda v: np.where(v >= 0.5, v**2 + 0.01, 0.5 * v),
            id="4",
        ),
        pytest.param(table(lambda v: v**3), lambda v: v**3, id="table"),
        pytest.param(LINEAR, lambda v: v, id="identity"),
    ],
)
def test_curves_of_profiles_are_read(curve, expected):
    space = space_of(Photo(np.zeros((1, 1, 3), np.uint8), icc_profile=icc("srgb", curve)))
    np.testing.assert_allclose(space.light, expected(np.linspace(0, 1, len(space.light))), atol=1e-4)
    np.testing.assert_allclose(space.mix, np.eye(3), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("told", "primaries", "values"), SPACES)
def test_what_is_not_changed_comes_back_exactly(told, primaries, values, dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (64, 64, 3), dtype, endpoint=True)  # far beyond sRGB, too
    photo = Photo(pixels, **told)
    np.testing.assert_array_equal(denoise_photo(photo, lambda tile, level: tile).pixels, pixels)
    space = space_of(photo)
    shown = space.shown(pixels)
    changed = shown.copy()
    changed[::2, ::2] ^= 1
    returned = space.returned(pixels, shown, changed)
    assert np.median(np.abs(returned.astype(int) - pixels)) <= (2 if dtype == np.uint16 else 0)
    is_same = (changed == shown).all(axis=2)
    np.testing.assert_array_equal(returned[is_same], pixels[is_same])


def test_grey_stays_grey_in_any_space():
    pixels = np.random.default_rng(0).integers(0, 65535, (64, 64, 1), np.uint16).repeat(3, axis=2)
    photo = Photo(pixels, **profile("prophoto", gamma(1.8)))
    assert np.ptp(space_of(photo).shown(pixels), axis=2).max() == 0
    result = denoise_photo(photo, lambda tile, level: (tile + np.roll(tile, 1, axis=0)) / 2).pixels
    assert np.ptp(result, axis=2).max() == 0
    assert result.std() < 0.9 * pixels.std()


def test_a_png_tells_its_colours_to_other_formats_by_a_profile():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    for told in (code_points(12, 13), code_points(9, 8), {"colour_chunks": ((b"gAMA", struct.pack(">I", 55_556)),)}):
        photo = Photo(pixels, format="PNG", **told)
        again = decode(encode(replace(photo, format="TIFF")))
        assert losses(again) == []
        one, other = space_of(photo), space_of(again)
        np.testing.assert_allclose(one.light, other.light, atol=1e-3)
        np.testing.assert_allclose(one.mix, other.mix, atol=2e-3)
        assert ImageCms.ImageCmsProfile(io.BytesIO(again.icc_profile)).profile.connection_space == "XYZ "


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["HEIC", "AVIF"])
def test_heic_and_avif_tell_their_colours_as_they_came(name, dtype):
    pixels = np.full((48, 64, 3), np.iinfo(dtype).max // 2, dtype)
    for codes in (code_points(9, 16), code_points(9, 18), code_points(12, 13)):
        photo = Photo(pixels, format=name, significant_bits=10, **codes)
        assert losses(photo) == []
        for quality in (90, 100):
            again = decode(encode(photo, quality=quality))
            assert again.colour_chunks == photo.colour_chunks
            np.testing.assert_allclose(again.pixels / np.iinfo(dtype).max, 0.5, atol=0.01)
            assert decode(encode(replace(again, format="PNG"))).colour_chunks == photo.colour_chunks


def test_high_dynamic_range_is_said_not_to_fit_elsewhere():
    photo = Photo(np.zeros((8, 8, 3), np.uint16), format="TIFF", **code_points(9, 16))
    assert losses(photo) == ["colour space"]

import io
import resource
import struct
import time
import tracemalloc
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.ExifTags import IFD, Base

from denoise import image
from denoise.image import (
    Metadata,
    Photo,
    PhotoError,
    decode,
    encode,
    formats_for,
    outline,
    to_float,
    to_pixels,
    with_depth,
    without_metadata,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DEPTHS = [pytest.param(np.uint8, id="8bit"), pytest.param(np.uint16, id="16bit")]
KINDS = [
    pytest.param(grey, alpha, id=("grey" if grey else "rgb") + ("-alpha" if alpha else ""))
    for grey in (False, True)
    for alpha in (False, True)
]


def make_photo(dtype=np.uint8, *, grey=False, alpha=False, shape=(37, 53), **rest):
    """A photo of pure noise: every value of the depth may occur, no row or column is like another."""
    rng, top = np.random.default_rng(7), np.iinfo(dtype).max
    pixels = rng.integers(0, top, (*shape, 1 if grey else 3), dtype, endpoint=True)
    opacity = rng.integers(0, top, shape, dtype, endpoint=True) if alpha else None
    return Photo(np.repeat(pixels, 3, axis=2) if grey else pixels, alpha=opacity, grey=grey, **rest)


def smooth(shape=(40, 56)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([x * 4, y * 5, (x + y) * 2], axis=2).astype(np.uint8)


def make_exif(orientation=1):
    exif = PillowImage.Exif()
    exif[Base.Make] = "Maker"
    exif[Base.Orientation] = orientation
    exif.get_ifd(IFD.Exif)[Base.ExposureTime] = 0.25
    exif.get_ifd(IFD.Exif)[Base.MakerNote] = b"note" * 9
    return exif.tobytes()


def saved(picture, kind, **options):
    buffer = io.BytesIO()
    (PillowImage.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(buffer, kind, **options)
    return buffer.getvalue()


def saved_tiff(samples, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def png(*chunks, width=4, height=2, depth=8, colour_type=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def make_cmyk_profile():
    """The smallest CMYK profile: a table of 2 entries a side to Lab, white paper, every ink at full is L = 0."""
    table = bytes(v for i in range(16) for v in (255 if i == 0 else 128 if i.bit_count() == 1 else 0, 128, 128))
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + table + identity * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags, blob, entries = [(b"A2B0", lut), (b"wtpt", white), (b"desc", text)], b"", b""
    for kind, data in tags:
        entries += struct.pack(">4sII", kind, 128 + 4 + 12 * len(tags) + len(blob), len(data))
        blob += data + bytes(-len(data) % 4)
    body = struct.pack(">I", len(tags)) + entries + blob
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + body


def read_independently(data, photo):
    """Reads the file with a library other than the one `decode` uses, as (H, W, C)."""
    if photo.format == "TIFF":
        return np.atleast_3d(tifffile.imread(io.BytesIO(data)))
    if photo.format == "PNG" and photo.bit_depth == 16:  # each row is filtered by Sub
        position, body = 8, b""
        while position < len(data):
            size, kind = struct.unpack_from(">I4s", data, position)
            (checksum,) = struct.unpack_from(">I", data, position + 8 + size)
            assert zlib.crc32(data[position + 4 : position + 8 + size]) == checksum
            body += data[position + 8 : position + 8 + size] if kind == b"IDAT" else b""
            position += 12 + size
        rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(photo.height, -1)
        assert set(rows[:, 0]) == {1}
        differences = rows[:, 1:].reshape(photo.height, photo.width, -1)
        return np.cumsum(differences, axis=1, dtype=np.uint8).view(">u2").astype(np.uint16)
    return np.atleast_3d(np.asarray(PillowImage.open(io.BytesIO(data))))


# Round trips


@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (1, 9), (700, 3)], ids=str)
@pytest.mark.parametrize(("grey", "alpha"), KINDS)
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        pytest.param("PNG", np.uint8, id="png8"),
        pytest.param("PNG", np.uint16, id="png16"),
        pytest.param("TIFF", np.uint8, id="tiff8"),
        pytest.param("TIFF", np.uint16, id="tiff16"),
        pytest.param("WEBP", np.uint8, id="webp"),
        pytest.param("BMP", np.uint8, id="bmp"),
    ],
)
def test_encode_lossless_comes_back(kind, dtype, grey, alpha, shape):
    photo = make_photo(dtype, grey=grey, alpha=alpha, shape=shape, format=kind)
    again = decode(encode(photo))
    assert again.pixels.dtype == dtype
    assert again.format == kind
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    if alpha:
        assert again.alpha.dtype == dtype
        np.testing.assert_array_equal(again.alpha, photo.alpha)
    else:
        assert again.alpha is None
    colour_only = kind == "WEBP" or (alpha and (kind == "BMP" or (kind == "TIFF" and dtype == np.uint16)))
    assert again.grey == (grey and not colour_only)


@pytest.mark.parametrize(("grey", "alpha"), KINDS)
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_encode_reads_the_same_elsewhere(kind, dtype, grey, alpha):
    photo = make_photo(dtype, grey=grey, alpha=alpha, format=kind)
    samples = read_independently(encode(photo), photo)
    np.testing.assert_array_equal(samples[..., 0], photo.pixels[..., 0])
    if not grey:
        np.testing.assert_array_equal(samples[..., :3], photo.pixels)
    if alpha:
        np.testing.assert_array_equal(samples[..., -1], photo.alpha)
    rgba = grey and alpha and kind == "TIFF" and dtype == np.uint16
    assert samples.shape[2] == (4 if rgba else (1 if grey else 3) + alpha)


@pytest.mark.parametrize("kind", ["WEBP", "BMP"])
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
def test_encode_reads_the_same_in_the_other_library(kind, alpha):
    photo = make_photo(alpha=alpha, format=kind)
    data = encode(photo)
    if kind == "BMP":  # decoded through Pillow
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        samples = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA if alpha else cv2.COLOR_BGR2RGB)
    else:
        samples = np.asarray(PillowImage.open(io.BytesIO(data)))
    np.testing.assert_array_equal(samples[..., :3], photo.pixels)
    if alpha:
        np.testing.assert_array_equal(samples[..., 3], photo.alpha)


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_encode_jpeg_stays_close_at_full_colour_resolution(grey):
    pixels = smooth() if not grey else np.repeat(smooth()[..., :1], 3, axis=2)
    data = encode(Photo(pixels, grey=grey, format="JPEG"))
    opened = PillowImage.open(io.BytesIO(data))
    assert opened.mode == ("L" if grey else "RGB")
    assert {layer[1:3] for layer in opened.layer} == {(1, 1)}  # 4:4:4
    again = decode(data)
    assert again.grey == grey
    assert np.abs(again.pixels.astype(int) - pixels).max() <= 8


def test_encode_jpeg_is_smaller_and_farther_off_at_lower_quality():
    photo = Photo(smooth(), format="JPEG")
    files = [encode(photo, quality=quality) for quality in (60, 80, 95)]
    assert sorted(files, key=len) == files
    errors = [np.abs(decode(file).pixels.astype(int) - photo.pixels).mean() for file in files]
    assert sorted(errors, reverse=True) == errors


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_with_transparency_is_written_in_8_bit(kind):
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint16)
    deep = Photo(257 * levels[..., :3], alpha=257 * levels[..., 3], format=kind)
    shallow = decode(encode(with_depth(deep, 8)))
    assert (shallow.bit_depth, with_depth(shallow, 16).alpha.dtype) == (8, np.uint16)
    np.testing.assert_array_equal(np.dstack([shallow.pixels, shallow.alpha]), levels)


def test_encode_refuses_opacity_of_another_depth():
    with pytest.raises(ValueError, match="uint16"):
        encode(Photo(np.zeros((2, 2, 3), np.uint8), alpha=np.zeros((2, 2), np.uint16)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_outline_tells_all_of_a_photo_but_what_takes_memory(dtype):
    samples = np.full((6, 8, 4), 9, dtype)
    photo = Photo(
        samples[..., :3], samples[..., 3], True, "WEBP", False, metadata=Metadata(xmp=b"<x/>"), icc_profile=b"profile"
    )
    found = outline(photo)
    for name in ("width", "height", "bit_depth", "grey", "format", "lossless"):
        assert getattr(found, name) == getattr(photo, name), name
    assert (found.pixels.nbytes, found.alpha.nbytes) == (photo.pixels.nbytes, photo.alpha.nbytes)
    assert (found.metadata, found.icc_profile) == (Metadata(), b"")
    assert [np.unique(each).tolist() for each in (found.pixels, found.alpha)] == [[0], [0]]
    assert found.pixels.strides == (0, 0, 0)  # one sample is all there is
    assert found.alpha.strides == (0, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_without_metadata_leaves_no_trace_of_exif_and_keeps_the_profile(kind):
    photo = make_photo(np.uint8, format=kind, metadata=Metadata(make_exif()), icc_profile=SRGB)
    assert b"Maker" in encode(photo)
    file = encode(without_metadata(photo))
    assert b"Maker" not in file
    assert decode(file).icc_profile == SRGB


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (16383, []),
        (16384, ["WEBP", "HEIC"]),
        (16385, ["WEBP", "HEIC", "AVIF"]),
        (65501, ["WEBP", "HEIC", "AVIF", "JPEG"]),
    ],
    ids=str,
)
def test_formats_for_leaves_out_what_cannot_hold_the_photo(width, missing):
    photo = Photo(np.zeros((32, width, 3), np.uint8), format="TIFF")
    every = {"PNG", "JPEG", "WEBP", "TIFF", "BMP", "HEIC", "AVIF", "JPEG2000", "PPM", "JXL"}
    assert formats_for(photo)[0] == "TIFF"
    assert set(formats_for(photo)) == every - set(missing)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_encode_keeps_exif_and_profile(kind, dtype):
    photo = make_photo(dtype, format=kind, metadata=Metadata(make_exif()), icc_profile=SRGB, dpi=(300.0, 150.0))
    data = encode(photo)
    photo = decode(data)
    assert photo.icc_profile == SRGB
    for block in (
        photo.metadata.exif,
        decode(encode(photo)).metadata.exif,
        PillowImage.open(io.BytesIO(data)).getexif().tobytes(),
    ):
        exif = PillowImage.Exif()
        exif.load(block)
        assert exif[Base.Make] == "Maker"
        assert exif.get_ifd(IFD.Exif)[Base.ExposureTime] == 0.25
        assert exif.get_ifd(IFD.Exif)[Base.MakerNote] == b"note" * 9
        assert exif.get(Base.Orientation, 1) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_encode_keeps_dpi(kind, dtype):
    data = encode(make_photo(dtype, format=kind, dpi=(300.0, 150.0)))
    assert PillowImage.open(io.BytesIO(data)).info["dpi"] == pytest.approx((300, 150), abs=0.02)
    again = decode(data)
    assert again.dpi == pytest.approx((300, 150), abs=0.02)
    assert decode(encode(again)).dpi == pytest.approx(again.dpi, abs=1e-9)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_decode_without_metadata_invents_none(kind):
    photo = decode(encode(make_photo(format=kind)))
    assert (photo.metadata.exif, photo.icc_profile, photo.dpi) == (b"", b"", None)


# Converting in encode


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP"])
def test_encode_rounds_16_bit_to_8(kind):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = Photo(np.repeat(values[..., np.newaxis], 3, axis=2), format=kind)
    expected = np.rint(values / 257).astype(int)
    difference = decode(encode(photo)).pixels[..., 0].astype(int) - expected
    assert np.abs(difference).max() <= (2 if kind == "JPEG" else 0)


def test_encode_grey_with_equal_channels_is_exact():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = Photo(np.repeat(values[..., np.newaxis], 3, axis=2), grey=True)
    np.testing.assert_array_equal(decode(encode(photo)).pixels, photo.pixels)


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_encode_jpeg_lays_transparency_over_white(dtype, grey):
    top = np.iinfo(dtype).max
    alpha = np.zeros((16, 32), dtype)
    alpha[:, 16:] = top
    photo = Photo(np.zeros((16, 32, 3), dtype), alpha=alpha, grey=grey, format="JPEG")
    pixels = decode(encode(photo)).pixels
    assert pixels[:, :16].min() >= 253
    assert pixels[:, 16:].max() <= 2


def test_encode_webp_drops_a_grey_profile():
    profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    photo = make_photo(grey=True, icc_profile=profile)
    assert decode(encode(photo)).icc_profile == profile
    assert decode(encode(replace(photo, format="WEBP"))).icc_profile == b""


def test_encode_jpeg_drops_exif_that_cannot_fit():
    exif = make_exif() + bytes(70_000)
    assert decode(encode(make_photo(format="JPEG", metadata=Metadata(exif)))).metadata.exif == b""
    assert decode(encode(make_photo(format="PNG", metadata=Metadata(exif)))).metadata.exif == exif


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*", b"junk"], ids=["far", "cut", "junk"]
)
def test_encode_tiff_survives_broken_exif(exif):
    photo = make_photo(format="TIFF", metadata=Metadata(exif))
    np.testing.assert_array_equal(decode(encode(photo)).pixels, photo.pixels)


def test_encode_tiff_ignores_structure_in_exif():
    exif = PillowImage.Exif()
    exif[Base.ImageWidth], exif[Base.Compression], exif[Base.Model] = 999, 6, "Model"
    photo = make_photo(format="TIFF", metadata=Metadata(exif.tobytes()))
    again = decode(encode(photo))
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert b"Model" in again.metadata.exif


@pytest.mark.parametrize(("kind", "width"), [("WEBP", 16384), ("JPEG", 65501)])
def test_encode_too_wide_for_format(kind, width):
    with pytest.raises(PhotoError, match=r"at most \d+ pixels wide or high"):
        encode(Photo(np.zeros((1, width, 3), np.uint8), format=kind))


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "BMP"])
def test_encode_takes_pixels_in_any_memory_layout(kind, dtype):
    photo = make_photo(dtype)
    turned = replace(photo, pixels=photo.pixels.swapaxes(0, 1)[::-1], format=kind)
    contiguous = replace(turned, pixels=np.ascontiguousarray(turned.pixels))
    assert encode(turned) == encode(contiguous)


def test_encode_unknown_format():
    with pytest.raises(ValueError, match="must be one of PNG"):
        encode(make_photo(format="GIF"))


# Modes and orientation in decode


def pillow_modes():
    rgb = PillowImage.fromarray(smooth())
    palette = rgb.quantize(16)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = palette if mode == "P" else rgb.convert(mode)
        for kind in ("PNG", "TIFF", "BMP", "WEBP", "JPEG"):
            if (kind == "JPEG" and mode in ("LA", "P", "RGBA")) or (kind == "BMP" and mode in ("LA", "RGBA")):
                continue
            if kind == "WEBP" and mode in ("1", "L", "LA", "P"):
                continue
            options = {"lossless": True} if kind == "WEBP" else {}
            yield pytest.param(picture, kind, options, id=f"{kind.lower()}-{mode}")
    yield pytest.param(palette, "PNG", {"transparency": 3}, id="png-P-transparent")
    yield pytest.param(palette, "PNG", {"transparency": bytes(range(0, 256, 16))}, id="png-P-alphas")
    yield pytest.param(rgb.convert("L"), "PNG", {"transparency": 40}, id="png-L-transparent")
    yield pytest.param(rgb, "PNG", {"transparency": (0, 0, 0)}, id="png-RGB-transparent")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield pytest.param(rgb, "TIFF", {"compression": compression}, id=f"tiff-{compression}")
    yield pytest.param(rgb.convert("1"), "TIFF", {"compression": "group4"}, id="tiff-group4")
    yield pytest.param(rgb, "JPEG", {"progressive": True, "quality": 90}, id="jpeg-progressive")


@pytest.mark.parametrize(("picture", "kind", "options"), list(pillow_modes()))
def test_decode_modes(picture, kind, options):
    data = saved(picture, kind, **options)
    opened = PillowImage.open(io.BytesIO(data))
    rgba = np.asarray(opened.convert("RGBA"))
    photo = decode(data)
    assert photo.bit_depth == 8
    assert photo.grey == (picture.mode in ("1", "L", "LA"))
    np.testing.assert_array_equal(photo.pixels, rgba[..., :3])
    if opened.has_transparency_data:
        np.testing.assert_array_equal(photo.alpha, rgba[..., 3])
    else:
        assert photo.alpha is None


def test_decode_palette_of_greys_is_grey():
    photo = decode(saved(PillowImage.fromarray(smooth()[..., 0]).quantize(8), "PNG"))
    assert photo.grey


@pytest.mark.parametrize("depth", [1, 2, 4, 16])
def test_decode_grey_png_with_one_transparent_value(depth):
    width = 64 // depth
    row = bytes(range(3, 11))  # 64 bits, of which the first value is the transparent one
    first = int.from_bytes(row, "big") >> (64 - depth)
    data = png(
        (b"tRNS", struct.pack(">H", first)),
        (b"IDAT", zlib.compress((b"\0" + row) * 2)),
        width=width,
        depth=depth,
        colour_type=0,
    )
    photo = decode(data)
    top = np.iinfo(photo.pixels.dtype).max
    values = [int.from_bytes(row, "big") >> (64 - depth * (x + 1)) & (2**depth - 1) for x in range(width)]
    np.testing.assert_array_equal(photo.pixels[0, :, 0], [value * top // (2**depth - 1) for value in values])
    np.testing.assert_array_equal(photo.alpha[0], [0 if value == first else top for value in values])
    assert photo.grey


def test_decode_rgb16_png_with_one_transparent_colour():
    samples = make_photo(np.uint16, shape=(2, 4)).pixels
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    data = png((b"tRNS", samples[0, 0].astype(">u2").tobytes()), (b"IDAT", zlib.compress(rows)), depth=16)
    photo = decode(data)
    np.testing.assert_array_equal(photo.pixels, samples)
    np.testing.assert_array_equal(photo.alpha == 0, np.arange(8).reshape(2, 4) == 0)


@pytest.mark.parametrize(
    "layout",
    [{"byteorder": "<"}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": "<"}],
    ids=["little-endian", "big-endian", "bigtiff"],
)
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}], ids=str)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_decode_16_bit_tiff(channels, options, layout):
    samples = np.random.default_rng(1).integers(0, 65536, (37, 53, channels), np.uint16)
    colour = {"photometric": "minisblack" if channels == 1 else "rgb"}
    if channels == 4:
        colour["extrasamples"] = ["unassalpha"]
    photo = decode(saved_tiff(samples.squeeze(), **layout, **colour, **options))
    np.testing.assert_array_equal(photo.pixels, samples[..., :3] if channels > 1 else samples.repeat(3, axis=2))
    assert photo.grey == (channels == 1)
    if channels == 4:
        np.testing.assert_array_equal(photo.alpha, samples[..., 3])


@pytest.mark.parametrize("dtype", DEPTHS)
def test_decode_tiff_divides_by_associated_alpha(dtype):
    top = np.iinfo(dtype).max
    photo = make_photo(dtype, alpha=True)
    alpha = np.maximum(photo.alpha, top // 2)
    multiplied = np.rint(photo.pixels * (alpha[..., np.newaxis] / top)).astype(dtype)
    data = saved_tiff(np.dstack([multiplied, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    again = decode(data)
    np.testing.assert_array_equal(again.alpha, alpha)
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= 2


def test_decode_tiff_ignores_unspecified_extra_channel():
    samples = np.dstack([make_photo(np.uint16).pixels, np.zeros((37, 53), np.uint16)])
    photo = decode(saved_tiff(samples, photometric="rgb", extrasamples=["unspecified"]))
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, samples[..., :3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        pytest.param("PNG", np.uint8, id="png8"),
        pytest.param("PNG", np.uint16, id="png16"),
        pytest.param("TIFF", np.uint8, id="tiff8"),
        pytest.param("TIFF", np.uint16, id="tiff16"),
        pytest.param("WEBP", np.uint8, id="webp"),
        pytest.param("JPEG", np.uint8, id="jpeg"),
    ],
)
def test_decode_applies_orientation(kind, orientation, dtype):
    stored = smooth((16, 32)).astype(dtype)
    if kind == "TIFF":
        data = saved_tiff(stored, photometric="rgb", extratags=[(Base.Orientation, "H", 1, orientation, True)])
    else:
        data = encode(Photo(stored, format=kind, metadata=Metadata(make_exif(orientation))))
    transposition = {
        2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
        3: PillowImage.Transpose.ROTATE_180,
        4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
        5: PillowImage.Transpose.TRANSPOSE,
        6: PillowImage.Transpose.ROTATE_270,
        7: PillowImage.Transpose.TRANSVERSE,
        8: PillowImage.Transpose.ROTATE_90,
    }.get(orientation)
    upright = PillowImage.fromarray(stored.astype(np.uint8))
    upright = np.asarray(upright.transpose(transposition) if transposition is not None else upright)
    photo = decode(data)
    assert (photo.height, photo.width) == upright.shape[:2]
    assert np.abs(photo.pixels.astype(int) - upright).max() <= (8 if kind == "JPEG" else 0)
    again = decode(encode(photo))
    assert again.pixels.shape == photo.pixels.shape  # and not turned a second time


def test_decode_exif_changes_orientation_and_thumbnail_only():
    exif = make_exif(6)
    changed = decode(encode(make_photo(format="JPEG", metadata=Metadata(exif)))).metadata.exif
    assert len(changed) == len(exif)
    differing = [(a, b) for a, b in zip(exif, changed, strict=True) if a != b]
    assert differing == [(6, 1)]


def test_decode_exif_unlinks_thumbnail():
    exif = bytearray(make_exif())
    (directory,) = struct.unpack_from(">I" if exif[6:8] == b"MM" else "<I", exif, 10)
    order = ">" if exif[6:8] == b"MM" else "<"
    (count,) = struct.unpack_from(order + "H", exif, 6 + directory)
    struct.pack_into(order + "I", exif, 6 + directory + 2 + 12 * count, directory)
    assert decode(encode(make_photo(format="JPEG", metadata=Metadata(bytes(exif))))).metadata.exif == make_exif()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_decode_cmyk_without_profile(kind):
    cmyk = PillowImage.new("CMYK", (16, 16), (0, 255, 255, 0))
    photo = decode(saved(cmyk, kind, **({"quality": 100} if kind == "JPEG" else {})))
    assert np.abs(photo.pixels.astype(int) - (255, 0, 0)).max() <= 3
    assert not photo.grey
    assert photo.icc_profile == b""


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_decode_cmyk_through_its_profile(kind):
    cmyk = PillowImage.new("CMYK", (16, 16), (0, 0, 0, 0))
    cmyk.paste((255, 0, 0, 0), (0, 0, 8, 16))
    options = {"quality": 100} if kind == "JPEG" else {}
    photo = decode(saved(cmyk, kind, icc_profile=make_cmyk_profile(), **options))
    assert photo.icc_profile[16:20] == b"RGB "
    assert photo.pixels[:, 8:].min() >= 250  # paper
    half = photo.pixels[:, :8].astype(int)  # cyan is a mid grey in this profile, as no plain conversion makes it
    assert 100 <= half.min() <= half.max() <= 140
    assert PillowImage.open(io.BytesIO(encode(photo))).mode == "RGB"


def test_decode_cmyk_with_unusable_profile():
    photo = decode(saved(PillowImage.new("CMYK", (8, 8)), "TIFF", icc_profile=SRGB))
    assert photo.pixels.min() == 255
    assert photo.icc_profile == b""


def test_decode_multi_picture_jpeg_reads_the_main_picture():
    first, second = PillowImage.fromarray(smooth()), PillowImage.new("RGB", (8, 8))
    data = saved(first, "MPO", save_all=True, append_images=[second])
    photo = decode(data)
    assert photo.format == "JPEG"
    assert photo.pixels.shape == (40, 56, 3)


def test_decode_jpeg_followed_by_a_video():
    junk = np.random.default_rng(0).integers(0, 256, 2_000_000, np.uint8).tobytes()
    assert decode(saved(smooth(), "JPEG") + junk).width == 56


def test_decode_tiff_with_a_thumbnail():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(smooth(), photometric="rgb")
        writer.write(smooth((8, 8)), photometric="rgb", subfiletype=1)
    assert decode(buffer.getvalue()).width == 56


# Refusals


def two_pages(**options):
    buffer = io.BytesIO()
    PillowImage.fromarray(smooth()).save(
        buffer, save_all=True, append_images=[PillowImage.fromarray(255 - smooth())], **options
    )
    return buffer.getvalue()


def raw_like(**options):
    return saved_tiff(smooth((8, 8)), photometric="rgb", **options)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\x89", "not a picture", id="one-byte"),
        pytest.param(b"Dear Sir or Madam", "not a picture", id="text"),
        pytest.param(b"BMW is a car maker in Munich", "not a picture", id="text-BM"),
        pytest.param(b"GIF89a" + bytes(20), "a GIF", id="gif"),
        pytest.param(b"%PDF-1.7" + bytes(20), "a PDF", id="pdf"),
        pytest.param(b"<svg xmlns=''/>", "an SVG", id="svg"),
        pytest.param(b"8BPS" + bytes(20), "Photoshop", id="psd"),
        pytest.param(b"#?RADIANCE\n", "Radiance HDR", id="hdr"),
        pytest.param(b"v/1\x01" + bytes(20), "OpenEXR", id="exr"),
        pytest.param(b"\0\0\0\x18ftypisom" + bytes(20), "a video", id="mp4"),
        pytest.param(b"II*\0\x10\0\0\0CR\x02\0" + bytes(20), "RAW", id="cr2"),
        pytest.param(raw_like(extratags=[(50706, "B", 4, (1, 4, 0, 0), True)]), "RAW", id="dng"),
        pytest.param(raw_like(subfiletype=1), "RAW", id="nef"),
        pytest.param(two_pages(format="WEBP", lossless=True), "WebP is an animation", id="animated-webp"),
        pytest.param(two_pages(format="PNG"), "PNG is an animation", id="animated-png"),
        pytest.param(two_pages(format="TIFF"), "several pages", id="pages"),
        pytest.param(saved_tiff(smooth().astype(np.uint32), photometric="rgb"), "8 or 16 bits", id="tiff-32"),
        pytest.param(saved_tiff(smooth().astype(np.int16), photometric="rgb"), "8 or 16 bits", id="tiff-signed"),
        pytest.param(
            saved_tiff(np.zeros((8, 8, 4), np.uint16), photometric="separated"), "16-bit CMYK", id="tiff-cmyk16"
        ),
        pytest.param(png((b"IDAT", b"junk")), "damaged", id="png-junk"),
        pytest.param(png((b"IDAT", zlib.compress(bytes(13)))), "damaged", id="png-half-the-rows"),
        pytest.param(png(width=0), "damaged", id="png-no-width"),
    ],
)
def test_decode_refuses_with_a_sentence(data, sentence):
    with pytest.raises(PhotoError, match=sentence) as caught:
        decode(data)
    assert str(caught.value).endswith((".", "!"))


EXAMPLES = {
    "png": encode(Photo(smooth(), metadata=Metadata(make_exif(6)), icc_profile=SRGB, dpi=(72.0, 72.0))),
    "png16": encode(Photo(smooth() * np.uint16(257), alpha=smooth()[..., 0] * np.uint16(257))),
    "png-palette": saved(PillowImage.fromarray(smooth()).quantize(16), "PNG"),
    "jpeg": encode(Photo(smooth(), format="JPEG", metadata=Metadata(make_exif(6)), icc_profile=SRGB)),
    "jpeg-progressive": saved(smooth(), "JPEG", progressive=True),
    "jpeg-cmyk": saved(PillowImage.fromarray(smooth()).convert("CMYK"), "JPEG"),
    "webp": encode(Photo(smooth(), format="WEBP", metadata=Metadata(make_exif(6)), icc_profile=SRGB)),
    "webp-lossy": saved(smooth(), "WEBP", quality=80),
    "tiff": encode(Photo(smooth(), format="TIFF", metadata=Metadata(make_exif()), icc_profile=SRGB)),
    "tiff16": encode(Photo(smooth() * np.uint16(257), format="TIFF")),
    "tiff-lzw": saved(smooth(), "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": saved(smooth(), "TIFF", compression="jpeg"),
    "tiff16-tiled": saved_tiff(smooth() * np.uint16(257), photometric="rgb", tile=(16, 16)),
    "bigtiff": saved_tiff(smooth(), photometric="rgb", bigtiff=True),
    "bmp": encode(Photo(smooth(), format="BMP")),
    "bmp-alpha": encode(Photo(smooth(), alpha=smooth()[..., 0].copy(), format="BMP")),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_decode_refuses_truncated(name):
    data = EXAMPLES[name]
    assert decode(data).pixels.any()
    for keep in (*np.linspace(16, len(data) - 2, 12).astype(int), len(data) - 1):
        with pytest.raises(PhotoError, match="cut off"):
            decode(data[:keep])


@pytest.mark.parametrize("name", EXAMPLES)
def test_decode_of_damaged_bytes_raises_photo_error_only(name):
    rng, data = np.random.default_rng(len(name)), EXAMPLES[name]
    refused = 0
    for trial in range(60):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 6)):  # half of the damage in the header
            position = rng.integers(len(data) if trial % 2 else min(len(data), 300))
            damaged[position] = rng.integers(256)
        try:
            photo = decode(bytes(damaged), max_megapixels=2)
        except PhotoError:
            refused += 1
        else:
            assert photo.pixels.shape == (photo.height, photo.width, 3)
            encode(photo)
    assert refused


def huge(kind):
    if kind == "PNG":
        return png((b"IDAT", zlib.compress(bytes(100))), width=100_000, height=100_000)
    small = {"TIFF": EXAMPLES["tiff"], "BMP": EXAMPLES["bmp"], "JPEG": EXAMPLES["jpeg"], "WEBP": EXAMPLES["webp-lossy"]}
    data = bytearray(small[kind])
    if kind == "BMP":
        struct.pack_into("<ii", data, 18, 100_000, 100_000)
    elif kind == "JPEG":
        start = data.index(b"\xff\xc0")
        struct.pack_into(">HH", data, start + 5, 60_000, 60_000)
    elif kind == "WEBP":
        start = data.index(b"\x9d\x01\x2a")
        struct.pack_into("<HH", data, start + 3, 12_000, 12_000)
    else:
        for tag in (Base.ImageWidth, Base.ImageLength):
            start = data.index(struct.pack("<H", tag), 8)
            struct.pack_into("<HII", data, start + 2, 4, 1, 100_000)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_decode_refuses_huge_header_at_once(kind):
    data = huge(kind)
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(PhotoError, match=r"\d+ × \d+ pixels, that is \S+ megapixels; the limit is 50\."):
        decode(data)
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.5  # of the processor; to decode it takes several
    assert peak < 2_000_000


def test_decode_limit_is_configurable():
    data = EXAMPLES["png"]
    assert decode(data, max_megapixels=56 * 40 / 1e6).width
    with pytest.raises(PhotoError, match=r"56 × 40 pixels.*limit is 0\.002\."):
        decode(data, max_megapixels=0.002)


def test_decode_refuses_tiff_with_huge_tiles():
    data = bytearray(saved_tiff(smooth(), photometric="rgb", tile=(16, 16)))
    for tag in (Base.TileWidth, Base.TileLength):
        start = data.index(struct.pack("<HHI", tag, 4, 1))
        struct.pack_into("<I", data, start + 8, 65_536)
    with pytest.raises(PhotoError, match="stores its pixels"):
        decode(bytes(data))


def test_decode_refuses_jpeg_of_thousands_of_scans():
    data = saved(smooth(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    bomb = data[:start] + data[start:-2] * 2000 + data[-2:]
    with pytest.raises(PhotoError, match="more than 100 passes"):
        decode(bomb)


def test_decode_refuses_png_chunk_longer_than_the_file():
    data = bytearray(EXAMPLES["png-palette"])
    struct.pack_into(">I", data, data.index(b"IDAT") - 4, 2**31 - 1)
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PhotoError, match="cut off"):
        decode(bytes(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin < 50_000  # kilobytes


def test_decode_refuses_inflating_metadata():
    profile = b"icc\0\0" + zlib.compress(bytes(50_000_000))
    data = png((b"iCCP", profile), (b"IDAT", zlib.compress(bytes(26))))
    tracemalloc.start()
    with pytest.raises(PhotoError):
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_decode_drops_oversized_metadata():
    profile = SRGB + bytes(5_000_000)
    assert decode(encode(make_photo(format="TIFF", icc_profile=profile))).icc_profile == b""


# Conversions and names


@pytest.mark.parametrize("dtype", DEPTHS)
def test_to_pixels_inverts_to_float(dtype):
    top = np.iinfo(dtype).max
    pixels = np.arange(top + 1, dtype=dtype).reshape(-1, 1, 1).repeat(3, axis=2)
    floats = to_float(pixels)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (0, 1)
    np.testing.assert_array_equal(to_pixels(floats, dtype), pixels)
    assert to_pixels(floats, pixels.dtype).dtype == dtype


def test_to_pixels_clips_and_rounds_and_leaves_its_input():
    floats = np.array([-0.5, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.5], np.float32).reshape(1, 2, 3)
    before = floats.copy()
    assert to_pixels(floats, np.uint8).ravel().tolist() == [0, 0, 1, 254, 255, 255]
    np.testing.assert_array_equal(floats, before)


def test_names_of_formats():
    assert {"png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp"} < set(image.WRITTEN_SUFFIXES)
    assert {"dng", "nef", "cr3", *image.WRITTEN_SUFFIXES} < set(image.SUFFIXES)
    assert [image.format_for(suffix) for suffix in ("PNG", ".jpeg", ".Tif")] == ["PNG", "JPEG", "TIFF"]
    jpeg = image.FORMATS["JPEG"]
    assert (jpeg.suffixes[0], jpeg.media_type, image.FORMATS["WEBP"].title) == ("jpg", "image/jpeg", "WebP")
    with pytest.raises(PhotoError, match="png, jpg"):
        image.format_for(".gif")

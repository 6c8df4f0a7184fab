"""What is special of HEIC, AVIF, JPEG 2000, PPM, and of the many names of JPEG."""

import io
import struct
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pillow_heif
import pyjpegxl
import pytest
from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base

from denoise.image import (
    Metadata,
    Photo,
    PhotoError,
    decode,
    denoised_name,
    encode,
    format_for,
    formats_for,
    losses,
    unpacked_size,
    with_depth,
)
from denoise.image.boxes import boxed, boxes
from denoise.image.colour import needs_profile, profile_of
from tests.test_image import DEPTHS, KINDS, SRGB, make_exif, make_photo, saved, smooth

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
)
MOVING_JXL = bytes.fromhex("ff0a41044d002026080401001c004b188b15820300080405003c004b188b15805dd4ff001892ae9a4002")
P3 = ((b"cICP", bytes([12, 13, 0, 1])),)
ALL = ("HEIC", "AVIF", "JPEG2000", "PPM", "JXL")


def gradient(dtype=np.uint8, *, grey=False, alpha=False, shape=(48, 64), **rest):
    """A photo whose neighbours are alike, as lossy formats need it."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    top = np.iinfo(dtype).max
    planes = [x / shape[1], y / shape[0], (x + y) / sum(shape)]
    pixels = np.stack(planes[:1] * 3 if grey else planes, axis=2)
    opacity = np.rint(top * planes[1]).astype(dtype) if alpha else None
    return Photo(np.rint(top * pixels).astype(dtype), alpha=opacity, grey=grey, **rest)


# Round trips


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize(("grey", "alpha"), KINDS)
@pytest.mark.parametrize("name", ["JPEG2000", "PPM", "AVIF"])
def test_encode_lossless_comes_back(name, dtype, grey, alpha):
    photo = make_photo(dtype, grey=grey, alpha=alpha and name != "PPM", format=name)
    file = encode(photo, quality=100)
    again = decode(file)
    assert (again.format, again.pixels.dtype, again.lossless) == (name, dtype, name != "AVIF")
    least = 16 if name == "AVIF" and dtype == np.uint16 else 0  # of which it keeps 12 bits
    np.testing.assert_allclose(again.pixels.astype(int), photo.pixels.astype(int), atol=least)
    assert (again.alpha is None) == (photo.alpha is None)
    if photo.alpha is not None:
        np.testing.assert_allclose(again.alpha.astype(int), photo.alpha.astype(int), atol=least)
    assert unpacked_size(file) == again.pixels.nbytes + (0 if again.alpha is None else again.alpha.nbytes)
    assert again.grey == (grey and (photo.alpha is None or (name == "JPEG2000" and dtype == np.uint8)))


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize(("grey", "alpha"), KINDS)
@pytest.mark.parametrize("name", ["HEIC", "AVIF"])
def test_encode_lossy_comes_back_nearly(name, dtype, grey, alpha):
    photo = gradient(dtype, grey=grey, alpha=alpha, format=name)
    file = encode(photo, quality=95)
    again = decode(file)
    assert (again.format, again.pixels.dtype, again.lossless) == (name, dtype, False)
    scale = 255 / np.iinfo(dtype).max
    assert np.abs(again.pixels.astype(float) - photo.pixels).mean() * scale < 1.2
    assert unpacked_size(file) == again.pixels.nbytes + (0 if again.alpha is None else again.alpha.nbytes)
    if alpha:
        assert np.abs(again.alpha.astype(float) - photo.alpha).mean() * scale < 1.2


@pytest.mark.parametrize("bits", [10, 12])
def test_decode_spreads_the_bits_of_heic_and_avif_over_16(bits, monkeypatch):
    top = 2**bits - 1
    ramp = np.repeat(np.linspace(0, 1, 64)[None, :, None], 32, axis=0).repeat(3, axis=2)
    settings = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    avif = bytes(cv2.imencode(".avif", np.rint(ramp * top).astype(np.uint16), settings)[1])
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", bits == 12)
    heic = io.BytesIO()
    samples = np.rint(ramp * 65535).astype(np.uint16)
    pillow_heif.from_bytes("RGB;16", (64, 32), samples.tobytes()).save(heic, quality=100, chroma=444)
    for file, exact in ((avif, True), (heic.getvalue(), False)):
        photo = decode(file)
        assert photo.pixels.dtype == np.uint16
        np.testing.assert_allclose(photo.pixels / 65535, ramp, atol=0.6 / top if exact else 0.01)
    assert decode(avif).pixels.max() == 65535  # white is white


def test_decode_spreads_the_bits_of_jpeg_2000_and_pgm_over_16():
    ramp = np.repeat(np.linspace(0, 1, 64)[None], 32, axis=0)
    twelve = np.rint(ramp * 4095).astype(np.uint16)
    pgm = b"P5 # by a scanner\n64 32\n4095\n" + twelve.astype(">u2").tobytes()
    jp2 = saved(PillowImage.fromarray(np.rint(ramp * 65535).astype(np.uint16)), "JPEG2000")
    for file in (pgm, jp2):
        photo = decode(file)
        assert photo.grey
        np.testing.assert_allclose(photo.pixels[..., 0] / 65535, ramp, atol=1.5e-4)


def test_decode_spreads_the_levels_of_a_shallow_ppm():
    photo = decode(b"P6\n2 1\n15\n" + bytes([0, 5, 15, 1, 2, 3]))
    assert photo.pixels.tolist() == [[[0, 85, 255], [17, 34, 51]]]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("lossy", [False, True], ids=["lossless", "lossy"])
@pytest.mark.parametrize("bare", [False, True], ids=["boxes", "bare"])
def test_decode_jpeg_2000_of_other_programs(mode, lossy, bare):
    picture = PillowImage.fromarray(smooth()).convert(mode)
    photo = decode(saved(picture, "JPEG2000", irreversible=lossy, no_jp2=bare))
    assert (photo.format, photo.grey, photo.lossless) == ("JPEG2000", mode[0] == "L", not lossy)
    assert (photo.alpha is None) == (not mode.endswith("A"))
    expected = np.asarray(picture.convert("RGB")).astype(int)
    np.testing.assert_allclose(photo.pixels.astype(int), expected, atol=8 if lossy else 0)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize(("grey", "alpha"), KINDS)
def test_jpeg_xl_comes_back(dtype, grey, alpha):
    photo = make_photo(dtype, grey=grey, alpha=alpha, format="JXL")
    again = decode(file := encode(photo, quality=100))
    assert again.pixels.dtype == dtype
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    if alpha:
        np.testing.assert_array_equal(again.alpha, photo.alpha)
    assert (again.format, again.grey) == ("JXL", grey and not alpha)
    assert unpacked_size(file) == again.pixels.nbytes + (0 if again.alpha is None else again.alpha.nbytes)
    smooth_one = gradient(dtype, grey=grey, alpha=alpha, format="JXL")
    sizes = [len(encode(smooth_one, quality=quality)) for quality in (95, 60, 1)]
    assert sizes[0] > sizes[1] > sizes[2]
    error = np.abs(decode(encode(smooth_one, quality=95)).pixels.astype(float) - smooth_one.pixels)
    assert error.mean() < 1.2 * (np.iinfo(dtype).max / 255)


def test_jpeg_xl_says_what_it_does_not_keep():
    broken = gradient(format="JXL", icc_profile=SRGB[:200] + bytes(len(SRGB) - 200))
    assert losses(broken) == ["colour profile"]  # libjxl takes it apart
    assert decode(encode(broken)).pixels.dtype == np.uint8
    wide = gradient(np.uint16, format="JXL", icc_profile=profile_of(Photo(np.zeros((1, 1, 3)), colour_chunks=P3)))
    for photo, lost in ((gradient(np.uint16, format="JXL"), []), (wide, ["16-bit depth"])):
        assert losses(photo) == lost
        again = decode(encode(photo))
        assert again.bit_depth == (8 if lost else 16)
        assert needs_profile(again) == bool(lost)
    file = encode(gradient(format="JXL", metadata=Metadata(make_exif(), XMP)))
    place = file.index(b"xml ")
    photo = decode(file[:place] + b"brob" + file[place + 4 :])  # which may hold anything, of any size
    assert photo.lost == ("compressed EXIF and XMP",)
    assert photo.metadata.exif != b""


def test_decode_jpeg_xl_of_floats():
    ramp = np.repeat(np.linspace(-0.2, 1.2, 64, dtype=np.float32)[None, :, None], 32, axis=0).repeat(3, axis=2)
    photo = decode(pyjpegxl.encode_from_numpy(ramp, lossless=True))
    np.testing.assert_allclose(photo.pixels / 65535, ramp.clip(0, 1), atol=1e-5)
    assert photo.lost == ("floating point",)


def test_decode_refuses_a_moving_jpeg_xl():
    """Two pictures of 8×8 pixels, as libjxl writes them; it would give the last."""
    with pytest.raises(PhotoError, match="animation"):
        decode(MOVING_JXL)


# What they say


@pytest.mark.parametrize("name", ["HEIC", "AVIF", "JPEG2000", "JXL"])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_encode_keeps_metadata_and_profile(name, dtype):
    iptc = b"\x1c\x02\x05\x00\x02Ko"
    said = Metadata(make_exif(), XMP, iptc if name == "JPEG2000" else b"")
    photo = gradient(dtype, format=name, metadata=said, icc_profile=SRGB)
    for quality in (95, 100):
        again = decode(encode(photo, quality=quality))
        exif = PillowImage.Exif()
        exif.load(again.metadata.exif)
        assert exif[Base.Make] == "Maker"
        assert exif.get_ifd(IFD.Exif)[Base.MakerNote] == b"note" * 9
        if name == "JXL" and dtype == np.uint16:
            assert not needs_profile(again)
        else:
            assert again.icc_profile == SRGB
        assert b'Rating="4"' in again.metadata.xmp
        assert again.metadata.iptc == said.iptc
        assert losses(again) == []


def test_encode_keeps_the_resolution_in_jpeg_2000():
    again = decode(encode(gradient(format="JPEG2000", dpi=(300.0, 240.0))))
    assert again.dpi == pytest.approx((300, 240), abs=0.01)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HEIC", ["16-bit depth", "IPTC (captions)", "comments", "resolution in dpi"]),
        ("AVIF", ["16-bit depth", "IPTC (captions)", "comments", "resolution in dpi"]),
        ("JPEG2000", ["comments"]),
        (
            "PPM",
            [
                *(
                    "transparency",
                    "EXIF (camera, time, place)",
                    "XMP (ratings, keywords)",
                    "IPTC (captions)",
                    "comments",
                ),
                *("colour profile", "resolution in dpi"),
            ],
        ),
    ],
)
def test_losses_tells_what_a_format_cannot_hold(name, expected):
    said = Metadata(make_exif(), XMP, b"\x1c\x02\x05\x00\x02Ko", (("Comment", "Hello"),))
    photo = gradient(np.uint16, alpha=True, format=name, metadata=said, icc_profile=SRGB, dpi=(300.0, 300.0))
    assert losses(photo) == expected
    encode(photo)


@pytest.mark.parametrize(("name", "bits"), [("HEIC", 10), ("AVIF", 12)])
def test_depth_is_said_to_be_lost_where_it_is(name, bits):
    photo = decode(encode(gradient(np.uint16, format=name), quality=100))
    assert (photo.significant_bits, losses(photo)) == (bits, [])
    assert losses(replace(photo, format="PNG")) == []
    assert losses(replace(photo, format="JPEG")) == [f"{bits}-bit depth"]
    assert losses(replace(photo, format="HEIC")) == ([] if bits == 10 else ["12-bit depth"])
    assert losses(with_depth(photo, 8)) == []


def test_encode_lays_a_transparent_photo_on_white_in_ppm():
    pixels = np.array([[[0, 100, 200]] * 3], np.uint16) * np.uint16(257)
    photo = Photo(pixels, alpha=np.array([[0, 32768, 65535]], np.uint16), format="PPM")
    again = decode(encode(photo))
    np.testing.assert_allclose(again.pixels[0] / 257, [[255] * 3, [127.5, 177.5, 227.5], [0, 100, 200]], atol=0.1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["HEIC", "AVIF"])
def test_decode_turns_it_upright_once(name, orientation):
    """Both turn by a property of the picture; what EXIF says beside that is not for the reader."""
    stored = smooth((40, 64))
    exif = make_exif(orientation)
    if name == "AVIF":
        file = saved(stored, "AVIF", exif=exif, quality=95, subsampling="4:4:4")
    else:
        buffer = io.BytesIO()
        pillow_heif.from_pillow(PillowImage.fromarray(stored)).save(buffer, exif=exif, quality=95, chroma=444)
        file = buffer.getvalue()
    photo = decode(file)
    expected = decode(saved(stored, "PNG", exif=exif)).pixels
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels.astype(float) - expected).mean() < 8
    again = decode(encode(photo))
    assert again.pixels.shape == expected.shape
    assert np.abs(again.pixels.astype(float) - expected).mean() < 8


def test_decode_says_what_lies_beside_a_heic():
    colours = [PillowImage.fromarray(smooth()), PillowImage.fromarray(255 - smooth())]
    file = pillow_heif.from_pillow(colours[0])
    file.add_from_pillow(colours[1])
    buffer = io.BytesIO()
    file.save(buffer, quality=90)
    photo = decode(buffer.getvalue())
    assert photo.lost == ("further pictures in the file",)
    assert np.abs(photo.pixels.astype(float) - smooth()).mean() < 8  # the first of them


@pytest.mark.parametrize(
    ("name", "box", "what"),
    [
        ("JXL", boxed(b"jhgm", b"\0map"), "HDR gain map"),
        ("JXL", boxed(b"brob", b"Exif..."), "compressed EXIF and XMP"),
        ("JXL", boxed(b"jumb", b"signed"), "Content Credentials"),
        ("HEIC", boxed(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"signed"), "Content Credentials"),
        ("AVIF", boxed(b"uuid", bytes(16)), ""),
        ("HEIC", boxed(b"moov", boxed(b"mvhd", bytes(100))), "the moving part of the file"),
    ],
)
def test_decode_says_what_boxes_are_left_behind(name, box, what):
    photo = decode(encode(gradient(format=name, metadata=Metadata(xmp=XMP))) + box)
    assert photo.lost == ((what,) if what else ())
    assert box not in encode(photo)


def test_decode_drops_the_gain_map_of_a_jpeg_and_says_so():
    segment = b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)
    extra = b"\xff\xe2" + struct.pack(">H", 2 + len(segment)) + segment
    photo = decode(saved(smooth(), "JPEG", extra=extra))
    assert photo.lost == ("HDR gain map",)
    assert b"21496" not in encode(photo)


def test_decode_reads_the_colours_that_a_file_without_profile_tells():
    buffer = io.BytesIO()
    file = pillow_heif.from_pillow(PillowImage.fromarray(smooth()))
    file.save(buffer, quality=90, color_primaries=12, transfer_characteristics=13, matrix_coefficients=6)
    assert decode(buffer.getvalue()).colour_chunks == ((b"cICP", bytes([12, 13, 0, 1])),)
    assert decode(encode(gradient(format="HEIC"))).colour_chunks == ()
    assert decode(encode(gradient(format="AVIF"))).colour_chunks == ()


# Names


def test_names_of_jpeg_and_the_others():
    assert [format_for(each) for each in ("jfif", ".HIF", "pgm", "j2k")] == ["JPEG", "HEIC", "PPM", "JPEG2000"]
    assert denoised_name("scan.jfif", "JPEG") == "scan-denoised.jfif"
    assert denoised_name("IMG_1.HEIC", "JPEG") == "IMG_1-denoised.jpg"


@pytest.mark.parametrize(
    ("name", "shape"), [("JPEG2000", (31, 40)), ("HEIC", (3, 16383)), ("HEIC", (16, 16384)), ("AVIF", (16385, 16))]
)
def test_encode_says_what_is_too_small_or_too_large(name, shape):
    with pytest.raises(PhotoError, match=f"{shape[1]} × {shape[0]} pixels, but a .* can be .*Choose PNG"):
        encode(Photo(np.zeros((*shape, 3), np.uint16), format=name))


def test_formats_leave_out_what_has_no_library(monkeypatch):
    photo = gradient()
    assert set(ALL) < set(formats_for(photo))
    real = "denoise.image.formats.find_spec"
    monkeypatch.setattr(real, lambda name: None if name == "pillow_heif" else object())
    assert set(ALL) - set(formats_for(photo)) == {"HEIC"}


@pytest.mark.parametrize(
    ("name", "library", "sentence"),
    [
        ("HEIC", "pillow_heif", r"HEIC needs a library.*pip install 'denoise\[heif\]'"),
        ("JXL", "pylibjxl", r"JPEG XL needs a library.*pip install 'denoise\[jxl\]'"),
    ],
)
def test_decode_and_encode_name_the_extra_that_brings_the_library(name, library, sentence, monkeypatch):
    photo = gradient(format=name)
    file = encode(photo)
    monkeypatch.setitem(sys.modules, library, None)
    for call in (lambda: decode(file), lambda: encode(photo)):
        with pytest.raises(PhotoError, match=sentence):
            call()


# Bad files


def twelve_bit_jpeg():
    file, plain, deep = saved(smooth(), "JPEG"), b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"
    assert plain in file
    return file.replace(plain, deep)


def twelve_bit_tiff():
    file, plain, deep = (
        saved(smooth()[..., 0], "TIFF"),
        *(struct.pack("<HHIHH", 258, 3, 1, bits, 0) for bits in (8, 12)),
    )
    assert plain in file
    return file.replace(plain, deep)


def encrypted_heic():
    file = encode(gradient(format="HEIC"))
    meta = next(box for box in boxes(file) if box.kind == b"meta")
    return (
        file[: meta.start - 8]
        + boxed(b"meta", file[meta.start : meta.end] + boxed(b"ipro", bytes(6)))
        + file[meta.end :]
    )


@pytest.mark.parametrize("left", [0.99, 0.4, 0.1], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_decode_says_that_the_end_is_missing(name, left):
    file = encode(gradient(format=name, metadata=Metadata(xmp=XMP)))
    with pytest.raises(PhotoError, match=r"The end of this .* is missing"):
        decode(file[: round(left * len(file))])


@pytest.mark.parametrize("brand", [b"msf1", b"hevc", b"avis"])
def test_decode_refuses_sequences(brand):
    file = encode(gradient(format="AVIF" if brand == b"avis" else "HEIC"))
    with pytest.raises(PhotoError, match="is an animation"):
        decode(file[:8] + brand + file[12:])


@pytest.mark.parametrize("name", ALL)
def test_decode_refuses_more_pixels_before_they_are_read(name):
    with pytest.raises(PhotoError, match=r"64 × (48|64) pixels.*limit is 0\.001"):
        decode(encode(gradient(format=name)), max_megapixels=0.001)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        pytest.param(b"P3\n1 1\n255\n1 2 3\n", "Netpbm.*text", id="text"),
        pytest.param(b"P7\nWIDTH 1\n", "Netpbm.*PAM", id="pam"),
        pytest.param(b"P6\n1 1\n70000\n" + bytes(99), "damaged", id="too-deep"),
        pytest.param(b"P6\n1 one\n255\n" + bytes(99), "damaged", id="no-number"),
        pytest.param(b"P6\n" + b"#" * 5000 + b"\n1 1\n255\n" + bytes(9), "damaged", id="long-head"),
        pytest.param(twelve_bit_jpeg(), "JPEG has 12 bits a channel", id="12-bit-jpeg"),
        pytest.param(twelve_bit_tiff(), "TIFF .* such as 12 bits a channel", id="12-bit-tiff"),
        pytest.param(encrypted_heic(), "HEIC is encrypted", id="encrypted-heic"),
        pytest.param(b"\0\0\0\x18ftypheic" + bytes(20), "missing|damaged", id="heic-of-nothing"),
        pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(8), "missing|damaged", id="jp2-of-nothing"),
        pytest.param(b"\xff\x4f\xff\x51" + bytes(60), "missing|damaged", id="j2k-of-nothing"),
        pytest.param(b"\xff\x0a" + bytes(60), "missing|damaged|JPEG XL", id="jxl-of-nothing"),
    ],
)
def test_decode_refuses_with_a_sentence(file, sentence):
    with pytest.raises(PhotoError, match=sentence):
        decode(file)


def test_decode_refuses_far_too_many_tiles():
    file = bytearray(saved(smooth((80, 80)), "JPEG2000"))
    start = file.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">2I", file, start + 24, 1, 1)
    with pytest.raises(PhotoError, match="than 4,096 tiles"):
        decode(bytes(file))


@pytest.mark.parametrize("name", ["HEIC", "AVIF", "JPEG2000", "JXL"])
def test_decode_refuses_far_too_many_boxes_at_once(name):
    file = encode(gradient(format=name, metadata=Metadata(xmp=XMP)))
    begin = time.process_time()
    with pytest.raises(PhotoError, match="too many boxes"):
        decode(file + b"\0\0\0\x08free" * 1_000_000)
    assert time.process_time() - begin < 1


def test_decode_refuses_a_huge_number_of_pixels():
    with pytest.raises(PhotoError, match=r"megapixels; the limit|damaged"):
        decode(b"P6\n" + b"9" * 9 + b" " + b"9" * 9 + b"\n255\n")
    with pytest.raises(PhotoError, match="damaged"):
        decode(b"P6\n" + b"9" * 999 + b" " + b"9" * 999 + b"\n255\n")


def test_decode_refuses_far_too_many_pieces():
    file = bytearray(encode(gradient(format="AVIF")))
    place = file.index(b"iloc") + 4
    assert file[place] == 0  # version
    struct.pack_into(">H", file, place + 6, 65535)
    with pytest.raises(PhotoError, match=r"damaged|missing|pieces"):
        decode(bytes(file))

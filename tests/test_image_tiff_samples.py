"""TIFFs in layouts that no library reads as they are: each is compared with the same photo in a plain one."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from denoise.image import PhotoError, decode, encode, losses, unpacked_size
from tests.test_image import SRGB, make_exif, saved_tiff, smooth

RGB = smooth((40, 56)).astype(np.uint16) * 257
OPACITY = np.linspace(0, 65535, 40 * 56).astype(np.uint16).reshape(40, 56)
FLOATS = (RGB / 65535).astype(np.float32)
OF_OPACITY, OF_NOTHING, MULTIPLIED = 2, 0, 1


def planes(samples):
    return np.ascontiguousarray(samples.transpose(2, 0, 1))


def read(file):
    """Everything that `decode` says, checked against what it announces."""
    photo = decode(file)
    assert photo.pixels.dtype == np.uint16
    assert unpacked_size(file) == photo.pixels.nbytes + (0 if photo.alpha is None else photo.alpha.nbytes)
    again = decode(encode(photo))
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    return photo


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)], ids=["II", "MM", "bigtiff"])
@pytest.mark.parametrize(
    ("samples", "options"),
    [
        pytest.param(FLOATS, {"photometric": "rgb"}, id="float"),
        pytest.param(FLOATS.astype(np.float16), {"photometric": "rgb"}, id="half"),
        pytest.param(planes(FLOATS), {"photometric": "rgb", "planarconfig": "separate"}, id="float-planes"),
        pytest.param(planes(RGB), {"photometric": "rgb", "planarconfig": "separate"}, id="planes"),
        pytest.param(planes(RGB), {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 7}, id="strips"),
        pytest.param(planes(RGB), {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 32)}, id="tiles"),
        pytest.param(planes(RGB), {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}, id="zlib"),
        pytest.param(
            np.dstack([RGB, OPACITY, OPACITY]),
            {"photometric": "rgb", "extrasamples": [OF_NOTHING] * 2, "planarconfig": "contig"},
            id="selections",
        ),
    ],
)
def test_decode_colours_in_any_layout(samples, options, order, big):
    photo = read(saved_tiff(samples, byteorder=order, bigtiff=big, **options))
    assert photo.alpha is None
    assert not photo.grey
    coarse = 40 if samples.dtype == np.float16 else 1
    np.testing.assert_allclose(photo.pixels.astype(int), RGB, atol=coarse if samples.dtype.kind == "f" else 0)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=["plain", "zlib", "tiles"])
def test_decode_16_bit_grey_with_opacity(options):
    samples = np.dstack([RGB[..., 0], OPACITY])
    file = saved_tiff(samples, photometric="minisblack", planarconfig="contig", extrasamples=[OF_OPACITY], **options)
    photo = read(file)
    assert photo.grey
    np.testing.assert_array_equal(photo.pixels[..., 0], RGB[..., 0])
    np.testing.assert_array_equal(photo.alpha, OPACITY)


def test_decode_undoes_differences_of_channels_side_by_side():
    """What the predictor stores is the difference from the same channel of the pixel before."""
    samples = np.dstack([RGB[..., 0], OPACITY])
    differences = np.diff(samples, axis=1, prepend=np.uint16(0)).astype("<u2").tobytes()
    tags = ImageFileDirectory_v2(prefix=b"II")
    tags[Base.ImageWidth], tags[Base.ImageLength], tags[Base.BitsPerSample] = 56, 40, (16, 16)
    tags[Base.Compression], tags[Base.PhotometricInterpretation], tags[Base.SamplesPerPixel] = 8, 1, 2
    tags[Base.Predictor], tags[Base.ExtraSamples], tags[Base.RowsPerStrip] = 2, (OF_OPACITY,), 40
    strip = zlib.compress(differences)
    tags[Base.StripOffsets], tags[Base.StripByteCounts] = 0, len(strip)
    buffer = io.BytesIO()
    tags.save(buffer)
    file = buffer.getvalue() + strip
    photo = read(file)
    np.testing.assert_array_equal(photo.pixels[..., 0], RGB[..., 0])
    np.testing.assert_array_equal(photo.alpha, OPACITY)


def test_decode_16_bit_with_white_at_zero():
    photo = read(saved_tiff(65535 - RGB[..., 0], photometric="miniswhite"))
    assert photo.grey
    np.testing.assert_array_equal(photo.pixels[..., 0], RGB[..., 0])


@pytest.mark.parametrize("kind", ["float", "planes"])
def test_decode_opacity_beside_colours(kind):
    samples = np.dstack([RGB, OPACITY])
    options = {"photometric": "rgb", "extrasamples": [OF_OPACITY]}
    if kind == "float":
        file = saved_tiff((samples / 65535).astype(np.float32), **options)
    else:
        file = saved_tiff(planes(samples), planarconfig="separate", **options)
    photo = read(file)
    np.testing.assert_allclose(photo.pixels.astype(int), RGB, atol=1)
    np.testing.assert_allclose(photo.alpha.astype(int), OPACITY, atol=1)


def test_decode_divides_by_opacity():
    opacity = np.full_like(OPACITY, 32768)
    file = saved_tiff(
        planes(np.dstack([RGB // 2, opacity])), planarconfig="separate", photometric="rgb", extrasamples=[MULTIPLIED]
    )
    np.testing.assert_allclose(read(file).pixels.astype(int), RGB, atol=2)


def test_decode_says_what_of_floats_cannot_be_kept():
    assert losses(decode(saved_tiff(FLOATS, photometric="rgb"))) == ["floating point"]
    wild = FLOATS.copy()
    wild[0, 0], wild[0, 1], wild[0, 2] = 7.5, -1, np.nan
    photo = decode(saved_tiff(wild, photometric="rgb"))
    assert losses(photo) == ["floating point", "values beyond black and white"]
    assert photo.pixels[0, :3].tolist() == [[65535] * 3, [0] * 3, [0] * 3]


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_decode_keeps_what_it_says_and_turns_it(orientation):
    exif = PillowImage.Exif()
    exif.load(make_exif())
    extra = [(Base.Make, "s", 0, "Maker", True), (700, "B", 3, b"<x>", True), (34675, "B", len(SRGB), SRGB, True)]
    options = {"photometric": "rgb", "planarconfig": "separate", "resolution": (300, 240), "resolutionunit": 2}
    plain = decode(saved_tiff(RGB, photometric="rgb", extratags=[(Base.Orientation, "H", 1, orientation, True)]))
    photo = decode(
        saved_tiff(planes(RGB), extratags=[*extra, (Base.Orientation, "H", 1, orientation, True)], **options)
    )
    np.testing.assert_array_equal(photo.pixels, plain.pixels)
    found = PillowImage.Exif()
    found.load(photo.metadata.exif)
    assert found[Base.Make] == "Maker"
    assert (photo.metadata.xmp, photo.icc_profile, photo.dpi) == (b"<x>", SRGB, (300, 240))


def test_decode_keeps_the_exif_of_floats():
    tags = ImageFileDirectory_v2(prefix=b"II")
    tags[Base.ImageWidth], tags[Base.ImageLength], tags[Base.BitsPerSample] = 2, 1, (32,)
    tags[Base.Compression], tags[Base.PhotometricInterpretation], tags[Base.SamplesPerPixel] = 1, 1, 1
    tags[Base.SampleFormat], tags[Base.RowsPerStrip] = 3, 1
    tags[Base.StripOffsets], tags[Base.StripByteCounts] = 0, 8
    tags[IFD.Exif] = {Base.FNumber: 2.8, Base.MakerNote: b"note" * 9}
    buffer = io.BytesIO()
    tags.save(buffer)
    photo = decode(buffer.getvalue() + np.array([0.25, 1], "<f4").tobytes())
    assert photo.pixels[0, :, 0].tolist() == [16384, 65535]
    exif = PillowImage.Exif()
    exif.load(photo.metadata.exif)
    assert exif.get_ifd(IFD.Exif)[Base.FNumber] == 2.8
    assert exif.get_ifd(IFD.Exif)[Base.MakerNote] == b"note" * 9


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        pytest.param(RGB.astype(np.uint32), {"photometric": "rgb"}, id="32-bit"),
        pytest.param(FLOATS.astype(np.float64), {"photometric": "rgb"}, id="double"),
        pytest.param(RGB.astype(np.int16), {"photometric": "rgb"}, id="signed"),
        pytest.param(np.zeros((8, 8, 4), np.uint16), {"photometric": "separated"}, id="cmyk"),
        pytest.param(np.zeros((8, 8, 20), np.uint16), {"photometric": "rgb", "planarconfig": "contig"}, id="spectral"),
    ],
)
def test_decode_refuses_other_layouts(samples, options):
    with pytest.raises(PhotoError, match="stores its pixels in a way"):
        decode(saved_tiff(samples, **options))


@pytest.mark.parametrize("left", [0.99, 0.5])
def test_decode_says_that_the_end_is_missing(left):
    file = saved_tiff(planes(RGB), photometric="rgb", planarconfig="separate")
    with pytest.raises(PhotoError, match="The end of this TIFF is missing"):
        decode(file[: round(left * len(file))])

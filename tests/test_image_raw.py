import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base

from denoise.image import (
    Development,
    PhotoError,
    decode,
    denoised_name,
    encode,
    format_for,
    formats_for,
    identify,
    losses,
    unpacked_size,
)
from denoise.image import raw as raw_module
from tests.raws import NEUTRAL, dng

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" crs:Exposure2012="+1.00" xmp:Rating="4">
<crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li></rdf:Seq></crs:ToneCurve></rdf:Description></rdf:RDF></x:xmpmeta>"""


def scene(shape=(64, 96)):
    """Grey that becomes lighter from left to right, up to white."""
    return np.broadcast_to(np.linspace(0, 1, shape[1])[None, :, None], (*shape, 3)).copy()


def middle(photo):
    """The mean colour of the middle, in [0, 1]."""
    height, width = photo.height, photo.width
    part = photo.pixels[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    return part.mean(axis=(0, 1)) / 65535


def test_decode_develops_to_16_bit_by_one_curve():
    photo = decode(dng(scene()))
    assert (photo.pixels.dtype, photo.pixels.shape, photo.format, photo.grey) == (np.uint16, (64, 96, 3), "TIFF", False)
    assert photo.lossless
    columns = photo.pixels[10:-10].mean(axis=0) / 65535
    assert np.ptp(columns[4:-4], axis=1).max() < 0.002  # grey is grey
    assert np.all(np.diff(columns[4:-4, 1]) > 0)
    assert columns[48, 1] == pytest.approx(0.864, abs=0.005)  # half the light of white
    assert columns[-2, 1] > 0.99  # what is white stays so, and nothing before it is cut
    assert columns[-8, 1] < 0.99


def test_decode_develops_a_dark_photo_as_dark_as_it_is():
    """No brightness of its own for each photo: those of a series match."""
    whole, dark = scene(), scene()
    dark[:, 48:] = 0.1  # nothing light in it
    developed = [decode(dng(each)).pixels[10:-10, 8:40] for each in (whole, dark)]
    np.testing.assert_allclose(*[each.astype(float) for each in developed], atol=30)


@pytest.mark.parametrize("top", [0.7, 0.8, 0.95])
def test_decode_does_not_take_the_lightest_value_for_white(top):
    """Nor what LibRaw would take for it, three quarters of white and more."""
    whole, less = (decode(dng(light * scene(), noise=0.002)).pixels[10:-10] for light in (1, top))
    place = round(90 * top)  # where the first is as light as the second is near its edge
    assert less[:, 88:93].mean() == pytest.approx(whole[:, place - 2 : place + 3].mean(), rel=0.01)


@pytest.mark.parametrize("highlights", ["clip", "blend", "rebuild"])
def test_decode_sees_where_a_sensor_was_full_before_it_should_be(highlights):
    """What is white has no tint, is white, and all else is as light as where nothing was too light."""
    how = Development(highlights=highlights)
    cut, whole = (decode(dng(light * scene(), full=0.9), development=how) for light in (4, 1))
    white = cut.pixels[10:-10, 60:90].astype(int)
    assert white.min() > 0.97 * 65535
    assert np.ptp(white, axis=2).max() < 100
    np.testing.assert_allclose(cut.pixels[10:-10, 16].mean(axis=0), whole.pixels[10:-10, 64].mean(axis=0), rtol=0.03)


def test_decode_takes_hot_photosites_and_leaves_stars():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:128, :160]
    sky = np.full((128, 160), 0.01)
    for top in range(12, 128, 24):  # stars as narrow as a good lens draws them, wherever their middle lies
        for left in range(12, 160, 24):
            down, across = rng.uniform(-0.5, 0.5, 2)
            star = np.exp(-((x - left - across) ** 2 + (y - top - down) ** 2) / (2 * 0.7**2))
            sky += rng.uniform(0.05, 0.5) * star
    scene = np.repeat(sky[..., None], 3, axis=2)
    hot = [(top, left, rng.uniform(0.05, 0.9)) for top in range(0, 128, 24) for left in range(1, 160, 24)]
    plain, mended = (decode(dng(scene, noise=0.001, hot=each)).pixels.astype(float) for each in ([], hot))
    assert np.abs(mended - plain).max() < 12 * 257  # noise in place of light
    assert np.mean(mended != plain) < 9 * len(hot) / sky.size


def test_decode_balances_white_as_asked():
    by_lamp = dng(np.full((64, 96, 3), 0.3), neutral=(0.8, 1, 0.4))  # the camera took warm light for white
    red, green, blue = middle(decode(by_lamp))
    assert red < green - 0.05 < blue - 0.1
    for white in ("daylight", "auto"):
        np.testing.assert_allclose(middle(decode(by_lamp, development=Development(white))), 0.75, atol=0.01)


def test_decode_develops_lighter_and_darker_and_keeps_white():
    file = dng(scene())
    lighter, plain, darker = (decode(file, development=Development(exposure=stops)) for stops in (1, 0, -1))
    assert middle(darker)[1] + 0.05 < middle(plain)[1] < middle(lighter)[1] - 0.03
    for photo in (lighter, plain, darker):
        assert photo.pixels[20:40, -2].min() > 0.98 * 65535
    shadows = [photo.pixels[10:-10, 5:10].mean() / 65535 for photo in (lighter, plain, darker)]
    linear = [((value + 0.055) / 1.055) ** 2.4 for value in shadows]
    assert linear[0] / linear[1] == pytest.approx(2, rel=0.15)
    assert linear[1] / linear[2] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("highlights", ["blend", "rebuild"])
def test_decode_keeps_what_one_colour_tells_of_highlights(highlights):
    """The sensor's red has room above white; where green is at its limit, red goes on."""
    bright = scene()
    bright[..., 0] *= 2
    file = dng(bright)
    cut, kept = (decode(file, development=Development(highlights=each)) for each in ("clip", highlights))
    part = np.s_[10:-10, 50:90, 0]
    assert np.ptp(cut.pixels[part].mean(axis=0)[10:]) < 100
    assert np.all(np.diff(kept.pixels[part].mean(axis=0)[::8]) > 100)


@pytest.mark.parametrize("settings", [{"white_balance": "tungsten"}, {"exposure": 3.5}, {"highlights": "magenta"}])
def test_development_refuses_what_is_not_there(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Development(**settings)


@pytest.mark.parametrize(("orientation", "dark"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom")])
def test_decode_turns_it_upright(orientation, dark):
    photo = decode(dng(scene(), orientation=orientation))
    assert (photo.height, photo.width) == ((96, 64) if orientation in (6, 8) else (64, 96))
    edges = {
        "left": photo.pixels[10:-10, 2:8],
        "right": photo.pixels[10:-10, -8:-2],
        "top": photo.pixels[2:8, 10:-10],
        "bottom": photo.pixels[-8:-2, 10:-10],
    }
    assert min(edges, key=lambda edge: edges[edge].mean()) == dark


def test_decode_keeps_what_it_says_and_tells_what_not():
    photo = decode(dng(scene(), orientation=6, xmp=XMP))
    again = decode(encode(photo))
    exif = PillowImage.Exif()
    exif.load(again.metadata.exif)
    assert exif[Base.Make] == "Maker"
    assert Base.DNGVersion not in exif  # it is no RAW file any more
    assert exif.get(Base.Orientation, 1) == 1
    assert exif.get_ifd(IFD.Exif)[Base.ISOSpeedRatings] == 3200
    assert b"Rating" in again.metadata.xmp
    # Else Lightroom would develop the result once more.
    assert b"Exposure2012" not in again.metadata.xmp
    assert b"ToneCurve" not in again.metadata.xmp
    assert again.icc_profile == photo.icc_profile != b""
    assert losses(photo) == ["the maker's own notes in the EXIF"]


def test_result_is_a_tiff_by_default_and_any_other_format():
    photo = decode(dng(scene()))
    assert formats_for(photo) == ["TIFF", *(name for name in formats_for(photo) if name != "TIFF")]
    assert "RAW" not in formats_for(photo)
    assert denoised_name("IMG_1234.NEF", photo.format) == "IMG_1234-denoised.tif"
    with pytest.raises(PhotoError, match="no file type that can be written"):
        format_for(".nef")


def test_unpacked_size_is_that_of_the_photo():
    file = dng(scene())
    assert unpacked_size(file) == decode(file).pixels.nbytes


def wrapped(kind, *contents):
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def small_tiff(tags):
    exif = PillowImage.Exif()
    exif.update(tags)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def cr3():
    """What a Canon says of a photo, without the photo."""
    camera = wrapped(b"CMT1", small_tiff({Base.Make: "Canon"})), wrapped(b"CMT2", small_tiff({Base.FNumber: 2.8}))
    place = wrapped(b"CMT4", small_tiff({1: "N"}))
    uuid = wrapped(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"), *camera, place)
    return wrapped(b"ftyp", b"crx \0\0\0\0") + wrapped(b"moov", uuid)


def raf():
    buffer = io.BytesIO()
    PillowImage.new("RGB", (16, 16)).save(buffer, "JPEG", exif=b"Exif\0\0" + small_tiff({Base.Make: "FUJIFILM"}))
    jpeg = buffer.getvalue()
    return b"FUJIFILMCCD-RAW ".ljust(84, b"0") + struct.pack(">II", 92, len(jpeg)) + jpeg


@pytest.mark.parametrize(
    ("file", "make"),
    [
        pytest.param(cr3(), "Canon", id="cr3"),
        pytest.param(raf(), "FUJIFILM", id="raf"),
        pytest.param(b"IIRO" + dng(scene())[4:], "Maker", id="orf"),
    ],
)
def test_read_finds_the_exif_where_makers_put_it(file, make):
    found, _ = raw_module.read(file)
    exif = PillowImage.Exif()
    exif.load(found.exif)
    assert exif[Base.Make] == make
    if make == "Canon":
        assert exif.get_ifd(IFD.Exif)[Base.FNumber] == 2.8
        assert exif.get_ifd(IFD.GPSInfo)[1] == "N"


@pytest.mark.parametrize("left", [0.999, 0.5, 0.05], ids=str)
def test_decode_says_that_the_end_is_missing(left, capfd):
    file = dng(scene())
    with pytest.raises(PhotoError, match="The end of this RAW file is missing"):
        decode(file[: round(left * len(file))])


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"\0\0\0\x18ftypcrx " + bytes(5000), id="cr3"),
        pytest.param(b"FUJIFILMCCD-RAW 0201" + bytes(500), id="raf"),
        pytest.param(b"FOVb" + bytes(500), id="x3f"),
        pytest.param(small_tiff({Base.Make: "Nobody", Base.NewSubfileType: 1}) + bytes(5000), id="thumbnail-alone"),
    ],
)
def test_decode_says_that_the_camera_is_unknown(file):
    with pytest.raises(PhotoError, match=r"not known here.*DNG") as caught:
        decode(file)
    assert str(caught.value).endswith(".")


def test_decode_refuses_more_pixels_before_they_are_read():
    with pytest.raises(PhotoError, match=r"96 × 64 pixels.*limit is 0\.005"):
        decode(dng(scene()), max_megapixels=0.005)


def test_decode_refuses_far_too_many_notes():
    file = dng(scene(), xmp=bytes(17 << 20))
    with pytest.raises(PhotoError, match="16 MB of notes"):
        decode(file)


def test_decode_names_the_extra_that_brings_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(PhotoError, match=r"RAW file needs a library.*pip install 'denoise\[raw\]'"):
        decode(dng(scene()))


def test_neutral_of_the_made_files_is_daylight():
    """So that the tests above say something: the camera's own balance is another one."""
    np.testing.assert_allclose(
        middle(decode(dng(np.full((64, 96, 3), 0.3)), development=Development("daylight"))),
        middle(decode(dng(np.full((64, 96, 3), 0.3), neutral=NEUTRAL))),
        atol=0.002,
    )


CAMERA = Path("/usr/share/doc/rawtran/IMG_5952.CR2")
"""A photo of a Canon EOS 30D, in Debian's package rawtran-doc."""


@pytest.mark.skipif(not CAMERA.exists() and not os.environ.get("CI"), reason="apt-get install rawtran-doc")
def test_decode_develops_what_a_camera_wrote():
    file = CAMERA.read_bytes()
    assert identify(file) == "RAW"
    photo = decode(file)
    assert (photo.height, photo.width, photo.bit_depth, photo.format) == (2348, 3522, 16, "TIFF")
    assert unpacked_size(file) == photo.pixels.nbytes
    exif = PillowImage.Exif()
    exif.load(photo.metadata.exif)
    assert exif[Base.Model] == "Canon EOS 30D"
    assert exif.get_ifd(IFD.Exif)[Base.ISOSpeedRatings] == 640
    mean = photo.pixels.mean(axis=(0, 1)) / 65535
    assert np.ptp(mean) < 0.05  # white is balanced
    assert 0.3 < mean[1] < 0.5
    with pytest.raises(PhotoError, match=r"missing|damaged"):
        decode(file[: len(file) // 2])

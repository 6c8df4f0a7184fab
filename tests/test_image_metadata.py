"""Formats × what files say about their photo, read back by a library that wrote none of it."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.ExifTags import IFD, Base

from denoise.image import Metadata, Photo, decode, encode, losses, without_metadata

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
IPTC = b"\x1c\x02\x78\x00\x05Hello" + b"\x1c\x02\x19\x00\x03cat"
XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
COMMENTS = (("Comment", "Grüße aus Köln"), ("Author", "Ωmega"))


def make_exif(orientation=1, size=None):
    exif = PillowImage.Exif()
    exif[Base.Make], exif[Base.Orientation] = "Maker", orientation
    exif[Base.XPTitle] = "Title".encode("utf-16-le")
    exif.get_ifd(IFD.Exif)[Base.ExposureTime] = 0.25
    if size:
        exif.get_ifd(IFD.Exif)[Base.ExifImageWidth], exif.get_ifd(IFD.Exif)[Base.ExifImageHeight] = size
    return exif.tobytes()


ALL = Metadata(make_exif(), XMP, IPTC, COMMENTS)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*before, after=(), pixels=PIXELS):
    """A PNG with chunks of kind and content before and after the pixels."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        *before,
        (b"IDAT", zlib.compress(rows)),
        *after,
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def raw_profile(kind, content, keyword=None):
    """A text as ImageMagick writes profiles that PNG has no place for."""
    digits = content.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(content):8}\n{lines}\n"
    return b"zTXt", f"Raw profile type {keyword or kind}".encode() + b"\0\0" + zlib.compress(text.encode())


def photoshop(iptc):
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*segments):
    buffer = io.BytesIO()
    PillowImage.fromarray(PIXELS).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def read_elsewhere(data, kind):
    """EXIF, XMP, IPTC and comments of a file as another library finds them."""
    if kind == "TIFF":
        tags = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags
        maker = tags[Base.Make].value if Base.Make in tags else None
        return maker, *(bytes(tags[tag].value) if tag in tags else b"" for tag in (700, 33723)), {}
    image = PillowImage.open(io.BytesIO(data))
    image.load()
    maker, xmp = image.getexif().get(Base.Make), image.info.get("xmp", b"")
    if kind == "JPEG":
        comments = [text.decode() for name, text in image.applist if name == "COM"]
        return maker, xmp, image.info.get("photoshop", {}).get(0x0404, b""), comments
    texts = dict(getattr(image, "text", {}))
    texts.pop("XML:com.adobe.xmp", None)
    profile = texts.pop("Raw profile type iptc", None)
    iptc = b""
    if profile:
        _, name, size, digits = profile.split("\n", 3)
        resource = bytes.fromhex(digits)
        assert (name, int(size)) == ("iptc", len(resource))
        assert resource.startswith(b"8BIM\x04\x04\0\0")
        iptc = resource[12 : 12 + int.from_bytes(resource[8:12])]
    return maker, xmp, iptc, texts


# Every format, every kind

EXPECTED = {
    "PNG": ("Maker", XMP, IPTC, dict(COMMENTS)),
    "JPEG": ("Maker", XMP, IPTC, ["Grüße aus Köln", "Author: Ωmega"]),
    "TIFF": ("Maker", XMP, IPTC, {}),
    "WEBP": ("Maker", XMP, b"", {}),
    "BMP": (None, b"", b"", {}),
}
NOT_HELD = {
    "PNG": [],
    "JPEG": [],
    "TIFF": ["comments"],
    "WEBP": ["IPTC (captions)", "comments"],
    "BMP": ["EXIF (camera, time, place)", "XMP (ratings, keywords)", "IPTC (captions)", "comments"],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_format_keeps_all_that_it_can_hold_and_tells_the_rest(kind):
    photo = Photo(PIXELS, format=kind, metadata=ALL)
    data = encode(photo)
    assert read_elsewhere(data, kind) == EXPECTED[kind]
    assert losses(photo) == NOT_HELD[kind]


@pytest.mark.parametrize("target", EXPECTED)
@pytest.mark.parametrize("source", EXPECTED)
def test_conversion_keeps_what_both_formats_hold(source, target):
    first = decode(encode(Photo(PIXELS, format=source, metadata=ALL)))
    again = decode(encode(replace(first, format=target))).metadata
    kept = {"exif", "xmp", "iptc"} - {
        name
        for name, title in (("exif", "EXIF"), ("xmp", "XMP"), ("iptc", "IPTC"))
        if any(title in lost for lost in NOT_HELD[source] + NOT_HELD[target])
    }
    assert (b"Maker" in again.exif) == ("exif" in kept)
    assert (b"T\0i\0t\0l\0e\0" in again.exif) == ("exif" in kept)
    assert again.xmp == (XMP if "xmp" in kept else b"")
    assert again.iptc == (IPTC if "iptc" in kept else b"")
    if {source, target} <= {"PNG", "JPEG"}:
        assert again.comments[0] == COMMENTS[0]
        assert " ".join(again.comments[1]).endswith("Ωmega")


@pytest.mark.parametrize("kind", EXPECTED)
def test_without_metadata_removes_it_all_and_nothing_of_the_colours(kind):
    chunks = ((b"gAMA", struct.pack(">I", 100_000)),)
    photo = Photo(PIXELS, format=kind, metadata=ALL, icc_profile=SRGB, colour_chunks=chunks if kind == "PNG" else ())
    data = encode(without_metadata(photo))
    assert read_elsewhere(data, kind) == (None, b"", b"", [] if kind == "JPEG" else {})
    for word in (b"Maker", b"Rating", b"Hello", b"Ko", b"mega", b"Photoshop", b"Raw profile"):
        assert word not in data
    again = decode(data)
    assert again.metadata == Metadata()
    assert again.icc_profile == (b"" if kind == "BMP" else SRGB)
    assert again.colour_chunks == photo.colour_chunks


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_comments_come_back_as_they_were(kind):
    latin = "Köln".encode("latin-1")
    if kind == "JPEG":
        data = jpeg(segment(0xFE, latin), segment(0xFE, b"second\0"))
        assert [text for name, text in PillowImage.open(io.BytesIO(encode(decode(data)))).applist if name == "COM"] == [
            latin,
            b"second\0",
        ]
        as_png = PillowImage.open(io.BytesIO(encode(replace(decode(data), format="PNG"))))
        assert as_png.text["Comment"] in ("Köln", "second\0")
    else:
        texts = [
            (b"tEXt", b"Title\0" + latin),
            (b"tEXt", b"Title\0again"),
            (b"zTXt", b"Description\0\0" + zlib.compress(b"long " * 999)),
            (b"iTXt", "Author\0\0\0el\0Συγγραφέας\0Ωmega".encode()),
            (b"iTXt", b"Copyright\0\1\0\0\0" + zlib.compress("© me".encode())),
        ]
        image = PillowImage.open(io.BytesIO(encode(decode(png(*texts[:3], after=texts[3:])))))
        assert image.text == {
            "Title": "again",
            "Description": "long " * 999,
            "Author": "Ωmega",
            "Copyright": "© me",
        }
        assert (image.text["Author"].lang, image.text["Author"].tkey) == ("el", "Συγγραφέας")
        assert encode(decode(png(*texts))).count(b"tEXtTitle") == 2


# Where programs put it

LATE = [
    pytest.param({"after": [(b"eXIf", make_exif(6, (6, 4))[6:])]}, id="eXIf-after-the-pixels"),
    pytest.param({"before": [raw_profile("exif", make_exif(6, (6, 4)))]}, id="raw-exif"),
    pytest.param({"before": [raw_profile("exif", make_exif(6, (6, 4))[6:], "APP1")]}, id="raw-APP1"),
    pytest.param({"after": [raw_profile("exif", make_exif(6, (6, 4)))]}, id="raw-exif-after-the-pixels"),
]


@pytest.mark.parametrize("places", LATE)
@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_decode_png_finds_exif_and_turns_the_photo(places, target):
    photo = decode(png(*places.get("before", ()), after=places.get("after", ())))
    np.testing.assert_array_equal(photo.pixels, np.rot90(PIXELS, -1))
    assert photo.metadata.comments == ()
    data = encode(replace(photo, format=target))
    exif = PillowImage.open(io.BytesIO(data)).getexif()
    assert exif[Base.Make] == "Maker"
    assert exif.get(Base.Orientation, 1) == 1
    assert (exif.get_ifd(IFD.Exif)[Base.ExifImageWidth], exif.get_ifd(IFD.Exif)[Base.ExifImageHeight]) == (4, 6)


def test_decode_png_prefers_exif_in_its_own_place():
    chunks = raw_profile("exif", make_exif(3)), (b"eXIf", make_exif(6)[6:])
    for order in (chunks, chunks[::-1]):
        assert decode(png(*order)).pixels.shape == (6, 4, 3)


@pytest.mark.parametrize(
    "profile",
    [
        raw_profile("iptc", photoshop(IPTC)),
        raw_profile("iptc", IPTC),
        raw_profile(
            "8bim", photoshop(b"")[:4] + b"\x03\xed\x03abc" + struct.pack(">I", 3) + b"123\0" + photoshop(IPTC)
        ),
    ],
    ids=["resource", "bare", "second-resource"],
)
def test_decode_png_finds_iptc(profile):
    assert decode(png(profile)).metadata == Metadata(iptc=IPTC)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)],
        [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))],
        [raw_profile("xmp", XMP)],
        [raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP)],
    ],
    ids=["text", "compressed", "raw-xmp", "raw-APP1"],
)
def test_decode_png_finds_xmp(chunks):
    assert decode(png(*chunks)).metadata == Metadata(xmp=XMP)
    assert decode(png(after=chunks)).metadata == Metadata(xmp=XMP)


def test_decode_png_corrects_what_old_imagemagicks_say_of_exif():
    texts = [
        (b"tEXt", b"exif:Orientation\0006"),
        (b"tEXt", b"exif:ExifImageWidth\0009"),
        (b"tEXt", b"exif:Make\0Maker"),
    ]
    assert dict(decode(png(*texts, after=[(b"eXIf", make_exif(6)[6:])])).metadata.comments) == {
        "exif:Orientation": "1",
        "exif:ExifImageWidth": "4",
        "exif:Make": "Maker",
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((b"zTXt", b"Title\0\0junk"), id="junk"),
        pytest.param((b"zTXt", b"Title\0\0" + zlib.compress(bytes(20 << 20))), id="bomb"),
        pytest.param((b"iTXt", b"Title\0"), id="cut"),
        pytest.param((b"tEXt", b"\0words"), id="no-keyword"),
        pytest.param((b"tEXt", b"x" * 80 + b"\0words"), id="long-keyword"),
        pytest.param((b"iTXt", b"Title\0\0\0\0\0\xff\xff"), id="no-utf-8"),
        pytest.param((b"tEXt", b"Raw profile type exif\0\nexif\n     100\nxyz"), id="no-digits"),
        pytest.param((b"tEXt", b"Raw profile type exif\0"), id="empty-profile"),
    ],
)
def test_decode_png_with_a_damaged_text(text):
    photo = decode(png(text, (b"tEXt", b"Author\0me")))
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    assert photo.metadata.comments == (("Author", "me"),)
    assert losses(photo) == ["damaged comments"]


def test_decode_png_reads_a_text_of_megabytes():
    text = "history " * 200_000  # more than Pillow lets through
    assert decode(png((b"zTXt", b"Comment\0\0" + zlib.compress(text.encode())))).metadata.comments == (
        ("Comment", text),
    )


def test_decode_drops_oversized_metadata_and_says_so():
    photo = decode(png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP + b" " * 5_000_000), (b"eXIf", b"junk")))
    assert photo.metadata == Metadata()
    assert losses(photo) == ["damaged EXIF (camera, time, place)", "oversized XMP (ratings, keywords)"]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "tag",
    [
        pytest.param((33723, "B", IPTC), id="bytes"),
        pytest.param((33723, "I", IPTC + bytes(-len(IPTC) % 4)), id="as-numbers"),
        pytest.param((34377, "B", photoshop(IPTC)), id="photoshop"),
    ],
)
def test_decode_tiff_finds_iptc(tag, byteorder):
    number, kind, content = tag
    buffer = io.BytesIO()
    value = np.frombuffer(content, byteorder + "u4").tolist() if kind == "I" else content
    tifffile.imwrite(
        buffer,
        PIXELS,
        photometric="rgb",
        byteorder=byteorder,
        extratags=[(number, kind, len(value), value, True), (700, "B", len(XMP), XMP, True)],
    )
    metadata = decode(buffer.getvalue()).metadata
    assert metadata.iptc.rstrip(b"\0") == IPTC
    assert metadata.xmp == XMP


def test_decode_jpeg_tells_what_followed_the_photo():
    first, second = PillowImage.fromarray(PIXELS), PillowImage.fromarray(255 - PIXELS)
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    assert losses(decode(buffer.getvalue())) == ["further pictures in the file"]
    signed = jpeg(segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb" + bytes(24)))
    assert losses(decode(signed)) == ["Content Credentials"]
    assert losses(decode(png((b"caBX", b"\0\0\0\x20jumb" + bytes(24))))) == ["Content Credentials"]
    assert losses(decode(jpeg())) == []


@pytest.mark.parametrize("kind", ["H", "I"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_tells_the_size_of_the_upright_photo(kind, order):
    number = {"H": 3, "I": 4}[kind]

    def entry(tag, value, kind=kind, number=number):
        return struct.pack(order + "HHI" + kind, tag, number, 1, value) + bytes(2 if kind == "H" else 0)

    first = [
        entry(Base.ImageWidth, 6),
        entry(Base.ImageLength, 4),
        entry(Base.Orientation, 8),
        entry(IFD.Exif, 62, "I", 4),
    ]
    second = [entry(Base.ExifImageWidth, 6), entry(Base.ExifImageHeight, 4)]
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    block += struct.pack(order + "H", 4) + b"".join(first) + bytes(4)
    assert len(block) == 62
    block += struct.pack(order + "H", 2) + b"".join(second) + bytes(4)
    photo = decode(png((b"eXIf", block)))
    assert photo.pixels.shape == (6, 4, 3)
    exif = PillowImage.Exif()
    exif.load(photo.metadata.exif)
    assert (exif[Base.ImageWidth], exif[Base.ImageLength], exif[Base.Orientation]) == (4, 6, 1)
    assert [exif.get_ifd(IFD.Exif)[tag] for tag in (Base.ExifImageWidth, Base.ExifImageHeight)] == [4, 6]


@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
def test_names_keep_their_letters(source, target):
    names = {Base.Artist: "Jürgen Ω".encode(), Base.Copyright: "© Köln".encode("latin-1")}
    lens = "Objektiv für Nähe".encode()
    entries = b""
    texts = b""
    for tag, value in {**names, Base.LensModel: lens}.items():
        start = 8 + 2 + 12 * 3 + 4 + 2 + 12 + 4 + len(texts)
        entry = struct.pack("<HHII", tag, 2, len(value) + 1, start)
        texts += value + b"\0"
        entries += entry if tag != Base.LensModel else struct.pack("<HHII", IFD.Exif, 4, 1, 50) + bytes(4)
        if tag == Base.LensModel:
            second = struct.pack("<H", 1) + entry + bytes(4)
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 3) + entries + second + texts
    data = encode(Photo(PIXELS, format=source, metadata=Metadata(block)))
    data = encode(replace(decode(data), format=target))
    exif = PillowImage.open(io.BytesIO(data)).getexif()
    assert {tag: exif[tag].encode("latin-1") for tag in names} == names
    assert exif.get_ifd(IFD.Exif)[Base.LensModel].encode("latin-1") == lens


@pytest.mark.parametrize("quality", [0, 101])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_encode_refuses_a_quality_that_there_is_not(kind, quality):
    with pytest.raises(ValueError, match=f"1 to 100. Received: {quality}"):
        encode(Photo(PIXELS, format=kind), quality=quality)


# What cannot fit


def test_jpeg_tells_what_is_too_large_for_a_segment():
    iptc, comment = IPTC + bytes(66_000), ("Comment", "x" * 66_000)
    photo = Photo(
        PIXELS, format="JPEG", metadata=Metadata(make_exif() + bytes(66_000), b"x" * 66_000, iptc, (comment,))
    )
    assert losses(photo) == [
        "EXIF (camera, time, place)",
        "XMP (ratings, keywords)",
        "IPTC (captions)",
        "comments",
    ]
    assert decode(encode(photo)).metadata == Metadata()
    assert losses(replace(photo, format="PNG")) == []


def test_losses_of_pixels_and_colours():
    deep = PIXELS.astype(np.uint16)
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    assert losses(Photo(deep, alpha=deep[..., 0], format="JPEG")) == ["16-bit depth", "transparency"]
    assert losses(Photo(deep, alpha=deep[..., 0], format="TIFF")) == []
    assert losses(Photo(PIXELS, format="BMP", icc_profile=SRGB)) == ["colour profile"]
    assert losses(Photo(PIXELS, format="WEBP", icc_profile=grey, grey=True)) == ["colour profile"]
    assert losses(Photo(PIXELS, format="WEBP", dpi=(300, 300))) == ["resolution in dpi"]
    exif = PillowImage.Exif()
    exif[Base.XResolution] = exif[Base.YResolution] = 300.0
    assert losses(Photo(PIXELS, format="WEBP", dpi=(300, 300), metadata=Metadata(exif.tobytes()))) == []
    cmyk = io.BytesIO()
    PillowImage.new("CMYK", (8, 8)).save(cmyk, "JPEG")
    assert losses(decode(cmyk.getvalue())) == ["CMYK colours"]


def test_decode_invents_no_resolution():
    exif = PillowImage.Exif()
    exif[Base.Make] = "Maker"
    for options in ({}, {"exif": exif}):
        buffer = io.BytesIO()
        PillowImage.fromarray(PIXELS).save(buffer, "JPEG", **options)
        assert decode(buffer.getvalue()).dpi is None
    exif[Base.XResolution], exif[Base.ResolutionUnit] = 240.0, 2
    buffer = io.BytesIO()
    PillowImage.fromarray(PIXELS).save(buffer, "JPEG", exif=exif)
    assert decode(buffer.getvalue()).dpi == (240, 240)


# What a PNG says of its colours

GAMMA, PRIMARIES = struct.pack(">I", 45455), struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "is_srgb"),
    [
        pytest.param([(b"sRGB", b"\1")], True, id="sRGB"),
        pytest.param([(b"gAMA", GAMMA), (b"cHRM", PRIMARIES)], True, id="gamma-and-primaries-of-sRGB"),
        pytest.param([(b"gAMA", GAMMA)], True, id="gamma-of-sRGB"),
        pytest.param([(b"gAMA", struct.pack(">I", 100_000))], False, id="linear"),
        pytest.param([(b"gAMA", GAMMA), (b"cHRM", P3)], False, id="P3"),
        pytest.param([(b"cICP", bytes([1, 13, 0, 1]))], True, id="cICP-sRGB"),
        pytest.param(
            [(b"cICP", bytes([9, 16, 0, 1])), (b"cLLI", bytes(8)), (b"mDCV", bytes(24))], False, id="cICP-HDR"
        ),
        pytest.param([(b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0")], False, id="cICP-before-sRGB"),
    ],
)
def test_colour_chunks_stay_in_a_png_and_are_told_where_they_mean_something(chunks, is_srgb):
    photo = decode(png(*chunks))
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    data = encode(photo)
    for kind, content in chunks:
        assert chunk(kind, content) in data[: data.index(b"IDAT")]
    assert losses(photo) == []
    is_hdr = any(kind == b"cLLI" for kind, _ in chunks)
    for kind in ("JPEG", "WEBP", "TIFF"):
        other = replace(photo, format=kind)
        assert losses(other) == (["colour space"] if is_hdr else [])
        assert bool(decode(encode(other)).icc_profile) == (not is_srgb and not is_hdr)  # which tells the same
    assert losses(replace(photo, format="BMP")) == ([] if is_srgb else ["colour space"])
    with_profile = replace(photo, icc_profile=SRGB, format="TIFF")
    assert losses(with_profile) == (["colour space"] if is_hdr else [])


def test_colour_chunks_of_a_wrong_size_are_left_out():
    assert decode(png((b"gAMA", b"\0"), (b"cHRM", bytes(31)))).colour_chunks == ()

import hashlib
import io
import struct
import time
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from denoise.image import Metadata, Photo, decode, encode, losses, xmp

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
NAMESPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpGImg": "http://ns.adobe.com/xap/1.0/g/img/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
}
DECLARED = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())


def packet(attributes="", elements="", wrapped=True):
    text = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF[1:-1]}">'
        f'<rdf:Description rdf:about="" {DECLARED} {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    begin, end = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', "\n" + " " * 99 + '<?xpacket end="w"?>'
    return (begin + text + end if wrapped else text).encode()


def properties(data):
    """All properties of a packet, by a parser other than the one that wrote it: names with their prefix, and texts."""
    found = {}
    prefixes = {f"{{{name}}}": prefix for prefix, name in NAMESPACES.items()}
    for description in ElementTree.fromstring(data.decode().strip("\ufeff")).iter(f"{RDF}Description"):
        children = [(child.tag, "".join(child.itertext())) for child in description]
        for name, value in [*description.attrib.items(), *children]:
            namespace, _, local = name.rpartition("}")
            if namespace + "}" in prefixes:
                found[f"{prefixes[namespace + '}']}:{local}"] = value
    return found


def png_with(content):
    return encode(Photo(PIXELS, metadata=Metadata(xmp=content)))


def kept(content):
    return decode(png_with(content)).metadata.xmp


def test_packet_that_is_right_stays_byte_by_byte():
    content = packet(
        'tiff:Orientation="1" xmp:Rating="5" tiff:ImageWidth="6"', "<dc:title>A &amp; Ω</dc:title><!-- -->"
    )
    assert kept(content) == content


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    "content",
    [
        packet('tiff:Orientation="6" xmp:Rating="5" exif:PixelXDimension="6" exif:PixelYDimension="4"'),
        packet(
            'xmp:Rating="5"',
            "<tiff:Orientation>6</tiff:Orientation>"
            "<exif:PixelXDimension>6</exif:PixelXDimension><exif:PixelYDimension>4</exif:PixelYDimension>",
        ),
        packet('tiff:Orientation="6" xmp:Rating="5" exif:PixelXDimension="6" exif:PixelYDimension="4"')
        .replace(b"tiff:", b"t:")
        .replace(b"xmlns:tiff", b"xmlns:t"),
    ],
    ids=["attributes", "elements", "other-prefix"],
)
def test_orientation_and_size_are_those_of_the_upright_photo(kind, content):
    photo = decode(encode(Photo(PIXELS, format=kind, metadata=Metadata(xmp=content))))
    assert photo.pixels.shape == (6, 4, 3)
    if kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(photo.pixels, np.rot90(PIXELS, -1))
    assert properties(photo.metadata.xmp) == {
        "tiff:Orientation": "1",
        "xmp:Rating": "5",
        "exif:PixelXDimension": "4",
        "exif:PixelYDimension": "6",
    }
    again = decode(encode(photo))
    assert again.pixels.shape == (6, 4, 3)
    assert again.metadata.xmp == photo.metadata.xmp


def test_exif_is_believed_rather_than_xmp():
    exif = PillowImage.Exif()
    exif[0x0112] = 1
    photo = decode(encode(Photo(PIXELS, metadata=Metadata(exif.tobytes(), packet('tiff:Orientation="6"')))))
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    assert properties(photo.metadata.xmp) == {"tiff:Orientation": "1"}


def test_what_points_at_nothing_is_taken_out_and_the_rest_stays():
    thumbnails = (
        "<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType='Resource'><xmpGImg:image>/9j/4AAQ</xmpGImg:image></rdf:li>"
        "</rdf:Alt></xmp:Thumbnails>"
    )
    directory = (
        "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'>"
        "<Container:Item Item:Mime='image/jpeg' Item:Semantic='GainMap' Item:Length='99'/></rdf:li></rdf:Seq>"
        "</Container:Directory>"
    )
    content = packet(
        'xmp:Rating="5" hdrgm:Version="1.0" GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" '
        'dcterms:provenance="self#jumbf=/c2pa/urn:uuid:1"',
        f"<hdrgm:GainMapMax>2.5</hdrgm:GainMapMax><HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion>"
        f"{thumbnails}{directory}<dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></dc:subject>"
        "<xmpMM:Pantry><rdf:Bag><rdf:li tiff:Orientation='6'/></rdf:Bag></xmpMM:Pantry>",
    )
    photo = decode(png_with(content))
    assert properties(photo.metadata.xmp) == {"xmp:Rating": "5", "dc:subject": "cat", "xmpMM:Pantry": ""}
    assert b"tiff:Orientation='6'" in photo.metadata.xmp.replace(b'"', b"'")  # of a part of a montage
    assert losses(photo) == ["HDR gain map", "video of the motion photo"]
    assert photo.metadata.xmp.startswith(b"<?xpacket begin=")
    assert photo.metadata.xmp.endswith(b'<?xpacket end="w"?>')
    assert properties(kept(packet('GCamera:MotionPhoto="0" xmp:Rating="1"'))) == {"xmp:Rating": "1"}


FACES = (
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="6" stDim:h="4" stDim:unit="pixel"/>'
    "<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name='Ada'>{}</rdf:Description></rdf:li></rdf:Bag>"
    "</mwg-rs:RegionList></mwg-rs:Regions>"
)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "area",
    [
        '<mwg-rs:Area stArea:x="0.25" stArea:y="0.125" stArea:w="0.1" stArea:h="0.2" stArea:unit="normalized"/>',
        "<mwg-rs:Area rdf:parseType='Resource'><stArea:x>0.25</stArea:x><stArea:y>0.125</stArea:y>"
        "<stArea:w>0.1</stArea:w><stArea:h>0.2</stArea:h></mwg-rs:Area>",
    ],
    ids=["attributes", "elements"],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_faces_are_named_where_they_are(kind, area, orientation):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[1, 2] = 255  # whose middle is at 2.5, 1.5
    area = area.replace("0.25", f"{2.5 / 8}").replace("0.125", f"{1.5 / 8}")
    content = packet(f'tiff:Orientation="{orientation}"', FACES.format(area))
    photo = decode(encode(Photo(pixels, format=kind, metadata=Metadata(xmp=content))))
    ((y, x),) = np.argwhere(photo.pixels[..., 0])
    root = ElementTree.fromstring(photo.metadata.xmp.decode().strip("\ufeff"))
    found = next(root.iter(f"{{{NAMESPACES['mwg-rs']}}}Area"))
    values = {**found.attrib, **{child.tag: child.text for child in found}}
    place = [float(values[f"{{{NAMESPACES['stArea']}}}{name}"]) for name in "xywh"]
    assert place[:2] == pytest.approx([(x + 0.5) / 8, (y + 0.5) / 8], abs=1e-5)
    assert place[2:] == ([0.2, 0.1] if orientation > 4 else [0.1, 0.2])
    size = next(root.iter(f"{{{NAMESPACES['mwg-rs']}}}AppliedToDimensions"))
    assert [size.get(f"{{{NAMESPACES['stDim']}}}{name}") for name in "wh"] == list("46" if orientation > 4 else "64")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_faces_of_a_tiff_turn_with_it(dtype):
    pixels = np.zeros((8, 8, 3), dtype)
    pixels[1, 2] = 255
    content = packet("", FACES.format(f'<mwg-rs:Area stArea:x="{2.5 / 8}" stArea:y="{1.5 / 8}"/>'))
    buffer = io.BytesIO()
    tags = [(274, "H", 1, 6, True), (700, "B", len(content), content, True)]
    tifffile.imwrite(buffer, pixels, photometric="rgb", extratags=tags)
    photo = decode(buffer.getvalue())
    ((y, x),) = np.argwhere(photo.pixels[..., 0])
    assert (x, y) == (6, 2)
    assert b'stArea:x="0.812500" stArea:y="0.312500"' in photo.metadata.xmp


def test_faces_that_cannot_be_placed_stay():
    content = packet('tiff:Orientation="6"', FACES.format('<mwg-rs:Area stArea:x="left" stArea:y="0.5"/>'))
    assert b'stArea:x="left" stArea:y="0.5"' in kept(content)


def test_packet_in_another_encoding_becomes_utf_8():
    content = packet('xmp:Rating="5"', "<dc:title>Ω</dc:title>").decode().encode("utf-16")
    found = decode(encode(Photo(PIXELS, format="TIFF", metadata=Metadata(xmp=content)))).metadata.xmp
    assert properties(found) == {"xmp:Rating": "5", "dc:title": "Ω"}


@pytest.mark.parametrize(
    ("content", "is_kept"),
    [
        pytest.param(b"<x:xmpmeta>cut", True, id="cut"),
        pytest.param(b"<no-rdf/>", True, id="no-rdf"),
        pytest.param(packet('xmp:Rating="5"')[:-90], True, id="no-end"),
        pytest.param(b"<tiff:Orientation>6</tiff", False, id="orientation"),
        pytest.param("<tiff:Orientation>6</tiff".encode("utf-16"), False, id="orientation-utf-16"),
        pytest.param(b"<xmp:Thumbnails", False, id="thumbnails"),
        pytest.param(b"hdrgm:Version='1.0'", False, id="gain-map"),
    ],
)
def test_packet_that_cannot_be_parsed_stays_if_it_is_harmless(content, is_kept):
    photo = decode(encode(Photo(PIXELS, format="TIFF", metadata=Metadata(xmp=content))))
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    assert photo.metadata.xmp == (content if is_kept else b"")
    assert losses(photo) == ([] if is_kept else ["damaged XMP (ratings, keywords)"])


def laughs():
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return f"<!DOCTYPE x [{entities}]>".encode() + packet("", "<dc:title>&a11;</dc:title>", wrapped=False)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(laughs(), id="billion-laughs"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            + packet("", "<dc:title>&e;</dc:title>", wrapped=False),
            id="external-entity",
        ),
        pytest.param(b"<a>" * 1_000_000, id="deep"),
        pytest.param(packet(" ".join(f'dc:a{n}=""' for n in range(200_000))), id="attributes"),
        pytest.param(packet("", "<dc:a/>" * 400_000), id="elements"),
        pytest.param(packet("", f"<dc:a><rdf:Bag>{'<rdf:li/>' * 400_000}</rdf:Bag></dc:a>"), id="list"),
    ],
)
def test_hostile_packet_costs_little(content):
    begin = time.process_time()
    photo = decode(encode(Photo(PIXELS, format="TIFF", metadata=Metadata(xmp=content))))
    assert time.process_time() - begin < 5
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    assert b"root:" not in photo.metadata.xmp


# Packets that are too large for a segment of a JPEG


def jpeg_with(*segments):
    buffer = io.BytesIO()
    PillowImage.fromarray(PIXELS).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"".join(struct.pack(">BBH", 0xFF, 0xE1, len(each) + 2) + each for each in segments) + data[2:]


def extension_of(content, part, swapped=False):
    digest = hashlib.md5(content).hexdigest().upper().encode()
    parts = [
        b"http://ns.adobe.com/xmp/extension/\0"
        + digest
        + struct.pack(">II", len(content), start)
        + content[start : start + part]
        for start in range(0, len(content), part)
    ]
    return digest.decode(), parts[::-1] if swapped else parts


@pytest.mark.parametrize("swapped", [False, True])
def test_extension_in_a_jpeg_is_read(swapped):
    extra = packet("", f"<crs:Masks>{'m' * 200_000}</crs:Masks><tiff:Orientation>6</tiff:Orientation>", wrapped=False)
    name, parts = extension_of(extra, 60_000, swapped)
    main = packet(f'xmp:Rating="5" xmpNote:HasExtendedXMP="{name}"')
    photo = decode(jpeg_with(b"http://ns.adobe.com/xap/1.0/\0" + main, *parts))
    assert losses(photo) == []
    expected = {"xmp:Rating": "5", "crs:Masks": "m" * 200_000, "tiff:Orientation": "1"}
    assert properties(photo.metadata.xmp) == expected
    assert photo.pixels.shape == (6, 4, 3)
    assert properties(decode(encode(replace(photo, format="PNG"))).metadata.xmp) == expected
    assert properties(decode(encode(photo)).metadata.xmp) == expected

    opened = PillowImage.open(io.BytesIO(encode(photo)))
    main = opened.info["xmp"]
    extension = b"".join(
        segment[75:] for _, segment in opened.applist if segment.startswith(b"http://ns.adobe.com/xmp/extension/\0")
    )
    assert properties(extension) == {"crs:Masks": "m" * 200_000}
    assert properties(main)["xmpNote:HasExtendedXMP"] == hashlib.md5(extension).hexdigest().upper()


def test_extension_that_is_not_all_there_is_told():
    name, parts = extension_of(packet("", f"<crs:Masks>{'m' * 200_000}</crs:Masks>", wrapped=False), 60_000)
    main = packet(f'xmp:Rating="5" xmpNote:HasExtendedXMP="{name}"')
    photo = decode(jpeg_with(b"http://ns.adobe.com/xap/1.0/\0" + main, *parts[:-1]))
    assert properties(photo.metadata.xmp) == {"xmp:Rating": "5"}
    assert losses(photo) == ["damaged XMP (ratings, keywords)"]


def test_split_of_thousands_of_properties_takes_no_long():
    content = packet('xmp:Rating="5"', "".join(f"<dc:a{n}>{'t' * 700}</dc:a{n}>" for n in range(4900)))
    begin = time.process_time()
    photo = Photo(PIXELS, format="JPEG", metadata=Metadata(xmp=content))
    assert losses(photo) == []
    assert len(properties(decode(encode(photo)).metadata.xmp)) == 4901
    assert time.process_time() - begin < 5


def test_split_moves_no_more_than_it_must():
    content = packet('xmp:Rating="5"', f"<dc:title>{'t' * 500}</dc:title><crs:Masks>{'m' * 9000}</crs:Masks>")
    main, extension, _ = xmp.split(content, 4000)
    assert len(main) <= 4000
    assert properties(main).keys() == {"xmp:Rating", "dc:title", "xmpNote:HasExtendedXMP"}
    assert properties(extension).keys() == {"crs:Masks"}
    assert xmp.split(packet(f'dc:title="{"t" * 5000}"'), 4000) is None

"""XMP packets: what they say of position and size is made to agree with the upright photo.

Packets come from anywhere: entities are not resolved, and none may be declared.
Source: ISO 16684-1 (XMP), Adobe's XMP Specification Part 3 (storage in files), and the namespaces below.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

from lxml import etree

Packet: TypeAlias = Any
"""A parsed packet: `lxml.etree._ElementTree`, which has no types."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_TIFF, _EXIF = "{http://ns.adobe.com/tiff/1.0/}", "{http://ns.adobe.com/exif/1.0/}"
_ORIENTATION = f"{_TIFF}Orientation"
_WIDTHS, _HEIGHTS = (
    (f"{_TIFF}ImageWidth", f"{_EXIF}PixelXDimension"),
    (f"{_TIFF}ImageLength", f"{_EXIF}PixelYDimension"),
)
_EXTENSION = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
_THUMBNAILS = "{http://ns.adobe.com/xap/1.0/}Thumbnails"
_APPENDED = "{http://ns.google.com/photos/1.0/container/}Directory"
_GAIN_MAPS = ("{http://ns.adobe.com/hdr-gain-map/1.0/}", "{http://ns.apple.com/HDRGainMap/1.0/}")
_CAMERA = "{http://ns.google.com/photos/1.0/camera/}"
_VIDEOS = (f"{_CAMERA}MotionPhoto", f"{_CAMERA}MicroVideo")
_REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}Regions"
_AREA, _SIZE = "{http://ns.adobe.com/xmp/sType/Area#}", "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_DEVELOPMENT = "{http://ns.adobe.com/camera-raw-settings/1.0/}"
_SIGNATURE = "{http://purl.org/dc/terms/}provenance"
_MAX_PROPERTIES = 5000  # genuine packets have hundreds, and lxml takes quadratic time to list attributes
_PLACES = (*(f"{_AREA}{name}" for name in "xywh"), *(f"{_SIZE}{name}" for name in "wh"))
_MAX_TAGS = 200_000  # and attributes; each takes a hundred bytes, and Photoshop's lists of versions have 50,000
# What of the above a packet that is no XML may speak of.
_SUSPICIOUS = (b"Orientation", b"Thumbnails", b"hdrgm", b"HDRGainMap", b"Container", b"MotionPhoto", b"MicroVideo")


def parse(packet: bytes) -> Packet | None:
    """Returns a packet as a tree; `None` if it is no well-formed XMP."""
    if packet.count(b"<") + packet.count(b"=") > _MAX_TAGS:  # the latter for attributes
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    is_utf16 = b"\x00" in packet[:4]
    try:
        root = etree.fromstring(packet if is_utf16 else packet.strip(b"\x00\t\n\r "), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    tree = root.getroottree()
    if tree.docinfo.doctype or (descriptions := _resources(tree)) is None:
        return None
    return tree if sum(1 + len(each) + len(each.attrib) for each in descriptions) <= _MAX_PROPERTIES else None


def serialize(tree: Packet) -> bytes:
    """Returns a tree as a packet, in UTF-8."""
    return bytes(etree.tostring(tree, encoding="utf-8", xml_declaration=False))


def is_harmless(packet: bytes) -> bool:
    """Returns whether a packet that cannot be parsed says nothing that is wrong of the upright photo."""
    letters = packet.replace(b"\x00", b"")  # of UTF-16
    return not any(word in letters for word in _SUSPICIOUS)


def orientation_of(tree: Packet) -> int:
    """Returns the orientation (1 to 8) that a packet tells, 0 if it tells none."""
    told = next((value.strip() for _, name, value in _properties(tree) if name == _ORIENTATION), "")
    return int(told) if told in tuple("12345678") else 0


def extension_of(tree: Packet) -> str:
    """Returns the name of the packet's extension, which a JPEG holds apart from it; empty if it has none."""
    return next((value.strip() for _, name, value in _properties(tree) if name == _EXTENSION), "")


def extend(tree: Packet, extension: Packet) -> None:
    """Adds to a packet what its extension says."""
    _resources(tree).extend(list(_resources(extension)))


def make_upright(tree: Packet, orientation: int, width: int, height: int) -> bool:
    """Makes a packet describe the upright photo of so many pixels; returns whether it had to be changed.

    What it says of thumbnails and of what followed the photo in its file (gain map, video, signature) is taken out.
    Faces that it names are named where they are now.
    """
    facts = {_ORIENTATION: "1"}
    facts |= dict.fromkeys(_WIDTHS, str(width)) | dict.fromkeys(_HEIGHTS, str(height))
    is_changed = False
    for holder, name, value in list(_properties(tree)):
        if name == _REGIONS and orientation != 1:
            _turn_regions(holder, orientation)
        elif _is_stale(name, value):
            _remove(holder, name)
        elif name in facts and value != facts[name]:
            if holder.tag == name:
                holder.text = facts[name]
            else:
                holder.set(name, facts[name])
        else:
            continue
        is_changed = True
    return is_changed


def without_development(packet: bytes) -> bytes:
    """Returns a packet without the settings by which a RAW file was developed elsewhere: they are not for its photo."""
    tree = parse(packet) if packet else None
    if tree is None:
        return packet
    found = [(holder, name) for holder, name, _ in _properties(tree) if name.startswith(_DEVELOPMENT)]
    for holder, name in found:
        _remove(holder, name)
    return serialize(tree) if found else packet


def appended(tree: Packet) -> list[str]:
    """Returns what a packet says that follows the photo in its file, such as "HDR gain map"."""
    properties = [(name, value.strip()) for _, name, value in _properties(tree)]
    found = []
    if any(name.startswith(_GAIN_MAPS) for name, _ in properties):
        found.append("HDR gain map")
    if any(name in _VIDEOS and value != "0" for name, value in properties):
        found.append("video of the motion photo")
    return found


def split(packet: bytes, size: int) -> tuple[bytes, bytes, str] | None:
    """Returns a packet of at most `size` bytes, an extension with the largest properties, and the extension's name.

    `None` if the packet cannot be split so.
    """
    tree = parse(packet)
    if tree is None:
        return None
    main, name = _resources(tree), "0" * 32
    extension = etree.Element("{adobe:ns:meta/}xmpmeta", nsmap={"x": "adobe:ns:meta/"})
    rest = etree.SubElement(etree.SubElement(extension, f"{_RDF}RDF", nsmap={"rdf": _RDF[1:-1]}), f"{_RDF}Description")
    rest.set(f"{_RDF}about", next(iter(main), rest).get(f"{_RDF}about", ""))
    etree.SubElement(main, f"{_RDF}Description", rest.attrib).set(_EXTENSION, name)
    children = [holder for holder, name, _ in _properties(tree) if holder.tag == name]
    for enough in (size // 2, size // 16, 0):  # bytes, above which a property is moved
        for child in children:
            if child.getparent() is not rest and len(etree.tostring(child)) > enough:
                rest.append(child)
        if len(serialize(tree)) <= size:
            break
    content = serialize(extension)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
    main[-1].set(_EXTENSION, digest)
    smaller = serialize(tree)
    return (smaller, content, digest) if len(smaller) <= size else None


def _turn_regions(regions: Any, orientation: int) -> None:
    """Turns the places of faces, which are told in shares of the stored width and height.

    Source: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, section 5.9.
    """
    is_transposed = orientation in (5, 6, 7, 8)
    for holder in regions.iter(etree.Element):
        x, y, w, h, *size = (_get(holder, name) for name in _PLACES)
        with suppress(TypeError, ValueError):  # not all there, or no numbers
            across, down = (float(y), float(x)) if is_transposed else (float(x), float(y))
            _set(holder, _PLACES[0], f"{1 - across if orientation in (2, 3, 6, 7) else across:.6f}")
            _set(holder, _PLACES[1], f"{1 - down if orientation in (3, 4, 7, 8) else down:.6f}")
        for pair, values in ((_PLACES[2:4], (h, w)), (_PLACES[4:], size[::-1])):
            if is_transposed and None not in values:
                for name, value in zip(pair, values, strict=True):
                    _set(holder, name, value)


def _get(holder: Any, name: str) -> Any:
    """Returns a value that is kept as an attribute or as an element."""
    value = holder.get(name)
    return holder.findtext(name) if value is None else value


def _set(holder: Any, name: str, value: str) -> None:
    if holder.get(name) is not None:
        holder.set(name, value)
    else:
        holder.find(name).text = value


def _resources(tree: Packet) -> Any:
    """Returns the element that holds the descriptions, or `None`."""
    root = tree.getroot()
    return root if root.tag == f"{_RDF}RDF" else root.find(f"{_RDF}RDF")


def _properties(tree: Packet) -> Iterator[tuple[Any, str, str]]:
    """Yields the properties of the photo itself: where each is kept, its name, and its text.

    It is kept as an element of its own, or as an attribute of another one.
    """
    for description in _resources(tree):
        for name, value in description.attrib.items():
            yield description, name, value
        for child in description.iterchildren(tag=etree.Element):
            yield child, child.tag, child.text or ""


def _remove(holder: Any, name: str) -> None:
    if holder.tag == name:
        holder.getparent().remove(holder)
    else:
        del holder.attrib[name]


def _is_stale(name: str, value: str) -> bool:
    return (
        name in (_EXTENSION, _THUMBNAILS, _APPENDED)
        or name.startswith(_GAIN_MAPS + _VIDEOS)
        or (name == _SIGNATURE and value.startswith("self#"))
    )

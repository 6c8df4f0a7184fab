"""IPTC captions in the resources of Photoshop. Source: Adobe Photoshop File Formats Specification, Image Resources."""

import struct

HEADER = b"Photoshop 3.0\0"
"""With this begins the segment of a JPEG that holds such resources."""

IPTC = 0x0404
"""The number of the resource that holds IPTC records."""

_SIGNATURE = b"8BIM"


def wrap_iptc(iptc: bytes) -> bytes:
    """Returns IPTC records as a resource."""
    return _SIGNATURE + struct.pack(">HHI", IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def find_iptc(resources: bytes) -> bytes:
    """Returns the IPTC records among resources; those that are there bare as they are; empty if there are none."""
    if not resources.startswith(_SIGNATURE):
        return resources if resources.startswith(b"\x1c") else b""
    position = 0
    while resources[position : position + 4] == _SIGNATURE and position + 12 <= len(resources):
        kind, name = struct.unpack_from(">HB", resources, position + 4)
        position += 6 + 2 * (name // 2 + 1)  # the name and its length take an even number of bytes
        size = int.from_bytes(resources[position : position + 4])
        position += 4
        if kind == IPTC:
            return resources[position : position + size]
        position += size + size % 2
    return b""

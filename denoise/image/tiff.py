"""Tags of a TIFF that say something about its photo; a TIFF is itself what an EXIF block is elsewhere.

Source of the tags for XMP and IPTC: Adobe, XMP Specification Part 3, section 1.1.4.
"""

from typing import Any

from PIL import Image as PillowImage
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from denoise.image import photoshop
from denoise.image.photo import Metadata

_XMP, _IPTC, _PHOTOSHOP = BLOCKS = (700, 33723, 34377)
# What a TIFF says about the photo rather than about how its pixels are stored; the rest is written anew.
_DESCRIPTION = {
    *(Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer),
    *(Base.Rating, Base.RatingPercent, Base.Copyright, IFD.Exif, IFD.GPSInfo, Base.DocumentName, Base.PageName),
    *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject, Base.CameraSerialNumber),
}


def read(image: TiffImageFile) -> Metadata:
    """Returns what the tags say; the EXIF block is a new one, with what describes the photo."""
    image.info.pop("xmp", None)  # else Pillow would turn some photos by it, but not in every mode
    stored = image.tag_v2._tagdata  # as it lies in the file: IPTC records are often declared to be numbers
    iptc = photoshop.find_iptc(stored.get(_IPTC, b"")) or photoshop.find_iptc(stored.get(_PHOTOSHOP, b""))
    return Metadata(_exif_of(image), stored.get(_XMP, b""), iptc)


def read_block(photo: bytes, camera: bytes = b"", place: bytes = b"") -> tuple[Metadata, bool]:
    """Returns what the first directory of a TIFF says, and whether the camera's maker has notes of its own there.

    Those are left out: they are large, and mostly point into the old file.

    Args:
        photo: The TIFF, of which Pillow need not know the rest.
        camera: Another one with what elsewhere is its directory for EXIF.
        place: The same for GPS.
    """
    directory = _loaded(photo)
    described, stored = describe(directory), getattr(directory._info, "_tagdata", {})
    for tag, block in ((IFD.Exif, camera), (IFD.GPSInfo, place)):
        if block:
            described[tag] = {each: _kept(value) for each, value in _loaded(block).items()}
    notes = described.get(IFD.Exif, {}).pop(Base.MakerNote, b"")
    exif = PillowImage.Exif()
    exif.update(described)
    return Metadata(exif.tobytes() if described else b"", stored.get(_XMP, b""), stored.get(_IPTC, b"")), bool(notes)


def _loaded(block: bytes) -> PillowImage.Exif:
    exif = PillowImage.Exif()
    exif.load(block)
    return exif


def description(metadata: Metadata) -> ImageFileDirectory_v2:
    """Returns a new directory with what describes the photo; its EXIF block must be readable, see `is_readable`."""
    tags = ImageFileDirectory_v2(prefix=b"II")
    tags.update(describe(_loaded(metadata.exif)))
    if metadata.xmp:
        tags[_XMP] = metadata.xmp
    if metadata.iptc:
        tags[_IPTC] = metadata.iptc
    return tags


def is_readable(exif: bytes) -> bool:
    """Returns whether an EXIF block is whole: it is taken apart to be written as tags."""
    try:
        description(Metadata(exif)).tobytes()
    except Exception:  # it may hold anything
        return False
    return True


def _exif_of(image: TiffImageFile) -> bytes:
    exif = PillowImage.Exif()
    try:
        exif.update(describe(image.getexif()))
        return exif.tobytes() if len(exif) else b""
    except Exception:  # a broken description is no reason to refuse the picture
        return b""


class _Text(str):
    """A text that Pillow read as Latin-1 and would write as ASCII, with question marks: its bytes come back."""

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


def describe(exif: PillowImage.Exif) -> dict[int, Any]:
    """Returns the entries that describe the photo; those that are directories as dictionaries."""
    entries: dict[int, Any] = {tag: _kept(exif[tag]) for tag in _DESCRIPTION & set(exif)}
    for directory in {IFD.Exif, IFD.GPSInfo} & set(entries):
        entries[directory] = {tag: _kept(value) for tag, value in exif.get_ifd(directory).items()}
        entries[directory].pop(IFD.Interop, None)  # an offset into the old file
    return entries


def _kept(value: Any) -> Any:
    return _Text(value) if isinstance(value, str) else value

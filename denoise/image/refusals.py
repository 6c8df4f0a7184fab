"""What is said of files that are not read, and the limits that hold in every format.

The limits lie far beyond what cameras and programs write.
"""

from denoise.image.formats import FORMATS
from denoise.image.photo import PhotoError, TooLargeError

_MAX_NOTES = 1000  # segments, chunks or entries beside the pixels; a phone's photo has about forty
_MAX_METADATA = 16 << 20  # bytes in them; a panorama with a second picture in its XMP has ten million
_SLACK = 1 << 20  # bytes that a small picture may take beyond what its pixels need


def cut_short(name: str) -> PhotoError:
    """Returns the sentence for a file that ends before its own structure does."""
    return PhotoError(
        f"The end of this {FORMATS[name].title} is missing: it was cut off while it was copied or downloaded. "
        "Copy or download it again."
    )


def damaged(name: str) -> PhotoError:
    """Returns the sentence for a file that no library can read."""
    return PhotoError(
        f"This {FORMATS[name].title} cannot be decoded: it is damaged or of an unusual kind. "
        "Open it in a photo editor and export it again, or use another copy."
    )


def animation(name: str) -> PhotoError:
    """Returns the sentence for a file of more than one frame."""
    return PhotoError(
        f"This {FORMATS[name].title} is an animation; only still pictures can be denoised. "
        "Save the frame that you want as a picture of its own and try again."
    )


def missing(name: str) -> PhotoError:
    """Returns the sentence for a file of a format whose library is not installed."""
    title, extra = FORMATS[name].title, FORMATS[name].extra
    return PhotoError(
        f"This {title} needs a library that is not installed here: pip install 'denoise[{extra}]' brings it. "
        "Or export the photo as a 16-bit TIFF or PNG (or as JPEG) and try again."
    )


def overdone(name: str, what: str) -> PhotoError:
    """Returns the sentence for a file that would cost much more than its picture does."""
    return PhotoError(
        f"This {FORMATS[name].title} is built as no camera and no photo program does it: {what}. "
        "Open it in a photo editor, export it again and use the new file."
    )


def check_size(name: str, width: int, height: int, max_megapixels: float) -> None:
    """Refuses pictures without pixels, and those with more than `max_megapixels`."""
    if width < 1 or height < 1:
        raise damaged(name)
    if width * height > max_megapixels * 1e6:
        raise TooLargeError(
            f"This photo is {width} × {height} pixels, that is {width * height / 1e6:.4g} megapixels; the limit is "
            f"{max_megapixels:g}. Make it smaller or crop it and try again."
        )


def check_notes(name: str, count: int, size: float) -> None:
    """Refuses too many segments, chunks or entries beside the pixels, or too many bytes in them."""
    if count > _MAX_NOTES:
        raise overdone(name, f"it holds more than {_MAX_NOTES:,} notes beside its picture")
    if size > _MAX_METADATA:
        raise overdone(name, f"it holds more than {_MAX_METADATA >> 20} MB of notes beside its picture")


def check_stored(name: str, width: int, height: int, stored: float, raw: float) -> None:
    """Refuses pixels that take much more than the bytes that they have without compression."""
    if stored > 2 * raw + _SLACK:
        raise overdone(name, f"it holds far more data than its {width} × {height} pixels need")

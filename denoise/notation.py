"""How figures and sets of photos are written, the same on the page, on the command line, in tables and in plots."""

import math
from collections.abc import Mapping

NONE = "–"
"""What stands where there is no figure."""

EQUAL = "equal"
"""What stands for the PSNR of equal pictures, which is infinite."""

DECIBELS = "\u00a0dB"
"""The unit of a PSNR on a page, where it stays in one line with the figure."""

_SETS = {
    "polyu": "PolyU",
    "sidd": "SIDD",
    "kodak": "Kodak",
    "renoir": "RENOIR",
    "train": "Training photos",
    "samples": "Samples",
}


def number(value: float | None, digits: int, unit: str = "", *, none: str = NONE) -> str:
    """Write a figure: never as infinity, nor with a minus where it reads zero.

    Args:
        value: The figure; infinite is the PSNR of equal pictures.
        digits: Behind the decimal point.
        unit: What follows it, such as " dB".
        none: What stands for `None`.
    """
    if value is None or math.isnan(value):
        return none
    return EQUAL if math.isinf(value) else f"{value:z.{digits}f}{unit}"


def scaled(value: float | None, factor: float) -> float | None:
    """Return a figure in another unit, if there is one."""
    return None if value is None else value * factor


def infinite(psnr: float | None) -> float:
    """Return a PSNR as it is: that of equal pictures is infinite, which JSON does not know."""
    return math.inf if psnr is None else float(psnr)


def set_title(name: str) -> str:
    """Name a set of photos as it is known, such as "Kodak ISO 1600" for "kodak ISO 1600"; an unknown one as it is."""
    first, *rest = name.split(" ")
    return " ".join([_SETS.get(first, first), *rest])


def set_and_size(name: str, photos: int, whole: int | None = None) -> str:
    """Name a set and how many photos were measured, of how many it has, such as "PolyU (4 of 54)"."""
    return (
        f"{set_title(name)} ({photos})" if photos == (whole or photos) else f"{set_title(name)} ({photos} of {whole})"
    )


def few_photos(counts: Mapping[str, tuple[int, int]]) -> str:
    """Say what figures of a part of the photos are good for; nothing where they are of all.

    Args:
        counts: By set, how many of its photos, of how many.
    """
    parts = [
        f"{part} of the {whole} photos of {set_title(name)}" for name, (part, whole) in counts.items() if part < whole
    ]
    if not parts:
        return ""
    return (
        f"PSNR and SSIM are means over {' and '.join(parts)}, drawn evenly over the set: they tell the formats of one "
        "network apart, and are not to be compared with those of another network or of all photos."
    )

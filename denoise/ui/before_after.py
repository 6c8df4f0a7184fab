"""Pictures to show to others: before and after in one, in true pixels."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from denoise.image import Photo, encode, to_depth, without_metadata
from denoise.mixing import Mix, blend
from denoise.ui import texts
from denoise.ui.results import Run

SPLIT, SIDE, CLIP = "split", "side", "clip"
WAYS = (SPLIT, SIDE, CLIP)
FORMATS = ("WEBP", "JPEG", "PNG")

_SIZES = {SPLIT: (1200, 800), SIDE: (800, 800), CLIP: (720, 480)}  # width and height of what is cut out, in pixels
_QUALITY = {"JPEG": 92, "WEBP": 90}
_LINE = 3  # pixels between before and after
_LETTERS, _EDGE = 20, 12  # pixels
_REST, _STEP, _STEPS = 1000, 40, 12  # milliseconds of each end of the clip and of a step, and steps between them
_CLIP_QUALITY = 82


class BeforeAfter(NamedTuple):
    """Which picture of before and after.

    Attributes:
        run: Which result.
        way: One of `WAYS`.
        format: One of `FORMATS`; a clip is always a WebP file.
        at: Row and column in its middle, or as near to it as the photo has room.
    """

    run: Run
    way: str
    format: str
    at: tuple[int, int]

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it, but for the middle."""
        return self.run.query | {"way": self.way, "format": self.format}

    @classmethod
    def read(cls, said: Mapping[str, str]) -> "BeforeAfter":
        """Return what `query` said, and "at" of the middle.

        Raises:
            KeyError: An address does not say all.
            ValueError: It says what cannot be.
        """
        row, column = map(int, said["at"].split(","))
        wanted = cls(Run.read(said), said["way"], said["format"], (row, column))
        if wanted.way not in WAYS or wanted.format not in FORMATS or max(map(abs, wanted.at)) > 1 << 30:
            raise ValueError(wanted)
        return wanted


def picture(noisy: Photo, denoised: Photo, mix: Mix, wanted: BeforeAfter) -> bytes:
    """Make a picture of a photo before and after.

    Args:
        noisy: The photo.
        denoised: The same, denoised.
        mix: How both are mixed.
        wanted: Which picture.

    Returns:
        The file: in 8 bit, with the photo's colour profile, and without a word about place, time or camera.
    """
    place = _place(noisy, *_SIZES[wanted.way], wanted.at)
    before, after = (
        replace(without_metadata(each), pixels=each.pixels[place], alpha=None, dpi=None) for each in (noisy, denoised)
    )
    after = blend(before, after, mix, at=(place[0].start, place[1].start))
    left, right = (to_depth(each.pixels, np.uint8).astype(np.uint8) for each in (before, after))
    if wanted.way == CLIP:
        return _clip(left, right, noisy.icc_profile)
    gap = np.full((left.shape[0], _LINE, 3), 255, np.uint8)
    pixels = np.hstack([left, gap, right]) if wanted.way == SIDE else _split(left, right, left.shape[1] // 2)
    shown = replace(before, pixels=_labelled(pixels), format=wanted.format, grey=False)
    return encode(shown, quality=_QUALITY.get(wanted.format))


def _place(photo: Photo, width: int, height: int, at: tuple[int, int]) -> tuple[slice, slice]:
    places = []
    for middle, length, whole in zip(at, (height, width), (photo.height, photo.width), strict=True):
        length = min(length, whole)
        start = min(max(middle - length // 2, 0), whole - length)
        places.append(slice(start, start + length))
    return places[0], places[1]


def _split(before: NDArray[np.uint8], after: NDArray[np.uint8], column: int) -> NDArray[np.uint8]:
    """Show the photo before to the left of a column, and after to the right of it."""
    shown = after.copy()
    shown[:, :column] = before[:, :column]
    shown[:, max(0, column - _LINE // 2 - 1) : column + _LINE // 2] = 255
    return shown


def _labelled(pixels: NDArray[np.uint8], shown: float = 0.5) -> NDArray[np.uint8]:
    """Write at the upper edge what is before and what is after, where there is room for it.

    Args:
        pixels: Both in one.
        shown: Which share of the width is before; what is not to be seen has no label.
    """
    font = ImageFont.load_default(_LETTERS)
    drawn = Image.fromarray(pixels)
    pen = ImageDraw.Draw(drawn, "RGBA")
    left, right = (pen.textbbox((0, 0), text, font) for text in (texts.NOISY, texts.DENOISED))
    if left[2] + right[2] + 6 * _EDGE > drawn.width or drawn.height < 3 * _LETTERS:
        return pixels
    for text, box, x, is_seen in (
        (texts.NOISY, left, 2 * _EDGE, shown > 0),
        (texts.DENOISED, right, drawn.width - 2 * _EDGE - right[2], shown < 1),
    ):
        if not is_seen:
            continue
        top = _EDGE + _EDGE // 2
        pen.rounded_rectangle((x - _EDGE, _EDGE, x + box[2] + _EDGE, top + box[3] + _EDGE // 2), 6, (0, 0, 0, 160))
        pen.text((x, top), text, (255, 255, 255), font)
    return np.asarray(drawn)


def _clip(before: NDArray[np.uint8], after: NDArray[np.uint8], icc_profile: bytes) -> bytes:
    """Sweep from before to after and back, for ever."""
    width = before.shape[1]
    columns = [width - round(width * step / _STEPS) for step in range(_STEPS + 1)]
    columns += columns[-2:0:-1]
    frames = [Image.fromarray(_labelled(_split(before, after, column), column / width)) for column in columns]
    lengths = [_REST if column in (0, width) else _STEP for column in columns]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=lengths,
        loop=0,
        quality=_CLIP_QUALITY,
        method=2,
        icc_profile=icc_profile,
    )
    return buffer.getvalue()

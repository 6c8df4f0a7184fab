"""A result while it is being made: what is finished of it, for as long as somebody looks at it."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise import Image
from denoise.image import Photo, Pixels, to_depth
from denoise.tiling import Box
from denoise.ui.results import Run

_FIRST_LOOK = 512  # pixels on each side, until the browser says how much it shows
_QUICK = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class Growing:
    """The result of a run, as far as it is there.

    It holds no pixels itself: they are there while the run is at work, and while its result is in memory.

    Args:
        run: Which run.
        outline: The photo without its samples, see `denoise.image.outline`.
        spot: Row and column that are looked at first.
    """

    def __init__(self, run: Run, outline: Photo, spot: tuple[int, int]) -> None:
        self.run, self.outline = run, outline
        (row, column), half = spot, _FIRST_LOOK // 2
        self._looked_at = Box(row - half, column - half, row + half, column + half)
        self._parts: list[Box] = []
        self._pixels: Callable[[], Pixels | Image | None] = lambda: None

    def view(self) -> Box:
        """Return which part of the photo is looked at."""
        return self._looked_at

    def look(self, box: Box) -> None:
        """Have this part of the photo come first."""
        self._looked_at = box

    def add(self, pixels: Pixels | Image, part: Box) -> None:
        """Take notice of a finished part, see `denoise.tiling.denoise_tiled`."""
        self._pixels = weakref.ref(pixels)
        self._parts.append(part)

    @property
    def share(self) -> float:
        """Which share of the result is there."""
        area = sum(part.height * part.width for part in list(self._parts))
        return area / (self.outline.height * self.outline.width)

    def count(self, box: Box) -> int:
        """Return how many finished parts are seen in a part of the photo."""
        return len(self._seen(box))

    def picture(self, box: Box, scale: float) -> bytes | None:
        """Return what is there of a part of the photo as a PNG file, transparent where nothing is.

        Args:
            box: Which part.
            scale: How much smaller the picture is to be, at most 1.

        Returns:
            `None` if the pixels are no longer in memory, or not yet.
        """
        pixels = self._pixels()
        if pixels is None:
            return None
        top, left, bottom, right = box
        is_there = np.zeros((bottom - top, right - left), np.uint8)
        for part in self._seen(box):
            rows = slice(max(part.top, top) - top, min(part.bottom, bottom) - top)
            is_there[rows, max(part.left, left) - left : min(part.right, right) - left] = 255
        shown = to_depth(cast(Pixels, pixels[top:bottom, left:right]), np.uint8)
        shown = cv2.bitwise_and(shown, shown, mask=is_there)  # the rest is memory that anything may have lain in
        if scale < 1:
            shown, is_there = _shrink(shown, scale), cv2.compare(_shrink(is_there, scale), 255, cv2.CMP_EQ)
        red, green, blue = cv2.split(shown)
        done, png = cv2.imencode(".png", cv2.merge([blue, green, red, is_there]), _QUICK)
        assert done
        return png.tobytes()

    def _seen(self, box: Box) -> Sequence[Box]:
        return [
            part
            for part in list(self._parts)
            if part.top < box.bottom and part.bottom > box.top and part.left < box.right and part.right > box.left
        ]


def _shrink(values: NDArray[Any], scale: float) -> NDArray[Any]:
    height, width = (max(1, round(length * scale)) for length in values.shape[:2])
    return cast(NDArray[Any], cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))

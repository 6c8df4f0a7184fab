"""A soft mask: how much more or less of the noise is removed, from place to place."""

import base64
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEUTRAL = 128
"""The node's value at which as much is removed as elsewhere; 0 stands for nothing, 255 for nearly twice as much."""

MOST_NODES = 513
"""Nodes in each direction; the spacing of a large photo's is wider."""

_WIDEST = 1 << 12  # pixels between nodes


class Mask(NamedTuple):
    """A grid of nodes over a photo, between which is interpolated linearly.

    The page's viewer does the same, with the same arithmetic: so the spacing is a power of two, and all sums are exact.

    Attributes:
        spacing: Pixels from one node to the next; the first one lies on the first pixel.
        height: Nodes in a column.
        width: Nodes in a row.
        nodes: Their values, row by row, a byte each.
    """

    spacing: int
    height: int
    width: int
    nodes: bytes

    @classmethod
    def read(cls, text: str) -> "Mask":
        """Return what `write` has written, or the viewer.

        Raises:
            ValueError: Neither has.
        """
        try:
            *numbers, packed = text.split(".")
            spacing, height, width = map(int, numbers)
            is_power = 1 <= spacing <= _WIDEST and spacing & (spacing - 1) == 0
            if is_power and 2 <= height <= MOST_NODES and 2 <= width <= MOST_NODES:
                # No more than there should be: a few bytes could become gigabytes.
                data = base64.b64decode(packed, validate=True)
                nodes = zlib.decompressobj().decompress(data, height * width + 1)
                if len(nodes) == height * width:
                    return cls(spacing, height, width, nodes)
        except (ValueError, zlib.error):
            pass
        raise ValueError(f"`text` must be what `Mask.write` returns. Received: {text[:30]!r}")

    def write(self) -> str:
        """Return it as a line of text."""
        packed = base64.b64encode(zlib.compress(self.nodes)).decode()
        return f"{self.spacing}.{self.height}.{self.width}.{packed}"

    def covers(self, height: int, width: int) -> bool:
        """Tell whether there are nodes around every pixel of a photo."""
        return (self.height - 1) * self.spacing >= height - 1 and (self.width - 1) * self.spacing >= width - 1

    def factors(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return by how much the share that is removed is multiplied, for each pixel of these rows and columns.

        Returns:
            Shape (rows, columns), from 0 to nearly 2.
        """
        grid = np.frombuffer(self.nodes, np.uint8).reshape(self.height, self.width).astype(np.int64)
        (rows, down), (columns, across) = (np.divmod(places, self.spacing) for places in (rows, columns))
        below, right = np.minimum(rows + 1, self.height - 1), np.minimum(columns + 1, self.width - 1)
        upper, lower = (
            grid[np.ix_(each, columns)] * (self.spacing - across) + grid[np.ix_(each, right)] * across
            for each in (rows, below)
        )
        sums = upper * (self.spacing - down)[:, None] + lower * down[:, None]
        return np.asarray(sums / (self.spacing**2 * NEUTRAL), np.float64)

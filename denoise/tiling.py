"""Where the tiles of a photo lie, and how their denoised versions are blended into one photo without seams."""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Container, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.image import Pixels, to_float, to_pixels

TILE_SIZE, OVERLAP = 256, 32
"""Pixels; what the networks take, and what their neighbouring tiles share at least."""

Progress = Callable[[int, int], None]
"""Called with (tiles done, tiles in all); stops the work by raising."""

_MOST_AHEAD = 64  # tiles that wait for neighbours, 50 MB; then the photo goes on row by row

_Pixels = TypeVar("_Pixels", bound=Pixels | Image)


class Box(NamedTuple):
    """A part of a photo, in pixels: from its first row and column up to, and without, its last."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left


View = Callable[[], Box | None]
"""Tells which part of the photo is looked at."""

Finished = Callable[[Pixels | Image, Box], None]
"""Called with the denoised photo, of which only parts are there, and the part that has come."""


class _Span(NamedTuple):
    """A piece of an axis that the same tiles cover: those from `first` up to, and without, `last`."""

    start: int
    stop: int
    first: int
    last: int


def tile_offsets(length: int, tile_size: int, overlap: int) -> list[int]:
    """Place the fewest tiles that cover an axis, spread evenly over it.

    Args:
        length: Length of the axis, in pixels, at least 1.
        tile_size: Length of a tile, in pixels, at least 1.
        overlap: Pixels that neighbouring tiles share at least, `0 <= overlap <= tile_size / 2`.

    Returns:
        The first pixel of each tile, ascending. The last tile ends where the axis ends; an axis shorter than a tile has
        one tile, at 0, that reaches beyond it.

    Raises:
        ValueError: An argument is outside its range.
    """
    if length < 1 or tile_size < 1:
        raise ValueError(f"`length` and `tile_size` must be at least 1. Received: {length=}, {tile_size=}")
    if not 0 <= overlap <= tile_size / 2:
        raise ValueError(
            f"`overlap` must be at least 0 and at most half of `tile_size`. Received: {overlap=}, {tile_size=}"
        )
    if length <= tile_size:
        return [0]
    stride = tile_size - overlap
    steps = -(-(length - tile_size) // stride)
    return [i * (length - tile_size) // steps for i in range(steps + 1)]


def windows(pixels: Pixels) -> list[Pixels]:
    """Return up to 4×4 windows of a photo, as large as tiles and evenly over it, by which to judge all of it."""
    rows, columns = (
        [int(start) for start in np.linspace(0, max(0, length - TILE_SIZE), min(4, -(-length // TILE_SIZE)))]
        for length in pixels.shape[:2]
    )
    return [pixels[top : top + TILE_SIZE, left : left + TILE_SIZE] for top in rows for left in columns]


def denoise_tiled(
    pixels: _Pixels,
    denoiser: Denoiser,
    *,
    tile_size: int = TILE_SIZE,
    overlap: int = OVERLAP,
    level: NDArray[np.float32] | float = 0.0,
    keep: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
    view: View | None = None,
    finished: Finished | None = None,
) -> _Pixels:
    """Denoise a photo of any size, tile by tile.

    Tiles are blended by a separable raised-cosine window over the pixels that they share. A photo smaller than a tile
    is padded by reflection. A tile is held as floats until all that share pixels with it are done: about a row of them,
    so memory does not grow with the height, and some more where one is looked at. Their order changes no pixel.

    Args:
        pixels: Noisy photo, (H, W, 3), uint8, uint16, or float32 in [0, 1].
        denoiser: Called with one (tile_size, tile_size, 3) tile at a time, and with its level.
        tile_size: Height and width of a tile, in pixels.
        overlap: Pixels that neighbouring tiles share at least, `0 <= overlap <= tile_size / 2`.
        level: What the denoiser is told of the noise: its standard deviation in [0, 1], (H, W) or one for the photo.
        keep: (H, W), true where pixels stay as they are; tiles that stay whole are not denoised at all.
        progress: Called with (0, total) first and then with (done, total) after each tile.
        view: Asked before each tile; those in view come first, from its middle outwards, and then row by row.
        finished: Called with each part that will not change any more.

    Returns:
        Denoised photo, of the same shape and dtype.

    Raises:
        ValueError: `pixels` is no photo, `level` does not fit it, or `tile_size` or `overlap` is outside its range.
        RuntimeError: `denoiser` returned another shape than it was given, or values that are not finite.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise ValueError(
            "`pixels` must be uint8, uint16 or float32 of shape (H, W, 3). "
            f"Received: shape={pixels.shape}, dtype={pixels.dtype}"
        )
    height, width, _ = pixels.shape
    if np.shape(level) not in ((), (height, width)):
        raise ValueError(f"`level` must be a number or of shape {(height, width)}. Received: shape={np.shape(level)}")
    levels = np.broadcast_to(np.asarray(level, np.float32), (height, width))  # of one number it takes no memory
    tops = tile_offsets(height, tile_size, overlap)
    lefts = tile_offsets(width, tile_size, overlap)
    row_windows = _blend_windows(tops, tile_size)
    column_windows = _blend_windows(lefts, tile_size)
    row_spans = _spans(tops, tile_size, height)
    column_spans = _spans(lefts, tile_size, width)
    remaining = dict.fromkeys(product(range(len(tops)), range(len(lefts))))
    total = len(remaining)
    if progress:
        progress(0, total)

    output = np.empty_like(pixels, order="C")
    tiles: dict[tuple[int, int], Image] = {}  # denoised, as long as pixels of theirs are not finished
    unfinished: Counter[tuple[int, int]] = Counter()  # how many parts of each are not

    def blend(rows: _Span, columns: _Span) -> None:
        part = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
        blended = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.float32)
        for i, j in product(range(rows.first, rows.last), range(columns.first, columns.last)):
            y = slice(rows.start - tops[i], rows.stop - tops[i])
            x = slice(columns.start - lefts[j], columns.stop - lefts[j])
            blended += row_windows[i][y, None, None] * column_windows[j][x, None] * tiles[i, j][y, x]
            unfinished[i, j] -= 1
            if not unfinished[i, j]:
                del tiles[i, j]
        output[part] = blended if pixels.dtype == np.float32 else to_pixels(blended, pixels.dtype)
        if keep is not None:
            np.copyto(output[part], pixels[part], where=keep[part][..., None])
        if finished:
            finished(output, Box(rows.start, columns.start, rows.stop, columns.stop))

    while remaining:
        box = view() if view and len(tiles) < _MOST_AHEAD else None
        i, j = tile = (box and _nearest(box, tops, lefts, tile_size, remaining)) or next(iter(remaining))
        del remaining[tile]
        place = slice(tops[i], tops[i] + tile_size), slice(lefts[j], lefts[j] + tile_size)
        noisy = pixels[place]
        is_kept = keep is not None and keep[place].all()
        tiles[tile] = _to_float(noisy) if is_kept else _denoise_tile(noisy, levels[place], denoiser, tile_size)
        parts = [*product(_covered(row_spans, i), _covered(column_spans, j))]
        unfinished[tile] = len(parts)
        for rows, columns in parts:
            if all(each in tiles for each in product(range(rows.first, rows.last), range(columns.first, columns.last))):
                blend(rows, columns)
        if progress:
            progress(total - len(remaining), total)
    return output


def _spans(offsets: Sequence[int], tile_size: int, length: int) -> list[_Span]:
    """Cut an axis wherever a tile begins or ends."""
    ends = [min(offset + tile_size, length) for offset in offsets]
    cuts = sorted({*offsets, *ends})
    return [_Span(start, stop, bisect(ends, start), bisect(offsets, start)) for start, stop in pairwise(cuts)]


def _covered(spans: Sequence[_Span], tile: int) -> list[_Span]:
    return [span for span in spans if span.first <= tile < span.last]


def _nearest(
    box: Box, tops: Sequence[int], lefts: Sequence[int], tile_size: int, remaining: Container[tuple[int, int]]
) -> tuple[int, int] | None:
    """Return the tile nearest to the middle of a part of the photo, of those that lie in it and remain."""
    in_view = [
        (i, j)
        for i, top in enumerate(tops)
        if top < box.bottom and top + tile_size > box.top
        for j, left in enumerate(lefts)
        if left < box.right and left + tile_size > box.left and (i, j) in remaining
    ]

    def distance(tile: tuple[int, int]) -> float:
        y, x = tops[tile[0]] + tile_size / 2, lefts[tile[1]] + tile_size / 2
        return math.hypot(y - (box.top + box.bottom) / 2, x - (box.left + box.right) / 2)

    return min(in_view, key=distance, default=None)


def _blend_windows(offsets: Sequence[int], tile_size: int) -> list[NDArray[np.float32]]:
    """Weights of each tile along one axis; at every pixel they sum to one, whatever the overlap.

    A ramp rises from 0 to 1 over the pixels that two neighbours share. A tile's window is the ramp at its start less
    the ramp at its end, so the sum over the tiles telescopes to one by geometry alone.
    """
    x = np.arange(tile_size) + 0.5
    windows = []
    for i, offset in enumerate(offsets):
        rise, fall = np.ones(tile_size), np.zeros(tile_size)
        if i > 0:
            rise = _ramp(x, 0, offsets[i - 1] + tile_size - offset)
        if i + 1 < len(offsets):
            fall = _ramp(x, offsets[i + 1] - offset, tile_size)
        windows.append((rise - fall).astype(np.float32))
    return windows


def _ramp(x: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    """Raised cosine from 0 at `start` to 1 at `stop`; a step where both are equal."""
    if start == stop:
        return np.where(x < start, 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((x - start) / (stop - start), 0, 1))


def _denoise_tile(noisy: Pixels | Image, level: NDArray[np.float32], denoiser: Denoiser, tile_size: int) -> Image:
    """Denoise a tile that may lack rows and columns: reflection pads it on both sides, and is cut off again."""
    rows, columns, _ = noisy.shape
    above, before = (tile_size - rows) // 2, (tile_size - columns) // 2
    padding = ((above, tile_size - rows - above), (before, tile_size - columns - before), (0, 0))
    # A copy even without padding: the denoiser may write into its tile.
    tile = np.pad(_to_float(noisy), padding, mode="reflect")
    padded: Level = np.pad(level[..., None], padding, mode="reflect")
    denoised = denoiser(tile, padded)
    if denoised.shape != tile.shape:
        raise RuntimeError(f"A denoiser must keep the shape {tile.shape} of a tile. Received: shape={denoised.shape}")
    denoised = denoised[above : above + rows, before : before + columns]
    if not np.isfinite(denoised).all():
        raise RuntimeError("A denoiser must return finite values. Received: NaN or infinity")
    return denoised


def _to_float(pixels: Pixels | Image) -> Image:
    return cast(Image, pixels) if pixels.dtype == np.float32 else to_float(cast(Pixels, pixels))

"""Where the tiles of a photo lie, and how their denoised versions are blended into one photo without seams."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.image import Pixels, to_float, to_pixels

TILE_SIZE, OVERLAP = 256, 64
"""Pixels; what the networks take, and what their neighbouring tiles share at least."""

Progress = Callable[[int, int], None]
"""Called with (tiles done, tiles in all); stops the work by raising."""

_Pixels = TypeVar("_Pixels", bound=Pixels | Image)


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


def denoise_tiled(
    pixels: _Pixels,
    denoiser: Denoiser,
    *,
    tile_size: int = TILE_SIZE,
    overlap: int = OVERLAP,
    level: NDArray[np.float32] | float = 0.0,
    keep: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> _Pixels:
    """Denoise a photo of any size, tile by tile.

    Tiles are blended by a separable raised-cosine window over the pixels that they share. A photo smaller than a tile
    is padded by reflection. Only one row of tiles is held as floats: memory does not grow with the height.

    Args:
        pixels: Noisy photo, (H, W, 3), uint8, uint16, or float32 in [0, 1].
        denoiser: Called with one (tile_size, tile_size, 3) tile at a time, and with its level.
        tile_size: Height and width of a tile, in pixels.
        overlap: Pixels that neighbouring tiles share at least, `0 <= overlap <= tile_size / 2`.
        level: What the denoiser is told of the noise: its standard deviation in [0, 1], (H, W) or one for the photo.
        keep: (H, W), true where pixels stay as they are; tiles that stay whole are not denoised at all.
        progress: Called with (0, total) first and then with (done, total) after each tile.

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
    total = len(tops) * len(lefts)
    done = 0
    if progress:
        progress(done, total)

    output = np.empty_like(pixels, order="C")
    band = np.zeros((min(tile_size, height), width, 3), np.float32)  # rows top..top + tile_size, weights not yet all in
    for top, next_top, row_window in zip(tops, [*tops[1:], height], row_windows, strict=True):
        for left, column_window in zip(lefts, column_windows, strict=True):
            tile = slice(top, top + tile_size), slice(left, left + tile_size)
            noisy = pixels[tile]
            is_kept = keep is not None and keep[tile].all()
            denoised = _to_float(noisy) if is_kept else _denoise_tile(noisy, levels[tile], denoiser, tile_size)
            rows, columns, _ = noisy.shape
            window = row_window[:rows, None, None] * column_window[:columns, None]
            band[:, left : left + columns] += window * denoised
            done += 1
            if progress:
                progress(done, total)
        finished = next_top - top
        output[top:next_top] = _to_dtype(band[:finished], pixels.dtype)
        if keep is not None:
            np.copyto(output[top:next_top], pixels[top:next_top], where=keep[top:next_top, :, None])
        band[:-finished] = band[finished:]
        band[-finished:] = 0
    return output


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


def _to_dtype(image: Image, dtype: np.dtype[Any]) -> Pixels | Image:
    return image if dtype == np.float32 else to_pixels(image, dtype)

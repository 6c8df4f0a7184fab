"""Cutting the photos of a data set at native resolution, so that a training decodes no whole one for a few patches."""

import logging
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from denoise import image
from denoise.files import write_atomically
from denoise.image import PhotoError
from denoise.training.datasets import Pair, PairedSet, Pixels8, photos_in, read_pair, size_of
from denoise.training.progress import with_progress

_log = logging.getLogger(__name__)


def cut(found: PairedSet, out: Path, size: int = 512) -> int:
    """Cut every photo into pieces, at most `size` pixels high and wide.

    The pieces are PNG files in `out/noisy` and `out/clean` (of clean photos alone: in `out`), a layout that
    `find_pairs` reads, with the same scenes, cameras and ISO speeds. The pieces of one photo are of nearly equal size
    and do not overlap. An interrupted cut goes on where it stood. Pairs that cannot be read are named in one warning.

    Returns:
        Number of pieces that the folder holds now, a noisy and its clean one counting once.

    Raises:
        ValueError: If `size` is not positive, or the folder holds pieces of another set or size.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1. Received: {size}")
    plan = {pair: _pieces(pair, size) for pair in found.pairs}
    _check_pieces(out, {name: where for pieces in plan.values() for name, where in pieces.items()})
    count, skipped = 0, []
    with ThreadPoolExecutor() as pool:
        for pair, pieces in with_progress(list(plan.items()), "cut"):
            folders = [out] if pair.noisy is None else [out / "noisy", out / "clean"]
            paths = [folder / f"{name}.png" for folder in folders for name in pieces]
            try:
                if not all(path.exists() for path in paths):
                    photos = (photo for photo in read_pair(pair) if photo is not None)
                    pixels = (photo[where] for photo in photos for where in pieces.values())
                    list(pool.map(_write_piece, paths, pixels))
                count += len(pieces)
            except (PhotoError, FileNotFoundError) as error:
                skipped.append(str(error))
    if skipped:
        _log.warning("%d photos were skipped: %s", len(skipped), "; ".join(skipped))
    return count


def _pieces(pair: Pair, size: int) -> dict[str, tuple[slice, slice]]:
    """Returns where each piece lies, by name."""
    rows, columns = ([*map(int, np.linspace(0, n, math.ceil(n / size) + 1).round())] for n in size_of(pair.clean[0]))
    return {
        f"{pair.name}_1x_{top}_{left}": np.s_[top:bottom, left:right]
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    }


def _check_pieces(out: Path, pieces: Mapping[str, tuple[slice, slice]]) -> None:
    for folder in (out, out / "noisy", out / "clean"):
        for path in photos_in(folder) if folder.is_dir() else []:
            where = pieces.get(path.stem)
            if where is None or size_of(path) != tuple(side.stop - side.start for side in where):
                raise ValueError(
                    f"{out} must be empty or hold pieces of the same photos and size. {path} is none of them."
                )


def _write_piece(path: Path, pixels: Pixels8) -> None:
    if not path.exists():
        write_atomically(path, image.encode(image.Photo(pixels=pixels)))

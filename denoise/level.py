"""How much noise there is in a photo: what a network that is told nothing of it removes at a first look."""

import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Level
from denoise.image import Pixels, to_float
from denoise.tiling import OVERLAP, TILE_SIZE, denoise_tiled, tile_offsets

UNKNOWN = -0.1
"""What a network is told where nobody knows the level: as far below zero as strong noise is above it."""

_TILES_A_LOOK = 8  # of so many tiles, one is looked at
_MOST_LOOKS = 12


def estimate_level(pixels: Pixels, denoiser: Denoiser, *, keep: NDArray[np.bool_] | None = None) -> float:
    """Estimate the noise of a photo by what a denoiser removes of a few of its tiles, drawn at random.

    Limits: it is as careful as the denoiser. Of what cameras have smoothed themselves it sees a third.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16.
        denoiser: A denoiser of 256×256 tiles; it is told `UNKNOWN`.
        keep: (H, W), true where the photo is clean, as for `denoise_tiled`; tiles with the least of that are chosen.

    Returns:
        Standard deviation in [0, 1], root mean square over pixels and channels; zero if all of the photo is clean.
    """
    height, width = pixels.shape[:2]
    places = [
        (slice(top, top + TILE_SIZE), slice(left, left + TILE_SIZE))
        for top in tile_offsets(height, TILE_SIZE, OVERLAP)
        for left in tile_offsets(width, TILE_SIZE, OVERLAP)
    ]
    if keep is not None:
        kept = [keep[place].mean() for place in places]
        most = max(0.5, min(kept))
        places = [place for place, share in zip(places, kept, strict=True) if share <= most and share < 1]
    squares, count = 0.0, 0
    for index in np.random.default_rng(0).permutation(len(places))[: looks(height, width)]:
        noisy = pixels[places[index]]
        removed = to_float(noisy) - to_float(denoise_tiled(noisy, denoiser, level=UNKNOWN))
        if keep is not None:
            removed = removed[~keep[places[index]]]
        squares, count = squares + float(np.square(removed).sum()), count + removed.size
    return float(np.sqrt(squares / count)) if count else 0.0


def looks(height: int, width: int) -> int:
    """Return how many tiles are looked at, at most, of a photo of this size."""
    tiles = len(tile_offsets(height, TILE_SIZE, OVERLAP)) * len(tile_offsets(width, TILE_SIZE, OVERLAP))
    return min(_MOST_LOOKS, -(-tiles // _TILES_A_LOOK))


def told(level: Level, multiple: float) -> Level:
    """Return what a network is told of a level: the multiple that its card says, 1 at most; `UNKNOWN` stays."""
    return np.where(level < 0, np.float32(UNKNOWN), np.minimum(np.float32(multiple) * level, np.float32(1)))

"""Averaging what a denoiser makes of several versions of one tile: its errors differ and partly cancel."""

from typing import NamedTuple

import numpy as np

from denoise import Denoiser, Image, Level

STRONG = 5 / 255
"""From this noise on, adding more does harm, and mirrored versions of the tile differ enough by themselves."""


class Averaging(NamedTuple):
    """Which versions of a tile are averaged; none but the tile itself unless said otherwise.

    Attributes:
        turns: So many of the eight turned and mirrored versions: 1 to 8.
        pairs: So many times, white noise is added to each of them and, in a second run, subtracted; 0 for none.
        noise: The standard deviation of that noise, as a multiple of the level around each pixel.
    """

    turns: int = 1
    pairs: int = 0
    noise: float = 0.0

    @property
    def runs(self) -> int:
        """How many times the denoiser runs for one tile."""
        return self.turns * max(1, 2 * self.pairs)


def averaging(pair: float = 0.0, level: float = 0.0, *, best: bool = False) -> Averaging:
    """Choose the versions of a tile.

    Args:
        pair: What a model card says under this key: the noise that the network runs with, 0 for none.
        level: The noise of the photo, in [0, 1]; how many runs there are does not depend on it.
        best: As much quality as eight runs give, rather than as few runs as can be.
    """
    turns, pairs = (4 if best else 1), 1
    if not pair or level >= STRONG:
        turns, pairs = (8 if best else 2 if pair else 1), 0
    return Averaging(turns, pairs, pair if pairs else 0.0)


def ensemble(denoiser: Denoiser, averaging: Averaging) -> Denoiser:
    """Make a denoiser that averages what another one makes of several versions of a tile.

    Turns: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", arXiv:1707.02921, section
    3.4. Noise: a denoiser smoothed over white noise is surer of what it removes, where that is little (randomised
    smoothing: Cohen et al., arXiv:1902.02918); with both signs, what the noise itself leaves in the result cancels in
    first order.

    Args:
        denoiser: A denoiser of square tiles.
        averaging: Which versions.

    Returns:
        The same, `averaging.runs` times slower. Its noise is the same for each tile: equal tiles give equal bytes.
    """
    if averaging.runs == 1:
        return denoiser

    def denoise_tile(tile: Image, level: Level) -> Image:
        rng = np.random.default_rng(0)
        total = np.zeros_like(tile)
        for turn in range(averaging.turns):
            turned, its_level = (_turn(array, turn) for array in (tile, level))
            if not averaging.pairs:
                total += _turn_back(denoiser(turned, its_level), turn)
            for _ in range(averaging.pairs):
                noise = np.float32(averaging.noise) * its_level * rng.standard_normal(tile.shape, np.float32)
                both = denoiser(turned + noise, its_level) + denoiser(turned - noise, its_level)
                total += _turn_back(both, turn)
        return total / np.float32(averaging.runs)

    return denoise_tile


def _turn(array: Image, turn: int) -> Image:
    """Turn a square by a quarter, then mirror every second; the first is the square itself."""
    turned = np.rot90(array, turn // 2)
    return np.ascontiguousarray(turned[:, ::-1] if turn % 2 else turned)


def _turn_back(array: Image, turn: int) -> Image:
    return np.rot90(array[:, ::-1] if turn % 2 else array, -(turn // 2))

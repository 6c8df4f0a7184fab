"""Running a denoiser several times on one tile: turned, on its own result, with white noise added and subtracted."""

from typing import NamedTuple

import numpy as np

from denoise import Denoiser, Image, Level

STRONG = 5 / 255
"""From this noise on, adding more does harm, and a second look at the result finds what the first one left."""

MOST_ADDED = 5 / 255
"""Standard deviation of the white noise that is added, at most; more blurs texture."""

_UNSEEN, _UNSEEN_FINE, _MOST_UNSEEN = 9.5, 0.125, 6 / 255
# For one that judges nothing, there is so many times the noise that a careful network removes of smoothed grain, and
# such a share of that where the grain is fine, and never more than the last of these.


class Runs(NamedTuple):
    """How a denoiser runs on a tile; once, on the tile itself, unless said otherwise.

    Attributes:
        turns: So many of the eight turned and mirrored versions, whose results are averaged: 1 to 8.
        again: Of each, the result is denoised once more.
        noise: The standard deviation of white noise in [0, 1], 0 for none: the last run is the mean of two, with it
            added and with it subtracted.
    """

    turns: int = 1
    again: bool = False
    noise: float = 0.0

    @property
    def times(self) -> int:
        """How many times the denoiser runs for one tile."""
        return self.turns * (self.again + (2 if self.noise else 1))


FINE = 0.25
"""Of grain that no camera has smoothed a denoiser finds more: so much of the noise is added then."""


def runs(
    pair: float = 0.0, level: float = 0.0, *, smoothed: float = 1.0, best: bool = False, strength: float = 1.0
) -> Runs:
    """Choose how a denoiser runs.

    Args:
        pair: What a model card says under this key, see `denoise.registry.ModelCard`; 0 for a network that runs once.
        level: The noise of the photo, in [0, 1]; how many runs there are does not depend on it up to a strength of 1.
        smoothed: How much the grain looks like what a camera has left, 0 to 1, see `denoise.level.smoothed_grain`.
        best: As much quality as eight runs give, rather than as few runs as can be.
        strength: Above 1, up to so many times the usual is taken for noise.
    """
    turns = 4 if best else 1
    if pair and level < STRONG:
        # Noise of next to nothing is the same as none, but takes the time of two runs, as everybody was told it would.
        added = (FINE + (1 - FINE) * smoothed) * pair * level
        return Runs(turns, noise=max(strength, 1.0) * min(max(added, 1e-9), MOST_ADDED))
    return Runs(turns, again=bool(pair) or best or strength > 1, noise=max(strength - 1.0, 0.0) * MOST_ADDED)


def faint_noise(level: float, *, smoothed: float, strength: float = 1.0) -> float:
    """Return how much noise there is, as FFDNet is told of it, where a careful network removes some of it.

    Args:
        level: What that removes, in [0, 1].
        smoothed: As for `runs`.
        strength: As for `runs`.

    Returns:
        Standard deviation in [0, 1]; zero where there is so much that the other one sees it, and its blotches, better.
    """
    if level >= STRONG:
        return 0.0
    seen = (_UNSEEN_FINE + (1 - _UNSEEN_FINE) * smoothed) * _UNSEEN * level
    return max(strength, 1.0) * min(seen, _MOST_UNSEEN)


def ensemble(denoiser: Denoiser, how: Runs) -> Denoiser:
    """Make a denoiser that runs another one several times.

    Turns: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", arXiv:1707.02921, section
    3.4. Noise: a denoiser smoothed over white noise is surer of what it removes, where that is little (randomised
    smoothing: Cohen et al., arXiv:1902.02918); with both signs, what the noise itself leaves in the result cancels in
    first order. Again: what a careful denoiser leaves of strong noise is weak noise, which it knows.

    Args:
        denoiser: A denoiser of square tiles.
        how: How often, and on what.

    Returns:
        The same, `how.times` times slower. Its noise is the same for each tile: equal tiles give equal bytes.
    """
    if how.times == 1:
        return denoiser

    def denoise_tile(tile: Image, level: Level) -> Image:
        rng = np.random.default_rng(0)
        total = np.zeros_like(tile)
        for turn in range(how.turns):
            turned, its_level = (_turn(array, turn) for array in (tile, level))
            if how.again:
                turned = denoiser(turned, its_level)
            if not how.noise:
                total += _turn_back(denoiser(turned, its_level), turn)
                continue
            noise = np.float32(how.noise) * rng.standard_normal(tile.shape, np.float32)
            for noisier in (turned + noise, turned - noise):
                total += _turn_back(denoiser(noisier, its_level), turn) / 2
        return total / np.float32(how.turns)

    return denoise_tile


def mean_of(denoiser: Denoiser, partner: Denoiser, level: float, *, share: float = 0.5) -> Denoiser:
    """Make a denoiser whose result is the mean of two.

    Args:
        denoiser: The first.
        partner: The second.
        level: What this is told instead of the tile's level, in [0, 1].
        share: What it has of the mean.
    """

    def denoise_tile(tile: Image, tile_level: Level) -> Image:
        told = np.full((*tile.shape[:2], 1), level, np.float32)
        return np.float32(1 - share) * denoiser(tile, tile_level) + np.float32(share) * partner(tile, told)

    return denoise_tile


def _turn(array: Image, turn: int) -> Image:
    """Turn a square by a quarter, then mirror every second; the first is the square itself."""
    turned = np.rot90(array, turn // 2)
    return np.ascontiguousarray(turned[:, ::-1] if turn % 2 else turned)


def _turn_back(array: Image, turn: int) -> Image:
    return np.rot90(array[:, ::-1] if turn % 2 else array, -(turn // 2))

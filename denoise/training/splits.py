"""Which pairs of a data set are trained on, and which are held out to be measured on."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from denoise.training.datasets import Pair

Split = tuple[tuple[Pair, ...], tuple[Pair, ...]]
"""Pairs to train on, and those held out, each in the order of the data set."""


def split_by_scene(pairs: Sequence[Pair]) -> Split:
    """Hold out a twentieth of the scenes, at least one, so that no scene stands on both sides.

    Raises:
        ValueError: If all pairs are of one scene.
    """
    scenes = sorted({pair.scene for pair in pairs})
    if len(scenes) < 2:
        raise ValueError(
            "Photos of at least two scenes are needed, one to train on and another to measure on. "
            f"All {len(pairs)} are of {', '.join(scenes) or 'none'} (what stands before the numbers in the file names)."
        )
    return _split(pairs, [pair.scene for pair in pairs], max(1, round(0.05 * len(scenes))), seed=0)


def split_by_pair(pairs: Sequence[Pair], seed: int) -> Split:
    """Hold out a fifth of the pairs, rounded up, as the case study does: 541 pairs become 432 and 109.

    Two shots of one scene may fall on both sides, which flatters the measurement: prefer `split_by_scene`.

    Raises:
        ValueError: If there are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise ValueError(f"At least two pairs are needed, to train on and to measure on. Received: {len(pairs)}")
    return _split(pairs, range(len(pairs)), math.ceil(len(pairs) / 5), seed)


def _split(pairs: Sequence[Pair], groups: Sequence[Any], count: int, seed: int) -> Split:
    """Hold out so many of the groups, to one of which each pair belongs."""
    names = sorted(set(groups))
    held_out = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:count]}
    training, rest = (
        tuple(pair for pair, group in zip(pairs, groups, strict=True) if (group in held_out) == side)
        for side in (False, True)
    )
    return training, rest

"""Which pairs of a data set are trained on, and which are held out to be measured on."""

import math
from collections.abc import Sequence

import numpy as np

from denoise.training.datasets import Pair


def split_by_scene(
    pairs: Sequence[Pair], share: float = 0.05, seed: int = 0
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Hold out a share of the scenes, at least one, so that no scene stands on both sides.

    Args:
        pairs: What to split.
        share: Share of the scenes to hold out, in (0, 1).
        seed: Decides which scenes, together with their names alone.

    Returns:
        (training, held out), each in the order of `pairs`.

    Raises:
        ValueError: If all pairs are of one scene.
    """
    scenes = sorted({pair.scene for pair in pairs})
    if len(scenes) < 2:
        raise ValueError(
            "Photos of at least two scenes are needed, one to train on and another to measure on. "
            f"All {len(pairs)} are of {', '.join(scenes) or 'none'} (what stands before the numbers in the file names)."
        )
    count = min(max(1, round(share * len(scenes))), len(scenes) - 1)
    held_out = {scenes[i] for i in np.random.default_rng(seed).permutation(len(scenes))[:count]}
    return _split(pairs, [pair.scene in held_out for pair in pairs])


def split_by_pair(pairs: Sequence[Pair], seed: int = 0) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Hold out a fifth of the pairs, rounded up, as the case study does: 541 pairs become 432 and 109.

    Two shots of one scene may fall on both sides, which flatters the measurement: prefer `split_by_scene`.

    Args:
        pairs: What to split.
        seed: Decides which pairs.

    Returns:
        (training, held out), each in the order of `pairs`.

    Raises:
        ValueError: If there are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise ValueError(f"At least two pairs are needed, to train on and to measure on. Received: {len(pairs)}")
    count = min(math.ceil(len(pairs) / 5), len(pairs) - 1)
    held_out = set(np.random.default_rng(seed).permutation(len(pairs))[:count].tolist())
    return _split(pairs, [number in held_out for number in range(len(pairs))])


def _split(pairs: Sequence[Pair], is_held_out: Sequence[bool]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    training, held_out = (
        tuple(pair for pair, out in zip(pairs, is_held_out, strict=True) if out == side) for side in (False, True)
    )
    return training, held_out

import numpy as np
import pytest

from denoise.training.splits import split_by_pair, split_by_scene
from tests.training.test_datasets import pair


@pytest.mark.parametrize("share", [0.01, 0.05, 0.34, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_split_by_scene_keeps_scenes_apart(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [pair(f"{n}", f"{rng.integers(20)}") for n in range(100)]
    training, held_out = split_by_scene(pairs, share, seed)
    assert sorted([*training, *held_out], key=pairs.index) == pairs
    on_both_sides = {p.scene for p in training} & {p.scene for p in held_out}
    assert not on_both_sides
    scenes = {p.scene for p in pairs}
    expected = min(max(1, round(share * len(scenes))), len(scenes) - 1)
    assert len({p.scene for p in held_out}) == expected
    assert split_by_scene(pairs[::-1], share, seed)[1] == held_out[::-1]


def test_split_by_scene_depends_on_the_seed() -> None:
    pairs = [pair(f"{n}", f"{n}") for n in range(20)]
    assert len({split_by_scene(pairs, 0.2, seed)[1] for seed in range(5)}) > 1


def test_split_by_scene_refuses_a_single_scene() -> None:
    with pytest.raises(ValueError, match=r"at least two scenes.* All 3 are of kitchen"):
        split_by_scene([pair(f"{n}", "kitchen") for n in range(3)])


def test_split_by_pair_gives_the_numbers_of_the_case_study() -> None:
    pairs = [pair(f"{n}", "one") for n in range(541)]
    training, held_out = split_by_pair(pairs)
    assert (len(training), len(held_out)) == (432, 109)
    assert sorted([*training, *held_out], key=pairs.index) == pairs
    assert split_by_pair(pairs) == (training, held_out)
    assert split_by_pair(pairs, seed=1) != (training, held_out)


def test_split_by_pair_refuses_a_single_pair() -> None:
    with pytest.raises(ValueError, match="two pairs"):
        split_by_pair([pair("a", "a")])

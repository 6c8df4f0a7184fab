import numpy as np
import pytest

from denoise.training.train import split_by_pair, split_by_scene
from tests.training.test_datasets import pair


@pytest.mark.parametrize("scenes", [2, 19, 60])
@pytest.mark.parametrize("seed", range(3))
def test_split_by_scene_keeps_scenes_apart(scenes: int, seed: int) -> None:
    names = np.random.default_rng(seed).permutation(list(range(scenes)) * 3)
    pairs = [pair(f"{n}", f"{name}") for n, name in enumerate(names)]
    training, held_out = split_by_scene(pairs)
    assert sorted([*training, *held_out], key=pairs.index) == pairs
    assert not {p.scene for p in training} & {p.scene for p in held_out}
    assert len({p.scene for p in held_out}) == max(1, scenes // 20)
    assert split_by_scene(pairs[::-1])[1] == held_out[::-1]


def test_split_by_scene_refuses_a_single_scene() -> None:
    with pytest.raises(ValueError, match=r"at least two scenes.* All 3 are of kitchen"):
        split_by_scene([pair(f"{n}", "kitchen") for n in range(3)])


def test_split_by_pair_gives_the_numbers_of_the_case_study() -> None:
    pairs = [pair(f"{n}", "one") for n in range(541)]
    training, held_out = split_by_pair(pairs, seed=0)
    assert (len(training), len(held_out)) == (432, 109)
    assert sorted([*training, *held_out], key=pairs.index) == pairs
    assert split_by_pair(pairs, seed=0) == (training, held_out)
    assert split_by_pair(pairs, seed=1) != (training, held_out)


def test_split_by_pair_refuses_a_single_pair() -> None:
    with pytest.raises(ValueError, match="two pairs"):
        split_by_pair([pair("a", "a")], seed=0)

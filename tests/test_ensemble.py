import numpy as np
import pytest

from denoise.ensemble import STRONG, Averaging, averaging, ensemble

LEVEL = np.linspace(0, 0.1, 64, dtype=np.float32).reshape(8, 8, 1)


def random_tile(size=8):
    return np.random.default_rng(1).random((size, size, 3), np.float32)


@pytest.mark.parametrize("turns", range(1, 9))
def test_ensemble_turns_back_what_it_turned(turns):
    tile = random_tile()
    same = ensemble(lambda tile, level: tile, Averaging(turns))
    np.testing.assert_allclose(same(tile, LEVEL), tile, atol=1e-6)


def test_ensemble_averages_over_all_eight_directions():
    seen = []

    def shift(tile, level):
        seen.append(tile[0, 0, 0])
        return np.roll(tile, 1, axis=1)

    dot = np.zeros((5, 5, 3), np.float32)
    dot[2, 2] = 1
    spread = ensemble(shift, Averaging(turns=8))(dot, np.zeros((5, 5, 1), np.float32))[..., 0]
    assert len(seen) == 8
    np.testing.assert_allclose(spread[[2, 2, 1, 3], [1, 3, 2, 2]], 0.25)  # each neighbour in two of the eight
    assert spread.sum() == pytest.approx(1)


@pytest.mark.parametrize("averaged", [Averaging(turns=8), Averaging(turns=4, pairs=1, noise=0.0)], ids=str)
def test_ensemble_turns_the_level_with_the_tile(averaged):
    tile = random_tile()
    result = ensemble(lambda tile, level: tile * level, averaged)(tile, LEVEL)
    np.testing.assert_allclose(result, tile * LEVEL, atol=1e-6)


def test_ensemble_adds_noise_in_proportion_to_the_level_and_takes_it_away():
    seen = []
    tile, level = random_tile(128), np.full((128, 128, 1), 0.02, np.float32)
    level[:, 64:] = 0.06
    level[:64] = 0
    twice = ensemble(lambda tile, level: seen.append(tile) or tile, Averaging(pairs=1, noise=2.5))
    np.testing.assert_allclose(twice(tile, level), tile, atol=1e-6)
    plus, minus = (each - tile for each in seen)
    np.testing.assert_allclose(plus, -minus, atol=1e-6)
    assert (plus[:64] == 0).all()
    assert plus[64:, :64].std() == pytest.approx(2.5 * 0.02, rel=0.05)
    assert plus[64:, 64:].std() == pytest.approx(2.5 * 0.06, rel=0.05)
    neighbours = np.corrcoef(plus[64:, 1:64].ravel(), plus[64:, :63].ravel())[0, 1]
    assert abs(neighbours) < 0.05


def test_ensemble_adds_other_noise_in_each_pair_and_the_same_in_each_run():
    seen = []
    level = np.full((8, 8, 1), 0.1, np.float32)
    several = ensemble(lambda tile, level: seen.append(tile) or tile**2, Averaging(turns=2, pairs=2, noise=1.0))
    first = several(np.zeros((8, 8, 3), np.float32), level)
    assert len(seen) == Averaging(turns=2, pairs=2, noise=1.0).runs == 8
    assert len({np.abs(tile).tobytes() for tile in seen}) == 4
    np.testing.assert_array_equal(several(np.zeros((8, 8, 3), np.float32), level), first)


def test_ensemble_without_noise_returns_the_same_for_equal_versions():
    tile = random_tile()
    result = ensemble(lambda tile, level: tile / 2, Averaging(pairs=1, noise=3.0))(tile, np.zeros_like(LEVEL))
    np.testing.assert_array_equal(result, tile / 2)


@pytest.mark.parametrize("pair", [0.0, 2.0])
def test_averaging_takes_at_most_eight_runs(pair):
    once, best = averaging(pair), averaging(pair, best=True)
    assert once.runs == (2 if pair else 1)
    assert best.runs == 8
    assert {once.noise, best.noise} == {pair}


@pytest.mark.parametrize("best", [False, True])
def test_averaging_of_a_very_noisy_photo_adds_none_but_turns_it(best):
    weak, strong = (averaging(2.0, level, best=best) for level in (STRONG / 2, 2 * STRONG))
    assert (weak.pairs, weak.noise) == (1, 2.0)
    assert (strong.pairs, strong.noise) == (0, 0.0)
    assert weak.runs == strong.runs == strong.turns == (8 if best else 2)

import numpy as np
import pytest

from denoise.ensemble import MOST_ADDED, STRONG, Runs, ensemble, faint_noise, mean_of, runs

LEVEL = np.linspace(0, 0.1, 64, dtype=np.float32).reshape(8, 8, 1)


def random_tile(size=8):
    return np.random.default_rng(1).random((size, size, 3), np.float32)


@pytest.mark.parametrize("turns", range(1, 9))
def test_ensemble_turns_back_what_it_turned(turns):
    tile = random_tile()
    same = ensemble(lambda tile, level: tile, Runs(turns))
    np.testing.assert_allclose(same(tile, LEVEL), tile, atol=1e-6)


def test_ensemble_averages_over_all_eight_directions():
    seen = []

    def shift(tile, level):
        seen.append(tile[0, 0, 0])
        return np.roll(tile, 1, axis=1)

    dot = np.zeros((5, 5, 3), np.float32)
    dot[2, 2] = 1
    spread = ensemble(shift, Runs(turns=8))(dot, np.zeros((5, 5, 1), np.float32))[..., 0]
    assert len(seen) == 8
    np.testing.assert_allclose(spread[[2, 2, 1, 3], [1, 3, 2, 2]], 0.25)  # each neighbour in two of the eight
    assert spread.sum() == pytest.approx(1)


@pytest.mark.parametrize("how", [Runs(turns=8), Runs(turns=4, noise=1e-9)], ids=str)
def test_ensemble_turns_the_level_with_the_tile(how):
    tile = random_tile()
    result = ensemble(lambda tile, level: tile * level, how)(tile, LEVEL)
    np.testing.assert_allclose(result, tile * LEVEL, atol=1e-6)


def test_ensemble_adds_white_noise_and_takes_it_away():
    seen = []
    tile = random_tile(128)
    twice = ensemble(lambda tile, level: seen.append(tile) or tile, Runs(noise=0.05))
    np.testing.assert_allclose(twice(tile, LEVEL), tile, atol=1e-6)
    plus, minus = (each - tile for each in seen)
    np.testing.assert_allclose(plus, -minus, atol=1e-6)
    assert plus.std() == pytest.approx(0.05, rel=0.05)
    assert abs(np.corrcoef(plus[:, 1:].ravel(), plus[:, :-1].ravel())[0, 1]) < 0.05


def test_ensemble_adds_other_noise_at_each_turn_and_the_same_in_each_run():
    seen = []
    several = ensemble(lambda tile, level: seen.append(tile) or tile**2, Runs(turns=4, noise=0.1))
    first = several(np.zeros((8, 8, 3), np.float32), LEVEL)
    assert len(seen) == 8
    assert len({np.abs(tile).tobytes() for tile in seen}) == 4
    np.testing.assert_array_equal(several(np.zeros((8, 8, 3), np.float32), LEVEL), first)


@pytest.mark.parametrize("turns", [1, 3])
def test_ensemble_denoises_its_own_result_again(turns):
    tile = random_tile()
    result = ensemble(lambda tile, level: tile**2, Runs(turns, again=True))(tile, LEVEL)
    np.testing.assert_allclose(result, tile**4, rtol=1e-5)


def test_ensemble_adds_noise_to_the_first_result_only():
    seen = []
    ensemble(lambda tile, level: seen.append(tile) or tile / 2, Runs(again=True, noise=0.1))(random_tile(), LEVEL)
    assert len(seen) == Runs(again=True, noise=0.1).times == 3
    np.testing.assert_array_equal(seen[0], random_tile())
    np.testing.assert_allclose((seen[1] + seen[2]) / 2, random_tile() / 2, atol=1e-6)


@pytest.mark.parametrize("pair", [0.0, 8.0])
@pytest.mark.parametrize("level", [0.0, STRONG / 2, 2 * STRONG])
def test_runs_are_at_most_eight_however_noisy_the_photo(pair, level):
    assert runs(pair, level).times == (2 if pair else 1)
    assert runs(pair, level, best=True).times == 8


def test_runs_of_a_noisy_photo_add_noise_and_of_a_very_noisy_one_denoise_twice():
    weak, middling, strong = (runs(8.0, level) for level in (0.001, 0.9 * STRONG, 1.1 * STRONG))
    assert weak == Runs(noise=0.008)
    assert middling == Runs(noise=MOST_ADDED)
    assert strong == Runs(again=True)


@pytest.mark.parametrize(("pair", "level"), [(0.0, 0.0), (8.0, 0.01), (8.0, 0.1)])
def test_runs_at_a_strength_above_1_add_more_noise(pair, level):
    usual, stronger, strongest = (runs(pair, level, strength=strength) for strength in (1, 2, 3))
    assert usual.noise < stronger.noise < strongest.noise
    assert runs(pair, level, strength=0.5) == usual


def test_runs_add_less_where_no_camera_has_smoothed_the_grain():
    little, some, much = (runs(8.0, 0.002, smoothed=smoothed).noise for smoothed in (0, 0.5, 1))
    assert little == pytest.approx(2 * 0.002)
    assert little < some < much == pytest.approx(8 * 0.002)
    assert runs(8.0, 1.1 * STRONG, smoothed=0) == runs(8.0, 1.1 * STRONG)


def test_mean_of_two_tells_the_second_another_level():
    told = []

    def partner(tile, level):
        told.append(level)
        return tile + np.float32(1)

    tile, level = np.zeros((8, 8, 3), np.float32), np.full((8, 8, 1), 0.5, np.float32)
    for share, expected in ((0.5, 0.75), (0.25, 0.625)):
        mean = mean_of(lambda tile, level: tile + level, partner, 0.25, share=share)(tile, level)
        np.testing.assert_allclose(mean, expected)
    np.testing.assert_array_equal(told[0], np.full((8, 8, 1), np.float32(0.25)))


@pytest.mark.parametrize(
    ("level", "options", "told"),
    [
        (0.5 / 255, {"smoothed": 1.0}, 4.75 / 255),
        (0.5 / 255, {"smoothed": 0.0}, 4.75 / 8 / 255),
        (0.5 / 255, {"smoothed": 1.0, "strength": 2.0}, 9.5 / 255),
        (3 / 255, {"smoothed": 1.0}, 6 / 255),
        (STRONG, {"smoothed": 1.0, "strength": 2.0}, 0.0),
    ],
)
def test_faint_noise_is_many_times_what_a_careful_network_removes_of_it(level, options, told):
    assert faint_noise(level, **options) == pytest.approx(told)

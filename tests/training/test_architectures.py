from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from denoise.level import UNKNOWN
from denoise.runtime import Network
from denoise.training.architectures import ARCHITECTURES, build, multiple_of
from denoise.training.architectures.two_scales import level_at_half_size
from denoise.training.export import convert

SMALL = {
    "autoencoder": {"filters": 8},
    "cbdnet": {"filters": 8},
    "ffdnet": {"filters": 8, "blocks": 1},
    "hinet": {"filters": 4, "levels": 2},
    "mirnet": {"filters": 8, "blocks": 1},
    "pridnet": {"filters": 4},
    "ridnet": {"filters": 16, "modules": 1, "reduction": 4},
    "uformer": {"filters": 4, "levels": 2},
    "unet": {"filters": 8, "blocks": 1},
}
NAMES = sorted(ARCHITECTURES)
DEEP = ("hinet", "mirnet", "uformer")  # many layers, which take long to build and to compile
MULTIPLES = {name: multiple_of(name, **SMALL[name]) for name in NAMES}
UFORMER_B = {"filters": 32, "levels": 5, "blocks": (1, 2, 8, 8, 2, 8, 8, 2, 1), "grid": 1}


@pytest.fixture(autouse=True)
def _float32() -> None:
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)


def run(network: keras.Model, inputs: Any) -> np.ndarray:
    """Run a network layer by layer: to make a graph of it first takes longer than one run saves."""
    return np.asarray(network(inputs))


@pytest.fixture
def _zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large networks take long to draw their weights."""
    zeros = keras.ops.zeros
    monkeypatch.setattr(
        keras.initializers.VarianceScaling, "__call__", lambda self, shape, dtype=None, **_: zeros(shape, dtype)
    )


def disturb(network: keras.Model) -> None:
    """Give the last convolution, which starts at zero, something to say."""
    kernel = network.get_layer("tail").kernel
    kernel.assign(np.random.default_rng(0).normal(0, 0.02, kernel.shape))


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"),
    [
        ("autoencoder", {}, 1_333_190),
        ("autoencoder", {"skip": 3}, 1_334_921),
        ("cbdnet", {}, 4_365_382),
        ("ffdnet", {"told": 1}, 852_108),
        ("hinet", {}, 3_118_608),
        ("mirnet", {}, 1_495_556),
        pytest.param("pridnet", {}, 74_228_129, marks=pytest.mark.long),
        ("pridnet", {"filters": 16}, 18_617_169),
        ("pridnet", {"filters": 16, "levels": 3}, 1_197_649),
        ("ridnet", {}, 1_499_347),
        ("ridnet", {"grid": 2, "told": 1}, 1_499_347 + (9 + 1) * 64 * 9 + 9 * (64 * 9 + 1)),
        ("uformer", {}, 2_981_286),
        ("unet", {}, 6_633_564),
    ],
    ids=str,
)
@pytest.mark.usefixtures("_zeros")
def test_build_has_as_many_parameters_as_documented(name: str, arguments: dict[str, int], parameters: int) -> None:
    assert build(name, **arguments).count_params() == parameters


@pytest.mark.parametrize(
    ("name", "arguments", "published"),
    [
        ("hinet", {"filters": 64, "levels": 5, "grid": 1}, "88.67 M"),
        ("mirnet", {"filters": 64, "groups": 3, "blocks": 2, "grid": 1}, "31.8 M"),
        ("uformer", {"filters": 16, "levels": 5, "grid": 1, "modulators": 0}, "5.23 M"),
        ("uformer", {"filters": 32, "levels": 5, "grid": 1, "modulators": 0}, "20.63 M"),
        ("uformer", UFORMER_B, "50.88 M"),
    ],
    ids=["HINet", "MIRNet", "Uformer-T", "Uformer-S", "Uformer-B"],
)
@pytest.mark.long
@pytest.mark.usefixtures("_zeros")
def test_build_has_as_many_parameters_as_published(name: str, arguments: dict[str, object], published: str) -> None:
    millions = build(name, **arguments).count_params() / 1e6
    decimals = len(published.removesuffix(" M").partition(".")[2])
    assert f"{millions:.{decimals}f} M" == published


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("hinet", {"grid": 1}),
        ("mirnet", {}),
        ("ridnet", {}),
        ("ridnet", {"grid": 2}),
        ("uformer", {}),
        ("unet", {}),
        ("unet", {"scales": 2}),
    ],
    ids=str,
)
def test_network_that_is_told_of_no_noise_returns_its_input_and_else_does_not(name: str, grid: dict[str, int]) -> None:
    network = build(name, **SMALL[name], **grid, told=1)
    disturb(network.get_layer(name) if grid.get("scales") == 2 else network)
    noisy = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    level = np.full((1, 64, 64, 1), 0.05, np.float32)
    level[:, :, :32] = 0
    denoised = run(network, [noisy, level])
    np.testing.assert_array_equal(denoised[:, :, :32], noisy[:, :, :32])
    assert np.abs(denoised - noisy)[:, :, 32:].mean() > 1e-3
    louder = run(network, [noisy, 2 * level])
    assert np.abs(louder - denoised)[:, :, 32:].max() > 1e-4
    untold = run(network, [noisy, np.full_like(level, UNKNOWN)])  # of what nobody knows it removes something everywhere
    assert np.abs(untold - noisy)[:, :, :32].mean() > 1e-3


def test_build_refuses_an_unknown_grid_and_a_size_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="`grid` must be 1 or 2"):
        build("ridnet", grid=3)
    with pytest.raises(ValueError, match="multiple of 2"):
        build("ridnet", grid=2, size=33)


@pytest.mark.parametrize(("half", "told"), [(5, 0.05), (7, 0.07)])
def test_level_at_half_size_is_less_and_stays_unknown_where_nobody_knows(half: int, told: float) -> None:
    level = np.full((1, 4, 4, 1), 0.1, np.float32)
    level[:, :2] = UNKNOWN
    halved = keras.ops.convert_to_numpy(level_at_half_size(level, half))
    np.testing.assert_allclose(halved[0, :, :, 0], [[UNKNOWN] * 2, [told] * 2], atol=1e-6)


def test_build_tells_a_network_at_half_the_size_as_much_as_is_asked() -> None:
    noisy, level = np.random.default_rng(0).random((1, 32, 32, 3), np.float32), np.full((1, 32, 32, 1), 0.1, np.float32)
    networks = [build("ffdnet", told=8, scales=2, half=half, **SMALL["ffdnet"]) for half in (5, 7)]
    disturb(networks[0].get_layer("ffdnet"))
    networks[1].set_weights(networks[0].get_weights())
    usual, more = (network.predict_on_batch([noisy, level]) for network in networks)
    assert np.abs(usual - more).max() > 1e-4


@pytest.mark.parametrize("name", ["autoencoder", "cbdnet", "ridnet", "unet"])
def test_build_makes_a_network_of_two_scales(name: str) -> None:
    size = multiple_of(name, scales=2, **SMALL[name])
    noisy = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    denoised = run(build(name, scales=2, **SMALL[name]), noisy)
    assert denoised.shape == noisy.shape
    assert np.array_equal(denoised, noisy) == (name != "autoencoder")


def test_two_scales_take_what_is_coarse_from_half_the_size(tmp_path: Path) -> None:
    plain, both = build("ridnet", **SMALL["ridnet"]), build("ridnet", size=64, scales=2, **SMALL["ridnet"])
    disturb(plain)
    plain.save_weights(tmp_path / "ridnet.weights.h5")
    both.load_weights(tmp_path / "ridnet.weights.h5")  # the same file serves
    assert both.count_params() == plain.count_params()
    noisy = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)

    def halve(picture: np.ndarray) -> np.ndarray:
        return picture.reshape(1, 32, 2, 32, 2, 3).mean(axis=(2, 4))

    fine = run(plain, noisy)
    coarse = run(plain, halve(noisy))
    change = run(both, noisy) - fine
    assert np.abs(change).max() > 1e-3
    wanted, got = (picture[0, 4:-4, 4:-4] for picture in (coarse - halve(fine), halve(change)))
    # As a whole it is brought to the half size's values, but what is fine there stays.
    np.testing.assert_allclose(got.mean(axis=(0, 1)), wanted.mean(axis=(0, 1)), atol=0.1 * np.abs(wanted).mean())
    assert np.abs(got).std() < 0.5 * np.abs(wanted).std()


@pytest.mark.parametrize("name", [name for name in NAMES if MULTIPLES[name] > 1])
def test_build_refuses_a_size_that_its_poolings_do_not_divide(name: str) -> None:
    with pytest.raises(ValueError, match=f"multiple of {MULTIPLES[name]}"):
        build(name, size=MULTIPLES[name] + 1, **SMALL[name])


@pytest.mark.parametrize("name", NAMES)
def test_build_makes_a_network_of_open_size_that_returns_its_input_until_it_learns(name: str) -> None:
    noisy, clean = (picture[:1] for picture in grainy(name))
    network = build(name, **SMALL[name])
    wide = np.concatenate([noisy, clean], axis=2)
    denoised = run(network, wide)
    assert denoised.shape == wide.shape
    if name != "autoencoder":
        np.testing.assert_array_equal(denoised, wide)
        disturb(network)  # else the first step teaches the last convolution alone
    network.compile(keras.optimizers.SGD(0.1), loss="mae", run_eagerly=True)
    before = network.train_on_batch(noisy, clean)
    assert before != pytest.approx(np.abs(noisy - clean).mean(), abs=1e-6)  # it does something
    assert np.abs(run(network, noisy) - clean).mean() < 0.995 * before


def grainy(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Two noisy pictures of one colour, and what they are without noise."""
    rng = np.random.default_rng(0)
    size = max(32, MULTIPLES[name])
    clean = rng.uniform(0.2, 0.8, (2, 1, 1, 3)).astype(np.float32)
    # Grain of 8 pixels: what an autoencoder's poolings let through.
    grain = np.repeat(np.repeat(rng.normal(0, 0.1, (2, size // 8, size // 8, 3)), 8, axis=1), 8, axis=2)
    return clean + grain.astype(np.float32), clean + np.zeros_like(grain, np.float32)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_build_overfits_one_batch(name: str) -> None:
    noisy, clean = grainy(name)
    network = build(name, **SMALL[name])
    if is_large := MULTIPLES[name] > 100 or name in DEEP:
        noisy, clean = noisy[:1], clean[:1]
    epochs, share, rate = (6, 0.95, 3e-3) if name in DEEP else (6, 0.9, 3e-3) if is_large else (100, 0.5, 3e-3)
    # To compile a network that is large, or deep, takes longer than the little that it learns here.
    network.compile(keras.optimizers.Adam(rate), loss="mae", run_eagerly=is_large)
    before = network.evaluate(noisy, clean, verbose=0)
    network.fit(noisy, clean, epochs=epochs, verbose=0)
    assert network.evaluate(noisy, clean, verbose=0) < share * before


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in (*DEEP, "pridnet") else ()) for name in NAMES]
)
def test_build_converts_to_tflite_and_back(name: str, tmp_path) -> None:
    size = max(64, MULTIPLES[name])
    network = build(name, size=size, **SMALL[name])
    disturb(network)
    file = tmp_path / f"{name}.tflite"
    file.write_bytes(convert(network, "float32"))
    noisy = np.random.default_rng(0).random((size, size, 3), np.float32)
    expected = np.clip(run(network, noisy[None])[0], 0, 1)
    assert np.abs(expected - noisy).max() > 1e-3
    np.testing.assert_allclose(Network(file)(noisy, np.zeros((size, size, 1), np.float32)), expected, atol=1e-4)


def test_autoencoder_mixes_its_picture_with_the_input() -> None:
    noisy = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    network = build("autoencoder", filters=4, skip=0)
    mixed = build("autoencoder", filters=4)
    for layer in network.layers:
        mixed.get_layer(layer.name).set_weights(layer.get_weights())
    decoded = run(network, noisy)
    assert np.abs(decoded - noisy).mean() > 0.1
    # Untrained, the skip mixes one half of each.
    np.testing.assert_allclose(run(mixed, noisy), (decoded + noisy) / 2, atol=1e-5)


def test_level_may_be_multiplied_before_a_network_sees_it() -> None:
    once, eight = (build("ffdnet", size=16, **SMALL["ffdnet"], told=told) for told in (1, 8))
    disturb(once)
    head, *others = once.get_weights()
    head[:, :, -1] /= 8
    eight.set_weights([head, *others])
    noisy, level = keras.random.uniform((1, 16, 16, 3), seed=1), keras.random.uniform((1, 16, 16, 1), seed=2)
    np.testing.assert_allclose(eight([noisy, level]), once([noisy, level]), atol=1e-5)


def test_autoencoder_chooses_among_averages_of_the_input() -> None:
    noisy = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    network = build("autoencoder", filters=4, skip=2)
    network.get_layer("tail").bias.assign([-100.0] * 3)  # no part of it is the picture that it made
    squares = noisy.reshape(1, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    averaged = np.asarray(keras.layers.UpSampling2D(2, interpolation="bilinear")(squares))
    for scores, expected in (((0, 0), (noisy + averaged) / 2), ((100, 0), noisy), ((0, 100), averaged)):
        network.get_layer("choose").bias.assign(scores)
        np.testing.assert_allclose(run(network, noisy), expected, atol=1e-5)


def test_build_of_an_unknown_network_lists_the_known() -> None:
    with pytest.raises(ValueError, match="autoencoder, cbdnet, ffdnet, hinet, mirnet, pridnet, ridnet, uformer"):
        build("transformer")

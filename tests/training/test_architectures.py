import keras
import numpy as np
import pytest

from denoise.training.architectures import build


@pytest.fixture(autouse=True)
def _float32() -> None:
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)


def test_ridnet_has_the_parameters_of_the_paper() -> None:
    assert build("ridnet").count_params() == 1_499_347


def test_ridnet_untrained_returns_its_input() -> None:
    noisy = np.random.default_rng(0).random((2, 24, 40, 3), np.float32)
    np.testing.assert_array_equal(build("ridnet").predict(noisy, verbose=0), noisy)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 31), (64, 48)], ids=str)
def test_ridnet_keeps_the_size(height: int, width: int) -> None:
    noisy = np.zeros((1, height, width, 3), np.float32)
    assert build("ridnet", filters=16, modules=1).predict(noisy, verbose=0).shape == noisy.shape


def test_ridnet_overfits_one_batch() -> None:
    rng = np.random.default_rng(0)
    clean = np.ones((2, 32, 32, 1), np.float32) * rng.uniform(0.2, 0.8, (2, 1, 1, 3)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    network = build("ridnet", filters=16, modules=2, reduction=4)
    network.compile(keras.optimizers.Adam(3e-3), loss="mae")
    before = network.evaluate(noisy, clean, verbose=0)
    network.fit(noisy, clean, epochs=100, verbose=0)
    assert network.evaluate(noisy, clean, verbose=0) < 0.35 * before


def test_build_of_an_unknown_network_lists_the_known() -> None:
    with pytest.raises(ValueError, match="ridnet"):
        build("unet")

import keras
import numpy as np
import pytest

from denoise.training.optimizers import OPTIMIZERS


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_first_step_is_as_large_as_that_of_its_optimizer(name: str) -> None:
    keras.mixed_precision.set_global_policy("float32")
    photo = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, name="inside")(photo)
    network = keras.Model(photo, keras.layers.Conv2D(3, 3, name="tail")(x))
    optimizer = OPTIMIZERS[name](1e-3)
    rng = np.random.default_rng(0)
    gradients = [rng.normal(0, 1, variable.shape).astype(np.float32) for variable in network.trainable_variables]
    before = [np.asarray(variable) for variable in network.trainable_variables]
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], network.trainable_variables)
    kernel, bias, tail, _ = (
        np.asarray(variable) - old for variable, old in zip(network.trainable_variables, before, strict=True)
    )
    if name == "sgd":
        np.testing.assert_allclose(kernel, -1e-3 * gradients[0], atol=1e-6)
        return
    for step in (bias, tail) if name == "muon" else (kernel, bias, tail):
        np.testing.assert_allclose(np.abs(step), 1e-3, rtol=0.02)  # each weight by the learning rate
    if name == "muon":  # the same length in each direction
        singular = np.linalg.svd(kernel.reshape(-1, 8), compute_uv=False)
        assert singular.max() < 2 * singular.min()
        assert 1e-4 < np.abs(kernel).mean() < 1e-3
    assert (np.sign(kernel) == -np.sign(gradients[0])).mean() > 0.8

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise.training.adversarial import AdversarialTraining, discriminator
from denoise.training.architectures import build
from denoise.training.configuration import Configuration
from denoise.training.run_state import RunState
from denoise.training.train import train

TINY = Configuration(
    "unet",
    arguments={"filters": 4, "levels": 2, "blocks": 1},
    epochs=2,
    steps_per_epoch=2,
    batch_size=2,
    patch_size=16,
    learning_rate=1e-3,
    adversarial=0.1,
    ema=0.5,
    precision="float32",
)


def test_discriminator_judges_34_pixels_at_a_time() -> None:
    keras.mixed_precision.set_global_policy("float32")
    network = discriminator()
    assert network.count_params() == 169_185
    photos = np.random.default_rng(0).random((1, 80, 80, 6), np.float32)
    changed = photos.copy()
    changed[:, 40, 40] += 1
    judgements = np.asarray(network(photos))
    assert judgements.shape == (1, 20, 20, 1)
    seen = np.nonzero(np.abs(np.asarray(network(changed)) - judgements)[0, :, :, 0].max(axis=0))[0]
    assert 4 * (len(seen) - 1) < 34 <= 4 * (len(seen) + 1)


def test_adversaries_learn_each_for_itself() -> None:
    tf = pytest.importorskip("tensorflow")
    keras.mixed_precision.set_global_policy("float32")
    rng = np.random.default_rng(0)
    noisy, clean = rng.random((2, 1, 16, 16, 3), np.float32)

    def gradients(weight: float) -> list[list[np.ndarray]]:
        keras.utils.set_random_seed(0)
        training = AdversarialTraining(build("unet", **TINY.arguments), 16, "l1", 0, weight)
        with tf.GradientTape() as tape:
            loss = training.compute_loss(noisy, clean, {**training(noisy), "clean": clean})
        found = tape.gradient(loss, [network.trainable_variables for network in training.networks])
        return [[np.asarray(gradient) for gradient in each] for each in found]

    (plain, judging), (deceiving, judging_too) = gradients(0.0), gradients(1.0)
    assert any(np.abs(first - second).max() > 1e-5 for first, second in zip(plain, deceiving, strict=True))
    assert all(np.abs(gradient).max() > 0 for gradient in judging[:-1])
    for first, second in zip(judging, judging_too, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.usefixtures("quickly")
def test_train_against_an_adversary_resumes_exactly(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train([pairs_folder], tmp_path / "whole", TINY)

    save = RunState.save

    def save_and_stop(state: RunState) -> None:
        save(state)
        state.model.stop_training = True

    def saved(run: str) -> list[np.ndarray]:
        with np.load(tmp_path / run / "checkpoint.npz") as checkpoint:
            return [checkpoint[f"{index}"] for index in range(len(checkpoint.files) - 3)]

    with monkeypatch.context() as patched:
        patched.setattr(RunState, "save", save_and_stop)
        train([pairs_folder], tmp_path / "parts", TINY)
    first = saved("parts")
    train([pairs_folder], tmp_path / "parts", TINY)
    for whole, resumed in zip(saved("whole"), saved("parts"), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-6)
    weights = len(build("unet", **TINY.arguments).weights)
    moved = [not np.array_equal(old, new) for old, new in zip(first, saved("parts"), strict=True)]
    assert any(moved[:weights])
    assert all(moved[weights : weights + 7])  # the discriminator's, but for the last one's bias, which cancels out


def test_configuration_refuses_a_weight_below_zero() -> None:
    with pytest.raises(ValueError, match="`adversarial` must be 0 or more"):
        replace(TINY, adversarial=-1.0)

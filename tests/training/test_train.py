import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from denoise.training.train import CameraTraining, Configuration, RunState, train

TINY = Configuration(
    "ridnet",
    arguments={"filters": 16, "modules": 1},
    epochs=2,
    steps_per_epoch=3,
    batch_size=2,
    patch_size=32,
    learning_rate=1e-3,
    ema=0.5,
    precision="float32",
)


def test_train_resumes_exactly(clean_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(clean_folder, tmp_path / "whole", TINY)

    save = RunState.save

    def save_and_stop(state: RunState) -> None:
        save(state)
        state.model.stop_training = True

    with monkeypatch.context() as patched:
        patched.setattr(RunState, "save", save_and_stop)
        train(clean_folder, tmp_path / "parts", TINY)
    assert len((tmp_path / "parts" / "log.csv").read_text().splitlines()) == 2  # a heading and one epoch
    resumed = train(clean_folder, tmp_path / "parts", TINY)
    for first, second in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=1e-6)


def test_train_writes_configuration_log_and_averaged_weights(clean_folder: Path, tmp_path: Path) -> None:
    network = train(clean_folder, tmp_path, replace(TINY, epochs=3))
    assert json.loads((tmp_path / "config.json").read_text())["patch_size"] == 32
    with (tmp_path / "log.csv").open() as log:
        rows = list(csv.DictReader(log))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] < rates[2] < rates[1] < 1e-3  # warm-up, then the cosine
    with np.load(tmp_path / "checkpoint.npz") as saved:
        last = [saved[f"{i}"] for i in range(len(network.variables))]
    # The average lags behind: it is neither the last state nor the untrained one.
    assert any(not np.allclose(np.asarray(a), b) for a, b in zip(network.variables, last, strict=True))
    assert np.abs(np.asarray(network.get_layer("tail").kernel)).max() > 0


def test_train_refuses_a_folder_of_another_configuration(clean_folder: Path, tmp_path: Path) -> None:
    train(clean_folder, tmp_path, replace(TINY, epochs=1))
    with pytest.raises(ValueError, match="same configuration"):
        train(clean_folder, tmp_path, replace(TINY, epochs=1, seed=7))


def test_train_stops_on_nan_and_keeps_the_last_good_state(
    clean_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(clean_folder, tmp_path, replace(TINY, epochs=1))
    (tmp_path / "config.json").unlink()
    good = (tmp_path / "checkpoint.npz").read_bytes()
    loss = CameraTraining.compute_loss
    monkeypatch.setattr(CameraTraining, "compute_loss", lambda *a, **k: loss(*a, **k) * float("nan"))
    train(clean_folder, tmp_path, TINY)
    assert (tmp_path / "checkpoint.npz").read_bytes() == good


def test_train_stops_when_the_time_is_up(clean_folder: Path, tmp_path: Path) -> None:
    train(clean_folder, tmp_path, replace(TINY, epochs=None, minutes=1e-3))
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2

import errno
import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage.data
import skimage.metrics
from PIL import Image as PillowImage

from denoise import camera, metrics
from denoise.image import to_float
from denoise.level import UNKNOWN
from denoise.training import train as module
from denoise.training.architectures import build
from denoise.training.configuration import Configuration
from denoise.training.curves import draw_curves, read_log
from denoise.training.optimizers import OPTIMIZERS
from denoise.training.run_state import RunState
from denoise.training.step import LOSSES, DenoisingTraining, cbdnet_loss, ssim
from denoise.training.train import train

RIDNET = Configuration(
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
# Fewer layers: to trace them takes most of a short training.
SMALLER = {"architecture": "unet", "arguments": {"filters": 4, "blocks": 1, "levels": 1}}
TINY = replace(RIDNET, **SMALLER)


@pytest.fixture(scope="module")
def first_epoch(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, on pairs: the simulated camera is most of what there is to trace and to run."""
    run = tmp_path_factory.mktemp("trained") / "run"
    train([pairs_folder], run, replace(TINY, epochs=1))
    return run


@pytest.fixture
def begun(first_epoch: Path, tmp_path: Path) -> Path:
    """The same, to do with as one likes."""
    return shutil.copytree(first_epoch, tmp_path / "begun")


@pytest.fixture
def plain_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that adds what random numbers it is given, and does nothing else."""
    monkeypatch.setattr(camera, "simulate", lambda clean, parameters, normal, ops: (clean + 0.1 * normal, clean))
    monkeypatch.setattr(camera, "resave", lambda noisy, clean, parameters, ops: (noisy, clean))


@pytest.mark.usefixtures("plain_noise", "quickly")
def test_train_resumes_exactly(clean_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train([clean_folder], tmp_path / "whole", TINY)

    save = RunState.save

    def save_and_stop(state: RunState) -> None:
        save(state)
        state.model.stop_training = True

    with monkeypatch.context() as patched:
        patched.setattr(RunState, "save", save_and_stop)
        train([clean_folder], tmp_path / "parts", TINY)
    assert len((tmp_path / "parts" / "log.csv").read_text().splitlines()) == 2  # a heading and one epoch
    resumed = train([clean_folder], tmp_path / "parts", TINY)
    for first, second in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_allclose(np.asarray(first), np.asarray(second), atol=1e-6)


def test_train_writes_configuration_log_and_averaged_weights(clean_folder: Path, tmp_path: Path) -> None:
    network = train([clean_folder], tmp_path, replace(TINY, epochs=3))
    assert json.loads((tmp_path / "config.json").read_text())["patch_size"] == 32
    rows = read_log(tmp_path / "log.csv")
    assert [row["steps"] for row in rows] == ["3", "6", "9"]
    held_out = json.loads((tmp_path / "data.json").read_text())["held_out"]
    assert len({name.split("_")[0] for name in held_out}) == 1  # one of three scenes, all of it
    assert len(held_out) == 2
    with PillowImage.open(tmp_path / "curves.png") as curves:
        assert curves.width > 1000
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] < rates[2] < rates[1] < 1e-3  # warm-up, then the cosine
    with np.load(tmp_path / "checkpoint.npz") as saved:
        last = [saved[f"{i}"] for i in range(len(network.variables))]
    # The average lags behind: it is neither the last state nor the untrained one.
    assert any(not np.allclose(np.asarray(a), b) for a, b in zip(network.variables, last, strict=True))
    assert np.abs(np.asarray(network.get_layer("tail").kernel)).max() > 0


@pytest.mark.usefixtures("quickly")
def test_validation_measures_the_averaged_weights(pairs_folder: Path, tmp_path: Path) -> None:
    configuration = replace(TINY, ema=0.9, learning_rate=0.01, schedule="constant", validation_epochs=1)
    network = train([pairs_folder], tmp_path, configuration)
    row = read_log(tmp_path / "log.csv")[-1]
    measured = {}
    with np.load(tmp_path / "checkpoint.npz") as saved:
        last = [saved[f"{i}"] for i in range(len(network.weights))]
    for name, weights in (("averaged", network.get_weights()), ("last", last)):
        network.set_weights(weights)
        model = DenoisingTraining(network, configuration.patch_size, "l1", 0)
        model.compile()
        validation = module._patches(*module._split([pairs_folder], configuration), configuration)[1]
        measured[name] = model.evaluate(validation, return_dict=True, verbose=0)["psnr"]
    assert float(row["val_psnr"]) == pytest.approx(measured["averaged"], abs=1e-3)
    assert abs(measured["last"] - measured["averaged"]) > 0.01


def test_train_refuses_a_folder_of_another_configuration(pairs_folder: Path, begun: Path) -> None:
    with pytest.raises(ValueError, match="another configuration or other data: seed=0"):
        train([pairs_folder], begun, replace(TINY, epochs=1, seed=7))


def test_train_refuses_to_go_on_with_other_data(clean_folder: Path, begun: Path) -> None:
    with pytest.raises(ValueError, match="other data: pairs=1"):
        train([clean_folder], begun, replace(TINY, epochs=1))


@pytest.mark.usefixtures("quickly")
def test_train_takes_several_data_sets(pairs_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs_folder, tmp_path / "more")
    for kind in ("noisy", "clean"):
        (tmp_path / "more" / kind / "chelsea.png").rename(tmp_path / "more" / kind / "rocket.png")
    train([pairs_folder, tmp_path / "more"], tmp_path / "run", replace(TINY, epochs=1))
    described = json.loads((tmp_path / "run" / "data.json").read_text())
    assert described["pairs"] + len(described["held_out"]) == 4


@pytest.mark.usefixtures("quickly")
def test_train_stops_when_the_time_is_up_and_changes_nothing_after_that(
    pairs_folder: Path, tmp_path: Path, capsys
) -> None:
    configuration = replace(TINY, epochs=None, minutes=1e-3)
    network = train([pairs_folder], tmp_path, configuration)
    assert len(read_log(tmp_path / "log.csv")) == 1
    before = (tmp_path / "checkpoint.npz").read_bytes()
    again = train([pairs_folder], tmp_path, configuration)
    assert "is finished: 1 epochs" in capsys.readouterr().out
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    np.testing.assert_array_equal(np.asarray(network.weights[0]), np.asarray(again.weights[0]))


@pytest.mark.usefixtures("quickly")
def test_train_stops_after_the_epoch_that_completes_the_steps_and_validates_it(
    pairs_folder: Path, tmp_path: Path
) -> None:
    train([pairs_folder], tmp_path, replace(TINY, epochs=None, steps=4))
    rows = read_log(tmp_path / "log.csv")
    assert [row["steps"] for row in rows] == ["3", "6"]
    assert [bool(row["val_psnr"]) for row in rows] == [False, True]
    assert rows[1]["loss"]


def test_train_with_a_wrong_argument_begins_no_run(pairs_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        train([pairs_folder], tmp_path / "run", replace(RIDNET, architecture="transformer"))
    with pytest.raises(ValueError, match=r"arguments of ridnet are filters, .*modules, reduction"):
        train([pairs_folder], tmp_path / "run", replace(RIDNET, arguments={"filter": 16}))
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("quickly")
def test_train_stops_when_the_weights_break_and_keeps_the_last_good_state(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = RunState.on_epoch_end

    def break_weights(state: RunState, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == 1:
            variable = state.training.network.trainable_variables[0]
            variable.assign(np.full(variable.shape, np.nan))
        finished(state, epoch, logs)

    monkeypatch.setattr(RunState, "on_epoch_end", break_weights)
    with pytest.raises(RuntimeError, match="in epoch 2"):
        train([pairs_folder], tmp_path, TINY)
    with np.load(tmp_path / "checkpoint.npz") as saved:
        assert int(saved["epoch"]) == 1
        assert np.isfinite(saved["0"]).all()


@pytest.mark.usefixtures("quickly")
def test_train_stops_on_nan_and_keeps_the_last_good_state(
    pairs_folder: Path, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (begun / "config.json").unlink()
    good = (begun / "checkpoint.npz").read_bytes()
    loss = DenoisingTraining.compute_loss
    monkeypatch.setattr(DenoisingTraining, "compute_loss", lambda *a, **k: loss(*a, **k) * float("nan"))
    with pytest.raises(RuntimeError, match="not numbers any more in epoch 2"):
        train([pairs_folder], begun, TINY)
    assert (begun / "checkpoint.npz").read_bytes() == good
    assert len(read_log(begun / "log.csv")) == 1


@pytest.mark.usefixtures("quickly")
def test_train_on_a_full_disk_keeps_the_last_checkpoint(
    pairs_folder: Path, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (begun / name).read_bytes() for name in ("checkpoint.npz", "unet.weights.h5")}
    (begun / "config.json").unlink()

    def full(path: Path, **arrays: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        train([pairs_folder], begun, TINY)
    assert {name: (begun / name).read_bytes() for name in before} == before
    assert not list(begun.glob("*tmp*"))


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "autoencoder", "arguments": {"filters": 4}, "loss": "mse", "optimizer": "adamw"},
        {"architecture": "cbdnet", "arguments": {"filters": 4}, "loss": "cbdnet", "schedule": "constant"},
        {**SMALLER, "loss": "charbonnier", "optimizer": "sgd", "learning_rate": 0.1},
        {**SMALLER, "precision": "mixed_bfloat16"},
    ],
    ids=["autoencoder, mse, adamw", "cbdnet, its loss, constant", "charbonnier, sgd", "bfloat16"],
)
def test_train_on_real_pairs_learns(pairs_folder: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    configuration = replace(RIDNET, steps_per_epoch=12, epochs=3, ema=0.9, validation_epochs=1, **changes)
    train([pairs_folder], tmp_path, configuration)
    rows = read_log(tmp_path / "log.csv")
    assert float(rows[-1]["val_psnr"]) > float(rows[0]["val_psnr"]) > 5
    assert 0 < float(rows[-1]["val_ssim"]) <= 1


@pytest.mark.usefixtures("quickly")
def test_train_the_case_studys_way(tmp_path: Path) -> None:
    photo = np.asarray(PillowImage.fromarray(skimage.data.astronaut()).resize((256, 192)))
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 20, photo.shape), 0, 255).astype(np.uint8)
    for kind, pixels in (("noisy", noisy), ("clean", photo)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for name in ("a", "b"):
            PillowImage.fromarray(pixels).save(tmp_path / "data" / kind / f"{name}.png")
    configuration = replace(TINY, patches="case-study", loss="mse", batch_size=8, epochs=1)
    train([tmp_path / "data"], tmp_path / "run", configuration)
    rows = read_log(tmp_path / "run" / "log.csv")
    assert [row["steps"] for row in rows] == ["2"]  # 16 patches of one pair; the other is held out
    assert float(rows[-1]["val_psnr"]) > 15


def test_train_refuses_initial_weights_of_another_network(
    pairs_folder: Path, first_epoch: Path, tmp_path: Path
) -> None:
    other = replace(
        TINY, arguments={**TINY.arguments, "filters": 8}, initial_weights=str(first_epoch / "unet.weights.h5")
    )
    with pytest.raises(ValueError, match="must be those of a unet"):
        train([pairs_folder], tmp_path, other)


def test_train_refuses_a_checkpoint_of_another_network(pairs_folder: Path, begun: Path) -> None:
    (begun / "config.json").unlink()
    with pytest.raises(ValueError, match="checkpoint must be one of autoencoder as it is built now"):
        train([pairs_folder], begun, replace(TINY, architecture="autoencoder", arguments={}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, "Exactly one"),
        ({"steps": 5}, "Exactly one"),
        ({"epochs": 0}, "more than 0"),
        ({"validation_epochs": 0}, "more than 0"),
        ({"loss": "l7"}, "`loss` must be one of l1, mse, charbonnier, psnr, cbdnet"),
        ({"optimizer": "magic"}, "`optimizer` must be one of adam"),
        ({"loss": "cbdnet"}, "needs the network cbdnet"),
        ({"architecture": "pridnet"}, "multiple of 256"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_configuration_refuses_what_cannot_work(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RIDNET, **changes)


def test_draw_curves_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        draw_curves(tmp_path)


def test_ssim_agrees_with_the_measured_one() -> None:
    clean = skimage.data.astronaut()[:96, :96]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    ours = keras.ops.convert_to_numpy(ssim(to_float(noisy)[None], to_float(clean)[None]))
    assert ours == pytest.approx([metrics.ssim(clean, noisy)], abs=1e-4)


def test_losses_are_what_their_names_say() -> None:
    rng = np.random.default_rng(0)
    denoised, clean = rng.random((2, 8, 8, 3), np.float32), rng.random((2, 8, 8, 3), np.float32)
    loss = {name: float(function(denoised, clean)) for name, function in LOSSES.items()}
    assert loss["l1"] == pytest.approx(np.abs(denoised - clean).mean(), rel=1e-5)
    assert loss["mse"] == pytest.approx(np.square(denoised - clean).mean(), rel=1e-5)
    assert loss["l1"] < loss["charbonnier"] < loss["l1"] + 1e-3
    decibels = [
        skimage.metrics.peak_signal_noise_ratio(*photos, data_range=1) for photos in zip(clean, denoised, strict=True)
    ]
    assert loss["psnr"] == pytest.approx(-0.01 * np.log(10) / 10 * np.mean(decibels), rel=1e-3)


def test_hinet_learns_from_what_its_first_half_makes_too() -> None:
    keras.mixed_precision.set_global_policy("float32")
    noisy, clean = np.random.default_rng(0).random((2, 2, 16, 16, 3), np.float32)
    for grid in (1, 2):
        training = DenoisingTraining(build("hinet", filters=2, levels=2, grid=grid), 16, "l1", 0)
        loss = float(training.compute_loss(noisy, clean, training(noisy)))
        assert loss == pytest.approx(2 * np.abs(noisy - clean).mean(), rel=1e-5)  # untrained, both leave it as it is


def test_train_goes_on_with_a_run_whose_configuration_is_older(pairs_folder: Path, begun: Path) -> None:
    configuration = json.loads((begun / "config.json").read_text())
    del configuration["adversarial"]  # what was not known then
    (begun / "config.json").write_text(json.dumps(configuration))
    train([pairs_folder], begun, replace(TINY, epochs=1))
    assert json.loads((begun / "config.json").read_text())["adversarial"] == 0


def test_cbdnet_loss_punishes_underestimated_noise_more() -> None:
    clean = np.full((1, 16, 16, 3), 0.5, np.float32)
    noisy = clean + np.float32(0.1)

    def loss(level: float) -> float:
        return float(cbdnet_loss(noisy, clean, clean, np.full_like(clean, level)))

    assert loss(0.1) == pytest.approx(0, abs=1e-6)
    assert loss(0.05) == pytest.approx(0.5 * 0.7 * 0.05**2, rel=0.01)
    assert loss(0.15) == pytest.approx(0.5 * 0.3 * 0.05**2, rel=0.01)
    ripple = np.full_like(clean, 0.1)
    ripple[:, ::2] += 0.02
    assert float(cbdnet_loss(noisy, clean, clean, ripple)) > 0.05 * 0.04**2 / 4


@pytest.mark.usefixtures("quickly")
def test_network_that_is_told_the_level_begins_as_the_one_that_is_not(pairs_folder: Path, tmp_path: Path) -> None:
    arguments = {"filters": 8, "blocks": 1, "levels": 2}
    keras.mixed_precision.set_global_policy("float32")
    blind = build("unet", **arguments)
    tail = blind.get_layer("tail").kernel
    tail.assign(np.random.default_rng(0).normal(0, 0.02, tail.shape))
    blind.save_weights(tmp_path / "blind.weights.h5")
    configuration = replace(
        TINY,
        architecture="unet",
        arguments={**arguments, "told": 1},
        epochs=1,
        steps_per_epoch=1,
        learning_rate=1e-12,
        initial_weights=str(tmp_path / "blind.weights.h5"),
    )
    told = train([pairs_folder], tmp_path / "run", configuration)
    noisy = np.random.default_rng(1).random((1, 32, 32, 3), np.float32)
    level = np.full((1, 32, 32, 1), 0.1, np.float32)
    expected = np.asarray(blind(noisy))
    np.testing.assert_allclose(np.asarray(told([noisy, level])), expected, atol=1e-4)


def test_ffdnet_is_always_told_the_level_of_the_picture_as_it_is() -> None:
    network = build("ffdnet", filters=8, blocks=1, told=1)
    sigma = np.linspace(0.01, 0.2, 8, dtype=np.float32)[:, None, None, None]
    noise = sigma * np.random.default_rng(0).standard_normal((8, 32, 32, 3), np.float32)
    told = np.asarray(DenoisingTraining(network, 32, "psnr", 0)._noise_level(noise))
    expected = np.sqrt(np.square(noise).mean(axis=(1, 2, 3), keepdims=True))
    np.testing.assert_allclose(told, np.broadcast_to(expected, told.shape), rtol=1e-4)


def test_network_is_told_the_level_of_the_picture_or_around_each_pixel_or_nothing() -> None:
    network = build("unet", filters=8, blocks=1, levels=2, told=1)
    noise = np.random.default_rng(0).normal(0, 0.02, (400, 32, 32, 3)).astype(np.float32)
    noise[:, :, 16:] *= 4
    told = np.asarray(DenoisingTraining(network, 32, "psnr", 0)._noise_level(noise))[..., 0]
    is_untold = (told == np.float32(UNKNOWN)).all(axis=(1, 2))
    assert is_untold.mean() == pytest.approx(0.25, abs=0.08)
    told = told[~is_untold]
    assert told.min() > 0
    is_whole = np.ptp(told, axis=(1, 2)) < 1e-6
    assert is_whole.mean() == pytest.approx(0.5, abs=0.1)
    off = np.log(told[is_whole][:, 0, 0] / np.sqrt((0.02**2 + 0.08**2) / 2))
    assert off.mean() == pytest.approx(0, abs=0.05)
    assert off.std() == pytest.approx(0.1, abs=0.03)
    around = told[~is_whole]
    assert (around[:, :, -1] / around[:, :, 0]).mean() > 2


@pytest.mark.usefixtures("quickly")
def test_network_on_a_half_size_grid_begins_with_what_the_other_knows_of_the_mean(
    pairs_folder: Path, tmp_path: Path
) -> None:
    keras.mixed_precision.set_global_policy("float32")
    whole = build("ridnet", **RIDNET.arguments)
    tail = whole.get_layer("tail").kernel
    tail.assign(np.random.default_rng(0).normal(0, 0.02, tail.shape))
    whole.save_weights(tmp_path / "whole.weights.h5")
    configuration = replace(
        RIDNET,
        arguments={**RIDNET.arguments, "grid": 2, "told": 1},
        epochs=1,
        steps_per_epoch=1,
        learning_rate=1e-12,
        initial_weights=str(tmp_path / "whole.weights.h5"),
    )
    half = train([pairs_folder], tmp_path / "run", configuration)
    coarse = np.random.default_rng(1).random((1, 16, 16, 3), np.float32)
    noisy, level = coarse.repeat(2, axis=1).repeat(2, axis=2), np.full((1, 32, 32, 1), 0.1, np.float32)
    expected = np.asarray(whole(coarse)).repeat(2, axis=1).repeat(2, axis=2)
    assert np.abs(expected - noisy).max() > 1e-3
    np.testing.assert_allclose(np.asarray(half([noisy, level])), expected, atol=1e-4)


def test_configuration_offers_all_losses_and_optimizers() -> None:
    choices = {each.name: each.metadata.get("choices") for each in fields(Configuration)}
    assert choices["loss"] == (*LOSSES, "cbdnet")
    assert choices["optimizer"] == tuple(OPTIMIZERS)

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise import Image, Level, registry
from denoise.runtime import Network
from denoise.training import export
from denoise.training.__main__ import main
from denoise.training.architectures import ARCHITECTURES, build
from denoise.training.evaluate import keras_denoiser

ARGUMENTS = {"filters": 16, "modules": 1, "reduction": 4}
LEVEL = np.zeros((256, 256, 1), np.float32)
CARD = {
    "name": "small",
    "title": "Small",
    "summary": "A network for this test.",
    "quantisation": "dynamic-range int8",
    "told": 0.0,
    "pair": 0.0,
    "judge": "",
    "partner": "",
    "strong_partner": "",
    "licence": "MIT",
    "architecture": {"name": "ridnet", "arguments": ARGUMENTS},
    "training": {},
    "metrics": {},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    network = build("ridnet", **ARGUMENTS)
    tail = network.get_layer("tail")
    rng = np.random.default_rng(0)
    tail.kernel.assign(rng.normal(0, 0.03, tail.kernel.shape))
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    network.save_weights(path)
    return path


TILE = np.random.default_rng(1).random((256, 256, 3), np.float32)


@pytest.fixture(scope="module")
def expected(weights: Path) -> Image:
    network = export.load_network(weights, CARD["architecture"])
    return np.asarray(network(TILE[None]))[0].clip(0, 1)


@pytest.fixture(scope="module")
def files(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The network in every format."""
    network = export.load_network(weights, CARD["architecture"])
    made = {}
    for quantisation in export.QUANTISATIONS:
        made[quantisation] = tmp_path_factory.mktemp("files") / "small.tflite"
        made[quantisation].write_bytes(export.convert(network, quantisation, [(TILE, LEVEL)]))
    return made


@pytest.mark.parametrize(
    ("quantisation", "tolerance"),
    [("float32", 1e-5), ("float16", 2e-3), ("dynamic-range int8", 2e-2), ("full int8", 4e-2)],
)
def test_convert_keeps_what_the_network_does(
    files: dict[str, Path], expected: Image, quantisation: str, tolerance: float
) -> None:
    assert np.abs(expected - TILE).max() > 2 * tolerance  # the network does something
    np.testing.assert_allclose(Network(files[quantisation])(TILE, LEVEL), expected, atol=tolerance)


def test_convert_makes_integer_files_smaller(files: dict[str, Path]) -> None:
    size = {quantisation: file.stat().st_size for quantisation, file in files.items()}
    assert size["dynamic-range int8"] < 0.45 * size["float32"]
    assert size["full int8"] < 0.6 * size["float32"]


def test_export_completes_the_card(weights: Path, expected: Image, tmp_path: Path) -> None:
    file = export.export(weights, CARD, tmp_path)
    np.testing.assert_allclose(registry.load_model("small", tmp_path)(TILE, LEVEL), expected, atol=2e-2)
    card = json.loads((tmp_path / "small.json").read_text())
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["bytes"] == file.stat().st_size
    assert card["parameters"] == build("ridnet", **ARGUMENTS).count_params()
    assert registry.list_models(tmp_path)["small"].title == "Small"
    assert Network(file, sha256=card["sha256"]).tile_size == 256


def test_convert_needs_calibration_for_full_int8(weights: Path) -> None:
    with pytest.raises(ValueError, match="calibration"):
        export.convert(export.load_network(weights, CARD["architecture"]), "full int8")


@pytest.fixture
def run(weights: Path, tmp_path: Path) -> Path:
    """A run folder, and in `models` beside it a card that says what the training data are."""
    folder = tmp_path / "run"
    folder.mkdir()
    configuration = {"architecture": "ridnet", "arguments": ARGUMENTS, "initial_weights": "/some/where/old.weights.h5"}
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "log.csv").write_text("epoch,steps,minutes,loss\n0,100,1.25,0.5\n1,150,2.51,0.4\n")
    about = {"data": "photos", "noise_model": "camera", "machine": "another one", "steps": 7}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "old.json").write_text(json.dumps({"training": about}))
    return folder


def test_make_card_is_enough_to_bundle_a_new_network(weights: Path, run: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    card = export.make_card("new", run, models, data_like="old", machine="this one")
    assert (card["told"], card["pair"]) == (0.0, 0.0)
    assert card["training"] == {
        "data": "photos",
        "noise_model": "camera",
        "machine": "this one",
        "configuration": {"architecture": "ridnet", "arguments": ARGUMENTS, "initial_weights": "old.weights.h5"},
        "steps": 150,
        "minutes": 2.5,
    }
    assert card["architecture"]["arguments"] == ARGUMENTS
    (models / "old.json").unlink()  # no whole card
    export.export(weights, card, models)
    bundled = registry.list_models(models)["new"]
    assert bundled.title == export.DESCRIPTIONS["ridnet"].title
    assert bundled.metrics == {}
    assert registry.load_model("new", models).tile_size == 256


def test_make_card_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"unknown\.json"):
        export.make_card("new", run, tmp_path / "models", data_like="unknown")
    (run / "log.csv").write_text("epoch,steps,minutes,loss\n")
    with pytest.raises(ValueError, match="finished an epoch"):
        export.make_card("new", run, tmp_path / "models", data_like="old")
    (run / "log.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"log\.csv"):
        export.make_card("new", run, tmp_path / "models", data_like="old")


TOLD = {"filters": 8, "levels": 2, "blocks": 1, "told": 1}


@pytest.fixture(scope="module")
def told_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network that is told the level and does something, more of it the higher the level is."""
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    network = build("unet", **TOLD)
    tail = network.get_layer("tail")
    tail.kernel.assign(np.random.default_rng(0).normal(0, 0.03, tail.kernel.shape))
    path = tmp_path_factory.mktemp("weights") / "told.weights.h5"
    network.save_weights(path)
    return path


def seen() -> tuple[Image, Level]:
    """A noisy tile and its level, which differs from place to place and is zero at the left."""
    rng = np.random.default_rng(1)
    level = np.broadcast_to(np.linspace(0, 0.2, 256, dtype=np.float32)[:, None], (256, 256, 1)).copy()
    level[:, :64] = 0
    return rng.random((256, 256, 3), np.float32), level


@pytest.mark.parametrize(("quantisation", "tolerance"), [("dynamic-range int8", 0.02), ("full int8", 0.05)])
def test_convert_keeps_what_a_network_does_that_is_told_the_level(
    told_weights: Path, tmp_path: Path, quantisation: export.Quantisation, tolerance: float
) -> None:
    network = export.load_network(told_weights, {"name": "unet", "arguments": TOLD})
    tile, level = seen()
    (tmp_path / "told.tflite").write_bytes(export.convert(network, quantisation, [(tile, level)]))
    bundled = Network(tmp_path / "told.tflite")
    assert bundled.is_told
    expected = keras_denoiser(network)(tile, level)
    assert np.abs(expected - tile).max() > 4 * tolerance
    np.testing.assert_allclose(bundled(tile, level), expected, atol=tolerance)
    if quantisation != "full int8":
        np.testing.assert_array_equal(bundled(tile, level)[:, :64], tile[:, :64])
        np.testing.assert_array_equal(bundled(tile, 0 * level), tile)


def test_a_network_that_is_told_goes_from_its_run_into_the_page(
    told_weights: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = {"architecture": "unet", "arguments": TOLD}
    (run / "config.json").write_text(json.dumps(configuration))
    (run / "unet.weights.h5").write_bytes(told_weights.read_bytes())
    models = tmp_path / "models"
    (models / "old.json").unlink()
    monkeypatch.setattr(registry, "MODELS_DIR", models)
    assert main(["export", "--model", "told", "--run", str(run), "--multiple", "2.5", "--pair", "3"]) == 0
    card = registry.model_card("told", models)
    assert (card.told, card.pair) == (2.5, 3.0)
    tile, level = seen()
    network = export.load_network(told_weights, card.architecture)
    expected = keras_denoiser(network, card.told)(tile, level)
    np.testing.assert_allclose(registry.load_model("told", models)(tile, level), expected, atol=0.02)
    np.testing.assert_array_equal(expected, keras_denoiser(network)(tile, np.float32(2.5) * level))


def test_export_of_weights_keeps_what_the_card_says_of_the_level(
    told_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {**CARD, "architecture": {"name": "unet", "arguments": TOLD}, "told": 2.0, "pair": 1.5}
    export.export(told_weights, card, tmp_path)
    monkeypatch.setattr(registry, "MODELS_DIR", tmp_path)
    assert main(["export", "--model", "small", "--weights", str(told_weights)]) == 0
    assert (registry.model_card("small", tmp_path).told, registry.model_card("small", tmp_path).pair) == (2.0, 1.5)


def test_descriptions_cover_every_architecture() -> None:
    assert export.DESCRIPTIONS.keys() == ARCHITECTURES.keys()


def test_load_network_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.weights\.h5"):
        export.load_network(tmp_path / "no.weights.h5", CARD["architecture"])


def test_load_network_refuses_weights_of_another(weights: Path) -> None:
    with pytest.raises(ValueError, match="ridnet"):
        export.load_network(weights, {"name": "ridnet", "arguments": {"filters": 32}})

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise import registry
from denoise.runtime import Network
from denoise.training import export
from denoise.training.architectures import build

ARGUMENTS = {"filters": 16, "modules": 1}
CARD = {
    "name": "small",
    "title": "Small",
    "summary": "A network for this test.",
    "quantisation": "dynamic-range int8",
    "licence": "MIT",
    "architecture": {"name": "ridnet", "arguments": ARGUMENTS},
    "training": {},
    "metrics": {},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.mixed_precision.set_global_policy("float32")
    network = build("ridnet", **ARGUMENTS)
    tail = network.get_layer("tail")
    rng = np.random.default_rng(0)
    tail.kernel.assign(rng.normal(0, 0.03, tail.kernel.shape))
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    network.save_weights(path)
    return path


@pytest.mark.parametrize(("quantisation", "tolerance"), [("float32", 1e-5), ("dynamic-range int8", 2e-2)])
def test_export_keeps_what_the_network_does(weights: Path, tmp_path: Path, quantisation: str, tolerance: float) -> None:
    export.export(weights, {**CARD, "quantisation": quantisation}, tmp_path)
    tile = np.random.default_rng(1).random((256, 256, 3), np.float32)
    expected = export.load_network(weights, CARD["architecture"]).predict(tile[None], verbose=0)[0].clip(0, 1)
    assert np.abs(expected - tile).max() > 4 * tolerance  # the network does something
    np.testing.assert_allclose(registry.load_model("small", tmp_path)(tile), expected, atol=tolerance)


def test_export_completes_the_card(weights: Path, tmp_path: Path) -> None:
    file = export.export(weights, CARD, tmp_path)
    card = json.loads((tmp_path / "small.json").read_text())
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["bytes"] == file.stat().st_size
    assert card["parameters"] == build("ridnet", **ARGUMENTS).count_params()
    assert registry.list_models(tmp_path)["small"].title == "Small"
    assert Network(file, sha256=card["sha256"]).tile_size == 256


def test_export_stores_weights_as_int8(weights: Path, tmp_path: Path) -> None:
    network = export.load_network(weights, CARD["architecture"])
    floats, integers = (len(export.convert(network, q)) for q in ("float32", "dynamic-range int8"))
    assert integers < 0.45 * floats


def test_load_network_refuses_weights_of_another(weights: Path) -> None:
    with pytest.raises(ValueError, match="ridnet"):
        export.load_network(weights, {"name": "ridnet", "arguments": {"filters": 32}})

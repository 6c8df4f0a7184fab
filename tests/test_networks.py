"""The tiny networks, which stand in for the bundled ones."""

import json

import cv2
import numpy as np

from denoise.registry import list_models, load_model
from denoise.runtime import Network
from tests import networks


def test_blur_is_gaussian(tmp_path):
    (tmp_path / "blur.tflite").write_bytes(networks.blur(0.8, 32))
    tile = np.random.default_rng(0).random((32, 32, 3), np.float32)
    expected = cv2.GaussianBlur(tile, (5, 5), 0.8, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(
        Network(tmp_path / "blur.tflite")(tile, np.zeros((32, 32, 1), np.float32)), expected, atol=1e-5
    )


def test_folder_has_the_names_and_cards_of_the_bundled_networks_but_other_files(tiny_models):
    bundled, tiny = list_models(networks.MODELS), list_models(tiny_models)
    assert tiny.keys() == bundled.keys()
    for name, card in tiny.items():
        assert (card.title, card.metrics) == (bundled[name].title, bundled[name].metrics)
        assert card.bytes < 2000
        assert load_model(name, tiny_models).tile_size == 256
    assert len({card.sha256 for card in tiny.values()}) == len(tiny)  # each makes something else of a photo
    assert json.loads((tiny_models / "results" / "results.json").read_text("utf-8"))["denoisers"]

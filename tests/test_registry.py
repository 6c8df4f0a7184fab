import json

import numpy as np
import pytest

from denoise.registry import MODELS_DIR, ModelCard, list_models, load_model
from denoise.runtime import ModelError
from tests.networks import write_model

CARD = {
    "name": "tiny",
    "title": "Tiny",
    "summary": "A test.",
    "file": "tiny.tflite",
    "sha256": "0" * 64,
    "bytes": 10,
    "parameters": 5,
    "quantisation": "dynamic-range int8",
    "told": 0.0,
    "pair": 0.0,
    "judge": "",
    "partner": "",
    "strong_partner": "",
    "architecture": {"name": "tiny"},
    "training": {},
    "metrics": {},
    "licence": "MIT",
}


@pytest.fixture
def write_card(tmp_path):
    def write(card, name="tiny"):
        (tmp_path / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
        return tmp_path

    return write


def test_list_models_describes_the_bundled_files():
    cards = list_models()
    assert "ridnet" in cards
    for name, card in cards.items():
        assert card.name == name
        assert (MODELS_DIR / card.file).stat().st_size == card.bytes


def test_list_models_reads_cards_sorted_by_name(write_card):
    write_card(CARD | {"name": "zebra"}, "zebra")
    directory = write_card(CARD)
    assert list(list_models(directory)) == ["tiny", "zebra"]
    assert list_models(directory)["tiny"] == ModelCard(**CARD)


def test_list_models_of_an_empty_directory(tmp_path):
    assert list_models(tmp_path) == {}


@pytest.mark.parametrize("key", CARD)
def test_list_models_names_a_missing_key(write_card, key):
    directory = write_card({k: v for k, v in CARD.items() if k != key})
    with pytest.raises(ModelError, match=rf"tiny\.json lacks the key '{key}'"):
        list_models(directory)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("title", 5, "text under the key 'title'. Received: 5"),
        ("bytes", "10", "a whole number under the key 'bytes'. Received: '10'"),
        ("told", "2", "a number that is 0 or more under the key 'told'. Received: '2'"),
        ("told", True, "a number that is 0 or more under the key 'told'. Received: True"),
        ("told", -1.5, "a number that is 0 or more under the key 'told'. Received: -1.5"),
        ("pair", float("inf"), "a number that is 0 or more under the key 'pair'. Received: inf"),
        ("pair", float("nan"), "a number that is 0 or more under the key 'pair'. Received: nan"),
        ("parameters", True, "a whole number under the key 'parameters'. Received: True"),
        ("metrics", [], "an object under the key 'metrics'"),
        ("name", "other", "key 'name'. Received: 'other'"),
        ("file", "../tiny.tflite", "a file beside it under the key 'file'"),
        ("colour", "red", "unknown key 'colour'"),
    ],
)
def test_list_models_names_a_wrong_key(write_card, key, value, rule):
    directory = write_card(CARD | {key: value})
    with pytest.raises(ModelError, match=rf"tiny\.json.*{rule}"):
        list_models(directory)


@pytest.mark.parametrize(("text", "rule"), [("{", "is not valid JSON"), ("[1]", "must be a JSON object")])
def test_list_models_names_a_file_that_is_no_card(tmp_path, text, rule):
    (tmp_path / "tiny.json").write_text(text)
    with pytest.raises(ModelError, match=rf"tiny\.json {rule}"):
        list_models(tmp_path)


def test_load_model_loads_the_bundled_ridnet():
    assert load_model("ridnet").tile_size == 256


def test_load_model_tells_the_network_the_multiple_of_the_card(tmp_path):
    write_model(tmp_path, "told", told=2.5)
    tile, level = np.full((256, 256, 3), 0.25, np.float32), np.full((256, 256, 1), 0.1, np.float32)
    np.testing.assert_array_equal(load_model("told", tmp_path)(tile, level), tile + np.float32(2.5) * level)


@pytest.mark.parametrize(
    ("told", "rule"),
    [(0.0, "does not take a noise level.*must have 0.*1.5"), (1.5, "takes a noise level.*more than 0.*0")],
)
def test_load_model_refuses_a_card_that_says_otherwise_than_its_file(tmp_path, told, rule):
    write_model(tmp_path, "other", told=told)
    card = json.loads((tmp_path / "other.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(card | {"told": 1.5 - told}))
    with pytest.raises(ModelError, match=rf"The network other\.tflite {rule}"):
        load_model("other", tmp_path)


@pytest.mark.parametrize("key", ["judge", "partner", "strong_partner"])
def test_list_models_refuses_another_network_that_is_not_there(write_card, key):
    with pytest.raises(ModelError, match=r"tiny\.json names another network that has none here: 'ffdnet'"):
        list_models(write_card(CARD | {key: "ffdnet"}))


def test_list_models_takes_whole_numbers_for_numbers(write_card):
    assert list_models(write_card(CARD | {"told": 2}))["tiny"].told == 2.0


def test_load_model_lists_the_known_names(write_card):
    with pytest.raises(ModelError, match=r"There is no model 'dncnn'\. Known models: tiny"):
        load_model("dncnn", write_card(CARD))


def test_load_model_checks_the_sha256_of_the_card(write_card):
    directory = write_card(CARD)
    (directory / "tiny.tflite").write_bytes(b"0123456789")
    with pytest.raises(ModelError, match=r"tiny\.tflite is damaged or of another version"):
        load_model("tiny", directory)


def test_load_model_names_a_missing_file(write_card):
    with pytest.raises(ModelError, match=r"tiny\.tflite cannot be read"):
        load_model("tiny", write_card(CARD))


def test_list_models_reads_a_card_again_when_it_has_changed(write_card):
    directory = write_card(CARD)
    assert list_models(directory)["tiny"] is list_models(directory)["tiny"]
    write_card(CARD | {"title": "Another title"})
    assert list_models(directory)["tiny"].title == "Another title"

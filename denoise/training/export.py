"""Turn trained weights into the quantised TFLite file and the model card that the page reads."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import keras

from denoise.training.architectures import build

Quantisation = Literal["float32", "dynamic-range int8"]

TILE_SIZE = 256


def convert(network: keras.Model, quantisation: Quantisation = "dynamic-range int8") -> bytes:
    """Convert a network to TFLite with a float32 input and output of shape (1, T, T, 3), T its input size.

    Dynamic-range int8 stores the weights as int8 and quantises activations on the fly, one scale a tensor and call;
    scales fixed in advance ("static") are faster but lose 0.3 to 1 dB on lightly noised photos.

    Args:
        network: A network with a fixed input size, under the float32 policy of the TensorFlow backend.
        quantisation: What the weights become.

    Returns:
        The content of a .tflite file.
    """
    import tensorflow as tf  # here alone: training itself runs on any backend

    one_tile = keras.Input(batch_shape=(1, *network.input_shape[1:]))
    with _silence():
        converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(one_tile, network(one_tile)))
        if quantisation != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


def load_network(weights: Path, card: dict[str, Any]) -> keras.Model:
    """Rebuild the trained network of a card at the size of a tile.

    Args:
        weights: A .weights.h5 file.
        card: A model card; its `architecture` holds `name` and `arguments`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the weights are those of another network.
    """
    keras.mixed_precision.set_global_policy("float32")
    network = build(card["architecture"]["name"], size=TILE_SIZE, **card["architecture"]["arguments"])
    network.load_weights(weights)
    return network


def export(weights: Path, card: dict[str, Any], models: Path) -> Path:
    """Write `NAME.tflite` and `NAME.json`, NAME being the card's `name`.

    Args:
        weights: A .weights.h5 file.
        card: The card's own words; what is derived from the file is filled in here: file, sha256, bytes, parameters.
        models: The folder to write into.

    Returns:
        The path of the .tflite file.
    """
    network = load_network(weights, card)
    content = convert(network, card["quantisation"])
    file = models / f"{card['name']}.tflite"
    derived = {
        "file": file.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "parameters": network.count_params(),
    }
    write_atomically(file, content)
    write_atomically(models / f"{card['name']}.json", format_card({**card, **derived}))
    return file


def format_card(card: dict[str, Any]) -> bytes:
    """A model card as it stands in its file."""
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one move, so that a full disk or a killed process leaves the old one whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
        temporary.write(content)
    Path(temporary.name).chmod(0o644)
    Path(temporary.name).replace(path)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Send what C++ code prints to standard output and error to nowhere: the converter prints pages."""
    with open(os.devnull, "w") as nowhere:
        saved = os.dup(1), os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])

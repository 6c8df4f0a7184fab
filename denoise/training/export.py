"""Turn trained weights into the quantised TFLite file and the model card that the page reads."""

import contextlib
import csv
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import keras

from denoise.files import write_atomically
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


def load_network(weights: Path, architecture: Mapping[str, Any]) -> keras.Model:
    """Rebuild a trained network in float32, at the size of a tile.

    Args:
        weights: A .weights.h5 file.
        architecture: What a card says under this key: `name` and `arguments` of the builder.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the weights are those of another network.
    """
    keras.mixed_precision.set_global_policy("float32")
    network = build(architecture["name"], size=TILE_SIZE, **architecture["arguments"])
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it better
            network.load_weights(weights)
    except ValueError as error:
        raise ValueError(f"The weights must be those of a {network.name} {dict(architecture)}: {error}") from error
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
    network = load_network(weights, card["architecture"])
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


def describe_run(run: Path) -> dict[str, Any]:
    """What a card says about a training run.

    Args:
        run: The run folder.

    Returns:
        The configuration, `steps` and `minutes` of the run so far.

    Raises:
        FileNotFoundError: If the folder holds no configuration and log.
    """
    configuration = json.loads((run / "config.json").read_text())
    with (run / "log.csv").open() as log:
        epochs = list(csv.DictReader(log))
    steps = (int(epochs[-1]["epoch"]) + 1) * configuration["steps_per_epoch"]
    return {"configuration": configuration, "steps": steps, "minutes": round(float(epochs[-1]["minutes"]), 1)}


def format_card(card: dict[str, Any]) -> bytes:
    """A model card as it stands in its file."""
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Send what C++ code prints to standard output and error to nowhere: the converter prints pages."""
    with Path(os.devnull).open("w") as nowhere:
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

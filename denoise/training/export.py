"""Turn trained weights into the quantised TFLite file and the model card that the page reads."""

import contextlib
import hashlib
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import keras
import numpy as np

from denoise import Image, Level
from denoise.console import silenced
from denoise.files import write_atomically
from denoise.tiling import TILE_SIZE
from denoise.training.architectures import build
from denoise.training.curves import read_log

Quantisation = Literal["float32", "float16", "dynamic-range int8", "full int8"]
"""What the weights become; with "full int8" the activations too, by scales that are fixed in advance ("static")."""
QUANTISATIONS: tuple[Quantisation, ...] = get_args(Quantisation)


class Description(NamedTuple):
    """What a card says about an architecture: title, one plain sentence for a photographer, and where it is from."""

    title: str
    summary: str
    paper: str


DESCRIPTIONS = {
    "autoencoder": Description(
        "Autoencoder",
        "The simplest network: squeezes the photo until grain finds no room.",
        "Convolutional autoencoder for image denoising, https://keras.io/examples/vision/autoencoder/",
    ),
    "cbdnet": Description(
        "CBDNet",
        "Judges the noise in each part of the photo first, then removes it.",
        "Guo et al., Toward Convolutional Blind Denoising of Real Photographs, arXiv:1807.04686",
    ),
    "ffdnet": Description(
        "FFDNet",
        "For weak noise: small and plain, it is told how much there is, and helps the others.",
        "After Zhang et al., FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising, "
        "arXiv:1710.04026",
    ),
    "hinet": Description(
        "HINet",
        "Looks twice: a second network corrects what a first one made of the photo.",
        "After Chen et al., HINet: Half Instance Normalization Network for Image Restoration, arXiv:2105.06086",
    ),
    "mirnet": Description(
        "MIRNet",
        "Looks at three sizes of the photo side by side, which tell each other what they see.",
        "After Zamir et al., Learning Enriched Features for Real Image Restoration, arXiv:2003.06792",
    ),
    "pridnet": Description(
        "PRIDNet",
        "Looks for noise at five scales at once, from grain to blotches.",
        "Zhao et al., Pyramid Real Image Denoising Network, arXiv:1908.00273",
    ),
    "ridnet": Description(
        "RIDNet",
        "Best quality: a deep network that tells grain from detail.",
        "Anwar and Barnes, Real Image Denoising with Feature Attention, arXiv:1904.07396",
    ),
    "uformer": Description(
        "Uformer",
        "Compares every pixel with those around it and borrows from those that look alike.",
        "After Wang et al., Uformer: A General U-Shaped Transformer for Image Restoration, arXiv:2106.03106",
    ),
    "unet": Description(
        "Fast U-Net",
        "Fast: a small network that looks far around each pixel, for big photos and small computers.",
        "After Ronneberger et al., U-Net, arXiv:1505.04597, and Zhang et al., FFDNet, arXiv:1710.04026",
    ),
}


def convert(
    network: keras.Model,
    quantisation: Quantisation,
    calibration: Sequence[tuple[Image, Level]] = (),
) -> bytes:
    """Convert a network to TFLite with a float32 input and output of shape (1, T, T, 3), T its input size.

    A network that is told the noise level has another float32 input, of shape (1, T, T, 1).

    Dynamic-range int8 stores the weights as int8 and quantises activations on the fly, one scale a tensor and call;
    full int8 has scales fixed in advance, which is faster but loses 0.3 to 1 dB on lightly noised photos. They are read
    from `calibration`, noisy tiles of the input's size and their noise levels. The network has a fixed input size, and
    was built under the float32 policy.

    Returns:
        The content of a .tflite file.

    Raises:
        ValueError: If "full int8" is asked for without calibration, or Keras runs on another backend.
    """
    if quantisation == "full int8" and not calibration:
        raise ValueError("`calibration` must be given for full int8: the scales of the activations are read from it.")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Conversion to TFLite needs the TensorFlow backend: run this command with KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )
    import tensorflow as tf  # here alone: training itself runs on any backend

    one_tile = [keras.Input(batch_shape=(1, *each.shape[1:]), name=each.name) for each in network.inputs]
    # The converter prints pages. Its one warning asks for statistics of quantised inputs; ours stay float.
    with silenced(1, 2), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        one_tile_network = keras.Model(one_tile, network(one_tile if len(one_tile) > 1 else one_tile[0]))
        converter = tf.lite.TFLiteConverter.from_keras_model(one_tile_network)
        if quantisation != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantisation == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantisation == "full int8":
            names = [each.name for each in one_tile]
            converter.representative_dataset = lambda: (
                {name: array[None].astype(np.float32) for name, array in zip(names, seen, strict=False)}
                for seen in calibration
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return bytes(converter.convert())


def load_network(weights: Path, architecture: Mapping[str, Any]) -> keras.Model:
    """Rebuild a trained network in float32, at the size of a tile, from its weights and what its card says of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the weights are those of another network.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"There is no file of weights: {weights}")
    keras.mixed_precision.set_global_policy("float32")
    network = build(architecture["name"], size=TILE_SIZE, **architecture["arguments"])
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it better
            network.load_weights(weights)
    except ValueError as error:
        raise ValueError(f"The weights must be those of a {network.name} {dict(architecture)}: {error}") from error
    return network


def export(weights: Path, card: dict[str, Any], models: Path) -> Path:
    """Write `NAME.tflite`, whose path is returned, and `NAME.json`, NAME being the card's `name`.

    What is derived from the file is filled into the card here: file, sha256, bytes, parameters.
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


def make_card(
    name: str, run: Path, models: Path, *, data_like: str | None = None, machine: str | None = None
) -> dict[str, Any]:
    """Make the card of a network, for `export`, from its run folder; nothing has been measured yet.

    What the training data and the noise model were says the card of the bundled network `data_like`, which shared them;
    without one, this card says how many pairs there were, and no more.

    Raises:
        FileNotFoundError: If the folder is no run folder, or there is no card of `data_like`.
        ValueError: If the run's architecture has no description in `DESCRIPTIONS`, or no epoch has been finished.
    """
    for file in ("config.json", "log.csv"):
        if not (run / file).is_file():
            raise FileNotFoundError(f"A run folder must hold {file}, which training writes. Received: {run}")
    configuration = json.loads((run / "config.json").read_text(encoding="utf-8"))
    if initial := configuration.get("initial_weights"):
        configuration["initial_weights"] = Path(initial).name  # where they lay is nobody's business
    epochs = read_log(run / "log.csv")
    if not epochs:
        raise ValueError(f"The run must have finished an epoch. Received: {run}")
    length = {"steps": int(epochs[-1]["steps"]), "minutes": round(float(epochs[-1]["minutes"]), 1)}
    architecture = configuration["architecture"]
    if architecture not in DESCRIPTIONS:
        raise ValueError(f"The architecture must be one of {', '.join(DESCRIPTIONS)}. Received: {architecture}")
    title, summary, paper = DESCRIPTIONS[architecture]
    if data_like is None:
        about_data: dict[str, Any] = {}
        if (described := run / "data.json").is_file():
            about_data["data"] = f"{json.loads(described.read_text())['pairs']} pairs or clean photos"
    else:
        template = models / f"{data_like}.json"
        if not template.is_file():
            raise FileNotFoundError(f"There is no card to copy the description of the training data from: {template}")
        copied = json.loads(template.read_text(encoding="utf-8"))["training"]
        about_data = {key: copied[key] for key in ("data", "licences_of_the_data", "noise_model") if key in copied}
    if machine:
        about_data["machine"] = machine
    return {
        "name": name,
        "title": title,
        "summary": summary,
        "quantisation": "dynamic-range int8",
        "told": 1.0 if configuration.get("arguments", {}).get("told") else 0.0,
        "pair": 0.0,
        "judge": "",
        "partner": "",
        "strong_partner": "",
        "licence": "MIT",
        "architecture": {"name": architecture, "arguments": configuration.get("arguments", {}), "paper": paper},
        "training": {**about_data, "configuration": configuration, **length},
        "metrics": {},  # what was measured on an older file says nothing about this one
    }


def format_card(card: Mapping[str, Any]) -> bytes:
    """A model card as it stands in its file."""
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()

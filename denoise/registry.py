"""Model cards: which networks are bundled, and how one is loaded by name."""

import dataclasses
import json
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from denoise.bundled import folder
from denoise.runtime import ModelError, Network

MODELS_DIR = Path(os.environ.get("DENOISE_MODELS") or folder("models"))
"""Where the networks are, and what was measured of them: the bundled ones unless `DENOISE_MODELS` names a folder."""


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Facts about one bundled network, read from `models/NAME.json`.

    Attributes:
        name: What the user types; the card's file name without its suffix.
        title: What the user reads, such as "RIDNet".
        summary: One plain sentence for a photographer.
        file: Name of the TFLite file, beside the card.
        sha256: SHA-256 of the TFLite file, in hexadecimal.
        bytes: Size of the TFLite file.
        parameters: Number of the network's parameters.
        quantisation: How the weights and activations are stored.
        told: Which multiple of the estimated noise level the network is told; 0 for one that takes no level.
        pair: 0 for a network that runs once. Else it runs twice: on the photo with white noise added and subtracted,
            whose standard deviation is this multiple of the level, or, of a very noisy photo, once more on its own
            result (`denoise.ensemble`).
        judge: Name of the network that looks how much noise there is, because it hardly ever takes texture for noise
            as this one does, or nothing: this one looks itself.
        partner: Name of the network that it works with, or nothing. Of a photo that is not very noisy, the result is
            the mean of it and of its partner, which is told `denoise.ensemble.faint_noise`; where the noise is white,
            which is what the partner learnt, it is the partner's.
        strong_partner: The same for a very noisy photo: name of a network that is told the level, and looks itself.
        architecture: The network's settings.
        training: How the network was trained.
        metrics: What it measured, per data set.
        licence: Licence of the weights.
    """

    name: str
    title: str
    summary: str
    file: str
    sha256: str
    bytes: int
    parameters: int
    quantisation: str
    told: float
    pair: float
    judge: str
    partner: str
    strong_partner: str
    architecture: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    licence: str

    @property
    def others(self) -> list[str]:
        """Names of the networks that it may need."""
        return [name for name in (self.judge, self.partner, self.strong_partner) if name]


def list_models(directory: Path = MODELS_DIR) -> dict[str, ModelCard]:
    """Read the model cards of a directory, sorted by name.

    Raises:
        ModelError: A card is malformed, or a network that it names is missing; the message names the file and the key.
    """
    paths = sorted(directory.glob("*.json"))
    cards = {path.stem: _read_card(path, (path.stat().st_mtime_ns, path.stat().st_size)) for path in paths}
    for name, card in cards.items():
        for other in card.others:
            if other not in cards:
                raise ModelError(f"The model card {name}.json names another network that has none here: {other!r}.")
    return cards


def model_card(name: str, directory: Path = MODELS_DIR) -> ModelCard:
    """Return the card of a network.

    Raises:
        ModelError: No card has this name, or one is malformed.
    """
    cards = list_models(directory)
    if name not in cards:
        raise ModelError(f"There is no model {name!r}. Known models: {', '.join(cards) or 'none'}.")
    return cards[name]


def load_model(name: str, directory: Path = MODELS_DIR, *, threads: int | None = None) -> Network:
    """Load a network by name.

    Args:
        name: Of its card.
        directory: Where the cards are.
        threads: Of one call, see `Network`.

    Raises:
        ModelError: No card has this name, the card is malformed, or its TFLite file is missing, damaged or of another
            kind than the card says.
    """
    card = model_card(name, directory)
    network = Network(directory / card.file, sha256=card.sha256, multiple=card.told, threads=threads)
    if network.is_told != bool(card.told):
        takes, must = ("takes", "more than 0") if network.is_told else ("does not take", "0")
        raise ModelError(
            f"The network {card.file} {takes} a noise level, so its model card {name}.json must have {must} under the "
            f"key 'told'. Received: {card.told}. Export the model again."
        )
    return network


@lru_cache
def _read_card(path: Path, _version: tuple[int, int]) -> ModelCard:
    """Read one card, once until it changes; its keys are the fields of `ModelCard`, no more and no less."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"The model card {path} is not valid JSON ({error}). Export the model again.") from error
    if not isinstance(card, dict):
        raise ModelError(f"The model card {path} must be a JSON object. Export the model again.")
    types = {field.name: field.type for field in dataclasses.fields(ModelCard)}
    for key, expected in types.items():
        if key not in card:
            raise ModelError(f"The model card {path} lacks the key {key!r}. Export the model again.")
        kind = dict if expected == dict[str, Any] else expected
        assert isinstance(kind, type)
        if kind is float and type(card[key]) is int:  # JSON knows one kind of number
            card[key] = float(card[key])
        is_right = type(card[key]) is kind and (kind is not float or 0 <= card[key] < math.inf)
        if not is_right:
            raise ModelError(
                f"The model card {path} must have {_JSON_NAMES[kind]} under the key {key!r}. "
                f"Received: {card[key]!r}. Export the model again."
            )
    if unknown := sorted(card.keys() - types):
        raise ModelError(f"The model card {path} has an unknown key {unknown[0]!r}. Export the model again.")
    if card["name"] != path.stem:
        raise ModelError(
            f"The model card {path} must have its file's name under the key 'name'. Received: {card['name']!r}."
        )
    if Path(card["file"]).name != card["file"]:
        raise ModelError(
            f"The model card {path} must name a file beside it under the key 'file'. Received: {card['file']!r}."
        )
    return ModelCard(**card)


_JSON_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number that is 0 or more",
    dict: "an object",
}

"""A noisy photo in, a clean photo out: the one function that the page and the command line call."""

import dataclasses
import threading
from typing import NamedTuple

import cv2
import numpy as np

from denoise import Denoiser, Image
from denoise.baseline import non_local_means
from denoise.image import Photo, Pixels
from denoise.registry import list_models, load_model
from denoise.runtime import ModelError, Network
from denoise.tiling import OVERLAP, TILE_SIZE, Progress, denoise_tiled


class DenoiserInfo(NamedTuple):
    """What a person reads about a denoiser before choosing it."""

    title: str
    summary: str


_NLM_INFO = DenoiserInfo(
    "Non-local means",
    "The classical filter, no network: averages similar parts of the photo.",
)
_NLM_TILE_SIZE, _NLM_OVERLAP = 512, 32  # the filter looks 13 pixels far

_LARGE = 12_000_000  # bytes

DEFAULT = "ridnet"
"""The denoiser that serves unless another one is asked for: the best of the bundled ones."""

_networks: dict[str, Network] = {}
_loading = threading.Lock()


def denoiser_names() -> dict[str, DenoiserInfo]:
    """All the choices of a denoiser by name: the default, the other bundled networks, then "nlm".

    Raises:
        ModelError: A model card is malformed.
    """
    cards = sorted(list_models().items(), key=lambda item: item[0] != DEFAULT)
    networks = {name: DenoiserInfo(card.title, card.summary) for name, card in cards}
    return {**networks, "nlm": _NLM_INFO}


def load_network(name: str) -> Network:
    """Load a bundled network; every caller in the process shares one.

    The others let go of their working memory: one at a time is what a small server can hold.

    Raises:
        ModelError: There is no such network, or its file or card is missing or damaged.
    """
    with _loading:  # else two first callers would load it twice
        if name not in _networks:
            _networks[name] = load_model(name)
        for other, network in _networks.items():
            if other != name:
                network.release()
        return _networks[name]


def denoise_photo(
    photo: Photo, model: str | Denoiser = DEFAULT, *, strength: float = 1.0, progress: Progress | None = None
) -> Photo:
    """Denoise a photo.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`, or a denoiser of 256×256 tiles.
        strength: See `blend`.
        progress: Called with (0, total) first and then with (done, total) after each tile; stops the work by raising.

    Returns:
        The same photo with denoised pixels; size, bit depth, alpha and metadata stay.

    Raises:
        ValueError: `strength` is outside [0, 1].
        ModelError: There is no such model, or its file or card is missing or damaged.
    """
    _check_strength(strength)
    denoiser, tile_size, overlap = _denoiser(model, photo)

    def keeping_grey(noisy: Image) -> Image:
        denoised = denoiser(noisy)
        return np.repeat(denoised.mean(axis=2, keepdims=True), 3, axis=2) if photo.grey else denoised

    try:
        pixels = denoise_tiled(photo.pixels, keeping_grey, tile_size=tile_size, overlap=overlap, progress=progress)
    finally:
        if isinstance(denoiser, Network) and photo.pixels.nbytes > _LARGE:
            denoiser.release()  # the photo's own copies need the memory: blended, encoded, sent
    return blend(photo, dataclasses.replace(photo, pixels=pixels), strength)


def blend(noisy: Photo, denoised: Photo, strength: float) -> Photo:
    """Mix a photo with its denoised version, rounding to the nearest level.

    Args:
        noisy: Noisy photo.
        denoised: The same photo, denoised.
        strength: Share of `denoised` in the result, in [0, 1].

    Raises:
        ValueError: `strength` is outside [0, 1].
    """
    _check_strength(strength)
    if strength == 1:
        return denoised
    pixels: Pixels = cv2.addWeighted(denoised.pixels, strength, noisy.pixels, 1 - strength, 0)
    return dataclasses.replace(denoised, pixels=pixels)


def _check_strength(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must be between 0 and 1. Received: {strength}")


def _denoiser(model: str | Denoiser, photo: Photo) -> tuple[Denoiser, int, int]:
    """Return the denoiser, its tile size and the overlap of its tiles."""
    if callable(model):
        return model, TILE_SIZE, OVERLAP
    if model == "nlm":
        return non_local_means(photo.pixels), _NLM_TILE_SIZE, _NLM_OVERLAP
    if model in (known := denoiser_names()):
        network = load_network(model)
        return network, network.tile_size, network.tile_size // 4
    raise ModelError(f"There is no model {model!r}. Known models: {', '.join(known)}.")

"""A noisy photo in, a clean photo out: the one function that the page and the command line call."""

import dataclasses
import functools
import threading
from typing import NamedTuple

from denoise import Denoiser, Image
from denoise.baseline import non_local_means
from denoise.image import Photo
from denoise.registry import list_models, load_model
from denoise.runtime import ModelError, Network
from denoise.tiling import Progress, denoise_tiled


class DenoiserInfo(NamedTuple):
    """What a person reads about a denoiser before choosing it."""

    title: str
    summary: str


_NLM_INFO = DenoiserInfo(
    "Non-local means",
    "The classical filter: averages similar parts of the photo; no network, its strength follows the noise.",
)
_NLM_TILE_SIZE, _NLM_OVERLAP = 512, 32  # the filter looks 13 pixels far

_loading = threading.Lock()


def denoiser_names() -> dict[str, DenoiserInfo]:
    """All the choices of a denoiser by name: the bundled networks, then "nlm".

    Raises:
        ModelError: A model card is malformed.
    """
    networks = {name: DenoiserInfo(card.title, card.summary) for name, card in list_models().items()}
    return {**networks, "nlm": _NLM_INFO}


def load_network(name: str) -> Network:
    """Load a bundled network; every caller in the process shares one.

    Raises:
        ModelError: There is no such network, or its file or card is missing or damaged.
    """
    with _loading:  # else two first callers would load it twice
        return _load_network(name)


_load_network = functools.cache(load_model)


def denoise_photo(
    photo: Photo, model: str = "ridnet", *, strength: float = 1.0, progress: Progress | None = None
) -> Photo:
    """Denoise a photo.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`.
        strength: Share of the denoised photo in the result, in [0, 1]; the rest is the noisy photo.
        progress: Called with (0, total) first and then with (done, total) after each tile; stops the work by raising.

    Returns:
        The same photo with denoised pixels; size, bit depth, alpha and metadata stay.

    Raises:
        ValueError: `strength` is outside [0, 1].
        ModelError: There is no such model, or its file or card is missing or damaged.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must be between 0 and 1. Received: {strength}")
    denoiser: Denoiser
    if model == "nlm":
        denoiser, tile_size, overlap = non_local_means(photo.pixels), _NLM_TILE_SIZE, _NLM_OVERLAP
    elif model in (known := denoiser_names()):
        denoiser = network = load_network(model)
        tile_size, overlap = network.tile_size, network.tile_size // 4
    else:
        raise ModelError(f"There is no model {model!r}. Known models: {', '.join(known)}.")

    def blended(noisy: Image) -> Image:
        denoised = noisy + strength * (denoiser(noisy) - noisy)
        if photo.grey:
            denoised[:] = denoised.mean(axis=2, keepdims=True)
        return denoised

    pixels = denoise_tiled(photo.pixels, blended, tile_size=tile_size, overlap=overlap, progress=progress)
    return dataclasses.replace(photo, pixels=pixels)

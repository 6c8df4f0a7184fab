"""The catalogue: which denoisers there are, which one serves unless another is asked for, and how long they take."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from denoise import Denoiser
from denoise.baseline import non_local_means
from denoise.ensemble import averaging
from denoise.image import Photo
from denoise.level import looks
from denoise.registry import list_models, load_model
from denoise.tiling import OVERLAP, TILE_SIZE, tile_offsets

DEFAULT, DEFAULT_FOR_BIG_PHOTOS = "ridnet", "unet"
"""The denoisers that serve unless another one is asked for: the best of the bundled networks, and the fast one."""

BIG = 8_000_000  # pixels; more than half a minute of the default's work on two processor cores

_NLM_TILE_SIZE, _NLM_OVERLAP = 512, 32  # the filter looks 13 pixels far
_NLM_SECONDS_PER_TILE = 0.6  # where the networks of the model cards were timed


class DenoiserInfo(NamedTuple):
    """What a person reads about a denoiser before choosing it."""

    title: str
    summary: str


_NLM_INFO = DenoiserInfo(
    "Non-local means",
    "The classical filter, no network: averages similar parts of the photo.",
)


def denoiser_names() -> dict[str, DenoiserInfo]:
    """All the choices of a denoiser by name: the defaults, the other bundled networks, then "nlm".

    Raises:
        ModelError: A model card is malformed.
    """
    first = (DEFAULT, DEFAULT_FOR_BIG_PHOTOS)
    cards = sorted(list_models().items(), key=lambda item: first.index(item[0]) if item[0] in first else len(first))
    networks = {name: DenoiserInfo(card.title, card.summary) for name, card in cards}
    return {**networks, "nlm": _NLM_INFO}


def told_names() -> list[str]:
    """Name the networks that are told how much noise there is: of them, a strength above 1 can be asked.

    Raises:
        ModelError: A model card is malformed.
    """
    return [name for name, card in list_models().items() if card.told]


def default_for(photo: Photo) -> str:
    """Name the denoiser that serves a photo unless another one is asked for: for big photos the fast one."""
    return DEFAULT_FOR_BIG_PHOTOS if photo.width * photo.height > BIG else DEFAULT


@contextmanager
def load_denoiser(model: str, photo: Photo) -> Iterator[Denoiser]:
    """Load the denoiser of this name for one photo: for who has the machine to themselves.

    Raises:
        ModelError: The model's file or card is missing or damaged.
    """
    yield non_local_means(photo.pixels) if model == "nlm" else load_model(model)


def expected_seconds(
    photo: Photo, model: str, *, best: bool = False, pace: Mapping[str, float] = MappingProxyType({})
) -> float | None:
    """Estimate how long `denoise_photo` will take here.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`.
        best: As for `denoise_photo`.
        pace: See `denoise.engine.Engine.pace`. For a model that is not there, the model cards say how it compares with
            the one that was at work last; without any, what they say counts.

    Returns:
        Seconds; `None` if the model card does not say how long a tile took.
    """
    seconds = pace.get(model) or _seconds_by_card(model)
    if seconds is None:
        return None
    last = next(reversed(list(pace)), None)
    if model not in pace and last and (by_card := _seconds_by_card(last)):
        seconds *= pace[last] / by_card
    tile_size, overlap = _tiling(model)
    rows, columns = (len(tile_offsets(side, tile_size, overlap)) for side in (photo.height, photo.width))
    pair = _pair(model)
    first = looks(photo.height, photo.width) if pair or model in told_names() else 0
    return (rows * columns * averaging(pair, best=best and model != "nlm").runs + first) * seconds


def _seconds_by_card(model: str) -> float | None:
    """Return the seconds that one call took where the networks of the model cards were timed."""
    if model == "nlm":
        return _NLM_SECONDS_PER_TILE
    seconds = list_models()[model].metrics.get("seconds_per_tile")
    return seconds / averaging(_pair(model)).runs if isinstance(seconds, float) else None


def _pair(model: str | Denoiser) -> float:
    """What the card says of a network's pair of runs, see `ModelCard`; 0 for what has no card."""
    card = list_models().get(model) if isinstance(model, str) else None
    return card.pair if card else 0.0


def _tiling(model: str | Denoiser) -> tuple[int, int]:
    """Return the size of a denoiser's tiles, and their overlap."""
    return (_NLM_TILE_SIZE, _NLM_OVERLAP) if model == "nlm" else (TILE_SIZE, OVERLAP)

"""Which denoisers there are: what is known of each, which one serves unless another is asked for, how long it takes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from denoise import Denoiser
from denoise.baseline import non_local_means
from denoise.ensemble import Runs, runs
from denoise.image import Photo
from denoise.level import grain_of, looks
from denoise.registry import ModelCard, list_models, load_model
from denoise.runtime import ModelError
from denoise.tiling import OVERLAP, TILE_SIZE, tile_offsets

DEFAULTS = DEFAULT, DEFAULT_FOR_BIG_PHOTOS, DEFAULT_FOR_NOISY_ONES = "ridnet", "unet", "unet-strong"
"""The denoisers that serve unless another one is asked for: the best, the fast one, the fast one for strong noise."""

BIG = 2_000_000  # pixels; 10 to 45 seconds of the default's work on two processor cores, with AVX-512 or without

NOISY = 3.5 / 255
"""So much noise everywhere is strong: phones at night have more, the texture of clean photos has less."""


class DenoiserInfo(NamedTuple):
    """What is known of a denoiser before it is at work.

    Attributes:
        title: What a person calls it.
        summary: What a person reads about it before choosing it.
        is_told: Whether it is told how much noise there is.
        pair: With which noise it runs twice, see `denoise.registry.ModelCard`; 0 if it does not.
        judge: Name of the network that looks how much noise there is in its place.
        partner: Name of the network that it works with.
        strong_partner: The same where the noise is strong.
        has_best: Whether several runs, see `denoise.ensemble`, make it better, and let it remove more.
        tile_size: Height and width of its tiles, in pixels.
        overlap: Pixels that they share.
        seconds: How long one call took where the networks of the model cards were timed, if that is known.
        minutes: How long it was trained, if that is known.
    """

    title: str
    summary: str
    is_told: bool
    pair: float = 0.0
    judge: str = ""
    partner: str = ""
    strong_partner: str = ""
    has_best: bool = True
    tile_size: int = TILE_SIZE
    overlap: int = OVERLAP
    seconds: float | None = None
    minutes: float | None = None

    @property
    def needs_level(self) -> bool:
        """Whether a photo's noise must be known before it is at work."""
        return self.is_told or self.pair > 0

    def runs(self, level: float = 0.0, *, smoothed: float = 1.0, best: bool = False, strength: float = 1.0) -> Runs:
        """Return how it runs on a tile, see `denoise.ensemble.runs`."""
        if not self.has_best:
            return Runs()
        if self.is_told:  # its result has less noise than it is told of, and is no photo for it
            return Runs(8 if best else 1)
        return runs(self.pair, level, smoothed=smoothed, best=best, strength=strength)


_NLM = DenoiserInfo(
    "Non-local means",
    "The classical filter, no network: averages similar parts of the photo.",
    is_told=False,
    has_best=False,
    tile_size=512,
    overlap=32,  # the filter looks 13 pixels far
    seconds=0.6,
)


def denoiser_names() -> dict[str, DenoiserInfo]:
    """All the choices of a denoiser by name: the defaults, the other bundled networks, then "nlm".

    Raises:
        ModelError: A model card is malformed.
    """
    cards = sorted(list_models().items(), key=lambda item: place(item[0]))
    return {name: describe(card) for name, card in cards} | {"nlm": _NLM}


def titles() -> dict[str, str]:
    """What a person calls each of them, by name."""
    return {name: info.title for name, info in denoiser_names().items()}


def info_for(model: str, strength: float, level: object) -> DenoiserInfo:
    """Look up a denoiser, which must be able to do what is asked of it.

    Raises:
        ModelError: It is not, or there is none of this name.
    """
    known = denoiser_names()
    if model not in known:
        raise ModelError(f"There is no model {model!r}. Known models: {', '.join(known)}.")
    for is_asked, able, wish in (
        (strength > 1, [name for name, info in known.items() if info.has_best], "remove more than there seems to be"),
        (
            level is not None,
            [name for name, info in known.items() if info.needs_level],
            "be told how much noise there is",
        ),
    ):
        if is_asked and model not in able:
            those = f"; choose one that can: {', '.join(able)}" if able else ", and no other model here can"
            raise ModelError(f"{model} cannot {wish}{those}.")
    return known[model]


def place(name: str) -> int:
    """Return where a network stands in a list: the defaults come first."""
    return DEFAULTS.index(name) if name in DEFAULTS else len(DEFAULTS)


def describe(card: ModelCard) -> DenoiserInfo:
    """Return what a network's card says of it."""
    seconds = card.metrics.get("seconds_per_tile")  # of all its runs
    once = seconds / runs(card.pair).times if isinstance(seconds, float) else None
    return DenoiserInfo(
        card.title,
        card.summary,
        is_told=card.told > 0,
        pair=card.pair,
        judge=card.judge,
        partner=card.partner,
        strong_partner=card.strong_partner,
        seconds=once,
        minutes=_minutes(card),
    )


def _minutes(card: ModelCard) -> float | None:
    """Return how long all runs of a network's training took, if its card says so."""
    runs = card.training.get("runs", [card.training])
    said = [each.get("minutes") for each in runs if isinstance(each, dict)] if isinstance(runs, list) else []
    return sum(each for each in said if isinstance(each, int | float)) or None


def default_for(photo: Photo) -> str:
    """Name the denoiser that serves a photo unless another one is asked for."""
    if photo.width * photo.height <= BIG:
        return DEFAULT
    grain = grain_of(photo)
    return DEFAULT_FOR_NOISY_ONES if grain.level > NOISY and not grain.white else DEFAULT_FOR_BIG_PHOTOS


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
    """Estimate how long `denoise.pipeline.denoise_photo` will take here.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`.
        best: As for `denoise_photo`.
        pace: See `denoise.engine.Engine.pace`. For a model that is not there, the model cards say how it compares with
            the one that was at work last; without any, what they say counts.

    Returns:
        Seconds; `None` if the model card does not say how long a tile took.
    """
    known = denoiser_names()
    info = known[model]

    rows, columns = (len(tile_offsets(side, info.tile_size, info.overlap)) for side in (photo.height, photo.width))
    how, partner = info.runs(best=best), info.partner
    calls = Counter({model: rows * columns * how.times})
    if info.needs_level or partner:
        calls[info.judge or model] += looks(photo.height, photo.width)
    if partner:  # if the noise is not strong, which is not looked at here
        calls[partner] += rows * columns * how.turns  # else its place takes another one, not much slower
    last, total = next(reversed(list(pace)), None), 0.0
    for name, count in calls.items():
        seconds = pace.get(name) or known[name].seconds
        if seconds is None:
            return None
        if name not in pace and last and (by_card := known[last].seconds):
            seconds *= pace[last] / by_card
        total += count * seconds
    return total

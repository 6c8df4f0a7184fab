"""A noisy photo in, a clean photo out: the one function that the page and the command line call."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level, camera
from denoise.baseline import non_local_means
from denoise.clean import clean_mask
from denoise.ensemble import averaging, ensemble
from denoise.image import Photo, Pixels, to_depth, without_metadata
from denoise.level import estimate_level, looks
from denoise.registry import list_models, load_model
from denoise.runtime import ModelError
from denoise.tiling import OVERLAP, TILE_SIZE, Progress, denoise_tiled, tile_offsets
from denoise.tone import LUMA, keep_tone, tone_of


class DenoiserInfo(NamedTuple):
    """What a person reads about a denoiser before choosing it."""

    title: str
    summary: str


class Mix(NamedTuple):
    """How much of the noise is removed, as shares in [0, 1].

    Attributes:
        luminance: Of the light and dark grain.
        colour: Of the coloured blotches.
        detail: Of the luminance that is left as it was where the photo has texture, see `detail_map`.
    """

    luminance: float = 1.0
    colour: float = 1.0
    detail: float = 0.0


_NLM_INFO = DenoiserInfo(
    "Non-local means",
    "The classical filter, no network: averages similar parts of the photo.",
)
_NLM_TILE_SIZE, _NLM_OVERLAP = 512, 32  # the filter looks 13 pixels far
_NLM_SECONDS_PER_TILE = 0.6  # where the networks of the model cards were timed

STRONGEST = 3.0
"""Up to which strength a network that is told the noise level can be made to remove more."""

_STRIP = 64  # rows
_DETAIL_RADIUS = 2.0  # pixels, standard deviation of the Gaussian window
_DETAIL_REACH = 16  # pixels, no less than the window has on each side

DEFAULT, DEFAULT_FOR_BIG_PHOTOS = "ridnet", "unet"
"""The denoisers that serve unless another one is asked for: the best of the bundled networks, and the fast one."""

BIG = 8_000_000  # pixels; more than half a minute of the default's work on two processor cores

Denoisers = Callable[[str, Photo], AbstractContextManager[Denoiser]]
"""Gives the denoiser of a name for a photo's tiles, such as `denoise.engine.Task.denoiser`."""


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


def denoise_photo(
    photo: Photo,
    model: str | Denoiser = DEFAULT,
    *,
    strength: float = 1.0,
    level: NDArray[np.float32] | float | None = None,
    pair: float | None = None,
    best: bool = False,
    progress: Progress | None = None,
    denoisers: Denoisers = load_denoiser,
) -> Photo:
    """Denoise a photo.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`, or a denoiser of 256×256 tiles.
        strength: Up to 1, the share of the noise that is removed, of luminance and colour alike, see `blend`. Above, up
            to `STRONGEST`: the network is told so many times the noise, and removes more.
        level: The noise's standard deviation in [0, 1], one for the photo or (H, W); where it is of use, it is
            estimated unless given.
        pair: Of the noise with which the denoiser runs twice, which multiple of the level, see `denoise.ensemble`; what
            the model card says unless given.
        best: Take up to eight times as long for a little more quality, see `denoise.ensemble`; non-local means stays as
            it is.
        progress: Called with (0, total) first and then with (done, total) after each tile; stops the work by raising.
        denoisers: Where a denoiser that is named comes from.

    Returns:
        The same photo with denoised pixels; size, bit depth, alpha and metadata stay. What is clean comes back as it
        was (`denoise.clean`), and what is grey or of one hue stays so (`denoise.tone`).

    Raises:
        ValueError: `strength` or `level` is outside its range, or `level` of another shape than the photo.
        ModelError: There is no such model, its file or card is missing or damaged, or a `strength` above 1 or a `level`
            is asked of one that is not told the noise level.
    """
    _check_number("strength", strength, STRONGEST)
    if level is not None:
        _check_number("level", float(np.min(level)))
        _check_number("level", float(np.max(level)))
    if isinstance(model, str) and model not in (known := denoiser_names()):
        raise ModelError(f"There is no model {model!r}. Known models: {', '.join(known)}.")
    is_told = callable(model) or model in told_names()
    if not is_told and (strength > 1 or level is not None):
        raise ModelError(_cannot_be_told(str(model), "A strength above 1" if strength > 1 else "A noise level"))
    pair = _pair(model) if pair is None else pair
    clean = clean_mask(photo.pixels)
    tile_size, overlap = _tiling(model)

    def denoised(denoiser: Denoiser) -> Pixels:
        tone = tone_of(photo.pixels)
        known = level
        if known is None:
            is_needed = is_told or pair
            known = estimate_level(photo.pixels, keep_tone(denoiser, tone), keep=clean) if is_needed else 0.0
        averaged = ensemble(denoiser, averaging(pair, float(np.mean(known)), best=best and model != "nlm"))

        def at_strength(tile: Image, tile_level: Level) -> Image:
            return averaged(tile, np.float32(max(1.0, strength)) * tile_level)

        of_a_tile = keep_tone(at_strength, tone)
        return denoise_tiled(
            photo.pixels, of_a_tile, tile_size=tile_size, overlap=overlap, level=known, keep=clean, progress=progress
        )

    with nullcontext(model) if callable(model) else denoisers(model, photo) as denoiser:
        pixels = denoised(denoiser)
    del denoiser  # and with it a network that nobody else holds: what follows needs its memory
    return blend(photo, dataclasses.replace(photo, pixels=pixels), Mix(min(strength, 1.0), min(strength, 1.0)))


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


def crop(photo: Photo, size: int, across: float = 0.5, down: float = 0.5) -> tuple[Photo, tuple[int, int]]:
    """Cut a square out of a photo, or what of it fits into the photo.

    Args:
        photo: The photo.
        size: Height and width of the square, in pixels.
        across: Where it lies, from 0 at the left edge to 1 at the right.
        down: The same from the top to the bottom.

    Returns:
        The square, a copy without transparency and EXIF data, and the place of its first pixel: left, top.
    """
    left, top = (round(share * max(side - size, 0)) for share, side in ((across, photo.width), (down, photo.height)))
    pixels = photo.pixels[top : top + size, left : left + size].copy()
    return dataclasses.replace(without_metadata(photo), pixels=pixels, alpha=None), (left, top)


def shrink(photo: Photo, longest_side: int) -> Photo:
    """Make a photo small in 8 bit; one that is small already keeps its size.

    Args:
        photo: The photo.
        longest_side: At most so many pixels wide and high.
    """
    scale = min(1.0, longest_side / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    small = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    return dataclasses.replace(photo, pixels=to_depth(small, np.uint8), alpha=None)


def photograph(clean: Photo, iso: float, *, quality: int = 95, seed: int = 0) -> tuple[Photo, Photo]:
    """Photograph a clean photo again by a simulated camera, see `denoise.camera.photograph`.

    Args:
        clean: At least `camera.MULTIPLE` pixels high and wide; of a larger one than `camera.LONGEST_SIDE`, the middle.
        iso: ISO speed.
        quality: JPEG quality, 1 to 100; 100 leaves JPEG out.
        seed: Seed of the noise.

    Returns:
        The noisy photo, and the clean one as the same camera would have made it without noise; both in 8 bit.
    """
    pixels = cast(NDArray[np.uint8], to_depth(clean.pixels, np.uint8))
    pair = camera.photograph(pixels[..., 0] if clean.grey else pixels, iso, seed, quality)
    noisy, again = (np.repeat(each[..., None], 3, axis=2) if clean.grey else each for each in pair)
    plain = dataclasses.replace(without_metadata(clean), alpha=None)
    return dataclasses.replace(plain, pixels=noisy), dataclasses.replace(plain, pixels=again)


def blend(noisy: Photo, denoised: Photo, mix: Mix) -> Photo:
    """Mix a photo with its denoised version, rounding to the nearest level.

    What was removed, noisy minus denoised, is split into luminance and colour, and shares of both are put back. The
    page's viewer does the same for what it shows, with the same arithmetic: what one sees is what is downloaded.

    Args:
        noisy: Noisy photo.
        denoised: The same photo, denoised.
        mix: How much of the noise is removed.

    Raises:
        ValueError: A share is outside [0, 1].
    """
    for name, share in mix._asdict().items():
        _check_number(name, share)
    if mix == Mix():
        return denoised
    details = detail_map(noisy, denoised) if mix.detail else None
    pixels = np.empty_like(noisy.pixels)
    for top in range(0, noisy.height, _STRIP):  # whole, these 64-bit numbers would take a gigabyte of a large photo
        rows = slice(top, top + _STRIP)
        before = noisy.pixels[rows].astype(np.float64)
        change = denoised.pixels[rows] - before
        luminance = change @ np.array(LUMA)
        colour = mix.colour * (256 * change - luminance[..., None])
        luminance *= mix.luminance if details is None else mix.luminance * (1 - mix.detail * details[rows] / 255)
        after = np.floor(before + (luminance[..., None] + colour) / 256 + 0.5)
        pixels[rows] = after.clip(0, np.iinfo(pixels.dtype).max)
    return dataclasses.replace(denoised, pixels=pixels)


def detail_map(noisy: Photo, denoised: Photo) -> NDArray[np.uint8]:
    """Tell where a photo has texture that outweighs what was removed: there, noise is seen least and detail lost most.

    The share s² / (s² + n²), in which s is the standard deviation of the denoised luminance around a pixel, and n that
    of what was removed: the weight of the adaptive Wiener filter (Lim, "Two-Dimensional Signal and Image Processing",
    1990, page 548).

    Args:
        noisy: Noisy photo.
        denoised: The same photo, denoised.

    Returns:
        Shape (height, width), from 0 where the photo is flat to 255 in strong texture.
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.GaussianBlur(values, (0, 0), _DETAIL_RADIUS))

    details = np.empty(noisy.pixels.shape[:2], np.uint8)
    for top in range(0, noisy.height, _STRIP):  # a large photo at once takes up to five times as long, and memory
        first = max(0, top - _DETAIL_REACH)
        rows = slice(first, top + _STRIP + _DETAIL_REACH)
        before, after = (
            cv2.cvtColor(to_depth(photo.pixels[rows], np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
            for photo in (noisy, denoised)
        )
        texture = np.maximum(mean(after**2) - mean(after) ** 2, 0)
        removed = mean((before - after) ** 2)
        share = texture / (texture + removed + 1)  # 1: less than a level is not seen
        details[top : top + _STRIP] = 255 * share[top - first : top - first + _STRIP]
    return details


def _check_number(name: str, number: float, greatest: float = 1.0) -> None:
    if not 0 <= number <= greatest:
        raise ValueError(f"`{name}` must be between 0 and {greatest:g}. Received: {number}")


def _pair(model: str | Denoiser) -> float:
    """What the card says of a network's pair of runs, see `ModelCard`; 0 for what has no card."""
    card = list_models().get(model) if isinstance(model, str) else None
    return card.pair if card else 0.0


def _cannot_be_told(model: str, what: str) -> str:
    names = told_names()
    those = f"choose one that is: {', '.join(names)}" if names else "none of the networks here is"
    return f"{what} needs a network that is told how much noise there is, which {model} is not; {those}."


def _tiling(model: str | Denoiser) -> tuple[int, int]:
    """Return the size of a denoiser's tiles, and their overlap."""
    return (_NLM_TILE_SIZE, _NLM_OVERLAP) if model == "nlm" else (TILE_SIZE, OVERLAP)

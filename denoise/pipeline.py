"""A noisy photo in, a clean photo out: the one function that the page and the command line call."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.catalogue import DEFAULT, DenoiserInfo, info_for, load_denoiser
from denoise.clean import clean_mask, mended, put_back_clean
from denoise.ensemble import STRONG, Runs, ensemble, faint_noise, mean_of
from denoise.image import Photo, Pixels, space_of
from denoise.level import GRAIN, certainty, estimate_level, grain_of, smoothed_grain
from denoise.light import keep_light
from denoise.mixing import Mix, blend
from denoise.stars import give_back_stars
from denoise.tiling import Finished, Progress, View, denoise_tiled
from denoise.tone import keep_tone, tone_of

STRONGEST = 3.0
"""Up to which strength a network can be made to remove more."""

_LOOKS_OF_PARTNER = 2  # are enough where it is known already that the noise is strong; each takes time before any tile

_ALIKE = 1.5  # times as much is told of grain that is the same in all channels: none knows what another does not

_SMOOTHED = 0.5  # from here on, grain is what a camera has left of it

# What a partner has of the mean: with one that is careful, and with one that is not and has a judge. That finds strong
# noise as well as its partner; where the noise is faint, it takes texture for noise, and has less of the mean.
_SHARE_OF_PARTNER, _SHARE_OF_STRONG = 0.5, (0.75, 0.5)
_FAINT = 3 / 255  # as FFDNet is told; below, the partner's share grows, up to all of it

Denoisers = Callable[[str, Photo], AbstractContextManager[Denoiser]]
"""Gives the denoiser of a name for the tiles of a photo as denoisers see it, such as `denoise.engine.Task.denoiser`."""

_UNNAMED = DenoiserInfo("", "", is_told=True)  # any denoiser: what one of them does not take, it ignores


def denoise_photo(
    photo: Photo,
    model: str | Denoiser = DEFAULT,
    *,
    strength: float = 1.0,
    level: NDArray[np.float32] | float | None = None,
    info: DenoiserInfo = _UNNAMED,
    best: bool = False,
    progress: Progress | None = None,
    view: View | None = None,
    finished: Finished | None = None,
    denoisers: Denoisers = load_denoiser,
) -> Photo:
    """Denoise a photo.

    Args:
        photo: Noisy photo.
        model: A name from `denoiser_names`, or a denoiser of 256×256 tiles.
        strength: Up to 1, the share of the noise that is removed, of luminance and colour alike, see `blend`. Above, up
            to `STRONGEST`, a network removes more: it is told so many times the noise, or runs with more added noise.
        level: The noise's standard deviation in [0, 1], one for the photo or (H, W); where it is of use, it is
            estimated unless given.
        info: What is known of a denoiser that has no name.
        best: Take up to eight times as long for a little more quality, see `denoise.ensemble`; non-local means stays as
            it is.
        progress: Called with (0, total) first and then with (done, total) after each tile; stops the work by raising.
        view: Which part of the photo comes first, see `denoise_tiled`.
        finished: Called with each part that is finished; what it is given is the result before any of it is taken back,
            for a `strength` below 1 or where the photo may be clean.
        denoisers: Where a denoiser that is named comes from.

    Returns:
        The same photo with denoised pixels; size, bit depth, alpha, metadata and colour space (`denoise.image.colour`)
        stay. What is clean comes back as it was (`denoise.clean`, and `denoise.level.certainty` where the noise is not
        given and no more than all of it is to go), and so do stars (`denoise.stars`); what is grey or of one hue stays
        so (`denoise.tone`), and all is as bright as the photo is from afar (`denoise.light`).

    Raises:
        ValueError: `strength` or `level` is outside its range, or `level` of another shape than the photo.
        ModelError: There is no such model, its file or card is missing or damaged, or a `strength` above 1 or a `level`
            is asked of one that knows nothing of it.
    """
    _check_number("strength", strength, STRONGEST)
    if level is not None:
        _check_number("level", float(np.min(level)))
        _check_number("level", float(np.max(level)))
    if isinstance(model, str):
        info = info_for(model, strength, level)
    space = space_of(photo)
    given = space.shown(photo.pixels) if space else photo.pixels
    shown = mended(given)
    seen = photo if shown is photo.pixels else dataclasses.replace(photo, pixels=shown)
    clean = clean_mask(photo.pixels if shown is given else shown)
    smoothed = smoothed_grain(shown) if info.pair or info.partner or info.judge else 1.0

    def denoised(denoiser: Denoiser, named: Callable[[str], Denoiser]) -> tuple[Pixels, float]:
        tone = tone_of(shown)

        def look(by: Denoiser, **options: Any) -> float:
            return estimate_level(shown, keep_tone(by, tone), keep=clean, **options)

        noise, removed = level, 1.0  # who says how much there is, is certain of it
        grain = grain_of(seen)
        is_known = noise is None and bool(grain.white and (info.partner or info.judge))  # what FFDNet learnt, no more
        if is_known:
            noise = removed = grain.removed
        elif noise is None and info.is_told and info.judge:
            removed = max(grain.removed, look(named(info.judge)))
            noise = faint_noise(removed, smoothed=smoothed) or removed
        elif noise is None and info.is_told:
            noise = removed = look(denoiser, grain=GRAIN)
        elif noise is None and (info.needs_level or info.partner or info.strong_partner):
            # One that is told nothing need not be asked how strong strong noise is.
            judge = named(info.judge) if info.judge else denoiser
            noise = removed = max(grain.removed, look(judge, enough=STRONG) if grain.removed < STRONG else 0.0)
        elif noise is None:
            noise = removed = 0.0
        certain = certainty(grain.level, smoothed, removed) if strength <= 1 else 1.0
        mean = float(np.mean(noise))
        how = info.runs(mean, smoothed=smoothed, best=best, strength=strength)
        alike = 1.0 if tone is None else _ALIKE
        more = alike * max(1.0, strength)
        if info.is_told:
            several = ensemble(denoiser, how)
        elif is_known:
            several = ensemble(named(info.partner), Runs(how.turns))
        elif info.strong_partner and mean >= STRONG:
            partner = named(info.strong_partner)
            told = more * (look(partner, grain=GRAIN, most_looks=_LOOKS_OF_PARTNER) if level is None else mean)
            once = ensemble(denoiser, how._replace(again=False))  # is enough then
            several = mean_of(once, ensemble(partner, Runs(how.turns)), told, share=_SHARE_OF_STRONG[bool(info.judge)])
        elif info.partner and (faint := alike * faint_noise(mean, smoothed=smoothed, strength=strength)):
            if smoothed < _SMOOTHED and strength <= 1:
                how = how._replace(noise=0.0)  # of fine grain, a pair finds nothing that the partner does not
            share = 1 - (1 - _SHARE_OF_PARTNER) * (min(1.0, faint / _FAINT) if info.judge else 1.0)
            partner = ensemble(named(info.partner), Runs(how.turns))
            several = mean_of(ensemble(denoiser, how), partner, faint, share=share)
        else:
            several = ensemble(denoiser, how)

        def at_strength(tile: Image, tile_level: Level) -> Image:
            return several(tile, np.float32(more) * tile_level)

        pixels = denoise_tiled(
            shown,
            keep_tone(keep_light(at_strength), tone),
            tile_size=info.tile_size,
            overlap=info.overlap,
            level=noise,
            keep=clean if certain else np.ones_like(clean),
            progress=progress,
            view=view,
            finished=finished,
        )
        return pixels, certain

    with ExitStack() as held:  # no longer than needed: what follows needs the networks' memory

        def named(name: str) -> Denoiser:
            return held.enter_context(denoisers(name, seen))

        pixels, certain = denoised(model if callable(model) else named(model), named)
    pixels = blend(seen, dataclasses.replace(seen, pixels=pixels), Mix(certain, certain)).pixels
    give_back_stars(shown, pixels)
    put_back_clean(shown, pixels, clean)
    if space:
        pixels = space.returned(photo.pixels, given, pixels)
    return blend(photo, dataclasses.replace(photo, pixels=pixels), Mix(min(strength, 1.0), min(strength, 1.0)))


def _check_number(name: str, number: float, greatest: float = 1.0) -> None:
    if not 0 <= number <= greatest:
        raise ValueError(f"`{name}` must be between 0 and {greatest:g}. Received: {number}")

"""Measure denoisers on pairs of noisy and clean photos, whole pipeline with tiles, 8-bit output.

Every score goes into the file of results as soon as it is known, under the version of the denoiser and of the photo
that it belongs to: a run that is killed goes on where it stood, and another network costs its own time alone.
"""

import hashlib
import json
import math
import statistics
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import keras
import numpy as np

from denoise import Denoiser, Image, Level, catalogue, ensemble, level, metrics, pipeline, registry
from denoise.camera import photograph
from denoise.files import write_atomically
from denoise.image import Photo, PhotoError, Pixels, to_float, to_pixels
from denoise.results import Evaluated, Mean, Scored
from denoise.training.benchmark import machine, seconds_per_tile
from denoise.training.datasets import Pair, read_pair
from denoise.training.export import format_card, load_network
from denoise.training.progress import with_progress

PROTOCOL = (
    "Mean over the photos of PSNR and SSIM on 8-bit RGB (scikit-image, data_range 255, channel_axis 2, otherwise "
    "defaults); whole photos, overlapping 256x256 tiles, output rounded to 8 bit. Colour shift: by how many 8-bit "
    "levels the mean of a channel differs from the input's, at most."
)

SYNTHETIC_ISO = (400, 1600, 6400)

NLM, LEVEL, CAMERA = 2, 6, 1
"""Versions of non-local means, of what is done with a level (`denoise.level`, `denoise.ensemble`, `denoise.light`), and
of the simulated camera. Whoever changes what one of them does to a photo counts it up, and what was measured with it is
measured anew.
"""


class Shot(NamedTuple):
    """A noisy photo to clean: one of a pair, or a clean photo taken again at an ISO speed or (no ISO) left clean."""

    pair: Pair
    iso: int | None


def shots(sets: Mapping[str, Sequence[Pair]], iso: Sequence[int]) -> dict[str, list[Shot]]:
    """Tell what there is to measure in sets of photos.

    Clean photos are measured as they are and with the noise of a simulated camera at each ISO speed.

    Returns:
        The shots of each "NAME", or of "NAME clean" and "NAME ISO 400", ....

    Raises:
        ValueError: If a set is empty, or some of its photos are pairs and others are not.
    """
    found = {}
    for name, pairs in sets.items():
        if len(alone := {pair.noisy is None for pair in pairs}) != 1:
            what = f"The set {name!r} holds {len(pairs)} photos."
            raise ValueError(f"A set must hold either pairs or clean photos. {what}")
        speeds: dict[str, int | None] = {f"{name} clean": None, **{f"{name} ISO {speed}": speed for speed in iso}}
        for title, speed in speeds.items() if alone == {True} else [(name, None)]:
            found[title] = [Shot(pair, speed) for pair in pairs]
    return found


def read_shot(shot: Shot) -> tuple[Pixels, Pixels]:
    """Read, or make, the noisy photo and its clean reference, both uint8 (H, W, 3).

    A photo that is taken again is cropped to its middle, 640 pixels at most; its reference is what the same camera
    would have made without noise. Chance is seeded by the photo's name and the ISO speed.

    Raises:
        denoise.image.PhotoError: If a file is no photo; the message names it.
    """
    noisy, clean = read_pair(shot.pair)
    if noisy is not None:
        return noisy, clean
    if shot.iso is None:
        return clean, clean
    return photograph(clean, shot.iso, seed=zlib.crc32(f"{shot.pair.name} ISO {shot.iso}".encode()))


def read_shots(group: Sequence[Shot], title: str) -> Iterator[tuple[Shot, Pixels, Pixels]]:
    """Yield each shot with its noisy photo and its reference; what cannot be read is told on standard error."""
    for shot in with_progress(group, title):
        try:
            noisy, clean = read_shot(shot)
        except PhotoError as error:
            print(f"{title}: skipped: {error}", file=sys.stderr)
        else:
            yield shot, noisy, clean


def evaluate(
    sets: Mapping[str, Sequence[Pair]],
    results: Path,
    *,
    networks: Sequence[str] | None = None,
    best: Sequence[str] = (),
    weights: Mapping[str, Path] | None = None,
    iso: Sequence[int] = SYNTHETIC_ISO,
    models: Path = registry.MODELS_DIR,
) -> Evaluated:
    """Score the noisy photos, non-local means and bundled networks on sets of photos, and time them on a tile.

    Args:
        sets: Pairs, or clean photos (see `shots`), by the name to report them under.
        results: JSON file to write; its content is returned. Where there is one already, what it holds of the same
            photos and the same versions of the denoisers is kept, of other sets and networks too; the rest is dropped.
        networks: Names of bundled networks; all of them unless given.
        best: Those of them that are to be scored as `denoise.ensemble` at its best too, as "NAME best".
        weights: Their float weights by name; given, the float network is scored too, by Keras, as "NAME float32".
        iso: ISO speeds at which clean photos are taken again.
        models: Folder of the cards.

    Raises:
        FileNotFoundError: If a file of weights is missing.
        denoise.runtime.ModelError: If a network is not bundled.
        ValueError: If `results` is another kind of file, a set is empty, mixed or cannot be read, or there are
            weights of a network that is not evaluated.
    """
    bundled = {name: registry.load_model(name, models) for name in registry.list_models(models)}
    cards = {name: registry.model_card(name, models) for name in (bundled if networks is None else networks)}
    weights = weights or {}
    if unknown := weights.keys() - cards.keys():
        raise ValueError(f"Weights must be those of an evaluated network. Received: {', '.join(sorted(unknown))}")
    if unknown := set(best) - cards.keys():
        raise ValueError(f"Best quality must be that of an evaluated network. Received: {', '.join(sorted(unknown))}")
    denoisers: dict[str, Callable[[Photo], Photo]] = {
        "noisy": lambda photo: photo,
        "nlm": lambda photo: pipeline.denoise_photo(photo, "nlm"),
    }
    facts: dict[str, dict[str, Any]] = {"noisy": {"version": "1"}, "nlm": {"version": str(NLM)}}
    timed: dict[str, Denoiser] = {"nlm": _non_local_means_of_a_tile}
    for name, network in bundled.items():
        timed[name] = ensemble.ensemble(network, catalogue.describe(registry.model_card(name, models)).runs())

    def add(name: str, denoiser: Denoiser, card: registry.ModelCard, best: bool = False, **more: Any) -> None:
        info = catalogue.describe(card)
        denoisers[name] = lambda photo: pipeline.denoise_photo(photo, denoiser, info=info, best=best)
        version, of_card = _version_of(card, models), {"title": card.title, "parameters": card.parameters}
        facts[name] = {"version": version, **of_card, "bytes": card.bytes, **more}

    for name, card in cards.items():
        add(name, bundled[name], card)
    for name in best:
        timed[f"{name} best"] = ensemble.ensemble(bundled[name], catalogue.describe(cards[name]).runs(best=True))
        add(f"{name} best", bundled[name], cards[name], best=True, title=f"{cards[name].title}, best quality")
    for name, path in weights.items():
        card, title = cards[name], f"{cards[name].title}, float32"
        floats = keras_denoiser(load_network(path, card.architecture), card.told)
        version = f"{_version_of(card, models)} {_digest(path.read_bytes())}"
        add(f"{name} float32", floats, card, version=version, title=title, bytes=path.stat().st_size)

    found = shots(sets, iso)
    state = _load(results)
    _drop_other_versions(state, facts, models)
    for name, fact in facts.items():
        known: Any = state["denoisers"].get(name, {"scores": {}, "means": {}})
        state["denoisers"][name] = cast(Scored, known | fact)
    for title, group in found.items():
        _drop_other_photos(state, title, {shot.pair.name: _version(shot) for shot in group})

    state["speed"] = {"machine": machine(), "seconds_per_tile": seconds_per_tile(timed)}
    for title, group in found.items():
        tables = {name: state["denoisers"][name]["scores"].setdefault(title, {}) for name in denoisers}
        todo = [shot for shot in group if any(shot.pair.name not in table for table in tables.values())]
        for shot, noisy, clean in read_shots(todo, title):
            for name, denoise in denoisers.items():
                if shot.pair.name not in tables[name]:
                    tables[name][shot.pair.name] = score(clean, denoise(Photo(pixels=noisy)).pixels, noisy)
            _save(results, state)
        photos = state["sets"][title]["photos"]
        for name in [name for name in photos if any(name not in table for table in tables.values())]:
            del photos[name]
        if not photos:
            raise ValueError(f"No photo of {title} can be read.")
        if len(photos) < len(group):
            print(f"{title}: {len(group) - len(photos)} of {len(group)} photos were skipped", file=sys.stderr)
    _save(results, state)
    return state


def update_card(model: str, results: Evaluated, models: Path = registry.MODELS_DIR) -> None:
    """Write what `evaluate` returned into the card of the network that it was measured on.

    Raises:
        ValueError: If the results are of another file than the one now bundled, or do not know the network.
    """
    path = models / f"{model}.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    denoisers = results["denoisers"]
    version = denoisers[model]["version"] if model in denoisers else None
    if _version_of(registry.model_card(model, models), models) != version:
        raise ValueError(f"The results must be of {card['file']} as bundled. Received: version {version}")
    speed = results["speed"]
    measured: dict[str, Any] = {"protocol": results["protocol"]}
    measured |= {"seconds_per_tile": speed["seconds_per_tile"][model], "machine": speed["machine"]}
    rows = [name for name in ("noisy", "nlm", model, f"{model} best", f"{model} float32") if name in denoisers]
    for title, found in results["sets"].items():
        means = {name: denoisers[name]["means"].get(title) for name in rows}
        if means[model]:
            measured[title] = {"photos": len(found["photos"]), **{k: v for k, v in means.items() if v}}
    write_atomically(path, format_card({**card, "metrics": measured}))


def score(clean: Pixels, denoised: Pixels, noisy: Pixels) -> list[float | None]:
    """PSNR in dB (None for equal pictures: JSON has no infinity), SSIM and colour shift of uint8 photos."""
    psnr = metrics.psnr(clean, denoised)
    shift = np.abs(denoised.mean(axis=(0, 1)) - noisy.mean(axis=(0, 1))).max()
    return [
        round(psnr, 4) if math.isfinite(psnr) else None,
        round(metrics.ssim(clean, denoised), 6),
        round(float(shift), 4),
    ]


def mean_scores(scores: Sequence[Sequence[float | None]]) -> Mean:
    """Summarise what `score` returned: see `denoise.results.Mean`; `psnr` is `None` if all pictures are equal."""
    psnr, ssim, shift = ([value for value in column if value is not None] for column in zip(*scores, strict=True))
    return {
        "psnr": round(statistics.fmean(psnr), 3) if psnr else None,
        "equal": len(scores) - len(psnr),
        "ssim": round(statistics.fmean(ssim), 5),
        "colour_shift": max(shift),
    }


def keras_denoiser(network: keras.Model, multiple: float = 1.0) -> Denoiser:
    """Make a denoiser of one tile out of a Keras network, which may be told a multiple of the tile's noise level."""
    is_told = len(network.inputs) == 2

    def denoise_tile(tile: Image, tile_level: Level) -> Image:
        told = level.told(tile_level, multiple)
        denoised: Image = network.predict_on_batch([tile[None], told[None]] if is_told else tile[None])[0]
        return np.clip(denoised, 0.0, 1.0)

    return denoise_tile


def _version_of(card: registry.ModelCard, models: Path) -> str:
    """Tell of what a network's scores are: its file, and where it is told the level, all that is done with that."""
    if not card.told and not card.pair and not card.others:
        return card.sha256
    with_others = "".join(f" with {registry.model_card(name, models).sha256}" for name in card.others)
    return f"{card.sha256} told {card.told:g} pair {card.pair:g}{with_others} version {LEVEL}"


def _non_local_means_of_a_tile(tile: Image, tile_level: Level) -> Image:
    return to_float(pipeline.denoise_photo(Photo(pixels=to_pixels(tile, np.uint8)), "nlm").pixels)


def _load(path: Path) -> Evaluated:
    empty: Evaluated = {
        "kind": "evaluate",
        "protocol": PROTOCOL,
        "speed": {"machine": {}, "seconds_per_tile": {}},
        "sets": {},
        "denoisers": {},
    }
    if not path.exists():
        return empty
    try:
        state: Evaluated = json.loads(path.read_text(encoding="utf-8"))
        if state["kind"] != "evaluate":
            raise KeyError
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"The file of results must be one that `evaluate` wrote. Received: {path}") from None
    return state if state["protocol"] == PROTOCOL else empty  # measured in another way


def _save(path: Path, state: Evaluated) -> None:
    for denoiser in state["denoisers"].values():
        denoiser["means"] = {
            title: mean_scores(list(denoiser["scores"][title].values()))
            for title, found in state["sets"].items()
            if denoiser["scores"].get(title, {}).keys() == found["photos"].keys()
        }
    write_atomically(path, format_card(state))


def _drop_other_versions(state: Evaluated, facts: Mapping[str, Mapping[str, Any]], models: Path) -> None:
    """Forget denoisers that are not what they were when they were scored, and networks that are bundled no more."""
    known = {name: _version_of(card, models) for name, card in registry.list_models(models).items()}
    known |= {name: fact["version"] for name, fact in facts.items()}
    for name, denoiser in list(state["denoisers"].items()):
        bundled = name.removesuffix(" float32").removesuffix(" best")
        expected = known.get(name) or known.get(bundled)  # without its weights, a float network goes by the bundled one
        if expected is None or not denoiser["version"].startswith(expected):
            del state["denoisers"][name]


def _drop_other_photos(state: Evaluated, title: str, versions: dict[str, str]) -> None:
    """Forget the scores of photos that are not what they were, or belong to the set no more."""
    before = state["sets"].get(title, {"photos": {}})["photos"]
    same = {name for name, version in versions.items() if before.get(name) == version}
    for denoiser in state["denoisers"].values():
        scores = denoiser["scores"].get(title, {})
        denoiser["scores"][title] = {name: scores[name] for name in versions if name in same and name in scores}
    state["sets"][title] = {"photos": versions}


def _version(shot: Shot) -> str:
    """Digest of all that decides what the noisy photo and its reference are."""
    parts = [path.read_bytes() for path in shot.pair.files]
    if shot.iso is not None:
        parts.append(f"ISO {shot.iso} camera {CAMERA}".encode())
    return _digest(*parts)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]

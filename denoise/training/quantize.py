"""What quantisation does to a trained network: files of every kind, their size, quality, speed and memory.

Keras in float32 is the reference, in the same run: for quality on the same photos, for time on the same patches.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import keras
import numpy as np

from denoise import Denoiser, Image, Level
from denoise.files import write_atomically
from denoise.image import to_float, to_pixels
from denoise.level import GRAIN, estimate_level
from denoise.registry import ModelCard
from denoise.results import KERAS, Format, FormatMean, Quantised
from denoise.runtime import ModelError, Network
from denoise.tiling import TILE_SIZE, denoise_tiled
from denoise.training.benchmark import compare, failure, machine
from denoise.training.data import random_photograph, random_view
from denoise.training.datasets import Pair, read_pair
from denoise.training.evaluate import (
    PROTOCOL,
    SYNTHETIC_ISO,
    Shot,
    keras_denoiser,
    mean_scores,
    read_shots,
    score,
    shots,
)
from denoise.training.export import DESCRIPTIONS, QUANTISATIONS, convert, format_card, load_network
from denoise.training.progress import with_progress

CALIBRATION_PATCHES = 64
_CLEAN_EVERY = 8  # of the calibration patches, one without noise


def quantize(
    card: ModelCard,
    weights: Path,
    calibration: Sequence[Pair],
    sets: Mapping[str, Sequence[Pair]],
    out: Path,
    *,
    iso: Sequence[int] = SYNTHETIC_ISO,
) -> Quantised:
    """Make files of every quantisation of a trained network and measure them with the runtime that ships.

    Args:
        card: Card of the network: its name, its architecture, and what it is told.
        weights: Its .weights.h5 file.
        calibration: Pairs whose clean photos calibrate full int8; none of them should be measured on.
        sets: Pairs, or clean photos, to measure on, by name (see `denoise.training.evaluate.shots`).
        out: Folder for `NAME.QUANTISATION.tflite` and `NAME.json`, the results, which are returned.
        iso: ISO speeds at which clean photos are taken again.

    Raises:
        FileNotFoundError: If there is no such file of weights.
        denoise.image.PhotoError: If a calibration photo cannot be read.
        ValueError: If the weights are those of another network, a set is empty or cannot be read, or a calibration
            photo is too small.
    """
    name, network = card.name, load_network(weights, card.architecture)
    groups = shots(sets, iso)
    tiles = list(calibration_patches(calibration, CALIBRATION_PATCHES))
    formats: dict[str, Format] = {KERAS: {"bytes": _bytes_in_float32(network)}}
    denoisers: dict[str, Denoiser] = {KERAS: keras_denoiser(network, card.told)}
    files: dict[str, Path] = {}
    for quantisation in with_progress(QUANTISATIONS, f"{name}, conversion"):
        file = out / f"{name}.{quantisation.replace(' ', '-')}.tflite"
        try:
            content = convert(network, quantisation, tiles)
            write_atomically(file, content)
            if reason := failure(file):
                raise ModelError(reason)
            denoisers[quantisation] = Network(file, multiple=card.told)
        except OSError:
            raise
        except Exception as error:  # the converter raises many kinds; a format that fails is a result too
            file.unlink(missing_ok=True)
            formats[quantisation] = {"error": _sentence(error.__cause__ or error)}
            continue
        files[quantisation] = file
        sha256 = hashlib.sha256(content).hexdigest()
        formats[quantisation] = {"file": file.name, "bytes": len(content), "sha256": sha256}

    photos = {}
    for title, group in groups.items():
        photos[title], qualities = _quality(group, denoisers, f"{name}, {title}", is_told=len(network.inputs) == 2)
        for key, quality in qualities.items():
            formats[key].setdefault("sets", {})[title] = quality
    denoisers.clear()  # their memory is not to disturb the measurements
    measured_on = machine()
    for key, cost in compare(card.architecture, files).items():
        formats[key] |= cast(Format, cost)
    results: Quantised = {
        "kind": "quantize",
        "protocol": PROTOCOL,
        "machine": measured_on,
        "name": name,
        "title": DESCRIPTIONS[network.name].title,
        "architecture": card.architecture,
        "parameters": network.count_params(),
        "calibration": {"photos": len(calibration), "patches": CALIBRATION_PATCHES},
        "sets": {title: {"photos": count} for title, count in photos.items()},
        "formats": formats,
    }
    write_atomically(out / f"{name}.json", format_card(results))
    return results


def calibration_patches(pairs: Sequence[Pair], count: int) -> Iterator[tuple[Image, Level]]:
    """Cut patches from clean photos of pairs and photograph them again by random cameras, one in eight without noise.

    Yields:
        Noisy patches of a tile's size, and their noise levels.

    Raises:
        ValueError: If there are no photos, or one is smaller than a tile.
    """
    if not pairs:
        raise ValueError("The calibration of full int8 needs clean photos. Received: none")
    rng = np.random.default_rng(0)
    for index in range(count):
        pair = pairs[int(rng.integers(len(pairs)))]
        _, clean = read_pair(pair)
        if min(clean.shape[:2]) < TILE_SIZE:
            raise ValueError(
                f"Photos for the calibration must be at least {TILE_SIZE} pixels high and wide. "
                f"Received: {pair.name}, {clean.shape[1]}×{clean.shape[0]}"
            )
        if index % _CLEAN_EVERY == 0:
            noisy = target = to_float(random_view(clean, TILE_SIZE, rng))
        else:
            noisy, target = random_photograph(clean, TILE_SIZE, rng)
        level = np.sqrt(np.square(noisy - target).mean())
        yield noisy.astype(np.float32), np.full((TILE_SIZE, TILE_SIZE, 1), level, np.float32)


def _quality(
    group: Sequence[Shot], denoisers: Mapping[str, Denoiser], title: str, *, is_told: bool
) -> tuple[int, dict[str, FormatMean]]:
    """How many photos of a set could be read; PSNR and SSIM of every denoiser, and what it loses against the first."""
    scores: dict[str, list[list[float | None]]] = {key: [] for key in denoisers}
    differences: dict[str, list[float]] = {key: [] for key in denoisers}
    for _, noisy, clean in read_shots(group, title):
        reference, level = None, estimate_level(noisy, denoisers[KERAS], grain=GRAIN) if is_told else 0.0
        for key, denoiser in denoisers.items():
            denoised = denoise_tiled(to_float(noisy), denoiser, tile_size=TILE_SIZE, level=level)
            reference = denoised if reference is None else reference
            scores[key].append(score(clean, to_pixels(denoised, np.uint8), noisy))
            differences[key].append(_psnr(reference, denoised))
    if not scores[KERAS]:
        raise ValueError(f"No photo of {title} can be read.")
    means = {key: mean_scores(found) for key, found in scores.items()}
    best = means[KERAS]["psnr"]
    return len(scores[KERAS]), {
        key: {
            **mean,
            "loss": None if best is None or mean["psnr"] is None else round(best - mean["psnr"], 3),
            "difference": _finite(float(np.mean(differences[key]))),
        }
        for key, mean in means.items()
    }


def _psnr(first: Image, second: Image) -> float:
    """PSNR between two float pictures, in dB: 8-bit ones would hide differences below half a level."""
    error = float(np.mean(np.square(first - second, dtype=np.float64)))
    return -10 * math.log10(error) if error else math.inf


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def _bytes_in_float32(network: keras.Model) -> int:
    """Measure a file of the weights; the one that they came from may hold them in half of the bits."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.weights.h5"
        network.save_weights(file)
        return file.stat().st_size


def _sentence(error: BaseException) -> str:
    """The first line of an error that says something, cut to a table's cell."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."

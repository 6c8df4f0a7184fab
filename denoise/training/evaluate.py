"""Measure denoisers on pairs of noisy and clean photos, whole pipeline with tiles, 8-bit output."""

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from denoise import Denoiser, Image, metrics, pipeline, registry
from denoise.files import write_atomically
from denoise.image import Photo
from denoise.training.data import load_pairs
from denoise.training.export import format_card, load_network

PROTOCOL = (
    "Mean over the photos of PSNR and SSIM on 8-bit RGB (scikit-image, data_range 255, channel_axis 2, otherwise "
    "defaults); whole photos, overlapping 256x256 tiles, output rounded to 8 bit."
)

Scores = dict[str, float | None]


def evaluate(
    sets: Mapping[str, Path], model: str, weights: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Score the noisy photos, non-local means and a bundled network on each set.

    Args:
        sets: Folders by the name to report them under; each holds `noisy/` and `clean/`, or clean photos alone, which
            then should come back unchanged.
        model: Name of a bundled network.
        weights: Its float weights; given, the float network is scored too.
        report: Called with each line of the table as soon as it is known.

    Returns:
        `protocol`, `sha256` of the network's file, and under `sets` for each set the number of `photos` and the mean
        `psnr` (dB; null where pictures are equal) and `ssim` of each denoiser.

    Raises:
        FileNotFoundError: If a folder holds no pairs.
        denoise.runtime.ModelError: If the network is not bundled.
    """
    card = registry.model_card(model)
    denoisers: dict[str, Callable[[Photo], Photo]] = {
        "noisy": lambda photo: photo,
        "nlm": lambda photo: pipeline.denoise_photo(photo, "nlm"),
        model: lambda photo: pipeline.denoise_photo(photo, model),
    }
    if weights is not None:
        float_denoiser = keras_denoiser(load_network(weights, card.architecture))
        denoisers[f"{model} float32"] = lambda photo: pipeline.denoise_photo(photo, float_denoiser)
    results: dict[str, Any] = {"protocol": PROTOCOL, "model": model, "sha256": card.sha256, "sets": {}}
    report(f"{'set':10} {'photos':>6}  {'denoiser':18} {'PSNR dB':>8} {'SSIM':>7}")
    for name, folder in sets.items():
        pairs = load_pairs(folder)
        rows = {key: _score(denoiser, pairs) for key, denoiser in denoisers.items()}
        for key, row in rows.items():
            psnr = "   equal" if row["psnr"] is None else f"{row['psnr']:8.2f}"
            report(f"{name:10} {len(pairs):6}  {key:18} {psnr} {row['ssim']:7.4f}")
        results["sets"][name] = {"photos": len(pairs), **rows}
    return results


def update_card(model: str, results: Mapping[str, Any], models: Path = registry.MODELS_DIR) -> None:
    """Write measured results into the card of the network that they were measured on.

    Args:
        model: Name of a bundled network.
        results: What `evaluate` returned.
        models: Folder of the cards.

    Raises:
        ValueError: If the results are of another file than the one now bundled.
    """
    path = models / f"{model}.json"
    card = json.loads(path.read_text())
    if card["sha256"] != results["sha256"]:
        raise ValueError(f"The results must be of {card['file']} as bundled. Received: sha256 {results['sha256']}")
    measured = {**card["metrics"], "protocol": results["protocol"], **results["sets"]}
    write_atomically(path, format_card({**card, "metrics": measured}))


def _score(denoiser: Callable[[Photo], Photo], pairs: Mapping[str, tuple[Photo, Photo]]) -> Scores:
    scores = []
    for noisy, clean in pairs.values():
        pixels = denoiser(noisy).pixels
        scores.append((metrics.psnr(clean.pixels, pixels), metrics.ssim(clean.pixels, pixels)))
    psnr, ssim = (statistics.fmean(column) for column in zip(*scores, strict=True))
    return {"psnr": round(psnr, 3) if np.isfinite(psnr) else None, "ssim": round(ssim, 5)}


def keras_denoiser(network: keras.Model) -> Denoiser:
    """Make a denoiser of one tile out of a Keras network."""

    def denoise_tile(tile: Image) -> Image:
        denoised: Image = network.predict_on_batch(tile[None])[0]
        return np.clip(denoised, 0.0, 1.0)

    return denoise_tile

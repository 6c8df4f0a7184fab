"""Tiles leave no seams: held against the same network on the whole photo at once, which only Keras can run."""

import itertools
import json

import keras
import numpy as np
import pytest

from denoise.image import Photo, Pixels, crop, decode
from denoise.pipeline import denoise_photo
from denoise.registry import MODELS_DIR, load_model
from denoise.tiling import OVERLAP, TILE_SIZE, tile_offsets
from denoise.training.architectures import build

SAMPLES = MODELS_DIR.parent / "samples"


def border_gradient(noisy: Pixels, denoised: Pixels) -> float:
    """Mean gradient of what was removed across the tiles' borders, over the mean gradient elsewhere.

    Borders are the first and the last line that neighbouring tiles share. A sample has few of them, so even without
    tiles this differs from 1 by what lies under them: by up to 6 %.
    """
    removed = denoised.astype(float) - noisy
    at_borders, elsewhere = [], []
    for axis in (0, 1):
        gradient = np.abs(np.diff(removed, axis=axis)).mean(axis=(1 - axis, 2))
        offsets = tile_offsets(noisy.shape[axis], TILE_SIZE, OVERLAP)
        borders = {line for before, start in itertools.pairwise(offsets) for line in (start, before + TILE_SIZE)}
        is_border = np.isin(np.arange(len(gradient)) + 1, list(borders))
        at_borders.append(gradient[is_border])
        elsewhere.append(gradient[~is_border])
    return float(np.concatenate(at_borders).mean() / np.concatenate(elsewhere).mean())


def seam_score(noisy: Pixels, denoised: Pixels, untiled: Pixels) -> float:
    """`border_gradient` of the tiled result, relative to that of the untiled one on the same lines: 1 without seams."""
    return border_gradient(noisy, denoised) / border_gradient(noisy, untiled)


@pytest.mark.parametrize("name", ["chelsea", "hubble_deep_field"])  # fur; black
@pytest.mark.parametrize(
    ("model", "level"), [("unet", None), ("ffdnet", 0.02), pytest.param("ridnet", None, marks=pytest.mark.long)]
)
def test_networks_leave_no_seams(name: str, model: str, level: float | None) -> None:
    keras.mixed_precision.set_global_policy("float32")
    card = json.loads((MODELS_DIR / f"{model}.json").read_text())
    network = build(model, **card["architecture"]["arguments"])
    network.load_weights(MODELS_DIR / f"{model}.weights.h5")
    (entry,) = (entry for entry in json.loads((SAMPLES / "samples.json").read_text()) if entry["name"] == name)
    noisy, _ = crop(
        decode((SAMPLES / entry["noisy"]).read_bytes()), 480
    )  # four tiles, as little overlap as there can be
    denoised = denoise_photo(noisy, load_model(model), level=level).pixels  # one run
    untiled = _untiled(noisy, network, None if level is None else level * card["told"])
    assert seam_score(noisy.pixels, denoised, untiled) == pytest.approx(1, abs=0.05)


def test_seam_score_sees_a_step_of_brightness() -> None:
    rng = np.random.default_rng(0)
    noisy = np.full((512, 512, 3), 128, np.uint8)
    untiled = np.round(rng.normal(128, 4, noisy.shape)).astype(np.uint8)
    stepped = untiled.copy()
    for start in tile_offsets(512, TILE_SIZE, OVERLAP)[1:]:  # where tiles that are not blended would begin
        stepped[start:] += 6
        stepped[:, start:] += 6
    assert seam_score(noisy, untiled, untiled) == 1
    assert seam_score(noisy, stepped, untiled) > 1.05


def _untiled(noisy: Photo, network: keras.Model, level: float | None) -> Pixels:
    picture = noisy.pixels[None] / np.float32(255)
    seen = picture if level is None else [picture, np.full_like(picture[..., :1], level)]
    denoised = np.asarray(network(seen))[0]  # eagerly: every sample has another size
    if noisy.grey:
        denoised = denoised.mean(axis=2, keepdims=True) * np.ones(3)
    return np.clip(np.rint(denoised * 255), 0, 255).astype(np.uint8)

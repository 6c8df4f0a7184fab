"""What the bundled network does to the bundled samples: a worse one cannot land unnoticed."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from denoise import metrics
from denoise.image import Photo, Pixels, decode
from denoise.pipeline import denoise_photo, load_network
from denoise.tiling import denoise_tiled, tile_offsets

SAMPLES = Path(__file__).parents[1] / "samples"
ENTRIES = json.loads((SAMPLES / "samples.json").read_text())
OVERLAP = 64


@pytest.fixture(scope="module", params=ENTRIES, ids=[entry["name"] for entry in ENTRIES])
def sample(request: pytest.FixtureRequest) -> tuple[Photo, Photo, Photo]:
    """Noisy, clean and denoised."""
    noisy, clean = (decode((SAMPLES / request.param[kind]).read_bytes()) for kind in ("noisy", "clean"))
    return noisy, clean, denoise_photo(noisy)


def test_ridnet_raises_psnr_and_ssim(sample: tuple[Photo, Photo, Photo]) -> None:
    noisy, clean, denoised = (photo.pixels for photo in sample)
    assert metrics.psnr(clean, denoised) > metrics.psnr(clean, noisy) + 2
    assert metrics.ssim(clean, denoised) > metrics.ssim(clean, noisy) + 0.05


def seam_score(noisy: Pixels, denoised: Pixels, overlap: int = OVERLAP) -> float:
    """Mean gradient of what was removed across the tiles' borders, over the mean gradient near them.

    Borders are the first and last line that neighbouring tiles share, and the middle between them; near means within 16
    lines, because a photo's noise changes with its brightness.
    """
    removed = denoised.astype(float) - noisy
    at_borders, nearby = [], []
    for axis in (0, 1):
        gradient = np.abs(np.diff(removed, axis=axis)).mean(axis=(1 - axis, 2))
        offsets = tile_offsets(noisy.shape[axis], 256, overlap)
        pairs = [(start, before + 256) for before, start in itertools.pairwise(offsets)]
        borders = {line for start, end in pairs for line in (start, (start + end) // 2, end)}
        lines = np.arange(len(gradient)) + 1
        for border in borders:
            at_borders.append(gradient[border - 1])
            near = (np.abs(lines - border) <= 16) & ~np.isin(lines, list(borders))
            nearby.append(gradient[near].mean())
    return float(np.mean(at_borders) / np.mean(nearby))


def test_ridnet_leaves_no_seams(sample: tuple[Photo, Photo, Photo]) -> None:
    noisy, _, denoised = sample
    assert seam_score(noisy.pixels, denoised.pixels) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("step", [0, 6], ids=["no seam", "a seam"])
def test_seam_score_sees_a_step_of_brightness(step: int) -> None:
    noisy = np.full((512, 512, 3), 128, np.uint8)
    denoised = np.round(np.random.default_rng(0).normal(128, 4, noisy.shape)).astype(np.uint8)
    for start in tile_offsets(512, 256, OVERLAP)[1:]:  # where tiles that are not blended would begin
        denoised[start:] += step
        denoised[:, start:] += step
    found = seam_score(noisy, denoised)
    assert (found > 1.05) == bool(step), found


def test_ridnet_does_not_depend_on_where_tiles_lie(sample: tuple[Photo, Photo, Photo]) -> None:
    noisy, _, denoised = sample
    half_stride = (256 - OVERLAP) // 2
    padding = ((half_stride, 0), (half_stride, 0), (0, 0))
    shifted = denoise_tiled(np.pad(noisy.pixels, padding, mode="reflect"), load_network("ridnet"), overlap=OVERLAP)
    inside = shifted[half_stride:, half_stride:]
    if noisy.grey:
        inside = np.round(inside.mean(axis=2, keepdims=True) * np.ones(3)).astype(np.uint8)
    border = 32  # the shifted photo has reflected pixels where the other ends
    middle = (slice(border, -border), slice(border, -border))
    assert metrics.psnr(denoised.pixels[middle], inside[middle]) >= 45

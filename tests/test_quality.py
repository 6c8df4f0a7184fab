"""What the bundled networks do to the middle of the bundled samples: a worse one cannot land unnoticed."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from denoise import metrics
from denoise.camera import photograph
from denoise.catalogue import DEFAULT, denoiser_names
from denoise.image import Photo, crop, decode
from denoise.light import keep_light
from denoise.pipeline import denoise_photo
from denoise.presets import presets
from denoise.registry import load_model
from denoise.tiling import OVERLAP, denoise_tiled

SAMPLES = Path(__file__).parents[1] / "samples"
ENTRIES = json.loads((SAMPLES / "samples.json").read_text())


@cache
def middle(file: str) -> Photo:
    """Decode one tile of a sample."""
    return crop(decode((SAMPLES / file).read_bytes()), 256)[0]


@cache
def denoise_noisy(file: str, model: str) -> Photo:
    return denoise_photo(middle(file), model)


@pytest.fixture(scope="module", params=ENTRIES, ids=[entry["name"] for entry in ENTRIES])
def sample(request: pytest.FixtureRequest) -> tuple[Photo, Photo, Photo]:
    """Noisy, clean and denoised."""
    noisy, clean = (middle(request.param[kind]) for kind in ("noisy", "clean"))
    return noisy, clean, denoise_noisy(request.param["noisy"], DEFAULT)


def test_ridnet_raises_psnr_and_ssim(sample: tuple[Photo, Photo, Photo]) -> None:
    noisy, clean, denoised = (photo.pixels for photo in sample)
    assert metrics.psnr(clean, denoised) > metrics.psnr(clean, noisy) + 1.9
    assert metrics.ssim(clean, denoised) > metrics.ssim(clean, noisy) + 0.05


@pytest.mark.parametrize("name", ["ridnet", "unet"])
@pytest.mark.parametrize(("sigma", "gain"), [(4, 3.7), (12, 7.3), (25, 9.3)])
def test_white_noise_goes_wherever_it_is_even_in_texture(name: str, sigma: float, gain: float) -> None:
    gains = []
    for entry in ENTRIES[:3]:
        clean = middle(entry["clean"]).pixels
        grain = np.random.default_rng(0).normal(0, sigma, clean.shape)
        noisy = np.rint((clean + grain).clip(0, 255)).astype(np.uint8)
        denoised = denoise_photo(Photo(noisy), name).pixels
        gains.append(metrics.psnr(clean, denoised) - metrics.psnr(clean, noisy))
    assert np.mean(gains) > gain, gains


@pytest.mark.parametrize(("name", "least", "every"), [("ridnet", 41.5, 3), ("unet", 41.5, 1)])
def test_networks_leave_clean_photos_alone(name: str, least: float, every: int) -> None:
    for entry in ENTRIES[::every]:
        clean = middle(entry["clean"])
        denoised = denoise_photo(clean, name)
        assert metrics.psnr(clean.pixels, denoised.pixels) > least, entry["name"]
        shift = np.abs(denoised.pixels.mean(axis=(0, 1)) - clean.pixels.mean(axis=(0, 1)))
        assert shift.max() < 0.5, entry["name"]  # levels of 0 to 255: no colour cast


@pytest.mark.parametrize(
    ("name", "gain"),
    [("ridnet", 4.0), ("unet", 3.8), ("unet-strong", 3.4), ("autoencoder", 0.5), ("cbdnet", 2.1), ("pridnet", 1.1)],
)
def test_networks_raise_psnr_of_every_sample(name: str, gain: float) -> None:
    gains = []
    for entry in ENTRIES:
        noisy, clean = (middle(entry[kind]) for kind in ("noisy", "clean"))
        denoised = denoise_noisy(entry["noisy"], name)
        gains.append(metrics.psnr(clean.pixels, denoised.pixels) - metrics.psnr(clean.pixels, noisy.pixels))
    assert min(gains) > 0, gains
    assert np.mean(gains) > gain, gains


@pytest.mark.parametrize(("sigma", "gain"), [(12, 4.0), (25, 6.5)])
def test_network_for_strong_noise_takes_white_noise(sigma: float, gain: float) -> None:
    clean = middle("chelsea.clean.png")
    noise = np.random.default_rng(0).normal(0, sigma, clean.pixels.shape)
    noisy = replace(clean, pixels=np.rint(clean.pixels + noise).clip(0, 255).astype(np.uint8))
    noise_left = metrics.psnr(clean.pixels, denoise_photo(noisy, "unet-strong").pixels)
    assert noise_left > metrics.psnr(clean.pixels, noisy.pixels) + gain
    left = [
        denoise_photo(noisy, "unet-strong", level=level / 255).pixels.std() for level in (0.3 * sigma, sigma, 2 * sigma)
    ]
    assert left == sorted(left, reverse=True)  # it listens: told of more, it removes more


def test_network_for_strong_noise_takes_hot_pixels() -> None:
    rng = np.random.default_rng(0)
    scene = np.rint(middle("astronaut.clean.png").pixels * 0.25).astype(np.uint8)
    is_hot = rng.random(scene.shape) < 0.02
    hot = np.where(is_hot, np.maximum(scene, rng.integers(90, 255, scene.shape)), scene).astype(np.uint8)
    denoised = denoise_photo(Photo(hot, format="PNG"), "unet-strong").pixels
    left, there = (float((picture[is_hot] - scene[is_hot].astype(float)).mean()) for picture in (denoised, hot))
    assert left < 0.1 * there


def test_fast_network_takes_what_a_camera_has_left_of_its_grain() -> None:
    """Grain of 4 levels that was smoothed over two pixels: with its partner it takes twice as much."""
    clean = middle("chelsea.clean.png")
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 12, clean.pixels.shape), (0, 0), 0.9)
    noisy = replace(clean, pixels=np.rint(clean.pixels + grain).clip(0, 255).astype(np.uint8))
    alone = denoiser_names()["unet"]._replace(partner="")
    pictures = [noisy, denoise_photo(noisy, load_model("unet"), info=alone), denoise_photo(noisy, "unet")]
    before, by_itself, together = (metrics.psnr(clean.pixels, picture.pixels) for picture in pictures)
    assert together > before + 0.5
    assert together > by_itself + 0.15


@pytest.mark.parametrize(("name", "model"), [("chelsea", "ridnet"), ("camera", "unet")])  # fur; black and white
def test_network_does_not_depend_on_where_tiles_lie(name: str, model: str) -> None:
    noisy, _ = crop(decode((SAMPLES / f"{name}.noisy.png").read_bytes()), 352)
    noisy = replace(noisy, pixels=noisy.pixels[:256])  # two tiles, and two others
    network = load_model(model)
    denoised = denoise_photo(noisy, network, level=0.0)  # one run: what is added of noise depends on the place
    half_stride = (256 - OVERLAP) // 2
    padding = ((0, 0), (half_stride, 0), (0, 0))
    shifted = denoise_tiled(np.pad(noisy.pixels, padding, mode="reflect"), keep_light(network), overlap=OVERLAP)
    inside = shifted[:, half_stride:]
    if noisy.grey:
        inside = np.round(inside.mean(axis=2, keepdims=True) * np.ones(3)).astype(np.uint8)
    border = 32  # the shifted photo has reflected pixels where the other ends
    middle = (slice(border, -border), slice(border, -border))
    assert metrics.psnr(denoised.pixels[middle], inside[middle]) >= 45


def test_network_of_the_preset_for_text_keeps_letters_better_than_the_fast_one() -> None:
    page = np.full((256, 256, 3), 235, np.uint8)
    for row in range(16, 256, 16):
        cv2.putText(page, "Small letters keep their shape 123", (4, row), cv2.FONT_HERSHEY_PLAIN, 0.8, (40, 38, 45))
    noisy, clean = photograph(page, 1600, seed=1)
    own, fast = (denoise_photo(Photo(noisy), model).pixels for model in (presets()["text"].model, "unet"))
    assert metrics.psnr(clean, own) > metrics.psnr(clean, fast) + 0.4

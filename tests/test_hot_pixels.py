import numpy as np
import pytest

from denoise import hot_pixels
from denoise.clean import mended
from denoise.hot_pixels import remove_hot_pixels
from denoise.image import Pixels, decode
from denoise.registry import MODELS_DIR

SAMPLES = MODELS_DIR.parent / "samples"


def dark(name: str) -> Pixels:
    """A scene of a quarter of its light."""
    return np.rint(decode((SAMPLES / f"{name}.clean.png").read_bytes()).pixels * 0.25).astype(np.uint8)


def with_hot_pixels(scene: Pixels, share: float = 0.02) -> tuple[Pixels, np.ndarray]:
    rng = np.random.default_rng(0)
    is_hot = rng.random(scene.shape) < share
    light = rng.integers(90, 255, scene.shape) * (np.iinfo(scene.dtype).max // 255)
    return np.where(is_hot, np.maximum(scene, light), scene).astype(scene.dtype), is_hot


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("share", [0.02, 0.001])
def test_hot_pixels_go_and_nothing_else_does(dtype, share):
    scene = dark("astronaut").astype(dtype) * (257 if dtype is np.uint16 else 1)
    hot, is_hot = with_hot_pixels(scene, share)
    found = mended(hot)
    left, there = (float((each[is_hot] - scene[is_hot].astype(float)).mean()) for each in (found, hot))
    assert left < 0.07 * there
    changed = found != hot
    assert not (changed & ~is_hot).any()


def test_bands_of_a_photo_have_no_seams(monkeypatch):
    scene = np.tile(dark("astronaut"), (3, 2, 1))[:1300, :700]
    hot, _ = with_hot_pixels(scene)
    found = remove_hot_pixels(hot)
    monkeypatch.setattr(hot_pixels, "_ROWS", len(scene))
    np.testing.assert_array_equal(found, remove_hot_pixels(hot))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "camera"])
def test_photo_without_hot_pixels_is_the_same(name):
    for kind in ("clean", "noisy"):
        pixels = decode((SAMPLES / f"{name}.{kind}.png").read_bytes()).pixels
        assert remove_hot_pixels(pixels) is pixels


def test_stars_stay():
    """White, yellow and blue ones, as wide as a lens draws them, beside hot pixels."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    sky = np.full((256, 256, 3), 12.0)
    for _ in range(60):
        across, down = rng.uniform(8, 248, 2)
        star = np.exp(-((x - across) ** 2 + (y - down) ** 2) / (2 * rng.uniform(0.7, 1.2) ** 2))
        sky += star[..., None] * rng.uniform(20, 200) * np.array([1, rng.uniform(0.8, 1), rng.uniform(0.6, 1)])
    scene = np.rint(sky + rng.normal(0, 2, sky.shape)).clip(0, 255).astype(np.uint8)
    hot, is_hot = with_hot_pixels(scene, 0.002)
    found = remove_hot_pixels(hot)
    assert not ((found != hot) & ~is_hot).any()
    assert (
        np.abs(found[is_hot].astype(float) - scene[is_hot]).mean()
        < 0.1 * np.abs(hot[is_hot].astype(float) - scene[is_hot]).mean()
    )

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from denoise import camera


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """Four smooth and detailed patches, (4, 96, 96, 3)."""
    photo = skimage.data.astronaut()
    corners = [(0, 0), (100, 200), (300, 100), (400, 400)]
    return np.stack([photo[y : y + 96, x : x + 96] for y, x in corners]) / np.float32(255)


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def cameras(count: int, **changes: float) -> dict[str, np.ndarray]:
    parameters = camera.sample_parameters(np.random.default_rng(5), count)
    for name, value in {"monochrome": 0, **changes}.items():
        parameters[name] = np.full(count, value, np.float32)
    return parameters


def lag_1_correlation(noise: np.ndarray) -> np.ndarray:
    """Per channel, along rows."""
    return np.mean(noise[:, :, 1:] * noise[:, :, :-1], axis=(0, 1, 2)) / np.mean(noise**2, axis=(0, 1, 2))


NO_NOISE = {"shot": 0, "read": 0, "jpeg": 0}
UNFILTERED = {"luma_smoothing": 0, "chroma_smoothing": 0, "luma_reduction": 0, "chroma_reduction": 0}
PLAIN = {"mosaic": 0, **UNFILTERED}


def test_simulate_without_noise_returns_the_photo(clean: np.ndarray) -> None:
    noisy, target = camera.simulate(clean, cameras(4, **NO_NOISE, **PLAIN), normal(clean.shape))
    assert np.abs(target - clean).max() < 2e-3
    assert np.abs(noisy - target).max() <= 0.5 / 255 + 1e-5  # rounded to 8 bit, nothing else


def test_simulate_without_noise_keeps_what_the_camera_renders(clean: np.ndarray) -> None:
    noisy, target = camera.simulate(clean, cameras(4, **NO_NOISE), normal(clean.shape))
    assert np.abs(noisy - target).max() <= 0.5 / 255 + 1e-5


def test_simulate_is_stronger_in_brighter_raw() -> None:
    levels = np.linspace(0.1, 0.8, 4, dtype=np.float32)
    clean = np.ones((4, 96, 96, 3), np.float32) * levels[:, None, None, None]
    parameters = cameras(4, shot=1e-3, read=0, gamma=1, toe=1, contrast=1, jpeg=0, exposure=1, **PLAIN)
    parameters["white_balance"][:] = 1
    parameters["to_camera"][:] = parameters["from_camera"][:] = np.eye(3)
    noisy, target = camera.simulate(clean, parameters, normal(clean.shape))
    # A toe of 1 with a gamma of 1 is a straight line: the noise's variance is shot · signal, plus that of rounding.
    variance = np.var(noisy - target, axis=(1, 2, 3))
    np.testing.assert_allclose(variance, 1e-3 * levels + 1 / 255**2 / 12, rtol=0.05)


def test_simulate_correlates_neighbours_like_a_camera() -> None:
    flat = np.full((4, 96, 96, 3), 0.4, np.float32)
    without_smoothing = {**UNFILTERED, "jpeg": 0, "shot": 5e-3, "read": 1e-5}
    demosaiced, target = camera.simulate(flat, cameras(4, mosaic=1, **without_smoothing), normal(flat.shape))
    lag = lag_1_correlation(demosaiced - target)
    assert (lag > 0.25).all(), lag  # phones at native resolution: 0.49 / 0.33 / 0.49
    assert (lag < 0.7).all(), lag
    white, target = camera.simulate(flat, cameras(4, mosaic=0, **without_smoothing), normal(flat.shape))
    assert np.abs(lag_1_correlation(white - target)).max() < 0.05


def test_simulate_reduces_noise_to_coarse_grey_grain_and_leaves_the_picture(clean: np.ndarray) -> None:
    settings = {**UNFILTERED, "mosaic": 1, "jpeg": 0, "shot": 2e-3, "read": 1e-5}
    plain, target = camera.simulate(clean, cameras(4, **settings), normal(clean.shape))
    settings.update(luma_reduction=0.2, chroma_reduction=0.3)
    reduced, same_target = camera.simulate(clean, cameras(4, **settings), normal(clean.shape))
    np.testing.assert_array_equal(same_target, target)
    assert (lag_1_correlation(reduced - target) > lag_1_correlation(plain - target) + 0.15).all()

    def colour(noise: np.ndarray) -> float:
        return float(np.std(noise - noise.mean(axis=-1, keepdims=True)))

    assert colour(reduced - target) < 0.5 * colour(plain - target)


def test_simulate_spans_strong_and_weak_noise(clean: np.ndarray) -> None:
    many = np.repeat(clean, 16, axis=0)
    noisy, target = camera.simulate(many, camera.sample_parameters(np.random.default_rng(1), 64), normal(many.shape))
    psnr = -10 * np.log10(np.mean((noisy - target) ** 2, axis=(1, 2, 3)))
    assert psnr.min() < 24 < 30 < np.median(psnr) < 40 < 42 < psnr.max()


def test_simulate_in_black_and_white_has_no_colour(clean: np.ndarray) -> None:
    noisy, target = camera.simulate(clean, cameras(4, monochrome=1), normal(clean.shape))
    assert np.ptp(target, axis=-1).max() < 1e-3
    assert np.ptp(noisy, axis=-1).max() <= 1.01 / 255  # rounding after JPEG
    assert np.abs(noisy - target).max() > 0.05


def test_iso_parameters_get_noisier_with_iso(clean: np.ndarray) -> None:
    def error(iso: float) -> float:
        noisy, target = camera.simulate(clean[:1], camera.iso_parameters(iso), normal((1, 96, 96, 3)))
        return float(np.mean((noisy - target) ** 2))

    errors = [error(iso) for iso in (100, 400, 1600, 6400)]
    assert errors == sorted(errors)
    assert errors[-1] > 10 * errors[0]


@pytest.mark.parametrize("subsampling", [0, 2], ids=["4:4:4", "4:2:0"])
@pytest.mark.parametrize("quality", [60, 85, 95])
def test_jpeg_agrees_with_libjpeg(clean: np.ndarray, quality: int, subsampling: int) -> None:
    original = np.round(clean[1] * 255).astype(np.uint8)
    file = io.BytesIO()
    PillowImage.fromarray(original).save(file, "JPEG", quality=quality, subsampling=subsampling)
    theirs = np.asarray(PillowImage.open(file), np.float64)
    switches = (np.full((1, 1, 1, 1), value, np.float32) for value in (quality, subsampling / 2))
    ours = camera.jpeg(original[None] / np.float32(255), *switches)[0] * 255.0
    loss, difference = np.mean((theirs - original) ** 2), np.mean((theirs - ours) ** 2)
    assert np.mean((ours - original) ** 2) == pytest.approx(loss, rel=0.1)
    assert difference < 0.3 * loss


def test_simulate_is_the_same_in_training(clean: np.ndarray) -> None:
    ops = pytest.importorskip("keras").ops
    parameters = camera.sample_parameters(np.random.default_rng(2), 4)
    here = camera.simulate(clean, parameters, normal(clean.shape))
    tensors = {name: ops.convert_to_tensor(value) for name, value in parameters.items()}
    there = camera.simulate(ops.convert_to_tensor(clean), tensors, ops.convert_to_tensor(normal(clean.shape)), ops)
    np.testing.assert_allclose(np.asarray(there[1]), here[1], atol=1e-4)
    # Rounding to 8 bit and JPEG's quantiser may fall to the other side for a few pixels.
    assert np.mean(np.abs(np.asarray(there[0]) - here[0]) > 1e-4) < 0.01

import io

import cv2
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
    others = dict.fromkeys(("monochrome", "banding", "columns", "hot_raw", "hot", "white"), 0)
    for name, value in {"light": 1, **others, **changes}.items():
        parameters[name] = np.full(count, value, np.float32)
    return parameters


def lag_1_correlation(noise: np.ndarray) -> np.ndarray:
    """Per channel, along rows."""
    return np.mean(noise[:, :, 1:] * noise[:, :, :-1], axis=(0, 1, 2)) / np.mean(noise**2, axis=(0, 1, 2))


NO_NOISE = {"shot": 0, "read": 0, "jpeg": 0}
REDUCTION = ("luma_reduction", "luma_reduction_far", "chroma_reduction")
UNFILTERED = {"luma_smoothing": 0, "chroma_smoothing": 0, "chroma_kept": 1, **dict.fromkeys(REDUCTION, 0)}
PLAIN = {"blur": 0, "averaged": 0, "mosaic": 0, **UNFILTERED}


def test_simulate_without_noise_returns_the_photo(clean: np.ndarray) -> None:
    noisy, target = camera.simulate(clean, cameras(4, **NO_NOISE, **PLAIN), normal(clean.shape))
    assert np.abs(target - clean).max() < 2e-3
    assert np.abs(noisy - target).max() <= 0.5 / 255 + 1e-5  # rounded to 8 bit, nothing else


def test_simulate_gives_the_mean_of_frames_that_are_cut_off_at_black() -> None:
    dark = np.full((1, 192, 192, 3), 0.02, np.float32)
    straight = {"gamma": 1, "toe": 1, "contrast": 1, "exposure": 1, "light": 1, "jpeg": 0}
    strong = {"shot": 0, "read": 4e-4, "raw_floor": 0, "white": 0, "hot": 0, "hot_raw": 0, "banding": 0, "columns": 0}
    parameters = cameras(1, **PLAIN | straight | strong | {"averaged": 1})
    parameters["white_balance"][:] = 1
    parameters["to_camera"][:] = parameters["from_camera"][:] = np.eye(3)
    noisy, mean = camera.simulate(dark, parameters, normal(dark.shape))
    assert mean.mean() > dark.mean() + 1e-3
    assert noisy.mean() == pytest.approx(mean.mean(), abs=4e-4)


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


def test_simulate_adds_white_noise_of_the_deviation_that_is_asked_for() -> None:
    flat = np.full((4, 96, 96, 3), 0.5, np.float32)
    noisy, target = camera.simulate(flat, cameras(4, **NO_NOISE, **PLAIN, white=0.05), normal(flat.shape))
    assert np.std(noisy - target) == pytest.approx(0.05, rel=0.03)
    assert np.abs(lag_1_correlation(noisy - target)).max() < 0.05
    grey, target = camera.simulate(
        flat, cameras(4, **NO_NOISE, **PLAIN, white=0.05) | cameras(4, monochrome=1, white=0.05, **NO_NOISE, **PLAIN),
        normal(flat.shape),
    )  # fmt: skip
    assert np.abs(np.diff(grey - target, axis=3)).max() < 1.5 / 255


@pytest.mark.parametrize("name", ["hot", "hot_raw"])
def test_simulate_lets_a_share_of_the_pixels_shine(name: str) -> None:
    dark = np.full((4, 96, 96, 3), 0.05, np.float32)
    noisy, target = camera.simulate(dark, cameras(4, **NO_NOISE, **PLAIN, **{name: 0.02}), normal(dark.shape))
    share = (noisy - target > 0.1).mean()
    assert 0.01 < share < 0.09  # a raw value that shines reaches the other channels through the colour matrix
    assert (noisy >= target - 0.5 / 255 - 0.2 * (name == "hot_raw")).all()


def test_simulate_moves_columns_together() -> None:
    flat = np.full((4, 96, 96, 3), 0.3, np.float32)
    noisy, target = camera.simulate(flat, cameras(4, **NO_NOISE, **PLAIN, columns=0.01), normal(flat.shape))
    noise = noisy - target
    assert noise.mean(axis=1).std() > 0.005
    assert np.abs(noise - noise.mean(axis=1, keepdims=True)).max() < 2 / 255


def test_simulate_correlates_neighbours_like_a_camera() -> None:
    flat = np.full((4, 96, 96, 3), 0.4, np.float32)
    without_smoothing = {**PLAIN, "jpeg": 0, "shot": 5e-3, "read": 1e-5}
    demosaiced, target = camera.simulate(flat, cameras(4, **{**without_smoothing, "mosaic": 1}), normal(flat.shape))
    lag = lag_1_correlation(demosaiced - target)
    assert (lag > 0.25).all(), lag  # phones at native resolution: 0.49 / 0.33 / 0.49
    assert (lag < 0.7).all(), lag
    white, target = camera.simulate(flat, cameras(4, **without_smoothing), normal(flat.shape))
    assert np.abs(lag_1_correlation(white - target)).max() < 0.05


@pytest.mark.parametrize("ways", [(0, 0), (1, 0), (0, 1)], ids=["bilinear", "edge-aware", "gradient-corrected"])
def test_simulate_demosaics_without_changing_smooth_colours(ways: tuple[int, int]) -> None:
    y, x = np.mgrid[0:96, 0:96].astype(np.float32) / 96
    clean = np.stack([0.2 + 0.3 * x, 0.3 + 0.2 * y, 0.5 - 0.2 * x * y], axis=-1)[None]
    way = {"edge_aware": ways[0], "gradient_corrected": ways[1], "exposure": 1}
    _, target = camera.simulate(clean, cameras(1, **{**NO_NOISE, **PLAIN, "mosaic": 1, **way}), normal(clean.shape))
    inside = np.s_[:, 4:-4, 4:-4]
    assert np.abs(target[inside] - clean[inside]).max() < 2e-3
    # Red grows along x, green along y: an interpolation in the wrong direction would show as a pattern of 2×2 pixels.
    pattern = target[:, 4:-4:2, 4:-4:2] - target[:, 5:-4:2, 5:-4:2]
    expected = clean[:, 4:-4:2, 4:-4:2] - clean[:, 5:-4:2, 5:-4:2]
    assert np.abs(pattern - expected).max() < 1e-3


def test_simulate_gives_all_pixels_of_a_row_the_same_banding() -> None:
    flat = np.full((1, 96, 96, 3), 0.4, np.float32)
    settings = {**PLAIN, **NO_NOISE, "exposure": 1, "gamma": 1, "toe": 1, "contrast": 1}
    parameters = cameras(1, **{**settings, "banding": 0.01})
    parameters["white_balance"][:] = 1
    parameters["to_camera"][:] = parameters["from_camera"][:] = np.eye(3)
    noisy, target = camera.simulate(flat, parameters, normal(flat.shape))
    noise = noisy - target
    assert np.ptp(noise, axis=(2, 3)).max() < 1e-5
    assert noise[0, :, 0, 0].std() == pytest.approx(0.01, rel=0.2)
    assert abs(lag_1_correlation(noise.swapaxes(1, 2))).max() < 0.3


def test_simulate_in_less_light_is_darker_and_relatively_noisier(clean: np.ndarray) -> None:
    def photograph(light: float) -> tuple[np.ndarray, np.ndarray]:
        settings = {**PLAIN, "light": light, "shot": 2e-3, "read": 1e-6, "jpeg": 0}
        return camera.simulate(clean, cameras(4, **settings), normal(clean.shape))

    (bright_noisy, bright), (dark_noisy, dark) = photograph(1), photograph(0.2)
    assert dark.mean() < 0.7 * bright.mean()
    assert np.std(dark_noisy - dark) / dark.mean() > np.std(bright_noisy - bright) / bright.mean()


def test_resave_without_resizing_and_jpeg_changes_nothing(clean: np.ndarray) -> None:
    noisy, target = camera.simulate(clean, cameras(4), normal(clean.shape))
    saved = camera.resave(noisy, target, cameras(4, resize=1, jpeg_again=0))
    np.testing.assert_allclose(saved, (noisy, target), atol=1e-6)


def test_resave_makes_photos_smaller(clean: np.ndarray) -> None:
    noisy, target = camera.resave(clean, clean, cameras(4, resize=0.5, jpeg_again=0))
    halved = clean.reshape(4, 48, 2, 48, 2, 3).mean(axis=(2, 4))
    inside = np.s_[:, 2:46, 2:46]
    # The triangle filter looks a little further than the mean of 2×2 pixels.
    assert np.abs(target[inside] - halved[inside]).mean() < 0.02
    beyond, before = target[:, 48:94], target[:, 47:1:-1]  # beyond its end, its mirror image
    assert np.abs(beyond - before).mean() < 0.3 * np.abs(beyond - before[:, ::-1]).mean()
    assert np.abs(noisy - target).max() <= 0.5 / 255 + 1e-5


def test_resave_compresses_the_noisy_photo_alone(clean: np.ndarray) -> None:
    noisy, target = camera.resave(clean, clean, cameras(4, resize=1, jpeg_again=1, quality_again=70))
    np.testing.assert_allclose(target, clean, atol=1e-6)
    assert 0.005 < np.std(noisy - target) < 0.1


@pytest.fixture(scope="module")
def sampled(clean: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """192 sampled cameras and the noise that they make, in 8-bit levels."""
    # As soft as photos are at native resolution: every second pixel is interpolated.
    soft = np.stack([cv2.resize(photo[:48, :48], (96, 96), interpolation=cv2.INTER_CUBIC) for photo in clean])
    many = np.repeat(soft.clip(0, 1), 48, axis=0)
    parameters = camera.sample_parameters(np.random.default_rng(3), len(many))
    noisy, target = camera.resave(*camera.simulate(many, parameters, normal(many.shape)), parameters)
    return parameters, 255 * (noisy - target)


def noise_where(noise: np.ndarray, chosen: np.ndarray, weakest: float, strongest: float) -> np.ndarray:
    """The noise of the chosen cameras whose noise has a standard deviation within these bounds, without its mean."""
    strength = noise.std(axis=(1, 2, 3))
    found = noise[chosen & (strength > weakest) & (strength < strongest)]
    assert len(found) > 10
    return np.asarray(found - found.mean(axis=(1, 2), keepdims=True))


def correlations(noise: np.ndarray) -> dict[str, float]:
    """Mean over the photos of the correlation with the next pixel, with the one after it, and between channels."""
    variance = (noise**2).mean(axis=(1, 2))
    found = {
        f"lag {lag}": float(((noise[:, :, lag:] * noise[:, :, :-lag]).mean(axis=(1, 2)) / variance).mean())
        for lag in (1, 2)
    }
    pairs = [(0, 1), (1, 2), (0, 2)]
    between = [np.corrcoef(one[..., a].ravel(), one[..., b].ravel())[0, 1] for one in noise for a, b in pairs]
    return {**found, "channels": float(np.mean(between))}


def test_sample_parameters_give_in_camera_jpegs_their_coarse_noise(
    sampled: tuple[dict[str, np.ndarray], np.ndarray],
) -> None:
    """Real ones (PolyU): .63 to .72 at lag 1, .30 to .47 at lag 2, .62 to .68 between channels."""
    p, noise = sampled
    found = correlations(noise_where(noise, (p["chroma_reduction"] > 0) & (p["monochrome"] < 0.5), 2, 12))
    assert 0.5 < found["lag 1"] < 0.75, found
    assert 0.2 < found["lag 2"] < 0.5, found
    assert 0.45 < found["channels"] < 0.8, found


def test_sample_parameters_give_phones_their_strong_noise(sampled: tuple[dict[str, np.ndarray], np.ndarray]) -> None:
    """Real ones (SIDD): .33 to .49 at lag 1, 0 to .09 at lag 2, .23 to .49 between channels."""
    p, noise = sampled
    plain = (p["chroma_reduction"] == 0) & (p["mosaic"] > 0.5) & (p["monochrome"] < 0.5) & (p["white"] == 0)
    found = correlations(noise_where(noise, plain, 8, 35))
    assert 0.35 < found["lag 1"] < 0.6, found
    assert found["lag 2"] < 0.25, found
    assert 0.0 < found["channels"] < 0.5, found


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


def test_simulate_and_resave_are_the_same_in_training(clean: np.ndarray) -> None:
    ops = pytest.importorskip("keras").ops
    parameters = camera.sample_parameters(np.random.default_rng(2), 4)
    parameters |= {"resize": np.array([0.5, 0.7, 0.9, 1], np.float32), "jpeg_again": np.array([1, 0, 1, 0], np.float32)}
    here = camera.resave(*camera.simulate(clean, parameters, normal(clean.shape)), parameters)
    tensors = {name: ops.convert_to_tensor(value) for name, value in parameters.items()}
    tensor = ops.convert_to_tensor
    there = camera.simulate(tensor(clean), tensors, tensor(normal(clean.shape)), ops)
    there = camera.resave(*there, tensors, ops)
    np.testing.assert_allclose(np.asarray(there[1]), here[1], atol=1e-4)
    # Rounding to 8 bit and JPEG's quantiser may fall to the other side here and there, which a block of pixels shares.
    assert np.mean(np.abs(np.asarray(there[0]) - here[0])) < 0.1 / 255

import numpy as np
import pytest

from denoise.training import eda_measures


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def ramp(height: int = 256, width: int = 320) -> np.ndarray:
    """Every level from 60 to 195, so that no noise of sigma 10 is clipped."""
    return np.broadcast_to(np.linspace(60, 195, width).round()[None, :, None], (height, width, 3)).astype(np.uint8)


def add(clean: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return (clean + noise).round().clip(0, 255).astype(np.uint8)


def test_measure_pair_of_white_noise() -> None:
    clean = ramp()
    row = eda_measures.measure_pair(add(clean, rng().normal(0, 10, clean.shape)), clean)
    known = row.level[np.isfinite(row.level)]
    assert known.size == 3 * len(range(60 // eda_measures.BIN, 195 // eda_measures.BIN + 1))
    assert known == pytest.approx(np.full(known.size, 10), abs=0.5)
    assert row.sigma == pytest.approx([10, 10, 10], abs=0.2)
    assert np.abs(row.lag).max() < 0.02
    assert row.channels == pytest.approx(np.eye(3), abs=0.02)
    assert row.psnr == pytest.approx(20 * np.log10(255 / 10), abs=0.1)


def test_measure_pair_finds_the_correlation_between_pixels() -> None:
    clean = ramp()
    white = rng().normal(0, 20, (258, 322, 3))
    noise = (white[1:-1, 1:-1] + white[2:, 1:-1] + white[1:-1, 2:] + white[2:, 2:]) / 4  # neighbours share a half
    row = eda_measures.measure_pair(add(clean, noise), clean)
    assert row.lag[:, 0] == pytest.approx([0.5] * 3, abs=0.03)
    assert np.abs(row.lag[:, 1:]).max() < 0.05


def test_measure_pair_finds_the_correlation_between_channels() -> None:
    clean = ramp()
    noise = rng().normal(0, 10, clean.shape)
    noise[..., 1] = noise[..., 0]
    row = eda_measures.measure_pair(add(clean, noise), clean)
    assert row.channels[0, 1] == pytest.approx(1, abs=1e-9)
    assert abs(row.channels[0, 2]) < 0.02


def test_measure_pair_counts_zeroed_pixels_exactly() -> None:
    clean = np.full((10, 20, 3), 100, np.uint8)
    noisy = clean.copy()
    noisy[:3, :, 0] = 0
    row = eda_measures.measure_pair(noisy, clean)
    assert row.zeroed == (0, pytest.approx(60 / 600))
    assert row.mean == (100, pytest.approx(90))


def test_measure_pair_takes_the_middle_of_large_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = ramp(64, 512)
    noisy = add(clean, rng().normal(0, 10, clean.shape))
    noisy[:, :192] = clean[:, :192]  # outside of the middle there is no noise
    noisy[:, 320:] = clean[:, 320:]
    whole = eda_measures.measure_pair(noisy, clean)
    monkeypatch.setattr(eda_measures, "SIDE", 128)
    middle = eda_measures.measure_pair(noisy, clean)
    assert middle.sigma == pytest.approx(2 * whole.sigma, rel=0.05)
    assert middle.sigma == pytest.approx([10] * 3, rel=0.05)
    assert middle.ssim < whole.ssim
    assert (middle.psnr, middle.mean, middle.size) == (whole.psnr, whole.mean, whole.size)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (6, 6)], ids=str)
def test_measure_pair_of_tiny_photos_says_what_it_can(shape: tuple[int, int]) -> None:
    clean = np.full((*shape, 3), 100, np.uint8)
    row = eda_measures.measure_pair(clean + np.uint8(5), clean)
    assert np.isnan(row.ssim)
    assert row.mean == (100, 105)
    assert np.isnan(row.lag).all()  # the noise is the same everywhere


def test_over_pairs_leaves_out_what_there_is_none_of() -> None:
    stack = [np.array([[1.0, np.nan], [2.0, np.inf]]), np.array([[3.0, np.nan], [4.0, 6.0]])]
    np.testing.assert_array_equal(eda_measures.over_pairs(stack), [[2, np.nan], [3, 6]])
    np.testing.assert_array_equal(eda_measures.over_pairs(stack, 50), [[2, np.nan], [3, 6]])
    assert eda_measures.over_pairs([1.0, np.inf, 3.0], 100) == 3

import json
from pathlib import Path

import numpy as np
import pytest

from denoise.banding import has_offsets, remove_banding
from denoise.image import decode

SAMPLES = Path(__file__).parents[1] / "samples"
CLEAN = [entry["clean"] for entry in json.loads((SAMPLES / "samples.json").read_text())]


def dark_scene(file: str) -> np.ndarray:
    return np.rint(0.25 * decode((SAMPLES / file).read_bytes()).pixels).astype(np.uint8)


def with_rows(scene: np.ndarray, offset: float, noise: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = offset * rng.standard_normal((len(scene), 1, 1))
    return np.rint(scene + rows + noise * rng.standard_normal(scene.shape)).clip(0, 255).astype(np.uint8)


def deviation(picture: np.ndarray, scene: np.ndarray) -> float:
    """Of the means of rows, in levels of 255."""
    return float((picture.astype(float) - scene).mean(axis=(1, 2)).std())


@pytest.mark.parametrize("file", CLEAN)
def test_rows_of_a_dark_scene_lose_their_offsets(file: str) -> None:
    scene = dark_scene(file)
    noisy = with_rows(scene, 5)
    assert deviation(remove_banding(noisy), scene) < 0.4 * deviation(noisy, scene)


def test_columns_and_16_bit_are_the_same() -> None:
    scene = dark_scene(CLEAN[0])
    noisy = with_rows(scene, 5)
    rows = remove_banding(noisy)
    columns = remove_banding(np.ascontiguousarray(noisy.swapaxes(0, 1)))
    np.testing.assert_array_equal(columns.swapaxes(0, 1), rows)
    deep = remove_banding(noisy * np.uint16(257))
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - rows).max() <= 0.6


def test_offsets_stay_out_of_where_they_are_not() -> None:
    """A curve is steepest in the dark: a window in a dark room shows no stripes, and gets none."""
    scene = dark_scene(CLEAN[0])
    window = (slice(None), slice(scene.shape[1] // 8, scene.shape[1] // 4))
    scene[window] = 200
    noisy = with_rows(scene, 5)
    noisy[window] = with_rows(scene, 0)[window]
    assert deviation(remove_banding(noisy)[window], scene[window]) < 1


@pytest.mark.parametrize("file", CLEAN)
@pytest.mark.parametrize("noise", [0, 12])
def test_photos_without_offsets_stay(file: str, noise: float) -> None:
    photo = with_rows(decode((SAMPLES / file).read_bytes()).pixels, 0, noise)
    assert remove_banding(photo) is photo


def test_what_is_drawn_in_lines_stays() -> None:
    y, _ = np.mgrid[:300, :400]
    for stripes in (255 * (y % 2), 40 * (y % 9 < 2), 3 * y % 256, 255 * (y > 150)):
        assert not has_offsets(np.repeat(stripes[..., None], 3, axis=2).astype(np.uint8))


@pytest.mark.parametrize("period", [3, 4, 5, 7, 12])
@pytest.mark.parametrize("contrast", [15, 60, 200])
@pytest.mark.parametrize("noise", [0, 3])
def test_dots_of_a_print_stay(period: int, contrast: int, noise: float) -> None:
    y, x = np.mgrid[:384, :384] % period - (period - 1) / 2
    for radius in (0.3, 0.4, 0.5):
        dots = 128 + contrast / 2 * np.tanh(2 * (radius * period - np.hypot(y, x)))
        grey = np.repeat(dots[..., None], 3, axis=2)
        printed = np.rint(grey + np.random.default_rng(0).normal(0, noise, grey.shape)).clip(0, 255).astype(np.uint8)
        assert remove_banding(printed) is printed


def test_too_few_lines_tell_nothing() -> None:
    noisy = with_rows(np.full((100, 400, 3), 60, np.uint8), 5)
    assert remove_banding(noisy) is noisy


def test_large_photo_is_judged_by_some_of_its_lines() -> None:
    large = np.pad(dark_scene(CLEAN[0]), [(0, 800), (0, 800), (0, 0)], "symmetric")
    assert len(large) > 1024
    for offset, expected in ((0, False), (2, True)):
        noisy = with_rows(large, offset)
        assert has_offsets(noisy) == expected
        assert not has_offsets(noisy.swapaxes(0, 1))

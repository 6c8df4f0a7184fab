import numpy as np
import pytest

from denoise.training.drawings import DRAWINGS, random_drawing, tone


@pytest.mark.parametrize("size", [48, 144])
@pytest.mark.parametrize("kind", DRAWINGS)
def test_drawings_are_pictures_that_differ(kind: str, size: int) -> None:
    drawn = [DRAWINGS[kind](size, np.random.default_rng(seed)) for seed in range(8)]
    assert {(picture.dtype, picture.shape) for picture in drawn} == {(np.dtype(np.uint8), (size, size, 3))}
    assert len({picture.tobytes() for picture in drawn}) == 8
    np.testing.assert_array_equal(drawn[3], DRAWINGS[kind](size, np.random.default_rng(3)))
    assert sum(np.ptp(picture) > 20 for picture in drawn) >= 5  # there is something to be seen


def test_gradients_have_no_steps_and_text_has() -> None:
    def largest_step(kind: str) -> float:
        pictures = [DRAWINGS[kind](144, np.random.default_rng(seed)).astype(int) for seed in range(12)]
        return float(np.median([np.abs(np.diff(picture, axis=1)).max() for picture in pictures]))

    assert largest_step("gradient") <= 4
    assert largest_step("text") > 40


def test_random_drawing_draws_every_kind() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_drawing(64, rng) for _ in range(60)]
    assert {picture.shape for picture in drawn} == {(64, 64, 3)}
    dark = np.mean([np.median(picture) < 20 for picture in drawn])
    assert 0.1 < dark < 0.7


def test_tone_makes_black_and_white_and_sepia() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    toned = [tone(colours, np.random.default_rng(seed)) for seed in range(12)]
    is_grey = [bool((picture[..., :1] == picture).all()) for picture in toned]
    assert 0 < sum(is_grey) < 12
    sepia = toned[is_grey.index(False)].mean(axis=(0, 1))
    assert sepia[0] > sepia[1] > sepia[2]

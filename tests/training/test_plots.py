import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from denoise.training import plots


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(figure: Figure, folder: Path) -> np.ndarray:
    plots.save(figure, folder / "figure.png")
    return np.asarray(PillowImage.open(io.BytesIO((folder / "figure.png").read_bytes())).convert("RGB"))


@pytest.mark.parametrize("scale", [1, 3])
def test_photo_grid_shows_every_pixel_as_it_is(scale: int, tmp_path: Path) -> None:
    photos = [noise(50, 40, seed) for seed in range(2)]
    figure = plots.photo_grid([photos], columns=["first", "second"], labels=[["a", "b"]], scale=scale)
    picture = saved(figure, tmp_path)
    top, left = 40, 16
    for photo in photos:
        enlarged = photo.repeat(scale, axis=0).repeat(scale, axis=1)
        assert np.array_equal(picture[top : top + 50 * scale, left : left + 40 * scale], enlarged)
        left += 40 * scale + 16


def test_save_writes_150_dpi_and_nothing_else(tmp_path: Path) -> None:
    with plots.style():
        figure, axes = plots.panels(1, 2, width=4, height=2)
    assert axes.shape == (1, 2)
    assert saved(figure, tmp_path).shape == (300, 600, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
    assert not figure.axes


def test_save_keeps_all_colours_of_pixels_with_noise(tmp_path: Path) -> None:
    pixels = noise(16, 48)
    plots.save(pixels, tmp_path / "squares.jpg")
    with PillowImage.open(tmp_path / "squares.jpg") as picture:
        assert picture.format == "JPEG"
        assert np.abs(np.asarray(picture).astype(int) - pixels).mean() < 4


def test_style_leaves_the_settings_of_others_alone(tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 77.0}):
        before = dict(matplotlib.rcParams)
        with plots.style():
            assert matplotlib.rcParams["font.size"] != 77.0
            figure, _ = plots.panels()
        plots.save(figure, tmp_path / "figure.png")
        assert dict(matplotlib.rcParams) == before


def test_looks_differ_in_more_than_colour() -> None:
    for values in zip(*plots.SERIES, strict=True):
        assert len(set(values)) == len(plots.SERIES)


def test_detailed_crop_finds_the_textured_corner() -> None:
    photo = np.full((100, 120, 3), 128, np.uint8)
    photo[60:, 80:] = noise(40, 40)
    assert plots.detailed_crop(photo, 40) == (slice(60, 100), slice(80, 120))


def test_detailed_crop_of_a_small_photo_is_all_of_it() -> None:
    assert plots.detailed_crop(noise(10, 300), 40)[0] == slice(0, 10)


def test_save_all_deletes_what_there_is_nothing_to_show_for(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"of other data")
    with plots.style():
        figure, _ = plots.panels()
    captions = plots.save_all({"new.png": (figure, "New"), "old.png": (None, "Old")}, tmp_path)
    assert captions == {"new.png": "New"}
    assert [path.name for path in tmp_path.iterdir()] == ["new.png"]

from functools import partial

import cv2
import numpy as np
import pytest

from denoise.engine import Engine, Task
from denoise.image import Metadata, Photo, decode, encode
from denoise.item import Settings
from denoise.level import estimate_noise
from denoise.mixing import Mix, blend
from denoise.pipeline import denoise_photo
from denoise.processing import process
from denoise.registry import load_model
from denoise.runtime import ModelError


@pytest.fixture
def photo():
    """Grain as cameras leave it: white grain is another network's."""
    grain = cv2.blur(np.random.default_rng(0).normal(128, 40, (40, 60, 3)), (2, 2))
    return Photo(grain.clip(0, 255).astype(np.uint8), metadata=Metadata(comments=(("Title", "Cat"),)))


@pytest.fixture
def task(tiny_models):
    return Task(Engine(partial(load_model, directory=tiny_models)))


@pytest.fixture
def made(task, tmp_path, photo):
    """Process the photo with tiny networks."""
    path = tmp_path / "photo"
    path.write_bytes(encode(photo))
    return lambda settings: process(path, settings, task, max_megapixels=1)


def test_result_is_that_of_the_pipeline_mixed_and_written_as_wished(made, photo, task):
    mix = Mix(0.5, 1.0, 0.25)
    data, figures = made(Settings("unet", strength=0.9, mix=mix, format="TIFF", strip=True))
    denoised = denoise_photo(photo, "unet", strength=0.9, denoisers=task.denoiser)
    result = decode(data)
    assert np.array_equal(result.pixels, blend(photo, denoised, mix).pixels)
    assert (result.format, result.metadata) == ("TIFF", Metadata())
    assert (figures.model, figures.format, figures.width, figures.height) == ("unet", "TIFF", 60, 40)
    assert figures.noise_before == 255 * estimate_noise(photo.pixels)
    assert figures.noise_after == 255 * estimate_noise(result.pixels) < figures.noise_before
    assert (figures.clean, figures.not_kept) == (0.0, ())


def test_what_the_format_cannot_keep_is_told(made):
    data, figures = made(Settings("unet", format="BMP"))
    assert decode(data).format == "BMP"
    assert figures.not_kept == ("comments",)


def test_default_is_the_photos_own_format_and_denoiser(made):
    data, figures = made(Settings())
    assert (decode(data).format, figures.model) == ("PNG", "ridnet")
    assert decode(data).metadata.comments == (("Title", "Cat"),)


def test_level_is_for_those_who_can_be_told_it(made):
    with pytest.raises(ModelError, match="nlm cannot be told how much noise there is"):
        made(Settings("nlm", level=0.1))


def test_clean_photo_is_told_to_be_clean_but_not_one_that_was_left_alone(made, task, monkeypatch):
    monkeypatch.setattr("denoise.pipeline.denoise_photo", lambda photo, *args, **options: photo)
    assert made(Settings())[1].clean == 1
    assert made(Settings(strength=0))[1].clean < 1


def test_who_made_a_result_is_told_whoever_made_the_one_before(made, task, monkeypatch):
    assert made(Settings("unet"))[1].model == "unet"
    monkeypatch.setattr("denoise.pipeline.denoise_photo", lambda photo, *args, **options: task.used.add("it") or photo)
    assert made(Settings("unet"))[1].model == "it"

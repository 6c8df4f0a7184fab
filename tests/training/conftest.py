"""Fixtures of the training layer."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from denoise.training import train


@pytest.fixture(scope="session")
def clean_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clean tiles of three scenes, named as the training side expects: SCENE_scale_y_x."""
    folder = tmp_path_factory.mktemp("clean")
    for scene in ("astronaut", "chelsea", "coffee"):
        photo = getattr(skimage.data, scene)()
        for y, x in ((0, 0), (100, 200)):
            PillowImage.fromarray(photo[y : y + 96, x : x + 128]).save(folder / f"{scene}_2x_{y}_{x}.png")
    return folder


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train layer by layer, validate little and draw nothing: to make a graph takes longer than a test's few steps."""
    monkeypatch.setattr(train, "VALIDATION_STEPS", 2)
    monkeypatch.setattr(train, "draw_curves", lambda run: None)
    plain = keras.Model.compile
    monkeypatch.setattr(keras.Model, "compile", lambda *args, **options: plain(*args, **options, run_eagerly=True))


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of small noisy and clean photos."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for kind in ("noisy", "clean"):
        (folder / kind).mkdir()
    for name in ("astronaut", "chelsea"):
        clean = getattr(skimage.data, name)()[100:164, 100:180].astype(float)
        for kind, photo in (("clean", clean), ("noisy", clean + rng.normal(0, 12, clean.shape))):
            PillowImage.fromarray(photo.round().clip(0, 255).astype(np.uint8)).save(folder / kind / f"{name}.png")
    return folder

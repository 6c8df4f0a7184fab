import dataclasses
import threading

import numpy as np
import pytest
from skimage import data

from denoise import pipeline
from denoise.image import Photo
from denoise.metrics import psnr
from denoise.pipeline import blend, denoise_photo, denoiser_names, load_network
from denoise.registry import list_models
from denoise.runtime import ModelError

CLEAN = data.astronaut()[:120, :150]


def noisy(dtype=np.uint8, **changes):
    scale = np.iinfo(dtype).max // 255
    noise = np.random.default_rng(0).normal(0, 20, CLEAN.shape)
    pixels = (np.clip(CLEAN + noise, 0, 255) * scale).astype(dtype)
    return dataclasses.replace(Photo(pixels=pixels), **changes)


@pytest.fixture
def halving(monkeypatch):
    """Replaces the bundled network by one of 64×64 tiles that halves all values."""

    def network(tile):
        assert tile.shape == (64, 64, 3)
        return tile / 2

    network.tile_size = 64
    monkeypatch.setattr(pipeline, "load_network", lambda name: network)


def test_denoiser_names_lists_the_networks_and_then_non_local_means():
    names = denoiser_names()
    first, *_, last = names
    assert (first, last) == ("ridnet", "nlm")
    assert set(names) == {*list_models(), "nlm"}
    assert names["ridnet"].title == list_models()["ridnet"].title
    assert all(info.title and info.summary for info in names.values())


def test_denoise_photo_runs_the_network_on_its_tiles(halving):
    photo = noisy()
    assert np.abs(denoise_photo(photo).pixels - photo.pixels / 2).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("model", ["ridnet", "nlm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_denoise_photo_returns_size_depth_and_metadata(model, dtype):
    alpha = np.arange(120 * 150).reshape(120, 150).astype(dtype)
    photo = noisy(dtype, alpha=alpha, format="TIFF", exif=b"exif", icc_profile=b"icc", dpi=(300.0, 300.0))
    denoised = denoise_photo(photo, model)
    assert denoised.pixels.shape == photo.pixels.shape
    assert denoised.pixels.dtype == dtype
    assert not np.array_equal(denoised.pixels, photo.pixels)
    for field in dataclasses.fields(Photo):
        if field.name != "pixels":
            assert getattr(denoised, field.name) is getattr(photo, field.name)


def test_denoise_photo_with_non_local_means_raises_psnr():
    photo = noisy()
    assert psnr(CLEAN, denoise_photo(photo, "nlm").pixels) > psnr(CLEAN, photo.pixels) + 3


@pytest.mark.parametrize(("strength", "factor"), [(0, 1), (0.5, 0.75), (1, 0.5)])
def test_denoise_photo_blends_by_strength(halving, strength, factor):
    photo = noisy()
    difference = denoise_photo(photo, strength=strength).pixels - factor * photo.pixels.astype(float)
    # The denoised photo is rounded, and then the mixture.
    assert np.abs(difference).max() <= 0.5 + 0.5 * strength + 1e-4


def test_denoise_photo_at_strength_zero_returns_the_photo_exactly():
    photo = noisy(np.uint16)
    np.testing.assert_array_equal(denoise_photo(photo, "nlm", strength=0).pixels, photo.pixels)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_denoise_photo_refuses_another_strength(strength):
    with pytest.raises(ValueError, match=f"`strength` must be between 0 and 1. Received: {strength}"):
        denoise_photo(noisy(), strength=strength)


def test_denoise_photo_keeps_grey_photos_grey(monkeypatch):
    def tinting(tile):
        return tile * np.float32([0.5, 0.75, 1])

    tinting.tile_size = 64
    monkeypatch.setattr(pipeline, "load_network", lambda name: tinting)
    grey = np.repeat(noisy().pixels[..., :1], 3, axis=2)
    pixels = denoise_photo(Photo(pixels=grey, grey=True)).pixels
    assert np.ptp(pixels, axis=2).max() == 0
    assert np.abs(pixels - 0.75 * grey).max() <= 0.5 + 1e-4


def test_denoise_photo_reports_progress_and_stops_when_it_raises(halving):
    reports = []
    denoise_photo(noisy(), progress=lambda *report: reports.append(report))
    assert reports == [(done, 9) for done in range(10)]

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        denoise_photo(noisy(), progress=stop)


def test_denoise_photo_lists_the_known_models():
    with pytest.raises(ModelError, match=r"There is no model 'dncnn'\. Known models: .*ridnet.*, nlm\."):
        denoise_photo(noisy(), "dncnn")


def test_load_network_gives_all_threads_the_same_network():
    pipeline._networks.clear()
    networks = []
    threads = [threading.Thread(target=lambda: networks.append(load_network("ridnet"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(networks) == 4
    assert len(set(map(id, networks))) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 1.0])
def test_blend_is_rounded_linear_interpolation(dtype, strength):
    before, after = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (2, 9, 7, 3), dtype=dtype)
    exact = strength * after + (1 - strength) * before
    mixed = blend(Photo(before), Photo(after), strength).pixels
    assert mixed.dtype == dtype
    assert np.abs(mixed - exact).max() <= 0.5 + 1e-6 * np.iinfo(dtype).max


def test_load_network_keeps_the_working_memory_of_one_network_only(monkeypatch):
    released = []

    class Fake:
        def __init__(self, name):
            self.name = name

        def release(self):
            released.append(self.name)

    monkeypatch.setattr(pipeline, "_networks", {})
    monkeypatch.setattr(pipeline, "load_model", Fake)
    first = load_network("first")
    load_network("second")
    assert released == ["first"]
    assert load_network("first") is first
    assert released == ["first", "second"]

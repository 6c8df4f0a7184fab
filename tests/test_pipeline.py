import dataclasses
import weakref
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise

import cv2
import numpy as np
import pytest
from skimage import data

from denoise import catalogue, pipeline
from denoise.ensemble import FINE, STRONG
from denoise.image import Metadata, Photo
from denoise.level import GRAIN, Grain
from denoise.metrics import psnr
from denoise.pipeline import denoise_photo
from denoise.runtime import ModelError

CLEAN = data.astronaut()[:120, :150]
NO_TEXTURE = Grain(0.1)
"""Grain that is not known to be noise, but too much for the texture of a clean photo."""
IN_TEXTURE = Grain(4.5 / 255, 0.5)
"""Noise of which 3 levels must be found, wherever it is."""


pytestmark = pytest.mark.usefixtures("any_brightness")


def noisy(dtype=np.uint8, **changes):
    scale = np.iinfo(dtype).max // 255
    noise = np.random.default_rng(0).normal(0, 20, CLEAN.shape)
    pixels = (np.clip(CLEAN + noise, 0, 255) * scale).astype(dtype)
    return dataclasses.replace(Photo(pixels=pixels), **changes)


@pytest.fixture
def halving(monkeypatch):
    """Replaces the bundled network by one that halves all values."""

    def network(tile, level):
        assert tile.shape == (256, 256, 3)
        return tile / 2

    monkeypatch.setattr(catalogue, "load_model", lambda name: network)


def test_denoise_photo_runs_the_network_on_its_tiles(halving):
    photo = noisy()
    assert np.abs(denoise_photo(photo).pixels - photo.pixels / 2).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("model", ["unet", "nlm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_denoise_photo_returns_size_depth_and_metadata(model, dtype):
    alpha = np.arange(120 * 150).reshape(120, 150).astype(dtype)
    photo = noisy(
        dtype, alpha=alpha, format="TIFF", metadata=Metadata(exif=b"exif"), icc_profile=b"icc", dpi=(300.0, 300.0)
    )
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


def test_denoise_photo_at_its_best_is_better():
    photo = noisy()
    once = psnr(CLEAN, denoise_photo(photo, "unet").pixels)
    assert psnr(CLEAN, denoise_photo(photo, "unet", best=True).pixels) > once
    np.testing.assert_array_equal(denoise_photo(photo, "nlm", best=True).pixels, denoise_photo(photo, "nlm").pixels)


@pytest.mark.parametrize(("strength", "factor"), [(0, 1), (0.5, 0.75), (1, 0.5)])
def test_denoise_photo_blends_by_strength(halving, strength, factor):
    photo = noisy()
    difference = denoise_photo(photo, strength=strength).pixels - factor * photo.pixels.astype(float)
    # The denoised photo is rounded, and then the mixture.
    assert np.abs(difference).max() <= 0.5 + 0.5 * strength + 1e-4


def test_denoise_photo_at_strength_zero_returns_the_photo_exactly():
    photo = noisy(np.uint16)
    np.testing.assert_array_equal(denoise_photo(photo, "nlm", strength=0).pixels, photo.pixels)


@pytest.mark.parametrize("strength", [-0.1, 3.01, float("nan")])
def test_denoise_photo_refuses_another_strength(strength):
    with pytest.raises(ValueError, match=f"`strength` must be between 0 and 3. Received: {strength}"):
        denoise_photo(noisy(), strength=strength)


def test_denoise_photo_keeps_grey_photos_grey(monkeypatch):
    def tinting(tile, level):
        return tile * np.float32([0.5, 0.75, 1])

    monkeypatch.setattr(catalogue, "load_model", lambda name: tinting)
    grey = np.repeat(noisy().pixels[..., :1], 3, axis=2)
    pixels = denoise_photo(Photo(pixels=grey, grey=True)).pixels
    assert np.ptp(pixels, axis=2).max() == 0
    assert np.abs(pixels - 0.75 * grey).max() <= 0.5 + 1e-4


def test_denoise_photo_reports_progress_and_stops_when_it_raises(halving):
    reports = []
    photo = noisy(pixels=np.tile(noisy().pixels, (4, 4, 1)))
    denoise_photo(photo, progress=lambda *report: reports.append(report))
    assert reports == [(done, 6) for done in range(7)]

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        denoise_photo(noisy(), progress=stop)


def test_denoise_photo_lists_the_known_models():
    with pytest.raises(ModelError, match=r"There is no model 'dncnn'\. Known models: .*ridnet.*, nlm\."):
        denoise_photo(noisy(), "dncnn")


def test_denoise_photo_takes_a_named_denoiser_from_whom_it_is_told():
    asked = []

    @contextmanager
    def denoisers(name, photo):
        asked.append((name, photo))
        yield lambda tile, level: tile / 2
        asked.append("given back")

    photo = noisy()
    pixels = denoise_photo(photo, "unet-strong", denoisers=denoisers).pixels
    assert np.abs(pixels - photo.pixels / 2).max() <= 0.5 + 1e-4
    assert asked == [("unet-strong", photo), "given back"]


def test_load_denoiser_is_held_by_nobody_else_once_the_tiles_are_done(monkeypatch):
    class Network:
        def __call__(self, tile, level):
            return tile

    loaded, mixed = [], pipeline.blend

    def load(name):
        network = Network()
        loaded.append(weakref.ref(network))
        return network

    def blend(*args):
        assert [network() for network in loaded] == [None]
        return mixed(*args)

    monkeypatch.setattr(catalogue, "load_model", load)
    monkeypatch.setattr(pipeline, "blend", blend)
    denoise_photo(noisy(), "unet-strong")
    assert len(loaded) == 1


def text(shape=(300, 280)) -> np.ndarray:
    """A clean page of text, uint8 (H, W, 3)."""
    page = np.full((*shape, 3), 255, np.uint8)
    for top in range(20, shape[0], 18):
        cv2.putText(page, "Text, 123", (4, top), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("model", ["unet", "nlm", "autoencoder"])
def test_denoise_photo_returns_clean_text_byte_for_byte(model, dtype):
    page = text().astype(dtype) * (257 if dtype == np.uint16 else 1)
    np.testing.assert_array_equal(denoise_photo(Photo(page), model).pixels, page)


def test_denoise_photo_denoises_the_photo_beside_the_text():
    photo = noisy(pixels=np.hstack([text((256, 256)), np.tile(noisy().pixels, (3, 2, 1))[:256, :256]]))
    result = denoise_photo(photo, "unet").pixels
    np.testing.assert_array_equal(result[:, :224], photo.pixels[:, :224])
    changed = (result[:, 288:] != photo.pixels[:, 288:]).any(axis=2)
    assert changed.mean() > 0.9


@pytest.mark.parametrize("model", ["unet", "nlm", "cbdnet"])
def test_denoise_photo_keeps_black_and_white_that_is_stored_as_colour(model):
    grey = np.repeat(noisy().pixels[..., 1:2], 3, axis=2)
    result = denoise_photo(Photo(grey), model)
    assert not result.grey
    assert (result.pixels == result.pixels[..., :1]).all()
    assert (result.pixels != grey).mean() > 0.5


def test_denoise_photo_keeps_the_hue_of_sepia():
    luminance = noisy().pixels[..., 1] / 255
    sepia = np.rint(255 * np.stack([luminance**0.8, luminance, luminance**1.3], axis=2)).astype(np.uint8)
    result = denoise_photo(Photo(sepia), "unet").pixels / 255
    expected = np.stack([result[..., 1] ** 0.8, result[..., 1], result[..., 1] ** 1.3], axis=2)
    assert np.abs(result - expected).max() * 255 < 4
    assert (result != sepia / 255).mean() > 0.5


COLOURS = Photo(np.random.default_rng(0).integers(0, 150, (50, 70, 3), dtype=np.uint8))


def added(photo, **options):
    """By how many levels the network made the photo brighter."""
    change = denoise_photo(photo, "told", **options).pixels - photo.pixels.astype(int)
    assert np.ptp(change) == 0
    return int(change[0, 0, 0])


def test_denoise_photo_tells_the_network_the_cards_multiple_of_the_level(told_networks, monkeypatch):
    monkeypatch.setattr(pipeline, "estimate_level", lambda pixels, denoiser, keep, grain: 10 / 255)
    assert added(COLOURS) == 20
    assert added(COLOURS, level=0.0) == 0
    assert added(COLOURS, level=4 / 255) == 8
    ramp = np.broadcast_to(np.linspace(0, 20, 70, dtype=np.float32) / 255, (50, 70))
    brighter = denoise_photo(COLOURS, "told", level=ramp).pixels
    np.testing.assert_array_equal(brighter, np.rint(COLOURS.pixels + 510 * ramp[..., None].astype(float)))


def test_denoise_photo_above_full_strength_tells_the_network_more(told_networks):
    strengths = [0, 0.5, 1, 1.5, 2, 3]
    assert [added(COLOURS, level=4 / 255, strength=strength) for strength in strengths] == [0, 4, 8, 12, 16, 24]
    means = [denoise_photo(noisy(), "told", strength=strength).pixels.mean() for strength in (1, 2)]
    assert noisy().pixels.mean() < means[0] < means[1]  # by the estimated level


@pytest.mark.parametrize("sigma", [3, 20])
def test_denoise_photo_above_full_strength_removes_more(sigma):
    clean = data.astronaut()[40:200, 150:310]
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape)
    photo = Photo(np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8))
    results = [denoise_photo(photo, "unet", strength=strength).pixels for strength in (0, 0.5, 1, 2, 3)]
    removed = [np.square(pixels.astype(float) - photo.pixels).mean() for pixels in results]
    assert removed[0] == 0
    assert all(more > 1.02 * less for less, more in pairwise(removed))


def test_denoise_photo_says_which_denoisers_can_remove_more_or_be_told(told_networks):
    for model, options, able in (
        ("nlm", {"strength": 1.01}, "remove more than there seems to be; choose one that can: judged, looks, once, "),
        (
            "nlm",
            {"level": 0.1},
            "be told how much noise there is; choose one that can: looks, pair, told, told_pair, twice, ",
        ),
    ):
        with pytest.raises(ModelError) as error:
            denoise_photo(COLOURS, model, **options)
        assert str(error.value).startswith(f"{model} cannot {able}")


def test_denoise_photo_says_that_no_denoiser_can_remove_more(monkeypatch):
    monkeypatch.setattr(catalogue, "list_models", dict)
    with pytest.raises(ModelError, match="nlm cannot remove more than there seems to be, and no other model here can"):
        denoise_photo(COLOURS, "nlm", strength=2)


@pytest.mark.parametrize(
    ("level", "rule"),
    [
        (-0.1, "between 0 and 1. Received: -0.1"),
        (10.0, "between 0 and 1. Received: 10"),
        (np.full((50, 70), np.nan, np.float32), "between 0 and 1. Received: nan"),
        (np.full((50, 70), 1.5, np.float32), "between 0 and 1. Received: 1.5"),
        (np.full((70, 50), 0.5, np.float32), r"of shape \(50, 70\)"),
    ],
    ids=["negative", "levels of 255", "NaN", "above 1", "turned"],
)
def test_denoise_photo_refuses_another_level(told_networks, level, rule):
    with pytest.raises(ValueError, match=f"`level` must be .*{rule}"):
        denoise_photo(COLOURS, "told", level=level)


def test_denoise_photo_of_no_noise_is_the_photo_with_and_without_the_noise_of_a_pair(told_networks):
    for dtype in (np.uint8, np.uint16):
        photo = noisy(dtype)
        for options in ({}, {"best": True}, {"strength": 3.0}):
            same = denoise_photo(photo, "told_pair", level=0.0, **options)
            np.testing.assert_array_equal(same.pixels, photo.pixels)


def watch(monkeypatch, *, sees, adds, grain=NO_TEXTURE):
    """Put networks in place that add so much to a tile, and looks that see so much noise, of which so much is sure.

    Returns:
        Which networks denoised tiles, and what they were told; by which ones was looked, and how. Both grow.
    """
    seen, lookers = [], []

    def load(name):
        def network(tile, tile_level):
            seen.append((name, float(tile_level.max())))
            return tile + np.float32(adds.get(name, 0))

        return network

    def estimate(pixels, denoiser, keep, **how):
        denoiser(np.zeros((256, 256, 3), np.float32), np.zeros((256, 256, 1), np.float32))
        lookers.append((seen.pop()[0], how))
        return sees

    monkeypatch.setattr(catalogue, "load_model", load)
    monkeypatch.setattr(pipeline, "estimate_level", estimate)
    monkeypatch.setattr(pipeline, "grain_of", lambda photo: grain)
    return seen, lookers


@pytest.mark.parametrize(
    ("model", "smoothed", "grain", "told"),
    [
        pytest.param("looks", 1.0, NO_TEXTURE, {"looks": 0.5 / 255, "works": 4.75 / 255}, id="smoothed"),
        pytest.param("looks", 0.0, NO_TEXTURE, {"looks": 0.5 / 255, "works": 4.75 / 8 / 255}, id="fine"),
        pytest.param("looks", 0.0, IN_TEXTURE, {"looks": 3 / 255, "works": 3 * 4.75 / 4 / 255}, id="hidden in texture"),
        pytest.param("judged", 1.0, NO_TEXTURE, {"judged": 0.5 / 255, "works": 4.75 / 255}, id="judged"),
        pytest.param("works", 1.0, NO_TEXTURE, {"works": 4.75 / 255}, id="told"),
        pytest.param("works", 0.0, NO_TEXTURE, {"works": 4.75 / 8 / 255}, id="told, fine"),
        pytest.param("works", 0.0, IN_TEXTURE, {"works": 3 * 4.75 / 4 / 255}, id="told, hidden in texture"),
    ],
)
def test_denoise_photo_tells_a_partner_of_what_the_other_sees(told_networks, monkeypatch, model, smoothed, grain, told):
    seen, lookers = watch(monkeypatch, sees=0.5 / 255, adds={"works": 0.1}, grain=grain)
    monkeypatch.setattr(pipeline, "smoothed_grain", lambda pixels: smoothed)
    denoise_photo(noisy(), model)
    assert lookers == [("looks", {} if model == "works" else {"enough": STRONG})]
    assert dict(seen) == pytest.approx(told)


@pytest.mark.parametrize(("told", "share"), [(0.3, 0.95), (1.5, 0.75), (3.0, 0.5), (6.0, 0.5)])
def test_denoise_photo_trusts_the_partner_of_one_that_is_judged_where_there_is_hardly_any_noise(
    told_networks, any_brightness, monkeypatch, told, share
):
    watch(monkeypatch, sees=told / 9.5 / 255, adds={"works": 0.2}, grain=NO_TEXTURE)
    monkeypatch.setattr(pipeline, "smoothed_grain", lambda pixels: 1.0)
    photo = noisy()
    lighter = np.median(denoise_photo(photo, "judged").pixels.astype(float) - photo.pixels)
    assert lighter == pytest.approx(255 * 0.2 * share, abs=1)


@pytest.mark.parametrize(("model", "sees"), [("looks", 0.5 / 255), ("once", 2 * STRONG)])
def test_denoise_photo_tells_more_of_grain_that_is_the_same_in_all_channels(told_networks, monkeypatch, model, sees):
    seen, _ = watch(monkeypatch, sees=sees, adds={}, grain=NO_TEXTURE)
    colour = noisy()
    grey = dataclasses.replace(colour, pixels=colour.pixels[..., :1].repeat(3, axis=2))
    told = []
    for photo in (colour, grey):
        seen.clear()
        denoise_photo(photo, model)
        told.append(max(level for name, level in seen if name in ("works", "told")))
    assert told[1] == pytest.approx(1.5 * told[0])


@pytest.mark.parametrize(
    ("model", "options", "sees", "runs", "told", "share"),
    [
        pytest.param("once", {}, 2 * STRONG, {"once": 1, "told": 1}, 2 * STRONG, 3 / 4, id="mean of both"),
        pytest.param("judged", {}, 2 * STRONG, {"judged": 1, "told": 1}, 2 * STRONG, 1 / 2, id="judged"),
        pytest.param("twice", {}, 2 * STRONG, {"twice": 1, "told": 1}, 2 * STRONG, 3 / 4, id="instead of a second run"),
        pytest.param("twice", {"strength": 2.0}, STRONG, {"twice": 2, "told": 1}, 2 * STRONG, 3 / 4, id="removes more"),
        pytest.param("once", {"best": True}, STRONG, {"once": 4, "told": 4}, STRONG, 3 / 4, id="best"),
        pytest.param("twice", {"level": 3 * STRONG}, 0.0, {"twice": 1, "told": 1}, 3 * STRONG, 3 / 4, id="level given"),
        pytest.param("once", {}, 0.9 * STRONG, {"once": 1}, None, 0, id="not strong"),
        pytest.param("twice", {}, 0.9 * STRONG, {"twice": 2}, None, 0, id="not strong, a pair"),
    ],
)
def test_denoise_photo_of_strong_noise_has_a_partner_that_looks_itself(
    told_networks, any_brightness, monkeypatch, model, options, sees, runs, told, share
):
    seen, lookers = watch(monkeypatch, sees=sees, adds={"told": 0.2})
    photo = noisy()
    lighter = np.median(denoise_photo(photo, model, **options).pixels.astype(float) - photo.pixels)
    assert lighter == pytest.approx(255 * 0.2 * share, abs=1)
    is_strong = told is not None
    looks = [("looks" if model == "judged" else model, {"enough": STRONG}), ("told", {"grain": GRAIN, "most_looks": 2})]
    assert lookers == ([] if "level" in options else looks[: 1 + is_strong])
    tiles = len(seen) // sum(runs.values())
    assert Counter(name for name, _ in seen) == {name: tiles * times for name, times in runs.items()}
    assert [level for name, level in seen if name == "told"] == pytest.approx([told] * tiles * runs.get("told", 0))


def test_denoise_photo_need_not_look_whether_noise_is_strong_that_is_strong_everywhere(told_networks, monkeypatch):
    seen, lookers = watch(monkeypatch, sees=2 * STRONG, adds={}, grain=Grain(1.5 * STRONG, 0.5))
    denoise_photo(noisy(), "once")
    assert [name for name, _ in lookers] == ["told"]
    assert Counter(name for name, _ in seen)["once"] == Counter(name for name, _ in seen)["told"] > 0


@pytest.mark.parametrize(
    ("model", "options", "runs", "told"),
    [
        pytest.param("looks", {}, {"works": 1}, 6 / 255, id="partner"),
        pytest.param("looks", {"best": True}, {"works": 4}, 6 / 255, id="best"),
        pytest.param("looks", {"strength": 2.0}, {"works": 1}, 12 / 255, id="removes more"),
        pytest.param("works", {}, {"works": 1}, 6 / 255, id="itself"),
    ],
)
def test_denoise_photo_leaves_white_noise_to_the_partner_that_knows_it(
    told_networks, monkeypatch, model, options, runs, told
):
    seen, lookers = watch(monkeypatch, sees=1 / 255, adds={}, grain=Grain(8 / 255, 0.9, white=9 / 255))
    denoise_photo(noisy(), model, **options)
    assert not lookers
    tiles = len(seen) // sum(runs.values())
    assert Counter(name for name, _ in seen) == {name: tiles * times for name, times in runs.items()}
    assert [level for _, level in seen] == pytest.approx([told] * len(seen))


@pytest.mark.parametrize(
    ("everywhere", "options", "share"),
    [
        pytest.param(1.0, {}, 0, id="clean"),
        pytest.param(1.3, {}, 0.5, id="perhaps clean"),
        pytest.param(1.3, {"strength": 0.5}, 0.25, id="perhaps clean, half of it"),
        pytest.param(1.6, {}, 1, id="noisy"),
        pytest.param(1.0, {"strength": 1.5}, 1, id="more than all"),
    ],
)
def test_denoise_photo_leaves_what_may_be_the_texture_of_a_clean_photo(
    told_networks, any_brightness, monkeypatch, everywhere, options, share
):
    watch(monkeypatch, sees=0.5 / 255, adds={"looks": 0.2, "works": 0.2}, grain=Grain(everywhere / 255))
    monkeypatch.setattr(pipeline, "smoothed_grain", lambda pixels: 0.0)
    photo = noisy()
    lighter = np.median(denoise_photo(photo, "looks", **options).pixels.astype(float) - photo.pixels)
    assert lighter == pytest.approx(255 * 0.2 * share, abs=1)


@pytest.mark.parametrize(("strength", "times"), [(1.0, 1), (2.0, 2)])
def test_denoise_photo_of_fine_grain_runs_a_pair_beside_a_partner_only_to_remove_more(
    told_networks, monkeypatch, strength, times
):
    seen = []

    def load(name):
        def network(tile, tile_level):
            seen.append(name)
            return tile

        return network

    monkeypatch.setattr(catalogue, "load_model", load)
    monkeypatch.setattr(pipeline, "estimate_level", lambda *args, **options: 0.5 / 255)
    monkeypatch.setattr(pipeline, "grain_of", lambda photo: NO_TEXTURE)
    monkeypatch.setattr(pipeline, "smoothed_grain", lambda pixels: 0.0)
    denoise_photo(noisy(), "looks", strength=strength)
    assert seen.count("looks") == times * seen.count("works") > 0


def test_denoise_photo_runs_a_pair_with_noise_of_the_estimated_level(told_networks, monkeypatch):
    seen = []

    def network(tile, level):
        seen.append((tile, level))
        return tile

    monkeypatch.setattr(catalogue, "load_model", lambda name: network)
    monkeypatch.setattr(pipeline, "estimate_level", lambda *args, **options: 1 / 255)
    monkeypatch.setattr(pipeline, "grain_of", lambda photo: NO_TEXTURE)
    photo = noisy()
    for smoothed, share in ((1.0, 1.0), (0.0, FINE)):  # a card's multiple is that of grain which a camera has smoothed
        monkeypatch.setattr(pipeline, "smoothed_grain", lambda pixels, smoothed=smoothed: smoothed)
        seen.clear()
        np.testing.assert_array_equal(denoise_photo(photo, "pair").pixels, photo.pixels)
        (plus, level), (minus, _) = seen
        np.testing.assert_allclose(level, 1 / 255)
        assert (plus - minus).std() / 2 == pytest.approx(share * 3 / 255, rel=0.05)
    seen.clear()
    denoise_photo(photo, "pair", best=True)
    assert len(seen) == 8


def test_denoise_photo_keeps_grey_grey_when_noise_is_added(told_networks):
    grey = np.repeat(noisy().pixels[..., :1], 3, axis=2)
    for model, options in (("pair", {}), ("told_pair", {"level": 0.01})):
        result = denoise_photo(Photo(grey), model, **options).pixels
        assert np.ptp(result, axis=2).max() == 0
        assert (result != grey).any()


@pytest.mark.parametrize("model", ["black-box", "unet"])
def test_denoise_photo_mends_stripes_and_blocks_that_no_network_sees(model):
    clean = data.astronaut()[128:384, 128:384]
    hard = cv2.imdecode(cv2.imencode(".jpg", clean[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 10])[1], cv2.IMREAD_COLOR)
    dark = clean // 4
    rows = np.rint(5 * np.random.default_rng(0).standard_normal((256, 1, 1)))
    for reference, pixels, gain in ((clean, hard[..., ::-1], 0.4), (dark, (dark + rows).clip(0, 255), 6)):
        photo = Photo(np.ascontiguousarray(pixels, np.uint8))
        result = denoise_photo(photo, model if model == "unet" else lambda tile, level: tile)
        assert psnr(reference, result.pixels) > psnr(reference, photo.pixels) + gain

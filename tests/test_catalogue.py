import cv2
import numpy as np
import pytest

from denoise.catalogue import default_for, denoiser_names, expected_seconds
from denoise.image import Photo
from denoise.registry import list_models

PHOTO = Photo(np.zeros((50, 70, 3), np.uint8))


def test_denoiser_names_lists_the_networks_and_then_non_local_means():
    names = denoiser_names()
    first, *_, last = names
    assert (first, last) == ("ridnet", "nlm")
    assert set(names) == {*list_models(), "nlm"}
    assert names["ridnet"].title == list_models()["ridnet"].title
    assert all(info.title and info.summary for info in names.values())


def test_default_for_big_photos_is_the_fast_network():
    def photo(width):
        return Photo(np.broadcast_to(np.uint8(0), (1000, width, 3)))

    assert [default_for(photo(width)) for width in (1, 2000, 2001)] == ["ridnet", "ridnet", "unet"]
    assert {"ridnet", "unet"} <= denoiser_names().keys()


def test_default_for_strong_noise_in_big_photos_is_the_network_that_is_told_of_it():
    def photo(sigma, width=2000, grain=2):
        noise = np.random.default_rng(0).normal(0, sigma, (1001, width, 3))
        return Photo(np.rint(128 + grain * cv2.blur(noise, (grain, grain))).clip(0, 255).astype(np.uint8))

    defaults = [default_for(photo(sigma)) for sigma in (0, 3, 6, 30)]
    assert defaults == ["unet", "unet", "unet-strong", "unet-strong"]
    assert default_for(photo(30, grain=1)) == "unet"  # which has a partner for white noise
    assert default_for(photo(30, 1000)) == "ridnet"
    assert denoiser_names()["unet-strong"].is_told


def test_expected_seconds_follow_the_photo_and_the_machine():
    small, large = (Photo(np.zeros((side, side, 3), np.uint8)) for side in (256, 256 + 3 * 192))
    known = denoiser_names()
    for name, info in known.items():
        if info.partner or info.judge:
            continue
        runs, first = 2 if info.pair else 1, int(info.needs_level)  # of a tile; to see how much noise there is
        tiles = 4 if name == "nlm" else 16
        assert expected_seconds(small, name) == pytest.approx((runs + first) * info.seconds)
        assert expected_seconds(large, name) == pytest.approx((tiles * runs + 2 * first) * info.seconds)
        best = 1 if name == "nlm" else 8
        assert expected_seconds(small, name, best=True) == pytest.approx((best + first) * info.seconds)
        assert expected_seconds(large, name, pace={name: 2.0}) == 2 * (tiles * runs + 2 * first)
    twice = {"ridnet": 9.0, "unet-strong": 2 * known["unet-strong"].seconds}  # by what was last at work
    assert expected_seconds(small, "cbdnet", pace=twice) == pytest.approx(2 * expected_seconds(small, "cbdnet"))
    assert expected_seconds(small, "nlm", pace=twice) == pytest.approx(2 * expected_seconds(small, "nlm"))


def test_expected_seconds_know_that_a_pair_was_timed(told_networks):
    for name, runs in (("told", 1), ("pair", 2)):  # of a tile in half a second; at first once more, for the level
        assert expected_seconds(PHOTO, name) == (runs + 1) * 0.5 / runs
        assert expected_seconds(PHOTO, name, best=True) == (8 + 1) * 0.5 / runs


def test_expected_seconds_know_who_works_with_whom(told_networks):
    pace = {"looks": 1.0, "works": 10.0}
    assert expected_seconds(PHOTO, "looks", pace=pace) == 2 + 1 + 10  # a pair of runs, a look, and the partner's run
    assert expected_seconds(PHOTO, "looks", best=True, pace=pace) == 8 + 1 + 4 * 10
    assert expected_seconds(PHOTO, "works", pace=pace) == 10 + 1
    assert expected_seconds(PHOTO, "works", pace={}) == 0.5 + 0.25

import threading
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from denoise.image import PhotoError
from denoise.training import data
from denoise.training.data import (
    CaseStudyPatches,
    Photos,
    RandomPatches,
    random_photograph,
    random_view,
)
from denoise.training.datasets import Pair, find_pairs
from denoise.training.train import split_by_pair

CONSTANT = 20
SMALL = {"batch_size": 4, "patch_size": 32, "steps": 3, "seed": 1}


def pairs_of(count: int, *, clean_alone: bool = False) -> list[Pair]:
    return [Pair(f"{n}", None if clean_alone else Path(f"{n}"), (Path(f"{n}.png"),), f"{n}") for n in range(count)]


class CountingReader:
    """Reads made-up photos, noisy = clean + CONSTANT, and counts how often, and how many are held at once."""

    def __init__(self, height: int = 60, width: int = 70, broken: tuple[str, ...] = ()) -> None:
        self.size, self.broken = (height, width, 3), broken
        self.reads: Counter[str] = Counter()
        self.held: list[weakref.ref[np.ndarray]] = []
        self.most_held = 0
        self.lock = threading.Lock()

    def __call__(self, pair: Pair) -> Photos:
        with self.lock:
            self.reads[pair.name] += 1
        if pair.name in self.broken:
            raise PhotoError(f"{pair.name}.png: broken")
        clean = np.random.default_rng(int(pair.name)).integers(0, 256 - CONSTANT, self.size, np.uint8)
        with self.lock:
            self.held = [*(photo for photo in self.held if photo() is not None), weakref.ref(clean)]
            self.most_held = max(self.most_held, len(self.held))
        return (None if pair.noisy is None else clean + np.uint8(CONSTANT)), clean


def equal(batch: Any, other: Any) -> bool:
    """Compares two batches array by array."""
    first, second = keras.tree.flatten(batch), keras.tree.flatten(other)
    return len(first) == len(second) and all(map(np.array_equal, first, second))


MAKERS: dict[str, Callable[..., Any]] = {
    "random, real": lambda seed=1, **kw: RandomPatches(
        pairs_of(9), read=CountingReader(), **{**SMALL, "seed": seed}, **kw
    ),
    "random, synthetic": lambda seed=1, **kw: RandomPatches(
        pairs_of(9, clean_alone=True), read=CountingReader(), **{**SMALL, "seed": seed}, **kw
    ),
    "case study": lambda seed=1, **kw: CaseStudyPatches(
        pairs_of(9), read=CountingReader(), batch_size=7, seed=seed, **kw
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("photos_in_memory", [2, 64])
def test_batches_depend_on_seed_epoch_and_index_alone(make: Callable[..., Any], photos_in_memory: int) -> None:
    whole = make(photos_in_memory=photos_in_memory)
    epochs = []
    for _ in range(3):
        epochs.append([whole[index] for index in range(3)])
        whole.on_epoch_end()
    resumed = make(photos_in_memory=photos_in_memory)
    resumed.epoch = 2
    assert all(equal(resumed[index], epochs[2][index]) for index in (2, 0, 1))
    different = [*epochs[0], *epochs[1], *epochs[2], make(2, photos_in_memory=photos_in_memory)[0]]
    assert not any(equal(a, b) for i, a in enumerate(different) for b in different[:i])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_batches_are_the_same_from_many_threads(make: Callable[..., Any]) -> None:
    alone, shared = make(photos_in_memory=4), make(photos_in_memory=4)
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(shared.__getitem__, [0, 1, 2] * 4))
    assert all(equal(batch, alone[index]) for batch, index in zip(batches, [0, 1, 2] * 4, strict=True))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_fixed_batches_are_the_same_every_epoch(make: Callable[..., Any]) -> None:
    validation = make(fixed=True)
    first = validation[1]
    validation.on_epoch_end()
    assert equal(validation[1], first)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_set_that_fits_is_read_once(make: Callable[..., Any]) -> None:
    patches = make()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            list(pool.map(patches.__getitem__, range(min(len(patches), 12))))
            patches.on_epoch_end()
    assert patches.read.reads == dict.fromkeys(map(str, range(9)), 1)


@pytest.mark.parametrize("photos_in_memory", [1, 4])
@pytest.mark.parametrize("clean_alone", [False, True], ids=["real", "synthetic"])
def test_random_patches_hold_no_more_photos_than_allowed(
    photos_in_memory: int, clean_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "PATCHES_PER_PHOTO", 1)
    reader = CountingReader()
    patches = RandomPatches(
        pairs_of(9, clean_alone=clean_alone),
        read=reader,
        photos_in_memory=photos_in_memory,
        **{**SMALL, "batch_size": 16},
    )
    for index in range(3):
        patches[index]
    assert len(reader.reads) == 9
    assert reader.most_held == photos_in_memory


@pytest.mark.parametrize("photos_in_memory", [1, 4])
def test_case_study_patches_hold_no_more_photos_than_allowed(
    photos_in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = CountingReader()
    monkeypatch.setattr(cv2, "resize", lambda photo, size: photo)  # so that the photos held are those read
    patches = CaseStudyPatches(pairs_of(9), read=reader, batch_size=100, photos_in_memory=photos_in_memory)
    patches.PHOTO_SIZE, patches.PATCH_SIZE = 32, 8
    patches[0]
    assert len(reader.reads) > photos_in_memory
    assert reader.most_held == photos_in_memory


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_photos_of_no_use_are_skipped_and_named(make: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    patches, intact = make(), make()
    patches.read.broken = ("3", "5")
    for index in range(len(patches)):
        assert [a.shape for a in keras.tree.flatten(patches[index])] == [
            a.shape for a in keras.tree.flatten(intact[index])
        ]
    patches.on_epoch_end()
    patches.on_epoch_end()
    for _ in range(40):
        patches.on_epoch_end()
        patches[0]
    patches.on_epoch_end()
    assert patches.read.reads["3"] == 1
    assert caplog.text.count("3.png: broken") == caplog.text.count("5.png: broken") == 1
    intact.on_epoch_end()
    assert caplog.text.count("photos were skipped: ") <= 2


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_batches_of_nothing_but_broken_photos_are_an_error(make: Callable[..., Any]) -> None:
    patches = make(photos_in_memory=2)
    patches.read.broken = tuple(map(str, range(9)))
    with pytest.raises(ValueError, match=r"None of the 9 photos .*png: broken"):
        patches[0]


def test_random_patches_skip_photos_that_are_too_small() -> None:
    patches = RandomPatches(pairs_of(2), read=CountingReader(31, 70), **SMALL)
    with pytest.raises(ValueError, match=r"\.png is 70×31 pixels, less than the 32 that are needed"):
        patches[0]


def test_random_patches_of_real_pairs_turn_both_sides_alike() -> None:
    patches = RandomPatches(pairs_of(9), read=CountingReader(), **SMALL)
    for index in range(3):
        (batch,) = patches[index]
        assert batch.keys() == {"noisy", "clean"}
        for side in batch.values():
            assert (side.dtype, side.shape) == (np.uint8, (4, 32, 32, 3))
        np.testing.assert_array_equal(batch["noisy"], batch["clean"] + np.uint8(CONSTANT))


def test_random_patches_come_from_everywhere_in_all_eight_positions() -> None:
    photo = np.zeros((40, 36, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.mgrid[:40, :36]
    settings: dict[str, Any] = {**SMALL, "batch_size": 64, "steps": 60}
    patches = RandomPatches(pairs_of(1), read=lambda pair: (photo, photo), **settings)
    seen = set()
    for index in range(60):
        for patch in patches[index][0]["clean"]:
            rows, columns = patch[..., 0].astype(int), patch[..., 1].astype(int)
            corner = rows.min(), columns.min()
            assert (rows.max() - rows.min(), columns.max() - columns.min()) == (31, 31)
            steps = rows[1, 0] - rows[0, 0], rows[0, 1] - rows[0, 0], columns[1, 0] - columns[0, 0]
            seen.add((*corner, *steps, columns[0, 1] - columns[0, 0]))
    assert len(seen) == 9 * 5 * 8


def test_random_patches_of_clean_photos_bring_cameras() -> None:
    (batch,) = RandomPatches(pairs_of(9, clean_alone=True), read=CountingReader(), **SMALL)[2]
    assert (batch["clean"].dtype, batch["clean"].shape) == (np.uint8, (4, 48, 48, 3))
    assert (batch["offset"].dtype, batch["offset"].shape) == (np.int32, (4, 2))
    assert batch["offset"].min() >= 0
    assert batch["offset"].max() <= 16
    assert batch["from_camera"].shape == (4, 3, 3)


def test_random_patches_of_clean_photos_hold_drawings_of_which_some_have_no_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings: dict[str, Any] = {**SMALL, "batch_size": 40, "read": CountingReader(64, 64)}
    pairs = pairs_of(9, clean_alone=True)
    batches = []
    for shares in ((0, 0), (1, 0), (0, 1)):
        monkeypatch.setattr(data, "DRAWN", shares[0])
        monkeypatch.setattr(data, "TONED", shares[1])
        batches += RandomPatches(pairs, **settings)[0]
    photos, drawn, toned = batches
    quiet = [batch["shot"] + batch["read"] + batch["white"] == 0 for batch in (photos, drawn)]
    assert quiet[0].mean() < 0.2 < quiet[1].mean() < 0.7
    differing = (np.abs(photos["clean"].astype(int) - drawn["clean"]).max(axis=(1, 2, 3)) > 0).mean()
    assert differing == 1
    grey = (np.ptp(toned["clean"], axis=3).max(axis=(1, 2)) == 0).mean()
    assert 0.2 < grey < 0.8  # the others are sepia
    for batch in (drawn, toned):
        assert (batch["clean"].dtype, batch["clean"].shape) == (np.uint8, (40, 48, 48, 3))


def test_random_patches_use_every_photo_alike_and_read_it_once_a_pass() -> None:
    reader, drawn = CountingReader(32, 32), Counter[int]()
    settings: dict[str, Any] = {**SMALL, "batch_size": 8, "steps": 25}
    patches = RandomPatches(pairs_of(100), read=reader, photos_in_memory=20, **settings)
    number_of = {np.sort(reader(pair)[1], axis=None).tobytes(): int(pair.name) for pair in pairs_of(100)}
    reader.reads.clear()
    for _ in range(4 * 4):  # 3200 patches: four passes
        for index in range(25):
            drawn.update(number_of[np.sort(patch, axis=None).tobytes()] for patch in patches[index][0]["clean"])
        patches.on_epoch_end()
    assert len(drawn) == 100
    assert max(drawn.values()) < 2 * 32
    assert min(drawn.values()) > 32 / 4
    assert sum(reader.reads.values()) <= 4 * 100 + 20


@pytest.mark.parametrize(
    ("pairs", "changes", "message"),
    [
        (pairs_of(2, clean_alone=True), {"patch_size": 40}, "multiple of 16"),
        (pairs_of(2), {"patch_size": 0}, "`patch_size` must be at least 1"),
        (pairs_of(2), {"steps": 0}, "`steps` must be at least 1"),
        ([], {}, "Received: none"),
        (pairs_of(1) + pairs_of(1, clean_alone=True), {}, "Received: both"),
    ],
    ids=["synthetic 40", "no size", "no steps", "no pairs", "mixed"],
)
def test_random_patches_refuse(pairs: list[Pair], changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomPatches(pairs, **{**SMALL, **changes})


def test_random_patches_read_files(pairs_folder: Path) -> None:
    (batch,) = RandomPatches(find_pairs(pairs_folder).pairs, **SMALL)[0]
    assert 0 < np.abs(batch["noisy"].astype(int) - batch["clean"]).mean() < 30


# The case study's way


def test_case_study_patches_have_the_numbers_of_the_case_study() -> None:
    training, held_out = split_by_pair(pairs_of(541), seed=0)
    reader = CountingReader(8, 8)
    for pairs, batches, last in ((training, 216, 32), (held_out, 55, 16)):  # 6912 and 1744 patches
        dataset = CaseStudyPatches(pairs, seed=0, read=reader)
        assert len(dataset) == batches
        assert sum(reader.reads.values()) == 0
        for index, count in ((0, 32), (batches - 1, last)):
            for side in dataset[index]:
                assert (side.dtype, side.shape) == (np.float32, (count, 256, 256, 3))
        reader.reads.clear()


def test_case_study_patches_are_the_resized_photo_cut_and_divided() -> None:
    dataset = CaseStudyPatches(pairs_of(1), batch_size=16, seed=0, read=CountingReader())
    noisy, clean = dataset[0]
    photo = cv2.resize(CountingReader()(pairs_of(1)[0])[1], (1024, 1024)).astype(np.float32) / 255
    expected = photo.reshape(4, 256, 4, 256, 3).swapaxes(1, 2).reshape(16, -1)
    order = [int(np.abs(expected - patch.reshape(1, -1)).mean(axis=1).argmin()) for patch in clean]
    assert sorted(order) == list(range(16))
    assert order != list(range(16))
    np.testing.assert_allclose(clean.reshape(16, -1), expected[order], atol=1e-6)
    np.testing.assert_allclose(noisy, clean + CONSTANT / 255, atol=1.01 / 255)  # rounded when resized


@pytest.mark.parametrize("photos_in_memory", [4, 64])
def test_case_study_patches_come_once_an_epoch(photos_in_memory: int) -> None:
    reader = CountingReader(16, 16)
    dataset = CaseStudyPatches(pairs_of(7), batch_size=10, seed=3, photos_in_memory=photos_in_memory, read=reader)
    seen = Counter(patch.tobytes() for index in range(len(dataset)) for patch in dataset[index][1])
    assert len(seen) == 7 * 16
    assert set(seen.values()) == {1}
    assert set(reader.reads.values()) == {1}


def test_case_study_patches_refuse_clean_photos() -> None:
    with pytest.raises(ValueError, match="Received: 0 without a noisy one"):
        CaseStudyPatches(pairs_of(2, clean_alone=True))
    with pytest.raises(ValueError, match="Received: none"):
        CaseStudyPatches([])


# Feeding


def fineness(view: np.ndarray) -> float:
    """Mean difference between neighbours, in levels."""
    return float(np.abs(np.diff(view.astype(float), axis=1)).mean())


def test_random_view_is_a_part_of_the_photo_or_softer() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (70, 80, 3), np.uint8)
    views = [random_view(photo, 48, np.random.default_rng(seed)) for seed in range(60)]
    assert {view.shape for view in views} == {(48, 48, 3)}
    parts = np.lib.stride_tricks.sliding_window_view(photo, (48, 48, 3))[:, :, 0]
    exact = [bool((parts == view).all(axis=(2, 3, 4)).any()) for view in views]
    assert 0.25 < np.mean(exact) < 0.55
    softness = [fineness(view) / fineness(photo) for view, is_exact in zip(views, exact, strict=True) if not is_exact]
    assert min(softness) < 0.45 < 0.7 < max(softness) < 1


def test_random_photograph_is_noisy_as_often_as_the_cameras_are() -> None:
    photo = np.full((64, 64, 3), 120, np.uint8)
    pairs = [random_photograph(photo, 48, np.random.default_rng(seed)) for seed in range(40)]
    assert all(noisy.shape == clean.shape == (48, 48, 3) for noisy, clean in pairs)
    noise = np.array([255 * np.std(noisy - clean) for noisy, clean in pairs])
    assert noise.min() < 1 < 2 < np.median(noise) < 12 < noise.max()
    again = random_photograph(photo, 48, np.random.default_rng(3))
    np.testing.assert_array_equal(again, pairs[3])

"""Batches of patches for training, cut from photos that are decoded when they are needed.

Two ways: `RandomPatches` (native resolution) and `CaseStudyPatches`. A batch depends on (seed, epoch, index) alone, so
a resumed run sees what an uninterrupted one would have seen.
"""

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from denoise import Image, camera, image
from denoise.image import PhotoError
from denoise.training import drawings
from denoise.training.datasets import Pair, Pixels8, read_pair

_log = logging.getLogger(__name__)

Photos = tuple[Pixels8 | None, Pixels8]
"""(noisy, clean), each uint8 (H, W, 3) RGB; noisy is `None` if the noise is to be synthesised."""

PATCHES_PER_PHOTO = 8
"""Random patches drawn of a photo, on average, each time that it is decoded."""
SHARP = 0.4
"""Share of patches of clean photos that stay as sharp as the photo is."""
LARGEST_ZOOM = 3.0
DRAWN, TONED = 0.12, 0.05
"""Shares of the clean patches that are drawn (`denoise.training.drawings`), and that are black and white or sepia."""
NOISELESS = 0.35
"""Share of the drawings without noise, as most are; JPEG they may have been."""
WHITE_LEVELS = (1.5, 60.0)
"""Weakest and strongest noise, in levels of 255, of patches that have white noise alone; even by its logarithm."""
_NOISES = ("shot", "read", "banding", "columns", "hot_raw", "hot", "white")


class Patches(keras.utils.PyDataset):
    """Batches of patches of photos that are decoded when they are needed.

    Photos that cannot be read, or are too small, are skipped, with a warning at the end of the epoch.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        batch_size: int = 32,
        seed: int = 0,
        fixed: bool = False,
        photos_in_memory: int = 64,
        workers: int = 2,
        read: Callable[[Pair], Photos] = read_pair,
    ) -> None:
        """Prepare the batches; nothing is read yet.

        Args:
            pairs: At least one.
            batch_size: Patches a batch, N.
            seed: Seed of everything random here.
            fixed: The same batches every epoch, for validation.
            photos_in_memory: How many pairs are held decoded: those that patches are drawn from, and as many just gone.
            workers: Threads that make batches in the background; with 1, some Keras backends use none at all.
            read: Reads one pair.

        Raises:
            ValueError: If a number is not positive.
        """
        super().__init__(workers=workers)
        _check_positive(batch_size=batch_size, photos_in_memory=photos_in_memory)
        self.batch_size, self.seed, self.fixed, self.read = batch_size, seed, fixed, read
        self.window = len(pairs) if len(pairs) <= photos_in_memory else max(1, photos_in_memory // 2)
        self.cache = _PhotoCache(pairs, photos_in_memory, self._load)
        self.order = lru_cache(maxsize=4)(self._order)
        self.epoch = 0

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's batches, and warn of photos that were skipped."""
        self.cache.warn()
        if not self.fixed:
            self.epoch += 1

    def _order(self, number: int) -> NDArray[np.int64]:
        """Returns the order of the photos, or of their patches, in a pass over the set."""
        raise NotImplementedError

    def _load(self, pair: Pair) -> Photos:
        raise NotImplementedError


class RandomPatches(Patches):
    """Batches of random patches at native resolution, turned and flipped at random.

    Clean photos, on which noise will be synthesised, are sharper than what a camera records: they were made smaller. At
    native resolution lens and demosaicing leave the finest frequencies almost empty, which is how noise is told from
    texture there. So most of their patches are zoomed into, by up to `LARGEST_ZOOM`.

    Patches are drawn from a window that slides over the photos in random order: each photo enters it once in a pass
    over the set, gives `PATCHES_PER_PHOTO` patches on average, and leaves. So at most `photos_in_memory` decoded photos
    are held, half of them in the window and half just gone (plus what each worker is reading); a set that fits is
    decoded once only.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        patch_size: int,
        steps: int,
        noiseless: float = 0.0,
        white: float = 0.0,
        **options: Any,
    ) -> None:
        """Prepare the batches; nothing is read yet.

        Args:
            pairs: All with a noisy photo, or all without one.
            patch_size: Height and width of the patches that the network will see, P; for synthesised noise a multiple
                of 16.
            steps: Batches an epoch.
            noiseless: Share of clean patches that stay without noise, beside those of `camera.sample_parameters`.
            white: Share of the others whose only noise is white and Gaussian, as FFDNet learns (arXiv:1710.04026).
            **options: See `Patches`; pairs of 16 megapixels take 96 MB each in memory, so cut them first.

        Raises:
            ValueError: If there are no pairs, some have a noisy photo and some not, a number is not positive, or the
                patch size is not a multiple of 16 where it must be.
        """
        _check_positive(patch_size=patch_size, steps=steps)
        kinds = {pair.noisy is None for pair in pairs}
        if len(kinds) != 1:
            raise ValueError(
                f"`pairs` must all have a noisy photo, or all be clean ones. Received: {'both' if kinds else 'none'}"
            )
        self.is_synthetic = kinds.pop()
        if self.is_synthetic and patch_size % camera.MULTIPLE:
            raise ValueError(f"`patch_size` must be a multiple of {camera.MULTIPLE}. Received: {patch_size}")
        # One JPEG block more than the network sees: the crop hides the grid's phase and the simulated borders.
        self.size = patch_size + camera.MULTIPLE if self.is_synthetic else patch_size
        self.steps, self.noiseless, self.white = steps, noiseless, white
        super().__init__(pairs, **options)

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.steps

    def __getitem__(self, index: int) -> tuple[dict[str, NDArray[Any]]]:
        """Draw a batch.

        Returns:
            Of real pairs `noisy` and `clean`, uint8 (N, P, P, 3). Of clean photos `clean`, uint8 (N, S, S, 3), S being
            P + 16, `offset`, int32 (N, 2), at which P is to be cropped out of S, and the parameters of N cameras.

        Raises:
            ValueError: If not a single photo can be used.
        """
        rng = np.random.default_rng([self.seed, self.epoch, index])
        first = (self.epoch * self.steps + index) * self.batch_size
        patches = [self._patch(number, rng) for number in range(first, first + self.batch_size)]
        if not self.is_synthetic:
            noisy, clean = (np.stack(side) for side in zip(*patches, strict=True))
            return ({"noisy": noisy, "clean": clean},)
        clean = np.stack([patch for (patch,) in patches])
        offset = np.tile(rng.integers(0, camera.MULTIPLE + 1, 2, dtype=np.int32), (self.batch_size, 1))
        parameters = camera.sample_parameters(rng, self.batch_size)
        is_white = rng.random(self.batch_size) < self.white
        for name in (*_NOISES, "jpeg", "jpeg_again"):
            parameters[name] *= ~is_white
        level = np.exp(rng.uniform(np.log(WHITE_LEVELS[0]), np.log(WHITE_LEVELS[1]), self.batch_size)) / 255
        parameters["white"] += np.float32(level) * is_white
        parameters["resize"][is_white] = 1.0
        for place in np.flatnonzero(rng.random(self.batch_size) < DRAWN):
            clean[place] = drawings.random_drawing(self.size, rng)
            if rng.random() < NOISELESS:
                for name in (*_NOISES, "mosaic"):
                    parameters[name][place] = 0
        is_noisy = rng.random(self.batch_size) >= self.noiseless
        for name in _NOISES:
            parameters[name] *= is_noisy
        for place in np.flatnonzero(rng.random(self.batch_size) < TONED):
            clean[place] = drawings.tone(clean[place], rng)
        return ({"clean": clean, "offset": offset, **parameters},)

    def _patch(self, number: int, rng: np.random.Generator) -> list[Pixels8]:
        """Draws the patch of this number, counted from the beginning of the run, of every side that there is."""
        position = number // PATCHES_PER_PHOTO + int(rng.integers(self.window))
        count = len(self.cache.pairs)
        photos = self.cache.first_usable(
            int(self.order(place // count)[place % count]) for place in range(position, position + 2 * count)
        )
        if self.is_synthetic:
            patches = [random_view(photos[1], self.size, rng)]
        else:
            y, x = (int(rng.integers(0, length - self.size + 1)) for length in photos[1].shape[:2])
            patches = [photo[y : y + self.size, x : x + self.size] for photo in photos if photo is not None]
        turns, flip = int(rng.integers(4)), int(rng.integers(2))
        # A copy, because a view would keep the whole photo in memory.
        return [np.rot90(patch, turns)[:, :: -1 if flip else 1].copy() for patch in patches]

    def _order(self, number: int) -> NDArray[np.int64]:
        """Returns the order of the photos in pass `number`; the fourth word keeps its chance apart from a batch's."""
        return np.random.default_rng([self.seed, number, 0, 1]).permutation(len(self.cache.pairs))

    def _load(self, pair: Pair) -> Photos:
        photos = self.read(pair)
        height, width = photos[1].shape[:2]
        if min(height, width) < self.size:
            raise PhotoError(f"{pair.clean[0]} is {width}×{height} pixels, less than the {self.size} that are needed")
        return photos


def random_view(clean: Pixels8, size: int, rng: np.random.Generator) -> Pixels8:
    """Cut a square out of a clean photo at random, as sharp as it is or zoomed into; no side is shorter than `size`."""
    zoom = 1.0 if rng.random() < SHARP else rng.uniform(1.0, LARGEST_ZOOM)
    side = math.ceil(size / zoom)
    y, x = (int(rng.integers(0, length - side + 1)) for length in clean.shape[:2])
    view = clean[y : y + side, x : x + side]
    return view if side == size else np.asarray(cv2.resize(view, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def random_photograph(clean: Pixels8, size: int, rng: np.random.Generator) -> tuple[Image, Image]:
    """Make a noisy patch and its clean reference as a training step makes them, but one alone and by numpy.

    Returns:
        Noisy and clean, each (size, size, 3) in [0, 1]; `size` is a multiple of 16.
    """
    view = image.to_float(random_view(clean, size, rng))[None]
    parameters = camera.sample_parameters(rng, 1)
    simulated = camera.simulate(view, parameters, rng.standard_normal(view.shape, np.float32))
    noisy, target = camera.resave(*simulated, parameters)
    return noisy[0], target[0]


class CaseStudyPatches(Patches):
    """Batches as the case study makes them: photos squeezed to 1024×1024, 16 patches of 256×256 each, divided by 255.

    Source: S. Solomon, "Image Denoising using Deep Learning" (Analytics Vidhya, 2021), chapters "Creating patches" and
    "Input data pipeline"; the resizing, bilinear without regard to the aspect ratio, as in its published code.

    Every patch comes once an epoch. The photos are taken in random order, in groups of half of `photos_in_memory` (a
    set that fits is one group and decoded once only), and the patches of a group are shuffled: the case study shuffles
    all, but holds them all in memory. The patches of a photo that cannot be read are replaced by those of the next one.
    """

    PHOTO_SIZE = 1024
    PATCH_SIZE = 256
    PATCHES = (PHOTO_SIZE // PATCH_SIZE) ** 2

    def __init__(self, pairs: Sequence[Pair], **options: Any) -> None:
        """Prepare the batches of pairs, which in memory take 6 MB each, resized; nothing is read yet. See `Patches`.

        Raises:
            ValueError: If there are no pairs, one has no noisy photo, or a number is not positive.
        """
        without = [pair.name for pair in pairs if pair.noisy is None]
        if without or not pairs:
            raise ValueError(
                "The case study's way needs pairs of noisy and clean photos. "
                f"Received: {f'{without[0]} without a noisy one' if without else 'none'}"
            )
        super().__init__(pairs, **options)

    def __len__(self) -> int:
        """Batches an epoch, of which the last may be smaller."""
        return math.ceil(len(self.cache.pairs) * self.PATCHES / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Make a batch (noisy, clean), each float32 (N, 256, 256, 3) in [0, 1].

        Raises:
            ValueError: If not a single photo can be used.
        """
        numbers = self.order(self.epoch)[index * self.batch_size : (index + 1) * self.batch_size]
        noisy, clean = zip(*(self._patch(int(number)) for number in numbers), strict=True)
        return image.to_float(np.stack(noisy)), image.to_float(np.stack(clean))

    def _patch(self, number: int) -> list[Pixels8]:
        photo, place = divmod(number, self.PATCHES)
        count = len(self.cache.pairs)
        photos = self.cache.first_usable((photo + step) % count for step in range(count))
        y, x = (self.PATCH_SIZE * step for step in divmod(place, self.PHOTO_SIZE // self.PATCH_SIZE))
        patches = (side[y : y + self.PATCH_SIZE, x : x + self.PATCH_SIZE] for side in photos if side is not None)
        return [patch.copy() for patch in patches]  # a view would keep the whole photo in memory

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Returns 16 · photo + patch for every patch of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        photos = rng.permutation(len(self.cache.pairs))
        numbers = photos[:, None] * self.PATCHES + np.arange(self.PATCHES)
        groups = (numbers[start : start + self.window].ravel() for start in range(0, len(photos), self.window))
        return np.concatenate([rng.permutation(group) for group in groups])

    def _load(self, pair: Pair) -> Photos:
        noisy, clean = (
            None if photo is None else np.asarray(cv2.resize(photo, (self.PHOTO_SIZE, self.PHOTO_SIZE)), np.uint8)
            for photo in self.read(pair)
        )
        assert clean is not None
        return noisy, clean


class _PhotoCache:
    """The decoded photos that were used last; any thread may ask, and each photo is read by one of them."""

    def __init__(self, pairs: Sequence[Pair], capacity: int, load: Callable[[Pair], Photos]) -> None:
        self.pairs, self.capacity, self.load = pairs, capacity, load
        self.skipped: dict[int, str] = {}
        self.warned = 0
        self.lock = threading.Lock()
        self.photos: OrderedDict[int, Future[Photos | None]] = OrderedDict()

    def first_usable(self, numbers: Iterable[int]) -> Photos:
        """Returns the first of these photos that can be used.

        Raises:
            ValueError: If there is none.
        """
        for number in numbers:
            if number not in self.skipped and (photos := self._get(number)) is not None:
                return photos
        reason = next(iter(self.skipped.values()))
        raise ValueError(f"None of the {len(self.pairs)} photos of the data set can be used. The first: {reason}")

    def warn(self) -> None:
        """Warns once of each photo that was skipped."""
        reasons = list(self.skipped.values())[self.warned :]
        self.warned += len(reasons)
        if reasons:
            _log.warning("%d photos were skipped: %s", len(reasons), "; ".join(reasons))

    def _get(self, number: int) -> Photos | None:
        with self.lock:
            future = self.photos.get(number)
            is_mine = future is None
            if future is None:
                while len(self.photos) >= self.capacity:
                    self.photos.popitem(last=False)
                future = self.photos[number] = Future()
            self.photos.move_to_end(number)
        if is_mine:
            try:
                future.set_result(self.load(self.pairs[number]))
            except (PhotoError, OSError) as error:
                self.skipped[number] = str(error)
                future.set_result(None)
            except BaseException as error:
                future.set_exception(error)  # other threads may be waiting for it
        return future.result()


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {number}")

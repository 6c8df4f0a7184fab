"""Clean photos from a folder, cut into random patches with random cameras to photograph them again."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from denoise import camera, image

CleanPhotos = dict[str, NDArray[np.uint8]]
"""Clean photos by file name, each uint8 (H, W, 3) RGB."""


def load_clean_photos(folder: Path) -> CleanPhotos:
    """Read every JPEG and PNG of a folder.

    Args:
        folder: The folder; it is not searched deeper.

    Returns:
        The photos by file name, in alphabetical order.

    Raises:
        FileNotFoundError: If the folder does not exist or holds no photo.
        denoise.image.PhotoError: If one cannot be read.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise FileNotFoundError(f"The data folder must hold clean photos (JPEG or PNG). Received: {folder}")
    decoded = ((path.name, image.decode(path.read_bytes()).pixels) for path in paths)
    return {name: np.asarray(image.to_depth(pixels, np.uint8), np.uint8) for name, pixels in decoded}


def split_by_scene(photos: CleanPhotos, share: float = 0.05) -> tuple[CleanPhotos, CleanPhotos]:
    """Hold out a share of the scenes for validation, so that no scene stands on both sides.

    A scene is what the file name says before its last three underscores (scale and position of the tile).

    Args:
        photos: Photos by file name.
        share: Share of scenes to hold out, in (0, 1).

    Returns:
        The photos to train on and those to validate on.
    """
    scene_of = {name: name.rsplit("_", 3)[0] for name in photos}
    scenes = sorted(set(scene_of.values()))
    every = max(2, round(1 / share))
    held_out = set(scenes[every // 2 :: every])
    training = {name: photo for name, photo in photos.items() if scene_of[name] not in held_out}
    return training, {name: photo for name, photo in photos.items() if scene_of[name] in held_out}


class SyntheticPatches(keras.utils.PyDataset):
    """Batches of clean patches with the cameras that will photograph them.

    A batch depends on (seed, epoch, index) alone, so a resumed run sees what an uninterrupted one would have seen.
    """

    def __init__(
        self, photos: CleanPhotos, *, batch_size: int, patch_size: int, steps: int, seed: int, fixed: bool = False
    ) -> None:
        """Prepare the batches of one epoch.

        Args:
            photos: Clean photos, none smaller than patch and margin in height or width.
            batch_size: Patches a batch.
            patch_size: Height and width of the patches that the network will see; a multiple of 16.
            steps: Batches an epoch.
            seed: Seed of everything random here.
            fixed: The same batches every epoch, for validation.

        Raises:
            ValueError: If a photo is too small, or the patch size is not a multiple of 16.
        """
        super().__init__()
        if patch_size % camera.MULTIPLE:
            raise ValueError(f"`patch_size` must be a multiple of {camera.MULTIPLE}. Received: {patch_size}")
        # One JPEG block more than the network sees: the crop hides the grid's phase and the simulated borders.
        self.size = patch_size + camera.MULTIPLE
        self.names = sorted(photos)
        small = [name for name in self.names if min(photos[name].shape[:2]) < self.size]
        if small:
            raise ValueError(f"Photos must be at least {self.size} pixels high and wide. Received: {small[0]}")
        self.photos, self.batch_size, self.steps, self.seed, self.fixed = photos, batch_size, steps, seed, fixed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.steps

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's batches."""
        if not self.fixed:
            self.epoch += 1

    def __getitem__(self, index: int) -> tuple[dict[str, NDArray[np.generic]]]:
        """Draw a batch: `clean` uint8 (N, S, S, 3), `offset` int32 (N, 2) and the parameters of N cameras."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        clean = np.stack([self._patch(rng) for _ in range(self.batch_size)])
        offset = np.tile(rng.integers(0, camera.MULTIPLE + 1, 2, dtype=np.int32), (self.batch_size, 1))
        return ({"clean": clean, "offset": offset, **camera.sample_parameters(rng, self.batch_size)},)

    def _patch(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        photo = self.photos[self.names[rng.integers(len(self.names))]]
        y, x = (rng.integers(0, length - self.size + 1) for length in photo.shape[:2])
        patch: NDArray[np.uint8] = np.rot90(photo[y : y + self.size, x : x + self.size], int(rng.integers(4)))
        return patch[:, ::-1] if rng.integers(2) else patch


def load_pairs(folder: Path) -> dict[str, tuple[image.Photo, image.Photo]]:
    """Read pairs of equal names from `noisy/` and `clean/` below a folder; clean photos alone are allowed too.

    Args:
        folder: Holds `noisy/` and `clean/`, or nothing but clean photos, which then stand on both sides.

    Returns:
        (noisy, clean) by file name.

    Raises:
        FileNotFoundError: If the folder holds no photo, or a noisy photo has no clean one.
    """
    if not (folder / "noisy").is_dir():
        clean = {p.name: image.decode(p.read_bytes()) for p in _photos(folder)}
        return {name: (photo, photo) for name, photo in clean.items()}
    pairs = {}
    for path in _photos(folder / "noisy"):
        partner = folder / "clean" / path.name
        if not partner.exists():
            raise FileNotFoundError(f"Every noisy photo needs a clean one of the same name. Missing: {partner}")
        pairs[path.name] = (image.decode(path.read_bytes()), image.decode(partner.read_bytes()))
    return pairs


def _photos(folder: Path) -> list[Path]:
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower().lstrip(".") in image.SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"The data folder must hold photos. Received: {folder}")
    return paths

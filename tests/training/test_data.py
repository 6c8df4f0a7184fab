import shutil
from pathlib import Path

import numpy as np
import pytest

from denoise.training.data import SyntheticPatches, load_clean_photos, load_pairs, split_by_scene


def patches(folder: Path, **changes: int) -> SyntheticPatches:
    settings = {"batch_size": 4, "patch_size": 32, "steps": 3, "seed": 1, **changes}
    return SyntheticPatches(load_clean_photos(folder), **settings)


def test_load_clean_photos_of_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_clean_photos(tmp_path / "nowhere")


def test_split_by_scene_keeps_scenes_apart(clean_folder: Path) -> None:
    training, held_out = split_by_scene(load_clean_photos(clean_folder), share=0.34)

    def scenes(names: object) -> set[str]:
        return {name.split("_")[0] for name in names}  # type: ignore[attr-defined]

    assert len(training) + len(held_out) == 6
    assert scenes(training) | scenes(held_out) == {"astronaut", "chelsea", "coffee"}
    assert held_out
    assert not scenes(training) & scenes(held_out)


def test_synthetic_patches_depend_on_seed_epoch_and_index_alone(clean_folder: Path) -> None:
    (batch,), (again,) = patches(clean_folder)[2], patches(clean_folder)[2]
    assert batch["clean"].shape == (4, 48, 48, 3)
    assert all(np.array_equal(batch[key], again[key]) for key in batch)
    resumed, other_seed = patches(clean_folder), patches(clean_folder, seed=2)
    resumed.epoch = 1
    continued = patches(clean_folder)
    continued.on_epoch_end()
    assert np.array_equal(continued[0][0]["clean"], resumed[0][0]["clean"])
    assert not np.array_equal(batch["clean"], other_seed[2][0]["clean"])
    assert not np.array_equal(batch["clean"], resumed[2][0]["clean"])


@pytest.mark.parametrize("patch_size", [40, 96], ids=["no multiple of 16", "larger than the photos"])
def test_synthetic_patches_refuse_a_size(clean_folder: Path, patch_size: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        patches(clean_folder, patch_size=patch_size)


def test_load_pairs_reads_both_sides(pairs_folder: Path) -> None:
    pairs = load_pairs(pairs_folder)
    assert sorted(pairs) == ["astronaut.png", "chelsea.png"]
    noisy, clean = pairs["chelsea.png"]
    assert noisy.pixels.shape == clean.pixels.shape == (64, 80, 3)
    assert not np.array_equal(noisy.pixels, clean.pixels)


def test_load_pairs_of_clean_photos_alone_stands_on_both_sides(pairs_folder: Path) -> None:
    noisy, clean = load_pairs(pairs_folder / "clean")["astronaut.png"]
    assert np.array_equal(noisy.pixels, clean.pixels)


def test_load_pairs_without_a_clean_partner_names_it(pairs_folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(pairs_folder, tmp_path / "broken")
    (broken / "clean" / "chelsea.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"chelsea\.png"):
        load_pairs(broken)


def test_synthetic_patches_fixed_are_the_same_every_epoch(clean_folder: Path) -> None:
    validation = patches(clean_folder, fixed=True)
    first = validation[1][0]["clean"]
    validation.on_epoch_end()
    assert np.array_equal(validation[1][0]["clean"], first)

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from denoise import image
from denoise.image import PhotoError
from denoise.training.datasets import (
    Pair,
    PairedSet,
    describe,
    find_pairs,
    read_pair,
)

HEIGHT, WIDTH = 32, 40


def write(path: Path, pixels: int | np.ndarray = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """Writes a photo of one grey, or of these pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(pixels, int):
        pixels = np.full((*size, 3), pixels, np.uint8)
    PillowImage.fromarray(pixels).save(path)
    return path


def sidd(folder: Path) -> Path:
    for shot, prefix, numbers in (
        ("0001_001_S6_00100_00060_3200_L", "0001_", ("010", "011")),
        ("0002_001_GP_00800_00350_3200_N", "", ("010",)),
        ("0003_002_IP_00400_00350_5500_H", "0003_", ("010",)),
    ):
        for number in numbers:
            write(folder / "Data" / shot / f"{prefix}NOISY_SRGB_{number}.PNG", 90)
            write(folder / "Data" / shot / f"{prefix}GT_SRGB_{number}.PNG", 100)
    return folder


def renoir(folder: Path) -> Path:
    for camera, batch, shots in (("Mi3", "001", 2), ("Mi3", "002", 1), ("S90", "001", 1), ("T3i", "040", 1)):
        there = folder / f"{camera}_Aligned" / f"Batch_{batch}"
        write(there / "IMG_1Reference.bmp", 100)
        write(there / "IMG_2full.bmp", 103)
        write(there / "Mask.bmp", 255)
        for shot in range(shots):
            write(there / f"IMG_{3 + shot}Noisy.bmp", 90)
    return folder


def noisy_and_clean(folder: Path, names: Sequence[str] = ("a.png", "b.JPG")) -> Path:
    for name in names:
        write(folder / "noisy" / name, 90)
        write(folder / "clean" / name, 100)
    return folder


def pair(name: str, scene: str) -> Pair:
    return Pair(name, Path("noisy") / name, (Path("clean") / name,), scene)


# Finding


@pytest.mark.parametrize("below", ["", "Data"], ids=["folder above", "Data itself"])
def test_find_pairs_reads_sidd(tmp_path: Path, below: str) -> None:
    found = find_pairs(sidd(tmp_path) / below)
    assert (found.layout, found.problems) == ("sidd", ())
    assert [(p.name, p.scene, p.camera, p.iso) for p in found.pairs] == [
        ("0001_001_S6_00100_00060_3200_L_010", "001", "Galaxy S6 Edge", 100),
        ("0001_001_S6_00100_00060_3200_L_011", "001", "Galaxy S6 Edge", 100),
        ("0002_001_GP_00800_00350_3200_N_010", "001", "Google Pixel", 800),
        ("0003_002_IP_00400_00350_5500_H_010", "002", "iPhone 7", 400),
    ]
    first = found.pairs[1]
    assert first.noisy is not None
    assert (first.noisy.name, first.clean[0].name) == ("0001_NOISY_SRGB_011.PNG", "0001_GT_SRGB_011.PNG")


def test_find_pairs_reads_renoir(tmp_path: Path) -> None:
    found = find_pairs(renoir(tmp_path))
    assert (found.layout, found.problems) == ("renoir", ())
    assert [(p.name, p.scene, p.camera) for p in found.pairs] == [
        ("Mi3_Batch_001_IMG_3Noisy", "Mi3_Batch_001", "Xiaomi Mi3"),
        ("Mi3_Batch_001_IMG_4Noisy", "Mi3_Batch_001", "Xiaomi Mi3"),
        ("Mi3_Batch_002_IMG_3Noisy", "Mi3_Batch_002", "Xiaomi Mi3"),
        ("S90_Batch_001_IMG_3Noisy", "S90_Batch_001", "Canon S90"),
        ("T3i_Batch_040_IMG_3Noisy", "T3i_Batch_040", "Canon T3i"),
    ]
    assert [path.name for path in found.pairs[0].clean] == ["IMG_1Reference.bmp", "IMG_2full.bmp"]


def test_find_pairs_tells_of_a_second_layout(tmp_path: Path) -> None:
    sidd(tmp_path)
    renoir(tmp_path)
    found = find_pairs(tmp_path)
    assert found.layout == "sidd"
    assert any("There are 5 photos in the layout renoir" in problem for problem in found.problems)
    assert find_pairs(tmp_path, "renoir").problems == ()


def test_find_pairs_reads_one_camera_of_renoir_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(renoir(tmp_path) / "S90_Aligned")
    assert [p.camera for p in find_pairs(Path()).pairs] == ["Canon S90"]


def test_find_pairs_reads_noisy_and_clean(tmp_path: Path) -> None:
    noisy_and_clean(tmp_path)
    noisy_and_clean(tmp_path / "night")
    write(tmp_path / "noisy" / "c.PNG")
    write(tmp_path / "clean" / "c.jpg")
    found = find_pairs(tmp_path)
    assert (found.layout, found.problems) == ("pairs", ())
    assert [p.name for p in found.pairs] == ["a", "b", "c", "night_a", "night_b"]
    assert found.pairs[2].clean == (tmp_path / "clean" / "c.jpg",)


def test_find_pairs_reads_clean_photos(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "._a.png", "c.tif"):
        write(tmp_path / "a.png").rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a photo")
    found = find_pairs(tmp_path)
    assert (found.layout, found.problems) == ("clean", ())
    assert [(p.name, p.noisy, p.clean[0].name) for p in found.pairs] == [("b", None, "b.JPG"), ("c", None, "c.tif")]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("BuddiesOfBudgie__high-trestle-trail_3x_42_448", ("BuddiesOfBudgie__high-trestle-trail", "", None)),
        ("xubuntu__Untitled_0026_by_Mike_Sinko_6x_21_1216", ("xubuntu__Untitled_0026_by_Mike_Sinko", "", None)),
        ("Canon5D2_5_160_6400_bicycle_10", ("bicycle", "Canon5D2", 6400)),
        ("Sony_3-5_200_1600_classroom_14", ("classroom", "Sony", 1600)),
        ("Canon600D_3-5_125_1600_waterhouse_11", ("waterhouse", "Canon600D", 1600)),
        ("kodim07", ("kodim07", "", None)),
        ("11", ("11", "", None)),
        ("IMG_1234", ("IMG_1234", "", None)),
        ("kitchen_2_11", ("kitchen", "", None)),
        ("0001_001_S6_00100_00060_3200_L_011", ("001", "Galaxy S6 Edge", 100)),
        ("Mi3_Batch_001_IMG_20160202_015247Noisy", ("Mi3_Batch_001", "Xiaomi Mi3", None)),
    ],
)
@pytest.mark.parametrize("piece", ["", "_1x_0_484"], ids=["whole", "piece"])
def test_find_pairs_reads_names(tmp_path: Path, name: str, facts: tuple[str, str, int | None], piece: str) -> None:
    noisy_and_clean(tmp_path, [f"{name}{piece}.png"])
    (found,) = find_pairs(tmp_path).pairs
    assert (found.scene, found.camera, found.iso) == facts


def broken_sidd(folder: Path) -> None:
    data = sidd(folder) / "Data"
    (data / "0001_001_S6_00100_00060_3200_L" / "0001_GT_SRGB_010.PNG").unlink()
    (data / "0001_001_S6_00100_00060_3200_L" / "0001_NOISY_SRGB_011.PNG").unlink()
    write(data / "0003_002_IP_00400_00350_5500_H" / "GT_SRGB_010.PNG")
    write(data / "0003_002_IP_00400_00350_5500_H" / "preview.png")
    (data / "0004_003_N6_00400_00350_5500_H").mkdir()
    (data / "thumbnails").mkdir()


def broken_renoir(folder: Path) -> None:
    renoir(folder)
    (folder / "Mi3_Aligned" / "Batch_001" / "IMG_1Reference.bmp").unlink()
    write(folder / "Mi3_Aligned" / "Batch_002" / "IMG_5full.bmp")
    write(folder / "S90_Aligned" / "Batch_001" / "IMG_7.bmp")
    write(folder / "S90_Aligned" / "Batch_002" / "IMG_1Reference.bmp")
    write(folder / "S90_Aligned" / "Batch_002" / "IMG_2full.bmp")
    write(folder / "Nokia_Aligned" / "Batch_001" / "IMG_1Reference.bmp")
    (folder / "T3i_Aligned" / "more").mkdir()


def broken_pairs(folder: Path) -> None:
    noisy_and_clean(folder, ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "good.png"])
    (folder / "clean" / "a.png").unlink()
    (folder / "noisy" / "b.png").unlink()
    write(folder / "clean" / "c.png", size=(WIDTH, HEIGHT))
    (folder / "noisy" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is the end")
    (folder / "clean" / "e.png").write_bytes(b"")
    write(folder / "clean" / "f.bmp")
    write(folder / "x" / "noisy" / "g.png")
    noisy_and_clean(folder / "y", ["h.png"])
    noisy_and_clean(folder, ["y_h.png"])


def broken_clean(folder: Path) -> None:
    write(folder / "a.png")
    write(folder / "a.bmp")
    (folder / "b.jpg").write_bytes(b"GIF89a, in truth")


@pytest.mark.parametrize(
    ("make", "kept", "sentences"),
    [
        (
            broken_sidd,
            1,
            [
                "thumbnails is not named as folders of SIDD are",
                "The noisy photo *0001_NOISY_SRGB_010.PNG has no clean one.",
                "The clean photo *0001_GT_SRGB_011.PNG has no noisy one.",
                "preview.png is not named as photos of SIDD are",
                "Which photos belong together is not clear*0003_GT_SRGB_010.PNG*",
                "0004_003_N6_00400_00350_5500_H holds no photos.",
            ],
        ),
        (
            broken_renoir,
            2,
            [
                "more is not named as folders of RENOIR are",
                "Batch_001 must hold one *Reference.bmp. Found: none.",
                "Batch_002 must hold one *full.bmp. Found: IMG_2full.bmp, IMG_5full.bmp.",
                "Batch_001 must lie in Mi3_Aligned, S90_Aligned or T3i_Aligned",
                "IMG_7.bmp is not named as photos of RENOIR are",
                "Batch_002 holds no *Noisy.bmp.",
            ],
        ),
        (
            broken_pairs,
            2,
            [
                "The noisy photo *a.png has no clean one.",
                "The clean photo *b.png has no noisy one.",
                "Sizes differ (width×height): *noisy/c.png 40×32, *clean/c.png 32×40.",
                "noisy/d.png cannot be read as a picture",
                "clean/e.png cannot be read as a picture",
                "Which photos belong together is not clear*clean/f.bmp, *clean/f.png.",
                "x/noisy has no folder clean beside it.",
                "y/noisy/h.png has the same name as *noisy/y_h.png.",
            ],
        ),
        (
            broken_clean,
            1,
            ["a.png has the same name as *a.bmp.", "b.jpg cannot be read as a picture"],
        ),
    ],
    ids=["sidd", "renoir", "pairs", "clean"],
)
def test_find_pairs_names_everything_that_it_skips(tmp_path: Path, make, kept: int, sentences: list[str]) -> None:
    make(tmp_path)
    found = find_pairs(tmp_path)
    assert len(found.pairs) == kept
    assert len(found.problems) == len(sentences)
    for sentence in sentences:
        first, *rest = sentence.split("*")
        (problem,) = [p for p in found.problems if first in p and all(part in p for part in rest)]
        assert str(tmp_path) not in problem  # reports are published


@pytest.mark.parametrize("layout", [None, "sidd", "renoir", "pairs", "clean"])
def test_find_pairs_of_an_empty_folder_says_what_was_looked_for(tmp_path: Path, layout: str | None) -> None:
    with pytest.raises(FileNotFoundError) as error:
        find_pairs(tmp_path, layout)
    for name in ("sidd", "renoir", "pairs", "clean"):
        assert (f"{name}: " in str(error.value)) == (layout in (None, name))


def test_find_pairs_of_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        find_pairs(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"a\.png is a file"):
        find_pairs(write(tmp_path / "a.png"))


def test_find_pairs_of_nothing_but_broken_photos_names_them(tmp_path: Path) -> None:
    write(tmp_path / "noisy" / "a.png")
    with pytest.raises(FileNotFoundError, match="has no folder clean beside it"):
        find_pairs(tmp_path)


def test_find_pairs_of_an_unknown_layout_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sidd, renoir, pairs, clean"):
        find_pairs(tmp_path, "dnd")


def test_find_pairs_compares_sizes_as_they_are_seen(tmp_path: Path) -> None:
    write(tmp_path / "clean" / "a.png", size=(WIDTH, HEIGHT))
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # lies on its side
    (tmp_path / "noisy").mkdir()
    PillowImage.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "noisy" / "a.jpg", exif=exif)
    (found,) = find_pairs(tmp_path).pairs
    noisy, clean = read_pair(found)
    assert noisy is not None
    assert noisy.shape == clean.shape == (WIDTH, HEIGHT, 3)


# Reading


def test_read_pair_averages_the_clean_photos_of_renoir(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(2))
    batch = tmp_path / "T3i_Aligned" / "Batch_001"
    write(batch / "1Reference.bmp", first)
    write(batch / "2full.bmp", second)
    write(batch / "3Noisy.bmp", 7)
    noisy, clean = read_pair(find_pairs(tmp_path).pairs[0])
    np.testing.assert_array_equal(clean, np.rint((first.astype(float) + second) / 2))
    np.testing.assert_array_equal(noisy, np.full((HEIGHT, WIDTH, 3), 7))


def test_read_pair_rounds_16_bits(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2**16, (HEIGHT, WIDTH, 3), np.uint16)
    (tmp_path / "deep.png").write_bytes(image.encode(image.Photo(pixels=pixels)))
    noisy, clean = read_pair(find_pairs(tmp_path).pairs[0])
    assert noisy is None
    np.testing.assert_array_equal(clean, np.rint(pixels / 257))


def test_read_pair_names_the_broken_file(tmp_path: Path) -> None:
    found = find_pairs(noisy_and_clean(tmp_path, ["a.png"])).pairs[0]
    broken = tmp_path / "clean" / "a.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    with pytest.raises(PhotoError, match=r"clean/a\.png: "):
        read_pair(found)
    write(broken, size=(8, 8))
    with pytest.raises(PhotoError, match=r"noisy/a\.png and .*clean/a\.png differ in size"):
        read_pair(found)


# Describing


def test_describe_counts_cameras_speeds_and_scenes(tmp_path: Path) -> None:
    broken_sidd(tmp_path)
    write(tmp_path / "Data" / "0001_001_S6_00100_00060_3200_L" / "0001_GT_SRGB_010.PNG")
    found = find_pairs(tmp_path)
    lines = describe(found).splitlines()
    assert lines[0] == "sidd: 2 pairs, scenes: 1"
    assert lines[1].split(maxsplit=1) == ["camera", "Galaxy S6 Edge (1), Google Pixel (1)"]
    assert lines[2].split(maxsplit=1) == ["ISO", "100 (1), 800 (1)"]
    assert lines[3].split(maxsplit=1) == ["scene", "001 (2)"]
    assert lines[4] == "skipped 5:"
    assert [line.strip() for line in lines[5:]] == list(found.problems)


def test_describe_of_many_scenes_is_short() -> None:
    found = PairedSet("pairs", tuple(pair(f"{n}", f"scene {n:03}") for n in range(100)), ())
    assert "scene 011 (1) and 88 more" in describe(found)
    assert "scene 012" not in describe(found)

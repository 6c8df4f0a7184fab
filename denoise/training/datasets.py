"""Data sets of noisy and clean photos as their authors publish them: find the pairs, read them.

`find_pairs` reads headers only. Whatever cannot be used is skipped and named in a sentence, never passed over in
silence.
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL.ExifTags import Base

from denoise import image
from denoise.image import PhotoError

Pixels8 = NDArray[np.uint8]
"""A photo of 8 bits a channel: (H, W, 3) RGB."""

MAX_MEGAPIXELS = 178.0
"""Larger photos of a data set are refused: Pillow's own limit."""


@dataclass(frozen=True)
class Pair:
    """A noisy photo and the clean one of the same scene.

    Attributes:
        name: Unique in the set; a file name stem.
        noisy: The noisy file; `None` for a clean photo whose noise is to be synthesised.
        clean: The clean file, or several of which the mean is the clean photo.
        scene: Pairs of one scene must not stand on both sides of a split.
        camera: Empty if unknown.
        iso: ISO speed, `None` if unknown.
    """

    name: str
    noisy: Path | None
    clean: tuple[Path, ...]
    scene: str
    camera: str = ""
    iso: int | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, the noisy one first."""
        return self.clean if self.noisy is None else (self.noisy, *self.clean)


@dataclass(frozen=True)
class PairedSet:
    """What `find_pairs` found: the usable pairs, and a sentence for each thing that was skipped."""

    layout: str
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]


# Finding


def find_pairs(folder: Path, layout: str | None = None) -> PairedSet:
    """Find the pairs of a data set and check that their sizes agree.

    Folders may lie deeper than published. Names that begin with a dot or two underscores are not looked at.

    - `sidd`: Smartphone Image Denoising Dataset, sRGB, Small or Medium (Abdelhamed et al., CVPR 2018): folders
      `INSTANCE_SCENE_PHONE_ISO_SHUTTER_TEMPERATURE_BRIGHTNESS` with `*NOISY_SRGB_010.PNG` and `*GT_SRGB_010.PNG`.
    - `renoir`: RENOIR, aligned (Anaya and Barbu, arXiv:1409.8230): `Mi3_Aligned`, `S90_Aligned`, `T3i_Aligned` with
      folders `Batch_NNN`, each with one `*Reference`, one `*full` (the clean photo is their mean) and several `*Noisy`;
      masks are left alone.
    - `pairs`: `noisy/NAME` and `clean/NAME`, whose suffixes may differ.
    - `clean`: clean photos straight in the folder.

    In `pairs` and `clean`, scene, camera and ISO speed come from the file name: those of pieces cut from SIDD and
    RENOIR, those of the PolyU set (camera_aperture_shutter_ISO_scene_number), otherwise the scene is what stands before
    a tile's `_SCALE_Y_X` (such as `_3x_168_448`) and before numbers of at most three digits (`_10`).

    Without a `layout` it is the first of which there is a sign.

    Raises:
        FileNotFoundError: If the folder is missing, or holds nothing that can be used.
        ValueError: If the layout is unknown.
    """
    wanted = [each for each in _LAYOUTS if layout in (None, each[0])]
    if not wanted:
        raise ValueError(f"`layout` must be one of {', '.join(name for name, *_ in _LAYOUTS)}. Received: {layout!r}")
    if not folder.is_dir():
        fault = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"The data set must be a folder, but {folder} {fault}.")
    folders = _folders_below(folder)
    for place, (name, find, _) in enumerate(wanted, 1):
        problems: list[str] = []
        pairs = tuple(sorted(_usable(find(folders, problems), problems), key=lambda pair: pair.name))
        if pairs:
            for other, find_other, _ in wanted[place:]:
                if count := sum(1 for _ in find_other(folders, [])):
                    problems.append(f"There are {count} photos in the layout {other} too: ask for it by its name.")
            # Reports are published; where the set lay on somebody's disk is left out.
            return PairedSet(name, pairs, tuple(problem.replace(f"{folder}{os.sep}", "") for problem in problems))
        if problems:
            more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
            raise FileNotFoundError(f"{folder} ({name}) holds nothing that can be used: {' '.join(problems[:3])}{more}")
    looked_for = "; ".join(f"{name}: {sign}" for name, _, sign in wanted)
    raise FileNotFoundError(f"No photos of a known layout in {folder}. Looked for {looked_for}.")


def find_sets(folders: Sequence[Path], layout: str | None = None) -> dict[str, PairedSet]:
    """Find the pairs of several data sets, by the names of their folders.

    Raises:
        FileNotFoundError: See `find_pairs`.
        ValueError: Two folders have the same name, or the layout is unknown.
    """
    named = {folder.resolve().name: folder for folder in folders}
    if len(named) < len(folders):
        raise ValueError(f"The data folders must have different names. Received: {', '.join(map(str, folders))}")
    return {name: find_pairs(folder, layout) for name, folder in named.items()}


def _folders_below(folder: Path) -> list[Path]:
    found = []
    for path, names, _ in os.walk(folder, followlinks=True):
        names[:] = sorted(name for name in names if not name.startswith((".", "__")))
        found.append(Path(path))
    return found


def photos_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are called as photos are."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower().removeprefix(".") in image.SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


_SIDD_FOLDER = re.compile(r"\d{4}_(?P<scene>\d{3})_(?P<camera>[A-Z0-9]{2})_(?P<iso>\d{5})_\d{5}_\d{4}_[LNH]", re.I)
_SIDD_FILE = re.compile(r"(?:\d{4}_)?(?P<kind>NOISY|GT)_SRGB_(?P<number>\d{3})", re.I)
_RENOIR_CAMERA = re.compile(r"(?P<camera>Mi3|S90|T3i)(?:_Aligned)?", re.I)
_RENOIR_BATCH = re.compile(r"Batch_\d+", re.I)
_CAMERAS = {
    "GP": "Google Pixel",
    "IP": "iPhone 7",
    "S6": "Galaxy S6 Edge",
    "N6": "Nexus 6",
    "G4": "LG G4",
    "MI3": "Xiaomi Mi3",
    "S90": "Canon S90",
    "T3I": "Canon T3i",
}


def _named(folders: Sequence[Path], pattern: re.Pattern[str], of: str, such_as: str, problems: list[str]) -> list[Path]:
    """Returns the folders with such names; others that lie among them are problems."""
    found = [folder for folder in folders if pattern.fullmatch(folder.name)]
    parents = {folder.parent for folder in found}
    others = (folder for folder in folders if folder.parent in parents and folder not in found)
    problems += [f"{folder} is not named as folders of {of} are (such as {such_as})." for folder in others]
    return found


def _find_sidd(folders: Sequence[Path], problems: list[str]) -> Iterator[Pair]:
    for folder in _named(folders, _SIDD_FOLDER, "SIDD", "0001_001_S6_00100_00060_3200_L", problems):
        sides: dict[str, list[tuple[str, Path]]] = {"NOISY": [], "GT": []}
        photos = photos_in(folder)
        if not photos:
            problems.append(f"{folder} holds no photos.")
        for path in photos:
            if match := _SIDD_FILE.fullmatch(path.stem):
                sides[match["kind"].upper()].append((match["number"], path))
            else:
                problems.append(f"{path} is not named as photos of SIDD are (such as 0001_NOISY_SRGB_010.PNG).")
        for number, noisy, clean in _partners(sides["NOISY"], sides["GT"], problems):
            yield _pair(f"{folder.name}_{number}", noisy, (clean,))


def _find_renoir(folders: Sequence[Path], problems: list[str]) -> Iterator[Pair]:
    for batch in _named(folders, _RENOIR_BATCH, "RENOIR", "Batch_001", problems):
        camera = _RENOIR_CAMERA.fullmatch(batch.parent.resolve().name)
        if camera is None:
            problems.append(f"{batch} must lie in Mi3_Aligned, S90_Aligned or T3i_Aligned, which tell the camera.")
            continue
        kinds: dict[str, list[Path]] = {"reference": [], "full": [], "noisy": [], "mask": []}
        for path in photos_in(batch):
            kind = next((kind for kind in kinds if path.stem.lower().endswith(kind)), None)
            if kind is None:
                problems.append(f"{path} is not named as photos of RENOIR are (*Noisy, *Reference or *full).")
            else:
                kinds[kind].append(path)
        faults = []
        for kind in ("Reference", "full"):
            names = [path.name for path in kinds[kind.lower()]]
            if len(names) != 1:
                faults.append(f"{batch} must hold one *{kind}.bmp. Found: {', '.join(names) or 'none'}.")
        if not kinds["noisy"]:
            faults.append(f"{batch} holds no *Noisy.bmp.")
        problems += faults
        if not faults:
            for noisy in kinds["noisy"]:
                yield _pair(
                    f"{camera['camera']}_{batch.name}_{noisy.stem}", noisy, (*kinds["reference"], *kinds["full"])
                )


def _find_noisy_and_clean(folders: Sequence[Path], problems: list[str]) -> Iterator[Pair]:
    for noisy_folder in folders:
        if noisy_folder.name != "noisy":
            continue
        clean_folder = noisy_folder.with_name("clean")
        if not clean_folder.is_dir():
            problems.append(f"{noisy_folder} has no folder clean beside it.")
            continue
        noisy, clean = ([(path.stem, path) for path in photos_in(side)] for side in (noisy_folder, clean_folder))
        prefix = "".join(f"{part}_" for part in noisy_folder.parent.relative_to(folders[0]).parts)
        for stem, noisy_path, clean_path in _partners(noisy, clean, problems):
            yield _pair(prefix + stem, noisy_path, (clean_path,))


def _find_clean(folders: Sequence[Path], problems: list[str]) -> Iterator[Pair]:
    return (_pair(path.stem, None, (path,)) for path in photos_in(folders[0]))


_LAYOUTS: tuple[tuple[str, Callable[[Sequence[Path], list[str]], Iterator[Pair]], str], ...] = (
    ("sidd", _find_sidd, "folders such as 0001_001_S6_00100_00060_3200_L"),
    ("renoir", _find_renoir, "folders such as Mi3_Aligned/Batch_001"),
    ("pairs", _find_noisy_and_clean, "folders noisy and clean with photos of equal names"),
    ("clean", _find_clean, f"photos straight in the folder ({', '.join(image.SUFFIXES)})"),
)
"""Name of each layout, what finds its pairs, and its sign, in the order in which they are looked for."""


def _partners(
    noisy: Iterable[tuple[str, Path]], clean: Iterable[tuple[str, Path]], problems: list[str]
) -> Iterator[tuple[str, Path, Path]]:
    """Yields (key, noisy, clean) for each key that stands once on both sides."""
    sides: dict[str, tuple[list[Path], list[Path]]] = {}
    for side, entries in enumerate((noisy, clean)):
        for key, path in entries:
            sides.setdefault(key, ([], []))[side].append(path)
    for key in sorted(sides):
        match sides[key]:
            case [noisy_path], [clean_path]:
                yield key, noisy_path, clean_path
            case [noisy_path], []:
                problems.append(f"The noisy photo {noisy_path} has no clean one.")
            case [], [clean_path]:
                problems.append(f"The clean photo {clean_path} has no noisy one.")
            case noisy_paths, clean_paths:
                names = ", ".join(map(str, [*noisy_paths, *clean_paths]))
                problems.append(f"Which photos belong together is not clear, two have the same name: {names}.")


def _usable(pairs: Iterable[Pair], problems: list[str]) -> Iterator[Pair]:
    seen: dict[str, Pair] = {}
    for pair in pairs:
        if pair.name in seen:
            problems.append(f"{pair.files[0]} has the same name as {seen[pair.name].files[0]}.")
            continue
        try:
            sizes = [size_of(path) for path in pair.files]
        except PhotoError as error:
            problems.append(str(error))
            continue
        if len(set(sizes)) > 1:
            described = ", ".join(f"{path} {w}×{h}" for path, (h, w) in zip(pair.files, sizes, strict=True))
            problems.append(f"Sizes differ (width×height): {described}.")
            continue
        seen[pair.name] = pair
        yield pair


def size_of(path: Path) -> tuple[int, int]:
    """Return (height, width) as `image.decode` will, from the header alone.

    Raises:
        PhotoError: If there is no readable header.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures
            with PillowImage.open(path, formats=("PNG", "JPEG", "WEBP", "TIFF", "BMP")) as picture:
                # Pillow would decode a whole PNG to look for EXIF data at its end.
                has_exif = picture.format != "PNG" or "exif" in picture.info
                turned = has_exif and picture.getexif().get(Base.Orientation, 1) in (5, 6, 7, 8)
                width, height = picture.size[::-1] if turned else picture.size
                return height, width
    except Exception as error:  # whatever Pillow raises at a broken file
        raise PhotoError(f"{path} cannot be read as a picture; copy or download it again.") from error


# What names tell

_TILE = re.compile(r"(?:_\d+x_\d+_\d+)+$")  # _SCALE_Y_X
_NUMBERS = re.compile(r"(?<=.)(?:_\d{1,3})+$")
_SIDD_NAME = re.compile(rf"(?:^|_){_SIDD_FOLDER.pattern}(?:_\d{{3}})?$", re.I)
_RENOIR_NAME = re.compile(r"(?:^|_)(?P<camera>Mi3|S90|T3i)_(?P<batch>Batch_\d+)_", re.I)
_POLYU_NAME = re.compile(  # Xu et al., arXiv:1804.02603: camera_aperture_shutter_ISO_scene_number
    r"(?:^|_)(?P<camera>[A-Za-z][A-Za-z0-9]*)_\d+(?:-\d+)?_\d+_(?P<iso>\d{2,6})_(?P<scene>[A-Za-z]+)(?:_\d+)?$"
)


def _pair(name: str, noisy: Path | None, clean: tuple[Path, ...]) -> Pair:
    return Pair(name, noisy, clean, **_facts(name))


def _facts(name: str) -> dict[str, Any]:
    """Returns scene, camera and ISO speed, the same for a photo and for every piece `cut` from it."""
    name = _TILE.sub("", name)
    if match := _SIDD_NAME.search(name):
        return {"scene": match["scene"], "camera": _camera(match["camera"]), "iso": int(match["iso"])}
    if match := _RENOIR_NAME.search(name):
        return {"scene": f"{match['camera']}_{match['batch']}", "camera": _camera(match["camera"])}
    if match := _POLYU_NAME.search(name):
        return {"scene": match["scene"], "camera": match["camera"], "iso": int(match["iso"])}
    return {"scene": _NUMBERS.sub("", name)}


def _camera(code: str) -> str:
    return _CAMERAS.get(code.upper(), code)


# Reading


def read_pair(pair: Pair) -> tuple[Pixels8 | None, Pixels8]:
    """Read a pair, upright, rounded to 8 bits a channel.

    Returns:
        (noisy, clean), each (H, W, 3) RGB; noisy is `None` if the noise is to be synthesised.

    Raises:
        denoise.image.PhotoError: If a file is not a complete picture, or the sizes differ; it names the file.
        OSError: If a file cannot be opened.
    """
    clean = [_read(path) for path in pair.clean]
    noisy = None if pair.noisy is None else _read(pair.noisy)
    for path, other in [*zip(pair.clean, clean, strict=True), *([] if noisy is None else [(pair.noisy, noisy)])]:
        if other.shape != clean[0].shape:
            raise PhotoError(f"{path} and {pair.clean[0]} differ in size.")
    if len(clean) == 1:
        return noisy, clean[0]
    return noisy, np.rint(np.mean(clean, axis=0, dtype=np.float32)).astype(np.uint8)


def _read(path: Path) -> Pixels8:
    try:
        pixels = image.decode(path.read_bytes(), max_megapixels=MAX_MEGAPIXELS).pixels
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from error
    return np.asarray(image.to_depth(pixels, np.uint8), np.uint8)


# Describing


def describe(found: PairedSet) -> str:
    """Tell what was found: the numbers of pairs by camera, ISO speed and scene, and everything that was skipped."""
    scenes = Counter(pair.scene for pair in found.pairs)
    what = "clean photos" if found.pairs[0].noisy is None else "pairs"
    lines = [
        f"{found.layout}: {len(found.pairs)} {what}, scenes: {len(scenes)}",
        f"  camera  {_counts(Counter(pair.camera or 'unknown' for pair in found.pairs))}",
        f"  ISO     {_counts(Counter('unknown' if pair.iso is None else pair.iso for pair in found.pairs))}",
        f"  scene   {_counts(scenes)}",
    ]
    if found.problems:
        lines += [f"skipped {len(found.problems)}:", *(f"  {problem}" for problem in found.problems)]
    return "\n".join(lines)


def _counts(counter: Counter[Any], most: int = 12) -> str:
    keys = sorted(counter, key=lambda key: (isinstance(key, str), key))  # numbers by value, before words
    shown = ", ".join(f"{key} ({counter[key]})" for key in keys[:most])
    return shown if len(keys) <= most else f"{shown} and {len(keys) - most} more"

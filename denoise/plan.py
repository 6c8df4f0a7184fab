"""Which photos are meant by what was named on the command line, and which file each becomes."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import TypeVar

from denoise.image import SUFFIXES, WRITTEN_SUFFIXES, PhotoError

_RAW_RESULT = ".tif"
_Path = TypeVar("_Path", bound=PurePath)


@dataclass(frozen=True)
class Selection:
    """Which files of a folder are meant.

    Attributes:
        recursive: Also those of the folders in it.
        include: Patterns such as `*.jpg` or `day-1/*`, for names or for paths below the folder; empty for all photos.
        exclude: The same, of what is not meant.
    """

    recursive: bool = False
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, path: PurePath) -> bool:
        """Whether a file is meant, by its path below the folder; hidden ones are leftovers of other programs."""
        is_hidden = any(part.startswith(".") for part in path.parts)
        is_in = not self.include or _matches(path, self.include)
        return is_photo_name(path) and not is_hidden and is_in and not _matches(path, self.exclude)


def is_photo_name(path: PurePath) -> bool:
    """Whether a file is called as photos are."""
    return _suffix(path) in SUFFIXES


def is_written(path: PurePath) -> bool:
    """Whether a file is called as those are that can be written."""
    return _suffix(path) in WRITTEN_SUFFIXES


def written(target: _Path, suffix: str = "") -> _Path:
    """Return what a result is called: as was asked for, or as its photo; RAW files are not written, so not as those."""
    if suffix:
        return target.with_suffix(suffix)
    return target.with_suffix(_RAW_RESULT) if is_photo_name(target) and not is_written(target) else target


def taken_by_another(target: PurePath) -> str:
    """Return the sentence that tells of two photos of one run that would become one file."""
    return f"{target} was made of another photo of this run; denoise this one by itself."


def plan(
    named: Sequence[Path],
    output: str | None,
    selection: Selection = Selection(),
    *,
    in_place: bool = False,
    report: Callable[[str], None] = print,
) -> tuple[list[tuple[Path, Path]], int]:
    """Decide which file becomes which.

    Args:
        named: Photos and folders.
        output: Where to: a file, or a folder; nothing for beside each photo.
        selection: Of folders.
        in_place: Each photo becomes itself.
        report: Is told of each path that cannot be looked at, be it in a folder.

    Returns:
        Photos and what they become, and how many of the paths cannot be looked at. What a folder holds keeps its place
        in the folders below it.

    Raises:
        PhotoError: It cannot be decided; the message says what to do.
        OSError: The output cannot be looked at.
    """
    found: list[tuple[Path, Path]] = []  # and where each is below what was named
    failures = 0

    def fail(error: OSError) -> None:
        nonlocal failures
        failures += 1
        report(f"{error.filename}: {error.strerror}")

    for path in named:
        before = failures
        photos = [(path, Path(path.name))]
        try:
            if path.is_dir():
                if output is None and not in_place:
                    raise PhotoError(f"name a folder for the photos of {path} with -o")
                photos = list(photos_of(path, selection, apart=Path(output) if output else None, fail=fail))
        except OSError as error:
            fail(error)
            continue
        if not photos and failures == before:
            raise PhotoError(f"the folder {path} holds no photos {_why_none(selection)}")
        found += photos
    if not found:
        return [], failures

    if in_place:
        pairs = [(source, source) for source, _ in found]
    elif output is None:
        pairs = [(source, source.with_name(f"{source.stem}-denoised{source.suffix}")) for source, _ in found]
    elif is_for_several(named, output):
        if Path(output).is_file():
            raise PhotoError(f"{output} is a file; name a folder for several photos with -o")
        pairs = [(source, Path(output) / below) for source, below in found]
    else:
        if not is_written(Path(output)):
            raise PhotoError(f"{output} must end in .{', .'.join(WRITTEN_SUFFIXES)}, or in / for a folder")
        pairs = [(found[0][0], Path(output))]
    target, count = Counter(target for _, target in pairs).most_common(1)[0]
    if count > 1:
        raise PhotoError(f"{count} photos would become {target}; denoise them in separate runs")
    return pairs, failures


def is_for_several(named: Sequence[Path], output: str) -> bool:
    """Whether an output is meant as a folder."""
    return len(named) > 1 or named[0].is_dir() or output.endswith("/") or Path(output).is_dir()


def photos_of(
    folder: Path,
    selection: Selection,
    *,
    apart: Path | None = None,
    fail: Callable[[OSError], None] | None = None,
) -> Iterator[tuple[Path, Path]]:
    """Yield the photos of a folder in order, each with its path below the folder.

    Args:
        folder: Where to look; links to other folders are not followed.
        selection: Which are meant.
        apart: A folder that is left out: results, even if they lie in there, are not denoised again.
        fail: Is told of each folder that cannot be looked at, such as a disk's `lost+found`.

    Raises:
        OSError: A folder cannot be looked at, and there is no `fail`.
    """

    def stop(error: OSError) -> None:
        raise error

    left_out = apart.resolve() if apart else None
    for place, folders, names in os.walk(folder, onerror=fail or stop):
        inner = sorted(folders) if selection.recursive else []
        folders[:] = [name for name in inner if not name.startswith(".") and (Path(place) / name).resolve() != left_out]
        for name in sorted(names):
            path = Path(place) / name
            below = path.relative_to(folder)
            if selection.takes(below) and path.is_file():
                yield path, below


def _why_none(selection: Selection) -> str:
    if selection.include or selection.exclude:
        return "that --include and --exclude let through; patterns are for names, or for paths below the folder"
    hint = "" if selection.recursive else "; with -r, those of its folders count too"
    return f"({', '.join(SUFFIXES)}){hint}"


def _suffix(path: PurePath) -> str:
    return path.suffix.lower().removeprefix(".")


def _matches(path: PurePath, patterns: Sequence[str]) -> bool:
    texts = (path.name.lower(), path.as_posix().lower())
    return any(fnmatch(text, pattern.lower()) for text in texts for pattern in patterns)

"""Photos that arrive in folders, each as soon as it is whole."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import watchfiles

from denoise.plan import Selection, photos_of

SETTLED = 2.0
"""Seconds without a change after which a file is taken for whole."""


def arrivals(
    folders: Sequence[Path], selection: Selection, *, apart: Path | None = None, settled: float = SETTLED
) -> Iterator[tuple[Path, Path] | None]:
    """Yield the photos of folders, and those that arrive or change, for ever.

    Args:
        folders: Where to look; where changes are not told, as on some network drives, set WATCHFILES_FORCE_POLLING=1.
        selection: Which of their files are meant.
        apart: A folder whose files are left out.
        settled: Seconds for which a photo stays as it is before it is yielded: one that is still being written is not.

    Yields:
        The photo and its path below the folder; in between, several times a second, `None`.
    """
    left_out = apart.resolve() if apart else None
    waiting: dict[Path, tuple[tuple[int, int], float, Path]] = {
        path: ((-1, -1), 0.0, below) for folder in folders for path, below in photos_of(folder, selection, apart=apart)
    }
    for changes in watchfiles.watch(
        *folders, recursive=selection.recursive, rust_timeout=200, step=50, debounce=200, yield_on_timeout=True
    ):
        now = time.monotonic()
        for change, name in changes:
            path = Path(name)
            folder = next(each for each in folders if path.is_relative_to(each.absolute()))
            below = path.relative_to(folder.absolute())
            is_result = left_out is not None and path.resolve().is_relative_to(left_out)
            if change != watchfiles.Change.deleted and selection.takes(below) and not is_result:
                waiting[folder / below] = ((-1, -1), now, below)
        for path, (was, since, below) in list(waiting.items()):
            try:
                facts = path.stat()
            except OSError:  # gone again, such as a name that a file had while it was written
                del waiting[path]
                continue
            if (is_now := (facts.st_size, facts.st_mtime_ns)) != was:
                waiting[path] = (is_now, now, below)
            elif now - since >= settled and path.is_file():
                del waiting[path]
                yield path, below
        yield None

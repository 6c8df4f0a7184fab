"""Photos that arrive in folders, each as soon as it is whole."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import watchfiles

from denoise.plan import Selection, photos_of

SETTLED = 2.0
"""Seconds without a change after which a file is taken for whole."""


def arrivals(
    folders: Sequence[Path],
    selection: Selection,
    *,
    apart: Path | None = None,
    fail: Callable[[OSError], None] | None = None,
) -> Iterator[tuple[Path, Path] | None]:
    """Yield the photos of folders, and those that arrive or change, for ever; what has changed comes again.

    One that is still being written is not yielded. Longer pauses of who writes it, see `SETTLED`, are noticed where the
    system tells: on Linux, on the machine's own disks.

    Args:
        folders: Where to look; where changes are not told, as on some network drives, set WATCHFILES_FORCE_POLLING=1.
        selection: Which of their files are meant.
        apart: A folder whose files are left out.
        fail: As for `photos_of`, of folders that are there from the beginning.

    Yields:
        The photo and its path below the folder; in between, several times a second, `None`.
    """
    left_out = apart.resolve() if apart else None
    waiting: dict[Path, tuple[tuple[int, int], float, Path]] = {
        path: ((-1, -1), 0.0, below)
        for folder in folders
        for path, below in photos_of(folder, selection, apart=apart, fail=fail)
    }
    for changes in watchfiles.watch(
        *folders,
        recursive=selection.recursive,
        rust_timeout=200,
        step=50,
        debounce=200,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        now = time.monotonic()
        for path in {Path(name) for change, name in changes if change != watchfiles.Change.deleted}:
            folder = next(each for each in folders if path.is_relative_to(each.absolute()))
            below = path.relative_to(folder.absolute())
            if left_out is not None and path.resolve().is_relative_to(left_out):
                continue
            if path.is_dir():  # what came with it came, perhaps, before it was watched
                new = []
                with suppress(OSError):  # gone again
                    inner = photos_of(path, Selection(recursive=True)) if selection.recursive else ()
                    new = [below / each for _, each in inner if selection.takes(below / each)]
            else:
                new = [below] if selection.takes(below) else []
            waiting |= {folder / each: ((-1, -1), now, each) for each in new}
        for path, (was, since, below) in list(waiting.items()):
            try:
                facts = path.stat()
            except OSError:  # gone again, such as a name that a file had while it was written
                del waiting[path]
                continue
            if (is_now := (facts.st_size, facts.st_mtime_ns)) != was:
                waiting[path] = (is_now, now, below)
            elif now - since >= SETTLED and path.is_file() and not _is_being_written(path):
                del waiting[path]
                yield path, below
        yield None


def _is_being_written(path: Path) -> bool:
    """Tell whether some program has a file open to write to it; no, too, where the system does not tell."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # to be ignored if somebody writes just now
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # which nobody gets who is not the only one
    except BlockingIOError:
        return True
    except OSError:  # not ours, or on a network drive
        return False
    return False

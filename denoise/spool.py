"""The temporary folder of this process, and what processes that were killed have left of theirs.

Temporary places belong to everybody: whatever is removed there must provably be ours. A folder is, if it has a name
that nobody would choose, belongs to our user, is no link, and holds a file of ours with a lock on it. That file is
written only while the lock is held, and the lock ends with the process, however that ends. So who reads it, and gets
the lock, knows that the folder's process is dead. Nothing can have taken its place: a name is used again by the same
process only, which then holds the lock on the file that was there before as well.
"""

import atexit
import errno
import os
import re
import shutil
import stat
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import portalocker

BUDGET = int(float(os.environ.get("DENOISE_DISK_GB", "50")) * 1e9)
"""Bytes of all visitors' photos and results on disk; who runs the server decides."""

FOLDER_BUDGET = BUDGET // 2
"""Of these, for what comes into one folder: beside the largest batch others find room."""

_SPARE = 64 << 20  # bytes that stay free on the disk, for all others who write there
_NAME = re.compile(r"denoise-spool-[0-9a-f]{32}")
_MARKER, _MAGIC = "spool.lock", b"Temporary photos of a Denoise server: removed once its process has ended.\n"
_DISK = "/var/tmp"  # on many systems /tmp is held in memory
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
_making, _reserving = threading.Lock(), threading.Lock()
_reserved: dict[Path, int] = {}  # bytes that files under way may have


class FolderFullError(OSError):
    """A folder has reached `FOLDER_BUDGET`."""


def spool() -> Path:
    """Return the folder of this process.

    It is made at the first call, after those of dead ones were removed, and again, by the same name, where somebody has
    tidied it away since.

    Raises:
        OSError: It cannot be made, or something else lies in its place.
    """
    with _making:
        folder, locks = _opened()
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(folder.lstat().st_mode):
                return folder
        _make(folder, locks)
        return folder


def make_folder() -> Path:
    """Make a folder in the spool into which only this user of the system can look."""
    return Path(tempfile.mkdtemp(dir=spool()))


def check_room(size: int) -> None:
    """See whether so many bytes more may be written into the spool.

    Raises:
        OSError: The disk is nearly full, or the photos of all visitors together have reached `BUDGET`.
    """
    place = spool()
    coming = _coming(place)
    if _used(place) + coming + size > BUDGET or shutil.disk_usage(place).free < coming + size + _SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def reserve(path: Path, size: int, announced: int = 0) -> None:
    """Keep room for a file of the spool that is being written, until `release`.

    Args:
        path: Which file; if room was kept for it before, this counts instead.
        size: Bytes that it may soon have.
        announced: Bytes that it is said to have in the end. There must be room for them, but it is not kept: whoever
            announces much and sends nothing is not to be in others' way.

    Raises:
        FolderFullError: The files in its folder would take more than `FOLDER_BUDGET`. No room is kept then.
        OSError: See `check_room`; the same is true.
    """
    with _reserving:
        _reserved.pop(path, None)
        more, folder = max(size, announced) - _size(path), path.parent
        if _coming(folder) + _used(folder) + more > FOLDER_BUDGET:
            raise FolderFullError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        check_room(more)
        _reserved[path] = size


def release(path: Path) -> None:
    """Keep no more room for a file than it takes."""
    _reserved.pop(path, None)


def _used(place: Path) -> int:
    """Return the bytes of all files below a folder; one that goes meanwhile counts or does not."""
    return sum(_size(Path(folder, name)) for folder, _, names in os.walk(place) for name in names)


def _coming(place: Path) -> int:
    """Return for how many bytes room is kept below a folder that no file has yet."""
    return sum(max(0, room - _size(path)) for path, room in list(_reserved.items()) if path.is_relative_to(place))


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def remove_spool() -> None:
    """Remove all that this process has in its folder, before it ends."""
    _clear(*_opened())


@cache
def _opened() -> tuple[Path, list[int]]:
    place = Path(os.environ.get("TMPDIR") or (_DISK if os.access(_DISK, os.W_OK) else tempfile.gettempdir())).absolute()
    for left in place.iterdir():
        with suppress(OSError, portalocker.LockException):  # such as that its process is alive
            _remove_if_dead(left)
    folder, locks = place / f"denoise-spool-{uuid4().hex}", list[int]()
    _make(folder, locks)
    atexit.register(_clear, folder, locks)
    return folder, locks


def _make(folder: Path, locks: list[int]) -> None:
    """Make a folder that is known to be ours; the locks of one that was there before stay, see above."""
    folder.mkdir(mode=0o700)
    marker = os.open(folder / _MARKER, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    locks.append(marker)
    with suppress(OSError, portalocker.LockException):  # where nothing can be locked, nobody will remove it
        portalocker.lock(marker, _AT_ONCE)
        os.write(marker, _MAGIC)
        os.fsync(marker)
    with suppress(OSError, portalocker.LockException):  # on systems that can: systemd leaves locked folders alone
        locks.append(os.open(folder, os.O_RDONLY))
        portalocker.lock(locks[-1], _AT_ONCE)


def _remove_if_dead(folder: Path) -> None:
    """Remove a folder that a process of ours has left.

    Raises:
        OSError: It is none of ours.
        portalocker.LockException: Its process is alive.
    """
    if not _NAME.fullmatch(folder.name) or not _is_own(folder.lstat(), stat.S_IFDIR):
        return
    marker = os.open(folder / _MARKER, _OPEN)
    locks = [marker]
    try:
        if _is_own(os.fstat(marker), stat.S_IFREG) and os.read(marker, len(_MAGIC) + 1) == _MAGIC:
            portalocker.lock(marker, _AT_ONCE)
            _clear(folder, locks)
    finally:
        _close(locks)


def _is_own(found: os.stat_result, kind: int) -> bool:
    is_owner = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return is_owner and stat.S_IFMT(found.st_mode) == kind


def _clear(folder: Path, locks: list[int]) -> None:
    """Remove a folder, its marker last: whoever is killed before that leaves it to the next one."""
    with suppress(OSError):  # it is gone
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _MARKER:
                path.unlink(missing_ok=True)
    _close(locks)
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {_MARKER}:
            shutil.rmtree(folder, ignore_errors=True)


def _close(locks: list[int]) -> None:
    while locks:
        os.close(locks.pop())

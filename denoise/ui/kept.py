"""What is large of visitors' photos: in memory while there is room and its visitor is there, otherwise on disk."""

import logging
import os
import pickle
import shutil
import sys
import threading
import time
import weakref
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

from denoise.image import Photo, PhotoError
from denoise.spool import check_room, make_folder
from denoise.ui import texts

BUDGET = int(float(os.environ.get("DENOISE_MEMORY_MB", "400")) * 1e6)
"""Bytes of all visitors' photos, results and pictures that are in memory; who runs the server decides."""

_SMALL = 1_000_000  # bytes; what is no larger stays in memory

_T = TypeVar("_T", Photo, bytes)
_Read = TypeVar("_Read")
_log = logging.getLogger(__name__)


class GoneError(PhotoError):
    """What was put aside was tidied away by somebody."""


class Kept(Generic[_T]):
    """A photo or a file that is kept for a visitor, and nobody changes.

    All of them together share `BUDGET`: what was not used for the longest time is written to disk, and read when it is
    asked for. The file goes as soon as nobody refers to this any more.

    Whoever makes or gets a large one does so during a turn (`denoise.turns`), and holds it no longer: what is in use is
    in memory beside the budget, and so is what waits here until others have been written.
    """

    def __init__(self, value: _T) -> None:
        self.size: int = len(value) if isinstance(value, bytes) else size_of(value)
        self._is_photo: bool = isinstance(value, Photo)
        self._value: _T | None = value
        self._file: Path | None = None
        self._lock: threading.Lock = threading.Lock()
        self._used: float = time.monotonic()
        if self.size > _SMALL:
            with _adding:
                _large.add(self)
            _make_room(self)

    def get(self) -> _T:
        """Return it.

        Raises:
            GoneError: It was put aside, and cannot be read.
        """
        self._used = time.monotonic()
        if (value := self._value) is not None:
            return value
        _make_room(self)  # before there is more
        with self._lock:
            if (value := self._value) is None:
                value = self._value = cast(_T, self._read(pickle.load if self._is_photo else lambda file: file.read()))
        return value

    def piece(self: "Kept[bytes]", start: int, size: int) -> bytes:
        """Return a part of a file; what is on disk stays there.

        Raises:
            GoneError: It was put aside, and cannot be read.
        """

        def read(file: BinaryIO) -> bytes:
            file.seek(start)
            return file.read(size)

        value = self._value
        return self._read(read) if value is None else value[start : start + size]

    @property
    def is_there(self) -> bool:
        """Whether it can be had: who tidies up temporary places may have taken its file."""
        return self._value is not None or (self._file is not None and self._file.exists())

    @property
    def is_in_memory(self) -> bool:
        """Whether it is not on disk alone."""
        return self._value is not None

    def put_aside(self) -> bool:
        """Let go of its memory; return whether it is on disk alone: not if it is small, or the disk is full."""
        with self._lock:
            if self._value is None:
                return True
            if self.size <= _SMALL:
                return False
            if self._file is None or not self._file.exists():
                try:
                    self._file = self._write(self._value)
                except OSError as error:
                    _log.warning("A photo that is not in use stays in memory: %s", error)
                    return False
            self._value = None
            return True

    def _write(self, value: _T) -> Path:
        check_room(self.size)
        folder = make_folder()
        remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            with (folder / "kept").open("wb") as file:
                if isinstance(value, bytes):
                    file.write(value)
                else:
                    pickle.dump(value, file, protocol=5)  # which neither copies samples, nor does loading them
        except BaseException:
            remove()
            raise
        return folder / "kept"

    def _read(self, read: Callable[[BinaryIO], _Read]) -> _Read:
        assert self._file is not None
        try:
            with self._file.open("rb") as file:
                return read(file)
        except OSError as error:
            raise GoneError(texts.TIDIED_AWAY) from error


_large: "weakref.WeakSet[Kept[Any]]" = weakref.WeakSet()
_adding = threading.Lock()


def size_of(photo: Photo) -> int:
    """Return about how many bytes a photo takes in memory."""
    metadata = photo.metadata
    alpha = 0 if photo.alpha is None else photo.alpha.nbytes
    blocks = [metadata.exif, metadata.xmp, metadata.iptc, photo.icc_profile, *chain(*photo.colour_chunks)]
    texts = chain(*metadata.comments)
    return photo.pixels.nbytes + alpha + sum(map(len, blocks)) + sum(map(sys.getsizeof, texts))


def _make_room(newest: Kept[Any]) -> None:
    """Put aside what was not used for the longest time, until the rest is within the budget or the disk is full."""
    with _adding:
        others = [each for each in _large if each.is_in_memory and each is not newest]
    total = newest.size + sum(each.size for each in others)
    for each in sorted(others, key=lambda each: each._used):
        if total <= BUDGET or not each.put_aside():
            return
        total -= each.size

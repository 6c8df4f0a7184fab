"""Folders too large for one machine: Ray's workers read, denoise and write the photos, wherever these lie.

Each worker is a process that holds a network, and has one photo at a time in its hands from file to file. Between
processes pass names and lines of the report, no pixels: memory is what the workers take, however many photos there are.
A result is written at once or not at all, so one that is there is whole, and its photo is passed over. A worker that
dies is replaced and its photos are tried again, at last each by itself: one that ends worker after worker has failed.
"""

import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import fsspec
import ray
import ray.data
from fsspec.implementations.local import LocalFileSystem
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from denoise import __version__
from denoise.console import Run, progress_bars, report_line, say, sentence, silenced
from denoise.engine import Engine, Task
from denoise.files import write_atomically
from denoise.image import SUFFIXES, PhotoError, format_for
from denoise.item import Figures
from denoise.notation import number
from denoise.plan import Selection, photos_of, taken_by_another, written
from denoise.processing import process
from denoise.registry import load_model
from denoise.runtime import ModelError, processors

_NAMES = 8  # of a task: what Ray does for one takes some hundredths of a second
_TASKS = 16  # of a worker, at least, if there are so many photos: at the end, all are busy
_TRIES = 3
_UNREACHED = "Ray cannot be started or reached ({address}): {error}"
_NO_BUCKET = "there is no bucket {bucket}: make it first, or see whether its name is right"
_NOT_THERE = "the folders cannot be looked at: {error}"
_BROKEN = "the cluster broke off: {error}. Is denoise {version} installed on each machine, with the extra “cluster”?"
_ENDED = "Its worker ended {tries} times, perhaps for lack of memory. Denoise this photo by itself."


class Place:
    """A folder, here or elsewhere.

    Args:
        url: As fsspec knows it, such as `photos/2026` or `s3://photos/2026`.

    Attributes:
        path: Where it is on its file system.
        is_local: Whether it is a folder of this machine, or of a disk that all machines share.
        bucket: The bucket that holds it, in a store of objects, which has no folders beside; else empty.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._system, path = fsspec.url_to_fs(url)
        self.path = str(path).rstrip("/")
        self.is_local = isinstance(self._system, LocalFileSystem)
        self.bucket = "" if self.is_local or self.path.startswith("/") else self.path.partition("/")[0]

    def check(self) -> None:
        """See whether something can be written there.

        Raises:
            PhotoError: Its bucket is missing: some libraries would make one for a name that is mistyped.
        """
        try:
            if self.bucket:
                self._system.info(self.bucket)
        except FileNotFoundError:
            raise PhotoError(_NO_BUCKET.format(bucket=self.bucket)) from None

    def photos(self, selection: Selection, *, apart: "Place") -> Iterator[PurePosixPath]:
        """Yield the photos of the folder, and of those in it but the one apart, by their paths below it.

        Raises:
            OSError: The folder cannot be looked at.
        """
        if self.is_local:
            found = photos_of(Path(self.path), selection, apart=Path(apart.path) if apart.is_local else None)
            yield from (PurePosixPath(below.as_posix()) for _, below in found)
            return
        left_out = f"{apart.path}/" if type(apart._system) is type(self._system) else None
        for path in sorted(self._system.find(self.path)):
            below = PurePosixPath(path[len(self.path) :].lstrip("/"))
            if selection.takes(below) and not (left_out and path.startswith(left_out)):
                yield below

    def fetch(self, below: PurePosixPath, folder: Path) -> Path:
        """Return a file of this machine that holds a photo: itself, or a copy in a folder.

        Raises:
            OSError: It cannot be read.
        """
        if self.is_local:
            return Path(self.path) / below
        copy = folder / "photo"
        self._system.get_file(f"{self.path}/{below}", str(copy))
        return copy

    def has(self, below: PurePosixPath) -> bool:
        """Whether there is such a file, and something in it: power cuts leave empty ones."""
        try:
            return bool(self._system.size(f"{self.path}/{below}"))
        except FileNotFoundError:
            return False

    def write(self, below: PurePosixPath, data: bytes) -> None:
        """Write a file at once or not at all.

        Raises:
            OSError: It cannot be written.
        """
        if self.is_local:
            write_atomically(Path(self.path) / below, data)
            return
        path = f"{self.path}/{below}"
        if not self.bucket:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self._system.transaction, self._system.open(path, "wb") as file:
            file.write(data)


@dataclass(frozen=True)
class _Work:
    """What all photos have in common."""

    source: Place
    target: Place
    run: Run

    def line(self, name: PurePosixPath, state: str, reason: str = "", **figures: Any) -> str:
        source, target = f"{self.source.url}/{name}", f"{self.target.url}/{written(name, self.run.suffix)}"
        return report_line(source, target, state, reason, **figures)


class _Worker:
    """Denoises photos of one work, in a process of its own."""

    def __init__(self, work: _Work, threads: int) -> None:
        cv2.setNumThreads(threads)
        self._work, self._engine = work, Engine(partial(load_model, threads=threads))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        name = PurePosixPath(row["item"])
        return {"name": str(name), "line": self._line(name)}

    def _line(self, name: PurePosixPath) -> str:
        work = self._work
        try:
            if not work.run.overwrite and work.target.has(written(name, work.run.suffix)):
                return work.line(name, "skipped", "done already")
            return work.line(name, "done", **asdict(self._made(name)))
        except (PhotoError, ModelError, OSError, MemoryError) as error:
            return work.line(name, "failed", sentence(error))
        except Exception as error:  # one photo is never to end the others' work
            logging.getLogger(__name__).exception("%s", name)
            return work.line(name, "failed", f"unexpected, {type(error).__name__}: {error}")

    def _made(self, name: PurePosixPath) -> Figures:
        run = self._work.run
        result = written(name, run.suffix)
        settings = replace(run.settings, format=format_for(result.suffix))
        with tempfile.TemporaryDirectory(prefix="denoise-") as folder:
            path = self._work.source.fetch(name, Path(folder))
            data, figures = process(path, settings, Task(self._engine), max_megapixels=run.max_megapixels)
        self._work.target.write(result, data)
        return figures


@dataclass
class _Tally:
    """Counts what has become of photos, and says it."""

    run: Run
    names: set[str] = field(default_factory=set)  # of those of which nothing is known
    states: dict[str, int] = field(default_factory=lambda: {"done": 0, "skipped": 0, "failed": 0})
    pixels: int = 0
    begun: float = field(default_factory=time.monotonic)

    def count(self, name: str, line: str) -> None:
        told = json.loads(line)
        self.names.discard(name)
        self.states[told["state"]] += 1
        self.pixels += told.get("width", 0) * told.get("height", 0)
        if told["state"] == "failed":
            say(f"{told['source']}: {told['reason']}")
        if self.run.report:
            self.run.report.write(line)
            self.run.report.flush()

    @property
    def pace(self) -> str:
        seconds = time.monotonic() - self.begun
        photos, megapixels = self.states["done"] / seconds, self.pixels / 1e6 / seconds
        return f"{number(photos, 2)} photos, {number(megapixels, 2)} megapixels a second"


def work_off(
    source: str, target: str, run: Run, selection: Selection, *, workers: int | None = None, address: str = "local"
) -> int:
    """Denoise the photos of a folder, and of those in it, on the machines of a Ray cluster.

    Args:
        source: The folder, as a path or an URL of fsspec's.
        target: The folder of the results, which keep their places.
        run: How; photos whose results are there are passed over unless these are to be overwritten.
        selection: Which photos.
        workers: How many of them are at work at once; as many as there are processors unless given.
        address: Of the cluster's head, see `ray.init`; "local" for this machine alone.

    Returns:
        How many failed.

    Raises:
        PhotoError: The folder holds no photos, or it or the cluster cannot be reached; the message says why.
    """
    tally = _Tally(run)
    work = _plan(source, target, run, selection, tally)
    try:
        _connect(address, workers)
        cpus = int(ray.cluster_resources().get("CPU", 1))
        workers = workers or cpus
        size = max(1, min(_NAMES, len(tally.names) // (_TASKS * workers)))
        tally.begun = time.monotonic()
        with progress_bars() as bars:
            bar = bars.add_task("", total=len(tally.names))
            for each in (size, 1)[: 2 if size > 1 else 1]:  # what came of no task is tried again by itself
                for row in _rows(work, sorted(tally.names), each, workers, max(1, cpus // workers)):
                    tally.count(row["name"], row["line"])
                    bars.update(bar, advance=1, description=tally.pace)
    except RayError as error:
        raise PhotoError(_BROKEN.format(error=_last_line(error), version=__version__)) from error
    finally:
        ray.shutdown()
    for name in sorted(tally.names):
        tally.count(name, work.line(PurePosixPath(name), "failed", _ENDED.format(tries=_TRIES)))
    print(", ".join(f"{count} {state}" for state, count in tally.states.items()), f"({tally.pace})", flush=True)
    return tally.states["failed"]


def _plan(source: str, target: str, run: Run, selection: Selection, tally: _Tally) -> _Work:
    """Note the names of the photos, and tell of those whose result another has."""
    try:
        work = _Work(Place(source.rstrip("/")), Place(target.rstrip("/")), replace(run, report=None))
        work.target.check()
        taken: dict[PurePosixPath, PurePosixPath] = {}
        for name in work.source.photos(selection, apart=work.target):
            result = written(name, work.run.suffix)
            if taken.setdefault(result, name) == name:
                tally.names.add(str(name))
            else:
                tally.count(str(name), work.line(name, "failed", taken_by_another(result)))
    except (OSError, PhotoError):
        raise
    except Exception as error:  # a library is missing, a protocol unknown, or the library has errors of its own
        raise PhotoError(_NOT_THERE.format(error=_last_line(error))) from error
    if not taken:
        raise PhotoError(f"the folder {work.source.url} holds no photos ({', '.join(SUFFIXES)})")
    return work


def _connect(address: str, workers: int | None) -> None:
    """Join a cluster, or start one on this machine, that says nothing of itself, neither here nor to its makers.

    Raises:
        PhotoError: It cannot be.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == "local":
        options |= {"num_cpus": max(processors(), workers or 1), "include_dashboard": False}
    try:
        with silenced(2):
            ray.init(address=address, **options)
    except Exception as error:  # of any kind, such as where a machine is too busy
        raise PhotoError(_UNREACHED.format(address=address, error=_last_line(error))) from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # what became of those photos is told at the end


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


def _rows(work: _Work, names: Sequence[str], size: int, workers: int, threads: int) -> Iterator[dict[str, Any]]:
    """Let workers denoise photos, so many in one task, and yield a row for each as it ends, in any order."""
    if not names:
        return
    rows = ray.data.from_items(list(names), override_num_blocks=-(-len(names) // size))
    with warnings.catch_warnings():
        # The number of tries has no name of its own yet; without it, a photo that ends workers ends them for ever.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        results = rows.map(
            _Worker,
            fn_constructor_args=(work, threads),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=threads,
            max_task_retries=_TRIES - 1,
        )
    yield from results.iter_rows()

"""Photos worked off on the command line: some side by side, each told of, reported, and skipped where it is done."""

import contextlib
import errno
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from denoise.clean import describe_clean
from denoise.engine import Engine, Job, Task
from denoise.files import write_atomically
from denoise.image import FORMATS, PhotoError, TooLargeError, decode, format_for
from denoise.item import Figures, Settings
from denoise.metrics import Quality
from denoise.notation import number
from denoise.plan import is_written, taken_by_another, written
from denoise.processing import process
from denoise.registry import load_model

_PERSONAL = (PhotoError, OSError, MemoryError)  # failures of one photo
_DONE = "done already"


@dataclass(frozen=True)
class Run:
    """How photos are worked off.

    Attributes:
        settings: How each is denoised; its format is chosen by the name of what it becomes.
        overwrite: Replace files that exist already.
        in_place: Replace photos by their results, and nothing else.
        skip: Pass over photos whose results exist already.
        dry: Only tell what would become what.
        side_by_side: How many photos are at work at a time; their tiles take turns.
        max_megapixels: Larger ones are refused.
        suffix: Of the names of all results, such as ".png"; empty if each is to be called as its photo.
        reference: The file of a clean version of the one photo, to compare with.
        report: Where a line of JSON goes for each photo.
    """

    settings: Settings = field(default_factory=Settings)
    overwrite: bool = False
    in_place: bool = False
    skip: bool = False
    dry: bool = False
    side_by_side: int = 1
    max_megapixels: float = 50.0
    suffix: str = ""
    reference: Path | None = None
    report: TextIO | None = None


@dataclass
class _Photo:
    source: Path
    target: Path
    job: Job[tuple[Path, Figures]]
    task: TaskID


def say(message: str) -> None:
    """Write to stderr what is no result."""
    print(f"denoise: {message}", file=sys.stderr)


def sentence(error: Exception) -> str:
    """Return what a person is told of a failure."""
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this photo. Make it smaller and try again."
    if isinstance(error, TooLargeError):
        return f"{error} Or allow more by --max-megapixels, if there is memory for it."
    return str(error)


def quiet_engine() -> Engine:
    """Make an engine that loads networks without the line that LiteRT writes from C++; it has no switch for it."""
    return Engine(silenced(2)(load_model))


def work_off(photos: Iterable[tuple[Path, Path] | None], run: Run, *, total: int | None = None) -> int:
    """Denoise photos, and tell what becomes of each.

    Args:
        photos: Each and what it becomes; `None` where there is none yet.
        run: How.
        total: How many there are, if that is known.

    Returns:
        How many failed.

    Raises:
        ModelError: No photo can be denoised so.
        KeyboardInterrupt: The person stops; what is at work is given up, what is done is there.
    """
    engine, taken = quiet_engine(), dict[Path, Path]()  # which result is which photo's
    at_work: list[_Photo] = []
    failures = 0
    with progress_bars() as bars:
        overall = bars.add_task("all", total=total, visible=total is not None and total > 1)

        def collect(most: int) -> int:
            """Wait until no more than so many are at work; return how many failed."""
            failed = 0
            while at_work:
                for photo in [photo for photo in at_work if photo.job.has_ended]:
                    at_work.remove(photo)
                    bars.remove_task(photo.task)
                    bars.advance(overall)
                    failed += _tell(photo, run)
                if len(at_work) <= most:
                    break
                for photo in at_work:
                    bars.update(photo.task, completed=photo.job.done, total=photo.job.total or None)
                at_work[0].job.wait(0.1)
            return failed

        try:
            for pair in photos:
                if pair is None:
                    failures += collect(len(at_work))
                    continue
                source, target = pair[0], written(pair[1], run.suffix)
                if taken.get(target, source) != source:
                    reason = taken_by_another(target)
                elif target in taken:  # what is watched comes again if it has changed
                    reason = ""
                else:
                    reason = _reason_to_pass(source, target, run)
                if reason in ("", _DONE):
                    taken[target] = source
                if reason:
                    is_done = reason == _DONE
                    failures += not is_done
                    (print if is_done else say)(f"{source}: {reason}")
                    _report(run, source, target, "skipped" if is_done else "failed", reason)
                    bars.advance(overall)
                    continue
                if run.dry:
                    print(f"{source} -> {target}")
                    continue
                failures += collect(run.side_by_side - 1)
                same = next((photo.job for photo in at_work if photo.target == target), None)
                job = engine.submit(partial(_denoise, source, target, run), explain=sentence, after=same)
                at_work.append(_Photo(source, target, job, bars.add_task(source.name[:40], total=None)))
            failures += collect(0)
        finally:
            for photo in at_work:
                photo.job.cancel()
            for photo in at_work:  # a thread that is amid a network when Python ends takes the process down with it
                photo.job.wait()
    return failures


def _denoise(source: Path, target: Path, run: Run, task: Task) -> tuple[Path, Figures]:
    for path in filter(None, (source, run.reference)):
        if not path.is_file():
            raise PhotoError(f"There is no file {path}.")
    folder = next(each for each in target.absolute().parents if each.exists())
    if not os.access(folder, os.W_OK):  # said before the work, which would be in vain
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    limit = run.max_megapixels
    reference = decode(run.reference.read_bytes(), max_megapixels=limit) if run.reference else None
    is_known = is_written(target)
    settings = replace(run.settings, format=format_for(target.suffix) if is_known else "")
    data, figures = process(source, settings, task, max_megapixels=limit, reference=reference)
    if not is_known:  # such as a JPEG that is called .gif
        target = target.with_suffix(f".{FORMATS[figures.format].suffixes[0]}")
        if reason := _reason_to_pass(source, target, run):
            raise PhotoError(reason)
    task.check()  # who stopped meanwhile gets no file
    write_atomically(target, data)
    return target, figures


def _reason_to_pass(source: Path, target: Path, run: Run) -> str:
    try:
        if run.overwrite or not target.exists():
            return ""
        is_itself = target.samefile(source)
    except OSError:  # such as a name that is too long: writing will tell
        return ""
    if is_itself:
        return "" if run.in_place else f"{target} is the photo itself; choose another with -o, or pass --in-place."
    return _DONE if run.skip else f"{target} exists already; choose another with -o, or pass --force."


def _tell(photo: _Photo, run: Run) -> bool:
    """Tell what became of a photo; return whether it failed."""
    job = photo.job
    if job.failure is not None:
        if not isinstance(job.failure, _PERSONAL):
            raise job.failure
        say(f"{photo.source}: {job.reason}")
        _report(run, photo.source, photo.target, "failed", job.reason)
        return True
    if job.result is None:
        return False
    target, figures = job.result
    print(f"{photo.source} -> {target} ({figures.seconds:.1f} s)", flush=True)
    if told := describe_clean(figures.clean):
        print(told)
    if figures.not_kept:
        say(f"{target}: not kept: {', '.join(figures.not_kept)}")
    if (before := figures.before) and (after := figures.after):
        psnr = f"PSNR {number(before.psnr, 2)} -> {number(after.psnr, 2, ' dB')}"
        print(f"{psnr}, SSIM {number(before.ssim, 4)} -> {number(after.ssim, 4)}")
    _report(run, photo.source, target, "done", **asdict(figures))
    return False


def _report(run: Run, source: Path, target: Path, state: str, reason: str = "", **figures: Any) -> None:
    if run.report:
        run.report.write(report_line(str(source), str(target), state, reason, **figures))
        run.report.flush()


def report_line(source: str, target: str, state: str, reason: str = "", **figures: Any) -> str:
    """Return what the report says of a photo: a line of JSON, in which the PSNR of equal photos is null."""
    for name, value in figures.items():
        if isinstance(value, Quality):
            figures[name] = value._asdict() | ({} if math.isfinite(value.psnr) else {"psnr": None})
    line = {"source": source, "target": target, "state": state, "reason": reason, **figures}
    return json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"


def progress_bars() -> Progress:
    """Bars on stderr that are gone afterwards; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )


@contextlib.contextmanager
def silenced(*streams: int) -> Iterator[None]:
    """Send what the whole process writes to some streams, such as 2 for stderr, to nowhere: C++ code's, too."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {stream: os.dup(stream) for stream in streams}
    with Path(os.devnull).open("wb") as null:
        for stream in streams:
            os.dup2(null.fileno(), stream)
    try:
        yield
    finally:
        for stream, kept in saved.items():
            os.dup2(kept, stream)
            os.close(kept)

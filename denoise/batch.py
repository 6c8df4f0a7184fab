"""Many photos, one after another: a queue on disk that a job works off, with a report and a zip of the results.

However many photos there are, the pixels of one are in memory while the job is at work, and of those files that are
looked at on their arrival, which take turns with all else that is decoded. All files lie in a temporary folder that
goes with the batch.
"""

import secrets
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from zipstream import ZipStream

from denoise import delivery, turns
from denoise.engine import Engine, Job, Task
from denoise.files import write_atomically
from denoise.image import Photo, decode, denoised_name, encode, shrink, unpacked_size, without_metadata
from denoise.item import Item, Settings, State, expected_seconds
from denoise.level import noise_of_photo
from denoise.mixing import Mix
from denoise.names import free, tidy
from denoise.processing import mixed, process
from denoise.spool import check_room, make_folder, spool

ZIP_NAME, REPORT_NAME = "denoised-photos.zip", "report.csv"

UNDO = 10.0
"""Seconds in which the removal of a photo can be undone."""

SILENCE = 120.0
"""Seconds without a byte after which photos that should arrive are given up."""

_THUMBNAIL_SIDE = 160  # pixels: twice what is shown, for screens that have two to a point


class Batch:
    """A queue of photos on disk, and the job that denoises them.

    All methods may be called from any thread.
    """

    def __init__(
        self, engine: Engine, *, max_megapixels: float = 50.0, explain: Callable[[Exception], str] = str
    ) -> None:
        """Make an empty batch.

        Args:
            engine: Does the job.
            max_megapixels: Larger photos are refused.
            explain: Makes the sentence that `Item.reason` holds.
        """
        self.id = secrets.token_hex(4)
        """Tells the batches of one owner apart."""
        self._folder = make_folder()
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._engine, self._max_megapixels, self._explain = engine, max_megapixels, explain
        self._items: dict[str, Item] = {}
        self._changed = threading.Condition()  # guards all that follows, and the items
        self._job: Job[None] | None = None
        self._closed = False
        self._last_progress = time.monotonic()  # when something of a photo last came
        self._since = 0.0  # when that was begun
        self._spent = self._planned = 0.0  # seconds that the finished ones of this run took, and that were expected
        self._removed: list[tuple[int, Item, threading.Timer]] = []  # what can come back; newest last
        self._parts: dict[str, Path] = {}  # by photo: where its file is written as it comes
        self._arrived: set[Path] = set()  # those of them that have come as a whole, but were not looked at

    # What there is

    def items(self) -> list[Item]:
        """Return the photos in the order in which they were announced, as they are now."""
        with self._changed:
            return [replace(item) for item in self._items.values()]

    @property
    def is_working(self) -> bool:
        """Whether the job goes on, or waits for photos that are on their way."""
        return self._job is not None and not self._job.has_ended

    @property
    def is_busy(self) -> bool:
        """Whether something will change without anybody's doing: photos arrive, or the job goes on."""
        with self._changed:
            return self.is_working or self._is_arriving()

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed, see `close`."""
        return self._closed

    @property
    def share(self) -> float:
        """Share of the photo at work that is done, in [0, 1]."""
        job = self._job
        return job.done / job.total if job and job.total else 0.0

    def seconds_left(self, settings: Settings) -> float:
        """Estimate how long the photos that are not done will take, by how long those of this run took."""
        pace = self._engine.pace
        expected: dict[tuple[int, int], float] = {}  # by size: most photos of a batch have the same
        with self._changed:
            items = list(self._items.values())
            for item in items:
                if item.width and (item.width, item.height) not in expected:
                    expected[item.width, item.height] = expected_seconds(item, settings, pace)

            def total(state: State | None = None) -> float:
                chosen = (item for item in items if state in (None, item.state))
                return sum(expected.get((item.width, item.height), 0.0) for item in chosen)

            waiting, at_work = total(State.WAITING), total(State.WORKING)
            known = sum(item.width > 0 for item in items)
            arriving = sum(item.state == State.ARRIVING for item in items)
            waiting += arriving * total() / max(known, 1)  # as long as the others, on average
            share = self.share
            finished = self._planned + share * at_work
            spent = self._spent + (time.monotonic() - self._since if at_work else 0.0)
            slower = spent / finished if self.is_working and finished else 1.0  # than expected
            return (waiting + (1 - share) * at_work) * slower

    # Photos arrive

    def expect(self, name: str, size: int) -> Item:
        """Announce a photo of so many bytes, whose file is then written to `part` and handed over to `receive`."""
        item = Item(secrets.token_hex(8), tidy(name), size)
        with self._changed:
            self._items[item.id] = item
            self._last_progress = time.monotonic()
        return replace(item)

    def part(self, item_id: str) -> Path:
        """Return where to write the file of a photo that is expected, or was lost and is sent once more.

        Raises:
            KeyError: No such photo is expected.
        """
        with self._changed:
            item = self._items[item_id]
            if self._closed or not item.is_expected:
                raise KeyError(item_id)
            item.state, item.reason = State.ARRIVING, ""
            if not self._folder.exists():  # who tidies up temporary places has taken it
                spool()
                self._folder.mkdir(mode=0o700)
            part = self._parts[item_id] = self._file(item_id, f"{secrets.token_hex(4)}.part")
        return part

    def note_progress(self, item_id: str, part: Path) -> None:
        """Note that something of a photo has come.

        Raises:
            KeyError: It is not wanted any more: the batch was removed, or the photo is being sent once more.
        """
        with self._changed:
            self._check_wanted(item_id, part)
            self._last_progress = time.monotonic()

    def _check_wanted(self, item_id: str, part: Path) -> None:
        if self._closed or self._parts.get(item_id) != part:
            raise KeyError(item_id)

    def arrived(self, part: Path) -> None:
        """Note that a file has come as a whole: until it was looked at, see `receive`, no photo is given up.

        The sender waits for that, and sends nothing meanwhile.
        """
        with self._changed:
            self._arrived.add(part)

    def receive(self, item_id: str, part: Path) -> None:
        """Take over a file and look at it: from now on the photo can be denoised, or is known to be bad.

        A file that is not wanted any more, see `note_progress`, is removed.
        """
        self.arrived(part)
        try:
            self.note_progress(item_id, part)
            size = part.stat().st_size
            check = partial(self._check_wanted, item_id, part)
            unpacked = unpacked_size(part.read_bytes(), max_megapixels=self._max_megapixels)
            with turns.pictures.turn(2 * unpacked, check=check):
                noisy = decode(part.read_bytes(), max_megapixels=self._max_megapixels)
                small = replace(without_metadata(shrink(noisy, _THUMBNAIL_SIDE)), format="JPEG")
                self._write(item_id, "thumbnail", encode(small, quality=85))
                noise = 255 * noise_of_photo(noisy.pixels)
            with self._changed:
                if self._parts.get(item_id) == part and self._items[item_id].is_expected:
                    del self._parts[item_id]
                    part.replace(self._file(item_id, "in"))
                    unpacked = noisy.pixels.nbytes + (0 if noisy.alpha is None else noisy.alpha.nbytes)
                    found = {"width": noisy.width, "height": noisy.height, "unpacked": unpacked, "noise_before": noise}
                    self._update(item_id, state=State.WAITING, reason="", bytes=size, **found)
        except Exception as error:
            self.give_up(item_id, error, part)
        finally:
            with self._changed:
                self._arrived.discard(part)
                self._last_progress = time.monotonic()
            with suppress(OSError):
                part.unlink()

    def give_up(self, item_id: str, error: Exception, part: Path | None = None) -> None:
        """Give up a photo that did not arrive, or is bad; with `part`, only if that is how it was to come."""
        with self._changed:
            if part is not None and self._parts.get(item_id) != part:
                return
            self._parts.pop(item_id, None)
            # Of what was removed, with its files, nobody needs to hear.
            if not self._closed and self._items[item_id].state == State.ARRIVING:
                self._update(item_id, state=State.FAILED, reason=self._explain(error))

    def give_up_arriving(self, error: Exception) -> None:
        """Give up all photos whose sender is gone; not those that have come and are being looked at."""
        with self._changed:
            for item in self._items.values():
                if item.state == State.ARRIVING and self._parts.get(item.id) not in self._arrived:
                    self.give_up(item.id, error)

    def thumbnail(self, item_id: str) -> Path | None:
        """Return the JPEG file of a photo's small picture, if there is one."""
        with self._changed:
            known = item_id in self._items
        path = self._file(item_id, "thumbnail")
        return path if known and path.exists() else None

    # Photos are denoised

    def start(self, settings: Settings) -> None:
        """Denoise what is not done, those that failed once more; does nothing while it works already."""
        with self._changed:
            if self.is_working or self._closed:
                return
            for item in self._items.values():
                if item.can_retry:
                    item.state, item.reason = State.WAITING, ""
            self._spent = self._planned = 0.0
            self._job = self._engine.submit(partial(self._work, settings))

    def cancel(self) -> None:
        """End the work within a tile; what is done stays, and `start` goes on with the rest."""
        with self._changed:
            if self._job:
                self._job.cancel()
            self._changed.notify_all()

    def forget_results(self) -> None:
        """Make all that is done wait again, to be denoised otherwise; does nothing while it works."""
        with self._changed:
            if self.is_working:
                return
            for item in self._items.values():
                if item.state == State.DONE:
                    self._unlink(item.id, "out", "mixed")
                    item.state = State.WAITING
                    item.figures, item.seconds, item.result = None, None, ""
                    item.rejected, item.mix = False, Mix()

    def remove(self, item_id: str) -> None:
        """Remove a photo; one that is not there, or arrives, or is at work, is left alone.

        Its files and its result go after `UNDO` seconds.
        """
        with self._changed:
            item = self._items.get(item_id)
            if item is None or item.state in (State.ARRIVING, State.WORKING):
                return
            timer = threading.Timer(UNDO, self.forget_removed, args=(item_id,))
            timer.daemon = True
            self._removed.append((list(self._items).index(item_id), self._items.pop(item_id), timer))
            self._changed.notify_all()
            timer.start()

    @property
    def removed(self) -> str:
        """Name of the photo that was removed last and can come back, or nothing."""
        with self._changed:
            return self._removed[-1][1].name if self._removed else ""

    def undo_removal(self) -> None:
        """Bring back what was removed last, if it is still there, to where it was."""
        with self._changed:
            if self._removed:
                place, item, timer = self._removed.pop()
                timer.cancel()
                items = list(self._items.values())
                self._items = {each.id: each for each in [*items[:place], item, *items[place:]]}
                self._changed.notify_all()

    def forget_removed(self, item_id: str) -> None:
        """Delete the files of a photo that was removed, unless it came back."""
        with self._changed:
            if item_id in (item.id for _, item, _ in self._removed):
                self._removed = [each for each in self._removed if each[1].id != item_id]
                self._unlink(item_id, "in", "out", "mixed", "thumbnail")

    def photos(self, item_id: str) -> tuple[Photo, Photo]:
        """Return a photo and its result, as its file holds it.

        Raises:
            KeyError: There is no such result.
            PhotoError: A file is damaged.
        """
        return self.photo(item_id, after=False), self.photo(item_id, after=True)

    def photo(self, item_id: str, *, after: bool) -> Photo:
        """Return a photo, or its result; raises as `photos` does."""
        with self._changed:
            settings = self._check_done(item_id).settings or Settings()
            data = self._file(item_id, "out" if after else "in").read_bytes()
        return decode(data, max_megapixels=self._max_megapixels, development=settings.development)

    def unpacked(self, item_id: str) -> int:
        """Return how many bytes a photo's pixels take; raises as `photos` does."""
        with self._changed:
            return self._check_done(item_id).unpacked

    def reject(self, item_id: str, rejected: bool) -> None:
        """Leave a result out of what is taken home, or take it in again.

        Raises:
            KeyError: There is no such result.
        """
        with self._changed:
            self._check_done(item_id).rejected = rejected

    def mix(self, item_id: str, mix: Mix) -> None:
        """Mix a result anew with its photo: from now on that is taken home; raises as `photos` does, or OSError."""
        noisy, denoised = self.photos(item_id)
        with self._changed:
            settings = self._check_done(item_id).settings or Settings()
        data = b"" if mix == Mix() else mixed(noisy, denoised, mix, settings.quality)
        check_room(len(data))
        with self._changed:
            item = self._check_done(item_id)
            self._write(item_id, "mixed", data)
            item.mix = mix

    def result(self, item_id: str) -> tuple[Path, str]:
        """Return the file of a result, and what it is called.

        Raises:
            KeyError: There is no such result.
        """
        with self._changed:
            item = self._check_done(item_id)
            return self._taken_home(item), item.result

    def _taken_home(self, item: Item) -> Path:
        return self._file(item.id, "out" if item.mix == Mix() else "mixed")

    def _check_done(self, item_id: str) -> Item:
        item = self._items[item_id]
        if self._closed or item.state != State.DONE:
            raise KeyError(item_id)
        return item

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the job has ended, or so many seconds."""
        if job := self._job:
            job.wait(timeout)

    def close(self) -> None:
        """Cancel, and remove all files; does not wait for that."""
        with self._changed:
            self._closed = True  # nothing begins any more
            self.cancel()

        def remove() -> None:
            self.wait()
            self._remove()

        threading.Thread(target=remove, name="batch cleanup").start()

    # Results leave

    def report(self) -> bytes:
        """Return a table of all photos, see `denoise.delivery.report`."""
        return delivery.report(self.items())

    def zip(self) -> ZipStream:
        """Return a zip file of all results so far, with the report, as pieces of bytes; its `len` is known beforehand.

        Nothing is written for it, so that a full disk is no obstacle, and nothing compressed: photos are already. A
        result that is removed or made anew before its turn ends the stream with an error, short of its length.

        Raises:
            FileNotFoundError: Results are missing; their photos have failed now, and the next zip is without them.
            OSError: A result cannot be read.
        """
        stream = ZipStream(sized=True)
        missing: FileNotFoundError | None = None
        with self._changed:  # so that the report tells of these files
            for item in self._items.values():
                if item.state == State.DONE and not item.rejected:
                    path = self._taken_home(item)
                    try:
                        found = path.stat()
                    except FileNotFoundError as error:
                        item.state, item.reason, missing = State.FAILED, self._explain(error), error
                    else:
                        stream.add(delivery.content(path, found), item.result, size=found.st_size)
            if missing:
                self._changed.notify_all()
                raise missing
            stream.add(self.report(), REPORT_NAME)
        return stream

    # The job

    def _work(self, settings: Settings, task: Task) -> None:
        while (item := self._next(task)) is not None:
            found: dict[str, Any] = {"state": State.WAITING}  # unless it ends otherwise
            try:
                with task.room(2 * item.unpacked):
                    found = self._made(item, settings, task)
            except CancelledError:
                raise
            except Exception as error:
                found = {"state": State.FAILED, "reason": self._explain(error)}
            finally:
                self._update(item.id, **found)
            with self._changed:
                self._planned += expected_seconds(item, settings, self._engine.pace)
                self._spent += time.monotonic() - self._since

    def _next(self, task: Task) -> Item | None:
        """Return the next photo, waiting for it to arrive; `None`, and the job counts as ended, if there is none."""
        with self._changed:
            while True:
                task.progress(0, 0)  # of the next one
                for item in self._items.values():
                    if item.state == State.WAITING:
                        item.state, self._since = State.WORKING, time.monotonic()
                        return replace(item)
                if not self._is_arriving():
                    self._job = None
                    return None
                self._changed.wait(1.0)

    def _is_arriving(self) -> bool:
        """Return whether photos are on their way; those of which nothing is heard for long are given up."""
        arriving = [item.id for item in self._items.values() if item.state == State.ARRIVING]
        if arriving and not self._arrived and time.monotonic() - self._last_progress > SILENCE:
            for item_id in arriving:
                self.give_up(item_id, TimeoutError())
            return False
        return bool(arriving)

    def _made(self, item: Item, settings: Settings, task: Task) -> dict[str, Any]:
        """Write the result of one photo; return what is to be kept of it."""
        source = self._file(item.id, "in")
        data, figures = process(source, settings, task, max_megapixels=self._max_megapixels)
        check_room(len(data))
        self._write(item.id, "out", data)
        return {
            "state": State.DONE,
            "figures": figures,
            "settings": settings,
            "seconds": time.monotonic() - self._since,
            "result": self._free_name(item.name, figures.format),
        }

    def _free_name(self, name: str, format_name: str) -> str:
        """Return what the result is called: no other one has that name, not even in capitals."""
        wanted = PurePosixPath(name).parent / denoised_name(PurePosixPath(name).name, format_name)
        with self._changed:
            items = [*self._items.values(), *(item for _, item, _ in self._removed)]
            return free(wanted, [item.result for item in items if item.state == State.DONE])

    def _update(self, item_id: str, **changes: Any) -> None:
        with self._changed:
            for name, value in changes.items():
                setattr(self._items[item_id], name, value)
            self._changed.notify_all()

    def _write(self, item_id: str, kind: str, content: bytes) -> None:
        write_atomically(self._file(item_id, kind), content, make_folder=False)  # never into one that was removed

    def _unlink(self, item_id: str, *kinds: str) -> None:
        for kind in kinds:
            self._file(item_id, kind).unlink(missing_ok=True)

    def _file(self, item_id: str, kind: str) -> Path:
        return self._folder / f"{item_id}.{kind}"

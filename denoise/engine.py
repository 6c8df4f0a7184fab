"""One engine for all long work: jobs beside one another, one tile at a time, one network in memory.

How it works, in a few sentences. Every job has a thread of its own, so that its work is written from top to bottom:
wait for room, decode, denoise, write. All of that goes on side by side but one thing: a tile is denoised by whoever has
the turn, and there is one turn, because a network takes all processors by itself. Whoever has waited longest has it
next, so every job advances by tiles, a small photo beside a large one. Only who has the turn touches a network, and the
engine holds what one job needs, a network of 100 to 300 MB and its partner if it has one. So for a while, a second, the
turn stays with the jobs of what is held, and after that goes to who has waited longest, whichever network that needs:
nobody waits for more than the tiles of those who came before, and a while for each other network. A job that was
cancelled, or that nobody refers to any more, ends when its tile does.
"""

import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, Generic, TypeVar

from denoise import Denoiser, Image, Level, turns
from denoise.baseline import non_local_means
from denoise.image import Photo
from denoise.registry import load_model

_NLM = "nlm"  # the name of the denoiser that is no network
_LARGE = 12_000_000  # bytes of a photo; its own copies need the network's memory: mixed, encoded, sent
_LINGER = 0.05  # seconds in which a job comes back for its next tile
_NEWEST = 0.1  # share of the newest tile in what is known of a denoiser's speed

_T = TypeVar("_T")


class Job(Generic[_T]):
    """Work in a thread of its own, as those see it who wait for it.

    Attributes:
        done: Tiles that are done, of those that the work counts at the moment.
        total: All of these; 0 until the first begins.
        ahead: Others for which it waits, before it begins.
        result: What the work returned; `None` as long as it may come, or if none will.
        failure: Why there is no result; `None` as long as it may come, or if it was cancelled.
        reason: The same as a sentence; empty where there is no failure.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.done = self.total = self.ahead = 0
        self.result: _T | None = None
        self.failure: Exception | None = None
        self.reason = ""
        self.is_cancelled = False
        self._wake, self._ended = wake, threading.Event()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it began, after it had waited for room."""
        return time.monotonic() - self._started

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    @property
    def ended_early(self) -> bool:
        """Whether it was cancelled or failed."""
        return self.is_cancelled or self.failure is not None

    @property
    def goes_on(self) -> bool:
        """Whether its result may come."""
        return not (self.has_ended or self.is_cancelled)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended, or so long; return whether it has."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Let it end within a tile; does nothing once it has ended."""
        if not self.has_ended:
            self.is_cancelled = True
            self._wake()


class Task:
    """A job as its own work sees it, which is called with this; `Task(engine)` alone is the work of who waits for it.

    Attributes:
        seconds: For how long it has denoised tiles, without waiting for others or for a network to be loaded.
        models: Names of the denoisers that it uses at the moment.
        used: Names of those that have denoised a tile.
    """

    def __init__(self, engine: "Engine", job: Callable[[], Job[Any] | None] | None = None) -> None:
        own: Job[Any] = Job()
        self.seconds = 0.0
        self.models: list[str] = []
        self.used: set[str] = set()
        self._engine, self._job = engine, job or (lambda: own)

    def check(self) -> Job[Any]:
        """End here if nobody wants the result any more.

        Raises:
            CancelledError: So it is.
        """
        job = self._job()
        if job is None or job.is_cancelled:
            raise CancelledError
        return job

    def progress(self, done: int, total: int) -> None:
        """Note how much is done; see `check`."""
        job = self.check()
        job.done, job.total = done, total

    def made_by(self, model: str) -> str:
        """Return which denoiser has done what was asked of this one: itself, unless its partner alone was at work."""
        return model if model in self.used else next(iter(self.used), model)

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Wait until there is room for so many bytes of pixels, see `denoise.turns`, and have it; see `check`."""
        with turns.networks.turn(size, tell=self._tell, check=self.check):
            self.check()._started = time.monotonic()
            yield

    def _tell(self, ahead: int) -> None:
        if job := self._job():
            job.ahead = ahead

    def denoiser(self, model: str, photo: Photo) -> AbstractContextManager[Denoiser]:
        """Give the denoiser of this name for a photo's tiles: takes turns with all others of the engine.

        Of tiles it raises `ModelError` where a network is missing or damaged, and what `check` does.
        """
        return self._engine._denoiser(model, photo, self)


class Engine:
    """Does jobs, and holds the networks that their tiles need.

    Attributes:
        tiles: How many have been denoised.

    Args:
        load: Loads a network by name.
        quantum: Seconds for which the turn stays with one network though others are waited for. To load one takes about
            as long as a third of a tile.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self,
        load: Callable[[str], Denoiser] = load_model,
        *,
        quantum: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tiles = 0
        self._load, self._quantum, self._clock = load, quantum, clock
        self._changed = threading.Condition()  # guards what follows; networks are theirs who have the turn
        self._waiting: dict[object, str] = {}  # who waits for the turn, longest first, to call the denoiser of a name
        self._pace: dict[str, float] = {}
        self._at_work = self._is_unwanted = False
        self._networks: dict[str, Denoiser] = {}  # those that are held, by name
        self._since = self._rested = clock()  # when one was loaded last, and when the last tile was done

    def submit(
        self, work: Callable[[Task], _T], *, explain: Callable[[Exception], str] = str, after: Job[Any] | None = None
    ) -> Job[_T]:
        """Begin a job.

        Args:
            work: Does it, and returns the result; calls `Task.check` now and then.
            explain: Turns its failure into a sentence, see `Job.reason`.
            after: A job that ends first, such as the cancelled one in whose place it is.
        """
        job: Job[_T] = Job(self._wake)

        def work_after(task: Task) -> _T:
            if after:  # even if this is cancelled meanwhile: one that comes after this would begin too early
                after.wait()
            task.check()
            return work(task)

        threading.Thread(target=self._do, args=(weakref.ref(job), work_after, explain), name="job", daemon=True).start()
        return job

    def _do(self, job: "weakref.ref[Job[_T]]", work: Callable[[Task], _T], explain: Callable[[Exception], str]) -> None:
        result, failure, reason = None, None, ""
        try:
            result = work(Task(self, job))
        except CancelledError:
            pass
        except BaseException as error:
            failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
            reason = explain(failure)
            failure.__traceback__ = failure.__cause__ = failure.__context__ = None  # they hold what the work held
        finally:  # whatever it ended of, who waits must hear of it
            if (held := job()) is not None:
                if not held.is_cancelled:
                    held.result, held.failure, held.reason = result, failure, reason
                held._ended.set()

    @property
    def pace(self) -> dict[str, float]:
        """The seconds that one call of each denoiser took lately; the one that was at work last comes last."""
        return dict(self._pace)

    @property
    def waiting(self) -> int:
        """How many wait for the turn with their next tile."""
        return len(self._waiting)

    def release(self) -> None:
        """Let go of the networks' memory, at the end of the tile that is at work; the next tile loads it again."""
        with self._changed:
            if self._at_work:
                self._is_unwanted = True
            else:
                self._networks = {}

    @contextmanager
    def _denoiser(self, model: str, photo: Photo, task: Task) -> Iterator[Denoiser]:
        classical = non_local_means(photo.pixels) if model == _NLM else None
        ended: float | None = None  # when its last tile was: blending is a part of the next
        task.models.append(model)

        def denoise_tile(tile: Image, level: Level) -> Image:
            nonlocal ended
            seconds = 0.0 if ended is None else self._clock() - ended
            with self._turn(model, task.check):
                denoiser = classical or self._hold(model, task.models)
                begun = self._clock()
                denoised = denoiser(tile, level)
                ended = self._clock()
                seconds += ended - begun
                before = self._pace.pop(model, seconds)
                self._pace[model] = before + _NEWEST * (seconds - before)
                self.tiles += 1
            task.seconds += seconds
            task.used.add(model)
            return denoised

        try:
            yield denoise_tile
        finally:
            task.models.remove(model)
            if photo.pixels.nbytes > _LARGE:
                self.release()

    def _hold(self, model: str, together: Collection[str]) -> Denoiser:
        """Return a network, held instead of those it does not work with; to be called by who has the turn."""
        if model not in self._networks:
            self._networks = {name: network for name, network in self._networks.items() if name in together}
            self._networks[model] = self._load(model)
            self._since = self._clock()
        return self._networks[model]

    @contextmanager
    def _turn(self, model: str, check: Callable[[], object]) -> Iterator[None]:
        me = object()
        with self._changed:
            self._waiting[me] = model
            try:
                check()
                while self._next() is not me:
                    self._changed.wait(None if self._at_work else _LINGER)
                    check()
                self._at_work = True
            finally:
                del self._waiting[me]
        try:
            yield
        finally:
            with self._changed:
                self._at_work, self._rested = False, self._clock()
                if self._is_unwanted:
                    self._networks, self._is_unwanted = {}, False
                self._changed.notify_all()

    def _next(self) -> object | None:
        """Tell whose turn it is: nobody's while a tile is at work, or its job may come back for the next one."""
        if self._at_work or not self._waiting:
            return None
        longest, now = next(iter(self._waiting)), self._clock()
        if not self._networks or now - self._since >= self._quantum:
            return longest
        at_hand = next((who for who, model in self._waiting.items() if model in (*self._networks, _NLM)), None)
        return longest if at_hand is None and now - self._rested >= _LINGER else at_hand

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


@cache
def shared() -> Engine:
    """Return the engine of this process."""
    return Engine()

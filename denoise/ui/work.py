"""A denoiser at work in a thread of its own: it goes on while the page is made anew or another one is looked at."""

import threading
import time
from collections.abc import Callable

from denoise import pipeline, turns
from denoise.image import Photo


class _CancelledError(Exception):
    pass


class Work:
    """One photo that is being denoised.

    Attributes:
        done: Tiles that are done.
        total: All tiles; 0 until the first begins.
        ahead: Works of other visitors for which it waits.
        failure: Why there is no result; `None` as long as it may come, or if it has come.
    """

    def __init__(
        self,
        load: Callable[[], Photo],
        size: int,
        model: str,
        best: bool,
        keep: Callable[[Photo, float], None],
        *,
        is_kept: Callable[[], object] = lambda: None,
        after: "Work | None" = None,
    ) -> None:
        """Begin as soon as there is room for it.

        Args:
            load: Returns the noisy photo, which is not held before its turn has come.
            size: Bytes of its pixels.
            model: See `pipeline.denoise_photo`.
            best: See `pipeline.denoise_photo`.
            keep: Called with the denoised photo and the seconds that it took; not if the work was cancelled.
            is_kept: Tells whether there is the result already: somebody else may have waited for the same.
            after: The work of the same visitor before this one, which ends first: however quickly a visitor chooses
                one thing after another, one of them is at work.
        """
        self.done = self.total = self.ahead = 0
        self.failure: Exception | None = None
        self._started, self._cancelled, self._ended = time.monotonic(), False, threading.Event()
        self._size, self._after = size, after

        def denoise() -> None:
            if not is_kept():
                denoised = pipeline.denoise_photo(load(), model, best=best, progress=self._progress)
                if not self._cancelled:
                    keep(denoised, self.seconds)

        threading.Thread(target=self._run, args=(denoise,), daemon=True).start()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    def wait(self, seconds: float | None) -> bool:
        """Wait until it has ended, or so many seconds; return whether it has."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Let it end within a tile."""
        self._cancelled = True

    def _check(self) -> None:
        if self._cancelled:
            raise _CancelledError

    def _tell(self, ahead: int) -> None:
        self.ahead = ahead

    def _progress(self, done: int, total: int) -> None:
        self._check()
        self.done, self.total = done, total

    def _run(self, denoise: Callable[[], None]) -> None:
        try:
            if self._after:
                self._after.wait(None)
            self._check()
            with turns.networks.turn(2 * self._size, tell=self._tell, check=self._check):
                self._started = time.monotonic()
                denoise()
        except _CancelledError:
            pass
        except Exception as error:
            self.failure = error
        finally:
            self._after = None
            self._ended.set()

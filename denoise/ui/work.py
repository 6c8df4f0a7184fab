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
        self, load: Callable[[], Photo], size: int, model: str, best: bool, keep: Callable[[Photo, float], None]
    ) -> None:
        """Begin as soon as there is room for it.

        Args:
            load: Returns the noisy photo, which is not held before its turn has come.
            size: Bytes of its pixels.
            model: See `pipeline.denoise_photo`.
            best: See `pipeline.denoise_photo`.
            keep: Called with the denoised photo and the seconds that it took; not if the work was cancelled.
        """
        self.done = self.total = self.ahead = 0
        self.failure: Exception | None = None
        self._started, self._cancelled, self._ended = time.monotonic(), False, threading.Event()
        threading.Thread(target=self._denoise, args=(load, size, model, best, keep), daemon=True).start()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, or so long; return whether it has."""
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

    def _denoise(
        self, load: Callable[[], Photo], size: int, model: str, best: bool, keep: Callable[[Photo, float], None]
    ) -> None:
        try:
            with turns.networks.turn(size, tell=self._tell, check=self._check):
                self._started = time.monotonic()
                denoised = pipeline.denoise_photo(load(), model, best=best, progress=self._progress)
            if not self._cancelled:
                keep(denoised, self.seconds)
        except _CancelledError:
            pass
        except Exception as error:
            self.failure = error
        finally:
            self._ended.set()

"""Libraries that warn about what users' files hold are not listened to."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_silent = threading.RLock()


@contextmanager
def no_warnings() -> Iterator[None]:
    """Silences warnings; one thread at a time, because they are switched off for the whole process."""
    with _silent, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

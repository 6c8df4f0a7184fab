"""The photos that clients have sent, on disk, and what becomes of each.

All of this is called in the server's loop; what takes time goes on in the engine's threads.
"""

import asyncio
import secrets
import shutil
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

from denoise import turns
from denoise.engine import Engine, Job, Task
from denoise.image import unpacked_size
from denoise.item import Figures, Settings
from denoise.processing import process
from denoise.service.models import State
from denoise.service.problems import sentence_of
from denoise.service.rules import Rules
from denoise.spool import check_room, make_folder

FULL = "This server has as many photos as it takes. Wait a minute, then send this one again."
OWN_SHARE = "{count} photos of yours are here, which is as many as one client may have. Delete those that are done."
ID = r"^[\w-]{32}$"
"""What a photo's id looks like."""

_AGAIN = {"Retry-After": "30"}


class Sent:
    """A photo that a client has sent.

    Attributes:
        id: Tells photos apart, and cannot be guessed.
        client: Whose it is, see `gate`.
        source: Its file.
        result: The file that becomes of it.
        work: The engine's, once the photo has come as a whole.
        has_begun: Set once there was room for its pixels.
        until: When it is gone, in seconds since 1970.
        timer: Lets it go then.
    """

    def __init__(self, client: str) -> None:
        self.id, self.client = secrets.token_urlsafe(24), client
        folder = make_folder()
        self.source, self.result = folder / "source", folder / "result"
        self.work: Job[Figures] | None = None
        self.has_begun = threading.Event()
        self.until = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def state(self) -> State:
        """What has become of it."""
        if self.work is None or not self.work.has_ended:
            return State.WORKING if self.has_begun.is_set() else State.WAITING
        return State.FAILED if self.work.ended_early else State.DONE

    def close(self) -> None:
        """End its work within a tile, then remove its files; does not wait for that."""
        work, remove = self.work, self._remove
        if work:
            work.cancel()

        def clear() -> None:
            if work:
                work.wait()
            remove()

        threading.Thread(target=clear, name="service cleanup", daemon=True).start()


class Store:
    """All photos of the service that are here.

    Args:
        engine: Does the work.
        rules: How many there may be, and for how long.
        tell: Called, in a thread of the engine's, with the figures of each result.
    """

    def __init__(self, engine: Engine, rules: Rules, tell: Callable[[Figures], None] = lambda figures: None) -> None:
        self._engine, self._rules, self._tell = engine, rules, tell
        self._sent: dict[str, Sent] = {}

    def states(self) -> Counter[State]:
        """Count the photos by what has become of them."""
        return Counter(each.state for each in list(self._sent.values()))

    @contextmanager
    def place(self, client: str) -> Iterator[Sent]:
        """Keep a place for a photo that a client is about to send; it goes again if anything fails meanwhile.

        Raises:
            HTTPException: There is none.
            OSError: No folder can be made for it.
        """
        own = sum(each.client == client for each in self._sent.values())
        if own >= self._rules.own_jobs:
            raise HTTPException(429, OWN_SHARE.format(count=own), _AGAIN)
        if len(self._sent) >= self._rules.jobs:
            raise HTTPException(503, FULL, _AGAIN)
        sent = Sent(client)
        self._sent[sent.id] = sent
        self._touch(sent)
        try:
            yield sent
        except BaseException:
            self.remove(sent)
            raise

    def start(self, sent: Sent, settings: Settings) -> None:
        """Begin the work on a photo that has come."""
        most = self._rules.max_megapixels
        source, result, has_begun = sent.source, sent.result, sent.has_begun  # all that the work is to hold of it

        def work(task: Task) -> Figures:
            with turns.pictures.turn(source.stat().st_size, check=task.check):
                size = unpacked_size(source.read_bytes(), max_megapixels=most)
            with task.room(2 * size):
                has_begun.set()
                data, figures = process(source, settings, task, max_megapixels=most)
                check_room(len(data))
                result.write_bytes(data)
                self._tell(figures)
                return figures

        sent.work = self._engine.submit(work, explain=sentence_of)

    def find(self, sent_id: str) -> Sent | None:
        """Return a photo that is here, for as long again as from its start."""
        sent = self._sent.get(sent_id)
        if sent:
            self._touch(sent)
        return sent

    def remove(self, sent: Sent) -> None:
        """Let go of a photo, and end its work."""
        if self.release(sent):
            sent.close()

    def release(self, sent: Sent) -> bool:
        """Give a photo's place to others; who did that is to close it. Return whether it had one."""
        if sent.timer:
            sent.timer.cancel()
        return self._sent.pop(sent.id, None) is not None

    def _touch(self, sent: Sent) -> None:
        if sent.timer:
            sent.timer.cancel()
        sent.until = time.time() + self._rules.kept
        sent.timer = asyncio.get_running_loop().call_later(self._rules.kept, self.remove, sent)

"""Many at once: visitors with a browser's websocket and programs that use the service, each with photos of one's own.

`python -m tests.attack.load --minutes 10` tells how long they waited, how fairly, and how much memory the server took.
With `--kill` the server is killed in the middle and another one takes its place; with `--full-disk` (as root) its disk
is full for a third of the time; with `--memory 1000` (as root) it may hold so many megabytes; with `--slow` two more
send a byte a second. Whoever gets pixels that are not theirs ends it all.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import httpx2
import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests import networks
from tests.attack.test_server import Server
from tests.attack.visitors import Visitor, memory
from tests.networks import MODELS

GRAIN = 14.0  # levels of 255
TORN = (ConnectionClosed, InvalidHandshake, httpx2.TransportError, OSError, AssertionError)
_PATIENCE = 900.0  # seconds; generous, for a busy machine
_AGAIN = 2.0  # seconds after which one who was refused, or whose server is gone, tries again
_MEMORY = Path("/sys/fs/cgroup/memory")


class WrongPixelsError(Exception):
    """Somebody was given what is not theirs."""


@dataclass
class Seen:
    """What everybody went through.

    Attributes:
        waits: Seconds from the choice of a photo to its denoised pixels, by who waited.
        ended: When that was.
        refusals: How often which answer came instead.
        torn: How often a connection broke.
        given_up: After how many seconds the server hung up on who sends a byte a second.
    """

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ended: list[float] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)
    torn: int = 0
    given_up: list[float] = field(default_factory=list)

    def note(self, who: str, began: float) -> None:
        self.waits[who].append(time.monotonic() - began)
        self.ended.append(time.monotonic())

    def unfairness(self, kind: str) -> float:
        """How long the slowest of a kind waited for a photo, as a multiple of their mean."""
        means = [statistics.mean(waits) for who, waits in self.waits.items() if who.startswith(kind)]
        return max(means) / statistics.mean(means)

    def percentiles(self, kind: str) -> dict[int, float]:
        waits = [each for who, waits in self.waits.items() if who.startswith(kind) for each in waits]
        return {each: float(np.percentile(waits, each)) for each in (50, 90, 99, 100)}


def photo(number: int, megapixels: float) -> tuple[bytes, np.ndarray]:
    """Return a noisy photo, no two alike, as a file, and its colours in the four quarters, which are one's own."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5) // 2 * 2
    width = round(1.5 * height) // 2 * 2
    random = np.random.default_rng(number)
    colours = random.uniform(60, 190, (2, 2, 3)).astype(np.float32)
    pixels = np.repeat(np.repeat(colours, height // 2, 0), width // 2, 1)
    pixels += np.random.default_rng().normal(0, GRAIN, pixels.shape)
    return cv2.imencode(".png", pixels.clip(0, 255).astype(np.uint8))[1].tobytes(), colours


def check(data: bytes, colours: np.ndarray) -> None:
    """See whether a picture is one's own, and denoised.

    Raises:
        WrongPixelsError: It is not.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    for row, column in np.ndindex(2, 2):
        quarter = pixels[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
        inner = quarter[rows // 8 : -rows // 8, columns // 8 : -columns // 8].reshape(-1, 3)
        if np.abs(inner.mean(axis=0) - colours[row, column]).max() > 3 or inner.std(axis=0).max() > 0.8 * GRAIN:
            raise WrongPixelsError(f"{inner.mean(axis=0)} ± {inner.std(axis=0)} for {colours[row, column]}")


async def visit(load: "Load", who: str, own: Callable[[], tuple[bytes, np.ndarray]]) -> None:
    """Be a visitor who chooses a photo again and again, and looks at the result."""
    visitor, before = None, ""

    async def look(visitor: Visitor) -> str:
        data, colours = own()
        began = time.monotonic()
        status = await visitor.upload(f"{uuid.uuid4().hex}.png", data)
        if status != 204:
            load.seen.refusals[status] += 1
            await asyncio.sleep(_AGAIN)
            return before
        shown = await visitor.result(before)
        check(await asyncio.to_thread(visitor.read, shown["url"]), colours)
        load.seen.note(who, began)
        return shown["id"]

    while load.goes_on:
        looking = None
        try:
            if visitor is None:
                visitor = Visitor(f"http://127.0.0.1:{load.server.port}", "model=unet")
                await asyncio.wait_for(visitor.come(), _PATIENCE)
                await asyncio.wait_for(visitor.is_open.wait(), _PATIENCE)
            looking = asyncio.create_task(look(visitor))
            ends = [looking, visitor.listening]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED, timeout=_PATIENCE)
            if not looking.done():
                looking.cancel()
                if not visitor.listening.done():
                    raise RuntimeError(f"{who} waits for ever: {visitor.words[-3:]}")
                raise ConnectionResetError
            before = looking.result()
        except TORN:
            load.seen.torn += 1
            visitor, before = None, ""
            await asyncio.sleep(_AGAIN)
    if visitor:
        visitor.drop()


async def use(load: "Load", who: str, own: Callable[[], tuple[bytes, np.ndarray]]) -> None:
    """Be a program that sends a photo again and again."""
    url = f"http://127.0.0.1:{load.server.port}/api/v1/denoise?model=unet"
    async with httpx2.AsyncClient(timeout=_PATIENCE, headers={"Authorization": f"Bearer {who}"}) as client:
        while load.goes_on:
            data, colours = own()
            began = time.monotonic()
            try:
                answer = await client.post(url, content=data)
            except TORN:
                load.seen.torn += 1
                await asyncio.sleep(_AGAIN)
                continue
            if answer.status_code == 200:
                check(answer.content, colours)
                load.seen.note(who, began)
            else:
                load.seen.refusals[answer.status_code] += 1
                await asyncio.sleep(_AGAIN)


async def dawdle(load: "Load", path: str) -> None:
    """Send a photo byte by byte, one a second, until the server hangs up; then again."""
    while load.goes_on:
        began, answer = time.monotonic(), b""
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", load.server.port)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer slow\r\nContent-Length: 1000000\r\n"
            )
            writer.write(head.encode() + b"\r\n")
            while load.goes_on and not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with suppress(TimeoutError):
                    answer += await asyncio.wait_for(reader.read(999), 1)
            writer.close()
        if answer.startswith(b"HTTP/1.1 408 "):
            load.seen.given_up.append(time.monotonic() - began)
        if load.goes_on:
            await asyncio.sleep(_AGAIN)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Have a file system of one's own there, in memory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "load", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def limited_memory(megabytes: int) -> Iterator[Path]:
    """Give a group of processes that may hold so much memory together (control groups, version 1)."""
    group = _MEMORY / f"load-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(megabytes * 1_000_000))
        yield group
    finally:
        while (group / "tasks").read_text():  # of a server that was killed, the system has some more to do
            time.sleep(0.1)
        group.rmdir()


@dataclass
class Trouble:
    """What happens on the way: see the module's words."""

    kill: bool = False
    full_disk: bool = False
    slow: bool = False
    group: Path | None = None  # see `limited_memory`


class Load:
    """A server and all who use it.

    Attributes:
        server: The one that is there; another one after a kill, at the same address.
        goes_on: Whether they are to begin once more.
        seen: What they went through.
        most: Megabytes that the server held at most.
        gap: Seconds without a result around the kill.
    """

    def __init__(self, folder: Path, models: Path, trouble: Trouble) -> None:
        self.seen, self.most, self.gap, self.goes_on = Seen(), 0, 0.0, True
        self._folder, self._models, self._trouble = folder, models, trouble

    async def play(self, visitors: int, clients: int, megapixels: float, seconds: float, least: int = 1) -> Seen:
        """Let it happen for so long, and until everybody has had so many photos, before and after each trouble."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * visitors + 8))
        self.server = self._start()
        names = [f"visitor-{each}" for each in range(visitors)] + [f"client-{each}" for each in range(clients)]
        try:
            async with asyncio.TaskGroup() as group:
                for number, who in enumerate(names):
                    act = visit if number < visitors else use
                    group.create_task(act(self, who, partial(photo, number, megapixels)))
                if self._trouble.slow:
                    group.create_task(dawdle(self, "/api/v1/denoise"))
                    group.create_task(dawdle(self, "/api/v1/jobs"))
                await self._direct(names, seconds, least)
                self.goes_on = False
            assert self.server.process.poll() is None
            assert "Traceback" not in self.server.log.read_text(), self.server.log.read_text()
        finally:
            self.server.close()
        return self.seen

    def _start(self, port: int = 0) -> Server:
        server = Server(self._folder, self._models, port)
        if self._trouble.group:
            (self._trouble.group / "cgroup.procs").write_text(str(server.process.pid))
        server.wait(_PATIENCE)
        return server

    async def _direct(self, names: list[str], seconds: float, least: int) -> None:
        """Let trouble come, in its time."""

        async def phase(seconds: float, least: int) -> None:
            began, before = time.monotonic(), {who: len(self.seen.waits[who]) for who in names}
            while time.monotonic() < began + seconds or any(
                len(self.seen.waits[who]) < before[who] + least for who in names
            ):
                self.most = max(self.most, memory(Path(f"/proc/{self.server.process.pid}"), "VmHWM"))
                await asyncio.sleep(0.2)

        if self._trouble.kill:
            await phase(seconds / 2, least)
            self.server.close()
            last = self.seen.ended[-1]
            count = len(self.seen.ended)
            self.server = await asyncio.to_thread(self._start, self.server.port)
            await phase(seconds / 2, least)
            self.gap = self.seen.ended[count] - last
        elif self._trouble.full_disk:
            await phase(seconds / 3, least)
            filler = self.server.folder / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))
            await phase(seconds / 3, 0)
            filler.unlink()
            await phase(seconds / 3, least)
        else:
            await phase(seconds, least)


def report(load: Load, visitors: int, clients: int) -> list[str]:
    """Return what there is to tell."""
    seen = load.seen
    lines = []
    for kind, count in (("visitor", visitors), ("client", clients)):
        if not count:
            continue
        found = seen.percentiles(kind)
        photos = sum(len(waits) for who, waits in seen.waits.items() if who.startswith(kind))
        times = ", ".join(f"{percent} %: {seconds:.1f} s" for percent, seconds in found.items())
        served = sum(who.startswith(kind) for who in seen.waits)
        lines.append(
            f"{served} of {count} {kind}s, {photos} photos; {times}; slowest {seen.unfairness(kind):.2f} of mean"
        )
    lines.append(f"most memory {load.most} MB; refusals {dict(seen.refusals)}; broken connections {seen.torn}")
    if seen.given_up:
        lines.append(f"slow senders were given up after {min(seen.given_up):.0f} to {max(seen.given_up):.0f} s")
    if load.gap:
        lines.append(f"{load.gap:.1f} s without a result around the kill")
    return lines


def main() -> None:
    """Play it, see the module's words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--megapixels", type=float, default=0.4)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tiny", action="store_true", help="networks that take next to no time")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--memory", type=int, default=0, metavar="MB")
    args = parser.parse_args()
    os.environ.setdefault("DENOISE_API_RATE", "1000/minute")  # a client is not to be refused for being quick
    os.environ["DENOISE_API_KEYS"] = " ".join(["slow", *(f"client-{each}" for each in range(args.clients))])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "spool").mkdir()
        if args.full_disk:
            stack.enter_context(small_disk(folder / "spool", 200))
        group = stack.enter_context(limited_memory(args.memory)) if args.memory else None
        models = MODELS
        if args.tiny:
            models = networks.write(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        load = Load(folder, models, Trouble(args.kill, args.full_disk, args.slow, group))
        asyncio.run(load.play(args.visitors, args.clients, args.megapixels, 60 * args.minutes))
    print(*report(load, args.visitors, args.clients), sep="\n")


if __name__ == "__main__":
    main()

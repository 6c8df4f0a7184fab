import asyncio
import threading

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from denoise.image import Photo
from denoise.mixing import Mix
from denoise.ui import orders
from denoise.ui.results import File, Result, Run
from denoise.ui.session import Session
from tests.asynchronous import run

RUN = Run("astronaut", "unet")
FILE = File(RUN, "PNG", 8, 95, False)
MIXES = [Mix(share, 1, 1) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]


class Request:
    """One whose connection ends when it is told to."""

    def __init__(self):
        self.gone = asyncio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Visitor(Session):
    """A session that notes what it makes; a test can hold it at that."""

    def __init__(self):
        super().__init__(chosen_id="astronaut")
        self.results.own[RUN] = Result(Photo(np.zeros((4, 4, 3), np.uint8)), 1.0, "unet")
        self.made, self.at_work, self.most = [], 0, 0
        self.begun, self.free = threading.Event(), threading.Event()
        self.free.set()

    def file(self, wanted, mix):
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        self.made.append(mix)
        self.begun.set()
        assert self.free.wait(10)
        self.at_work -= 1
        return f"{mix}".encode()


@pytest.fixture
def visitor():
    return Visitor()


async def begin(visitor, *mixes):
    """Ask for files, and wait until the first of them is being made."""
    visitor.free.clear()
    requests = [Request() for _ in mixes]
    tasks = [
        asyncio.create_task(orders.fill(request, visitor, FILE, mix))
        for request, mix in zip(requests, mixes, strict=True)
    ]
    await asyncio.to_thread(visitor.begun.wait, 10)
    return requests, tasks


def test_file_is_made_once_for_all_who_ask(visitor):
    async def work():
        _, tasks = await begin(visitor, *[MIXES[0]] * 40)
        visitor.free.set()
        return await asyncio.gather(*tasks)

    (made,) = set(run(work()))
    assert made.data == f"{MIXES[0]}".encode()
    assert visitor.made == [MIXES[0]]


def test_different_files_are_made_one_after_another(visitor):
    async def work():
        _, tasks = await begin(visitor, *MIXES)
        visitor.free.set()
        return await asyncio.gather(*tasks)

    assert [made.data for made in run(work())] == [f"{mix}".encode() for mix in MIXES]
    assert (visitor.made, visitor.most) == (MIXES, 1)


def test_nothing_is_made_for_who_has_left(visitor):
    async def work():
        requests, tasks = await begin(visitor, *MIXES)
        for request in requests[:4]:
            request.gone.set()
        await asyncio.wait(tasks[1:4])  # these had not been begun
        assert visitor.made == MIXES[:1]
        visitor.free.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    _, *left, last = run(work())
    assert [type(each) for each in left] == [ClientDisconnect] * 3
    assert last.data == f"{MIXES[4]}".encode()
    assert visitor.made == [MIXES[0], MIXES[4]]


def test_visitors_do_not_wait_for_one_another(visitor):
    other = Visitor()

    async def work():
        _, tasks = await begin(visitor, *MIXES)
        assert (await orders.fill(Request(), other, FILE, MIXES[0])).data == f"{MIXES[0]}".encode()
        assert visitor.made == MIXES[:1]
        visitor.free.set()
        await asyncio.gather(*tasks)

    run(work())


def test_failure_is_told_and_ends_the_turn(visitor):
    async def work():
        visitor.file = lambda wanted, mix: (_ for _ in ()).throw(MemoryError)
        with pytest.raises(MemoryError):
            await orders.fill(Request(), visitor, FILE, MIXES[0])
        del visitor.file
        assert await orders.fill(Request(), visitor, FILE, MIXES[0])
        visitor.results.own.clear()
        with pytest.raises(LookupError):
            await orders.fill(Request(), visitor, FILE, MIXES[0])

    run(work())


def test_what_is_kept_goes_with_its_result_and_is_limited(visitor, monkeypatch):
    others = [Visitor() for _ in range(3)]
    length = len(f"{MIXES[0]}")
    monkeypatch.setattr(orders, "_kept", type(orders._kept)())
    monkeypatch.setattr(orders, "_KEPT_BYTES", 3 * length)

    def fill(*visitors):
        async def work():
            for each in visitors:
                await orders.fill(Request(), each, FILE, MIXES[0])

        run(work())

    fill(*others)
    assert len(orders._kept) == 3
    fill(visitor)
    assert list(orders._kept) == [each.results.own[RUN] for each in (*others[1:], visitor)]
    fill(others[1])
    assert len(others[1].made) == 1
    visitor.results.own.clear()
    assert len(orders._kept) == 2


def test_file_that_is_too_large_to_be_kept_is_there_once_while_it_is_sent_and_costs_nobody_else_theirs(
    visitor, monkeypatch
):
    other = Visitor()
    monkeypatch.setattr(orders, "_kept", type(orders._kept)())

    async def ask():
        return await orders.fill(Request(), visitor, FILE, MIXES[0])

    async def work():
        await orders.fill(Request(), other, FILE, MIXES[0])
        monkeypatch.setattr(orders, "_KEPT_BYTES", len(f"{MIXES[0]}") - 1)
        sent = (await ask()).pieces()
        first = await anext(sent)
        again = await ask()
        assert first + b"".join([piece async for piece in sent]) == again.data
        assert visitor.made == MIXES[:1]
        del again, sent
        await ask()
        assert len(visitor.made) == 2
        assert list(orders._kept) == [other.results.own[RUN]]

    monkeypatch.setattr(orders, "BLOCK", 10)
    run(work())

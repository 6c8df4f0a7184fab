import gc
import subprocess
import sys
import threading
import time
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from denoise import engine as engine_module
from denoise import turns
from denoise.engine import Engine, Task
from denoise.image import Photo
from denoise.runtime import ModelError
from denoise.turns import Turns

TILE, LEVEL = np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 1), np.float32)
SMALL, LARGE = Photo(np.zeros((8, 8, 3), np.uint8)), Photo(np.broadcast_to(np.uint8(0), (2001, 2000, 3)))


class Network:
    """Adds nothing and takes time, by the clock of its machine."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name

    def __call__(self, tile, level):
        self.machine.called(self.name)
        return tile


class Machine:
    """An engine whose networks are recorded, and whose clock is advanced by each call by what it takes."""

    def __init__(self, seconds=None, **options):
        self.seconds = seconds or {}
        self.are_together = False
        self.calls, self.loads, self.loaded = [], [], weakref.WeakSet()
        self.ahead, self.at_work, self.is_free = 0.0, threading.Event(), threading.Event()
        self.is_free.set()
        self.engine = Engine(self.load, clock=self.clock, **options)

    def clock(self):
        return time.monotonic() + self.ahead

    def load(self, name):
        if name == "missing":
            raise ModelError("There is no such network.")
        assert self.are_together or not list(self.loaded), "another network is held"
        network = Network(self, name)
        self.loaded.add(network)
        self.loads.append(name)
        return network

    def called(self, name):
        self.at_work.set()
        assert self.is_free.wait(10)
        self.ahead += self.seconds.get(name, 0.0)
        self.calls.append((name, self.clock()))

    def submit(self, *models, photo=SMALL, tiles=1):
        """Begin a job that denoises so many tiles with each of these models."""

        def work(task):
            for model in models:
                with task.denoiser(model, photo) as denoiser:
                    for done in range(tiles):
                        task.progress(done, tiles)
                        denoiser(TILE, LEVEL)
            task.progress(tiles, tiles)
            return models

        return self.engine.submit(work)

    def hold(self):
        """Begin a job that has the turn until `is_free` is set."""
        self.is_free.clear()
        job = self.submit("first")
        assert self.at_work.wait(10)
        return job

    def wait_for(self, waiting):
        while len(self.engine._waiting) < waiting:
            time.sleep(0.001)


def test_tiles_and_those_who_wait_for_one_are_counted():
    machine = Machine()
    jobs = [machine.hold(), *(machine.submit("second", tiles=2) for _ in range(2))]
    machine.wait_for(2)
    assert (machine.engine.tiles, machine.engine.waiting) == (0, 2)
    machine.is_free.set()
    assert all(job.wait(10) for job in jobs)
    assert (machine.engine.tiles, machine.engine.waiting) == (5, 0)


def test_job_has_progress_and_a_result():
    machine = Machine()
    job = machine.hold()
    assert (job.done, job.total, job.has_ended, job.result) == (0, 1, False, None)
    machine.is_free.set()
    assert job.wait(10)
    assert (job.done, job.total, job.result) == (1, 1, ("first",))
    assert (job.failure, job.reason, job.is_cancelled) == (None, "", False)


@pytest.mark.parametrize("error", [ModelError("It is damaged."), KeyboardInterrupt()], ids=["error", "killed"])
def test_failure_is_kept_with_its_sentence_and_without_what_the_work_held(error):
    class Pixels:
        pass

    held = weakref.WeakSet()

    def work(task):
        pixels = Pixels()
        held.add(pixels)
        try:
            raise KeyError("why")
        except KeyError:
            raise error from None

    job = Engine().submit(work, explain=lambda error: f"Sorry: {error}")
    assert job.wait(10)
    assert (job.result, job.is_cancelled) == (None, False)
    assert isinstance(job.failure, Exception)
    assert job.reason == f"Sorry: {job.failure}"
    if isinstance(error, Exception):
        assert job.failure is error
        gc.collect()
        assert not list(held)


def test_failure_in_explaining_ends_the_job_all_the_same(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    job = Engine().submit(lambda task: 1 / 0, explain=lambda error: 1 / 0)
    assert job.wait(10)
    assert isinstance(job.failure, ZeroDivisionError)


def test_missing_network_fails_its_own_job_alone():
    machine = Machine()
    first = machine.hold()
    bad, good = machine.submit("missing"), machine.submit("second")
    machine.is_free.set()
    assert all(job.wait(10) for job in (first, bad, good))
    assert (bad.reason, good.result) == ("There is no such network.", ("second",))


def test_cancelled_job_ends_within_its_tile():
    machine = Machine()
    machine.is_free.clear()
    job = machine.submit("first", tiles=1000)
    assert machine.at_work.wait(10)  # in the first of them
    job.cancel()
    machine.is_free.set()
    assert job.wait(10)
    assert (job.is_cancelled, job.result, job.failure) == (True, None, None)
    job.cancel()
    machine.submit("first").wait(10)


def test_cancelled_job_that_waits_for_its_turn_ends_at_once():
    machine = Machine()
    holder, waiting = machine.hold(), machine.submit("second")
    machine.wait_for(1)
    waiting.cancel()
    assert waiting.wait(10)
    assert not holder.has_ended
    machine.is_free.set()
    assert holder.wait(10)
    assert machine.loads == ["first"]


def test_cancelled_job_that_waits_for_room_ends_and_says_how_many_are_ahead(monkeypatch):
    monkeypatch.setattr("denoise.turns.networks", Turns(100, small=0))
    engine, inside = Engine(), threading.Event()

    def work(task):
        with task.room(100):
            inside.set()
            return "done"

    with turns.networks.turn(100):
        first, second = engine.submit(work), engine.submit(work)
        while second.ahead + first.ahead < 3:
            time.sleep(0.001)
        first.cancel()
        assert first.wait(10)
        assert not inside.is_set()
    assert second.wait(10)
    assert (second.result, second.ahead) == ("done", 0)


def test_job_that_nobody_holds_ends():
    machine = Machine()
    ended = threading.Event()

    def work(task):
        try:
            while True:
                with task.denoiser("first", SMALL) as denoiser:
                    denoiser(TILE, LEVEL)
        finally:
            ended.set()

    job = machine.engine.submit(work)
    assert machine.at_work.wait(10)
    del job
    assert ended.wait(10)


def test_jobs_of_one_network_take_turns():
    order = []

    def network(tile, level):
        order.append(tile[0, 0, 0])
        while len(order) < 8 and not engine._waiting:  # until the other one is back
            time.sleep(0.001)
        return tile

    def work(task, number, tiles):
        with task.denoiser("first", SMALL) as denoiser:
            for _ in range(tiles):
                denoiser(TILE + number, LEVEL)

    engine = Engine(lambda name: network)
    jobs = [engine.submit(partial(work, number=number, tiles=tiles)) for number, tiles in ((1, 20), (2, 4))]
    assert all(job.wait(10) for job in jobs)
    assert sorted(order[:2]) == [1, 2]
    assert order[:6] == order[:2] * 3


@pytest.mark.parametrize(("quantum", "least", "most"), [(1.0, 2, 40), (0.0, 41, 82)])
def test_networks_change_once_in_a_while(quantum, least, most):
    machine = Machine({"first": 0.1, "second": 0.1}, quantum=quantum)
    jobs = [machine.hold(), *(machine.submit(name, tiles=40) for name in ("first", "second"))]
    machine.wait_for(2)
    machine.is_free.set()
    assert all(job.wait(20) for job in jobs)
    assert least <= len(machine.loads) <= most


def test_networks_that_work_together_are_held_together_until_another_is_needed():
    machine = Machine()
    machine.are_together = True

    def work(task):
        with task.denoiser("first", SMALL) as first, task.denoiser("partner", SMALL) as partner:
            for _ in range(5):
                first(TILE, LEVEL)
                partner(TILE, LEVEL)

    jobs = [machine.engine.submit(work), machine.submit("first", tiles=5), machine.engine.submit(work)]
    for job in jobs:
        assert job.wait(10)
        assert not job.failure
    assert machine.loads == ["first", "partner"]
    machine.are_together = False
    other = machine.submit("other")
    assert other.wait(10)
    assert other.result
    assert [network.name for network in machine.loaded] == ["other"]


def test_after_a_while_who_has_waited_longest_is_next_whichever_network_that_needs():
    machine = Machine(quantum=0.0)
    jobs = [machine.hold()]
    names = ["second", "first", "first", "third", "second"]
    for waiting, name in enumerate(names, 1):
        jobs.append(machine.submit(name))
        machine.wait_for(waiting)
    machine.is_free.set()
    assert all(job.wait(10) for job in jobs)
    assert [name for name, _ in machine.calls] == ["first", *names]


def test_nobody_starves():
    machine = Machine({"first": 0.3, "second": 0.1, "third": 0.05, "fourth": 2.0})
    jobs = [machine.hold(), machine.submit("first", tiles=40)]
    jobs += [machine.submit(name, tiles=tiles) for name, tiles in zip(machine.seconds, (40, 100, 200, 8), strict=True)]
    machine.wait_for(5)
    begun = machine.clock()
    machine.is_free.set()
    assert all(job.wait(20) for job in jobs)
    for name in machine.seconds:
        times = [begun, *(at for each, at in machine.calls if each == name)]
        # one while for each other network, of a second and at most a tile; the rest is for a busy machine
        assert np.diff(times).max() < 3 * 1.0 + sum(machine.seconds.values()) + 5.0
    assert len(machine.loads) < 150


def test_network_that_nobody_waits_for_gives_way_before_its_while_is_over():
    machine = Machine(quantum=1e9)
    assert machine.submit("first").wait(10)
    assert machine.submit("second").wait(10)
    assert machine.loads == ["first", "second"]


def test_non_local_means_takes_turns_and_leaves_the_network_where_it_is(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(engine_module, "non_local_means", lambda pixels: Network(machine, "nlm"))
    holder, classical = machine.hold(), machine.submit("nlm", tiles=3)
    machine.wait_for(1)
    assert [name for name, _ in machine.calls] == []
    machine.is_free.set()
    assert holder.wait(10)
    assert classical.wait(10)
    assert machine.submit("first").wait(10)
    assert machine.loads == ["first"]
    assert [name for name, _ in machine.calls] == ["first", "nlm", "nlm", "nlm", "first"]


@pytest.mark.parametrize(("photo", "held"), [(SMALL, 1), (LARGE, 0)], ids=["small", "large"])
def test_networks_memory_is_let_go_of_after_a_large_photo(photo, held):
    machine = Machine()
    assert machine.submit("first", photo=photo).wait(10)
    assert len(machine.loaded) == held
    machine.engine.release()
    assert len(machine.loaded) == 0


def test_release_waits_for_nobody():
    machine = Machine()
    holder = machine.hold()
    machine.engine.release()
    assert len(machine.loaded) == 1
    machine.is_free.set()
    assert holder.wait(10)
    assert len(machine.loaded) == 0


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' account of the memory")
def test_release_gives_the_memory_back_to_the_system():
    code = (
        "import numpy as np; from denoise.engine import Engine, Task; from denoise.image import Photo\n"
        "from denoise.ui.memory import return_large_blocks; return_large_blocks()\n"
        "def resident(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1])\n"
        "engine = Engine()\n"
        "with Task(engine).denoiser('ridnet', Photo(np.zeros((9, 9, 3), np.uint8))) as denoiser:\n"
        "    denoiser(*(np.zeros((256, 256, n), np.float32) for n in (3, 1)))\n"
        "busy = resident(); engine.release(); print(busy, resident())"
    )
    busy, idle = map(int, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert busy - idle > 150_000, f"{busy} kB before, {idle} kB after"


def test_pace_leaves_out_what_a_job_waits_for():
    machine = Machine({"first": 100.0, "second": 3.0})
    machine.hold()
    job = machine.submit("second", tiles=2)
    machine.wait_for(1)
    machine.is_free.set()
    assert job.wait(10)
    assert machine.engine.pace["second"] == pytest.approx(3.0, rel=0.2)
    assert list(machine.engine.pace) == ["first", "second"]


def test_task_tells_by_whom_its_work_was_done():
    machine = Machine()
    machine.are_together = True
    task = Task(machine.engine)
    assert task.made_by("first") == "first"  # of nothing but clean tiles
    with task.denoiser("first", SMALL), task.denoiser("partner", SMALL) as partner:
        partner(TILE, LEVEL)
    assert task.made_by("first") == "partner"
    with task.denoiser("first", SMALL) as denoiser:
        denoiser(TILE, LEVEL)
    assert task.made_by("first") == "first"


def test_who_waits_for_it_can_work_without_a_thread():
    machine = Machine({"first": 2.0})
    task = Task(machine.engine)
    with task.denoiser("first", SMALL) as denoiser:
        denoiser(TILE, LEVEL)
    task.progress(1, 1)
    assert task.seconds == pytest.approx(2.0, rel=0.2)
    assert machine.loads == ["first"]


def test_process_has_one_engine():
    assert engine_module.shared() is engine_module.shared()

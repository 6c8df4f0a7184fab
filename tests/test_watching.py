import os
import sys
import threading
from itertools import islice
from pathlib import Path

import pytest

from denoise import watching
from denoise.plan import Selection
from denoise.watching import arrivals


@pytest.fixture
def incoming(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SETTLED", 0.5)
    (tmp_path / "in" / "out").mkdir(parents=True)
    return tmp_path / "in"


def test_arrivals_are_what_is_there_and_what_comes(incoming):
    (incoming / "old.jpg").write_bytes(b"old")
    coming = arrivals([incoming], Selection(recursive=True), apart=incoming / "out")
    arrived = filter(None, coming)
    assert next(arrived) == (incoming / "old.jpg", Path("old.jpg"))
    (incoming / "out" / "result.jpg").write_bytes(b"result")
    (incoming / "notes.txt").write_bytes(b"notes")
    (incoming / "card").mkdir()
    assert next(coming) is None  # the new folder is seen
    (incoming / "card" / "new.jpg").write_bytes(b"new")
    assert next(arrived) == (incoming / "card" / "new.jpg", Path("card/new.jpg"))


def test_arrivals_wait_until_a_file_is_whole(incoming):
    coming = arrivals([incoming], Selection())
    assert next(coming) is None
    path, written = incoming / "slow.jpg", 0
    writing = threading.Event()

    def write():
        nonlocal written
        with path.open("wb") as file:
            while written < 10 and not writing.wait(watching.SETTLED / 3):
                written += file.write(b"x")
                file.flush()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert next(filter(None, coming)) == (path, Path("slow.jpg"))
        assert written == 10
    finally:
        writing.set()
        thread.join()


def test_arrivals_of_a_tree_with_a_locked_folder_are_those_of_the_others(incoming, monkeypatch):
    (incoming / "old.jpg").write_bytes(b"old")
    (incoming / "locked").mkdir()
    scandir, failures = os.scandir, []

    def locked(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    coming = arrivals([incoming], Selection(recursive=True), fail=failures.append)
    assert next(filter(None, coming)) == (incoming / "old.jpg", Path("old.jpg"))
    assert [error.filename for error in failures] == [str(incoming / "locked")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_arrivals_wait_for_one_who_pauses_amid_a_file(incoming, monkeypatch):
    monkeypatch.setattr(watching, "SETTLED", 0.0)
    coming = arrivals([incoming], Selection())
    path = incoming / "slow.jpg"
    with path.open("wb") as file:
        file.write(b"half")
        file.flush()
        assert set(islice(coming, 10)) == {None}
    assert next(filter(None, coming)) == (path, Path("slow.jpg"))

import os
import signal

import numpy as np
import pytest

from denoise.image import Photo, PhotoError, decode
from tests.attack import fuzz


@pytest.mark.parametrize("files", [600, pytest.param(3000, marks=pytest.mark.long)])
def test_changed_files_are_read_and_come_back_or_are_refused_with_a_sentence(files):
    tried, read, wrong = fuzz.fuzz("denoise", range(files))
    assert wrong == {}
    assert tried == files
    assert files / 10 < read < files * 9 / 10


@pytest.mark.parametrize("name", fuzz.seeds())
def test_seed_is_a_picture(name):
    data = fuzz.seeds()[name]
    if "animated" in name:
        with pytest.raises(PhotoError, match="animation"):
            decode(data)
    else:
        assert fuzz.examine(data) == (True, "")


def test_changes_are_the_same_every_time_and_differ():
    files = [fuzz.made("key", index) for index in range(50)]
    assert files == [fuzz.made("key", index) for index in range(50)]
    assert len({data for _, data in files}) > 40


def raises(error):
    def decode(data, **options):
        raise error

    return decode


def decodes_to(*photos):
    left = list(photos)
    return lambda data, **options: left.pop(0)


BLACK, WHITE = (Photo(np.full((2, 2, 3), value, np.uint8)) for value in (0, 255))


@pytest.mark.parametrize(
    ("decode", "wrong"),
    [
        pytest.param(raises(KeyError("tag")), "KeyError", id="other-error"),
        pytest.param(raises(MemoryError()), "MemoryError", id="memory"),
        pytest.param(raises(PhotoError("")), "no sentence", id="no-sentence"),
        pytest.param(decodes_to(BLACK, WHITE), "does not come back", id="other-pixels"),
        pytest.param(
            lambda data, **options: BLACK if options else raises(PhotoError("No."))(data), "refused", id="lost"
        ),
    ],
)
def test_examine_sees_what_is_wrong(monkeypatch, decode, wrong):
    monkeypatch.setattr(fuzz, "decode", decode)
    assert wrong in fuzz.examine(b"")[1]


def test_examine_sees_what_takes_long_or_much(monkeypatch):
    for limit in ("SECONDS", "MEBIBYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(fuzz, limit, -1)
            assert fuzz.examine(fuzz.seeds()["png"])[1].endswith("MiB")


def dies(sender, current, key, indices, until):
    for index in indices:
        current.value = index
        if index == 3:
            os.kill(os.getpid(), signal.SIGSEGV)
        sender.send((index, True, ""))


def test_fuzz_sees_a_crash_and_goes_on(monkeypatch):
    monkeypatch.setattr(fuzz, "_work", dies)
    assert fuzz.fuzz("key", range(6)) == (5, 5, {3: "ended with -11"})

import errno
import gc
import shutil
import threading

import numpy as np
import pytest

from denoise import spool, turns
from denoise.image import Metadata, Photo, encode
from denoise.turns import Turns
from denoise.ui import kept, texts
from denoise.ui.kept import Kept
from denoise.ui.results import Result, Run
from denoise.ui.session import UPLOAD, Session
from tests.ui.test_session import SAMPLE, png

LARGE = 2_000_000


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A spool of its own, and no values of other tests."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(kept, "_large", kept.weakref.WeakSet())
    spool._opened.cache_clear()
    yield tmp_path
    spool.remove_spool()
    spool._opened.cache_clear()


def files():
    return list(spool.spool().rglob("kept"))


def bytes_in_memory():
    return sum(each.size for each in kept._large if each.is_in_memory)


def large(seed=0):
    return np.random.default_rng(seed).bytes(LARGE)


def photo(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 65536, (600, 700, 3), dtype=np.uint16)
    return Photo(
        pixels,
        alpha=pixels[..., 0],
        format="TIFF",
        metadata=Metadata(b"Exif"),
        icc_profile=b"profile",
        dpi=(72.0, 72.0),
    )


def test_least_used_go_to_disk_beyond_the_budget_and_come_back(monkeypatch):
    monkeypatch.setattr(kept, "BUDGET", 2 * LARGE)
    values = [Kept(large(seed)) for seed in range(2)]
    assert files() == []
    assert values[0].get() == large(0)  # now the second is the least used
    values.append(Kept(large(2)))
    assert [each.is_in_memory for each in values] == [True, False, True]
    assert bytes_in_memory() == 2 * LARGE
    assert values[1].get() == large(1)
    assert [each.is_in_memory for each in values] == [False, True, True]


def test_photo_comes_back_with_all_that_it_has():
    before, value = photo(), Kept(photo())
    value.put_aside()
    assert not value.is_in_memory
    after = value.get()
    np.testing.assert_array_equal(after.pixels, before.pixels)
    np.testing.assert_array_equal(after.alpha, before.alpha)
    assert (after.format, after.metadata, after.icc_profile, after.dpi) == (
        "TIFF",
        Metadata(b"Exif"),
        b"profile",
        (72.0, 72.0),
    )
    assert after.pixels.dtype == np.uint16


@pytest.mark.parametrize(
    "change",
    [
        *({"alpha": np.zeros((1, 5000), np.uint8)}, {"icc_profile": bytes(5000)}),
        {"colour_chunks": ((b"cICP", bytes(2000)), (b"mDCV", bytes(3000)))},
        *({"metadata": Metadata(**{name: bytes(5000)})} for name in ("exif", "xmp", "iptc")),
        *(
            {"metadata": Metadata(comments=(("Title", "x"), comment))}
            for comment in (("a", "b" * 5000), ("b" * 5000, "a"))
        ),
    ],
)
def test_all_that_a_photo_holds_counts(change):
    pixels = np.zeros((1, 5000, 3), np.uint8)
    assert 20_000 <= kept.size_of(Photo(pixels, **change)) < 20_500


def test_file_goes_with_its_value():
    value = Kept(large())
    value.put_aside()
    assert len(files()) == 1
    assert files()[0].parent.stat().st_mode & 0o777 == 0o700
    del value
    gc.collect()
    assert files() == []


def test_small_value_stays_in_memory():
    value = Kept(b"small")
    value.put_aside()
    assert value.is_in_memory
    assert bytes_in_memory() == 0


def test_full_disk_loses_nothing(monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    value = Kept(photo())
    with monkeypatch.context() as patch:
        patch.setattr(kept.pickle, "dump", fail)
        value.put_aside()
    assert np.array_equal(value.get().pixels, photo().pixels)
    assert [path for path in spool.spool().iterdir() if path.is_dir()] == []
    value.put_aside()
    assert not value.is_in_memory


def test_full_disk_is_asked_once_each_time(monkeypatch, caplog):
    monkeypatch.setattr(kept, "BUDGET", LARGE)
    with monkeypatch.context() as patch:
        patch.setattr(kept, "check_room", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        values = [Kept(large(seed)) for seed in range(4)]
        assert [each.is_in_memory for each in values] == [True] * 4
        caplog.clear()
        Kept(large(5))
        assert len(caplog.records) == 1
    assert values[0].put_aside()
    assert values[0].put_aside()
    assert not Kept(b"small").put_aside()


def test_value_is_put_aside_also_where_the_spool_was_tidied_away():
    shutil.rmtree(spool.spool())
    value = Kept(large())
    value.put_aside()
    assert not value.is_in_memory
    assert value.get() == large()


def test_values_are_whole_while_many_threads_use_and_displace_them(monkeypatch):
    monkeypatch.setattr(kept, "BUDGET", 2 * LARGE)
    values = [Kept(large(seed)) for seed in range(4)]
    wrong = []

    def use(shift):
        for step in range(12):
            number = (step * shift) % 4
            if values[number].get() != contents[number]:
                wrong.append(number)

    contents = [large(seed) for seed in range(4)]
    threads = [threading.Thread(target=use, args=(shift,)) for shift in (1, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert bytes_in_memory() <= 4 * LARGE


def held(state):
    """Return the large values of a session, in memory and on disk."""
    every = [*state._kept.values(), *(each.kept for each in state.results.own.values())]
    return [each.is_in_memory for each in every if each.size > kept._SMALL]


def test_session_whose_visitor_is_away_is_on_disk_and_complete_when_the_visitor_is_back():
    state = Session(chosen_id=SAMPLE)
    state.open_upload("photo.png", png(7, width=40_000))
    state.open_reference(png(5, width=40_000))
    run = Run(state.chosen().id, "ridnet")
    state.add_result(run, Result(Photo(np.full((16, 40_000, 3), 6, np.uint8)), 2.5, "unet"))
    address = state.cache.offer("viewer", state.cache.picture("PNG", 1, lambda: large()))
    assert state.cache.offered(address).get() == large()
    assert held(state) == [True] * 3
    state.put_aside()
    assert held(state) == [False] * 3
    assert bytes_in_memory() == 0
    assert state.cache.offered(address) is None  # is made again
    assert state.chosen_id == UPLOAD
    chosen, result = state.chosen(), state.results.get(run)
    assert (chosen.title, result.seconds) == ("photo.png", 2.5)
    assert [int(each.pixels.mean()) for each in (chosen.noisy, result.photo, chosen.load_clean())] == [7, 6, 5]
    assert len(files()) == 3
    state.close()
    del chosen, result
    gc.collect()
    assert files() == []


def test_result_that_comes_while_the_visitor_is_away_goes_to_disk_too():
    state = Session(chosen_id=SAMPLE)
    state.put_aside()
    state.add_result(Run("x", "ridnet"), Result(photo(), 1.0, "unet"))
    assert held(state) == [False]


def test_piece_of_a_file_is_read_where_it_is():
    value = Kept(large())
    assert value.piece(1000, 50) == large()[1000:1050]
    value.put_aside()
    assert value.piece(LARGE - 10, 50) == large()[-10:]
    assert not value.is_in_memory


def test_what_was_tidied_away_is_known_to_be_gone_and_written_again_while_it_is_in_memory():
    value = Kept(photo())
    value.put_aside()
    value.get()
    files()[0].unlink()
    assert value.is_there
    value.put_aside()
    assert value.get().pixels.shape == (600, 700, 3)
    value.put_aside()
    files()[0].unlink()
    assert not value.is_there
    with pytest.raises(kept.GoneError, match="tidied up"):
        value.get()


def tidy_away():
    shutil.rmtree(spool.spool())


def test_photo_that_was_tidied_away_is_said_and_a_sample_takes_its_place():
    state = Session(chosen_id=SAMPLE)
    state.open_upload("photo.png", png(7, width=40_000))
    state.put_aside()
    tidy_away()
    assert state.chosen().id == SAMPLE
    assert (state.upload, state.notice) == (None, texts.TIDIED_AWAY)


def test_reference_result_and_picture_that_were_tidied_away_are_missed():
    state = Session(chosen_id=SAMPLE)
    state.open_upload("photo.png", png(7, width=40_000))
    state.open_reference(png(5, width=40_000))
    run = Run(state.chosen().id, "ridnet")
    state.add_result(run, Result(photo(), 2.5, "unet"))
    address = state.cache.offer("viewer", state.cache.picture("PNG", 1, large))
    state.cache.picture("PNG", 1, large).put_aside()
    state.put_aside()
    for each in (state.results.own[run].kept, state._kept["reference"]):
        each._file.unlink()
    assert state.chosen().load_clean is None
    assert state.notice == texts.TIDIED_AWAY
    assert state.results.get(run) is None  # is made again
    assert state.cache.offered(address) is None


def test_picture_that_was_tidied_away_is_made_again():
    state = Session(chosen_id=SAMPLE)
    made = []
    before = state.cache.picture("PNG", 1, lambda: made.append(1) or large())
    assert state.cache.picture("PNG", 1, lambda: made.append(2) or large()) is before
    address = state.cache.offer("viewer", before)
    before.put_aside()
    tidy_away()
    assert state.cache.offered(address) is None
    after = state.cache.picture("PNG", 1, lambda: made.append(3) or large())
    assert state.cache.offer("viewer", after) == address
    assert state.cache.offered(address).get() == large()
    assert made == [1, 3]


def test_upload_waits_for_its_turn_by_the_size_of_its_pixels_and_on_disk(monkeypatch):
    """A file may be a hundred times smaller than its pixels."""
    sizes = []

    class Counting(Turns):
        def turn(self, size, **options):
            sizes.append(size)
            waiting.put_aside()
            return super().turn(size, **options)

    monkeypatch.setattr(turns, "pictures", Counting(10**9))
    file = encode(Photo(np.zeros((600, 1000, 3), np.uint8), format="JPEG"))
    waiting = Kept(file + bytes(LARGE))  # which lie behind the picture
    assert len(file) < 20_000
    state = Session(chosen_id=SAMPLE)
    state.open_upload("photo.jpg", waiting)
    assert sizes == [2 * 600 * 1000 * 3]
    assert state.chosen().title == "photo.jpg"

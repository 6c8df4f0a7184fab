import csv
import errno
import io
import shutil
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from denoise import batch as batch_module
from denoise import catalogue, pipeline, processing, turns
from denoise.batch import REPORT_NAME, UNDO, Batch
from denoise.engine import Engine
from denoise.image import Development, Photo, decode, encode
from denoise.item import Settings, State
from denoise.mixing import Mix, blend
from denoise.runtime import ModelError
from denoise.turns import Turns
from tests.raws import dng


class Denoiser:
    """Stands for `pipeline.denoise_photo`: inverts. A test can hold it at a call, until `free` is set."""

    def __init__(self):
        self.calls, self.failure = [], None
        self.held_call, self.held, self.free = 0, threading.Event(), threading.Event()

    def __call__(self, photo, model, *, strength, best, progress, denoisers, **others):
        self.calls.append((photo.width, model, strength, best))
        progress(0, 2)
        if len(self.calls) == self.held_call:
            self.held.set()
            assert self.free.wait(10)
        if self.failure:
            raise self.failure
        progress(1, 2)
        return replace(photo, pixels=np.iinfo(photo.pixels.dtype).max - photo.pixels)


@pytest.fixture
def denoiser(monkeypatch):
    stub = Denoiser()
    monkeypatch.setattr(pipeline, "denoise_photo", stub)
    return stub


@pytest.fixture
def batch(denoiser):
    made = Batch(Engine())
    yield made
    denoiser.free.set()
    made.close()


def picture(kind="PNG", width=24, height=16, **options):
    pixels = np.random.default_rng(width).integers(40, 200, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def add(batch, name, data):
    item = batch.expect(name, len(data))
    part = batch.part(item.id)
    part.write_bytes(data)
    batch.receive(item.id, part)
    return item.id


def run(batch, settings=None):
    batch.start(settings or Settings(model="nlm"))
    batch.wait(10)
    assert not batch.is_working


def states(batch):
    return [item.state for item in batch.items()]


def unzipped(batch):
    stream = batch.zip()
    data = b"".join(stream)
    assert len(data) == len(stream)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def folder_of(batch):
    return batch.part(batch.expect("folder", 1).id).parent


def rows(batch):
    return list(csv.DictReader(io.StringIO(batch.report().decode("utf-8-sig"))))


def test_photos_come_back_in_their_formats_under_their_names(batch):
    files = {"a/IMG_1.JPG": picture("JPEG", 20), "b/IMG_1.JPG": picture("JPEG", 28), "scan.tiff": picture("TIFF", 22)}
    for name, data in files.items():
        add(batch, name, data)
    run(batch)
    found = unzipped(batch)
    assert set(found) == {"a/IMG_1-denoised.JPG", "b/IMG_1-denoised.JPG", "scan-denoised.tiff", REPORT_NAME}
    for name, data in files.items():
        noisy = decode(data)
        expected = encode(replace(noisy, pixels=255 - noisy.pixels))
        assert found[name.replace(".", "-denoised.")] == expected
    assert found[REPORT_NAME] == batch.report()


def test_files_of_one_name_all_survive(batch):
    for name, width in [("IMG.png", 20), ("IMG.png", 21), ("img.PNG", 22), ("report.csv", 23)]:
        add(batch, name, picture(width=width))
    run(batch)
    found = unzipped(batch)
    assert len(found) == len({name.lower() for name in found}) == 5
    widths = {name: decode(data).width for name, data in found.items() if name != REPORT_NAME}
    assert widths == {
        "IMG-denoised.png": 20,
        "IMG-denoised (2).png": 21,
        "img-denoised (3).PNG": 22,
        "report-denoised.png": 23,
    }


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("../../etc/passwd.png", "etc/passwd-denoised.png"),
        ("/etc/x.png", "etc/x-denoised.png"),
        ("C:\\photos\\x.png", "C_/photos/x-denoised.png"),
        ("night: show?.png", "night_ show_-denoised.png"),
        ("a\nb.png", "a_b-denoised.png"),
        ("..", "photo-denoised.png"),
        ("nul/com1.png", "_nul/_com1-denoised.png"),
        ("ä" * 200 + ".png", "ä" * 98 + "-denoised.png"),
        ("a" + "日" * 200 + "/x" + "🌄" * 100 + ".jpeg", "日" * 66 + "/" + "🌄" * 48 + "-denoised.png"),
        ("Über/é.png", "Über/é-denoised.png"),
    ],
)
def test_names_lead_nowhere_else(batch, name, result):
    add(batch, name, picture())
    run(batch)
    assert set(unzipped(batch)) == {result, REPORT_NAME}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"notes", "not a picture", id="text"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(picture("JPEG")[:-40], "end of this JPEG is missing", id="cut"),
        pytest.param(picture(width=2000, height=600), "megapixels", id="huge"),
    ],
)
def test_bad_file_gets_a_reason_and_the_rest_goes_on(denoiser, data, reason):
    batch = Batch(Engine(), max_megapixels=1)
    add(batch, "bad.png", data)
    good = add(batch, "good.png", picture())
    assert states(batch) == [State.FAILED, State.WAITING]
    assert reason in batch.items()[0].reason
    run(batch)
    assert states(batch) == [State.FAILED, State.DONE]
    assert batch.thumbnail(good)
    assert [row["state"] for row in rows(batch)] == ["failed", "done"]
    assert reason in rows(batch)[0]["reason"]
    batch.close()


def test_report_says_what_was_not_kept(batch, denoiser):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    add(batch, "x.jpg", picture("JPEG", exif=exif))
    run(batch, Settings(format="BMP"))
    assert rows(batch)[0]["not_kept"] == "EXIF (camera, time, place)"
    batch.forget_results()
    assert rows(batch)[0]["not_kept"] == ""
    run(batch, Settings(format="BMP", strip=True))
    assert rows(batch)[0]["not_kept"] == ""


def test_webp_stays_lossless_or_lossy_where_formats_are_kept(batch, denoiser):
    for name, lossless in (("exact.webp", True), ("small.webp", False)):
        add(batch, name, picture("WEBP", 64, 48, lossless=lossless))
    add(batch, "a.png", picture("PNG", 64, 48))
    run(batch)
    found = unzipped(batch)
    assert decode(found["exact-denoised.webp"]).lossless
    assert not decode(found["small-denoised.webp"]).lossless
    batch.forget_results()
    run(batch, Settings(format="WEBP", quality=80))
    assert not any(decode(data).lossless for name, data in unzipped(batch).items() if name != REPORT_NAME)
    batch.forget_results()
    run(batch, Settings(format="WEBP", quality=100))
    assert all(decode(data).lossless for name, data in unzipped(batch).items() if name != REPORT_NAME)


def test_settings_reach_the_denoiser_and_the_file(batch, denoiser, monkeypatch):
    monkeypatch.setattr(catalogue, "BIG", 500)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    for width in (20, 40):
        add(batch, "x.jpg", picture("JPEG", width, exif=exif))
    run(batch, Settings(best=True, strength=0.5, format="PNG", strip=True))
    assert denoiser.calls == [(20, "ridnet", 0.5, True), (40, "unet-strong", 0.5, True)]
    found = unzipped(batch)
    photos = [decode(data) for name, data in found.items() if name.endswith(".png")]
    assert set(found) == {"x-denoised.png", "x-denoised (2).png", REPORT_NAME}
    assert [photo.metadata.exif for photo in photos] == [b"", b""]
    assert [(row["denoiser"], row["strength"], row["best"]) for row in rows(batch)] == [
        ("ridnet", "0.5", "True"),
        ("unet-strong", "0.5", "True"),
    ]


def test_cancel_ends_within_a_tile_and_keeps_what_is_done(batch, denoiser):
    for width in (20, 21, 22):
        add(batch, "x.png", picture(width=width))
    denoiser.held_call = 2
    batch.start(Settings(model="nlm"))
    assert denoiser.held.wait(10)
    assert states(batch) == [State.DONE, State.WORKING, State.WAITING]
    batch.cancel()
    denoiser.free.set()
    batch.wait(10)
    assert states(batch) == [State.DONE, State.WAITING, State.WAITING]
    assert len(unzipped(batch)) == 2
    run(batch)
    assert states(batch) == [State.DONE] * 3
    assert [width for width, *_ in denoiser.calls] == [20, 21, 21, 22]
    assert len(unzipped(batch)) == 4


def test_start_while_it_works_changes_nothing(batch, denoiser):
    for width in (20, 21):
        add(batch, "x.png", picture(width=width))
    denoiser.held_call = 1
    batch.start(Settings(model="nlm"))
    assert denoiser.held.wait(10)
    batch.start(Settings(model="unet", strength=0))
    batch.forget_results()
    denoiser.free.set()
    batch.wait(10)
    assert denoiser.calls == [(20, "nlm", 1.0, False), (21, "nlm", 1.0, False)]


def test_work_waits_for_photos_that_are_on_their_way(batch):
    late = batch.expect("late.png", 1)
    add(batch, "x.png", picture())
    batch.start(Settings(model="nlm"))
    while states(batch) != [State.ARRIVING, State.DONE]:
        time.sleep(0.001)
    assert batch.is_working
    part = batch.part(late.id)
    part.write_bytes(picture())
    batch.receive(late.id, part)
    batch.wait(10)
    assert states(batch) == [State.DONE] * 2


def test_photos_that_never_come_are_given_up(batch, monkeypatch):
    batch.expect("never.png", 1)
    add(batch, "x.png", picture())
    assert batch.is_busy
    monkeypatch.setattr(batch_module, "SILENCE", 0.0)
    run(batch)
    assert not batch.is_busy
    assert states(batch) == [State.FAILED, State.DONE]


def test_photo_that_has_come_waits_for_its_look_as_long_as_it_takes(batch, monkeypatch):
    monkeypatch.setattr("denoise.turns.pictures", Turns(2000, small=0))
    monkeypatch.setattr(batch_module, "SILENCE", 0.0)
    item, behind = batch.expect("x.png", 1), batch.expect("behind.png", 1)  # whose sender waits for the first
    part = batch.part(item.id)
    part.write_bytes(picture())
    batch.arrived(part)  # and waits for a thread
    assert batch.is_busy
    assert states(batch) == [State.ARRIVING] * 2
    look = threading.Thread(target=batch.receive, args=(item.id, part))
    with turns.pictures.turn(2000):
        look.start()
        while not turns.pictures._waiting:
            time.sleep(0.001)
        assert batch.is_busy
    look.join(10)
    monkeypatch.setattr(batch_module, "SILENCE", 60.0)
    assert batch.is_busy
    assert states(batch) == [State.WAITING, State.ARRIVING]
    monkeypatch.setattr(batch_module, "SILENCE", 0.0)
    assert not batch.is_busy
    assert states(batch) == [State.WAITING, State.FAILED]
    assert batch.items()[1].id == behind.id


def test_look_that_waits_ends_with_the_batch(monkeypatch):
    monkeypatch.setattr("denoise.turns.pictures", Turns(2000, small=0))
    batch = Batch(Engine())
    look = threading.Thread(target=add, args=(batch, "x.png", picture()))
    with turns.pictures.turn(2000):
        look.start()
        while not turns.pictures._waiting:
            time.sleep(0.001)
        batch.close()
        look.join(10)
        assert not look.is_alive()


def test_look_at_a_photo_holds_up_no_other(batch, monkeypatch):
    at_work, free = threading.Event(), threading.Event()

    def slow(data, **options):
        at_work.set()
        assert free.wait(10)
        return decode(data, **options)

    monkeypatch.setattr(batch_module, "decode", slow)
    stranger = Batch(Engine())
    slow_look = threading.Thread(target=add, args=(stranger, "x.png", picture()))
    slow_look.start()
    assert at_work.wait(10)
    monkeypatch.setattr(batch_module, "decode", decode)
    look = threading.Thread(target=add, args=(batch, "x.png", picture()))
    look.start()
    look.join(10)
    assert states(batch) == [State.WAITING]
    free.set()
    slow_look.join(10)
    assert states(stranger) == [State.WAITING]
    stranger.close()


def test_photos_whose_sender_is_gone_are_given_up_but_not_what_has_come(batch):
    ids = [batch.expect(name, 1).id for name in ("looked at.png", "amid.png", "unsent.png")]
    came, _ = batch.part(ids[0]), batch.part(ids[1])
    batch.arrived(came)
    batch.give_up_arriving(ConnectionError("gone"))
    assert states(batch) == [State.ARRIVING, State.FAILED, State.FAILED]
    came.write_bytes(picture())
    batch.receive(ids[0], came)
    assert states(batch) == [State.WAITING, State.FAILED, State.FAILED]


def test_lost_photo_may_come_once_more_but_a_good_one_may_not(batch):
    item = batch.expect("x.png", 1)
    batch.give_up(item.id, ConnectionError("broken"))
    assert batch.items()[0].reason == "broken"
    part = batch.part(item.id)
    part.write_bytes(picture())
    batch.receive(item.id, part)
    assert (states(batch), batch.items()[0].reason) == ([State.WAITING], "")
    with pytest.raises(KeyError):
        batch.part(item.id)
    batch.give_up(item.id, ConnectionError())  # of the first attempt, and late
    assert states(batch) == [State.WAITING]
    with pytest.raises(KeyError):
        batch.part("unknown")
    assert batch.thumbnail("unknown") is None


@pytest.mark.parametrize(
    "failure",
    [ModelError("The network is missing"), MemoryError("none left"), OSError(errno.ENOSPC, "disk full")],
    ids=lambda error: type(error).__name__,
)
def test_failure_stops_no_other_photo_and_can_be_tried_again(batch, denoiser, failure):
    for _ in range(2):
        add(batch, "x.png", picture())
    denoiser.failure = failure
    run(batch)
    assert [(item.state, item.reason) for item in batch.items()] == [(State.FAILED, str(failure))] * 2
    assert all(item.can_retry for item in batch.items())
    assert set(unzipped(batch)) == {REPORT_NAME}
    denoiser.failure = None
    run(batch)
    assert [(item.state, item.reason) for item in batch.items()] == [(State.DONE, "")] * 2


def test_all_can_be_done_again_otherwise(batch, denoiser):
    add(batch, "x.png", picture())
    run(batch)
    first = unzipped(batch)
    batch.forget_results()
    assert states(batch) == [State.WAITING]
    run(batch, Settings(model="unet", format="BMP"))
    assert set(first) == {"x-denoised.png", REPORT_NAME}
    assert set(unzipped(batch)) == {"x-denoised.bmp", REPORT_NAME}


def test_noise_and_time_are_reported(batch):
    add(batch, "x.png", picture())
    before = batch.items()[0]
    assert (before.width, before.height) == (24, 16)
    assert before.noise_before > 10
    assert batch.seconds_left(Settings(model="nlm")) > 0
    run(batch)
    (row,) = rows(batch)
    assert float(row["noise_before"]) == pytest.approx(before.noise_before, abs=0.01)
    assert float(row["noise_after"]) == pytest.approx(before.noise_before, rel=0.2)
    assert float(row["seconds"]) >= 0
    assert row["result"] == "x-denoised.png"
    assert batch.seconds_left(Settings(model="nlm")) == 0


def test_time_left_counts_photos_on_their_way_like_the_others(batch):
    for _ in range(2):
        add(batch, "x.png", picture())
    settings = Settings(model="nlm")
    known = batch.seconds_left(settings)
    for _ in range(3):
        batch.expect("late.png", 1)
    assert batch.seconds_left(settings) == pytest.approx(2.5 * known)


def test_photo_that_is_still_read_when_the_batch_is_removed_is_no_failure():
    explained = []
    batch = Batch(Engine(), max_megapixels=1, explain=lambda error: explained.append(error) or "")
    item = batch.expect("x.png", 10)
    part = batch.part(item.id)
    batch.close()
    batch.receive(item.id, part)  # its file is gone with the batch
    assert explained == []


def test_closing_removes_all_files_also_while_it_works(batch, denoiser):
    add(batch, "x.png", picture())
    folder = folder_of(batch)
    assert {path.suffix for path in folder.iterdir()} == {".in", ".thumbnail"}
    assert folder.stat().st_mode & 0o077 == 0
    denoiser.held_call = 1
    batch.start(Settings(model="nlm"))
    assert denoiser.held.wait(10)
    batch.close()
    assert folder.exists()
    denoiser.free.set()
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not folder.exists()
    with pytest.raises(KeyError):
        batch.part(batch.expect("late.png", 1).id)


def test_photo_and_its_result_can_be_looked_at(batch):
    photo = add(batch, "a.png", picture())
    with pytest.raises(KeyError):
        batch.photos(photo)
    run(batch)
    noisy, denoised = batch.photos(photo)
    np.testing.assert_array_equal(noisy.pixels, decode(picture()).pixels)
    np.testing.assert_array_equal(denoised.pixels, 255 - noisy.pixels)
    assert batch.items()[0].settings == Settings("nlm")


def test_raw_file_is_looked_at_as_it_was_developed(batch):
    raw, wanted = dng(np.full((48, 64, 3), 0.3)), Development("daylight", -1.0, "blend")
    photo = add(batch, "a.dng", raw)
    run(batch, Settings("nlm", development=wanted))
    noisy, denoised = batch.photos(photo)
    np.testing.assert_array_equal(noisy.pixels, decode(raw, development=wanted).pixels)
    np.testing.assert_array_equal(denoised.pixels, 65535 - noisy.pixels)


def test_one_photo_can_be_removed(batch, denoiser):
    first, second, bad = (add(batch, name, data) for name, data in (("a", picture()), ("b", picture()), ("c", b"")))
    denoiser.held_call = 1
    batch.start(Settings())
    denoiser.held.wait(10)
    batch.remove(first)  # at work: left alone
    batch.remove(bad)
    batch.remove("unknown")
    denoiser.free.set()
    batch.wait(10)
    assert states(batch) == [State.DONE, State.DONE]
    batch.remove(first)
    assert list(unzipped(batch)) == [batch.items()[0].result, REPORT_NAME]
    assert [item.id for item in batch.items()] == [second]
    assert batch.thumbnail(first) is None
    for removed in (first, bad):
        batch.forget_removed(removed)
    assert {path.stem for path in folder_of(batch).iterdir()} == {second}


def test_removals_can_be_undone_one_after_another(batch, monkeypatch):
    due = []

    class Timer(threading.Timer):
        def start(self):
            due.append(self)

    monkeypatch.setattr(threading, "Timer", Timer)
    photos = [add(batch, name, picture(width=30 + at)) for at, name in enumerate("abc")]
    run(batch)
    before, zipped = batch.items(), unzipped(batch)
    batch.remove(photos[1])
    batch.remove(photos[0])
    assert batch.removed == "a"
    again = add(batch, "b", picture(width=40))
    run(batch)
    assert batch.items()[-1].result != before[1].result  # that name may come back
    batch.remove(again)
    for _ in range(3):
        batch.undo_removal()
    assert [item.id for item in batch.items()] == [*photos, again]
    assert batch.items()[:3] == before
    for name in (item.result for item in before):
        assert unzipped(batch)[name] == zipped[name]
    batch.undo_removal()  # nothing is left to come back
    batch.remove(photos[1])
    assert [timer.finished.is_set() for timer in due] == [
        True,
        True,
        True,
        False,
    ]  # what came back is not removed later
    assert due[-1].interval == UNDO
    due[-1].function(*due[-1].args)
    assert batch.removed == ""
    assert not list(folder_of(batch).glob(f"{photos[1]}.*"))


@pytest.mark.parametrize("name", ["=1+1.png", "+a.png", "-a.png", "@a.png", "＝1.png", "=a/b.png", "-2+3.png"])
def test_no_name_is_a_formula_in_the_report(batch, name):
    add(batch, name, picture())
    add(batch, "a=b.png", picture(width=30))
    run(batch)
    first, second = rows(batch)
    assert (first["name"], first["result"]) == (f"'{name}", "'" + batch.items()[0].result)
    assert second["name"] == "a=b.png"
    assert batch.items()[0].result in unzipped(batch)  # in the zip it keeps its name


def test_names_in_the_zip_can_be_unpacked(batch, tmp_path):
    for width in (20, 21):
        add(batch, "ü" * 300 + ".png", picture(width=width))
    run(batch)
    for name, content in unzipped(batch).items():
        (tmp_path / name).write_bytes(content)
    assert len(list(tmp_path.iterdir())) == 3


def test_thread_that_dies_leaves_a_batch_that_can_be_started_again(batch, monkeypatch):
    class Killed(BaseException):
        pass

    add(batch, "x.png", picture())
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        patch.setattr(processing, "decode", lambda *_, **__: (_ for _ in ()).throw(Killed))
        run(batch)
    assert states(batch) == [State.WAITING]
    run(batch)
    assert states(batch) == [State.DONE]


@pytest.mark.parametrize("error", [ModelError("damaged card"), KeyError("gone")], ids=["card", "name"])
def test_model_that_is_no_longer_there_fails_and_the_batch_ends(batch, denoiser, monkeypatch, error):
    def fail(*_, **__):
        raise error

    add(batch, "x.png", picture())
    monkeypatch.setattr(catalogue, "expected_seconds", fail)
    denoiser.failure = error
    assert batch.seconds_left(Settings(model="gone")) > 0
    run(batch, Settings(model="gone"))
    assert states(batch) == [State.FAILED]
    assert batch.items()[0].can_retry


def test_large_photos_of_all_batches_take_turns(batch, denoiser, monkeypatch):
    monkeypatch.setattr("denoise.turns.networks", Turns(2000, small=0))
    other = Batch(Engine())
    for each in (batch, other):
        add(each, "x.png", picture())
    denoiser.held_call = 1
    batch.start(Settings(model="nlm"))
    assert denoiser.held.wait(10)
    other.start(Settings(model="nlm"))
    other.cancel()  # while it waits
    other.wait(10)
    assert states(other) == [State.WAITING]
    other.start(Settings(model="nlm"))
    assert len(denoiser.calls) == 1
    denoiser.free.set()
    for each in (batch, other):
        each.wait(10)
        assert states(each) == [State.DONE]
    other.close()


@pytest.mark.parametrize("pixels", [np.uint8, np.uint16])
def test_photo_takes_its_turn_with_all_its_bytes(batch, denoiser, monkeypatch, pixels):
    sizes = []

    class Counting(Turns):
        def turn(self, size, **options):
            sizes.append(size)
            return super().turn(size, **options)

    monkeypatch.setattr("denoise.turns.networks", Counting(10**9))
    photo = Photo(np.full((16, 24, 3), 7, pixels), alpha=np.full((16, 24), 9, pixels))
    add(batch, "x.png", encode(photo))
    run(batch)
    assert states(batch) == [State.DONE]
    assert sizes == [2 * 16 * 24 * 4 * np.dtype(pixels).itemsize]


def test_nothing_begins_between_the_end_of_the_work_and_the_removal(batch, denoiser, monkeypatch):
    add(batch, "x.png", picture())
    cancel = batch.cancel

    def cancelled():
        cancel()
        batch.start(Settings(model="nlm"))

    monkeypatch.setattr(batch, "cancel", cancelled)
    batch.close()
    batch.wait(10)
    assert denoiser.calls == []


@pytest.mark.parametrize(("width", "height"), [(500_000, 9), (300_000, 15), (300_000, 16), (9, 500_000)])
def test_strips_can_be_looked_at(batch, width, height):
    data = encode(Photo(np.random.default_rng(0).normal(100, 5, (height, width, 3)).clip(0, 255).astype(np.uint8)))
    add(batch, "strip.png", data)
    (item,) = batch.items()
    assert (item.state, item.width, item.height) == (State.WAITING, width, height)
    assert item.noise_before > 0


def test_batch_whose_folder_was_tidied_away_says_so_and_takes_photos_again(denoiser):
    batch = Batch(Engine(), explain=repr)
    for name in ("done.png", "waiting.png"):
        add(batch, name, picture())
        if name == "done.png":
            run(batch)
    shutil.rmtree(batch._folder)
    with pytest.raises(FileNotFoundError):
        batch.zip()
    run(batch)
    found = batch.items()
    assert [item.state for item in found] == [State.FAILED] * 2
    assert all("FileNotFoundError" in item.reason for item in found)
    add(batch, "again.png", picture())
    run(batch)
    assert set(unzipped(batch)) == {"again-denoised.png", REPORT_NAME}
    batch.close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_result_is_mixed_anew_without_running_again(batch, denoiser, kind):
    item = add(batch, "a.img", picture(kind, 20))
    run(batch)
    (noisy, denoised), mix, before = batch.photos(item), Mix(0.5, 0.8, 0.3), batch.result(item)[0].read_bytes()
    batch.mix(item, mix)
    path, name = batch.result(item)
    assert path.read_bytes() == encode(blend(noisy, denoised, mix), quality=95) != before
    assert unzipped(batch)[name] == path.read_bytes()
    assert batch.items()[0].mix == mix
    np.testing.assert_array_equal(batch.photo(item, after=True).pixels, denoised.pixels)  # to be mixed once more
    batch.mix(item, Mix())
    assert batch.result(item)[0].read_bytes() == before
    batch.mix(item, mix)
    batch.forget_results()
    run(batch)
    assert (batch.items()[0].mix, batch.result(item)[0].read_bytes()) == (Mix(), before)
    assert len(denoiser.calls) == 2
    with pytest.raises(KeyError):
        batch.mix("unknown", mix)


def test_rejected_results_stay_out_of_the_zip_until_they_are_taken_in_again(batch):
    first, second = (add(batch, name, picture(width=width)) for name, width in (("a.png", 20), ("b.png", 22)))
    run(batch)
    batch.reject(first, True)
    assert set(unzipped(batch)) == {"b-denoised.png", REPORT_NAME}
    assert [row["rejected"] for row in rows(batch)] == ["True", "False"]
    batch.reject(first, False)
    batch.reject(second, True)
    assert set(unzipped(batch)) == {"a-denoised.png", REPORT_NAME}
    batch.forget_results()
    run(batch)
    assert set(unzipped(batch)) == {"a-denoised.png", "b-denoised.png", REPORT_NAME}


def test_result_is_taken_home_alone_and_shown_before_and_after(batch):
    data = picture("JPEG", 20)
    item = add(batch, "a/IMG_1.JPG", data)
    run(batch)
    path, name = batch.result(item)
    assert (path.read_bytes(), name) == (unzipped(batch)[name], "a/IMG_1-denoised.JPG")
    np.testing.assert_array_equal(batch.photo(item, after=False).pixels, decode(data).pixels)
    np.testing.assert_array_equal(batch.photo(item, after=True).pixels, decode(path.read_bytes()).pixels)
    assert batch.unpacked(item) == decode(data).pixels.nbytes


@pytest.mark.parametrize("ask", [Batch.result, Batch.unpacked, lambda batch, item: batch.reject(item, True)])
def test_there_is_nothing_to_be_had_of_a_photo_that_is_not_done(batch, ask):
    item = add(batch, "a.png", picture())
    for item_id in (item, "unknown"):
        with pytest.raises(KeyError):
            ask(batch, item_id)
    run(batch)
    batch.close()
    with pytest.raises(KeyError):
        ask(batch, item)

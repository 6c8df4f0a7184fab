"""What a visitor does while a large photo is still being decoded: the page is made anew beside the run that decodes."""

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from denoise import pipeline
from denoise.batch import UNDO, Batch
from denoise.engine import Engine, Task
from denoise.image import Photo, encode
from denoise.mixing import Mix
from denoise.presets import USUAL
from denoise.tiling import Box
from denoise.turns import Turns
from denoise.ui import arrivals, cache, chosen, samples, session, texts
from denoise.ui.kept import Kept
from denoise.ui.pages import noise_lab
from denoise.ui.results import Result, Results, Run
from denoise.ui.session import PHOTO, UPLOAD, Session

SAMPLE = next(iter(samples.list_samples()))


def png(level: int, width: int = 20) -> Kept[bytes]:
    return Kept(encode(Photo(np.full((16, width, 3), level, np.uint8))))


@pytest.fixture
def state() -> Session:
    return Session(chosen_id=SAMPLE)


@pytest.fixture
def meanwhile(monkeypatch, state):
    """Call `act` while the next file is being decoded."""

    def set_up(act):
        look = chosen.unpacked_size

        def slow(data, **options):
            monkeypatch.setattr(chosen, "unpacked_size", look)
            act()
            return look(data, **options)

        monkeypatch.setattr(chosen, "unpacked_size", slow)

    return set_up


def test_later_upload_stands(state, meanwhile):
    meanwhile(lambda: state.open_upload("small.png", png(2)))
    state.open_upload("large.png", png(1))
    assert state.chosen().title == "small.png"


def test_fault_of_an_earlier_upload_is_not_said_of_the_later(state, meanwhile):
    meanwhile(lambda: state.open_upload("small.png", png(2)))
    state.open_upload("notes.txt", Kept(b"These are no pixels."))
    assert state.chosen().title == "small.png"
    assert state.upload_error == ""


def test_choice_of_a_sample_stands_and_the_upload_is_kept(state, meanwhile):
    meanwhile(lambda: state.choose(SAMPLE))
    state.open_upload("large.png", png(1))
    assert state.chosen_id == SAMPLE
    state.choose(UPLOAD)
    assert state.chosen().title == "large.png"


def test_reference_stays_with_its_photo(state, meanwhile):
    state.open_upload("first.png", png(1))
    meanwhile(lambda: state.open_upload("second.png", png(2)))
    state.open_reference(png(0))
    assert state.chosen().title == "second.png"
    assert state.chosen().load_clean is None


def test_later_reference_stands(state, meanwhile):
    state.open_upload("photo.png", png(1))
    meanwhile(lambda: state.open_reference(png(3)))
    state.open_reference(png(0))
    assert state.chosen().load_clean().pixels.max() == 3


def test_later_clean_photo_of_the_noise_lab_stands(meanwhile):
    own = noise_lab.Own()
    meanwhile(lambda: own.open(png(3, width=30)))
    own.open(png(1, width=40))
    assert own.scene.clean.width == 30
    meanwhile(lambda: own.open(png(3, width=35)))
    own.open(Kept(b"These are no pixels."))
    assert (own.scene.clean.width, own.error) == (35, "")


@pytest.fixture
def denoiser(monkeypatch):
    """Stands for `pipeline.denoise_photo`: waits in its second tile until `free` is set, then fails or returns."""
    stub = SimpleNamespace(free=threading.Event(), failure=None, calls=[])

    def denoise_photo(photo, model, *, best, progress, **options):
        stub.calls.append(model)
        progress(0, 2)
        progress(1, 2)
        assert stub.free.wait(10)
        if stub.failure:
            raise stub.failure
        progress(2, 2)
        return photo

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    yield stub
    stub.free.set()


def job_on(state, run):
    return state.jobs.job(PHOTO, run, state.denoise(run, state.chosen()))


def test_job_goes_on_while_the_page_is_made_anew(state, denoiser):
    state.open_upload("photo.png", png(1))
    photo = state.chosen()
    run = Run(photo.id, "ridnet")
    job = job_on(state, run)
    assert not job.wait(0)
    assert job_on(state, run) is job
    denoiser.free.set()
    assert job.wait(10)
    assert state.results.get(run).photo is photo.noisy
    assert job_on(state, run).wait(10)  # it has just ended: nothing is done once more
    assert denoiser.calls == ["ridnet"]
    del state.results.own[run]
    assert job_on(state, run).wait(10)
    assert denoiser.calls == ["ridnet", "ridnet"]


def test_job_on_something_else_ends_the_earlier_one(state, denoiser):
    state.open_upload("photo.png", png(1))
    photo = state.chosen()
    runs = [Run(photo.id, model) for model in ("ridnet", "unet")]
    first = job_on(state, runs[0])
    while not denoiser.calls:
        time.sleep(0.001)
    second = job_on(state, runs[1])
    assert not second.wait(0.01)
    assert denoiser.calls == ["ridnet"]  # one is at work
    denoiser.free.set()
    assert first.wait(10)
    assert second.wait(10)
    assert [state.results.get(run) is not None for run in runs] == [False, True]
    assert first.failure is None


def test_of_one_visitor_one_job_computes_however_quickly_the_choices_change(state, denoiser):
    state.open_upload("photo.png", png(1))
    jobs = []
    for model in ("ridnet", "unet", "nlm"):
        jobs.append(job_on(state, Run(state.chosen().id, model)))
        while not denoiser.calls:
            time.sleep(0.001)
    assert not any(job.wait(0.1) for job in jobs)
    assert denoiser.calls == ["ridnet"]
    denoiser.free.set()
    assert all(job.wait(10) for job in jobs)
    assert denoiser.calls == ["ridnet", "nlm"]


def test_result_of_a_sample_is_not_made_again_for_who_waited_for_it(state, denoiser, monkeypatch):
    monkeypatch.setattr(Results, "of_samples", {})
    monkeypatch.setattr("denoise.turns.networks", Turns(1, few=1))
    run = Run(SAMPLE, "ridnet")
    jobs = [job_on(each, run) for each in (state, Session(chosen_id=SAMPLE))]
    denoiser.free.set()
    assert all(job.wait(10) for job in jobs)
    assert denoiser.calls == ["ridnet"]
    assert state.results.get(run)


def test_newest_result_of_a_photo_is_seen_until_the_next_one_is_there(state):
    state.open_upload("photo.png", png(1))
    photo = state.chosen()
    assert state.results.newest(photo.id) is None
    for model in ("unet", "ridnet"):
        state.add_result(Run(photo.id, model), Result(photo.noisy, 1.0, "unet"))
    state.add_result(Run("another", "nlm"), Result(photo.noisy, 1.0, "unet"))
    run, result = state.results.newest(photo.id)
    assert run == Run(photo.id, "ridnet")
    assert result is state.results.own[run]


def test_result_can_be_looked_at_while_it_is_made(state, monkeypatch):
    def denoise_photo(photo, model, *, view, finished, **options):
        assert view() == state.growing.view()
        finished(photo.pixels, Box(0, 0, 8, 20))
        assert (state.growing.run, state.growing.share) == (run, 0.5)
        return photo

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    state.open_upload("photo.png", png(1))
    run = Run(state.chosen().id, "ridnet")
    job = job_on(state, run)
    assert job.wait(10)
    assert job.failure is None


def test_job_that_failed_begins_again_only_when_asked(state, denoiser):
    state.open_upload("photo.png", png(1))
    run = Run(state.chosen().id, "ridnet")
    denoiser.failure = MemoryError()
    denoiser.free.set()
    job = job_on(state, run)
    assert job.wait(10)
    assert job_on(state, run) is job
    assert job.reason == texts.OUT_OF_MEMORY
    denoiser.failure = None
    state.jobs.end(PHOTO)  # as the button does
    assert job_on(state, run).wait(10)
    assert state.results.get(run)


@pytest.mark.parametrize("name", [SAMPLE, UPLOAD])
def test_job_that_was_cancelled_begins_again_when_a_photo_is_chosen(state, denoiser, name):
    state.open_upload("photo.png", png(1))
    run = Run(state.chosen().id, "ridnet")
    job = job_on(state, run)
    job.cancel()
    assert job_on(state, run) is job
    state.choose(name)
    denoiser.free.set()
    assert job_on(state, run).wait(10)
    assert not job_on(state, run).is_cancelled
    assert state.results.get(run)


def test_jobs_of_other_slots_end_with_what_they_make(state, denoiser):
    jobs = {slot: state.jobs.job(slot, 1, lambda task: denoiser.free.wait(10)) for slot in (PHOTO, "comparison", "lab")}
    state.open_upload("photo.png", png(1))
    assert {slot: job.is_cancelled for slot, job in jobs.items()} == {PHOTO: False, "comparison": True, "lab": True}
    state.put_aside()
    assert jobs[PHOTO].is_cancelled


def test_own_photo_can_be_removed(state):
    state.open_upload("photo.png", png(1))
    run = Run(state.chosen().id, "ridnet")
    state.add_result(run, Result(state.chosen().noisy, 1.0, "unet"))
    state.open_upload("later.png", png(2))
    state.close_upload()
    assert (state.chosen_id, state.upload, state.results.own, state._kept) == (SAMPLE, None, {}, {})


@pytest.fixture
def clock(monkeypatch):
    """Nothing is over until it is called: what timers would do."""
    due = []

    def timer(seconds, act, args=()):
        assert seconds == UNDO
        due.append(lambda: act(*args))
        return SimpleNamespace(start=lambda: None, daemon=False)

    monkeypatch.setattr(session.threading, "Timer", timer)
    return due


def test_removal_can_be_undone(state, clock):
    state.open_upload("photo.png", png(1))
    before, run = state.chosen(), Run(state.chosen().id, "ridnet")
    result = Result(before.noisy, 1.0, "unet")
    state.add_result(run, result)
    state.open_reference(png(1))
    state.remove_upload()
    assert (state.chosen_id, state.upload, state.results.get(run)) == (SAMPLE, None, None)
    assert state.can_undo
    state.undo_removal()
    after = state.chosen()
    assert (after.id, after.clean_id, state.results.get(run)) == (before.id, before.id, result)
    assert not state.can_undo
    clock[0]()
    assert state.chosen().id == before.id
    state.undo_removal()  # a click that came twice
    assert state.chosen().id == before.id


@pytest.mark.parametrize(
    "act",
    [
        lambda state: state.open_upload("next.png", png(2)),
        lambda state: state.choose(SAMPLE),
        Session.put_aside,
        Session.close,
    ],
    ids=["upload", "choice", "away", "closed"],
)
def test_what_was_removed_is_gone_with_the_next_action(state, clock, act):
    state.open_upload("photo.png", png(1))
    kept = weakref.ref(state._kept["upload"])
    state.remove_upload()
    assert kept() is not None
    act(state)
    assert not state.can_undo
    gc.collect()
    assert kept() is None


def test_what_was_removed_is_gone_in_time_and_a_later_removal_is_not(state, clock):
    state.open_upload("photo.png", png(1))
    state.remove_upload()
    state.undo_removal()
    state.remove_upload()
    first, second = clock
    first()
    assert state.can_undo
    second()
    assert not state.can_undo


def test_going_back_brings_all_choices_back(state):
    state.choose_preset("portrait")
    state.best, state.model = True, "nlm"
    mixed = state.mixed
    earlier = {name: text for name, text in state.link().items() if text}
    state.go_back({})
    assert (state.preset, state.best, state.model, state.mix) == (USUAL, False, "", Mix())
    assert state.mixed > mixed
    state.go_back(earlier)
    assert {name: text for name, text in state.link().items() if text} == earlier
    state.go_back({"photo": "upload"})
    assert state.notice == texts.OWN_PHOTO_GONE


def test_result_says_which_network_made_it(state):
    white = 110 + np.random.default_rng(0).normal(0, 12, (200, 200, 3))
    state.open_upload("white.png", Kept(encode(Photo(np.rint(white).astype(np.uint8)))))
    run = Run(state.chosen().id, "unet")
    state.denoise(run, state.chosen())(Task(Engine()))
    result = state.results.get(run)
    assert result.model == "ffdnet"
    titles = {"unet": "Fast", "ffdnet": "FFDNet"}
    assert texts.done(titles, "unet", result.model, 2.0) == (
        "Denoised by FFDNet, which knows grain as even as this better than Fast, in 2.0\u00a0s"
    )
    assert texts.done(titles, "unet", "unet", 2.0) == "Denoised by Fast in 2.0\u00a0s"


@pytest.mark.parametrize(
    "end", [Session.close_upload, Session.close, Session.put_aside, lambda state: state.jobs.end(PHOTO)]
)
def test_result_that_is_being_kept_does_not_outlive_its_photo(state, denoiser, monkeypatch, end):
    def slow(*args):
        result = Result(*args)
        end(state)
        return result

    state.open_upload("photo.png", png(1))
    photo = state.chosen()
    monkeypatch.setattr(session, "Result", slow)
    denoiser.free.set()
    assert job_on(state, Run(photo.id, "ridnet")).wait(10)
    assert state.results.own == {}


def while_kept(monkeypatch, act):
    """Call `act` while the next photo that was decoded is being kept."""

    class Slow(Kept):
        def __init__(self, value):
            monkeypatch.setattr(chosen, "Kept", Kept)
            act()
            super().__init__(value)

    monkeypatch.setattr(chosen, "Kept", Slow)


@pytest.mark.parametrize("end", [Session.close_upload, Session.close])
def test_photo_that_is_being_kept_does_not_come_after_the_others_were_removed(state, monkeypatch, end):
    state.open_upload("first.png", png(1))
    while_kept(monkeypatch, lambda: end(state))
    state.open_upload("later.png", png(2))
    assert (state.upload, state._kept) == (None, {})


@pytest.mark.parametrize("end", [Session.close_upload, Session.close_reference])
def test_reference_that_is_being_kept_does_not_come_after_it_was_removed(state, monkeypatch, end):
    state.open_upload("photo.png", png(1))
    state.open_reference(png(3))
    while_kept(monkeypatch, lambda: end(state))
    state.open_reference(png(0))
    assert "reference" not in state._kept
    assert state.chosen().clean_id in ("", SAMPLE)


def test_earlier_upload_that_is_kept_slowly_does_not_replace_the_later(state, monkeypatch):
    while_kept(monkeypatch, lambda: state.open_upload("small.png", png(2)))
    state.open_upload("large.png", png(1))
    assert state.chosen().title == "small.png"
    assert state._kept["upload"].get().pixels.max() == 2


def test_all_that_is_held_goes_when_the_visitor_does(state):
    state.open_upload("photo.png", png(1))
    state.batch = Batch(Engine())
    state.put_aside()
    assert not state.batch.is_closed  # it goes on
    state.close()
    assert state.batch.is_closed
    assert (state.upload, state.results.own, state._kept) == (None, {}, {})


def test_tokens_cannot_be_guessed_and_find_nobody_who_has_gone(state):
    other = Session(chosen_id=SAMPLE)
    assert state.token != other.token
    assert len(state.token) >= 32
    assert session.find(state.token) is state
    token = other.token
    del other
    gc.collect()
    assert session.find(token) is None


def test_link_to_a_photo_of_ones_own_says_that_it_is_gone(state):
    state.open_upload("photo.png", png(1))
    other = Session(chosen_id=SAMPLE)
    other.follow(state.link())
    assert (other.chosen_id, other.notice) == (SAMPLE, texts.OWN_PHOTO_GONE)
    other.choose(SAMPLE)
    assert other.notice == ""


def test_same_file_again_keeps_its_reference(state):
    state.open_upload("photo.png", png(1))
    state.open_reference(png(0))
    reference = state.chosen().clean_id
    state.open_upload("photo.png", png(1))
    assert state.chosen().clean_id == reference != ""
    state.close_reference()
    assert (state.chosen().load_clean, state.chosen().clean_id) == (None, "")


def uploaded(manager, file_id, data):
    record = UploadedFileRec(file_id, f"{file_id}.png", "image/png", data)
    manager.add_file("visitor", record)
    return UploadedFile(record, None)


def test_nothing_but_the_name_of_an_upload_is_left_with_streamlit(state, monkeypatch):
    manager = MemoryUploadedFileManager("/upload")
    context = SimpleNamespace(session_id="visitor", uploaded_file_mgr=manager)
    monkeypatch.setattr(arrivals, "get_script_run_ctx", lambda: context)

    def held():
        return {file_id: record.data for file_id, record in manager.file_storage["visitor"].items()}

    first, reference = uploaded(manager, "a", b"1"), uploaded(manager, "b", b"2")
    assert state.arrivals.is_untaken("photo", first)
    assert [state.arrivals.take("photo", first), state.arrivals.take("reference", reference)] == [b"1", b"2"]
    assert held() == {"a": b"", "b": b""}
    assert first.getvalue() == reference.getvalue() == b""
    assert not state.arrivals.is_untaken("photo", first)
    assert not state.arrivals.is_untaken("photo", None)
    assert state.arrivals.take("photo", uploaded(manager, "c", b"3")) == b"3"
    assert held() == {"b": b"", "c": b""}
    state.arrivals.release("photo")
    assert held() == {"b": b""}


def test_run_that_was_overtaken_keeps_nothing(state, monkeypatch):
    class Overtaken(BaseException):
        pass

    def end():
        if threading.current_thread() is not threading.main_thread():
            raise Overtaken

    monkeypatch.setattr(cache, "end_if_overtaken", end)
    at_work, go_on = threading.Event(), threading.Event()

    def slow():
        at_work.set()
        go_on.wait()
        return "old"

    def overtaken():
        with pytest.raises(Overtaken):
            state.cache.get("slot", "old", slow)

    thread = threading.Thread(target=overtaken)
    thread.start()
    at_work.wait()
    assert state.cache.get("slot", "new", lambda: "new") == "new"
    go_on.set()
    thread.join()
    assert state.cache.get("slot", "new", lambda: "again") == "new"

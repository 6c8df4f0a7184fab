import threading

import numpy as np
import pytest

from denoise import engine
from denoise.batch import Batch
from denoise.image import Photo, PhotoError, encode
from denoise.item import Settings
from denoise.ui import elsewhere, texts
from denoise.ui.session import PHOTO, Session
from tests.ui.test_routes import RUN

DENOISE, BATCH = texts.PAGES["denoise"], texts.PAGES["batch"]


@pytest.fixture
def state():
    return Session(chosen_id="astronaut")


@pytest.fixture
def go_on():
    event = threading.Event()
    yield event
    event.set()


def test_photo_is_told_in_percent_until_it_is_denoised(state, go_on):
    begun = threading.Event()

    def work(task):
        task.progress(5, 9)
        begun.set()
        go_on.wait(10)

    assert elsewhere.works(state) == {}
    job = state.jobs.job(PHOTO, RUN, work)
    assert begun.wait(10)
    assert elsewhere.works(state) == {DENOISE: {"told": "55 %", "outcome": ""}}
    go_on.set()
    assert job.wait(10)
    assert elsewhere.works(state) == {DENOISE: {"told": "", "outcome": texts.DENOISED}}


def test_photo_that_was_cancelled_or_failed_has_no_outcome(state, go_on):
    def fail(task):
        raise PhotoError("It is no photo.")

    assert state.jobs.job(PHOTO, RUN, fail).wait(10)
    assert elsewhere.works(state) == {DENOISE: {"told": "", "outcome": ""}}
    state.jobs.end(PHOTO)
    job = state.jobs.job(PHOTO, RUN, lambda task: go_on.wait(10))
    assert elsewhere.works(state) == {DENOISE: {"told": "0 %", "outcome": ""}}
    job.cancel()
    go_on.set()
    assert job.wait(10)
    assert elsewhere.works(state) == {DENOISE: {"told": "", "outcome": ""}}


def test_batch_is_told_in_photos_and_what_became_of_it(state):
    state.batch = batch = Batch(engine.Engine())
    assert elsewhere.works(state) == {BATCH: {"told": "", "outcome": ""}}
    first, second = (batch.expect(name, 9) for name in ("a.png", "b.png"))
    for item, data in ((first, encode(Photo(np.full((32, 32, 3), 90, np.uint8), format="PNG"))), (second, b"no photo")):
        part = batch.part(item.id)
        part.write_bytes(data)
        batch.receive(item.id, part)
        if item is first:
            batch.start(Settings("nlm"))  # which waits for the second
            assert elsewhere.works(state)[BATCH]["told"] in ("0 / 2", "1 / 2")
    batch.wait(60)
    assert elsewhere.works(state) == {BATCH: {"told": "", "outcome": texts.batch_outcome(1, 1)}}
    batch.close()

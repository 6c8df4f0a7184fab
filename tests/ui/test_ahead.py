import sys
from types import SimpleNamespace

import pytest

from denoise import catalogue, engine, pipeline
from denoise.engine import Engine
from denoise.runtime import ModelError
from denoise.ui import ahead
from denoise.ui.results import Results, Run
from denoise.ui.session import Session, first_sample


@pytest.fixture
def stub(monkeypatch):
    made = SimpleNamespace(calls=[], failure=None)

    def denoise_photo(photo, model, **options):
        if made.failure:
            raise made.failure
        made.calls.append((model, options["best"]))
        return photo

    made.engine = Engine()
    monkeypatch.setattr(engine, "shared", lambda: made.engine)
    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    monkeypatch.setattr(Results, "of_samples", {})
    monkeypatch.setattr(ahead, "_CALM", 0)
    return made


def test_first_visitor_finds_a_result_of_the_sample_that_the_page_opens_with(stub):
    assert ahead.begin().wait(20)
    fast = catalogue.DEFAULT_FOR_BIG_PHOTOS
    assert stub.calls == [(fast, False)]  # and of no other: it would keep those waiting who come at once
    visitor = Session(chosen_id=first_sample())
    run, result = visitor.results.newest(visitor.chosen_id)
    assert run == Run(visitor.chosen_id, fast)
    assert result.photo is visitor.chosen().noisy


def test_pages_are_loaded_before_anybody_asks(stub, monkeypatch):
    monkeypatch.delitem(sys.modules, "denoise.ui.pages.start_save", raising=False)
    assert ahead.begin().wait(20)
    assert "denoise.ui.pages.start_save" in sys.modules


def test_who_comes_at_once_has_the_processors_alone(stub):
    stub.engine.tiles = 1
    assert ahead.begin().wait(20)
    assert not stub.calls


def test_failure_is_noted_and_does_no_harm(stub, caplog):
    stub.failure = ModelError("There is no such file.")
    assert ahead.begin().wait(20)
    assert "There is no such file." in caplog.text

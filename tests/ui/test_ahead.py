from types import SimpleNamespace

import pytest

from denoise import catalogue, pipeline
from denoise.runtime import ModelError
from denoise.ui import ahead, samples
from denoise.ui.results import Results, Run
from denoise.ui.session import Session


@pytest.fixture
def stub(monkeypatch):
    made = SimpleNamespace(calls=[], failure=None)

    def denoise_photo(photo, model, **options):
        if made.failure:
            raise made.failure
        made.calls.append((model, options["best"]))
        return photo

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    monkeypatch.setattr(Results, "of_samples", {})
    return made


def test_every_sample_has_a_result_for_the_first_visitor(stub):
    assert ahead.begin().wait(20)
    fast = catalogue.DEFAULT_FOR_BIG_PHOTOS
    assert stub.calls == [(fast, False)] * len(samples.list_samples())
    for name in samples.list_samples():
        visitor = Session(chosen_id=name)
        run, result = visitor.results.newest(name)
        assert run == Run(name, fast)
        assert result.photo is visitor.chosen().noisy


def test_failure_is_noted_and_does_no_harm(stub, caplog):
    stub.failure = ModelError("There is no such file.")
    assert ahead.begin().wait(20)
    assert "There is no such file." in caplog.text

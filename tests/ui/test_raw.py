"""A RAW file on the page: developed as the visitor wants it, as often as wanted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from denoise import pipeline
from denoise.image import Development, Photo, decode, encode
from denoise.ui import chosen
from denoise.ui.choices import read_development, write_development
from denoise.ui.kept import Kept
from denoise.ui.pages import start_words as words
from denoise.ui.results import Results
from denoise.ui.session import UPLOAD, Session
from tests.raws import dng

APP = Path(__file__).parents[2] / "page.py"
RAW = dng(np.random.default_rng(0).uniform(0.1, 0.4, (96, 128, 3)), neutral=(0.6, 1.0, 0.5))


@pytest.fixture
def app(monkeypatch):
    def denoise_photo(photo, model, *, progress=None, **options):
        return replace(photo, pixels=photo.pixels // 2)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    monkeypatch.setattr(Results, "of_samples", {})
    app = AppTest.from_file(APP, default_timeout=30).run()
    return app.file_uploader(key="photo").upload("IMG_1.DNG", RAW, "image/x-adobe-dng").run()


def state_of(app) -> Session:
    return app.session_state["session"]


def noisy_of(app):
    return state_of(app).chosen().noisy.pixels


def test_raw_file_is_named_so_and_developed_as_shot_at_first(app):
    assert words.RAW_BADGE in app.header[0].value
    np.testing.assert_array_equal(noisy_of(app), decode(RAW).pixels)
    assert app.segmented_control(key="white_balance").value == "camera"
    assert not app.exception
    assert not app.error


def test_what_is_chosen_develops_the_photo_anew_and_denoises_it(app):
    app.segmented_control(key="white_balance").set_value("auto").run()
    app.slider(key="exposure").set_value(1.0).run()
    app.segmented_control(key="highlights").set_value("rebuild").run()
    wanted = Development("auto", 1.0, "rebuild")
    np.testing.assert_array_equal(noisy_of(app), decode(RAW, development=wanted).pixels)
    state = state_of(app)
    assert state.link()["raw"] == "auto,1,rebuild"
    assert len({run.photo for run in state.results.own}) == 4
    assert state.results.newest(state.chosen().id)[1].photo.pixels.mean() == pytest.approx(
        noisy_of(app).mean() / 2, abs=1
    )
    assert app.metric
    assert not app.exception
    assert not app.error


def test_developed_anew_it_is_seen_at_the_same_place_and_keeps_its_reference(app):
    state = state_of(app)
    before = state.chosen()
    state.open_reference(Kept(encode(Photo(before.noisy.pixels))))
    app.slider(key="exposure").set_value(-0.5).run()
    after = state.chosen()
    assert (after.file_id, after.file_name) == (before.file_id, before.file_name)
    assert after.id != before.id
    np.testing.assert_array_equal(after.clean.pixels, before.noisy.pixels)


def test_another_file_is_developed_as_usual(app):
    app.slider(key="exposure").set_value(2.0).run()
    state_of(app).open_upload("IMG_2.DNG", Kept(RAW + b"\0"))
    app.run()
    assert app.slider(key="exposure").value == 0
    assert state_of(app).link()["raw"] == ""
    state_of(app).open_upload("photo.png", Kept(encode(Photo(np.full((60, 60, 3), 90, np.uint8)))))
    app.run()
    assert words.RAW_BADGE not in app.header[0].value
    assert "exposure" not in [each.key for each in app.slider]
    assert not app.exception


def test_development_that_fails_leaves_the_photo_as_it_is(app, monkeypatch):
    before = noisy_of(app)

    def fail(*args, **options):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(chosen, "decode", fail)
        app.slider(key="exposure").set_value(2.0).run()
    np.testing.assert_array_equal(noisy_of(app), before)
    assert app.slider(key="exposure").value == 0
    assert len(app.error) == 1
    assert not app.exception


def test_raw_file_goes_with_its_photo(app):
    state = state_of(app)
    assert state.can_develop
    state.close_upload()
    assert not state.can_develop
    assert state.chosen_id != UPLOAD


def test_photo_stays_without_its_raw_file(app):
    """Somebody tidied up: it cannot be developed anew, and that is all."""
    state = state_of(app)
    state._kept["raw"]._value = None
    before = noisy_of(app)
    app.run()
    assert "exposure" not in [each.key for each in app.slider]
    np.testing.assert_array_equal(noisy_of(app), before)
    assert not app.exception


@pytest.mark.parametrize("development", [Development("daylight", -1.25, "blend"), Development("auto")])
def test_read_development_reads_what_was_written(development):
    assert read_development(write_development(development)) == development


@pytest.mark.parametrize("text", ["", "auto", "auto,1", "auto,9,clip", "sun,0,clip", "auto,nan,clip", "auto,0,clip,1"])
def test_read_development_refuses_what_cannot_be(text):
    with pytest.raises(ValueError, match=r"unpack|must be|convert"):
        read_development(text)

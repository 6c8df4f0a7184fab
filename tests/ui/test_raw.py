"""A RAW file on the page: developed as the visitor wants it, as often as wanted."""

import io
import struct
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from streamlit.testing.v1 import AppTest

from denoise import pipeline
from denoise.image import Development, Photo, decode, encode, identify
from denoise.ui import chosen, jobs
from denoise.ui.choices import read_development, write_development
from denoise.ui.kept import Kept
from denoise.ui.pages import start_words as words
from denoise.ui.results import Results
from denoise.ui.session import DEVELOPMENT, UPLOAD, Session, first_sample
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
    np.testing.assert_array_equal(after.load_clean().pixels, before.noisy.pixels)


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


def jpeg(colour, size=(128, 96)):
    buffer = io.BytesIO()
    PillowImage.new("RGB", size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture
def held(monkeypatch):
    """Hold each development until this is set, and show no progress of it, which would wait for its end."""
    event = threading.Event()
    develop = chosen.decode

    def hold(data, **options):
        if identify(data) == "RAW":
            assert event.wait(30)
        return develop(data, **options)

    monkeypatch.setattr(chosen, "decode", hold)
    monkeypatch.setattr(jobs, "show", lambda *args, **options: None)
    yield event
    event.set()


def development_of(state):
    return state.jobs._jobs[DEVELOPMENT][1]


def finish(job, event):
    event.set()
    assert job.wait(30)


def preview_seen(state):
    name, _ = state.cache._pictures["viewer noisy"]
    return decode(state.cache.offered(name).get()).pixels


def test_what_the_camera_made_of_it_is_seen_while_it_is_developed(app, held):
    before = state_of(app).chosen().id
    file = dng(np.full((96, 128, 3), 0.2), preview=jpeg((200, 100, 50)))
    app.file_uploader(key="photo").upload("IMG_3.DNG", file, "image/x-adobe-dng").run()
    state = state_of(app)
    assert state.chosen().id == before
    np.testing.assert_allclose(preview_seen(state).mean(axis=(0, 1)), (200, 100, 50), atol=2)
    assert "IMG\\_3.DNG" in app.header[0].value
    assert "exposure" not in [each.key for each in app.slider]  # which are those of the photo before
    assert not app.exception
    finish(development_of(state), held)
    app.run()
    assert state.coming is None
    assert state.chosen().file_name == "IMG_3.DNG"
    assert app.slider(key="exposure").value == 0
    np.testing.assert_array_equal(noisy_of(app), decode(file).pixels)


def test_photo_is_seen_as_it_was_while_it_is_developed_anew(app, held):
    before = noisy_of(app)
    app.slider(key="exposure").set_value(1.0).run()
    app.slider(key="exposure").set_value(2.0).run()
    state = state_of(app)
    np.testing.assert_array_equal(noisy_of(app), before)
    assert app.slider(key="exposure").value == 2
    finish(development_of(state), held)
    app.run()
    np.testing.assert_array_equal(noisy_of(app), decode(RAW, development=Development(exposure=2.0)).pixels)
    assert not app.exception


@pytest.mark.parametrize("development", [Development(), Development(exposure=1.0)], ids=["new", "anew"])
def test_cancelled_all_stays_as_it_was(app, held, development):
    state, before = state_of(app), noisy_of(app)
    if development == Development():
        state.open_upload("IMG_2.DNG", Kept(RAW + b"\0"))
    state.development = development
    app.run()
    job = development_of(state)
    job.cancel()
    app.run()
    assert state.coming is None
    assert state.development == Development()
    finish(job, held)
    np.testing.assert_array_equal(noisy_of(app), before)
    assert state.chosen().file_name == "IMG_1.DNG"
    assert not state.upload_error


@pytest.mark.parametrize("after", ["photo", "sample"])
def test_what_is_chosen_while_it_is_developed_stands(app, held, after):
    state = state_of(app)
    state.open_upload("IMG_2.DNG", Kept(RAW + b"\0"))
    app.run()
    job = development_of(state)
    if after == "photo":
        state.open_upload("photo.png", Kept(encode(Photo(np.full((60, 60, 3), 90, np.uint8)))))
    else:
        state.choose(first_sample())
    app.run()
    finish(job, held)
    app.run()
    assert state.chosen_id == (UPLOAD if after == "photo" else first_sample())
    assert state.upload.file_name == ("photo.png" if after == "photo" else "IMG_2.DNG")
    assert not app.exception


def test_file_that_is_cut_off_is_refused(app, held):
    state, before = state_of(app), noisy_of(app)
    state.open_upload("IMG_2.DNG", Kept(RAW[:-100]))
    app.run()
    finish(development_of(state), held)
    app.run()
    assert "IMG\\_2.DNG: The end of this RAW file is missing" in state.upload_error
    np.testing.assert_array_equal(noisy_of(app), before)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"\xff\xd8\xff no picture", id="damaged"),
        pytest.param(jpeg("red").replace(struct.pack(">HH", 96, 128), b"\xff\xff\xff\xff", 1), id="too-large"),
    ],
)
def test_preview_that_is_missing_or_no_photo_is_not_shown(shown):
    assert chosen.preview_of(Kept(dng(np.full((96, 128, 3), 0.2), preview=shown))) == b""


def test_preview_of_a_large_photo_is_about_as_large_as_a_screen():
    preview = decode(chosen.preview_of(Kept(dng(np.full((96, 128, 3), 0.2), preview=jpeg("red", (3600, 2400))))))
    assert (preview.width, preview.height) == (1600, 1067)

import errno
import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from streamlit.testing.v1 import AppTest

from denoise import catalogue, pipeline
from denoise.image import Development, PhotoError
from denoise.item import Settings
from denoise.mixing import Mix
from denoise.presets import presets
from denoise.ui import texts
from denoise.ui.pages import batch as page
from denoise.ui.pages import batch_words as words

SCRIPT = "from denoise.ui.pages import batch; batch.show()"


@pytest.fixture
def app(monkeypatch):
    def denoise_photo(photo, model, *, strength, best, progress, denoisers, **others):
        progress(0, 1)
        return replace(photo, pixels=255 - photo.pixels)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    test = AppTest.from_string(SCRIPT, default_timeout=30).run()
    yield test
    test.session_state["session"].batch.close()


def comment():
    texts_of_file = PngInfo()
    texts_of_file.add_text("Comment", "Hello")
    return texts_of_file


def png(width=24, height=16, **options):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(width).integers(40, 200, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def add(app, name, data):
    batch = app.session_state["session"].batch
    item = batch.expect(name, len(data))
    part = batch.part(item.id)
    part.write_bytes(data)
    batch.receive(item.id, part)


def table(app):
    """Return the table's rows, and how many photos it offers to take home."""
    for element in app.get("bidi_component"):
        if element.proto.component_name == "denoise.photo_table":
            (data,) = json.loads(element.proto.json)
            return data["rows"], sum(row["kind"] == "done" and not row["rejected"] for row in data["rows"])
    return [], 0


def sentences(app):
    return [each.value for each in (*app.markdown, *app.caption)]


def finish(app):
    app.session_state["session"].batch.wait(10)
    return app.run()


def assert_calm(app):
    assert not app.exception
    assert not app.error


def test_empty_page_says_what_will_appear(app):
    assert table(app) == ([], 0)
    assert words.EMPTY in sentences(app)
    assert all(app.button(key=f"batch {name}").disabled for name in ("start", "again", "clear"))
    assert_calm(app)


def test_photos_are_shown_denoised_and_counted(app):
    add(app, "tour/a.png", png())
    add(app, "notes.txt", b"no pixels")
    app.run()
    rows, done = table(app)
    assert [(row["name"], row["kind"], row["seen"]) for row in rows] == [
        ("tour/a.png", "waiting", True),
        ("notes.txt", "failed", False),
    ]
    assert rows[0]["size"].startswith("24 × 16 · ")
    assert "not a picture" in rows[1]["detail"]
    assert done == 0
    assert app.button(key="batch start").label == words.start(1, 0)
    app.button(key="batch start").click().run()
    finish(app)
    rows, done = table(app)
    assert (rows[0]["kind"], rows[0]["state"], done) == ("done", words.STATES["done"], 1)
    assert rows[0]["detail"] == catalogue.denoiser_names()["ridnet"].title
    assert "→" in rows[0]["noise"]
    assert texts.batch_outcome(1, 1) in sentences(app)
    assert app.button(key="batch start").disabled
    assert_calm(app)


def test_row_says_what_of_a_photo_is_not_kept(app):
    add(app, "a.png", png(pnginfo=comment()))
    app.run()
    app.selectbox(key="batch_format").set_value("BMP").run()
    app.button(key="batch start").click().run()
    finish(app)
    assert table(app)[0][0]["detail"].endswith("; not kept: comments")
    assert_calm(app)


@pytest.fixture
def started(app, monkeypatch):
    """With which settings a photo was to be denoised, each time."""
    settings = []
    monkeypatch.setattr(app.session_state["session"].batch, "start", settings.append)
    add(app, "a.png", png())
    app.run()
    return settings


def test_settings_are_those_of_the_page(app, started):
    app.selectbox(key="batch_model").set_value("unet")
    app.toggle(key="batch_best").set_value(True)
    app.slider(key="batch_strength").set_value(80)
    app.selectbox(key="batch_format").set_value("JPEG")
    app.slider(key="batch_quality").set_value(70)
    app.segmented_control(key="batch_white_balance").set_value("daylight")
    app.segmented_control(key="batch_highlights").set_value("blend")
    app.slider(key="batch_exposure").set_value(-0.5)
    app.toggle(key="batch_strip").set_value(True).run()
    app.button(key="batch start").click().run()
    app.selectbox(key="batch_look").set_value("night").run()
    app.button(key="batch start").click().run()
    app.selectbox(key="batch_model").set_value("nlm")
    app.selectbox(key="batch_format").set_value("TIFF").run()
    assert app.toggle(key="batch_best").disabled
    assert app.slider(key="batch_quality").disabled
    app.button(key="batch start").click().run()
    developed = {"development": Development("daylight", -0.5, "blend")}
    assert started == [
        Settings("unet", True, 0.8, "JPEG", 70, True, **developed),
        Settings("unet", True, presets()["night"].strength * 80 / 100, "JPEG", 70, True, **developed),
        Settings("nlm", False, 0.8, "TIFF", 70, True, **developed),  # which cannot remove more
    ]
    assert_calm(app)


def test_look_says_what_stays_and_which_network_if_none_was_chosen(app, started):
    for look in ("text", "keep-grain"):
        app.selectbox(key="batch_look").set_value(look).run()
        assert presets()[look].summary in [caption.value for caption in app.caption]
        app.button(key="batch start").click().run()
    assert started == [Settings("ridnet"), Settings(mix=Mix(luminance=0.0))]
    assert_calm(app)


def test_settings_rest_while_photos_are_at_work_and_cancel_gives_them_back(app):
    batch = app.session_state["session"].batch
    batch.expect("late.png", 1)  # so that the work does not end
    add(app, "a.png", png())
    app.run()
    app.button(key="batch start").click().run()
    assert app.selectbox(key="batch_model").disabled
    assert not app.button(key="batch clear").disabled
    app.button(key="batch cancel").click().run()
    assert not batch.is_working
    assert not app.selectbox(key="batch_model").disabled
    assert_calm(app)


def test_link_sets_the_page(app):
    link = AppTest.from_string(SCRIPT, default_timeout=30)
    link.query_params["batch_model"] = catalogue.denoiser_names()["unet"].title
    link.query_params["batch_strength"] = "60"
    link.run()
    assert (link.selectbox(key="batch_model").value, link.slider(key="batch_strength").value) == ("unet", 60)
    link.session_state["session"].batch.close()


def test_failed_photo_can_be_tried_again(app, monkeypatch):
    add(app, "a.png", png())
    good = pipeline.denoise_photo
    monkeypatch.setattr(pipeline, "denoise_photo", lambda *args, **kwargs: 1 / 0)
    app.run()
    app.button(key="batch start").click().run()
    finish(app)
    (row,), _ = table(app)
    assert (row["kind"], row["detail"]) == ("failed", texts.UNEXPECTED)
    monkeypatch.setattr(pipeline, "denoise_photo", good)
    assert app.button(key="batch start").label == words.start(0, 1)
    app.button(key="batch start").click().run()
    finish(app)
    assert table(app)[0][0]["kind"] == "done"


def test_results_made_with_other_settings_are_not_taken_for_the_chosen_ones(app):
    add(app, "a.png", png())
    app.run()
    app.button(key="batch start").click().run()
    finish(app)
    assert not app.warning
    app.toggle(key="batch_strip").set_value(True).run()
    assert app.warning[0].value == words.OUTDATED
    app.button(key="batch again").click().run()
    finish(app)
    assert not app.warning
    assert_calm(app)


def test_all_can_be_done_again_or_removed(app):
    add(app, "a.png", png())
    app.run()
    app.button(key="batch start").click().run()
    finish(app)
    before = app.session_state["session"].batch
    folder = before.thumbnail(before.items()[0].id).parent
    app.button(key="batch again").click().run()
    finish(app)
    assert table(app)[1] == 1
    app.button(key="batch clear").click().run()
    assert app.session_state["session"].batch is not before
    assert table(app) == ([], 0)
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not folder.exists()
    assert_calm(app)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "full"), words.DISK_FULL),
        (ConnectionError(), words.NOT_SENT),
        (TimeoutError(), words.NOT_SENT),
        (MemoryError(), texts.OUT_OF_MEMORY),
        (PhotoError("Too small."), "Too small."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reasons_are_sentences(error, sentence):
    assert page._explain(error) == sentence

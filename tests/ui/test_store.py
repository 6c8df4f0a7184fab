"""What Streamlit's own store of uploads holds: nothing of a photo that a page has taken, replaced or removed."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.Common_pb2 import FileUploaderState
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.element_tree import FileUploader

from denoise import pipeline
from denoise.ui import texts
from denoise.ui.pages import start_words as words

PAGE = Path(__file__).parents[2] / "page.py"
LAB = "from denoise.ui.pages import noise_lab; noise_lab.show()"


@pytest.fixture
def store(monkeypatch):
    """The one store of a server; a test's app would have a new one at each run."""
    kept = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr(local_script_runner, "MemoryUploadedFileManager", lambda _: kept)

    def denoise_photo(photo, model, *, best=False, progress=None, **options):
        progress(1, 1)
        return photo

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    return kept


def png(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def held(store):
    """Return the names of the files in the store, and how many bytes they have together."""
    files = [file for files in store.file_storage.values() for file in files.values()]
    return sorted(file.name for file in files), sum(len(file.data) for file in files)


def in_memory(app, data):
    """Tell whether a widget's value in the session still has the file."""
    values = [app.session_state[each.id] for each in app.file_uploader]
    return any(value is not None and data in value.getvalue() for value in values)


def test_nothing_is_left_of_a_photo_and_its_reference(store):
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    app.file_uploader[0].upload("a.png", png(1), "image/png").run()
    assert held(store) == (["a.png"], 0)
    assert not in_memory(app, png(1))
    app.file_uploader[1].upload("reference.png", png(2), "image/png").run()
    assert held(store) == (["a.png", "reference.png"], 0)
    assert not in_memory(app, png(2))
    app.run()
    state = app.session_state["session"]
    assert state.upload.title == "a.png"  # the list that still names it is no new upload
    assert state.upload.load_clean is not None
    app.file_uploader[0].set_value(("b.png", png(3), "image/png")).run()
    assert "a.png" not in held(store)[0]
    assert held(store)[1] == 0
    app.file_uploader[0].clear().run()
    button = next(each for each in app.button if each.label == words.UPLOAD_REMOVE)
    button.click().run()
    state.forget_removed()  # which it is by itself soon
    assert held(store) == ([], 0)
    assert state.upload is None
    assert not state._kept
    assert not app.exception


def test_nothing_is_left_of_the_photo_of_the_noise_lab(store):
    app = AppTest.from_string(LAB, default_timeout=60).run()
    for name in ("a.png", "b.png"):
        app.file_uploader[0].set_value((name, png(4), "image/png")).run()
        assert held(store) == ([name], 0)
    assert not in_memory(app, png(4))
    assert app.session_state["session"].pages["own scene"].scene is not None


@pytest.mark.parametrize("is_new", [True, False], ids=["another session", "this session"])
def test_file_that_is_not_there_is_no_longer_named_and_the_page_says_why(store, monkeypatch, is_new):
    """After a restart the browser's list has a file that this server has never seen; a busy page takes none in time."""
    state = FileUploaderState()
    file = state.uploaded_file_info.add()
    file.file_id, file.name, file.size = "gone", "holiday.jpg", 1000
    app = before = AppTest.from_file(PAGE, default_timeout=60).run()
    first = before.file_uploader[0].id
    kept = FileUploader._widget_state

    def widget_state(self):
        known = kept.fget(self)
        if self.id == first:
            known.file_uploader_state_value.CopyFrom(state)
        return known

    monkeypatch.setattr(FileUploader, "_widget_state", property(widget_state))
    if is_new:
        app = AppTest.from_file(PAGE, default_timeout=60)

    def told():
        return [each.value for each in [*app.warning, *app.error]]

    app._run(before._tree.get_widget_states())  # of what the browser shows
    assert told() == [texts.ANEW if is_new else texts.NOT_TAKEN]
    assert app.file_uploader[0].id != first
    assert app.file_uploader[0].value is None
    app.run()
    assert told() == [texts.ANEW if is_new else texts.NOT_TAKEN]
    app.file_uploader[0].upload("again.png", png(5), "image/png").run()
    assert not told()
    assert app.session_state["session"].upload.title == "again.png"
    assert not app.exception

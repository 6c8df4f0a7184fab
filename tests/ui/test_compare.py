import io
import re
import threading

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from denoise import catalogue, pipeline
from denoise.runtime import ModelError
from denoise.ui import jobs, samples, texts
from denoise.ui.kept import Kept
from denoise.ui.pages import compare
from denoise.ui.session import UPLOAD, Session

SCRIPT = "from denoise.ui.pages import compare; compare.show()"
NAMES = list(catalogue.denoiser_names())


@pytest.fixture
def runs(monkeypatch):
    """Replace the denoisers by ones that add their place in the list; give the list of what ran, on which size."""
    made = []

    def denoise_photo(photo, model, *, strength=1.0, best=False, progress=None, denoisers=None):
        progress(0, 1)
        progress(1, 1)
        made.append((model, photo.width, photo.height))
        return type(photo)(np.clip(photo.pixels + np.uint8(NAMES.index(model)), 0, 255))

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    return made


@pytest.fixture
def app(runs):
    return AppTest.from_string(SCRIPT, default_timeout=30)


def cards_of(app):
    """Return, by title, the figures of each card, and what stands in place of the picture."""
    (html,) = [each.proto.body for each in app.get("html") if 'class="comparison"' in each.proto.body]
    cards = {}
    for card in re.findall(r"<li>(.*?)</li>", html):
        title = re.search(r"<h2>(.*?)</h2>", card)[1]
        figures = {
            label: re.sub("<.*?>", "", value) for label, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", card)
        }
        sentence = re.search(r'<div class="picture"><span>(.*?)</span>', card)
        cards[title] = {"figures": figures, "instead": sentence and sentence[1]}
    return cards


def titles():
    return [catalogue.denoiser_names()[name].title for name in NAMES]


def upload_of(width, height):
    state = Session(next(iter(samples.list_samples())))
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    state.open_upload("mine.png", Kept(buffer.getvalue()))
    assert state.upload is not None
    return state


def assert_calm(app):
    assert not app.exception
    assert not app.error


def test_every_denoiser_runs_once_and_gets_a_card(app, runs):
    app.run()
    assert runs == [(name, 384, 288) for name in NAMES]
    cards = cards_of(app)
    assert list(cards) == [texts.NOISY, *titles(), texts.CLEAN]
    for title in titles():
        assert cards[title]["instead"] is None
        assert list(cards[title]["figures"]) == [
            "PSNR",
            texts.SSIM,
            "Time",
            "Network",
        ]
    app.selectbox(key="left").set_value(NAMES[1]).run()
    assert len(runs) == len(NAMES)
    assert_calm(app)


def test_best_of_each_column_is_marked(app):
    app.run()
    figures = {title: card["figures"] for title, card in cards_of(app).items()}
    for label in ("PSNR", texts.SSIM):
        marked = [title for title, each in figures.items() if each.get(label, "").endswith("best")]
        values = {title: float(each[label].split()[0]) for title, each in figures.items() if label in each}
        assert marked
        assert {values[title] for title in marked} == {max(values.values())}
    sizes = {title: each.get("Network", "") for title, each in figures.items()}
    smallest = min((title for title in sizes if "MB" in sizes[title]), key=lambda title: float(sizes[title].split()[0]))
    assert [title for title, size in sizes.items() if size.endswith("best")] == [smallest]


def test_part_lies_where_it_is_set(app, runs):
    app.run()
    app.segmented_control(key="part").set_value("256").run()
    app.slider(key="across").set_value(100).run()
    assert runs[-1][1:] == (256, 256)
    sample = samples.load(next(iter(samples.list_samples().values())).noisy)
    overview = next(each.proto.body for each in app.get("html") if 'class="overview"' in each.proto.body)
    left, width = (float(re.search(rf"{side}:([\d.]+)%", overview)[1]) for side in ("left", "width"))
    assert left + width == pytest.approx(100, abs=0.05)
    assert width == pytest.approx(25600 / sample.width, abs=0.05)


def test_whole_photo_is_compared(app, runs):
    app.run()
    app.segmented_control(key="part").set_value(compare.WHOLE).run()
    sample = samples.load(next(iter(samples.list_samples().values())).noisy)
    assert runs[-1][1:] == (sample.width, sample.height)
    assert app.slider(key="across").disabled
    assert app.slider(key="down").disabled


def test_photo_that_was_chosen_elsewhere_since_is_compared(app):
    app.run()
    first, second = list(samples.list_samples())[:2]
    assert app.selectbox(key="picture").value == first
    app.session_state["session"].choose(second)
    app.run()
    assert app.selectbox(key="picture").value == second
    assert app.session_state["session"].chosen_id == second
    app.selectbox(key="picture").set_value(first).run()
    assert app.session_state["session"].chosen_id == first


def test_upload_without_reference_has_no_psnr(app, runs):
    app.session_state["session"] = upload_of(90, 60)
    app.run()
    assert app.selectbox(key="picture").value == UPLOAD
    assert runs[0][1:] == (90, 60)
    cards = cards_of(app)
    assert list(cards) == [texts.NOISY, *titles()]
    assert list(cards[titles()[0]]["figures"]) == ["Time", "Network"]
    assert compare.LEGEND_NO_REFERENCE in [caption.value for caption in app.caption]
    assert_calm(app)


def test_large_photo_is_not_offered_as_a_whole(app):
    app.session_state["session"] = upload_of(2100, 2000)
    app.run()
    assert compare.WHOLE not in app.segmented_control(key="part").options
    assert_calm(app)


def test_photo_of_one_pixel_is_compared(app, runs):
    app.session_state["session"] = upload_of(1, 1)
    app.run()
    assert len(runs) == len(NAMES)
    assert_calm(app)


def test_failing_denoiser_leaves_the_others(app, runs, monkeypatch):
    quick = pipeline.denoise_photo

    def denoise_photo(photo, model, **options):
        if model == NAMES[1]:
            raise ModelError("The model file is <missing>.")
        return quick(photo, model, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    app.run()
    cards = cards_of(app)
    assert cards[titles()[1]]["instead"] == "The model file is &lt;missing&gt;."
    assert all(cards[title]["instead"] is None for title in titles() if title != titles()[1])
    assert [name for name, *_ in runs] == [name for name in NAMES if name != NAMES[1]]
    assert_calm(app)


def test_denoiser_whose_partner_did_the_work_says_so(app, runs, monkeypatch):
    quick = pipeline.denoise_photo

    def denoise_photo(photo, model, *, denoisers=None, **options):
        at_work = "ffdnet" if model == "unet" else model
        denoisers.__self__.used.add(at_work)
        return quick(photo, model, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    app.run()
    named = catalogue.titles()
    expected = [f"{named['unet']}, here by {named['ffdnet']}" if each == named["unet"] else each for each in titles()]
    assert list(cards_of(app)) == [texts.NOISY, *expected, texts.CLEAN]


def test_link_reproduces_the_view(app, runs):
    name, sample = list(samples.list_samples().items())[2]
    app.query_params.update({"picture": sample.title, "part": "256", "across": "0", "right": titles()[2]})
    app.run()
    assert app.session_state["session"].chosen_id == name
    assert runs[0][1:] == (256, 256)
    assert app.slider(key="across").value == 0
    assert app.selectbox(key="right").value == NAMES[2]


def test_nonsense_in_the_link_is_ignored(app):
    app.query_params.update({"picture": "nobody", "part": "7", "across": "left", "right": "?"})
    app.run()
    assert app.segmented_control(key="part").value == "384"
    assert app.slider(key="across").value == 50
    assert_calm(app)


def test_comparison_goes_on_while_another_page_is_looked_at(app, runs, monkeypatch):
    quick, go_on = pipeline.denoise_photo, threading.Event()

    def denoise_photo(*args, **options):
        assert go_on.wait(60)
        return quick(*args, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "end_if_overtaken", st.stop)  # as Streamlit does for the other page
        app.run()
    assert [progress.text for progress in app.get("progress")] == [texts.STARTING]
    (job,) = [job for _, job in app.session_state["session"].jobs._jobs.values()]
    go_on.set()
    assert job.wait(10)
    app.run()
    assert [name for name, *_ in runs] == NAMES
    assert not app.get("progress")
    assert_calm(app)


def test_cancelled_comparison_keeps_what_is_finished(app, runs, monkeypatch):
    quick, pressed = pipeline.denoise_photo, []

    def denoise_photo(photo, model, *, progress, **options):
        if model == NAMES[2] and not pressed:
            pressed.append(True)
            progress.__self__.check().cancel()  # as a click on Cancel does
        return quick(photo, model, progress=progress, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    app.run()
    assert [warning.value for warning in app.warning] == [texts.WORK_CANCELLED]
    cards = cards_of(app)
    assert [cards[title]["instead"] for title in titles()] == [None, None, *["Not yet"] * (len(NAMES) - 2)]
    app.button(key="comparison again").click().run()
    assert [name for name, *_ in runs] == NAMES
    assert not app.warning

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from denoise import camera, catalogue, pipeline
from denoise.image import Photo, crop
from denoise.metrics import psnr
from denoise.ui import samples, texts
from denoise.ui.pages import noise_lab
from denoise.ui.pages.noise_lab import Setting, photograph
from denoise.ui.session import UPLOAD

SCRIPT = "from denoise.ui.pages import noise_lab; noise_lab.show()"
NAMES = list(catalogue.denoiser_names())
SIDE = 96  # pixels of the photos


@pytest.fixture
def runs(monkeypatch):
    """Replace the denoisers by a quick blur; give the list of what ran, on photos of which size."""
    made = []

    def denoise_photo(photo, model, *, strength=1.0, best=False, progress=None, denoisers=None):
        if progress:
            progress(0, 1)
            progress(1, 1)
        made.append((model, photo.width, photo.height))
        return Photo(cv2.blur(photo.pixels, (3, 3)))

    def load(name):
        return crop(full(name), SIDE)[0]  # photographing all of it would take longest

    full = samples.load
    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    monkeypatch.setattr(samples, "load", load)
    return made


@pytest.fixture
def app(runs):
    return AppTest.from_string(SCRIPT, default_timeout=60)


def png(width, height, *, grey=False):
    ramp = np.linspace(40, 200, width * height).reshape(height, width).astype(np.uint8)
    buffer = io.BytesIO()
    (Image.fromarray(ramp) if grey else Image.merge("RGB", [Image.fromarray(ramp)] * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def figure(app, label):
    return [float(part) for part in next(each.value for each in app.metric if each.label == label).split(" → ")]


def upload(app, data, name="mine.png"):
    return app.file_uploader(key="clean photo").upload(name, data, "image/png").run()


def charts(app):
    return app.get("vega_lite_chart")


def assert_calm(app):
    assert not app.exception
    assert texts.UNEXPECTED not in [error.value for error in app.error]


def test_sample_is_made_noisy_and_cleaned(app, runs):
    app.run()
    sample = samples.load(next(iter(samples.list_samples().values())).clean)
    noisy, clean = photograph(sample, Setting(3200, 95, 0))
    before, after = figure(app, texts.PSNR)
    assert before == pytest.approx(psnr(clean.pixels, noisy.pixels), abs=0.005)
    assert after > before
    assert runs == [(NAMES[0], noisy.width, noisy.height)]
    assert noise_lab.PHOTOGRAPHED.format(noisy.width, noisy.height, 3200) in [caption.value for caption in app.caption]
    assert_calm(app)


def test_iso_quality_and_seed_change_the_noise(app):
    app.run()
    first, _ = figure(app, texts.PSNR)
    app.select_slider(key="iso").set_value(12800).run()
    stronger, _ = figure(app, texts.PSNR)
    assert stronger < first - 4
    app.number_input(key="seed").set_value(1).run()
    other, _ = figure(app, texts.PSNR)
    assert other != stronger
    assert other == pytest.approx(stronger, abs=0.2)
    app.select_slider(key="iso").set_value(100)
    app.slider(key="jpeg").set_value(100).run()
    uncompressed, _ = figure(app, texts.PSNR)
    app.slider(key="jpeg").set_value(40).run()
    assert figure(app, texts.PSNR)[0] < uncompressed


def test_nothing_is_computed_twice(app, runs, monkeypatch):
    shots = []
    simulate = photograph
    monkeypatch.setattr(noise_lab, "photograph", lambda *a, **k: shots.append(1) or simulate(*a, **k))
    app.run()
    app.selectbox(key="cleaner").set_value("nlm").run()
    app.selectbox(key="cleaner").set_value(NAMES[0]).run()
    assert [name for name, *_ in runs] == [NAMES[0], "nlm"]
    assert len(shots) == 1


def test_upload_is_cropped_and_photographed(app, runs):
    app.run()
    upload(app, png(900, 700))
    assert app.selectbox(key="scene").value == UPLOAD
    assert runs[-1][1:] == (640, 640)
    assert (
        app.session_state["session"].pages["own scene"].scene.clean.pixels.base is None
    )  # the large photo is let go of
    assert_calm(app)


def test_grey_upload_stays_grey(app, runs):
    app.run()
    upload(app, png(64, 64, grey=True))
    noisy, _ = photograph(app.session_state["session"].pages["own scene"].scene.clean, Setting(3200, 95, 0))
    assert (noisy.pixels[..., 0] == noisy.pixels[..., 1]).all()
    assert_calm(app)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not a picture at all", id="text"),
        pytest.param(b"", id="empty"),
        pytest.param(png(20, camera.MULTIPLE - 1), id="too small"),
    ],
)
def test_bad_upload_gives_a_sentence_and_leaves_the_rest(app, runs, data):
    app.run()
    before = figure(app, texts.PSNR)
    upload(app, data)
    assert len(app.error) == 1
    assert len(app.error[0].value) > 30
    assert figure(app, texts.PSNR) == before
    assert len(runs) == 1
    app.selectbox(key="scene").set_value(list(samples.list_samples())[1]).run()
    assert not app.error
    assert_calm(app)


def test_curves_are_drawn_when_asked(app, runs):
    app.run()
    assert not charts(app)
    assert noise_lab.CURVE_EMPTY in [caption.value for caption in app.caption]
    next(button for button in app.button if button.label == noise_lab.CURVE_BUTTON).click().run()
    assert len(charts(app)) == 1
    assert sorted(runs[1:]) == sorted([(name, SIDE, SIDE) for name in (catalogue.DEFAULT, "nlm")] * 8)
    numbers = app.dataframe[0].value
    assert list(numbers[noise_lab.ISO]) == [100, 200, 400, 800, 1600, 3200, 6400, 12800]
    noisy = list(numbers[texts.NOISY])
    assert noisy == sorted(noisy, reverse=True)
    assert noisy[0] > noisy[-1] + 8
    assert_calm(app)


def test_another_denoiser_computes_only_its_own_points(app, runs):
    app.run()
    next(button for button in app.button if button.label == noise_lab.CURVE_BUTTON).click().run()
    before = len(runs)
    app.pills(key="curves").set_value([catalogue.DEFAULT, "nlm", NAMES[1]]).run()
    assert [name for name, *_ in runs[before:]] == [NAMES[1]] * 8
    app.select_slider(key="iso").set_value(800).run()
    assert len(runs) == before + 9  # the photo itself
    assert len(charts(app)) == 1


def test_every_curve_has_a_colour_of_its_own():
    titles = list(noise_lab._titles().values())
    points = [{"model": title, "iso": 100, "psnr": 30.0} for title in titles]
    drawn = noise_lab._chart(points, titles, 100).to_dict()
    colours = drawn["layer"][1]["encoding"]["color"]["scale"]["range"]
    assert len(set(colours)) == len(titles)


def test_curves_of_another_seed_wait_to_be_asked_for(app, runs):
    app.run()
    next(button for button in app.button if button.label == noise_lab.CURVE_BUTTON).click().run()
    app.number_input(key="seed").set_value(5).run()
    assert not charts(app)
    assert noise_lab.CURVE_EMPTY in [caption.value for caption in app.caption]


def test_no_denoiser_chosen_gives_a_sentence(app):
    app.run()
    app.pills(key="curves").set_value([]).run()
    assert noise_lab.CURVE_NOBODY in [caption.value for caption in app.caption]
    assert_calm(app)


def test_black_photo_has_no_endless_curve(app):
    app.run()
    black = io.BytesIO()
    Image.new("RGB", (64, 64)).save(black, "PNG")
    upload(app, black.getvalue())
    next(button for button in app.button if button.label == noise_lab.CURVE_BUTTON).click().run()
    assert_calm(app)


def test_failing_denoiser_gives_a_sentence_and_can_be_repeated(app, runs, monkeypatch):
    quick = pipeline.denoise_photo
    failures = [MemoryError()]

    def denoise_photo(photo, model, **options):
        if failures:
            raise failures.pop()
        return quick(photo, model, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    app.run()
    assert [warning.value for warning in app.warning] == [texts.OUT_OF_MEMORY]
    app.button(key="lab again").click().run()
    assert not app.warning
    assert app.metric
    assert_calm(app)


def test_cancelled_curves_keep_their_points(app, runs, monkeypatch):
    quick, pressed = pipeline.denoise_photo, []

    def denoise_photo(photo, model, *, denoisers, **options):
        if photo.width == SIDE and len(runs) == 4 and not pressed:
            pressed.append(True)
            task = denoisers.__self__
            task.check().cancel()  # as a click on Cancel does
            task.check()
        return quick(photo, model, **options)

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    app.run()
    next(button for button in app.button if button.label == noise_lab.CURVE_BUTTON).click().run()
    assert [warning.value for warning in app.warning] == [texts.WORK_CANCELLED]
    assert len(runs) == 4
    app.button(key="curve again").click().run()
    assert len(runs) == 17
    assert len(charts(app)) == 1


def test_link_reproduces_the_view(app, runs):
    sample = list(samples.list_samples().values())[1]
    app.query_params.update(
        {
            "scene": sample.title,
            "iso": "800",
            "jpeg": "60",
            "seed": "7",
            "cleaner": catalogue.denoiser_names()["nlm"].title,
        }
    )
    app.run()
    noisy, clean = photograph(samples.load(sample.clean), Setting(800, 60, 7))
    assert figure(app, texts.PSNR)[0] == pytest.approx(psnr(clean.pixels, noisy.pixels), abs=0.005)
    assert runs == [("nlm", noisy.width, noisy.height)]


def test_photograph_keeps_grey_and_rounds_16_bit():
    values = np.random.default_rng(0).integers(0, 65536, (33, 48, 1), dtype=np.uint16)
    photo = Photo(values.repeat(3, axis=2), grey=True)
    noisy, clean = photograph(photo, Setting(1600, 80, 3))
    again, _ = photograph(photo, Setting(1600, 80, 3))
    other, _ = photograph(photo, Setting(1600, 80, 4))
    assert noisy.pixels.shape == clean.pixels.shape == (32, 48, 3)
    assert noisy.pixels.dtype == np.uint8
    assert (noisy.pixels[..., :1] == noisy.pixels).all()
    np.testing.assert_array_equal(again.pixels, noisy.pixels)
    assert (other.pixels != noisy.pixels).any()

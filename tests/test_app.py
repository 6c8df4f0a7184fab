import io
import json
import logging
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from denoise import catalogue, pipeline, turns
from denoise.image import Metadata, Photo, decode, encode
from denoise.mixing import Mix
from denoise.presets import USUAL, presets
from denoise.runtime import ModelError
from denoise.turns import Turns
from denoise.ui import pictures, samples, session, texts
from denoise.ui.arrivals import Arrivals
from denoise.ui.chosen import chosen_sample
from denoise.ui.kept import Kept
from denoise.ui.pages import start_words as words
from denoise.ui.results import Result, Results, Run
from denoise.ui.session import PHOTO, UPLOAD, Session

APP = Path(__file__).parents[1] / "page.py"


def png(width=96, height=64, *, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def runs(monkeypatch):
    """Replace the networks by a quick blur; give the list of the models that ran."""
    made = []

    def denoise_photo(photo, model, *, best=False, progress=None, **options):
        progress(0, 2)
        progress(2, 2)
        made.append(f"{model} best" if best else model)
        return replace(photo, pixels=cv2.blur(photo.pixels, (3, 3)))

    monkeypatch.setattr(pipeline, "denoise_photo", denoise_photo)
    monkeypatch.setattr(Results, "of_samples", {})
    return made


@pytest.fixture
def app(runs):
    return AppTest.from_file(APP, default_timeout=30).run()


def state_of(app) -> Session:
    return app.session_state["session"]


def gallery_of(app):
    elements = [element.proto for element in app.get("bidi_component")]
    return next(json.loads(each.json)[0] for each in elements if each.component_name == "denoise.gallery")


def viewer_of(app):
    elements = [element.proto for element in app.get("bidi_component")]
    return next(json.loads(each.json)[0] for each in elements if each.component_name == "denoise.viewer")


def link_of(app):
    return viewer_of(app)["link"]


def file_of(app):
    """What the download button offers: format, bit depth, quality, and whether without metadata."""
    elements = [element.proto for element in app.get("bidi_component")]
    path = next(json.loads(each.json)[0] for each in elements if each.component_name == "denoise.download")["path"]
    said = dict(parse_qsl(urlsplit(path).query))
    return tuple(said[name] for name in ("format", "depth", "quality", "strip"))


def model_of(app):
    """The denoiser that is chosen, in whichever list."""
    return app.segmented_control(key="model").value or app.pills(key="model_compared").value


def choose_model(app, name):
    main = app.segmented_control(key="model")
    (main if name in catalogue.DEFAULTS else app.pills(key="model_compared")).set_value(name).run()


def figures_of(app):
    return {metric.label: metric.value for metric in app.metric}


def numbers(text):
    return [float(part) for part in text.split(" → ")]


def upload(app, data, name="IMG_1234.png"):
    return app.file_uploader(key="photo").upload(name, data, "image/png").run()


def upload_reference(app, data, name="reference.png"):
    return app.file_uploader[1].upload(name, data, "image/png").run()


def assert_calm(app):
    """Nothing failed, neither in Streamlit's way nor in the page's."""
    assert not app.exception
    assert texts.UNEXPECTED not in [error.value for error in app.error]


def test_page_lists_the_samples(app):
    gallery = gallery_of(app)
    assert len(gallery["items"]) >= 6
    assert [item["id"] for item in gallery["items"]] == list(samples.list_samples())
    assert gallery["chosen"] == gallery["items"][0]["id"]
    assert len({item["src"] for item in gallery["items"]}) == len(gallery["items"])
    assert_calm(app)


def test_page_shows_figures_of_a_sample(app):
    figures = figures_of(app)
    before, after = numbers(figures[texts.PSNR])
    assert after > before > 10
    before, after = numbers(figures[texts.SSIM])
    assert after > before > 0
    assert not app.warning
    assert words.NO_REFERENCE not in [caption.value for caption in app.caption]


def test_page_shows_the_sample_that_is_chosen(app):
    name = list(samples.list_samples())[1]
    state_of(app).choose(name)
    app.run()
    assert app.header[0].value == samples.list_samples()[name].title
    assert gallery_of(app)["chosen"] == name
    assert_calm(app)


def test_model_runs_once_per_photo(app, runs):
    first = model_of(app)
    choose_model(app, "nlm")
    choose_model(app, first)
    choose_model(app, "nlm")
    assert runs == [first, "nlm"]


def test_models_have_a_sentence_each(app):
    """The one that is chosen, and all of those that are there for comparison."""
    described = [*(each.value for each in app.caption), *(each.value for each in app.markdown)]
    others_of_use = catalogue.DEFAULTS[1:]  # a sample is denoised by the first
    first, *others = [info for name, info in catalogue.denoiser_names().items() if name not in others_of_use]
    told = [
        next(each for each in described if f"**{info.title}.** {info.summary}" in each) for info in (first, *others)
    ]
    assert len(set(told)) == 2
    assert re.search(r"About [\d.]+\s(s|min) here\. Trained for \d+ (minutes|hours)\.$", told[0])
    lines = told[1].splitlines()
    assert [info.title for info in others] == [re.match(r"- \*\*(.+)\.\*\* ", line)[1] for line in lines]
    assert "Trained" not in lines[-1]


def test_arrow_keys_in_the_lists_choose_nothing(app):
    """A list of radio buttons would run a network at each arrow key: these are chosen by Space alone."""
    assert not app.radio
    assert app.segmented_control(key="model").options == list(words.ROLES.values())
    assert app.pills(key="model_compared").value is None


def test_preset_sets_strength_and_mix_until_either_is_changed(app, runs):
    assert app.pills(key="look").value == USUAL
    app.pills(key="look").set_value("night").run()
    assert app.slider(key="strength").value == presets()["night"].strength
    assert len(runs) == 2
    app.pills(key="look").set_value("portrait").run()
    assert state_of(app).mix == presets()["portrait"].mix
    assert len(runs) == 2  # what differs is mixed
    assert link_of(app)["preset"] == "portrait"
    state_of(app).set_mix(Mix(0.1, 0.2, 0.3))
    app.run()
    assert app.pills(key="look").value is None
    assert words.OWN_LOOK in [each.value for each in app.caption]
    state_of(app).set_mix(Mix())
    app.run()
    assert app.pills(key="look").value == USUAL
    app.pills(key="look").set_value(None).run()  # a click on the one that is chosen
    assert app.pills(key="look").value == USUAL
    assert_calm(app)


def test_preset_for_text_brings_its_network_and_takes_it_back(app, runs, monkeypatch):
    first = "unet"  # as of a photo of more than 2 megapixels
    monkeypatch.setattr(session, "chosen_sample", lambda name: replace(chosen_sample(name), model=first))
    app.run()
    assert model_of(app) == first
    app.pills(key="look").set_value("text").run()
    assert model_of(app) == presets()["text"].model != first
    app.pills(key="look").set_value("natural").run()
    assert model_of(app) == first
    app.pills(key="look").set_value("text").run()
    choose_model(app, first)
    assert app.pills(key="look").value == USUAL
    choose_model(app, presets()["text"].model)
    assert app.pills(key="look").value == USUAL  # as it is without any, but for the network


def test_viewer_is_told_of_a_mix_that_it_has_not_made_itself(app):
    def told():
        data = viewer_of(app)
        return [data["mix"], data["mixed"]]

    assert told() == [[100, 100, 0], 0]
    app.pills(key="look").set_value("keep-grain").run()
    assert told() == [[0, 100, 0], 1]
    state_of(app).set_mix(Mix(0.5, 1, 0))
    app.run()
    assert told() == [[50, 100, 0], 1]


@pytest.mark.parametrize(
    ("said", "preset", "mix"),
    [
        ({"preset": "natural"}, "natural", presets()["natural"].mix),
        ({"preset": "natural", "mix": "85-100-50"}, "natural", presets()["natural"].mix),
        ({"mix": "85-100-50"}, "natural", presets()["natural"].mix),  # a link of before there were presets
        ({"preset": "natural", "mix": "80-100-50"}, "", Mix(0.8, 1, 0.5)),
        ({"preset": "none"}, USUAL, Mix()),
    ],
)
def test_link_tells_the_preset(runs, said, preset, mix):
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params.update(said)
    app.run()
    assert app.pills(key="look").value == (preset or None)
    assert state_of(app).mix == mix
    assert_calm(app)


@pytest.mark.parametrize(
    ("level", "said"), [(0, "Hardly"), (0.8, "Little"), (2.9, "Little"), (3, "Moderate"), (8, "Strong"), (90, "Strong")]
)
def test_noise_is_said_in_words(level, said):
    assert words.noise(level).startswith(said)


def test_page_says_how_much_noise_there_was(app):
    assert any(each.value.startswith(words.noise(14)) for each in app.caption)


def test_mix_blends_without_running_the_model(app, runs):
    full = numbers(figures_of(app)[texts.PSNR])
    state_of(app).set_mix(Mix(0, 0))
    app.run()
    before, after = numbers(figures_of(app)[texts.PSNR])
    assert before == after == full[0]
    state_of(app).set_mix(Mix(0.5, 0.8, 0.1))
    app.run()
    half = numbers(figures_of(app)[texts.PSNR])
    assert half[1] not in (full[0], full[1])
    assert len(runs) == 1
    app.toggle(key="best").set_value(True).run()
    assert {name: text for name, text in link_of(app).items() if text} == {"best": "true", "mix": "50-80-10"}


def test_strength_runs_the_model_again_and_stands_in_the_link(app, runs):
    assert len(runs) == 1
    app.slider(key="strength").set_value(2.0).run()
    assert len(runs) == 2
    assert link_of(app)["strength"] == "2"
    assert state_of(app).results.get(Run(state_of(app).chosen_id, model_of(app), strength=2.0))
    choose_model(app, "nlm")
    assert app.slider(key="strength").disabled
    assert len(runs) == 3
    assert_calm(app)


@pytest.mark.parametrize(("said", "strength"), [("2.5", 2.5), ("9", 1), ("0.5", 1), ("nan", 1), ("much", 1)])
def test_link_tells_the_strength(runs, said, strength):
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["strength"] = said
    app.run()
    assert app.slider(key="strength").value == strength
    assert_calm(app)


def test_link_reproduces_photo_model_and_mix(runs):
    app = AppTest.from_file(APP, default_timeout=30)
    name = list(samples.list_samples())[2]
    app.query_params.update({"photo": name, "model": "nlm", "mix": "30-40-50", "best": "true"})
    app.run()
    assert app.header[0].value == samples.list_samples()[name].title
    assert model_of(app) == "nlm"
    assert state_of(app).mix == Mix(0.3, 0.4, 0.5)
    assert app.toggle(key="best").value
    assert runs == ["nlm"]
    assert_calm(app)


@pytest.mark.parametrize("mix", ["", "1-2", "a-b-c", "1-2-3-4", "100-100-0"])
def test_wrong_link_is_left_alone(runs, mix):
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params.update({"photo": "../secret", "model": "none", "mix": mix})
    app.run()
    assert state_of(app).chosen_id == next(iter(samples.list_samples()))
    assert state_of(app).mix == Mix()
    assert not any(link_of(app).values())
    assert_calm(app)


def test_link_is_obeyed_once(runs):
    first, second, *_ = samples.list_samples()
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["photo"] = second
    app.run()
    assert link_of(app)["photo"] == second
    state_of(app).choose(first)
    app.run()
    assert app.header[0].value == samples.list_samples()[first].title
    assert not any(link_of(app).values())


def test_upload_without_reference_shows_no_figures(app):
    upload(app, png())
    assert app.header[0].value == texts.literal("IMG_1234.png")
    assert words.NO_REFERENCE in [caption.value for caption in app.caption]
    assert figures_of(app).keys() == {words.NOISE}
    assert_calm(app)


def test_upload_with_reference_shows_figures(app):
    upload(app, png(seed=1))
    upload_reference(app, png(seed=2))
    assert numbers(figures_of(app)[texts.PSNR])[0] < 15
    app.file_uploader[1].set_value(None).run()
    assert figures_of(app).keys() == {words.NOISE}


def test_upload_with_reference_of_other_depth_shows_figures(app):
    shallow = np.full((40, 40, 3), 100, np.uint8)
    upload(app, cv2.imencode(".png", shallow.astype(np.uint16) * 257)[1].tobytes())
    upload_reference(app, cv2.imencode(".png", shallow)[1].tobytes())
    assert figures_of(app)[texts.PSNR] == "equal → equal"
    assert figures_of(app)[texts.SSIM] == "1.000 → 1.000"


def test_upload_too_small_for_ssim_says_so(app):
    upload(app, png(5, 4, seed=1))
    upload_reference(app, png(5, 4, seed=2))
    assert figures_of(app)[texts.SSIM] == words.TOO_SMALL
    assert_calm(app)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a picture at all", id="text"),
        pytest.param(png()[:400], id="truncated"),
        pytest.param(png()[:60] + bytes(200) + png()[260:], id="corrupt"),
    ],
)
@pytest.mark.parametrize("earlier", ["sample", "upload"])
def test_bad_upload_gives_a_sentence_and_leaves_the_result(app, runs, data, earlier):
    if earlier == "upload":
        upload(app, png(), "good.png")
    title, figures, count = app.header[0].value, figures_of(app), len(runs)
    upload(app, data, "bad.png")
    assert len(app.error) == 1
    assert len(app.error[0].value) > 30
    assert app.header[0].value == title
    assert figures_of(app) == figures
    assert len(runs) == count
    assert_calm(app)


def test_bad_reference_gives_a_sentence(app):
    upload(app, png())
    upload_reference(app, b"not a picture at all")
    assert len(app.error) == 1
    assert words.NO_REFERENCE in [caption.value for caption in app.caption]
    assert_calm(app)


def test_reference_of_another_size_gives_a_sentence(app):
    upload(app, png(96, 64))
    upload_reference(app, png(64, 96))
    assert [error.value for error in app.error] == [
        "The reference is 64 × 96 pixels, but the photo is 96 × 64. "
        "Choose a reference of the same size, with the same view, to see PSNR and SSIM."
    ]
    assert figures_of(app).keys() == {words.NOISE}
    assert_calm(app)


def test_reference_goes_with_its_photo(app):
    upload(app, png(seed=1))
    upload_reference(app, png(seed=2))
    upload(app, png(seed=3), "other.png")
    assert figures_of(app).keys() == {words.NOISE}


def test_last_choice_wins(app):
    name = list(samples.list_samples())[2]
    upload(app, png())
    assert gallery_of(app)["chosen"] == UPLOAD
    state_of(app).choose(name)
    app.run()
    assert app.header[0].value == samples.list_samples()[name].title
    assert gallery_of(app)["items"][0]["id"] == UPLOAD  # still there to be chosen again
    state_of(app).choose(UPLOAD)
    app.run()
    assert app.header[0].value == texts.literal("IMG_1234.png")


def test_removed_upload_stays_until_another_choice(app):
    upload(app, png())
    app.file_uploader(key="photo").set_value(None).run()
    assert gallery_of(app)["chosen"] == UPLOAD
    assert app.header[0].value == texts.literal("IMG_1234.png")
    assert_calm(app)


@pytest.mark.parametrize(
    ("error", "sentence", "logged"),
    [
        pytest.param(ModelError("The file is missing."), "The file is missing.", False, id="model"),
        pytest.param(MemoryError(), texts.OUT_OF_MEMORY, True, id="memory"),
        pytest.param(RuntimeError("a bug"), texts.UNEXPECTED, True, id="bug"),
    ],
)
def test_failing_model_gives_a_sentence(app, monkeypatch, caplog, error, sentence, logged):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(pipeline, "denoise_photo", fail)
    with caplog.at_level(logging.ERROR, logger="denoise.ui"):
        choose_model(app, "nlm")
    assert [warning.value for warning in app.warning] == [sentence]
    assert not app.exception
    assert bool(caplog.records) == logged
    choose_model(app, next(iter(catalogue.denoiser_names())))
    assert not app.warning
    assert app.metric


def test_stopped_run_starts_again_when_asked(app, runs):
    name = list(samples.list_samples())[1]
    state_of(app).choose(name)
    run, go_on = Run(name, model_of(app)), threading.Event()
    state_of(app).jobs.job(PHOTO, run, lambda task: go_on.wait(10)).cancel()
    app.run()
    go_on.set()
    assert [warning.value for warning in app.warning] == [words.CANCELLED]
    assert len(runs) == 1
    next(button for button in app.button if button.label == words.DENOISE_AGAIN).click().run()
    assert not app.warning
    assert len(runs) == 2


@pytest.mark.parametrize(("levels", "said"), [(1, words.UNCHANGED), (2, words.ALREADY_CLEAN)])
def test_page_says_that_a_photo_is_already_clean(app, levels, said):
    pixels = np.random.default_rng(0).integers(120, 120 + levels, (64, 64, 3)).astype(np.uint8)
    state_of(app).open_upload("clean.png", Kept(encode(Photo(pixels))))
    app.run()
    assert [info.value for info in app.info] == [said]
    state_of(app).choose(next(iter(samples.list_samples())))
    app.run()
    assert not app.info


def test_model_is_the_default_of_the_photo_until_one_is_chosen(app, monkeypatch):
    monkeypatch.setattr(catalogue, "BIG", 96 * 64 - 1)
    grain = np.repeat(np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8), 2, axis=0).repeat(2, axis=1)
    upload(app, encode(Photo(grain)), "big.png")
    assert model_of(app) == "unet-strong"  # coarse noise from edge to edge
    choose_model(app, "cbdnet")
    state_of(app).choose(next(iter(samples.list_samples())))
    app.run()
    assert model_of(app) == "cbdnet"


def test_best_quality_denoises_again_and_both_results_stay(app, runs):
    model = model_of(app)
    app.toggle(key="best").set_value(True).run()
    assert runs == [model, f"{model} best"]
    app.toggle(key="best").set_value(False).run()
    assert len(runs) == 2
    app.toggle(key="best").set_value(True)
    choose_model(app, "nlm")
    assert app.toggle(key="best").disabled
    assert runs[2:] == ["nlm"]


def test_page_shows_a_sentence_for_a_bug(app, monkeypatch):
    def fail():
        raise RuntimeError("a bug")

    monkeypatch.setattr(samples, "list_samples", fail)
    app.run()
    assert [error.value for error in app.error] == [texts.UNEXPECTED]
    assert not app.exception


def test_result_of_a_sample_is_there_for_the_next_visitor(app, runs):
    assert_calm(AppTest.from_file(APP, default_timeout=30).run())
    assert runs == [catalogue.DEFAULT]


def test_result_of_an_upload_is_there_for_nobody_else(app, runs):
    upload(app, png())
    upload(AppTest.from_file(APP, default_timeout=30).run(), png())
    assert runs == [catalogue.DEFAULT] * 3


def test_add_result_lets_go_of_old_large_results():
    state = Session("sample")
    for number in range(4):
        large = Photo(np.zeros((2000, 4000, 3), np.uint8))  # 24 MB
        state.add_result(Run(str(number), "model"), Result(large, 1.0, "unet"))
    assert list(state.results.own) == [Run("2", "model"), Run("3", "model")]


def test_photo_is_loaded_only_in_turn_and_not_when_nothing_changes(app, monkeypatch):
    loaded = []

    def load(kept):
        value = get(kept)
        if isinstance(value, Photo):
            loaded.append(bool(turns.pictures._working or turns.networks._working))
        return value

    get = Kept.get
    for name in ("pictures", "networks"):
        monkeypatch.setattr(turns, name, Turns(10**9, small=0))
    monkeypatch.setattr(Kept, "get", load)
    upload(app, png(seed=1))
    assert state_of(app).results.own
    assert loaded
    assert all(loaded)
    loaded.clear()
    app.run()
    assert_calm(app)
    assert loaded == []


def test_cache_makes_a_value_once_per_key():
    state, made = Session("sample"), []
    for key in ("a", "a", "b", "a"):
        state.cache.get("slot", key, lambda: made.append(0))
    assert len(made) == 3


def test_to_png_is_lossless():
    photo = decode(png())
    np.testing.assert_array_equal(decode(pictures.to_png(photo)).pixels, photo.pixels)


def test_to_png_rounds_16_bit():
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(-1, 8)
    photo = Photo(np.dstack([values] * 3))
    shown = decode(pictures.to_png(photo)).pixels
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, np.rint(photo.pixels / 257))


def test_to_png_keeps_the_colour_profile():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = replace(decode(png()), icc_profile=profile)
    assert decode(pictures.to_png(photo)).icc_profile == profile


@pytest.mark.parametrize("name", ["*a*.png", "![x](http://example.com/p.png).png", "$5 :smile: <b>.png"])
def test_upload_shows_its_name_as_it_is(app, name):
    upload(app, png(), name=name)
    assert app.header[0].value.replace("\\", "") == name
    assert not re.search(r"(?<!\\)[*\[\]<>$:!]", app.header[0].value)


def test_another_upload_forgets_the_reference(app):
    upload(app, png())
    upload_reference(app, png())
    assert app.metric
    upload(app, png(seed=1))
    assert figures_of(app).keys() == {words.NOISE}
    assert not app.file_uploader[1].value


def test_page_imports_no_training_package():
    script = f"""
import sys
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(APP)!r}, default_timeout=120).run()
assert app.metric and not app.exception and not app.error
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & {{"tensorflow", "keras", "matplotlib", "jax"}}))
print(*[name for name in sys.modules if name.startswith("denoise.training")])
"""
    process = subprocess.run([sys.executable, "-c", script], cwd=APP.parent, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == ""


def test_link_says_what_the_file_is_to_be(runs):
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params.update({"format": "JPEG", "quality": "80", "strip": "true"})
    app.run()
    assert file_of(app) == ("JPEG", "8", "80", "1")
    app.selectbox(key="format").set_value("TIFF").run()
    assert file_of(app)[0] == "TIFF"


def test_file_stays_as_it_came_or_as_chosen_whatever_the_next_photo(app):
    pixels = np.full((20, 30, 3), 90, np.uint8)
    assert file_of(app)[0] == "PNG"
    upload(app, encode(Photo(pixels, format="JPEG")))
    assert file_of(app)[:3] == ("JPEG", "8", "95")
    app.selectbox(key="format").set_value("PNG").run()
    upload(app, encode(Photo(pixels + 1, format="TIFF")))
    assert file_of(app)[0] == "PNG"
    upload(app, encode(Photo(pixels + 2, format="PNG")))
    assert file_of(app)[0] == "PNG"
    upload(app, encode(Photo(pixels.astype(np.uint16), format="TIFF")))
    assert file_of(app)[:2] == ("PNG", "16")  # also after a photo that came so itself
    app.selectbox(key="format").set_value("").run()
    assert file_of(app)[:2] == ("TIFF", "16")
    assert_calm(app)


def test_webp_stays_lossless_only_where_the_photo_came_so(app):
    pixels = np.full((20, 30, 3), 90, np.uint8)
    upload(app, encode(Photo(pixels, format="WEBP"), quality=80))
    assert file_of(app)[:3] == ("WEBP", "8", "95")
    app.slider(key="quality").set_value(60).run()
    upload(app, encode(Photo(pixels, format="WEBP")))
    assert file_of(app)[:3] == ("WEBP", "8", "100")
    upload(app, encode(Photo(pixels + 1, format="WEBP"), quality=80))
    assert file_of(app)[:3] == ("WEBP", "8", "60")
    app.selectbox(key="format").set_value("JPEG").run()
    assert file_of(app)[:3] == ("JPEG", "8", "60")
    assert_calm(app)


def test_page_says_what_a_format_cannot_hold(app):
    pixels = np.full((20, 30, 3), 90, np.uint16)
    metadata = Metadata(iptc=b"\x1c\x02\x78\x00\x05Hello")
    upload(app, encode(Photo(pixels, alpha=pixels[..., 0].copy(), format="TIFF", metadata=metadata)))

    def said():
        return [caption.value for caption in app.caption if caption.value.startswith("Not kept")]

    assert said() == []
    app.selectbox(key="format").set_value("WEBP").run()
    assert said() == [words.not_kept(["16-bit depth", "IPTC (captions)"])]
    app.toggle(key="strip").set_value(True).run()
    assert said() == [words.not_kept(["16-bit depth"])]
    app.selectbox(key="format").set_value("JPEG").run()
    assert said() == [words.not_kept(["16-bit depth", "transparency"])]
    assert_calm(app)


def test_page_says_what_byte_for_byte_means_for_a_photo_that_is_not_in_srgb(app):
    for primaries, is_told in ((12, True), (1, False)):  # Display P3, sRGB
        told = ((b"cICP", bytes([primaries, 13, 0, 1])),)
        upload(app, encode(Photo(np.full((20, 30, 3), 90, np.uint8), colour_chunks=told)))
        (facts,) = (caption for caption in app.caption if "30 × 20 pixels" in caption.value)
        assert ("byte for byte" in facts.help, "not in sRGB" in facts.value) == (is_told, is_told)
    assert_calm(app)


def test_names_of_the_choices_are_the_same_for_every_photo(app):
    """The browser goes on showing the name that was chosen, so it must not come to mean another thing."""
    pixels = np.full((40, 60, 3), 90, np.uint8)
    names = {tuple(app.selectbox(key="format").options)}
    for file_format in ("JPEG", "TIFF", "BMP"):
        upload(app, encode(Photo(pixels, format=file_format)), f"a.{file_format.lower()}")
        assert app.selectbox(key="format").value == ""
        names.add(tuple(app.selectbox(key="format").options))
    (titles,) = names
    assert {words.AS_IT_CAME, "AVIF", "BMP", "HEIC", "JPEG", "JPEG 2000", "PNG", "TIFF", "WebP"} <= {*titles}


def be_overtaken(monkeypatch):
    """End the next run of the page before it takes what was uploaded, as a newer run does."""
    take = Arrivals.take
    overtaken = iter([True])

    def take_or_be_overtaken(arrivals, place, file):
        if next(overtaken, False):
            raise StopException
        return take(arrivals, place, file)

    monkeypatch.setattr(Arrivals, "take", take_or_be_overtaken)


def test_upload_whose_run_was_overtaken_is_opened_by_the_next_one(app, monkeypatch):
    be_overtaken(monkeypatch)
    upload(app, png(seed=1))
    app.run()
    assert state_of(app).chosen().title == "IMG_1234.png"
    be_overtaken(monkeypatch)
    upload_reference(app, png(seed=2))
    app.run()
    assert figures_of(app).keys() == {texts.PSNR, texts.SSIM}
    assert_calm(app)

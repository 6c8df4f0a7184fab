import json
import re
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from denoise import registry
from denoise.notation import DECIBELS
from denoise.ui import limits, samples
from denoise.ui.pages import about_words


def page():
    from denoise.ui.pages import about

    about.show()


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder with one model card, which may be changed; the page reads it."""
    shutil.copy(registry.MODELS_DIR / "cbdnet.json", tmp_path)
    list_models = registry.list_models
    monkeypatch.setattr(registry, "list_models", lambda: list_models(tmp_path))
    return tmp_path


def run():
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    assert [header.value for header in app.header] == [
        *(about_words.HOW_IT_WORKS, about_words.MODELS, about_words.LIMITS, about_words.PRIVACY, about_words.LICENCES)
    ]
    return app


def words(app):
    """All that the page says."""
    pieces = [each.proto.body for each in app.get("html")] + [each.value for each in app.markdown]
    return re.sub(r"\\(.)", r"\1", " ".join(pieces))


def test_page_shows_every_network():
    app = run()
    said = words(app)
    cards = registry.list_models()
    assert {each.value for each in app.subheader} == {card.title for card in cards.values()}
    for card in cards.values():
        assert f"{card.parameters:,}" in said
        assert card.sha256[:12] in said
        assert card.summary in said
    assert said.index("<ol") < said.index("<dl")


def test_page_tells_what_a_network_learnt_from():
    said = words(run())
    card = registry.model_card("ridnet")
    assert ", ".join(card.training["licences_of_the_data"]) in said
    assert f"{card.training['steps']:,} steps" in said
    assert "https://arxiv.org/abs/1904.07396" in said
    polyu = card.metrics["polyu"]
    assert f"{polyu['ridnet']['psnr']:.2f}{DECIBELS}" in said
    assert "{" not in said  # no raw JSON


def test_page_shows_a_card_that_tells_little(models):
    card = json.loads((models / "cbdnet.json").read_text("utf-8"))
    card |= {"architecture": {}, "training": {"steps": "many"}, "metrics": {"protocol": "x", "polyu": {"photos": 1}}}
    (models / "cbdnet.json").write_text(json.dumps(card))
    app = run()
    assert [each.value for each in app.subheader] == ["CBDNet"]
    assert about_words.MODEL_MEASURED not in words(app)


def test_damaged_card_gives_a_sentence_and_leaves_the_rest(models):
    (models / "cbdnet.json").write_text("{}")
    app = run()
    assert len(app.error) == 1
    assert "lacks the key" in app.error[0].value
    assert about_words.PRIVACY_POINTS[0] in words(app)


def test_no_card_gives_a_sentence(models):
    (models / "cbdnet.json").unlink()
    assert [info.value for info in run().info] == [about_words.NO_MODELS]


def test_page_tells_the_limits_and_the_licences():
    said = words(run())
    assert f"{limits.MAX_MEGAPIXELS:g} megapixels" in said
    for sample in samples.list_samples().values():
        assert f"| {sample.title} |" in said
    assert "MIT" in said

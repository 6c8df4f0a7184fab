import pytest

from denoise.catalogue import denoiser_names
from denoise.mixing import Mix
from denoise.pipeline import STRONGEST
from denoise.presets import USUAL, Preset, PresetError, _usual, presets


def test_presets_of_denoise_are_told_in_a_sentence_and_differ():
    known = presets()
    assert list(known) == [USUAL, "natural", "portrait", "night", "keep-grain", "text"]
    assert all(preset.title and preset.summary.endswith(".") for preset in known.values())
    assert known["keep-grain"].mix == Mix(luminance=0)
    assert known[USUAL] == Preset(known[USUAL].title, known[USUAL].summary)
    assert all(preset.model in ("", *denoiser_names()) for preset in known.values())
    assert 1 < known["night"].strength <= STRONGEST


def test_presets_of_a_file_come_after_and_replace(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[film]\ntitle = "Film"\nstrength = 2\ndetail = 0.5\n[night]\nstrength = 3\n', encoding="utf-8")
    known = presets(path)
    assert list(known)[-1] == "film"
    assert (known["film"].strength, known["film"].mix, known["film"].title) == (2, Mix(detail=0.5), "Film")
    assert (known["night"].strength, known["night"].title) == (3, "night")


def test_presets_of_the_machine_are_known_without_being_named(tmp_path, monkeypatch):
    (tmp_path / "all.toml").write_text("[film]\nstrength = 2\n[ours]\n", encoding="utf-8")
    (tmp_path / "mine.toml").write_text("[film]\nstrength = 3\n", encoding="utf-8")
    monkeypatch.setenv("DENOISE_PRESETS", str(tmp_path / "all.toml"))
    monkeypatch.setattr("denoise.presets._usual", _usual.__wrapped__)
    assert list(presets())[-2:] == ["film", "ours"]
    assert [presets(own)["film"].strength for own in (None, tmp_path / "mine.toml")] == [2, 3]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[a", "is not a file of presets"),
        (b"\xff", "is not a file of presets"),
        (b"strength = 1", "strength stands alone; each preset is a table, such as [strength]"),
        (b"[a]\nstrength = 4", "a: strength must be a number from 0 to 3. Received: 4"),
        (b"[a]\ncolour = nan", "a: colour must be a number from 0 to 1. Received: nan"),
        (b"[a]\ncolour = 'much'", "a: colour must be a number from 0 to 1. Received: 'much'"),
        (b"[a]\nmodel = 'dncnn'", "a: there is no model 'dncnn'. Known models: ridnet, "),
        (b"[a]\nfog = 1", "a: fog = 1 is not known. Known: title, summary, model, strength, luminance, colour, detail"),
    ],
)
def test_presets_say_what_is_wrong_with_a_file(tmp_path, content, sentence):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(PresetError) as error:
        presets(path)
    assert str(path) in str(error.value)
    assert sentence in str(error.value)

import os
import shutil
from pathlib import Path

import pytest

from denoise import registry
from denoise.training.__main__ import main

COMMANDS = [
    "data",
    "eda",
    "baseline",
    "train",
    "curves",
    "export",
    "evaluate",
    "quantize",
    "report",
    "samples",
    "benchmark",
]
TINY = ["--epochs", "1", "--steps-per-epoch", "2", "--batch-size", "2", "--patch-size", "32", "--argument", "filters=8"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    with pytest.raises(SystemExit):
        main(["--help"])
    assert command in capsys.readouterr().out


def test_data_tells_what_there_is_and_what_is_broken(pairs_folder: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "pairs"
    shutil.copytree(pairs_folder, folder)
    (folder / "clean" / "chelsea.png").unlink()
    assert main(["data", str(folder), "--cut", str(tmp_path / "cut"), "--size", "48"]) == 0
    told = capsys.readouterr().out
    assert "1 pairs" in told
    assert "chelsea.png" in told
    assert "4 pieces" in told  # of 64x80 pixels
    assert len(list((tmp_path / "cut" / "noisy").iterdir())) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "MISSING"], ["MISSING"]),
        (["data", "EMPTY"], ["EMPTY"]),
        (["train", "ridnet", "--data", "ONE", "--run", "RUN", *TINY], ["two scenes"]),
        (["train", "transformer", "--data", "PAIRS", "--run", "RUN", *TINY], ["transformer", "ridnet"]),
        (["export", "--model", "new", "--run", "EMPTY"], ["config.json"]),
        (["export", "--model", "new", "--weights", "MISSING"], ["new", "ridnet"]),
        (["evaluate", "--data", "PAIRS", "PAIRS", "--json", "RUN"], ["different names"]),
        (["report", "MISSING", "--out", "RUN"], ["MISSING"]),
        (["evaluate", "--data", "PAIRS", "--json", "RUN", "--held-out", "EMPTY"], ["data.json"]),
        (["evaluate", "--data", "PAIRS", "--json", "RUN", "--limit", "0"], ["at least 1"]),
        (["train", "ridnet", "--data", "PAIRS", "--run", "RUN", "--epochs", "0"], ["more than 0"]),
        (["curves", "EMPTY"], ["log.csv"]),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_bad_input_gets_one_sentence(arguments, words, pairs_folder, tmp_path, capsys) -> None:
    (tmp_path / "EMPTY").mkdir()
    shutil.copytree(pairs_folder, tmp_path / "PAIRS")
    shutil.copytree(pairs_folder, tmp_path / "ONE")
    for kind in ("noisy", "clean"):
        (tmp_path / "ONE" / kind / "chelsea.png").unlink()
    replaced = [str(tmp_path / text) if text.isupper() else text for text in arguments]
    assert main(replaced) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("denoise.training: ")
    assert len(told.splitlines()) == 1, told
    for word in words:
        assert word in told


def test_train_then_export_bundles_a_network(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, models = tmp_path / "run", tmp_path / "models"
    assert main(["train", "cbdnet", "--data", str(pairs_folder), "--run", str(run), "--loss", "cbdnet", *TINY]) == 0
    assert "100% done" in capsys.readouterr().out
    models.mkdir()
    shutil.copy(registry.MODELS_DIR / "autoencoder.json", models)  # says what the training data were
    monkeypatch.setattr(registry, "MODELS_DIR", models)
    assert main(["export", "--model", "mine", "--run", str(run), "--machine", "a test"]) == 0
    card = registry.model_card("mine", models)
    assert card.architecture["arguments"] == {"filters": 8}
    assert (card.training["machine"], card.training["steps"]) == ("a test", 2)
    assert card.training["data"] == "1 pairs or clean photos"
    assert "noise_model" not in card.training
    assert main(["export", "--model", "mine", "--run", str(run), "--data-like", "autoencoder"]) == 0
    card, like = (registry.model_card(name, models) for name in ("mine", "autoencoder"))
    assert card.training["data"] == like.training["data"]
    assert os.sep not in str(card.training["configuration"]["initial_weights"])
    assert registry.load_model("mine", models).tile_size == 256
    assert main(["export", "--model", "mine", "--weights", str(run / "cbdnet.weights.h5")]) == 0
    assert registry.model_card("mine", models).training == card.training


def test_interrupting_is_told_in_one_line(monkeypatch, pairs_folder: Path, capsys) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("denoise.training.datasets.find_pairs", interrupt)
    assert main(["data", str(pairs_folder)]) == 130
    assert "interrupted" in capsys.readouterr().err

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from denoise import catalogue, metrics
from denoise.training import report as module
from denoise.training.benchmark import KERAS
from denoise.training.datasets import Pair
from denoise.training.report import crops, fill_tables, quantisation_table, report, results_table

MACHINE = {"processor": "Some Processor", "cores": 2, "threads": 2, "date": "2026-01-31"}


def scores(*psnr: float | None) -> dict[str, list[float | None]]:
    return {f"photo{index}": [value, 0.9] for index, value in enumerate(psnr)}


EVALUATED: dict[str, Any] = {
    "kind": "evaluate",
    "protocol": "The protocol.",
    "speed": {"machine": MACHINE, "seconds_per_tile": {"nlm": 0.1, "small": 0.0213, "large": 0.342}},
    "sets": {"polyu": {"photos": {"photo0": "a", "photo1": "b"}}, "kodak clean": {"photos": {"photo0": "c"}}},
    "denoisers": {
        "small": {
            "version": "s",
            "title": "Small",
            "parameters": 1234,
            "bytes": 5_600_000,
            "scores": {"polyu": scores(30.0, 31.0), "kodak clean": scores(40.0)},
            "means": {"polyu": {"psnr": 30.5, "ssim": 0.91234}, "kodak clean": {"psnr": 40.0, "ssim": 0.95}},
        },
        "large": {
            "version": "l",
            "title": "Large",
            "parameters": 1234567,
            "bytes": 9_000_000,
            "scores": {"polyu": scores(32.0, 34.0)},
            "means": {"polyu": {"psnr": 33.0, "ssim": 0.8}},
        },
        "noisy": {
            "version": "1",
            "scores": {"polyu": scores(28.0, 29.0), "kodak clean": scores(None)},
            "means": {"polyu": {"psnr": 28.5, "ssim": 0.95}, "kodak clean": {"psnr": None, "ssim": 1.0}},
        },
        "nlm": {
            "version": "n",
            "scores": {"polyu": scores(29.0, 30.0), "kodak clean": scores(38.0)},
            "means": {
                "polyu": {"psnr": 29.5, "ssim": 0.85},
                "kodak clean": {"psnr": 38.0, "ssim": 0.96, "colour_shift": 2.727},
            },
        },
    },
}

QUANTISED: dict[str, Any] = {
    "kind": "quantize",
    "protocol": "The protocol.",
    "machine": MACHINE,
    "name": "small",
    "title": "Small",
    "parameters": 1234,
    "sets": {"polyu": {"photos": 2}},
    "formats": {
        KERAS: {
            "bytes": 6_000_000,
            "sets": {"polyu": {"psnr": 30.6, "ssim": 0.913, "loss": 0.0, "difference": None}},
            "seconds_per_tile": 0.5,
            "seconds_16_patches": 8.0,
            "peak_memory_mb": 900.4,
        },
        "dynamic-range int8": {
            "file": "small.tflite",
            "bytes": 1_500_000,
            "sha256": "x",
            "sets": {"polyu": {"psnr": 30.5, "ssim": 0.912, "loss": 0.1, "difference": 61.04}},
            "seconds_per_tile": 0.1,
            "seconds_16_patches": 1.6,
            "seconds_photo": 2.5,
            "peak_memory_mb": 200.0,
        },
        "full int8": {"error": "an operation is missing"},
    },
}


EXAMPLE = {"name": "A", "file": "crops-a.jpg", "squares": [["Noisy", "20.00 dB"], ["Clean", ""]]}


@pytest.fixture(autouse=True)
def uncropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """To denoise the samples takes much longer than all the rest."""
    monkeypatch.setattr(module, "crops", lambda pairs, out: [EXAMPLE])


def rows(table: str) -> dict[str, list[str]]:
    """Cells by the first one, of all Markdown tables in a text; a second table's cells follow the first's."""
    found: dict[str, list[str]] = {}
    for line in re.findall(r"^\|(.*)\|$", table, re.MULTILINE):
        first, *rest = (cell.strip() for cell in line.split("|"))
        found.setdefault(first, []).extend(rest)
    return found


def write(folder: Path, **files: Any) -> list[Path]:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return [folder / f"{name}.json" for name in files]


def test_results_table_shows_the_numbers_of_the_file() -> None:
    assert rows(results_table(EVALUATED)) == {
        "denoiser": ["PolyU (2)", "Kodak clean (1)", "colour shift", "parameters", "file", "one tile"],
        "---": ["---:"] * 6,
        "Noisy": ["28.50 / 0.9500", "equal / 1.0000", "–", "–", "–", "–"],
        "Non-local means": ["29.50 / 0.8500", "38.00 / **0.9600**", "2.73", "–", "–", "100 ms"],
        "Large": ["**33.00** / 0.8000", "–", "–", "1,234,567", "9.00 MB", "342 ms"],
        "Small": ["30.50 / **0.9123**", "**40.00** / 0.9500", "–", "**1,234**", "**5.60 MB**", "**21 ms**"],
    }
    assert "Some Processor, 2 cores, 2 threads, 2026-01-31" in results_table(EVALUATED)


def test_quantisation_table_shows_the_numbers_of_the_file_and_what_failed() -> None:
    table = quantisation_table(QUANTISED)
    found = rows(table)
    assert found[KERAS] == [
        *("30.60 / 0.9130", "–", "–"),
        *("6.00 MB", "1.00", "500 ms", "8.00 s", "1.00", "–", "900 MB"),
    ]
    assert found["TFLite dynamic-range int8"] == [
        *("30.50 / 0.9120", "0.10 dB", "61.0 dB"),
        *("1.50 MB", "0.25", "100 ms", "1.60 s", "0.20", "2.50 s", "200 MB"),
    ]
    assert set(found["TFLite full int8"]) == {"–"}
    assert "TFLite full int8 failed: an operation is missing." in table


def test_quantisation_table_says_on_which_part_of_the_photos() -> None:
    table = quantisation_table(QUANTISED, {"polyu": 54})
    assert rows(table)["format"][0] == "PolyU (2 of 54)"
    assert "2 of the 54 photos of PolyU" in table
    assert "photos of PolyU" not in quantisation_table(QUANTISED, {"polyu": 2})


def test_tables_have_one_order_that_of_the_page(tmp_path: Path) -> None:
    evaluated = copy.deepcopy(EVALUATED)
    small = evaluated["denoisers"].pop("small")
    for name in ("unet best", "cbdnet", "unet", "ridnet"):
        evaluated["denoisers"][name] = small | {"title": name}
    quantised = {name: QUANTISED | {"name": name} for name in ("cbdnet", "unet", "ridnet")}
    tables = report(write(tmp_path, evaluated=evaluated, **quantised), tmp_path / "out")
    names = ["noisy", "ridnet", "unet", "unet best", "cbdnet", "large", "nlm"]
    page = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(page["denoisers"]) == names
    assert list(page["quantisation"]) == [name for name in names if name in quantised]
    assert [name for name in catalogue.denoiser_names() if name in names] == [
        name for name in names if name in catalogue.denoiser_names()
    ]
    assert list(rows(tables["results"]))[2:] == ["Noisy", *names[1:5], "Large", "Non-local means"]


def test_report_writes_everything_from_the_files(tmp_path: Path) -> None:
    tables = report(write(tmp_path, evaluated=EVALUATED, quantised=QUANTISED), tmp_path / "out")
    assert tables.keys() == {"results", "quantisation", "quantisation-small"}
    text = (tmp_path / "out" / "results.md").read_text()
    assert tables["results"] in text
    assert tables["quantisation"] in text
    with PillowImage.open(tmp_path / "out" / "quality-time.png") as picture:
        assert picture.width > 1000
    assert "](crops-a.jpg)" in text
    assert "A, from left to right: Noisy (20.00 dB), Clean." in text
    page = json.loads((tmp_path / "out" / "results.json").read_text())
    assert page["examples"] == [EXAMPLE]
    assert list(page["denoisers"]) == ["noisy", "large", "small", "nlm"]
    assert page["denoisers"]["small"] == {
        "title": "Small",
        "parameters": 1234,
        "bytes": 5_600_000,
        "seconds_per_tile": 0.0213,
        "sets": EVALUATED["denoisers"]["small"]["means"],
    }
    assert page["quantisation"]["small"]["formats"] == QUANTISED["formats"]
    found = [*tmp_path.glob("*.json"), *(tmp_path / "out").glob("*.json")]
    assert report(found, tmp_path / "out") == tables


@pytest.mark.parametrize("count", [0, 2])
def test_report_needs_one_file_of_evaluate(tmp_path: Path, count: int) -> None:
    files = write(tmp_path, quantised=QUANTISED, **{f"evaluated{index}": EVALUATED for index in range(count)})
    with pytest.raises(ValueError, match=f"Exactly one .* Received: {count}"):
        report(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"kind": "else"}'])
def test_report_refuses_a_file_that_is_none_of_results(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(ValueError, match=r"odd\.json"):
        report([tmp_path / "odd.json"], tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="evaluate"):
        report([tmp_path / "missing.json"], tmp_path / "out")


def test_report_draws_a_set_that_nobody_finished(tmp_path: Path) -> None:
    started = copy.deepcopy(EVALUATED)
    for denoiser in started["denoisers"].values():
        denoiser["means"].pop("polyu")
    tables = report(write(tmp_path, evaluated=started), tmp_path / "out")
    assert rows(tables["results"])["Small"][0] == "–"


def test_crops_stand_side_by_side_with_what_was_measured(tmp_path: Path) -> None:
    clean = np.full((40, 48, 3), 90, np.uint8)
    noisy = (clean + np.random.default_rng(0).integers(0, 60, clean.shape)).astype(np.uint8)
    for kind, pixels in (("noisy", noisy), ("clean", clean)):
        PillowImage.fromarray(pixels).save(tmp_path / f"a.{kind}.png")
    pair = Pair("A", tmp_path / "a.noisy.png", (tmp_path / "a.clean.png",), "a", iso=100)
    (tmp_path / "models").mkdir()
    (example,) = crops([pair], tmp_path, tmp_path / "models")
    assert (example["name"], example["file"]) == ("A", "crops-a.jpg")
    assert [title for title, _ in example["squares"]] == ["Noisy", "Clean", "Non-local means"]
    said = [said for _, said in example["squares"]]
    assert said[:2] == [f"ISO 100, {metrics.psnr(clean, noisy):.2f} dB", ""]
    assert re.fullmatch(r"\d\d\.\d\d dB", said[2])
    shown = np.split(np.asarray(PillowImage.open(tmp_path / "crops-a.jpg")).astype(float), 3, axis=1)
    for seen, pixels in zip(shown, (noisy, clean), strict=False):
        assert np.sqrt(np.square(seen - pixels).mean()) < 5  # of 17 levels of noise
    assert np.square(shown[2] - clean).mean() < np.square(noisy.astype(float) - clean).mean()


DOCUMENT = """# Title

Before.
<!-- results:results -->
old
| rows |
<!-- /results:results -->
Between.
<!-- results:quantisation --><!-- /results:quantisation -->
After.
"""


def test_fill_tables_replaces_what_stands_between_the_markers(tmp_path: Path) -> None:
    document = tmp_path / "models.md"
    document.write_text(DOCUMENT)
    for table in ("| new |", "| newer |"):
        fill_tables(document, {"results": table, "quantisation": r"| \1 |", "other": "unused"})
        assert document.read_text() == (
            f"# Title\n\nBefore.\n<!-- results:results -->\n{table}\n<!-- /results:results -->\nBetween.\n"
            "<!-- results:quantisation -->\n| \\1 |\n<!-- /results:quantisation -->\nAfter.\n"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- results:unknown --><!-- /results:unknown -->", "no table for <!-- results:unknown -->"),
        ("<!-- results:results -->", "Received: results"),
        ("<!-- results:results --><!-- /results:other -->", "Received: results, /other"),
        ("<!-- /results:results --><!-- results:results -->", "Received: /results, results"),
        ("no markers", "Known names: results"),
    ],
    ids=["unknown", "not closed", "other one closed", "reversed", "none"],
)
def test_fill_tables_refuses_wrong_markers(tmp_path: Path, text: str, message: str) -> None:
    document = tmp_path / "models.md"
    document.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        fill_tables(document, {"results": "| new |"})
    assert document.read_text() == text

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from denoise import metrics
from denoise.image import decode
from denoise.training import eda, eda_measures, plots
from denoise.training.datasets import PairedSet, find_pairs
from denoise.ui.pages import noise
from tests.training.test_eda_measures import add, ramp, rng


def write_pairs(folder: Path, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    for kind in (0, 1):
        side = folder / ("noisy", "clean")[kind]
        side.mkdir(parents=True)
        for name, pair in pairs.items():
            PillowImage.fromarray(pair[kind]).save(side / f"{name}.png")
    return folder


def analyse(folder: Path, out: Path, **options: object) -> dict:
    return eda.analyse(find_pairs(folder), out, **options)


def said(analysis: dict) -> str:
    return "\n".join(analysis["sentences"])


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take most of the time; tests of numbers and sentences do without."""
    monkeypatch.setattr(plots, "save_all", lambda drawn, folder: {})


def check_report(out: Path) -> None:
    """All pictures that the page shows are there, and the other way round."""
    page = (out / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\(([^)]+\.png)\)", page)) == {path.name for path in out.glob("*.png")}
    assert not list(out.glob(".*"))


def test_choose_takes_one_of_each_part() -> None:
    chosen = eda_measures.choose(100, 10)
    assert [place // 10 for place in chosen] == list(range(10))
    assert chosen == eda_measures.choose(100, 10)
    assert eda_measures.choose(3, 10) == eda_measures.choose(3, None) == [0, 1, 2]
    with pytest.raises(ValueError, match="at least 1"):
        eda_measures.choose(3, 0)


# A set


def test_analyse_writes_a_report(pairs_folder: Path, tmp_path: Path) -> None:
    analysis = analyse(pairs_folder, tmp_path, title="two pairs")
    check_report(tmp_path)
    assert json.loads((tmp_path / "eda.json").read_text("utf-8")) == analysis
    assert {"pairs.png", "brightness.png", "histograms.png", "quality.png", "level.png"} <= analysis["plots"].keys()
    photos = [
        [decode((pairs_folder / kind / f"{name}.png").read_bytes()).pixels for kind in ("clean", "noisy")]
        for name in ("astronaut", "chelsea")
    ]
    psnr = np.mean([metrics.psnr(*pair) for pair in photos])
    ssim = np.mean([metrics.ssim(*pair) for pair in photos])
    assert f"Doing nothing scores {psnr:.2f} dB on average" in said(analysis)
    assert f"doing nothing scores {ssim:.3f} on average" in said(analysis)
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "two pairs" in page
    assert "2 pairs of 2 scenes" in page


@pytest.mark.usefixtures("undrawn")
def test_analyse_says_that_noise_is_white_and_even(tmp_path: Path) -> None:
    clean = ramp()
    noisy = add(clean, rng().normal(3, 10, clean.shape))
    analysis = analyse(write_pairs(tmp_path / "data", {"one": (noisy, clean)}), tmp_path / "report")
    assert "standard deviation of 10.0 / 10.0 / 10.0 levels" in said(analysis)
    assert "nearly the same at every brightness" in said(analysis)
    assert "it is white" in said(analysis)
    assert "noise brightens the photos by 3.0" in said(analysis)


@pytest.mark.usefixtures("undrawn")
def test_analyse_says_how_many_pixels_are_zeroed(tmp_path: Path) -> None:
    clean = np.full((40, 50, 3), 20, np.uint8)
    noisy = clean.copy()
    noisy[:10] = 0
    analysis = analyse(write_pairs(tmp_path / "data", {"one": (noisy, clean)}), tmp_path / "report")
    assert "25.00 % of the pixel values are zero in noisy photos, 0.00 % in clean ones" in said(analysis)
    assert "noise darkens the photos by 5.00 levels" in said(analysis)
    assert "The clean photos are dark:" in said(analysis)


@pytest.mark.usefixtures("undrawn")
def test_analyse_groups_by_camera_and_iso(tmp_path: Path) -> None:
    clean = ramp(64, 96)
    noise = rng().normal(0, 1, clean.shape)
    names = {"Weak_5_160_100_house_1": 4, "Weak_5_160_100_house_2": 4, "Strong_5_160_3200_tree_1": 20}
    pairs = {name: (add(clean, sigma * noise), clean) for name, sigma in names.items()}
    analysis = analyse(write_pairs(tmp_path / "data", pairs), tmp_path / "report")
    assert "| Strong, ISO 3200 | 1 |" in (tmp_path / "report" / "README.md").read_text("utf-8")
    assert [(g["camera"], g["iso"], g["pairs"]) for g in analysis["groups"]] == [("Strong", 3200, 1), ("Weak", 100, 2)]
    assert analysis["groups"][1]["sigma"] == pytest.approx([4, 4, 4], abs=0.2)
    assert "The noisiest photos come from Strong, ISO 3200" in said(analysis)


@pytest.mark.usefixtures("undrawn")
def test_analyse_writes_what_the_page_draws(pairs_folder: Path, tmp_path: Path) -> None:
    drawn = noise.analysis_of(analyse(pairs_folder, tmp_path))
    assert [len(channel) > 0 for channel in drawn["bias"]] == [True] * 3


@pytest.mark.usefixtures("undrawn")
def test_analyse_tells_cameras_and_brightness_apart(tmp_path: Path) -> None:
    clean = ramp(64, 96)
    brighter = clean + np.where(clean < 128, 3, 0).astype(np.uint8)
    names = {"Weak_5_160_100_house_1": clean, "Strong_5_160_100_tree_1": add(clean, rng().normal(0, 9, clean.shape))}
    pairs = {name: (noisy, clean) for name, noisy in names.items()} | {"kitchen": (brighter, clean)}
    analysis = analyse(write_pairs(tmp_path / "data", pairs), tmp_path / "report")
    assert list(analysis["cameras"]) == ["Strong", "Weak"]
    assert np.nanmax(np.array(analysis["cameras"]["Weak"], float)) == 0
    assert np.nanmin(np.array(analysis["cameras"]["Strong"], float)) == pytest.approx(9, abs=1.5)
    bias = dict(zip(analysis["bias"]["brightness"], analysis["bias"]["mean"][1], strict=True))
    assert bias[83.5] == pytest.approx(1, abs=0.3)
    assert bias[163.5] == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("count", [1, 6])
def test_analyse_of_equal_and_grey_photos(count: int, tmp_path: Path) -> None:
    grey = ramp(40, 50)[..., 0]
    analysis = analyse(write_pairs(tmp_path / "data", dict.fromkeys("abcdef"[:count], (grey, grey))), tmp_path / "out")
    check_report(tmp_path / "out")
    assert analysis["psnr"] == dict.fromkeys(("mean", "p10", "p25", "median", "p75", "p90"), None) | {"equal": count}
    assert "PSNR is infinite" in said(analysis)
    assert "no noise at all" in said(analysis)
    assert "correlation.png" not in analysis["plots"]


@pytest.mark.usefixtures("undrawn")
def test_analyse_of_grey_noise_finds_channels_equal(tmp_path: Path) -> None:
    clean = ramp(60, 80)[..., 0]
    noisy = add(clean, rng().normal(0, 10, clean.shape))
    analysis = analyse(write_pairs(tmp_path / "data", {"grey": (noisy, clean)}), tmp_path / "report")
    assert "a correlation of 1.00 (R-G), 1.00 (G-B) and 1.00 (R-B)" in said(analysis)


def test_analyse_without_pictures_shows_no_photograph(pairs_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.png").touch()  # of a report that had some
    analysis = analyse(pairs_folder, tmp_path, pictures=False)
    assert "pairs.png" not in analysis["plots"]
    check_report(tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_analyse_synthesises_the_noise_of_clean_photos(clean_folder: Path, tmp_path: Path) -> None:
    analysis = analyse(clean_folder, tmp_path / "one")
    assert "synthesised by the simulated camera" in said(analysis)
    assert analysis["set"]["synthesised"] == analysis["set"]["analysed"] == 6
    few = analyse(clean_folder, tmp_path / "few", limit=3)
    assert "3 of 6 pairs were analysed, drawn at random but evenly over the set." in said(few)
    everything = {pair["name"]: pair for pair in analysis["pairs"]}
    assert [everything[pair["name"]] for pair in few["pairs"]] == few["pairs"]  # noise does not depend on the choice


@pytest.mark.usefixtures("undrawn")
def test_analyse_names_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = ramp(40, 50)
    folder = write_pairs(tmp_path / "data", dict.fromkeys(("bad", "good"), (clean, clean)))
    data = (folder / "noisy" / "bad.png").read_bytes()
    found = find_pairs(folder)
    (folder / "noisy" / "bad.png").write_bytes(data[: len(data) // 2])
    analysis = eda.analyse(found, tmp_path / "report")
    assert analysis["set"]["analysed"] == 1
    assert "bad.png" in analysis["set"]["problems"][-1]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("skipped") and "bad.png" in line for line in lines)
    assert "bad.png" in (tmp_path / "report" / "README.md").read_text("utf-8")
    (folder / "noisy" / "good.png").unlink()
    with pytest.raises(ValueError, match="good"):
        eda.analyse(found, tmp_path / "report")


def test_analyse_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The set is empty"):
        eda.analyse(PairedSet("pairs", (), ()), tmp_path)


# Several sets


def test_analyse_folders_compares_several(pairs_folder: Path, clean_folder: Path, tmp_path: Path) -> None:
    analyses = eda.analyse_folders([pairs_folder, clean_folder], tmp_path)
    names = [folder.name for folder in (pairs_folder, clean_folder)]
    assert list(analyses) == names
    check_report(tmp_path)
    page = (tmp_path / "README.md").read_text("utf-8")
    for name in names:
        check_report(tmp_path / name)
        assert f"]({name}/README.md) |" in page
        assert f"{analyses[name]['psnr']['mean']:.2f}" in page


@pytest.mark.usefixtures("undrawn")
def test_analyse_folders_of_one_makes_one_report(pairs_folder: Path, tmp_path: Path) -> None:
    (analysis,) = eda.analyse_folders([pairs_folder], tmp_path).values()
    assert analysis["set"]["title"] == pairs_folder.name
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "eda.json"}


def test_analyse_folders_refuses_equal_names_and_missing_folders(pairs_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names"):
        eda.analyse_folders([pairs_folder, pairs_folder], tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        eda.analyse_folders([pairs_folder, tmp_path / "nowhere"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_compare_refuses_more_sets_than_there_are_looks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"At most {len(plots.SERIES)} sets"):
        eda.compare({str(number): {} for number in range(len(plots.SERIES) + 1)}, tmp_path)

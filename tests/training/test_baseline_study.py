import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from denoise import metrics, pipeline
from denoise.image import Photo
from denoise.training.baseline_study import gradient, kept, sample_pairs, study
from denoise.training.datasets import PairedSet, find_pairs, read_pair
from denoise.ui.pages import noise
from denoise.ui.pages import results_words as words


def test_gradient_of_a_slope_is_its_steepness() -> None:
    slope = np.broadcast_to(3 * np.arange(60)[None, :, None], (40, 60, 3)).astype(np.uint8)
    assert gradient(slope)[10:-10, 10:-10] == pytest.approx(np.full((20, 40), 3.0))
    assert not gradient(np.full((40, 60, 3), 99, np.uint8)).any()


def test_kept_tells_noise_and_detail_apart() -> None:
    rng = np.random.default_rng(0)
    clean = rng.integers(40, 200, (128, 192, 3)).astype(np.uint8)
    noisy = (clean + rng.integers(-30, 31, clean.shape)).astype(np.uint8)
    half = ((noisy.astype(int) - clean) // 2 + clean).astype(np.uint8)
    for denoised, amplitudes in ((noisy, (1, 1)), (clean, (0, 1)), (half, (0.5, 1))):
        assert kept(noisy, denoised, clean) == pytest.approx(np.repeat(np.array(amplitudes)[:, None], 9, 1), abs=0.02)


def test_study_writes_a_report(pairs_folder: Path, tmp_path: Path) -> None:
    found = find_pairs(pairs_folder)
    result = study(found, tmp_path, ["nlm"], title="two pairs")
    assert json.loads((tmp_path / "baseline.json").read_text("utf-8")) == result
    page = (tmp_path / "README.md").read_text("utf-8")
    shown = set(re.findall(r"\]\(([^)]+)\)", page))
    assert shown == {path.name for kind in ("png", "jpg") for path in tmp_path.glob(f"*.{kind}")}
    assert shown == {"example-1.jpg", "example-2.jpg", "detail.png"}
    for example in result["examples"]:
        assert [title for title, _ in example["squares"]] == ["Noisy", "Clean", "Non-local means", "What it removed"]
        with PillowImage.open(tmp_path / example["file"]) as picture:
            assert picture.width % 4 == 0
    noisy, denoised = [], []
    for pair in found.pairs:
        photo, clean = read_pair(pair)
        assert photo is not None
        noisy.append(metrics.psnr(clean, photo))
        denoised.append(metrics.psnr(clean, pipeline.denoise_photo(Photo(pixels=photo), "nlm").pixels))
    sentence = f"Non-local means raises the PSNR from {np.mean(noisy):.2f} to {np.mean(denoised):.2f} dB"
    assert sentence in result["sentences"][0]
    assert sentence in page
    assert result["denoisers"]["nlm"]["worse"] == sum(
        after < before for before, after in zip(noisy, denoised, strict=True)
    )
    assert sum(result["gradient"]["pixels"]) == pytest.approx(1, abs=1e-3)
    assert {row["kind"] for row in noise.study_of(result)["kept"]} == {
        name.format(title="Non-local means") for name in (words.NOISE_KEPT, words.DETAIL_KEPT)
    }


def test_study_shows_that_non_local_means_helps_flat_areas_most(tmp_path: Path) -> None:
    result = study(sample_pairs(), tmp_path, ["nlm"], title="samples", limit=2, pictures=False)
    curve = [
        (value, gain)
        for value, gain in zip(result["gradient"]["value"], result["denoisers"]["nlm"]["gain"], strict=True)
        if gain is not None
    ]
    assert np.mean([gain for value, gain in curve if value < 1]) > 3
    assert curve[-1][1] < curve[0][1] - 3
    assert not list(tmp_path.glob("example-*"))


def test_study_of_several_denoisers_names_each(pairs_folder: Path, tmp_path: Path) -> None:
    result = study(find_pairs(pairs_folder), tmp_path, ["nlm", "autoencoder"], title="pairs", limit=1)
    assert list(result["denoisers"]) == ["nlm", "autoencoder"]
    for title in ("Non-local means", "Autoencoder"):
        assert any(re.match(f"{title} (raises|lowers) the PSNR", sentence) for sentence in result["sentences"])


def test_study_of_equal_photos_neither_fails_nor_warns(tmp_path: Path) -> None:
    grey = np.full((40, 50), 90, np.uint8)
    for kind in ("noisy", "clean"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        PillowImage.fromarray(grey).save(tmp_path / "data" / kind / "flat.png")
    result = study(find_pairs(tmp_path / "data"), tmp_path / "out", ["nlm"], title="flat")
    assert result["noisy"]["psnr"] is None
    assert list(result["plots"]) == ["example-1.jpg"]


def test_study_refuses_what_it_does_not_know(pairs_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no denoiser 'magic'\. Known denoisers: .*nlm"):
        study(find_pairs(pairs_folder), tmp_path, ["magic"], title="pairs")
    with pytest.raises(ValueError, match="The set is empty"):
        study(PairedSet("pairs", (), ()), tmp_path, ["nlm"], title="pairs")


def test_sample_pairs_are_those_of_the_page() -> None:
    found = sample_pairs()
    assert [pair.name for pair in found.pairs][:2] == ["Cat", "Coffee"]
    assert all(pair.noisy is not None and pair.noisy.is_file() and pair.clean[0].is_file() for pair in found.pairs)

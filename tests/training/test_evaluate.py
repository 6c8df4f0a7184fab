import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from denoise import metrics, registry
from denoise.image import decode
from denoise.training.evaluate import evaluate, update_card


@pytest.fixture(scope="module")
def results(pairs_folder: Path) -> dict[str, object]:
    return evaluate({"pairs": pairs_folder, "kept": pairs_folder / "clean"}, "ridnet", report=lambda line: None)


def test_evaluate_scores_the_noisy_photos_as_the_metrics_do(results: dict, pairs_folder: Path) -> None:
    def photo(kind: str, name: str) -> np.ndarray:
        return decode((pairs_folder / kind / f"{name}.png").read_bytes()).pixels

    expected = np.mean([metrics.psnr(photo("clean", n), photo("noisy", n)) for n in ("astronaut", "chelsea")])
    assert results["sets"]["pairs"]["noisy"]["psnr"] == pytest.approx(expected, abs=1e-3)
    assert results["sets"]["pairs"]["photos"] == 2
    assert results["sets"]["kept"]["noisy"] == {"psnr": None, "ssim": 1.0}


def test_evaluate_scores_every_denoiser(results: dict) -> None:
    for scores in results["sets"].values():
        assert {"noisy", "nlm", "ridnet"} <= scores.keys()
    pairs = results["sets"]["pairs"]
    assert pairs["nlm"]["psnr"] > pairs["noisy"]["psnr"]
    json.dumps(results, allow_nan=False)


def test_update_card_writes_the_results_of_this_file_only(results: dict, tmp_path: Path) -> None:
    for suffix in ("json", "tflite"):
        shutil.copy(registry.MODELS_DIR / f"ridnet.{suffix}", tmp_path)
    update_card("ridnet", results, tmp_path)
    assert registry.list_models(tmp_path)["ridnet"].metrics["pairs"]["noisy"] == results["sets"]["pairs"]["noisy"]
    with pytest.raises(ValueError, match="sha256"):
        update_card("ridnet", {**results, "sha256": "0"}, tmp_path)

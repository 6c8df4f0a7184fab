import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from denoise import Image, registry
from denoise.benchmark import _resident_peak
from denoise.runtime import Network
from denoise.training import benchmark
from denoise.training import quantize as module
from denoise.training.architectures import build
from denoise.training.benchmark import KERAS
from denoise.training.datasets import Pair, find_pairs
from denoise.training.export import QUANTISATIONS, Quantisation, convert
from denoise.training.quantize import calibration_patches, quantize

ARCHITECTURE = {"name": "ridnet", "arguments": {"filters": 16, "modules": 1, "reduction": 4}}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    network = build("ridnet", **ARCHITECTURE["arguments"])
    tail = network.get_layer("tail")
    tail.kernel.assign(np.random.default_rng(0).normal(0, 0.03, tail.kernel.shape))
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, ...]:
    folder = tmp_path_factory.mktemp("calibration")
    for name in ("astronaut", "coffee"):
        PillowImage.fromarray(getattr(skimage.data, name)()[:300, :320]).save(folder / f"{name}.png")
    return find_pairs(folder).pairs


@pytest.fixture(scope="module")
def out(
    weights: Path, calibration: tuple[Pair, ...], pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Everything measured, the conversion to float16 failing; of the files, the cost of one stands for all."""
    folder = tmp_path_factory.mktemp("quantised")

    def fail_for_float16(network: keras.Model, quantisation: Quantisation, calibration: Any) -> bytes:
        if quantisation == "float16":
            raise RuntimeError("\nthe operation is not supported\nand more")
        return convert(network, quantisation, calibration)

    pairs = tmp_path_factory.mktemp("pairs") / "with one that is cut short"
    shutil.copytree(pairs_folder, pairs)
    for kind in ("noisy", "clean"):
        shutil.copy(pairs / kind / "chelsea.png", pairs / kind / "short.png")
    (pairs / "noisy" / "short.png").write_bytes((pairs / "noisy" / "chelsea.png").read_bytes()[:-200])
    in_fresh_process = cache(benchmark._in_fresh_process)

    def measure(call: str) -> benchmark.Cost:
        if call.startswith("_run_keras"):  # to import Keras once more would take longer than all the rest
            return {**benchmark._run_keras(ARCHITECTURE), "peak_memory_mb": _resident_peak()}
        return in_fresh_process(f"_run_file({str(folder / 'small.float32.tflite')!r})")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "convert", fail_for_float16)
        patch.setattr(benchmark, "_in_fresh_process", measure)
        patch.setattr(benchmark, "ROUNDS", 1)
        patch.setattr(module, "CALIBRATION_PATCHES", 8)
        card = replace(registry.model_card("ridnet"), name="small", architecture=ARCHITECTURE)
        sets = {"real": find_pairs(pairs).pairs}
        assert len(sets["real"]) == 3
        quantize(card, weights, calibration, sets, folder)
    return folder


@pytest.fixture
def results(out: Path) -> Any:
    return json.loads((out / "small.json").read_text())


def test_quantize_makes_files_that_run(results: Any, out: Path) -> None:
    assert list(results["formats"]) == [KERAS, *QUANTISATIONS]
    for key in ("float32", "dynamic-range int8", "full int8"):
        file = out / results["formats"][key]["file"]
        assert file.stat().st_size == results["formats"][key]["bytes"]
        assert Network(file, sha256=results["formats"][key]["sha256"]).tile_size == 256


def test_quantize_skips_a_photo_that_cannot_be_read(results: Any) -> None:
    assert results["sets"] == {"real": {"photos": 2}}


def test_quantize_reports_a_conversion_that_fails(results: Any) -> None:
    assert results["formats"]["float16"] == {"error": "the operation is not supported"}


def test_quantize_measures_quality_against_keras(results: Any) -> None:
    found = {key: row["sets"]["real"] for key, row in results["formats"].items() if "error" not in row}
    assert found[KERAS]["loss"] == 0
    assert found[KERAS]["difference"] is None
    assert found["float32"]["difference"] > 100
    assert found["float32"]["difference"] > found["dynamic-range int8"]["difference"] > 40
    assert found["full int8"]["difference"] > 30
    for quality in found.values():
        assert quality["loss"] == pytest.approx(found[KERAS]["psnr"] - quality["psnr"], abs=1e-3)


def test_quantize_measures_time_and_memory_of_every_file(results: Any) -> None:
    for key, row in results["formats"].items():
        if "error" not in row:
            assert 0 < row["seconds_per_tile"] < row["seconds_16_patches"], key
            assert row["peak_memory_mb"] > 20
            assert ("seconds_photo" in row) == (key != KERAS)
    assert results["formats"]["float32"]["peak_memory_mb"] < results["formats"][KERAS]["peak_memory_mb"]


@pytest.mark.long
def test_compare_measures_keras_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    cost = benchmark.compare(ARCHITECTURE, {})[KERAS]
    assert 0 < cost["seconds_per_tile"] < cost["seconds_16_patches"]
    assert cost["peak_memory_mb"] > 100


def test_quantize_makes_integer_files_smaller(results: Any) -> None:
    size = {key: row["bytes"] for key, row in results["formats"].items() if "bytes" in row}
    assert size["dynamic-range int8"] < 0.5 * size["float32"]
    assert size["full int8"] < 0.6 * size["float32"]


def test_a_file_that_does_not_run_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    assert "broken.tflite" in benchmark.failure(broken)


def test_what_ends_its_process_is_reported() -> None:
    assert "SIGABRT" in benchmark._in_fresh_process("__import__('os').abort()")["error"]


def noise_of(patches: Iterable[Image]) -> list[float]:
    """Standard deviation of the finest differences: how noisy each patch is."""
    return [float(np.diff(patch, axis=1).std()) for patch in patches]


def test_calibration_patches_range_from_clean_to_noisy(calibration: tuple[Pair, ...]) -> None:
    patches, levels = zip(*calibration_patches(calibration[:1], 9), strict=True)
    assert all(patch.shape == (256, 256, 3) and patch.dtype == np.float32 for patch in patches)
    assert all(patch.min() >= 0 and patch.max() <= 1 for patch in patches)
    noise = noise_of(patches)
    assert max(noise) > 2 * min(noise)
    assert noise_of(patch for patch, _ in islice(calibration_patches(calibration[:1], 9), 3)) == noise[:3]
    assert all(level.shape == (256, 256, 1) and level.dtype == np.float32 for level in levels)
    told = [float(level.max()) for level in levels]
    assert [place for place, level in enumerate(told) if level == 0] == [0, 8]  # the clean ones
    assert max(told) > 0.01


def test_calibration_patches_refuses_small_photos(pairs_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"256 pixels .*(astronaut|chelsea), 80×64"):
        next(calibration_patches(find_pairs(pairs_folder / "clean").pairs, 1))
    with pytest.raises(ValueError, match="none"):
        next(calibration_patches([], 1))

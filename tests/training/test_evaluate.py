import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import skimage.data

from denoise import metrics, registry
from denoise.camera import photograph
from denoise.image import Photo, decode
from denoise.training import benchmark
from denoise.training import evaluate as module
from denoise.training.architectures import build
from denoise.training.datasets import find_pairs
from denoise.training.evaluate import evaluate, read_shot, shots, update_card
from denoise.training.export import export
from tests import networks
from tests.networks import write_model

ARGUMENTS = {"filters": 16, "modules": 1, "reduction": 4}


def card_of(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name.title(),
        "summary": "A network for this test.",
        "quantisation": "dynamic-range int8",
        "told": 0.0,
        "pair": 0.0,
        "judge": "",
        "partner": "",
        "strong_partner": "",
        "licence": "MIT",
        "architecture": {"name": "ridnet", "arguments": ARGUMENTS},
        "training": {},
        "metrics": {},
    }


def write_network(folder: Path, name: str) -> None:
    """Bundle a small network that changes photos a little, with its weights beside it."""
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    network = build("ridnet", **ARGUMENTS)
    tail = network.get_layer("tail")
    tail.kernel.assign(np.random.default_rng(0).normal(0, 0.01, tail.kernel.shape))
    weights = folder / f"{name}.weights.h5"
    network.save_weights(weights)
    export(weights, card_of(name), folder)


def write_blur(folder: Path, name: str, sigma: float) -> None:
    """Bundle a network that nobody trained, see `tests.networks`."""
    content = networks.blur(sigma)
    (folder / f"{name}.tflite").write_bytes(content)
    facts = {"file": f"{name}.tflite", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / f"{name}.json").write_text(json.dumps({**card_of(name), **facts, "parameters": 78}))


@pytest.fixture(scope="module", autouse=True)
def timed_twice() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "REPEATS", 1)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_network(folder, "first")
    write_blur(folder, "second", 0.6)
    return folder


@pytest.fixture(scope="module")
def sets(pairs_folder: Path) -> dict[str, Any]:
    return {"real": find_pairs(pairs_folder).pairs, "kept": find_pairs(pairs_folder / "clean").pairs}


@pytest.fixture(scope="module")
def file(models: Path, sets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "evaluate.json"
    evaluate(sets, path, weights={"first": models / "first.weights.h5"}, iso=[1600], models=models)
    return path


@pytest.fixture
def results(file: Path) -> Any:
    return json.loads(file.read_text())


@pytest.fixture
def denoised_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the photos that were denoised; "noisy" is not."""
    calls = []
    original = module.pipeline.denoise_photo
    monkeypatch.setattr(
        module.pipeline,
        "denoise_photo",
        lambda *args, **options: calls.append(args) or original(*args, **options),
    )
    monkeypatch.setattr(module, "seconds_per_tile", lambda denoisers: dict.fromkeys(denoisers, 0.1))
    return lambda: len(calls)


def test_evaluate_scores_the_noisy_photos_as_the_metrics_do(results: Any, pairs_folder: Path) -> None:
    def photo(kind: str, name: str) -> np.ndarray:
        return decode((pairs_folder / kind / f"{name}.png").read_bytes()).pixels

    expected = {name: metrics.psnr(photo("clean", name), photo("noisy", name)) for name in ("astronaut", "chelsea")}
    noisy = results["denoisers"]["noisy"]
    assert {name: psnr for name, (psnr, *_) in noisy["scores"]["real"].items()} == pytest.approx(expected, abs=1e-3)
    assert noisy["means"]["real"]["psnr"] == pytest.approx(np.mean(list(expected.values())), abs=1e-3)
    assert noisy["means"]["kept clean"] == {"psnr": None, "equal": 2, "ssim": 1.0, "colour_shift": 0.0}


def test_evaluate_scores_every_denoiser_on_every_set(results: Any) -> None:
    assert results["sets"].keys() == {"real", "kept clean", "kept ISO 1600"}
    assert results["denoisers"].keys() == {"noisy", "nlm", "first", "first float32", "second"}
    for denoiser in results["denoisers"].values():
        assert denoiser["means"].keys() == results["sets"].keys()
        assert all(len(denoiser["scores"][title]) == 2 for title in results["sets"])
    psnr = {name: denoiser["means"]["real"]["psnr"] for name, denoiser in results["denoisers"].items()}
    assert psnr["nlm"] > psnr["noisy"]
    assert psnr["first"] == pytest.approx(psnr["first float32"], abs=0.1)
    assert len(set(psnr.values())) == 5


def test_evaluate_measures_by_how_much_colours_shift(results: Any, pairs_folder: Path, models: Path) -> None:
    network = registry.load_model("first", models)
    shifts = []
    for name in ("astronaut", "chelsea"):
        photo = decode((pairs_folder / "clean" / f"{name}.png").read_bytes())
        denoised = module.pipeline.denoise_photo(photo, network)
        shifts.append(np.abs(denoised.pixels.mean(axis=(0, 1)) - photo.pixels.mean(axis=(0, 1))).max())
    assert max(shifts) > 0
    assert results["denoisers"]["first"]["means"]["kept clean"]["colour_shift"] == pytest.approx(max(shifts), abs=1e-3)


@pytest.mark.long
def test_evaluate_scores_the_best_quality_too(models: Path, sets: dict[str, Any], tmp_path: Path) -> None:
    results = evaluate(
        {"real": sets["real"][:1]}, tmp_path / "e.json", networks=["first"], best=["first"], models=models
    )
    seconds = results["speed"]["seconds_per_tile"]
    assert 4 * seconds["first"] < seconds["first best"] < 16 * seconds["first"]
    assert results["denoisers"]["first best"]["title"] == "First, best quality"
    psnr = [results["denoisers"][name]["means"]["real"]["psnr"] for name in ("first", "first best")]
    assert psnr[0] != psnr[1]
    assert psnr[0] == pytest.approx(psnr[1], abs=1)


def test_evaluate_refuses_the_best_quality_of_a_network_that_is_not_evaluated(
    models: Path, sets: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="second"):
        evaluate(sets, tmp_path / "e.json", networks=["first"], best=["second"], models=models)


def test_evaluate_begins_anew_where_the_file_was_measured_in_another_way(
    file: Path, tmp_path: Path, models: Path, sets: dict[str, Any], denoised_by: Callable[[], int]
) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps({**json.loads(file.read_text()), "protocol": "by eye"}))
    again = evaluate({"real": sets["real"]}, old, networks=["first"], models=models)
    assert denoised_by() == 4  # non-local means and the network, on two photos
    assert again["sets"].keys() == {"real"}


def test_evaluate_measures_networks(results: Any, models: Path) -> None:
    first = results["denoisers"]["first"]
    assert first["version"] == registry.model_card("first", models).sha256
    assert first["bytes"] == (models / "first.tflite").stat().st_size
    assert first["parameters"] == build("ridnet", **ARGUMENTS).count_params()
    assert results["denoisers"]["first float32"]["bytes"] == (models / "first.weights.h5").stat().st_size
    assert results["speed"]["seconds_per_tile"].keys() == {"nlm", "first", "second"}
    assert all(0 < seconds < 60 for seconds in results["speed"]["seconds_per_tile"].values())
    assert {"processor", "cores", "threads", "date", "load"} <= results["speed"]["machine"].keys()


def test_evaluate_reuses_what_is_in_the_file(
    file: Path, tmp_path: Path, models: Path, sets: dict[str, Any], denoised_by: Callable[[], int]
) -> None:
    copy = Path(shutil.copy(file, tmp_path))
    again = evaluate(sets, copy, networks=["first"], iso=[1600], models=models)
    assert denoised_by() == 0
    before = json.loads(file.read_text())
    assert {**again, "speed": None} == {**before, "speed": None}
    assert json.loads(copy.read_text()) == again


def test_evaluate_drops_scores_of_other_versions(
    tmp_path: Path, file: Path, models: Path, sets: dict[str, Any], denoised_by: Callable[[], int]
) -> None:
    changed = Path(shutil.copytree(models, tmp_path / "models"))
    write_blur(changed, "first", 0.7)
    write_blur(changed, "third", 0.8)
    copy = Path(shutil.copy(file, tmp_path))
    again = evaluate(sets, copy, networks=["third"], iso=[1600], models=changed)
    assert denoised_by() == 6  # the third alone, on two photos of three sets
    assert again["denoisers"].keys() == {"noisy", "nlm", "second", "third"}


def test_evaluate_drops_scores_of_other_photos(
    tmp_path: Path, file: Path, models: Path, pairs_folder: Path, sets: dict[str, Any], denoised_by: Callable[[], int]
) -> None:
    changed = Path(shutil.copytree(pairs_folder, tmp_path / "real"))
    shutil.copy(changed / "clean" / "chelsea.png", changed / "noisy" / "chelsea.png")
    copy = Path(shutil.copy(file, tmp_path))
    again = evaluate({"real": find_pairs(changed).pairs}, copy, models=models)
    assert denoised_by() == 3  # of the four that denoise, the float network was not asked for
    assert again["denoisers"]["noisy"]["scores"]["real"]["chelsea"] == [None, 1.0, 0.0]
    assert again["denoisers"]["first float32"]["scores"]["real"].keys() == {"astronaut"}
    assert "real" not in again["denoisers"]["first float32"]["means"]
    assert again["denoisers"]["nlm"]["means"].keys() == {"real", "kept clean", "kept ISO 1600"}


def test_evaluate_goes_on_after_being_killed(
    tmp_path: Path,
    models: Path,
    sets: dict[str, Any],
    denoised_by: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "evaluate.json"
    scored = []

    def read_once(shot: module.Shot) -> Any:
        if scored:
            raise KeyboardInterrupt
        scored.append(shot)
        return read_shot(shot)

    monkeypatch.setattr(module, "read_shot", read_once)
    with pytest.raises(KeyboardInterrupt):
        evaluate({"real": sets["real"]}, path, models=models)
    kept = json.loads(path.read_text())["denoisers"]["first"]
    assert len(kept["scores"]["real"]) == 1
    assert kept["means"] == {}
    assert denoised_by() == 3
    monkeypatch.setattr(module, "read_shot", read_shot)
    assert evaluate({"real": sets["real"]}, path, models=models)["denoisers"]["first"]["means"].keys() == {"real"}
    assert denoised_by() == 6


def test_evaluate_refuses_a_file_that_is_none_of_its_own(tmp_path: Path, models: Path, sets: dict[str, Any]) -> None:
    path = tmp_path / "evaluate.json"
    path.write_text('{"kind": "quantize"}')
    with pytest.raises(ValueError, match="evaluate"):
        evaluate(sets, path, models=models)
    assert path.read_text() == '{"kind": "quantize"}'


def test_evaluate_refuses_weights_of_a_network_that_is_not_evaluated(
    tmp_path: Path, models: Path, sets: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="second"):
        evaluate(sets, tmp_path / "e.json", networks=["first"], weights={"second": tmp_path}, models=models)


@pytest.mark.parametrize("mixed", [False, True], ids=["empty", "mixed"])
def test_shots_refuses_a_set_without_one_kind_of_photos(sets: dict[str, Any], mixed: bool) -> None:
    with pytest.raises(ValueError, match="'odd'"):
        shots({"odd": [*sets["real"], *sets["kept"]] if mixed else []}, [400])


def test_read_shot_makes_the_same_noise_again_and_more_at_higher_iso(sets: dict[str, Any]) -> None:
    groups = shots({"kept": sets["kept"]}, [400, 6400])
    psnr = {}
    for title in ("kept ISO 400", "kept ISO 6400"):
        noisy, clean = read_shot(groups[title][0])
        assert noisy.shape == clean.shape == (64, 80, 3)
        np.testing.assert_array_equal(read_shot(groups[title][0])[0], noisy)
        psnr[title] = metrics.psnr(clean, noisy)
    assert psnr["kept ISO 6400"] < psnr["kept ISO 400"] - 5
    noisy, clean = read_shot(groups["kept clean"][0])
    np.testing.assert_array_equal(noisy, clean)


def test_update_card_writes_the_results_of_this_file_only(results: Any, models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models, tmp_path / "models"))
    update_card("first", results, folder)
    measured = registry.list_models(folder)["first"].metrics
    assert measured["real"]["photos"] == 2
    assert measured["real"]["noisy"] == results["denoisers"]["noisy"]["means"]["real"]
    assert measured["real"].keys() == {"photos", "noisy", "nlm", "first", "first float32"}
    write_blur(folder, "second", 0.9)
    with pytest.raises(ValueError, match=r"must be of second\.tflite as bundled"):
        update_card("second", results, folder)


@pytest.mark.usefixtures("denoised_by")
def test_evaluate_skips_a_photo_that_cannot_be_read_and_says_so(
    models: Path, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pairs_folder, tmp_path / "set")
    broken = tmp_path / "set" / "noisy" / "chelsea.png"
    broken.write_bytes(broken.read_bytes()[:-200])
    found = find_pairs(tmp_path / "set").pairs
    assert len(found) == 2
    results = evaluate({"set": found}, tmp_path / "results.json", networks=["first"], models=models)
    assert list(results["sets"]["set"]["photos"]) == ["astronaut"]
    assert set(results["denoisers"]["first"]["means"]) == {"set"}
    told = capsys.readouterr().err
    assert "chelsea.png" in told
    assert "1 of 2 photos were skipped" in told
    with pytest.raises(ValueError, match="No photo of set can be read"):
        evaluate({"set": found[1:]}, tmp_path / "results.json", networks=["first"], models=models)


def test_evaluate_knows_scores_by_what_a_network_is_told(sets: dict[str, Any], tmp_path: Path) -> None:
    def card(told: float, pair: float) -> dict[str, Any]:
        write_model(tmp_path, "told", told=told, pair=pair, tile_size=256)
        results = evaluate({"real": sets["real"][:1]}, tmp_path / "results" / "e.json", best=["told"], models=tmp_path)
        update_card("told", results, tmp_path)
        means: dict[str, Any] = registry.model_card("told", tmp_path).metrics["real"]
        assert means["told"] == results["denoisers"]["told"]["means"]["real"]
        return {**means, "version": results["denoisers"]["told"]["version"]}

    (tmp_path / "results").mkdir()
    twice, once, again = card(2.0, 0.0), card(1.0, 0.0), card(1.0, 3.0)
    assert twice["told"]["psnr"] < once["told"]["psnr"] < once["noisy"]["psnr"]  # it adds its level to the photo
    assert once["told best"]["psnr"] == once["told"]["psnr"]  # turned, and never on its own result, it does the same
    assert len({each["version"] for each in (twice, once, again)}) == 3
    assert all(each["version"].startswith(registry.model_card("told", tmp_path).sha256) for each in (twice, once))


def test_versions_are_of_what_is_measured_with() -> None:
    """Where a figure moves, count up the version in `denoise.training.evaluate`, and put the new figure here."""
    clean = skimage.data.astronaut()[:128, :128]
    noisy = (clean + np.random.default_rng(0).normal(0, 12, clean.shape)).round().clip(0, 255).astype(np.uint8)
    denoised = module.pipeline.denoise_photo(Photo(noisy), "nlm").pixels.astype(float)
    photographed = photograph(clean, 1600, seed=0)[0].astype(float)
    assert (module.NLM, module.CAMERA) == (2, 1)
    assert [denoised.std(), np.abs(denoised - noisy).mean()] == pytest.approx([68.551, 6.423], abs=0.03)
    assert [photographed.std(), np.abs(np.diff(photographed, axis=1)).mean()] == pytest.approx(
        [68.333, 9.366], abs=0.02
    )

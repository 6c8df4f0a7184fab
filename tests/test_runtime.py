import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from denoise.registry import MODELS_DIR, list_models
from denoise.runtime import ModelError, Network
from tests.networks import addition

LEVEL = np.zeros((8, 8, 1), np.float32)
RIDNET = MODELS_DIR / "ridnet.tflite"


@pytest.fixture
def doubler(tmp_path):
    path = tmp_path / "doubler.tflite"
    path.write_bytes(addition())
    return Network(path)


def test_network_reads_its_tile_size_from_the_file(tmp_path, doubler):
    assert doubler.tile_size == 8
    path = tmp_path / "larger.tflite"
    path.write_bytes(addition((1, 20, 20, 3)))
    assert Network(path).tile_size == 20


def test_network_returns_the_output_of_the_file_clipped(doubler):
    tile = np.random.default_rng(0).random((8, 8, 3), np.float32)
    denoised = doubler(tile, LEVEL)
    assert denoised.dtype == np.float32
    np.testing.assert_array_equal(denoised, np.minimum(2 * tile, 1))
    assert denoised.max() == 1
    assert doubler(-tile, LEVEL).min() == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["photo first", "level first"])
def test_network_is_told_a_multiple_of_the_level(tmp_path, order):
    path = tmp_path / "told.tflite"
    path.write_bytes(addition(level=(1, 8, 8, 1), order=order))
    tile = np.random.default_rng(0).random((8, 8, 3), np.float32) / 4
    level = np.linspace(0, 0.2, 64, dtype=np.float32).reshape(8, 8, 1)
    assert Network(path).is_told
    np.testing.assert_array_equal(Network(path)(tile, level), tile + level)
    np.testing.assert_array_equal(Network(path, multiple=2.5)(tile, level), tile + np.float32(2.5) * level)
    assert Network(path, multiple=50)(0 * tile, level).max() == 1  # what it is told is in [0, 1] too


def test_network_that_is_not_told_ignores_the_level(doubler):
    assert not doubler.is_told
    tile = np.full((8, 8, 3), 0.25, np.float32)
    np.testing.assert_array_equal(doubler(tile, LEVEL + 1), doubler(tile, LEVEL))


def test_network_refuses_a_level_of_another_shape(doubler):
    with pytest.raises(ValueError, match=r"`level` must have shape \(8, 8, 1\). Received: \(8, 8\)"):
        doubler(np.zeros((8, 8, 3), np.float32), LEVEL[..., 0])


def test_network_result_outlives_the_next_call(doubler):
    first = doubler(np.full((8, 8, 3), 0.25, np.float32), LEVEL)
    doubler(np.zeros((8, 8, 3), np.float32), LEVEL)
    assert np.all(first == 0.5)


def test_network_leaves_its_input_alone(doubler):
    tile = np.full((8, 8, 3), 0.25, np.float32)
    doubler(tile, LEVEL)
    assert np.all(tile == 0.25)


@pytest.mark.parametrize("shape", [(7, 8, 3), (8, 8), (1, 8, 8, 3), (8, 8, 4)], ids=str)
def test_network_refuses_a_tile_of_another_shape(doubler, shape):
    with pytest.raises(ValueError, match=r"must have shape \(8, 8, 3\)"):
        doubler(np.zeros(shape, np.float32), LEVEL)


def test_network_runs_a_bundled_one_alike_with_any_number_of_threads():
    card = list_models()["unet"]
    tile = np.random.default_rng(0).random((256, 256, 3), np.float32)
    level = np.zeros((256, 256, 1), np.float32)
    one, two = (Network(MODELS_DIR / card.file, sha256=card.sha256, threads=each)(tile, level) for each in (1, 2))
    assert one.shape == tile.shape
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_network_names_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"none\.tflite cannot be read \(No such file or directory\)\. Restore"):
        Network(tmp_path / "none.tflite")


def test_network_names_a_file_of_another_sha256(tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(RIDNET.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"cut\.tflite is damaged or of another version: its SHA-256 is"):
        Network(path, sha256=list_models()["ridnet"].sha256)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no model at all" * 100, id="text"),
        pytest.param(addition()[: len(addition()) // 2], id="truncated"),
        pytest.param(RIDNET.read_bytes()[:100_000], id="truncated ridnet"),
    ],
)
def test_network_refuses_what_is_no_tflite_file(tmp_path, content):
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.tflite is no complete TFLite model"):
        Network(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(addition((1, 8, 9, 3)), id="not square"),
        pytest.param(addition((2, 8, 8, 3)), id="two tiles"),
        pytest.param(addition((1, 8, 8, 1)), id="grey"),
        pytest.param(addition((8, 8, 3)), id="three axes"),
        pytest.param(addition(dtype=schema.TensorType.INT32), id="integers"),
        pytest.param(addition(inputs=2), id="two inputs"),
        pytest.param(addition(level=(1, 1, 1, 1)), id="one level"),
        pytest.param(addition(level=(1, 8, 8, 3)), id="level of each channel"),
        pytest.param(addition(level=(1, 8, 8, 1), order=(0, 1, 1)), id="three inputs"),
    ],
)
def test_network_refuses_another_kind_of_network(tmp_path, content):
    path = tmp_path / "other.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.tflite is no denoising network"):
        Network(path)

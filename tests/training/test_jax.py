"""The networks under JAX, in a process of its own: a process has one backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise.training.architectures import build, multiple_of
from tests.training.test_architectures import NAMES, SMALL, disturb, run


@pytest.mark.jax
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_build_computes_the_same_under_jax(tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.set_random_seed(0)
    expected = {}
    for name in NAMES:
        network = build(name, **SMALL[name])
        disturb(network)
        network.save_weights(tmp_path / f"{name}.weights.h5")
        size = max(32, multiple_of(name, **SMALL[name]))
        expected[name] = run(network, noisy[:, :size, :size])
    code = (
        "import sys, numpy as np, keras; noisy = np.load(f'{sys.argv[1]}/noisy.npy')\n"
        "from pathlib import Path\n"
        "from denoise.training.architectures import build, multiple_of\n"
        # What is loaded in their place a moment later: JAX compiles how weights are drawn for each shape of them.
        "zeros = lambda self, shape, dtype=None, **_: np.zeros(shape, dtype)\n"
        "keras.initializers.VarianceScaling.__call__ = zeros\n"
        f"assert keras.backend.backend() == 'jax'\nfor name, arguments in {SMALL}.items():\n"
        "    network = build(name, **arguments); folder = Path(sys.argv[1])\n"
        "    network.load_weights(folder / f'{name}.weights.h5')\n"
        "    size = max(32, multiple_of(name, **arguments))\n"
        "    np.save(folder / f'{name}.npy', network.predict(noisy[:, :size, :size], verbose=0))\n"
    )
    quickly = "--xla_backend_optimization_level=0"  # to compile, which takes nearly all of the time
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quickly}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=True, capture_output=True)
    for name in NAMES:
        size = max(32, multiple_of(name, **SMALL[name]))
        assert np.abs(expected[name] - noisy[:, :size, :size]).max() > 1e-3
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected[name], atol=1e-4, err_msg=name)

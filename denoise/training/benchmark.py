"""The shipped network against the way of the case study, in one run: Keras on 16 bare patches of a 1024x1024 photo."""

import time
from collections.abc import Iterator

import keras
import numpy as np

from denoise import registry, tiling
from denoise.training.architectures import build
from denoise.training.export import TILE_SIZE

REPEATS = 3


def compare_with_keras(model: str) -> Iterator[str]:
    """Time both ways on one 1024x1024 photo of noise, the best of `REPEATS` each, and yield lines of text.

    Args:
        model: Name of a bundled network. Keras runs the same architecture in float32; weights do not change the time.

    Raises:
        denoise.runtime.ModelError: If the network is not bundled.
    """
    photo = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    network = registry.load_model(model)
    architecture = registry.model_card(model).architecture
    keras.mixed_precision.set_global_policy("float32")
    keras_network = build(architecture["name"], size=TILE_SIZE, **architecture["arguments"])
    patches = photo.reshape(4, TILE_SIZE, 4, TILE_SIZE, 3).swapaxes(1, 2).reshape(16, TILE_SIZE, TILE_SIZE, 3)
    patches = patches / np.float32(255)

    tiled, bare = [], []
    keras_network.predict(patches[:1], verbose=0)  # both have been called once before the clock runs
    network(patches[0])
    for _ in range(REPEATS):
        start = time.perf_counter()
        tiling.denoise_tiled(photo, network, tile_size=network.tile_size)
        tiled.append(time.perf_counter() - start)
        start = time.perf_counter()
        keras_network.predict(patches, batch_size=16, verbose=0)
        bare.append(time.perf_counter() - start)
    yield f"{model}, TFLite as bundled, overlapping tiles, whole photo: {min(tiled):.2f} s"
    yield f"{model}, Keras float32, 16 bare patches of 256x256:        {min(bare):.2f} s"
    yield f"ratio: {min(tiled) / min(bare):.2f}"

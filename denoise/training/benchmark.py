"""How long a network takes and how much memory: TFLite files as they ship against Keras in float32, in one run.

Every candidate runs in a process of its own, so that its peak memory is its own; candidates take turns, so that
whatever else the machine does hits all of them.
"""

import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any

import numpy as np

from denoise import Denoiser, Image, Level, benchmark, registry, tiling
from denoise.results import KERAS
from denoise.runtime import Network, processors
from denoise.training.progress import with_progress

# No Keras here: its import alone would be most of a small network's peak memory.

_LEVEL = 0.1  # of the noise, of which no time depends
PHOTO_SIZE = 1024  # pixels; the case study's size, 16 patches of 256×256
REPEATS = 7  # timed calls of each denoiser of a tile
ROUNDS = 3  # fresh processes for each candidate

Cost = dict[str, Any]
"""`seconds_per_tile`, `seconds_16_patches` (a 1024×1024 photo in bare patches, as in the case study), `seconds_photo`
(the same photo in overlapping, blended tiles; files only), `peak_memory_mb`; or `error`, a sentence."""


def machine() -> dict[str, Any]:
    """What a measurement of time depends on: processor, cores, threads of a network, load before it began, date."""
    return {
        **benchmark.machine(),
        "threads": processors(),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.date.today().isoformat(),
    }


def seconds_per_tile(denoisers: Mapping[str, Denoiser]) -> dict[str, float]:
    """Time one 256×256 tile of noise, by name: the median of several calls, the denoisers taking turns.

    The first call of each is not counted.
    """
    tile, level = _noise(tiling.TILE_SIZE), _level(tiling.TILE_SIZE)
    seconds: dict[str, list[float]] = {name: [] for name in denoisers}
    for _ in range(REPEATS + 1):
        for name, denoiser in denoisers.items():
            seconds[name].append(timeit(partial(denoiser, tile, level), number=1))
    return {name: round(statistics.median(times[1:]), 5) for name, times in seconds.items()}


def compare(architecture: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Cost]:
    """Measure time and memory of Keras in float32 and of TFLite files of the same network, by name.

    The architecture is `name` and `arguments` of its builder; weights do not change the time. `KERAS` comes first.
    """
    calls = {KERAS: f"_run_keras({dict(architecture)!r})"}
    calls |= {name: f"_run_file({str(path.resolve())!r})" for name, path in files.items()}
    costs: dict[str, list[Cost]] = {name: [] for name in calls}
    for name, call in with_progress([*calls.items()] * ROUNDS, "time and memory"):
        costs[name].append(_in_fresh_process(call))
    return {name: _median(found) for name, found in costs.items()}


def failure(file: Path) -> str:
    """Say why a TFLite file does not denoise a tile, in a fresh process: some fail when called, or end the process."""
    error: str = _in_fresh_process(f"_try_file({str(file.resolve())!r})").get("error", "")
    return error


def compare_with_keras(model: str) -> Iterator[str]:
    """Compare a bundled network with Keras on one 1024×1024 photo and yield lines of text.

    Raises:
        denoise.runtime.ModelError: If the network is not bundled or does not run.
        RuntimeError: If a candidate does not run.
    """
    card = registry.model_card(model)
    costs = compare(card.architecture, {model: registry.MODELS_DIR / card.file})
    for name, cost in costs.items():
        if "error" in cost:
            raise RuntimeError(f"{name} does not run: {cost['error']}")
    keras, ours = costs[KERAS], costs[model]
    rows = (
        (f"{KERAS}, 16 bare patches of 256×256, one batch", keras["seconds_16_patches"]),
        (f"{model} as bundled, the same patches", ours["seconds_16_patches"]),
        (f"{model} as bundled, overlapping tiles, whole photo", ours["seconds_photo"]),
    )
    for what, seconds in rows:
        yield f"{what:55} {seconds:6.2f} s   {seconds / keras['seconds_16_patches']:.2f} of Keras"
    yield f"Peak memory: {KERAS} {keras['peak_memory_mb']:.0f} MB, {model} {ours['peak_memory_mb']:.0f} MB"


def _run_file(path: str) -> Cost:
    network = Network(Path(path))
    photo = _noise(PHOTO_SIZE)
    patches = _patches(photo, network.tile_size)
    level = _level(network.tile_size)
    network(patches[0], level)
    seconds = [timeit(partial(network, patch, level), number=1) for patch in patches]
    return {
        "seconds_per_tile": statistics.median(seconds),
        "seconds_16_patches": sum(seconds),
        "seconds_photo": timeit(
            lambda: tiling.denoise_tiled(photo, network, tile_size=network.tile_size, level=_LEVEL), number=1
        ),
    }


def _try_file(path: str) -> Cost:
    network = Network(Path(path))
    network(_noise(network.tile_size), _level(network.tile_size))
    return {}


def _run_keras(architecture: Mapping[str, Any]) -> Cost:
    import keras

    from denoise.training.architectures import build

    keras.mixed_precision.set_global_policy("float32")
    network = build(architecture["name"], size=tiling.TILE_SIZE, **architecture["arguments"])
    patches = _patches(_noise(PHOTO_SIZE), tiling.TILE_SIZE)
    seen = [patches, np.stack([_level(tiling.TILE_SIZE)] * len(patches))] if len(network.inputs) == 2 else patches
    network.predict(seen, batch_size=len(patches), verbose=0)  # traces the graph
    seconds = timeit(lambda: network.predict(seen, batch_size=len(patches), verbose=0), number=1)
    return {"seconds_per_tile": seconds / len(patches), "seconds_16_patches": seconds}


def _in_fresh_process(call: str) -> Cost:
    """Evaluate one of the calls above; what the process is measured by, it prints as its last line."""
    code = (
        "import json; from denoise.benchmark import _resident_peak; "
        "from denoise.training.benchmark import _run_file, _run_keras, _try_file; "
        f"cost = {call}; print(); print(json.dumps(cost | {{'peak_memory_mb': _resident_peak()}}))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    if done.returncode < 0:
        return {"error": f"it ends the process that runs it ({signal.Signals(-done.returncode).name})"}
    if done.returncode:
        reason = done.stderr.strip().rsplit("\n", 1)[-1]
        return {"error": reason or f"the process ended with {done.returncode}"}
    cost: Cost = json.loads(done.stdout.rsplit("\n", 2)[-2])
    return cost


def _median(costs: list[Cost]) -> Cost:
    for cost in costs:
        if "error" in cost:
            return cost
    return {key: round(statistics.median(cost[key] for cost in costs), 4) for key in costs[0]}


def _level(size: int) -> Level:
    return np.full((size, size, 1), _LEVEL, np.float32)


def _noise(size: int) -> Image:
    return np.random.default_rng(0).random((size, size, 3), np.float32)


def _patches(photo: Image, size: int) -> Image:
    """Cut a square photo into bare patches: (N, size, size, 3)."""
    count = len(photo) // size
    return photo.reshape(count, size, count, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)

"""How fast the serving package is on this machine, and how much memory it takes."""

import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from denoise.engine import Engine, Task
from denoise.image import Photo, decode, encode
from denoise.pipeline import denoise_photo
from denoise.runtime import processors


def measure(model: str, size: int, megapixels: Sequence[float], engine: Engine) -> Iterator[tuple[str, float, str]]:
    """Measure one denoiser.

    Args:
        model: A name from `denoise.catalogue.denoiser_names`.
        size: Height and width of the photo that is timed, in pixels.
        megapixels: Sizes of the photos whose peak memory is measured, from the file to the file.
        engine: Loads the network.

    Yields:
        What was measured, its value, and its unit.

    Raises:
        ModelError: The network is missing or damaged.
    """
    seconds, tile_seconds = _photo_seconds(model, size, engine)  # first: it tells of what cannot be loaded
    code = "import time; t = time.perf_counter(); import denoise.__main__; print(time.perf_counter() - t)"
    yield "Import of the serving package", float(_fresh_process(code)), "s"
    yield "Cold start to the first tile", _cold_start_seconds(model), "s"
    yield "One tile", 1000 * tile_seconds, "ms"
    yield f"{size}×{size} photo, overlap included", seconds, "s"
    yield "One megapixel, overlap included", seconds / (size * size / 1e6), "s"
    for count in megapixels:
        yield f"Peak memory, {count:g} megapixels", _peak_memory(model, count), "MB"


def machine() -> dict[str, str | int | None]:
    """Facts about this machine that a measurement depends on."""
    return {
        "processor": _processor(),
        "cores": processors(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    """Name of the processor; `platform.processor` knows it on few systems."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _photo_seconds(model: str, size: int, engine: Engine) -> tuple[float, float]:
    """Time a whole photo, and its tiles (median); the model is loaded and warm."""
    denoisers, clock = Task(engine).denoiser, list[float]()
    denoise_photo(_noise(1, 1), model, denoisers=denoisers)
    denoise_photo(_noise(size, size), model, progress=lambda *_: clock.append(time.perf_counter()), denoisers=denoisers)
    return clock[-1] - clock[0], float(np.median(np.diff(clock)))


def _cold_start_seconds(model: str) -> float:
    """From the start of a process to its first denoised tile."""
    started = time.time()
    finished = _fresh_process(
        "import time; from denoise.benchmark import _noise; from denoise.pipeline import denoise_photo; "
        f"denoise_photo(_noise(1, 1), {model!r}); print(time.time())"
    )
    return float(finished) - started


def _peak_memory(model: str, megapixels: float) -> float:
    """Peak resident memory of a process that decodes, denoises and encodes one 4:3 JPEG, in MB."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    return float(
        _fresh_process(
            "from denoise.benchmark import _jpeg_through, _resident_peak; "
            f"_jpeg_through({model!r}, {round(width * 3 / 4)}, {width}); print(_resident_peak())"
        )
    )


def _jpeg_through(model: str, height: int, width: int) -> None:
    data = encode(_noise(height, width))
    encode(denoise_photo(decode(data, max_megapixels=float("inf")), model))


def _resident_peak() -> float:
    """Peak resident memory of this process, in MB.

    `ru_maxrss` starts at the size of the parent process, so Linux's own counter is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _noise(height: int, width: int) -> Photo:
    """A photo of noise: made up, as only time and memory are measured."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Photo(pixels=pixels, format="JPEG")


def _fresh_process(code: str) -> str:
    root = Path(__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout

"""One LiteRT interpreter behind a plain call."""

import hashlib
import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from denoise import Image, Level
from denoise.level import told


class ModelError(RuntimeError):
    """A model cannot be used; the message is shown to the user as it is."""


class Network:
    """A network from a TFLite file: a `Denoiser` of exactly one tile, to be called by one thread at a time.

    It holds 100 to 300 MB of working memory (210 MB for RIDNet) as long as anybody refers to it, see `denoise.engine`.

    Args:
        path: TFLite file with a float32 input and a float32 output, both (1, tile_size, tile_size, 3), RGB in [0, 1];
            of a network that is told the noise level, with a float32 input (1, tile_size, tile_size, 1) too.
        sha256: Expected SHA-256 of the file, in hexadecimal; checked before the interpreter sees the file.
        multiple: Which multiple of a tile's level it is told.
        threads: Threads of one call; as many as this process has processors unless given.

    Attributes:
        tile_size: Height and width of a tile, in pixels.
        is_told: Whether it is told the noise level; else it ignores it.

    Raises:
        ModelError: The file is missing, damaged, or no network of this kind.
    """

    def __init__(
        self, path: Path, *, sha256: str | None = None, multiple: float = 1.0, threads: int | None = None
    ) -> None:
        try:
            model = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"The model file {path} cannot be read ({error.strerror}). Restore it from the repository."
            ) from error
        received = hashlib.sha256(model).hexdigest()
        if sha256 is not None and received != sha256:
            raise ModelError(
                f"The model file {path} is damaged or of another version: its SHA-256 is {received}, "
                f"its model card says {sha256}. Restore both from the repository."
            )
        self._multiple = multiple
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads or processors())
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"The model file {path} is no complete TFLite model ({error}). Restore it from the repository."
            ) from error

        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        inputs.sort(key=lambda tensor: -int(tensor["shape"][-1]) if len(tensor["shape"]) else 0)  # the photo first
        shapes = [tuple(int(n) for n in tensor["shape"]) for tensor in (*inputs, *outputs)]
        dtypes = [np.dtype(tensor["dtype"]) for tensor in (*inputs, *outputs)]
        self.tile_size = shapes[0][1] if shapes and len(shapes[0]) == 4 else 0
        self.is_told = len(inputs) == 2
        tile, level = ((1, self.tile_size, self.tile_size, channels) for channels in (3, 1))
        expected = [tile, level, tile] if self.is_told else [tile, tile]
        if self.tile_size < 1 or shapes != expected or set(dtypes) != {np.dtype(np.float32)}:
            raise ModelError(
                f"The model file {path} is no denoising network: it must have one float32 input and one float32 output "
                "of shape (1, tile_size, tile_size, 3), and may have one float32 input of shape "
                "(1, tile_size, tile_size, 1) for the noise level. "
                f"Received: shapes {shapes}, types {[str(d) for d in dtypes]}. Export it again."
            )
        self._inputs, self._output = [tensor["index"] for tensor in inputs], outputs[0]["index"]

    def __call__(self, tile: Image, level: Level) -> Image:
        """Denoise one tile.

        Args:
            tile: Noisy tile, (tile_size, tile_size, 3), values in [0, 1].
            level: Its noise level, (tile_size, tile_size, 1), or `denoise.level.UNKNOWN`.

        Returns:
            Denoised tile, a new array of the same shape, clipped to [0, 1].

        Raises:
            ValueError: `tile` or `level` has another shape.
        """
        for name, array, channels in (("tile", tile, 3), ("level", level, 1)):
            if array.shape != (expected := (self.tile_size, self.tile_size, channels)):
                raise ValueError(f"`{name}` must have shape {expected}. Received: {array.shape}")
        for index, array in zip(self._inputs, (tile, told(level, self._multiple)), strict=False):
            self._interpreter.set_tensor(index, array[None].astype(np.float32, copy=False))
        self._interpreter.invoke()
        denoised: Image = self._interpreter.get_tensor(self._output)[0]  # a copy, not the interpreter's memory
        return np.clip(denoised, 0, 1, out=denoised)


def processors() -> int:
    """Processors that this process may use: a container often has fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""Denoise: clean noisy photographs with small neural networks."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__version__ = "0.2.0"

Image: TypeAlias = NDArray[np.float32]
"""A photo or a tile: float32 array of shape (H, W, 3), RGB, values in [0, 1]."""

Level: TypeAlias = NDArray[np.float32]
"""How much noise there is: float32 array of shape (H, W, 1), the standard deviation of the noise around each pixel, in
[0, 1]; zero where the picture is clean. Where nobody knows, `denoise.level.UNKNOWN`."""

Denoiser: TypeAlias = Callable[[Image, Level], Image]
"""Anything that turns a noisy `Image` and its `Level` into a denoised image of the same shape.
Many ignore the level."""

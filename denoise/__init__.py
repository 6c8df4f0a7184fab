"""Denoise: clean noisy photographs with small neural networks."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__version__ = "0.2.0"

Image: TypeAlias = NDArray[np.float32]
"""A photo or a tile: float32 array of shape (H, W, 3), RGB, values in [0, 1]."""

Denoiser: TypeAlias = Callable[[Image], Image]
"""Anything that turns a noisy `Image` into a denoised one of the same shape."""

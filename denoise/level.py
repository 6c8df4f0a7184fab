"""How much noise there is in a photo, everywhere."""

import numpy as np
from numpy.typing import NDArray

from denoise.baseline import estimate_noise
from denoise.image import Pixels

_TOO_LITTLE = 2.5  # by how much the flattest blocks of a photo understate its noise


def estimate_level(pixels: Pixels) -> NDArray[np.float32]:
    """Estimate the noise around each pixel of a photo.

    Args:
        pixels: Photo, (H, W, 3).

    Returns:
        (H, W): standard deviation in [0, 1]; zero where the picture is clean. For now one level for the whole photo.
    """
    level = min(1.0, _TOO_LITTLE * estimate_noise(pixels))
    return np.broadcast_to(np.float32(level), pixels.shape[:2])

"""Telling a network how much noise there is: a map of the noise level as a second input.

A network that is told the level need not guess whether a faint structure is grain or texture, and who uses it can turn
the level up and down (FFDNet: Zhang et al., arXiv:1710.04026, section III). Where the level is zero, the photo comes
back as it is, by construction. Where nobody knows the level it is told `denoise.level.UNKNOWN`, and judges by itself.
"""

import keras
from keras import layers, ops

from denoise.level import UNKNOWN

LEVEL = "level"
"""Name of the input."""

VISIBLE = 1 / 255
"""Noise below this standard deviation is removed in proportion to its level: of nothing, nothing."""


HALVED = 0.5
"""What is left of a noise level at half the size of a photo: a level is that of white noise."""


def noise_level_input(size: int | None) -> keras.KerasTensor:
    """Make the input: (N, size, size, 1), the noise's standard deviation around each pixel, in [0, 1]."""
    return keras.Input((size, size, 1), name=LEVEL)


def within_level(residual: keras.KerasTensor, level: keras.KerasTensor | None) -> keras.KerasTensor:
    """Fade out the residual, (N, H, W, 3), where there is less noise than is visible; `None` fades nothing."""
    if level is None:
        return residual
    size = ops.relu(level * (1 / VISIBLE)) + ops.relu(level * (-1 / VISIBLE))  # full int8 is wrong about `abs`
    return layers.Multiply(name="fade")([residual, ops.minimum(size, 1.0)])


def level_at_half_size(level: keras.KerasTensor) -> keras.KerasTensor:
    """Return what is told of a photo at half its size, (N, H / 2, W / 2, 1)."""
    halved = layers.AveragePooling2D(2, name="level_halved", dtype="float32")(level)
    return ops.where(halved < 0.0, UNKNOWN, HALVED * halved)

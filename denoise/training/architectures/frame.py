"""What networks that predict a residual have in common: their inputs, their grid, and the sum with the photo.

A network that is told how much noise there is need not guess whether a faint structure is grain or texture, and who
uses it can turn the level up and down (FFDNet: Zhang et al., arXiv:1710.04026, section III). Where the level is zero,
the photo comes back as it is, by construction. Where nobody knows the level it is told `denoise.level.UNKNOWN`, and
judges by itself.
"""

from typing import Any

import keras
from keras import layers, ops

_VISIBLE = 1 / 255  # noise below this standard deviation is removed in proportion to its level: of nothing, nothing


class Frame:
    """The inputs of a network, and what becomes of its residual.

    On a half-size grid the photo is first rearranged to half its size with 12 channels, as FFDNet does (section III-B):
    every convolution then costs a quarter and reaches twice as far.

    Attributes:
        photo: The noisy photo on the network's grid, (N, H / grid, W / grid, 3 · grid²).
        seen: The same, with the noise level beside it where the network is told that.
    """

    def __init__(self, size: int | None, grid: int = 1, told: int = 0) -> None:
        """Make the inputs; see the networks for the arguments.

        `told` is by how much the level is multiplied beside the photo, for that has 256 steps in quantised arithmetic,
        of which weak noise itself would be one or two.
        """
        self.noisy, self.grid = keras.Input((size, size, 3), name="noisy"), grid
        self.level = level = noise_level_input(size) if told else None
        self.photo = self.seen = self.noisy if grid == 1 else ops.space_to_depth(self.noisy, grid)
        if level is not None:
            averaged = level if grid == 1 else layers.AveragePooling2D(grid, name="level_averaged")(level)
            self.seen = layers.Concatenate(name="told")([self.photo, averaged if told == 1 else averaged * told])

    def network(self, x: keras.KerasTensor, name: str, kernel_size: int = 3, **options: Any) -> keras.Model:
        """Make the network of its last map.

        The last convolution starts at zero, so an untrained network returns its input.
        """
        padding = "same" if kernel_size > 1 else "valid"  # one pixel needs none, and exported files would say so
        residual = layers.Conv2D(
            3 * self.grid**2, kernel_size, padding=padding, kernel_initializer="zeros", name="tail", **options
        )(x)
        residual = within_level(residual if self.grid == 1 else ops.depth_to_space(residual, self.grid), self.level)
        denoised = layers.Add(name="denoised", dtype="float32")([self.noisy, residual])
        return keras.Model(self.noisy if self.level is None else [self.noisy, self.level], denoised, name=name)


def noise_level_input(size: int | None) -> keras.KerasTensor:
    """Make the input: (N, size, size, 1), the noise's standard deviation around each pixel, in [0, 1]."""
    return keras.Input((size, size, 1), name="level")


def within_level(residual: keras.KerasTensor, level: keras.KerasTensor | None) -> keras.KerasTensor:
    """Fade out the residual, (N, H, W, 3), where there is less noise than is visible; `None` fades nothing."""
    if level is None:
        return residual
    size = ops.relu(level * (1 / _VISIBLE)) + ops.relu(level * (-1 / _VISIBLE))  # full int8 is wrong about `abs`
    return layers.Multiply(name="fade")([residual, ops.minimum(size, 1.0)])

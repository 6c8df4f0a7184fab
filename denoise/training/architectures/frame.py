"""What networks that predict a residual have in common: their inputs, their grid, and the sum with the photo."""

from typing import Any

import keras
from keras import layers, ops

from denoise.training.architectures.noise_level import noise_level_input, within_level


class Frame:
    """The inputs of a network, and what becomes of its residual.

    On a half-size grid the photo is first rearranged to half its size with 12 channels, as FFDNet does (Zhang et al.,
    arXiv:1710.04026, section III-B): every convolution then costs a quarter and reaches twice as far.

    Attributes:
        photo: The noisy photo on the network's grid, (N, H / grid, W / grid, 3 · grid²).
        seen: The same, with the noise level beside it where the network is told that.
    """

    def __init__(self, size: int | None, grid: int, told: int) -> None:
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

    def network(self, x: keras.KerasTensor, name: str, **options: Any) -> keras.Model:
        """Make the network of its last map.

        The last convolution starts at zero, so an untrained network returns its input.
        """
        channels = 3 * self.grid**2
        residual = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros", name="tail", **options)(x)
        residual = within_level(residual if self.grid == 1 else ops.depth_to_space(residual, self.grid), self.level)
        denoised = layers.Add(name="denoised", dtype="float32")([self.noisy, residual])
        return keras.Model(self.noisy if self.level is None else [self.noisy, self.level], denoised, name=name)

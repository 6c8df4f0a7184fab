"""A small U-Net (Ronneberger et al., arXiv:1505.04597) on a half-size grid: the fast denoiser."""

import keras
from keras import layers, ops

from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution, residual_block


def unet(size: int | None = None, filters: int = 48, levels: int = 4, blocks: int = 2, told: int = 0) -> keras.Model:
    """Build the U-Net: residual blocks on grids of 1/2 to 1/16 of the photo's size and back, skips by addition.

    6,633,564 parameters at the default widths.

    Args:
        size: Height and width of the input, a multiple of 2 to the power of `levels`; `None` for any.
        filters: Channels of the finest grid, twice as many on the second, four times as many on those below.
        levels: Grids, each of half the size of the one before.
        blocks: Residual blocks on each grid, on the way down and again on the way up; twice as many on the coarsest.
        told: 1 for a network that is told the noise level, see `frame.py`.
    """
    frame = Frame(size, 2, told)
    widths = [filters * min(2**grid, 4) for grid in range(levels)]
    x = convolution(frame.seen, filters, 3, "head")
    skips = []
    for grid in range(levels - 1):
        x = _blocks(x, widths[grid], blocks, f"down{grid + 1}")
        skips.append(x)
        x = layers.Conv2D(widths[grid + 1], 2, strides=2, name=f"halve{grid + 1}")(x)
    x = _blocks(x, widths[-1], 2 * blocks, "bottom")
    for grid in reversed(range(levels - 1)):
        x = convolution(x, 4 * widths[grid], 1, f"double{grid + 1}", activation=None)
        x = layers.Add(name=f"skip{grid + 1}")([ops.depth_to_space(x, 2), skips[grid]])
        x = _blocks(x, widths[grid], blocks, f"up{grid + 1}")
    return frame.network(x, "unet")


def _blocks(x: keras.KerasTensor, filters: int, count: int, name: str) -> keras.KerasTensor:
    for index in range(count):
        x = residual_block(x, filters, (3, 3), f"{name}_block{index + 1}")
    return x

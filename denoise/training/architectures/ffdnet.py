"""FFDNet: Zhang et al., "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising" (arXiv:1710.04026).

As the paper has it, on a half-size grid and told the noise level, but with skips past every two convolutions and past
the whole where the paper normalises batches: so it learns within an hour.
"""

import keras

from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution, residual_block


def ffdnet(size: int | None = None, filters: int = 96, blocks: int = 5, told: int = 0) -> keras.Model:
    """Build FFDNet: a row of convolutions, all on the same grid.

    852,108 parameters at the paper's widths if it is told.

    Args:
        size: Height and width of the input, even; `None` for any such.
        filters: Channels of every feature map (the paper, for colour: 96).
        blocks: Pairs of convolutions between the first and the last one (the paper: 5).
        told: More than 0 for the paper's network, which is told the noise level, see `frame.py`.
    """
    frame = Frame(size, 2, told)
    x = convolution(frame.seen, filters, 3, "head")
    for index in range(blocks):
        x = residual_block(x, filters, (3, 3), f"block{index + 1}")
    return frame.network(x, "ffdnet")

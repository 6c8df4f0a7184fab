"""Uformer: Wang et al., "A General U-Shaped Transformer for Image Restoration" (arXiv:2106.03106, section 3)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution

WINDOW = 8
"""Height and width of a window, within which every pixel is compared with every other."""


def uformer(
    size: int | None = None,
    filters: int = 24,
    levels: int = 4,
    blocks: int | Sequence[int] = 2,
    modulators: int = 1,
    grid: int = 2,
    told: int = 0,
) -> keras.Model:
    """Build Uformer: a U-Net of transformer blocks (figure 2).

    Left out is the paper's stochastic depth, which leaves out blocks in training.

    2,981,286 parameters by default; 5,230,413, 20,628,317 and 50,880,946 as Uformer-T, -S and -B, where 5.23 M,
    20.63 M and 50.88 M are published.

    Args:
        size: Height and width of the input, a multiple of `grid` times 8 times 2 to the power of `levels` - 1; `None`
            for any.
        filters: Channels of the finest grid, doubled at each halving, and of each attention head (the paper: 16 in
            Uformer-T, 32 in Uformer-S and Uformer-B).
        levels: Grids, each of half the size of the one before (the paper: 5).
        blocks: Transformer blocks on each grid, on the way down and again on the way up; or a number for each of these
            2 * `levels` - 1 places (Uformer-B: 1, 2, 8, 8, 2, 8, 8, 2, 1).
        modulators: 0 to leave out the modulators, as the published Uformer-T and Uformer-S do.
        grid: 2 for a network on a half-size grid, see `Frame`; the paper: 1.
        told: 1 for a network that is told the noise level, see `frame.py`.
    """
    counts = [blocks] * (2 * levels - 1) if isinstance(blocks, int) else list(blocks)
    frame = Frame(size, grid, told)
    x = convolution(frame.seen, filters, 3, "head", activation="leaky_relu")
    widths = [filters * 2**index for index in range(levels)]
    skips = []
    for index in range(levels - 1):
        x = _blocks(x, filters, counts[index], f"down{index + 1}")
        skips.append(x)
        x = layers.Conv2D(widths[index + 1], 4, strides=2, padding="same", name=f"halve{index + 1}")(x)
    x = _blocks(x, filters, counts[levels - 1], "bottom")
    for index in reversed(range(levels - 1)):
        x = layers.Conv2DTranspose(widths[index], 2, strides=2, name=f"double{index + 1}")(x)
        x = layers.Concatenate(name=f"skip{index + 1}")([x, skips[index]])
        x = _blocks(x, filters, counts[-index - 1], f"up{index + 1}", is_modulated=bool(modulators))
    return frame.network(x, "uformer")


def block(x: keras.KerasTensor, head_width: int, is_shifted: bool, is_modulated: bool, name: str) -> keras.KerasTensor:
    """A locally-enhanced window transformer block (section 3.2, figure 2b): attention, then convolutions."""
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_normal1")(x)
    heads = x.shape[-1] // head_width
    x = layers.Add(name=f"{name}_add1")(
        [x, WindowAttention(heads, is_shifted, is_modulated, name=f"{name}_attention")(y)]
    )
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_normal2")(x)
    return layers.Add(name=f"{name}_add2")([x, feed_forward(y, f"{name}_feed")])


def feed_forward(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Widen four times, look at the neighbours in each channel, narrow again (section 3.2, figure 3)."""
    channels = x.shape[-1]
    x = convolution(x, 4 * channels, 1, f"{name}_widen", activation="gelu")
    x = layers.DepthwiseConv2D(3, padding="same", activation="gelu", name=f"{name}_depthwise")(x)
    return convolution(x, channels, 1, f"{name}_narrow", activation=None, ends_residual=True)


class WindowAttention(layers.Layer):
    """Self-attention of the pixels in each window of 8x8 (section 3.2), with a learnt bias for each relative position.

    Shifted windows lie half a window off. Beyond the edge they see the map mirrored, where the paper brings in the
    opposite edge and hides it again: so height and width may be any multiple of a window. A modulator is a learnt map
    of the size of a window, which is added to every window (section 3.3).
    """

    def __init__(self, heads: int, is_shifted: bool, is_modulated: bool, **options: Any) -> None:
        """Make the layer; `heads` divides the channels."""
        super().__init__(**options)
        self.heads = heads
        self.margin = WINDOW // 2 if is_shifted else 0
        self.is_modulated = is_modulated
        # Which of the (2 * WINDOW - 1)^2 relative positions a pair of pixels has.
        y, x = np.divmod(np.arange(WINDOW**2), WINDOW)
        dy, dx = np.subtract.outer(y, y) + WINDOW - 1, np.subtract.outer(x, x) + WINDOW - 1
        self.positions = dy * (2 * WINDOW - 1) + dx

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the weights, for a map of `input_shape`, (N, H, W, C)."""
        channels = input_shape[-1]
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.bias = self.add_weight((self.heads, (2 * WINDOW - 1) ** 2), small, name="bias")
        if self.is_modulated:
            self.modulator = self.add_weight((WINDOW**2, channels), small, name="modulator")
        self.project = layers.Dense(3 * channels, dtype=self.dtype_policy, name="project")
        self.project.build((None, WINDOW**2, channels))
        self.merge = layers.Dense(channels, kernel_initializer=small, dtype=self.dtype_policy, name="merge")
        self.merge.build((None, WINDOW**2, channels))

    def call(self, x: Any) -> Any:
        """Attend: from (N, H, W, C) to the same."""
        channels, margin = x.shape[-1], self.margin
        around = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        windows = ops.space_to_depth(ops.pad(x, around, "symmetric") if margin else x, WINDOW)
        _, rows, columns, depth = ops.shape(windows)
        pixels = ops.reshape(windows, (-1, WINDOW**2, channels))
        if self.is_modulated:
            pixels = pixels + self.modulator
        projected = ops.reshape(self.project(pixels), (-1, WINDOW**2, 3 * self.heads, channels // self.heads))
        queries, keys, values = ops.split(ops.transpose(projected, (0, 2, 1, 3)), 3, axis=1)  # (-1, heads, 64, C/heads)
        scores = ops.matmul(queries * (channels // self.heads) ** -0.5, ops.transpose(keys, (0, 1, 3, 2)))
        weights = ops.softmax(scores + ops.take(self.bias, self.positions, axis=1))
        seen = ops.reshape(ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3)), (-1, WINDOW**2, channels))
        x = ops.depth_to_space(ops.reshape(self.merge(seen), (-1, rows, columns, depth)), WINDOW)
        return x[:, margin:-margin, margin:-margin] if margin else x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that came in."""
        return input_shape


def _blocks(
    x: keras.KerasTensor, head_width: int, count: int, name: str, is_modulated: bool = False
) -> keras.KerasTensor:
    for index in range(count):
        x = block(x, head_width, index % 2 == 1, is_modulated, f"{name}_block{index + 1}")
    return x

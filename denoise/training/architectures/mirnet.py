"""MIRNet: Zamir et al., "Learning Enriched Features for Real Image Restoration" (arXiv:2003.06792, section 3).

Some parts are used twice with the same weights, as the paper's own count of parameters has it. Functions that make such
a part return what applies it.
"""

from collections.abc import Callable, Sequence

import keras
from keras import layers, ops

from denoise.training.architectures.frame import Frame

Part = Callable[[keras.KerasTensor], keras.KerasTensor]
"""Layers with their weights, from one map to another."""

STREAMS = 3
"""Maps side by side, each of half the size of the one before, with twice its channels."""


def mirnet(
    size: int | None = None, filters: int = 24, groups: int = 1, blocks: int = 2, grid: int = 2, told: int = 0
) -> keras.Model:
    """Build MIRNet: recursive residual groups of multi-scale residual blocks (figure 1).

    1,495,556 parameters by default, 31,787,436 at the paper's widths, where 31.8 M are published.

    Args:
        size: Height and width of the input, a multiple of 4 times `grid`; `None` for any.
        filters: Channels of the finest stream, a multiple of 8 (the paper: 64).
        groups: Recursive residual groups in a row (the paper: 3).
        blocks: Multi-scale residual blocks in each (the paper: 2).
        grid: 2 for a network on a half-size grid, see `Frame`; the paper: 1.
        told: 1 for a network that is told the noise level, see `frame.py`.
    """
    frame = Frame(size, grid, told)
    x = _convolution(filters, 3, "head")(frame.seen)
    for group in range(groups):
        y = x
        for block in range(blocks):
            y = multi_scale_residual_block(y, filters, f"group{group + 1}_block{block + 1}")
        y = _convolution(filters, 3, f"group{group + 1}_conv", ends_residual=True)(y)
        x = layers.Add(name=f"group{group + 1}_add")([x, y])
    return frame.network(x, "mirnet", use_bias=False)


def multi_scale_residual_block(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Three streams: attention, every stream mixed with the others, the same attention, all fused (section 3.1)."""
    widths = [filters * 2**index for index in range(STREAMS)]
    attention = [dual_attention_unit(width, f"{name}_attention{index + 1}") for index, width in enumerate(widths)]
    fusion = [selective_fusion(width, f"{name}_fusion{index + 1}") for index, width in enumerate(widths)]
    resampling = {
        (source, target): _resampling(widths[source], target - source, f"{name}_from{source + 1}_to{target + 1}")
        for source in range(STREAMS)
        for target in range(STREAMS)
    }
    streams = [attention[0](x)]
    for index in range(1, STREAMS):
        streams.append(attention[index](resampling[index - 1, index](streams[-1])))
    mixed = [
        fusion[target]([resampling[source, target](stream) for source, stream in enumerate(streams)])
        for target in range(STREAMS)
    ]
    streams = [attend(stream) for attend, stream in zip(attention, mixed, strict=True)]
    enlarged = [
        _resampling(widths[source], -source, f"{name}_last_from{source + 1}")(stream)
        for source, stream in enumerate(streams)
    ]
    y = _convolution(filters, 3, f"{name}_conv", ends_residual=True)(fusion[0](enlarged))
    return layers.Add(name=f"{name}_add")([x, y])


def dual_attention_unit(filters: int, name: str, reduction: int = 8) -> Part:
    """Two convolutions, weighed pixel by pixel and channel by channel, around a skip (section 3.1.2, figure 3)."""
    convolutions = _sequence(
        _convolution(filters, 3, f"{name}_conv1"), _prelu(f"{name}_prelu"), _convolution(filters, 3, f"{name}_conv2")
    )
    pixel_gate = layers.Conv2D(1, 5, padding="same", activation="sigmoid", use_bias=False, name=f"{name}_pixel_gate")
    channel_gate = _sequence(
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool"),
        _convolution(filters // reduction, 1, f"{name}_squeeze"),
        layers.ReLU(name=f"{name}_squeeze_relu"),
        _convolution(filters, 1, f"{name}_excite"),
        layers.Activation("sigmoid", name=f"{name}_channel_gate"),
    )
    merge = _convolution(filters, 1, f"{name}_merge", ends_residual=True)

    def apply(x: keras.KerasTensor) -> keras.KerasTensor:
        y = convolutions(x)
        pooled = ops.concatenate([ops.max(y, axis=3, keepdims=True), ops.mean(y, axis=3, keepdims=True)], axis=3)
        return x + merge(ops.concatenate([y * pixel_gate(pooled), y * channel_gate(y)], axis=3))

    return apply


def selective_fusion(
    filters: int, name: str, reduction: int = 8
) -> Callable[[Sequence[keras.KerasTensor]], keras.KerasTensor]:
    """Mix the streams by weights a channel that sum to one (selective kernel fusion, section 3.1.1, figure 2)."""
    squeeze = _sequence(
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool"),
        _convolution(max(filters // reduction, 4), 1, f"{name}_squeeze"),
        _prelu(f"{name}_prelu"),
    )
    scores = [_convolution(filters, 1, f"{name}_score{index + 1}") for index in range(STREAMS)]
    softmax = layers.Softmax(axis=1, name=f"{name}_softmax")

    def apply(streams: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        squeezed = squeeze(layers.add(streams))
        weights = softmax(ops.concatenate([score(squeezed) for score in scores], axis=1))
        return layers.add([stream * weights[:, i : i + 1] for i, stream in enumerate(streams)])

    return apply


def _resampling(filters: int, halvings: int, name: str) -> Part:
    """Halve, or where `halvings` is negative double, height and width so often (section 3.1.3, figure 4)."""
    steps = []
    for step in range(abs(halvings)):
        steps.append((_halving if halvings > 0 else _doubling)(filters, f"{name}_step{step + 1}"))
        filters = 2 * filters if halvings > 0 else filters // 2
    return _sequence(*steps)


def _halving(filters: int, name: str) -> Part:
    # Means of 2x2 pixels, where the paper has those of 3x3 with a centre of its own: enlarging puts them back in place.
    top = _sequence(
        _convolution(filters, 1, f"{name}_conv1"),
        _prelu(f"{name}_prelu1"),
        _convolution(filters, 3, f"{name}_conv2"),
        _prelu(f"{name}_prelu2"),
        layers.AveragePooling2D(2, name=f"{name}_pool"),
        _convolution(2 * filters, 1, f"{name}_conv3", ends_residual=True),
    )
    bottom = _sequence(layers.AveragePooling2D(2, name=f"{name}_pool0"), _convolution(2 * filters, 1, f"{name}_conv0"))
    return lambda x: layers.add([top(x), bottom(x)])


def _doubling(filters: int, name: str) -> Part:
    top = _sequence(
        _convolution(filters, 1, f"{name}_conv1"),
        _prelu(f"{name}_prelu1"),
        layers.Conv2DTranspose(filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv2"),
        _prelu(f"{name}_prelu2"),
        _convolution(filters // 2, 1, f"{name}_conv3", ends_residual=True),
    )
    # The paper enlarges first, which comes to the same for four times the work.
    bottom = _sequence(
        _convolution(filters // 2, 1, f"{name}_conv0"),
        layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_double"),
    )
    return lambda x: layers.add([top(x), bottom(x)])


def _convolution(filters: int, kernel_size: int, name: str, ends_residual: bool = False) -> keras.layers.Layer:
    """A convolution without bias that keeps the size; `ends_residual` as in `ridnet.convolution`."""
    initializer = keras.initializers.VarianceScaling(0.02 if ends_residual else 1.0, "fan_in", "truncated_normal")
    return layers.Conv2D(
        filters, kernel_size, padding="same", use_bias=False, kernel_initializer=initializer, name=name
    )


def _prelu(name: str) -> keras.layers.Layer:
    """A ReLU with one learnt slope for what is negative."""
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2, 3], name=name)


def _sequence(*parts: Part) -> Part:
    def apply(x: keras.KerasTensor) -> keras.KerasTensor:
        for part in parts:
            x = part(x)
        return x

    return apply

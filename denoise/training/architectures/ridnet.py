"""RIDNet: Anwar and Barnes, "Real Image Denoising with Feature Attention" (arXiv:1904.07396, section 3)."""

import keras
from keras import layers

from denoise.training.architectures.frame import Frame


def ridnet(
    size: int | None = None, filters: int = 64, modules: int = 4, reduction: int = 16, grid: int = 1, told: int = 0
) -> keras.Model:
    """Build RIDNet: one convolution, enhancement attention modules, one convolution, global skip.

    1,499,347 parameters at the paper's widths.

    Args:
        size: Height and width of the input; `None` for any.
        filters: Channels of every feature map (the paper: 64).
        modules: Enhancement attention modules in a row (the paper: 4).
        reduction: Channel reduction inside the attention (the paper: 16).
        grid: 2 for the network on a half-size grid, see `Frame`, whose input has an even height and width.
        told: 1 for a network that is told the noise level, see `frame.py`.
    """
    frame = Frame(size, grid, told)
    x = layers.Conv2D(filters, 3, padding="same", name="head")(frame.seen)
    for index in range(modules):
        x = enhancement_attention_module(x, filters, reduction, f"eam{index + 1}")
    return frame.network(x, "ridnet")


def enhancement_attention_module(x: keras.KerasTensor, filters: int, reduction: int, name: str) -> keras.KerasTensor:
    """Apply one enhancement attention module (section 3.2, figure 2)."""
    x = merge_and_run(x, filters, f"{name}_merge")
    x = residual_block(x, filters, (3, 3), f"{name}_residual")
    x = residual_block(x, filters, (3, 3, 1), f"{name}_enhanced")
    return feature_attention(x, filters, reduction, f"{name}_attention")


def merge_and_run(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Two branches of dilated convolutions (1, 2 and 3, 4), concatenated, merged, added to the input."""
    branches = []
    for dilations in ((1, 2), (3, 4)):
        branch = x
        for dilation in dilations:
            branch = convolution(branch, filters, 3, f"{name}_dilated{dilation}", dilation=dilation)
        branches.append(branch)
    merged = layers.Concatenate(name=f"{name}_concat")(branches)
    merged = convolution(merged, filters, 3, f"{name}_conv", ends_residual=True)
    return layers.Add(name=f"{name}_add")([x, merged])


def residual_block(x: keras.KerasTensor, filters: int, kernel_sizes: tuple[int, ...], name: str) -> keras.KerasTensor:
    """Convolutions of the given kernel sizes around a skip connection, ReLU between them and at the end."""
    y = x
    for index, kernel_size in enumerate(kernel_sizes[:-1]):
        y = convolution(y, filters, kernel_size, f"{name}_conv{index + 1}")
    last = f"{name}_conv{len(kernel_sizes)}"
    y = convolution(y, filters, kernel_sizes[-1], last, activation=None, ends_residual=True)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)


def feature_attention(x: keras.KerasTensor, filters: int, reduction: int, name: str) -> keras.KerasTensor:
    """Weigh each channel by a gate computed from its mean over the picture (section 3.3)."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    gate = convolution(gate, filters // reduction, 1, f"{name}_squeeze")
    gate = convolution(gate, filters, 1, f"{name}_excite", activation="sigmoid")
    return layers.Multiply(name=f"{name}_scale")([x, gate])


def convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    dilation: int = 1,
    activation: str | None = "relu",
    ends_residual: bool = False,
) -> keras.KerasTensor:
    """A convolution with bias that keeps the size; `ends_residual`: the last one of a residual branch."""
    # He's initialisation, but the last convolution of a residual branch starts at a tenth of its deviation: at first
    # the skips carry signal and gradient, and the loss falls faster (compare EDSR, arXiv:1707.02921, section 3.3).
    variance = 0.02 if ends_residual else 2.0
    return layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        dilation_rate=dilation,
        activation=activation,
        kernel_initializer=keras.initializers.VarianceScaling(variance, "fan_in", "truncated_normal"),
        name=name,
    )(x)

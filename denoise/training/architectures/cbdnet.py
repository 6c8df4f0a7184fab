"""CBDNet: Guo et al., "Toward Convolutional Blind Denoising of Real Photographs" (arXiv:1807.04686, section 3.2)."""

import keras
from keras import layers

from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution

NOISE_LEVEL = "noise_level"
"""Name of the layer whose output is the estimated noise level, (N, H, W, 3), for the losses of section 3.3."""


def cbdnet(size: int | None = None, filters: int = 64) -> keras.Model:
    """Build CBDNet: one network estimates the noise level of every pixel, the other removes the noise.

    4,365,382 parameters at the paper's widths.

    Args:
        size: Height and width of the input, a multiple of 4; `None` for any.
        filters: Channels of the U-Net's first level (the paper: 64), doubled at each of its two poolings; the
            estimator has half as many (the paper: 32).
    """
    frame = Frame(size)
    level = noise_estimator(frame.noisy, filters // 2)
    x = denoiser(layers.Concatenate(name="noisy_and_level")([frame.noisy, level]), filters)
    return frame.network(x, "cbdnet", kernel_size=1)


def noise_estimator(noisy: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """CNN_E: five convolutions without pooling, to a level of noise a pixel and channel that is never negative."""
    x = convolutions(noisy, filters, 4, "estimate")
    return layers.Conv2D(
        3,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=_SMALL,
        name=NOISE_LEVEL,
    )(x)


def denoiser(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """CNN_D: a U-Net of 16 convolutions, the last of them the frame's, on three scales with skips by addition."""
    full = convolutions(x, filters, 2, "down1")
    x = layers.AveragePooling2D(2, name="pool1")(full)
    half = convolutions(x, 2 * filters, 3, "down2")
    x = layers.AveragePooling2D(2, name="pool2")(half)
    x = convolutions(x, 4 * filters, 6, "bottom")
    x = layers.Conv2DTranspose(2 * filters, 2, strides=2, name="enlarge2")(x)
    x = convolutions(layers.Add(name="skip2")([x, half]), 2 * filters, 3, "up2")
    x = layers.Conv2DTranspose(filters, 2, strides=2, name="enlarge1")(x)
    return convolutions(layers.Add(name="skip1")([x, full]), filters, 2, "up1")


_SMALL = keras.initializers.Constant(0.05)  # else ReLU may start, and stay, at zero


def convolutions(x: keras.KerasTensor, filters: int, count: int, name: str) -> keras.KerasTensor:
    """So many convolutions of 3x3 in a row, each with a ReLU."""
    for index in range(count):
        x = convolution(x, filters, 3, f"{name}_conv{index + 1}")
    return x

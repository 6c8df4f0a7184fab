"""PRIDNet: Zhao et al., "Pyramid Real Image Denoising Network" (arXiv:1908.00273, section II)."""

import keras
from keras import layers

from denoise.training.architectures.cbdnet import convolutions
from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution

SCALES = (1, 2, 4, 8, 16)


def pridnet(size: int | None = None, filters: int = 32, levels: int = 5) -> keras.Model:
    """Build PRIDNet: noise estimation with channel attention, five U-Nets on a pyramid, fusion by kernel selection.

    Added to the paper: the fused result is added to the input instead of replacing it, so it learns quickly.

    74,228,129 parameters at the paper's width; 18,617,169 at half of it, and 1,197,649 with three levels.

    Args:
        size: Height and width of the input, a multiple of 256 (pooling by 16, then four by two), or of half as many
            for each level less; `None` for any.
        filters: Channels of the first level of the U-Nets (the paper: 32), doubled at each of their poolings.
        levels: Levels of the U-Nets (the paper: 5); each has three quarters of all parameters down to it.
    """
    frame = Frame(size)
    x = layers.Concatenate(name="noisy_and_estimate")([frame.noisy, noise_estimation(frame.noisy)])
    scales = [_scale(x, scale, filters, levels) for scale in SCALES]
    x = layers.Concatenate(name="pyramid")([x, *scales])
    return frame.network(kernel_selection(x), "pridnet", kernel_size=1)


def noise_estimation(noisy: keras.KerasTensor, filters: int = 32) -> keras.KerasTensor:
    """Four convolutions, weighed channel by channel (section II-B), to three channels."""
    x = convolutions(noisy, filters, 4, "estimate")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="attention_pool")(x)
    gate = convolution(gate, 2, 1, "attention_squeeze")
    gate = layers.Conv2D(filters, 1, activation="sigmoid", name="attention_excite")(gate)
    x = layers.Multiply(name="attention_scale")([x, gate])
    return layers.Conv2D(3, 3, padding="same", name="estimate")(x)


def unet(x: keras.KerasTensor, filters: int, levels: int, name: str) -> keras.KerasTensor:
    """A U-Net of so many levels (section II-C), to three channels."""
    skips = []
    for level in range(levels - 1):
        x = convolutions(x, filters * 2**level, 4, f"{name}_down{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"{name}_pool{level + 1}")(x)
    x = convolutions(x, filters * 2 ** (levels - 1), 4, f"{name}_bottom")
    for level in reversed(range(levels - 1)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2, name=f"{name}_enlarge{level + 1}")(x)
        x = layers.Concatenate(name=f"{name}_skip{level + 1}")([x, skips[level]])
        x = convolutions(x, filters * 2**level, 3, f"{name}_up{level + 1}")
    return layers.Conv2D(3, 1, name=f"{name}_tail")(x)


def kernel_selection(x: keras.KerasTensor) -> keras.KerasTensor:
    """Convolve by 3x3, 5x5 and 7x7, and mix the three by weights a channel that sum to one (section II-D)."""
    channels = x.shape[-1]
    views = [convolution(x, channels, kernel, f"select_conv{kernel}") for kernel in (3, 5, 7)]
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="select_pool")(layers.Add(name="select_sum")(views))
    squeezed = convolution(pooled, channels // 2, 1, "select_squeeze")
    scores = [layers.Conv2D(channels, 1, name=f"select_score{kernel}")(squeezed) for kernel in (3, 5, 7)]
    weights = layers.Softmax(axis=1, name="select_softmax")(layers.Concatenate(axis=1, name="select_scores")(scores))
    picked = [
        layers.Multiply(name=f"select_scale{kernel}")([view, weights[:, index : index + 1]])
        for index, (kernel, view) in enumerate(zip((3, 5, 7), views, strict=True))
    ]
    return layers.Add(name="selected")(picked)


def _scale(x: keras.KerasTensor, scale: int, filters: int, levels: int) -> keras.KerasTensor:
    if scale == 1:
        return unet(x, filters, levels, "scale1")
    small = layers.AveragePooling2D(scale, name=f"scale{scale}_shrink")(x)
    small = unet(small, filters, levels, f"scale{scale}")
    return layers.UpSampling2D(scale, interpolation="bilinear", name=f"scale{scale}_enlarge")(small)

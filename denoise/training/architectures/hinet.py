"""HINet: Chen et al., "Half Instance Normalization Network for Image Restoration" (arXiv:2105.06086, section 3)."""

import keras
from keras import layers

from denoise.training.architectures.frame import Frame
from denoise.training.architectures.ridnet import convolution

FIRST = "first"
"""Name of the layer whose output is what the first subnetwork makes of the photo, which is learnt from too."""

Scales = list[keras.KerasTensor]
"""Maps of one subnetwork, the finest first."""


def hinet(size: int | None = None, filters: int = 24, levels: int = 4, grid: int = 2, told: int = 0) -> keras.Model:
    """Build HINet: two U-Nets in a row, the second of which sees what the first one saw (figure 2).

    3,118,608 parameters by default, 88,669,702 at the paper's widths, where 88.67 M are published.

    Args:
        size: Height and width of the input, a multiple of `grid` times 2 to the power of `levels` - 1; `None` for any.
        filters: Channels of the finest grid (the paper: 64), doubled at each halving.
        levels: Grids, each of half the size of the one before (the paper: 5).
        grid: 2 for a network on a half-size grid, see `Frame`; the paper: 1.
        told: 1 for a network that is told the noise level, see `frame.py`.
    """
    frame = Frame(size, grid, told)
    widths = [filters * 2**index for index in range(levels)]
    x, encoded, decoded = subnetwork(convolution(frame.seen, filters, 3, "head1", activation=None), widths, "net1")
    attended = supervised_attention(x, frame.photo, "attention")
    x = convolution(frame.seen, filters, 3, "head2", activation=None)
    x = layers.Conv2D(filters, 1, name="joined")(layers.Concatenate(name="join")([x, attended]))
    x, _, _ = subnetwork(x, widths, "net2", (encoded, decoded))
    return frame.network(x, "hinet")


def subnetwork(
    x: keras.KerasTensor, widths: list[int], name: str, before: tuple[Scales, Scales] | None = None
) -> tuple[keras.KerasTensor, Scales, Scales]:
    """One U-Net (section 3.1) of grids with so many channels, the finest first, from a map and to a map of the finest.

    What another subnetwork encoded and decoded `before` is added on the way down (cross-stage feature fusion).

    Returns:
        The finest map, what was encoded, and what was decoded; of the coarsest grid neither.
    """
    encoded: Scales = []
    decoded: Scales = []
    for index, width in enumerate(widths[:-1]):
        at = f"{name}_down{index + 1}"
        x = block(x, width, at, is_normalised=True)
        if before:
            fused = [
                convolution(maps[index], width, 3, f"{at}_from_{kind}", activation=None, ends_residual=True)
                for kind, maps in zip(("encoder", "decoder"), before, strict=True)
            ]
            x = layers.Add(name=f"{at}_fused")([x, *fused])
        encoded.append(x)
        x = layers.Conv2D(width, 4, strides=2, padding="same", use_bias=False, name=f"{at}_halve")(x)
    x = block(x, widths[-1], f"{name}_bottom", is_normalised=True)
    for index in reversed(range(len(widths) - 1)):
        at = f"{name}_up{index + 1}"
        x = layers.Conv2DTranspose(widths[index], 2, strides=2, name=f"{at}_double")(x)
        skip = layers.Conv2D(widths[index], 3, padding="same", name=f"{at}_skip")(encoded[index])
        x = block(layers.Concatenate(name=f"{at}_concat")([x, skip]), widths[index], at, is_normalised=False)
        decoded.insert(0, x)
    return x, encoded, decoded


def block(x: keras.KerasTensor, filters: int, name: str, is_normalised: bool) -> keras.KerasTensor:
    """Two convolutions around a skip; half of what the first makes may be normalised (section 3.2, figure 3)."""
    y = convolution(x, filters, 3, f"{name}_conv1", activation=None)
    if is_normalised:
        half = filters // 2
        normal = layers.GroupNormalization(-1, epsilon=1e-5, name=f"{name}_normal")(y[..., :half])  # each channel
        y = layers.Concatenate(name=f"{name}_halves")([normal, y[..., half:]])
    y = layers.LeakyReLU(0.2, name=f"{name}_relu1")(y)
    y = convolution(y, filters, 3, f"{name}_conv2", activation=None, ends_residual=True)
    y = layers.LeakyReLU(0.2, name=f"{name}_relu2")(y)
    return layers.Add(name=f"{name}_add")([y, layers.Conv2D(filters, 1, name=f"{name}_identity")(x)])


def supervised_attention(x: keras.KerasTensor, photo: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Make a photo of the map, and weigh the map by what is seen in that (MPRNet, arXiv:2102.02808, section 3.3)."""
    channels = photo.shape[-1]
    residual = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros", name=f"{name}_photo")(x)
    first = layers.Add(name=FIRST, dtype="float32")([photo, residual])
    gate = layers.Conv2D(x.shape[-1], 3, padding="same", activation="sigmoid", name=f"{name}_gate")(first)
    y = convolution(x, x.shape[-1], 3, f"{name}_conv", activation=None, ends_residual=True)
    return layers.Add(name=f"{name}_add")([x, layers.Multiply(name=f"{name}_scale")([y, gate])])

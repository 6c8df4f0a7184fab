"""The baseline of the case study: a convolutional autoencoder, after the one in Keras' examples (keras.io)."""

import keras
from keras import layers

from denoise.training.architectures.ridnet import convolution


def autoencoder(size: int | None = None, filters: int = 64, skip: int = 1) -> keras.Model:
    """Build the autoencoder: three times convolution and max-pooling, three transposed convolutions, one convolution.

    What does not pass the pooled maps is lost, so the plain autoencoder of the case study blurs, and photos with little
    noise come back worse. With the skip its picture is mixed with the input by a weight in [0, 1] a pixel and channel,
    which the decoder makes too and which starts at a half. (Adding the output to the input instead, as the other
    networks do, taught it nothing in 2,000 steps: grain does not pass the pooled maps, so it cannot be subtracted.)
    Where noise is strong, and the picture poor, there is little to be had of either: then it helps to choose, pixel by
    pixel, among the input and what it is when averaged over squares of 2, 4, ... pixels.

    1,333,190 parameters by default, 1,334,921 with three versions of the input.

    Args:
        size: Height and width of the input, a multiple of 8; `None` for any.
        filters: Channels of the first map; doubled at each pooling.
        skip: 1 to mix the output with the input, more to mix it with so many versions of that, each averaged over
            squares of twice the size; 0 for the case study's own.
    """
    noisy = keras.Input((size, size, 3), name="noisy")
    x = noisy
    widths = [filters, 2 * filters, 4 * filters]
    for level, width in enumerate(widths, 1):
        x = convolution(x, width, 3, f"conv{level}")
        x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    for level, width in zip((3, 2, 1), reversed(widths), strict=True):
        x = layers.Conv2DTranspose(
            width, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal", name=f"up{level}"
        )(x)
    decoded = layers.Conv2D(3, 3, padding="same", name="decoded")(x)
    if not skip:
        denoised = layers.Activation("linear", name="denoised", dtype="float32")(decoded)
        return keras.Model(noisy, denoised, name="autoencoder")
    weight = layers.Conv2D(3, 3, padding="same", activation="sigmoid", kernel_initializer="zeros", name="tail")(x)
    changes = _towards_averages(noisy, x, skip) if skip > 1 else []
    kept = layers.Add(name="kept")([noisy, *changes]) if changes else noisy
    difference = layers.Subtract(name="difference")([decoded, kept])
    mixed = layers.Multiply(name="mix")([weight, difference])
    # Not `kept` plus `mixed`: what is added may have few bits, the photo not.
    denoised = layers.Add(name="denoised", dtype="float32")([noisy, *changes, mixed])
    return keras.Model(noisy, denoised, name="autoencoder")


def _towards_averages(noisy: keras.KerasTensor, x: keras.KerasTensor, versions: int) -> list[keras.KerasTensor]:
    """What is to be added to the photo, for a mean of so many versions of it that are weighed pixel by pixel by `x`."""
    scores = layers.Conv2D(versions, 3, padding="same", kernel_initializer="zeros", name="choose")(x)
    weights = layers.Softmax(name="chosen")(scores)
    changes = []
    for index in range(1, versions):
        size = 2**index
        averaged = layers.AveragePooling2D(size, name=f"average{size}")(noisy)
        averaged = layers.UpSampling2D(size, interpolation="bilinear", name=f"averaged{size}")(averaged)
        change = layers.Subtract(name=f"towards{size}")([averaged, noisy])
        changes.append(layers.Multiply(name=f"weigh{size}")([change, weights[..., index : index + 1]]))
    return changes

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

    Args:
        size: Height and width of the input, a multiple of 8; `None` for any.
        filters: Channels of the first map; doubled at each pooling.
        skip: 1 to mix the output with the input, 0 for the case study's own.

    Returns:
        A model from (N, H, W, 3) noisy in [0, 1] to (N, H, W, 3) denoised, float32, not clipped.
        1,333,190 parameters by default.
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
    difference = layers.Subtract(name="difference")([decoded, noisy])
    denoised = layers.Add(name="denoised", dtype="float32")([noisy, layers.Multiply(name="mix")([weight, difference])])
    return keras.Model(noisy, denoised, name="autoencoder")

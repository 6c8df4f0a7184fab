"""The baseline of the case study: a convolutional autoencoder, after the one in Keras' examples (keras.io)."""

import keras
from keras import layers


def autoencoder(size: int | None = None, filters: int = 64, skip: int = 1) -> keras.Model:
    """Build the autoencoder: three times convolution and max-pooling, three transposed convolutions, one convolution.

    What does not pass the pooled maps is lost, so the plain autoencoder of the case study blurs: photos with little
    noise come back worse. With the global skip it estimates the noise instead of the photo, and an untrained one
    returns its input.

    Args:
        size: Height and width of the input, a multiple of 8; `None` for any.
        filters: Channels of the first map; doubled at each pooling.
        skip: 1 to add the input to the output, 0 for the case study's own.

    Returns:
        A model from (N, H, W, 3) noisy in [0, 1] to (N, H, W, 3) denoised, float32, not clipped.
        1,331,459 parameters by default.
    """
    noisy = keras.Input((size, size, 3), name="noisy")
    x = noisy
    widths = [filters, 2 * filters, 4 * filters]
    for level, width in enumerate(widths, 1):
        x = layers.Conv2D(
            width, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=f"conv{level}"
        )(x)
        x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    for level, width in zip((3, 2, 1), reversed(widths), strict=True):
        x = layers.Conv2DTranspose(
            width, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal", name=f"up{level}"
        )(x)
    first = "zeros" if skip else "glorot_uniform"
    x = layers.Conv2D(3, 3, padding="same", kernel_initializer=first, name="tail")(x)
    if skip:
        denoised = layers.Add(name="denoised", dtype="float32")([noisy, x])
    else:
        denoised = layers.Activation("linear", name="denoised", dtype="float32")(x)
    return keras.Model(noisy, denoised, name="autoencoder")

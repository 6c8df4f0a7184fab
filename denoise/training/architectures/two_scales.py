"""A second look at half the size, where coarse grain is fine and what surrounds a pixel is twice as much.

Multiscale denoising with a conservative recomposition, after Facciolo, Pierazzo and Morel, "Conservative Scale
Recomposition for Multiscale Denoising (The Devil is in the High Frequency Detail)", SIAM J. Imaging Sciences, 2017.
"""

import keras
from keras import layers, ops

from denoise.level import UNKNOWN
from denoise.training.architectures.frame import noise_level_input, within_level


def two_scales(network: keras.Model, size: int | None = None, half: int = 5) -> keras.Model:
    """Build a network that denoises a photo at its size and at half of it, and joins both.

    What is coarse comes from the half size, what is fine from the whole: the difference at half the size is smoothed,
    so that only what both sizes show well is changed. Both times it is the same network with the same weights, and the
    file of weights is the one of `network`, whose size is open. Takes a quarter longer.

    Args:
        network: The network; it may be told the noise level.
        size: Height and width of the input, even; `None` for any, one size in each compiled function.
        half: See `level_at_half_size`.
    """
    noisy = keras.Input((size, size, 3), name="noisy")
    level = noise_level_input(size) if isinstance(network.input, list) else None
    halve = layers.AveragePooling2D(2, name="halve", dtype="float32")
    if level is None:
        fine, coarse = network(noisy), network(halve(noisy))
    else:
        fine, coarse = network([noisy, level]), network([halve(noisy), level_at_half_size(level, half)])
    difference = layers.Subtract(name="difference", dtype="float32")([coarse, halve(fine)])
    for index in (1, 2):  # two boxes are nearly a Gaussian window of deviation 1.2
        smooth = layers.AveragePooling2D(3, strides=1, padding="same", name=f"smooth{index}", dtype="float32")
        difference = smooth(difference)
    difference = layers.UpSampling2D(2, interpolation="bilinear", name="double", dtype="float32")(difference)
    difference = within_level(difference, level)
    denoised = layers.Add(name="denoised", dtype="float32")([fine, difference])
    model = keras.Model(noisy if level is None else [noisy, level], denoised, name=network.name)
    model.load_weights, model.save_weights = network.load_weights, network.save_weights
    return model


def level_at_half_size(level: keras.KerasTensor, half: int) -> keras.KerasTensor:
    """Return what is told of a photo at half its size, (N, H / 2, W / 2, 1).

    That is `half` tenths of the level: 5 for white noise, which is half as strong there, and more for a camera's, which
    is alike in neighbouring pixels.
    """
    halved = layers.AveragePooling2D(2, name="level_halved", dtype="float32")(level)
    return ops.where(halved < 0.0, UNKNOWN, half / 10 * halved)

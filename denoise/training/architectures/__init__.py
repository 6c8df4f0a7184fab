"""The networks, one file each, and the list of them."""

import inspect
from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from denoise.training.architectures.autoencoder import autoencoder
from denoise.training.architectures.cbdnet import cbdnet
from denoise.training.architectures.pridnet import pridnet
from denoise.training.architectures.ridnet import ridnet
from denoise.training.architectures.unet import unet

ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    "autoencoder": autoencoder,
    "cbdnet": cbdnet,
    "pridnet": pridnet,
    "ridnet": ridnet,
    "unet": unet,
}
"""Builders by name; each takes `size=None` (height and width of the input) and its own widths."""

MULTIPLES = {"autoencoder": 8, "cbdnet": 4, "pridnet": 256, "ridnet": 1, "unet": 16}
"""What height and width of a network's input must be multiples of: what its poolings divide by."""


def build(name: str, **arguments: object) -> keras.Model:
    """Build a network by name.

    Args:
        name: One of `ARCHITECTURES`.
        **arguments: Passed to the builder (`size`, widths).

    Raises:
        ValueError: If there is no such network, it has no such argument, or `size` is no multiple of what it needs.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"`name` must be one of {', '.join(sorted(ARCHITECTURES))}. Received: name={name!r}")
    known = inspect.signature(ARCHITECTURES[name]).parameters
    if unknown := arguments.keys() - known.keys():
        own = ", ".join(argument for argument in known if argument != "size")
        raise ValueError(f"The arguments of {name} are {own}. Received: {', '.join(sorted(unknown))}")
    size = arguments.get("size")
    if isinstance(size, int) and size % MULTIPLES[name]:
        raise ValueError(f"`size` of {name} must be a multiple of {MULTIPLES[name]}. Received: size={size}")
    return ARCHITECTURES[name](**arguments)


def denoise_any_size(network: keras.Model, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a network of open size on photos of any size, padded by reflection to what it needs.

    Args:
        network: A network of this package.
        noisy: (N, H, W, 3) in [0, 1].

    Returns:
        (N, H, W, 3) denoised.
    """
    multiple = MULTIPLES[network.name]
    _, height, width, _ = noisy.shape
    padded = np.pad(noisy, ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")
    denoised: NDArray[np.float32] = network.predict_on_batch(padded)
    return denoised[:, :height, :width]

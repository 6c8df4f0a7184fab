"""The networks, one file each, and the list of them."""

from collections.abc import Callable

import keras

from denoise.training.architectures.ridnet import ridnet

ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {"ridnet": ridnet}
"""Builders by name; each takes `size=None` (height and width of the input) and its own widths."""


def build(name: str, **arguments: object) -> keras.Model:
    """Build a network by name.

    Args:
        name: One of `ARCHITECTURES`.
        **arguments: Passed to the builder (`size`, widths).

    Raises:
        ValueError: If there is no such network.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"`name` must be one of {', '.join(sorted(ARCHITECTURES))}. Received: name={name!r}")
    return ARCHITECTURES[name](**arguments)

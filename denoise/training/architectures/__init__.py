"""The networks, one file each, and the list of them."""

import inspect
from collections.abc import Callable

import keras

from denoise.training.architectures.autoencoder import autoencoder
from denoise.training.architectures.cbdnet import cbdnet
from denoise.training.architectures.pridnet import pridnet
from denoise.training.architectures.ridnet import ridnet
from denoise.training.architectures.two_scales import two_scales
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


def build(name: str, *, size: int | None = None, scales: int = 1, **arguments: object) -> keras.Model:
    """Build a network by name.

    Args:
        name: One of `ARCHITECTURES`.
        size: Height and width of the input, a multiple of `multiple_of`; `None` for any such.
        scales: 2 for the network at two sizes of the photo, see `two_scales`.
        **arguments: Passed to the builder (widths).

    Raises:
        ValueError: If there is no such network, it has no such argument, or `size` is no multiple of what it needs.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"`name` must be one of {', '.join(sorted(ARCHITECTURES))}. Received: name={name!r}")
    known = inspect.signature(ARCHITECTURES[name]).parameters.keys() - {"size"}
    if unknown := arguments.keys() - known:
        own = ", ".join([*sorted(known), "scales"])
        raise ValueError(f"The arguments of {name} are {own}. Received: {', '.join(sorted(unknown))}")
    if scales not in (1, 2):
        raise ValueError(f"`scales` must be 1 or 2. Received: {scales}")
    if scales == 2 and arguments.get("told"):
        raise ValueError("A network that is told the noise level has one size: `scales` must be 1. Received: 2")
    if arguments.get("grid", 1) not in (1, 2):
        raise ValueError(f"`grid` must be 1 or 2. Received: {arguments['grid']}")
    multiple = multiple_of(name, scales=scales, **arguments)
    if size is not None and size % multiple:
        raise ValueError(f"`size` of {name} must be a multiple of {multiple}. Received: size={size}")
    if scales == 2:
        return two_scales(ARCHITECTURES[name](**arguments), size)
    return ARCHITECTURES[name](size=size, **arguments)


def multiple_of(name: str, *, scales: int = 1, grid: object = 1, **_: object) -> int:
    """What height and width of an input must be multiples of, see `build`; 1 for a name that is unknown."""
    return scales * (2 if grid == 2 else 1) * MULTIPLES.get(name, 1)

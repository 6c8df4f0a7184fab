"""The networks, one file each, and the list of them.

Each maps (N, H, W, 3) noisy in [0, 1] to (N, H, W, 3) denoised, float32, not clipped. With `told` it has a second
input, the noise level; with `grid` 2 it works on a half-size grid: see `frame.py`.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from denoise.training.architectures.autoencoder import autoencoder
from denoise.training.architectures.cbdnet import cbdnet
from denoise.training.architectures.ffdnet import ffdnet
from denoise.training.architectures.hinet import hinet
from denoise.training.architectures.mirnet import mirnet
from denoise.training.architectures.pridnet import pridnet
from denoise.training.architectures.ridnet import ridnet
from denoise.training.architectures.two_scales import two_scales
from denoise.training.architectures.uformer import WINDOW, uformer
from denoise.training.architectures.unet import unet

ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    builder.__name__: builder
    for builder in (autoencoder, cbdnet, ffdnet, hinet, mirnet, pridnet, ridnet, uformer, unet)
}
"""Builders by name; each takes `size=None` (height and width of the input) and its own widths."""

_MULTIPLES = {"autoencoder": 8, "cbdnet": 4, "ffdnet": 2, "mirnet": 4, "pridnet": 16, "uformer": WINDOW, "unet": 2}
"""What a network's height and width must be multiples of, if of anything, but for the halvings that its arguments
`grid` and `levels` say: see `multiple_of`."""


def build(name: str, *, size: int | None = None, scales: int = 1, half: int = 5, **arguments: object) -> keras.Model:
    """Build a network by name.

    Args:
        name: One of `ARCHITECTURES`.
        size: Height and width of the input, a multiple of `multiple_of`; `None` for any such.
        scales: 2 for the network at two sizes of the photo, see `two_scales`.
        half: Tenths of the noise level that it is told at half the size then, see `level_at_half_size`.
        **arguments: Passed to the builder (widths).

    Raises:
        ValueError: If there is no such network, it has no such argument, or `size` is no multiple of what it needs.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"`name` must be one of {', '.join(sorted(ARCHITECTURES))}. Received: name={name!r}")
    known = inspect.signature(ARCHITECTURES[name]).parameters.keys() - {"size"}
    if unknown := arguments.keys() - known:
        own = ", ".join([*sorted(known), "scales", "half"])
        raise ValueError(f"The arguments of {name} are {own}. Received: {', '.join(sorted(unknown))}")
    for argument, value in (("scales", scales), ("grid", arguments.get("grid", 1))):
        if value not in (1, 2):
            raise ValueError(f"`{argument}` must be 1 or 2. Received: {value}")
    multiple = multiple_of(name, scales=scales, **arguments)
    if size is not None and size % multiple:
        raise ValueError(f"`size` of {name} must be a multiple of {multiple}. Received: size={size}")
    if scales == 2:
        return two_scales(ARCHITECTURES[name](**arguments), size, half)
    return ARCHITECTURES[name](size=size, **arguments)


def multiple_of(name: str, *, scales: int = 1, **arguments: Any) -> int:
    """What height and width of an input must be multiples of, see `build`; 1 for a name that is unknown."""
    if name not in ARCHITECTURES:
        return 1
    builder = inspect.signature(ARCHITECTURES[name]).parameters.values()
    values = {parameter.name: parameter.default for parameter in builder} | arguments
    return int(scales * values.get("grid", 1) * _MULTIPLES.get(name, 1) * 2 ** (values.get("levels", 1) - 1))

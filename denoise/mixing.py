"""Mixing a photo with its denoised version: how much of the luminance, colour and detail is removed."""

from dataclasses import replace
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.brush import Mask
from denoise.image import Photo, bands, to_depth
from denoise.tone import LUMA

_STRIP = 64  # rows
_DETAIL_RADIUS = 2.0  # pixels, standard deviation of the Gaussian window
_DETAIL_REACH = 16  # pixels, no less than the window has on each side


SHARES = ("luminance", "colour", "detail")
"""The names of the shares of a `Mix`."""


class Mix(NamedTuple):
    """How much of the noise is removed, as shares in [0, 1].

    Attributes:
        luminance: Of the light and dark grain.
        colour: Of the coloured blotches.
        detail: Of the luminance that is left as it was where the photo has texture, see `detail_map`.
        mask: Where more of it is removed, or less; the shares are multiplied by it, up to 1.
    """

    luminance: float = 1.0
    colour: float = 1.0
    detail: float = 0.0
    mask: Mask | None = None

    @property
    def shares(self) -> tuple[float, float, float]:
        """The three shares alone."""
        return self.luminance, self.colour, self.detail


def blend(noisy: Photo, denoised: Photo, mix: Mix, *, at: tuple[int, int] = (0, 0)) -> Photo:
    """Mix a photo with its denoised version, rounding to the nearest level.

    What was removed, noisy minus denoised, is split into luminance and colour, and shares of both are put back. The
    page's viewer does the same for what it shows, with the same arithmetic: what one sees is what is downloaded.

    Args:
        noisy: Noisy photo.
        denoised: The same photo, denoised.
        mix: How much of the noise is removed.
        at: Row and column of the photo, of which this may be a part, in that which the mask covers.

    Raises:
        ValueError: A share is outside [0, 1], or the mask does not cover the photo.
    """
    for name, share in zip(SHARES, mix.shares, strict=True):
        if not 0 <= share <= 1:
            raise ValueError(f"`{name}` must be between 0 and 1. Received: {share}")
    if mix == Mix():
        return denoised
    if mix.mask and not mix.mask.covers(at[0] + noisy.height, at[1] + noisy.width):
        raise ValueError(f"`mask` must cover {noisy.height} × {noisy.width} pixels. Received: {mix.mask[:3]}")
    details = detail_map(noisy, denoised) if mix.detail else None
    pixels = np.empty_like(noisy.pixels)
    for rows, _, _ in bands(noisy.height, _STRIP):  # whole, these 64-bit numbers would take a gigabyte of a large photo
        before = noisy.pixels[rows].astype(np.float64)
        change = denoised.pixels[rows] - before
        luminance = change @ np.array(LUMA)
        light: float | NDArray[np.float64] = mix.luminance
        if details is not None:
            light = mix.luminance * (1 - mix.detail * details[rows] / 255)
        coloured: float | NDArray[np.float64] = mix.colour
        if mix.mask:
            places = (
                start + np.arange(n) for start, n in zip((at[0] + rows.start, at[1]), luminance.shape, strict=True)
            )
            factors = mix.mask.factors(*places)
            light, coloured = np.minimum(light * factors, 1), np.minimum(coloured * factors, 1)[..., None]
        colour = coloured * (256 * change - luminance[..., None])
        luminance *= light
        after = np.floor(before + (luminance[..., None] + colour) / 256 + 0.5)
        pixels[rows] = after.clip(0, np.iinfo(pixels.dtype).max)
    return replace(denoised, pixels=pixels)


def detail_map(noisy: Photo, denoised: Photo) -> NDArray[np.uint8]:
    """Tell where a photo has texture that outweighs what was removed: there, noise is seen least and detail lost most.

    The share s² / (s² + n²), in which s is the standard deviation of the denoised luminance around a pixel, and n that
    of what was removed: the weight of the adaptive Wiener filter (Lim, "Two-Dimensional Signal and Image Processing",
    1990, page 548).

    Returns:
        Shape (height, width), from 0 where the photo is flat to 255 in strong texture.
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.GaussianBlur(values, (0, 0), _DETAIL_RADIUS))

    details = np.empty(noisy.pixels.shape[:2], np.uint8)
    # A large photo at once takes up to five times as long, and memory.
    for rows, around, inside in bands(noisy.height, _STRIP, margin=_DETAIL_REACH):
        before, after = (
            cv2.cvtColor(to_depth(photo.pixels[around], np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
            for photo in (noisy, denoised)
        )
        texture = np.maximum(mean(after**2) - mean(after) ** 2, 0)
        removed = mean((before - after) ** 2)
        share = texture / (texture + removed + 1)  # 1: less than a level is not seen
        details[rows] = 255 * share[inside]
    return details

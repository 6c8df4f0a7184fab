"""Photos of one hue: black and white, sepia, cyanotype. Their colours follow from their luminance, and must go on to.

A network that was trained on colours sees some in every grain; so it gets the luminance alone, and the hue is put back.
"""

from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.image import Pixels

LUMA = (77.0, 150.0, 29.0)
"""Shares of red, green and blue in luminance, in 256ths (ITU-R BT.601, rounded)."""

_WEIGHTS = np.array(LUMA, np.float32) / 256
_SAMPLED = 500_000  # pixels at most, from which the hue is read
_BLOCKS_OF = 2_000_000  # pixels, by whose blocks a large photo is judged
_FEW = 16  # of so many colours, one is looked at first
_BLOCK, _CELL = 16, 4  # pixels; JPEG's colours are right on average over a block, and wrong at edges inside
_SMOOTH = 0.5  # share of the blocks that are taken for smooth
_COARSE = 24  # levels of luminance
_NEAR, _NEAR_ANYWHERE = 0.85, 4.5  # levels of 255: how far colours may be from the curve, root mean square
_ALMOST_ALL, _VISIBLE = 0.985, 2.0  # share of the colours that must not be farther from it than so many levels
_FAINT = 6  # levels of 255; colours as far from the curve are JPEG's, those of twice that are the photo's
_SPOT, _AROUND = 9, 7  # pixels
_POINT, _NOISE = 1.0, 41  # pixels: standard deviation of a point of colour, and the square whose noise it must outshine
_CERTAIN, _FAINT_POINT = 4.0, 3  # so many times; and by so many levels of 255


class Tone(NamedTuple):
    """The colour of each luminance: a curve through the RGB cube, linear between its points.

    Attributes:
        luminance: (K,), ascending, from 0 to 1.
        colours: (K, 3), RGB; beyond [0, 1] at the ends if need be.
    """

    luminance: NDArray[np.float64]
    colours: NDArray[np.float64]

    def __call__(self, luminance: NDArray[np.floating[Any]]) -> Image:
        """Return the colours, (H, W, 3), of a luminance, (H, W)."""
        channels = [np.interp(luminance, self.luminance, channel) for channel in self.colours.T]
        return np.stack(channels, axis=2).astype(np.float32)


GREY = Tone(np.array([0.0, 1.0]), np.array([[0.0] * 3, [1.0] * 3]))
"""Equal channels."""


def tone_of(pixels: Pixels) -> Tone | None:
    """Tell whether a photo is of one hue, and of which.

    Args:
        pixels: Photo, (H, W, 3).

    Returns:
        Its tone; `None` if it has colours that do not follow from its luminance.
    """
    if all((row[:, :1] == row).all() for row in pixels):
        return GREY
    step = max(1, round((pixels.shape[0] * pixels.shape[1] / _SAMPLED) ** 0.5))
    colours = pixels[::step, ::step].reshape(-1, 3) / np.iinfo(pixels.dtype).max
    tone = _curve(colours, 256)
    return tone if _is_near(colours, tone) or _is_toned_jpeg(pixels) else None


def _is_toned_jpeg(pixels: Pixels) -> bool:
    height, width = (side // _BLOCK for side in pixels.shape[:2])
    if min(height, width) < 2:
        return False
    rows = pixels[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, -1, 3)
    rows = rows[:: max(1, pixels[..., 0].size // _BLOCKS_OF)]  # of a large photo, some
    height, inner = len(rows), rows.reshape(-1, width * _BLOCK, 3)
    cells = cv2.resize(inner, (width * _BLOCK // _CELL, height * _BLOCK // _CELL), interpolation=cv2.INTER_AREA)
    cells = (cells / np.iinfo(pixels.dtype).max).reshape(height, _BLOCK // _CELL, width, _BLOCK // _CELL, 3)
    contrast = (cells @ _WEIGHTS).std(axis=(1, 3))
    blocks = cells.mean(axis=(1, 3))
    smooth = blocks[contrast <= np.quantile(contrast, _SMOOTH)]
    tone = _curve(smooth, _COARSE)
    return _is_near(smooth, tone) and _rms(_distances(blocks.reshape(-1, 3), tone)) <= _NEAR_ANYWHERE


def _is_near(colours: NDArray[np.float64], tone: Tone) -> bool:
    """Tell whether colours (N, 3) follow a tone, all but very few of them."""
    if _rms(_distances(colours[::_FEW], tone)) > 2 * _NEAR:  # those of nearly all photos are far from it
        return False
    distances = _distances(colours, tone)
    return _rms(distances) <= _NEAR and float(np.quantile(distances, _ALMOST_ALL)) <= _VISIBLE


def _distances(colours: NDArray[np.float64], tone: Tone) -> NDArray[np.float64]:
    """Return how far colours (N, 3) are from a tone, in levels of 255."""
    return cast(NDArray[np.float64], 255 * np.abs(colours - tone(colours[None] @ _WEIGHTS)[0]).max(axis=1))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(values).mean()))


def _curve(colours: NDArray[np.float64], levels: int) -> Tone:
    """Return the mean colour of each level of luminance, of colours (N, 3) in [0, 1]."""
    luminance = colours @ _WEIGHTS.astype(np.float64)
    level = (luminance * (levels - 1)).astype(int)
    count = np.bincount(level, minlength=levels)
    sums = np.column_stack([np.bincount(level, values, levels) for values in (luminance, *colours.T)])
    points = sums[count > 0] / count[count > 0, None]
    darkest, lightest = points[0], points[-1]
    points = np.stack([darkest - darkest[0], *points, lightest + (1 - lightest[0])])  # from there on, as grey does
    return Tone(points[:, 0], points[:, 1:])


def keep_tone(denoiser: Denoiser, tone: Tone | None) -> Denoiser:
    """Make a denoiser that keeps the hue of a photo, and grey what is grey.

    Args:
        denoiser: Any denoiser.
        tone: The photo's; strong colours that differ from it stay as they are. `None`: only what has equal channels
            for some pixels around keeps them equal.
    """

    def denoise_luminance(noisy: Image, level: Level) -> Image:
        assert tone is not None
        luminance = noisy @ _WEIGHTS
        denoised = denoiser(np.repeat(luminance[..., None], 3, axis=2), level).mean(axis=2)
        beside = noisy - tone(luminance)
        around = cv2.blur(beside, (_SPOT, _SPOT))  # in which noise is less, and a spot of colour is not
        is_colour = np.clip(np.abs(around).max(axis=2) * (255 / _FAINT) - 1, 0, 1)
        result: Image = tone(denoised) + np.maximum(is_colour, _is_point(beside))[..., None] * beside
        return result.clip(0, 1)

    def denoise_colours(noisy: Image, level: Level) -> Image:
        is_grey = (noisy[..., :1] == noisy).all(axis=2).astype(np.uint8)
        is_grey = cv2.erode(is_grey, np.ones((_AROUND, _AROUND), np.uint8))
        denoised = denoiser(noisy, level)
        return np.where(is_grey[..., None] > 0, denoised.mean(axis=2, keepdims=True), denoised)

    return denoise_luminance if tone else denoise_colours


def _is_point(beside: Image) -> Image:
    """Tell, from 0 to 1, where a point of colour as small as a star's stands out of the noise, (H, W)."""
    far = np.abs(cv2.GaussianBlur(beside, (0, 0), _POINT)).max(axis=2)
    noise = cv2.blur(far, (_NOISE, _NOISE))
    is_point: Image = np.clip(far * (255 / _FAINT_POINT) - 1, 0, 1) * np.clip(far / (_CERTAIN * noise + 1e-6) - 1, 0, 1)
    return is_point

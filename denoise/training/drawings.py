"""Clean pictures that no camera took: pages of text, graphics, gradients, halftones, stars.

Photographs alone teach a network that sharp and regular means seldom; what it has not seen it takes for noise.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from denoise.training.datasets import Pixels8

_LETTERS = np.array(list("etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLU0123456789.,:;()-/%&@#=+*"))
_FONTS = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("DejaVuS*.ttf"))
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)  # as W3C's filter


def random_drawing(size: int, rng: np.random.Generator) -> Pixels8:
    """Draw a square picture, (size, size, 3), of a random kind."""
    picture = DRAWINGS[str(rng.choice(list(DRAWINGS)))](size, rng)
    if rng.random() < 0.3:  # as a lens shows it
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5)), np.uint8)
    return picture


def tone(picture: Pixels8, rng: np.random.Generator) -> Pixels8:
    """Make a picture, (H, W, 3), black and white, or sepia."""
    if rng.random() < 0.5:
        return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return np.asarray(cv2.transform(picture, _SEPIA), np.uint8)


def text(size: int, rng: np.random.Generator) -> Pixels8:
    """A page of text in one of many fonts, dark on light or light on dark."""
    paper, ink = _two_colours(rng)
    page = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(page)
    height = int(np.exp(rng.uniform(np.log(8), np.log(48))))
    font = _font(int(rng.integers(len(_FONTS) + 1)), height)
    y = float(rng.integers(-height, height))
    while y < size:
        words = (int(rng.integers(1, 10)) for _ in range(2 + 2 * size // (3 * height)))
        line = " ".join("".join(rng.choice(_LETTERS, length)) for length in words)
        draw.text((float(rng.integers(-height, 1 + 2 * height)), y), line, ink, font)
        y += height * float(rng.choice([1.2, 1.2, 1.5, 2.5]))
    return np.asarray(page)


def graphics(size: int, rng: np.random.Generator) -> Pixels8:
    """Rectangles, ellipses and lines, as in charts and windows."""
    picture = np.empty((size, size, 3), np.uint8)
    picture[:] = _colour(rng)
    for _ in range(int(rng.integers(3, 25))):
        start, end = (tuple(map(int, rng.integers(-size // 8, size + size // 8, 2))) for _ in range(2))
        width = int(rng.choice([-1, 1, 1, 2, 4]))
        line = int(rng.choice([cv2.LINE_8, cv2.LINE_AA]))
        match int(rng.integers(3)):
            case 0:
                cv2.rectangle(picture, start, end, _colour(rng), width, line)
            case 1:
                axes = (1 + abs(end[0] - start[0]) // 2, 1 + abs(end[1] - start[1]) // 2)
                cv2.ellipse(picture, start, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), width, line)
            case _:
                cv2.line(picture, start, end, _colour(rng), abs(width), line)
    return picture


def gradient(size: int, rng: np.random.Generator) -> Pixels8:
    """Colours that flow into each other, sky and studio walls; steps of a level are what 8 bits make of them."""
    return _rounded(_smooth(size, rng))


def halftone(size: int, rng: np.random.Generator) -> Pixels8:
    """Dots, lines or checks at a fine pitch whose size follows a gradient: print, fabric, screens."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi) * (rng.random() < 0.7), np.exp(rng.uniform(np.log(2.2), np.log(16)))
    along = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / pitch
    across = (y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / pitch
    wave = [np.sin(along), np.sin(along) * np.sin(across), (np.sin(along) + np.sin(across)) / 2][int(rng.integers(3))]
    shade = _smooth(size, rng)[..., :1] / 127.5 - 1
    share = np.clip((wave[..., None] - shade) * float(np.exp(rng.uniform(0, 3))) + 0.5, 0, 1)
    paper, ink = _two_colours(rng)
    return _rounded(np.array(paper) + share * (np.array(ink, np.float32) - np.array(paper)))


def stars(size: int, rng: np.random.Generator) -> Pixels8:
    """A night sky: points of any brightness, of the width of one pixel to a few, over black or a faint glow."""
    sky = _smooth(size, rng) * rng.choice([0.0, 0.05, 0.15])
    widths = rng.uniform(0.5, 2.0, 3)
    for width in widths:
        points = np.zeros((size, size, 3), np.float32)
        count = int(np.exp(rng.uniform(np.log(5), np.log(size * size / 150))))
        places = rng.integers(0, size, (2, count))
        light = np.exp(rng.uniform(np.log(5), np.log(400), (count, 1)))
        points[places[0], places[1]] = light * rng.uniform(0.7, 1.0, (count, 3)) * 2 * np.pi * width**2
        sky = sky + cv2.GaussianBlur(points, (0, 0), width)
    return _rounded(sky)


DRAWINGS: dict[str, Callable[[int, np.random.Generator], Pixels8]] = {
    kind.__name__: kind for kind in (text, graphics, gradient, halftone, stars)
}
"""The kinds by name; each takes (size, rng) and returns uint8 (size, size, 3)."""


def _smooth(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colours, (size, size, 3), 0 to 255, between a few random ones that may lie close to each other."""
    few = rng.uniform(0, 255, 3) + rng.normal(0, np.exp(rng.uniform(0, 4.5)), (int(rng.integers(2, 5)), 2, 3))
    few = np.rot90(few, int(rng.integers(2))).astype(np.float32).clip(0, 255)
    interpolation = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return np.asarray(cv2.resize(few, (size, size), interpolation=interpolation), np.float32)


def _rounded(picture: NDArray[np.float32]) -> Pixels8:
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    """A colour; grey, black and white are the ones that drawings have most."""
    kind = rng.random()
    if kind < 0.3:
        return (255,) * 3 if kind < 0.2 else (0,) * 3
    return (int(rng.integers(256)),) * 3 if kind < 0.5 else tuple(map(int, rng.integers(0, 256, 3)))


def _two_colours(rng: np.random.Generator) -> Sequence[tuple[int, ...]]:
    """Paper and ink that can be told apart."""
    while True:
        paper, ink = _colour(rng), _colour(rng)
        if abs(sum(paper) - sum(ink)) > 90:
            return paper, ink


@lru_cache(maxsize=64)
def _font(number: int, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """One of `_FONTS`, or Pillow's own."""
    return ImageFont.truetype(_FONTS[number], height) if number < len(_FONTS) else ImageFont.load_default(height)

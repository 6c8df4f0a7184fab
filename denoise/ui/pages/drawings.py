"""Drawings of the networks: what each does to a photo, from left to right, in the colours of the page."""

import html
from collections.abc import Sequence
from typing import NamedTuple

SIZE = _WIDTH, _HEIGHT = 360, 176
"""Width and height, in units that are no smaller than pixels on a phone."""

_TOP = 22  # room above the stages for the skips
_FLOOR = 122  # where all stages stand
_TALLEST = 84
_LETTER = 6.2  # how wide one is, on average


class Stage(NamedTuple):
    """A stage of a network: convolutions on maps of one size.

    Attributes:
        channels: What is written below it: how many maps there are, or what it does.
        scale: By how much smaller than the photo the maps are.
        times: How many convolutions or blocks there are.
        parts: The scales of networks that work beside one another, in place of the stage.
        is_special: Whether it is what sets this network apart.
    """

    channels: str
    scale: int = 1
    times: int = 1
    parts: Sequence[int] = ()
    is_special: bool = False


class Drawing(NamedTuple):
    """A network as a row of stages, and the skips that lead past some of them, from one stage to another."""

    stages: Sequence[Stage]
    skips: Sequence[tuple[int, int]]
    about: str


_UNET = [
    *(Stage("48", 2, 2), Stage("96", 4, 2), Stage("192", 8, 2), Stage("192", 16, 4)),
    *(Stage("192", 8, 2), Stage("96", 4, 2), Stage("48", 2, 2), Stage("3")),
]
_UNET_SKIPS = [(0, 8), (1, 7), (2, 6), (3, 5)]

NETWORKS = {
    "ridnet": Drawing(
        [Stage("3"), Stage("64"), *[Stage("64", 1, 8, is_special=True)] * 2, Stage("3")],
        [(0, 4)],
        "Two modules in a row, at full size, where the paper has four. Each looks near and far with dilated "
        "convolutions, refines what it found, and weighs its 64 maps by a look at the whole picture: feature "
        "attention. What comes out is the noise, which is subtracted; a second look at half the size takes the coarse "
        "grain.",
    ),
    "unet": Drawing(
        [Stage("3"), *_UNET],
        _UNET_SKIPS,
        "Half the size at each step down, where a small window sees far around a pixel and work is cheap; on the way "
        "up, skips bring back the fine detail. Never at full size, which makes it fast.",
    ),
    "unet-strong": Drawing(
        [Stage("3 + level", is_special=True), *_UNET],
        _UNET_SKIPS,
        "The same network with one more input: how much noise there is. Told that, it need not guess, and takes "
        "strong grain that the other leaves.",
    ),
    "ffdnet": Drawing(
        [Stage("3 + level", is_special=True), Stage("96", 2, 12), Stage("3")],
        [(0, 2)],
        "Twelve plain convolutions on a half-size grid, told how much noise there is. It learnt white noise alone and "
        "judges nothing: what is fainter than it is told goes. The mean of that and of a careful network is better "
        "than both.",
    ),
    "autoencoder": Drawing(
        [
            *(Stage("3"), Stage("64"), Stage("128", 2), Stage("256", 4), Stage("256", 8, is_special=True)),
            *(Stage("256", 4), Stage("128", 2), Stage("64"), Stage("3")),
        ],
        [(0, 8)],
        "The photo is squeezed to an eighth of its size and drawn again from what passed. Grain does not pass; nor "
        "does fine detail, so the drawing is mixed with the photo and with averages of it, pixel by pixel, by weights "
        "that are learnt too.",
    ),
    "cbdnet": Drawing(
        [
            *(Stage("3"), Stage("32", 1, 4, is_special=True), Stage("level", is_special=True)),
            *(Stage("64", 1, 2), Stage("128", 2, 3), Stage("256", 4, 6), Stage("128", 2, 3), Stage("64", 1, 2)),
            Stage("3"),
        ],
        [(0, 8), (0, 3), (3, 7), (4, 6)],
        "Two networks: the first estimates how strong the noise is at every pixel, the second sees photo and estimate "
        "together and removes it.",
    ),
    "pridnet": Drawing(
        [
            *(Stage("3"), Stage("32", 1, 4), Stage("attention", is_special=True)),
            *(Stage("5 U-Nets", parts=(1, 2, 4, 8, 16), is_special=True), Stage("3×3 5×5 7×7", 1, 3), Stage("3")),
        ],
        [(0, 5), (0, 3)],
        "Five U-Nets side by side, on the photo made 1, 2, 4, 8 and 16 times smaller, from grain to blotches; windows "
        "of three sizes then choose, map by map, which of them to believe.",
    ),
}
"""By the network's name."""


def svg(drawing: Drawing, accent: str, ink: str) -> str:
    """Draw a network as an SVG file.

    Args:
        drawing: The network.
        accent: Colour of what sets it apart.
        ink: Colour of all else.
    """
    step = _WIDTH / len(drawing.stages)
    middles = [step * (at + 0.5) for at in range(len(drawing.stages))]
    tops = [_FLOOR - max(map(_height, stage.parts or [stage.scale])) for stage in drawing.stages]
    parts = [f'<line x1="0" y1="{_FLOOR}" x2="{_WIDTH}" y2="{_FLOOR}" class="ground"/>']
    for start, end in drawing.skips:
        high = _TOP - 14 + 7 * (len(drawing.stages) - (end - start)) / len(drawing.stages)
        x1, x2, y1, y2 = middles[start], middles[end], tops[start] - 3, tops[end] - 3
        parts.append(
            f'<path class="skip" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {high:.0f} {x2:.0f} {high:.0f} {x2:.0f} {y2:.0f}"/>'
        )
    for stage, x, top in zip(drawing.stages, middles, tops, strict=True):
        width = min(step * 0.62, 34)
        kind = "special" if stage.is_special else "stage"
        if stage.parts:
            each = step / len(stage.parts)
            for at, scale in enumerate(stage.parts):
                left, height = x - step / 2 + at * each + 1, _height(scale)
                parts.append(_box(left, _FLOOR - height, each - 2, height, kind))
        else:
            parts.append(_box(x - width / 2, top, width, _FLOOR - top, kind))
        words = stage.channels.split(" ") if _LETTER * len(stage.channels) > step else [stage.channels]
        lines = [*words, *([f"×{stage.times}"] if stage.times > 1 and not stage.channels.startswith("3×") else [])]
        for row, line in enumerate(lines):
            parts.append(f'<text x="{x:.0f}" y="{_FLOOR + 15 + 13 * row}">{html.escape(line)}</text>')
    look = (
        f"text{{fill:{ink};font:11px sans-serif;text-anchor:middle}}.ground{{stroke:{ink};opacity:.3}}"
        f".stage{{fill:{ink};opacity:.45}}.special{{fill:{accent}}}"
        f".skip{{fill:none;stroke:{ink};stroke-width:1.3;stroke-dasharray:3 3;opacity:.7}}"
    )
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{look}</style>{"".join(parts)}</svg>'


def _height(scale: int) -> float:
    """Return how tall maps are drawn that are so much smaller: by the root, or the smallest would not be seen."""
    return float(_TALLEST / scale**0.6)


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'

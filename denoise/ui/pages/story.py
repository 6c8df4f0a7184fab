"""Chapters of the case study that tell how it is done: problem, data, patches, networks, deployment, what is left."""

import html
from functools import cache

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from denoise import catalogue, registry
from denoise.metrics import compare
from denoise.ui import samples
from denoise.ui.pages import drawings, elements
from denoise.ui.pages import results_words as words
from denoise.ui.pages import story_words as says

_SIDE = 256  # pixels of an example, and of a patch
_GRID, _GAP = 4, 10  # patches in each direction, and pixels between them
_SHEET = 352  # pixels of a sheet of patches

Pixels8 = NDArray[np.uint8]


def problem() -> None:
    """Say what the problem is, and how the result is judged."""
    elements.prose(says.PROBLEM)
    elements.prose(words.PSNR_AND_SSIM)


@st.fragment  # so that another example makes nothing else anew
def data() -> None:
    """Show pairs, noisy and clean, and how their pixel values are spread."""
    elements.prose(words.DATA_INTRO)
    elements.prose(says.PAIRS)
    known = samples.list_samples()
    name = elements.one_of("An example", {name: each.title for name, each in known.items()}, key="example")
    sample = known[name]
    noisy, clean = samples.load(sample.noisy), samples.load(sample.clean)
    found = compare(clean, noisy)
    row, column = samples.spot(name)
    top, left = (
        int(np.clip(at - _SIDE // 2, 0, length - _SIDE)) for at, length in ((row, noisy.height), (column, noisy.width))
    )
    shown = []
    for kind, photo in zip(words.KINDS[::-1], (noisy, clean), strict=True):
        piece = photo.pixels[top : top + _SIDE, left : left + _SIDE].astype(np.uint8)
        picture = elements.picture(piece, f"{name} {kind}", f"{sample.title}, {kind}")
        shown.append(f"<figure>{picture}<figcaption>{html.escape(kind)}</figcaption></figure>")
    st.html(f'<div class="pair">{"".join(shown)}</div>')
    st.caption(says.pair(sample.title, sample.iso, found.psnr, found.ssim))

    from denoise.ui import charts

    rows = []
    for kind, photo in zip(words.KINDS, (clean, noisy), strict=True):
        counts = np.histogram(photo.pixels[..., 1], np.arange(0, 257, 2))[0]
        rows += [{"kind": kind, "x": 2 * at, "y": 100 * int(n) / counts.sum()} for at, n in enumerate(counts)]
    histogram = charts.histogram(rows, "pixel value, green", "share of the pixels, %", words.KINDS)
    elements.chart("Pixel values", says.VALUES_SENTENCE, histogram, height=260)


def patches() -> None:
    """Show how photos are cut into patches, in the case study's way and in ours."""
    elements.prose(says.PATCHES)
    sheets = []
    for pixels, (title, sentence) in zip(_sheets(), says.SHEETS.items(), strict=True):
        picture = elements.picture(pixels, title, title)
        sheets.append(
            f'<figure class="sheet">{picture}<figcaption><strong>{title}.</strong> {sentence}</figcaption></figure>'
        )
    st.html(f'<div class="sheets">{"".join(sheets)}</div>')


@cache
def _sheets() -> tuple[Pixels8, Pixels8]:
    """Return the patches of a sample in the case study's way, and random ones, turned and mirrored, of all samples."""
    photos = [samples.load(each.noisy).pixels.astype(np.uint8) for each in samples.list_samples().values()]
    side = (_SHEET - (_GRID - 1) * _GAP) // _GRID
    squeezed = cv2.resize(photos[0], (_GRID * side, _GRID * side), interpolation=cv2.INTER_AREA)
    ordered = [
        squeezed[y * side : (y + 1) * side, x * side : (x + 1) * side] for y in range(_GRID) for x in range(_GRID)
    ]
    chance, random = np.random.default_rng(0), []
    for number in range(_GRID**2):
        photo = photos[number % len(photos)]
        top, left = (int(chance.integers(length - side)) for length in photo.shape[:2])
        piece = np.rot90(photo[top : top + side, left : left + side], int(chance.integers(4)))
        random.append(piece[:, ::-1] if chance.integers(2) else piece)
    return _sheet(ordered, side), _sheet(random, side)


def _sheet(pieces: list[Pixels8], side: int) -> Pixels8:
    """Lay patches out on nothing, which is seen through."""
    length = _GRID * side + (_GRID - 1) * _GAP
    sheet = np.zeros((length, length, 4), np.uint8)
    for number, piece in enumerate(pieces):
        top, left = (at * (side + _GAP) for at in divmod(number, _GRID))
        sheet[top : top + side, left : left + side, :3] = piece
        sheet[top : top + side, left : left + side, 3] = 255
    return sheet


def networks() -> None:
    """Draw every network, and say what is special about it."""
    elements.prose(says.NETWORKS)
    known = registry.list_models()
    for name, info in catalogue.denoiser_names().items():
        if (drawing := drawings.NETWORKS.get(name)) is None:
            continue
        card = known.get(name)
        facts = says.network_facts(card.parameters if card else None, info.minutes, name)
        accent, ink = elements.colours()
        data = drawings.svg(drawing, accent, ink).encode()
        picture = elements.file(data, "image/svg+xml", name, drawings.SIZE, says.DRAWING_OF.format(info.title))
        st.subheader(info.title, anchor=False)
        caption = f"{html.escape(drawing.about)}<small>{html.escape(facts)}</small>"
        st.html(f'<figure class="network-card">{picture}<figcaption>{caption}</figcaption></figure>')
    st.caption(says.DRAWINGS_NOTE)


def deployment() -> None:
    """Say how the network gets to people."""
    elements.prose(says.DEPLOYMENT)


def what_comes_next() -> None:
    """Say what is left to do, and where the code of each chapter is."""
    elements.prose(says.NEXT)
    st.subheader("The code", anchor=False)
    elements.prose(says.CODE)
    rows = [f"| {chapter} | `{command}`, in `{file}` |" for chapter, (command, file) in says.CODE_OF.items()]
    elements.prose("\n".join(["| | |", "|---|---|", *rows]))

"""What is taken home: the result as a file, of which format and how large, or before and after in one picture."""

from dataclasses import replace
from pathlib import PurePath
from typing import Any

import streamlit as st

from denoise.image import (
    FORMATS,
    Photo,
    denoised_name,
    formats_for,
    has_quality,
    losses,
    usual_quality,
    with_depth,
    without_metadata,
)
from denoise.mixing import blend
from denoise.ui import addresses, before_after, download, sizes, texts
from denoise.ui.before_after import BeforeAfter
from denoise.ui.cache import in_turn
from denoise.ui.chosen import Chosen
from denoise.ui.pages import elements
from denoise.ui.pages import start_words as words
from denoise.ui.results import File, Result, Run
from denoise.ui.session import Session

_AS_IT_CAME = ""
_QUALITY_KEYS = {100: "quality_lossless"}  # by the usual quality: what was chosen where loss is usual is no wish here
_QUALITIES = (60, 80, 95, 100)  # whose sizes are told beside that of the chosen one


@st.fragment  # so that choosing a format makes nothing else anew
def show(state: Session, chosen: Chosen, run: Run, result: Result | None) -> None:
    """Place the button in the page, and the choices below it."""
    place = st.container()  # the button comes first, but says what the choices below it make of the file
    choices = st.expander(words.FILE_HEADING, key="file", on_change="rerun")
    with choices:
        own, *_ = names = formats_for(chosen.outline)
        titles = {_AS_IT_CAME: words.AS_IT_CAME} | {name: FORMATS[name].title for name in sorted(names)}
        name = elements.select(texts.FORMAT, titles, key="format", bind="query-params") or own
        below_format = st.container()
        depth = chosen.outline.bit_depth
        quality = usual = usual_quality(replace(chosen.outline, format=name))
        if depth == 16 and FORMATS[name].depth > 8:
            titles_of_depths = {bits: f"{min(bits, FORMATS[name].depth)} bit" for bits in (16, 8)}
            depth = elements.one_of("Bit depth", titles_of_depths, key="depth", bind="query-params")
        if has_quality(name):
            quality = st.slider(
                texts.QUALITY,
                50,
                100,
                usual,
                key=_QUALITY_KEYS.get(usual, "quality"),
                help=words.QUALITY_HELP,
                bind="query-params",
            )
        below_quality = st.container()
        strip = st.toggle(texts.STRIP, key="strip", help=texts.STRIP_HELP, bind="query-params")

        def find_losses() -> list[str]:
            photo = replace(chosen.noisy, format=name)
            return losses(without_metadata(photo) if strip else photo)

        lost = state.cache.get("losses", (chosen.id, name, strip), in_turn(chosen, find_losses))

    file = File(run, name, depth, quality, strip)
    with place:
        download.button(addresses.result(state, file) if result else "", denoised_name(chosen.file_name, name))
        if lost:  # where it is seen though nobody looks at the choices
            st.caption(words.not_kept(lost))
    if choices.open and result:
        _tell_sizes(state, chosen, result, file, below_format, below_quality)


def _tell_sizes(
    state: Session,
    chosen: Chosen,
    result: Result,
    file: File,
    below_format: st.delta_generator.DeltaGenerator,
    below_quality: st.delta_generator.DeltaGenerator,
) -> None:
    """Say about how large the file will be, in each of the formats and at some qualities."""
    height, width, names = chosen.outline.height, chosen.outline.width, sorted(formats_for(chosen.outline))
    mix = state.painted(chosen.subject)

    def look() -> Photo:
        # Mixed only now: of a large photo that takes a while.
        noisy, denoised = (sizes.sample(each) for each in (chosen.noisy, result.photo))
        return blend(noisy, denoised, sizes.sample_of_mix(mix, height, width))

    small = state.cache.get("file sample", (file.run, mix), in_turn(chosen, look))

    def measure(name: str, quality: int) -> int:
        photo = replace(small, format=name)
        photo = with_depth(photo, file.depth if FORMATS[name].depth > 8 else 8)
        return sizes.expected_bytes(without_metadata(photo) if file.strip else photo, height * width, quality=quality)

    def of_formats() -> list[tuple[str, int]]:
        qualities = {name: usual_quality(replace(small, format=name)) for name in names} | {file.format: file.quality}
        return [(FORMATS[name].title, measure(name, qualities[name])) for name in names]

    def of_qualities() -> list[tuple[int, int]]:
        return [(each, measure(file.format, each)) for each in sorted({*_QUALITIES, file.quality})]

    with below_format, st.spinner("Looking how large the file will be …"):
        by_format = state.cache.get("format sizes", (file, mix), of_formats)
        by_quality = state.cache.get("quality sizes", (file, mix), of_qualities) if has_quality(file.format) else []
    below_format.caption(words.sizes_of_formats(by_format))
    if by_quality:
        below_quality.caption(words.sizes_of_qualities(by_quality, file.quality))


@st.fragment  # so that opening it makes nothing else anew
def share(state: Session, chosen: Chosen, run: Run, result: Result | None) -> None:
    """Place what makes a picture of before and after in the page; nothing is made of it before it is opened."""
    place = st.expander("Share a before and after", key="share", on_change="rerun")
    if not place.open:
        return
    with place:
        look: dict[str, Any] = {"width": "stretch", "label_visibility": "collapsed"}
        way = elements.one_of("What is shared", words.SHARE_WAYS, key="share_way", **look)
        formats = before_after.FORMATS[:1] if way == before_after.CLIP else before_after.FORMATS
        sizes_of: dict[str, int] = {}
        if result is not None:
            made = in_turn(chosen, lambda: _shared_sizes(chosen, run, result, state, way, formats))
            sizes_of = state.cache.get("share sizes", (run, state.painted(chosen.subject), way), made)
        titles = {name: words.format_and_size(FORMATS[name].title, sizes_of.get(name)) for name in formats}
        file_format = elements.one_of(texts.FORMAT, titles, key=f"share_format {len(formats)}", **look)
        name = f"{PurePath(chosen.file_name).stem}-before-after.{FORMATS[file_format].suffixes[0]}"
        path = addresses.before_after(state, run, way, file_format)
        download.button(path if result else "", name, label="Save to share", key="share download")
        st.caption(words.SHARE_NOTE)


def _shared_sizes(
    chosen: Chosen, run: Run, result: Result, state: Session, way: str, formats: tuple[str, ...]
) -> dict[str, int]:
    """Return how many bytes each of the files has, with the spot to look at first in its middle."""
    photos, mix = (chosen.noisy, result.photo), state.painted(chosen.subject)
    return {name: len(before_after.picture(*photos, mix, BeforeAfter(run, way, name, chosen.spot))) for name in formats}

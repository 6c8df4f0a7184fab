"""Compare models: one photo, every denoiser, what each makes of it and what it costs."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from denoise import catalogue, pipeline
from denoise.engine import Job, Task
from denoise.image import Photo, crop
from denoise.metrics import compare
from denoise.notation import DECIBELS, NONE, number
from denoise.registry import list_models
from denoise.ui import addresses, jobs, pictures, samples, session, texts, viewer
from denoise.ui.cache import in_turn
from denoise.ui.chosen import Chosen
from denoise.ui.kept import Kept, size_of
from denoise.ui.pages import elements
from denoise.ui.session import UPLOAD, Session

_SIZES = ("256", "384", "512")
_LARGEST_WHOLE = 4_000_000  # pixels: every denoiser's version of them is held in memory at once
_CARD_SIZE = 336  # pixels; no card is wider

_NOISY, _CLEAN = "noisy", "clean"

WHOLE = "Whole"
LEGEND = (
    "★ best of all. PSNR and SSIM say how close a picture comes to the clean reference: higher is better. "
    "Time is for this part on this server, network is the size of its file."
)
LEGEND_NO_REFERENCE = (
    "★ best of all. Time is for this part on this server, network is the size of its file. PSNR and SSIM need a clean "
    "reference of the same view: samples bring one, and the page Denoise takes one for your own photo."
)


@dataclass(frozen=True)
class Part:
    """What is compared: `noisy` and, if there is one, its `clean` reference; equal parts have an equal `id`."""

    id: str
    noisy: Photo
    clean: Photo | None


@dataclass(frozen=True)
class Outcome:
    """What became of the part, with the figures that there are; `failure` says why there is no photo.

    `made_by` is the name of the denoiser that did the work, where it is another one's.
    """

    kept: Kept[Photo] | None
    psnr: float | None = None
    ssim: float | None = None
    seconds: float | None = None
    failure: str = ""
    made_by: str = ""


class Column(NamedTuple):
    """A figure of the denoisers that have it, how it is written, and which one is best: `max` or `min`."""

    label: str
    values: Mapping[str, float | None]
    text: Callable[[float], str]
    choose: Callable[[list[float]], float]

    def best(self) -> str:
        """Return how the best value is written: what reads the same is as good; empty if there is none."""
        values = [value for value in self.values.values() if value is not None]
        return self.text(self.choose(values)) if values else ""


def show() -> None:
    """Make the page; what the denoisers make of a part is kept until another part is chosen."""
    state = session.current()
    st.title("Compare models", anchor=False)
    st.markdown("One photo, every denoiser: see what each makes of it, how close it comes, and what it costs.")
    with st.container(key="part-place"):  # each keeps its height, so that nothing moves when it comes
        part = _part(state)
    outcomes: dict[str, Outcome] = state.cache.get("comparison", part.id, lambda: {_NOISY: _measure(part, part.noisy)})

    with st.container(key="outcome"):
        progress = st.empty()
    with st.container(key="cards-place"):
        cards = st.empty()
    _cards(cards, part, outcomes)
    _viewer(state, part, outcomes)
    with progress.container():
        if len(outcomes) <= len(catalogue.denoiser_names()):
            drawn = len(outcomes)

            def tell(job: Job[None]) -> tuple[float, str]:
                nonlocal drawn
                if len(outcomes) != drawn:
                    drawn = len(outcomes)
                    _cards(cards, part, outcomes)
                return _progress(job, outcomes)

            jobs.show(state.jobs, "comparison", part.id, partial(_denoise, part, outcomes), tell=tell)
        else:
            st.markdown(_summary(outcomes))
            st.caption(LEGEND if part.clean else LEGEND_NO_REFERENCE)


def _part(state: Session) -> Part:
    """Let the visitor choose a photo and a part of it."""
    left, middle, right = st.columns([2, 3, 3], gap="medium")
    with middle:
        chosen = _photo(state)
        whole = chosen.outline.width * chosen.outline.height <= _LARGEST_WHOLE
        size = st.segmented_control(
            "Part of it, pixels",
            [*_SIZES, WHOLE] if whole else _SIZES,
            default=_SIZES[1],
            required=True,
            key="part",
            help="A square this wide and high is quick to compare. The whole photo is offered up to 4 megapixels.",
            bind="query-params",
        )
    length = max(chosen.outline.width, chosen.outline.height) if size == WHOLE else int(size)
    with right:
        across = _place("Place, left to right", "across", disabled=length >= chosen.outline.width)
        down = _place("Place, top to bottom", "down", disabled=length >= chosen.outline.height)

    def cut() -> tuple[Photo, Photo | None, tuple[int, int]]:
        noisy, place = crop(chosen.noisy, length, across, down)
        clean = crop(chosen.load_clean(), length, across, down)[0] if chosen.load_clean else None
        return noisy, clean, place

    key = (chosen.id, chosen.clean_id, length, across, down)
    noisy, clean, (x, y) = state.cache.get("part", key, in_turn(chosen, cut))
    with left:
        small = state.cache.get("overview", chosen.id, in_turn(chosen, lambda: pictures.overview(chosen.noisy)))
        frame = {
            "left": x / chosen.outline.width,
            "top": y / chosen.outline.height,
            "width": noisy.width / chosen.outline.width,
            "height": noisy.height / chosen.outline.height,
        }
        style = ";".join(f"{side}:{share:.2%}" for side, share in frame.items())
        alt = "The photo; the bright part is the one that is compared"
        st.html(f'<div class="overview"><img src="{small}" alt="{alt}"><i style="{style}"></i></div>')
    return Part(f"{chosen.id} {chosen.clean_id} {x},{y} {noisy.width}×{noisy.height}", noisy, clean)


def _photo(state: Session) -> Chosen:
    """Let the visitor choose a photo, for the other page as well."""
    titles = {name: sample.title for name, sample in samples.list_samples().items()}
    if state.upload:
        titles[UPLOAD] = texts.YOUR_PHOTO
    compared = st.session_state.get("compared")  # none yet: then a link may say which
    if compared != state.chosen_id and (compared or "picture" not in st.query_params):
        st.session_state["picture"] = state.chosen_id  # the photo that the other page is about
    tip = "A sample, or your own photo: upload it on the page Denoise and it is offered here."
    name = elements.select("Photo", titles, key="picture", help=tip, bind="query-params")
    if name != state.chosen_id:
        state.choose(name)
    if state.notice:
        st.info(state.notice)
    st.session_state["compared"] = name
    return state.chosen()


def _place(label: str, key: str, *, disabled: bool) -> float:
    return st.slider(label, 0, 100, 50, format="%d %%", key=key, disabled=disabled, bind="query-params") / 100


def _measure(part: Part, photo: Photo, seconds: float | None = None) -> Outcome:
    psnr, ssim = compare(part.clean, photo) if part.clean else (None, None)
    return Outcome(Kept(photo), psnr, ssim, seconds)


def _denoise(part: Part, outcomes: dict[str, Outcome], task: Task) -> None:
    """Let the denoisers work one after another; one that fails leaves the others alone."""
    for name in catalogue.denoiser_names():
        if name not in outcomes:
            with task.room(2 * size_of(part.noisy)):
                outcome = _outcome(part, name, task)
            task.progress(0, 1)  # of the next one
            outcomes[name] = outcome


def _outcome(part: Part, name: str, task: Task) -> Outcome:
    before = task.seconds
    task.used.clear()
    try:
        photo = pipeline.denoise_photo(part.noisy, name, progress=task.progress, denoisers=task.denoiser)
        outcome = _measure(part, photo, task.seconds - before)
        return outcome if (made_by := task.made_by(name)) == name else replace(outcome, made_by=made_by)
    except CancelledError:
        raise
    except Exception as error:
        return Outcome(None, failure=texts.explain(error))


def _progress(job: Job[None], outcomes: Mapping[str, Outcome]) -> tuple[float, str]:
    denoisers = catalogue.denoiser_names()
    finished = min(len(outcomes), len(denoisers)) - 1  # all but the noisy photo itself
    title = next((info.title for name, info in denoisers.items() if name not in outcomes), "")
    sentence = f"{title} · tile {job.done} of {job.total} · denoiser {finished + 1} of {len(denoisers)}"
    return (finished + job.done / job.total) / len(denoisers), sentence


def _summary(outcomes: Mapping[str, Outcome]) -> str:
    """Say which denoiser is the closest one, if that is known, and which is the fastest."""
    titles = catalogue.titles() | {_NOISY: texts.NOISY}
    sentences = []
    if close := {name: each.psnr for name, each in outcomes.items() if each.psnr is not None}:
        name = max(close, key=close.__getitem__)
        sentences.append(f"**{titles[name]}** comes closest to the clean reference: {_psnr_value(close[name])}.")
    if quick := {name: each.seconds for name, each in outcomes.items() if each.seconds is not None}:
        name = min(quick, key=quick.__getitem__)
        sentences.append(f"**{titles[name]}** is the fastest: {_milliseconds(quick[name])}.")
    return " ".join(sentences)


def _cards(place: DeltaGenerator, part: Part, outcomes: Mapping[str, Outcome]) -> None:
    """Show a card for each denoiser, and one each for the noisy photo and the clean reference."""
    denoisers = catalogue.denoiser_names()
    files = {name: card.bytes for name, card in list_models().items()}
    columns = [
        Column("PSNR", {name: each.psnr for name, each in outcomes.items()}, _psnr_value, max),
        Column(texts.SSIM, {name: each.ssim for name, each in outcomes.items()}, lambda value: number(value, 3), max),
        Column("Time", {name: each.seconds for name, each in outcomes.items()}, _milliseconds, min),
        Column("Network", files, lambda size: f"{size / 1e6:.2f}\u00a0MB", min),
    ]
    if part.clean is None:
        del columns[:2]
    best = {column.label: column.best() for column in columns} if len(outcomes) > len(denoisers) else {}

    def card(name: str, title: str, photo: Photo | None, columns: Sequence[Column], instead: str = "") -> str:
        """Return a card; it names every column from the beginning, so that it keeps its height."""
        picture = f"<span>{escape(instead)}</span>"
        if photo is not None:
            middle, _ = crop(photo, _CARD_SIZE)
            url = addresses.picture(session.current(), f"comparison.{name}", pictures.to_png(middle))
            # Relative, because the page may lie below a path.
            picture = f'<img src=".{url}" alt="{escape(title)}">'
        rows = ""
        for column in columns:
            value = column.values.get(name)
            text = column.text(value) if value is not None else NONE
            if text == best.get(column.label):
                text = f'<span class="best">{text}</span><span class="said"> best</span>'
            rows += f"<dt>{column.label}</dt><dd>{text}</dd>"
        return f'<li><div class="picture">{picture}</div><h2>{escape(title)}</h2><dl>{rows}</dl></li>'

    cards = [card(_NOISY, texts.NOISY, part.noisy, [each for each in columns if each.values.get(_NOISY) is not None])]
    for name, info in denoisers.items():
        outcome = outcomes.get(name, Outcome(None, failure="Not yet"))
        title = texts.here_by(info.title, denoisers[outcome.made_by].title) if outcome.made_by else info.title
        cards.append(card(name, title, outcome.kept.get() if outcome.kept else None, columns, outcome.failure))
    if part.clean is not None:
        cards.append(card(_CLEAN, texts.CLEAN, part.clean, []))
    place.html(f'<ul class="comparison" aria-label="What every denoiser makes of it">{"".join(cards)}</ul>')


def _viewer(state: Session, part: Part, outcomes: Mapping[str, Outcome]) -> None:
    """Show any two that the visitor chooses; the noisy photo until they are there."""
    photos: dict[str, Callable[[], Photo]] = {name: each.kept.get for name, each in outcomes.items() if each.kept}
    titles = {_NOISY: texts.NOISY} | catalogue.titles()
    if clean := part.clean:
        photos[_CLEAN], titles[_CLEAN] = lambda: clean, texts.CLEAN
    st.header("Any two under the lens", anchor=False)

    def choose(place: DeltaGenerator, label: str, key: str, default: int) -> str:
        with place:
            return elements.select(label, titles, index=default, key=key, bind="query-params")

    def picture(slot: str, name: str) -> viewer.Picture:
        key = f"{part.id} {name}"
        return elements.shown(state, f"compared {slot}", key, titles[name], lambda: pictures.to_png(photos[name]()))

    left, right = st.columns(2)
    chosen = {"left": choose(left, "Left", "left", 0), "right": choose(right, "Right", "right", 1)}
    there = {slot: name for slot, name in chosen.items() if name in photos} or {"left": _NOISY}
    shown = [picture(slot, name) for slot, name in there.items()]
    reference = picture("clean", _CLEAN) if clean and _CLEAN not in there.values() else None
    viewer.show(shown, subject=part.id, clean=reference, key="comparison viewer")


def _psnr_value(decibels: float) -> str:
    """Show a PSNR; equal photos have none."""
    return number(decibels, 2, DECIBELS)


def _milliseconds(seconds: float) -> str:
    """Show a time that is compared with others."""
    return f"{1000 * seconds:,.0f}\u00a0ms".replace(",", "\u2009")

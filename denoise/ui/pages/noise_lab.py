"""Noise lab: a clean photo, photographed again by a simulated camera and cleaned; the truth is known."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from denoise import camera, catalogue, pipeline
from denoise.engine import Job, Task
from denoise.image import Photo, PhotoError, crop, to_depth, without_metadata
from denoise.metrics import Quality, compare, psnr
from denoise.ui import jobs, limits, photo_uploader, pictures, samples, session, texts, viewer
from denoise.ui.chosen import open_photo
from denoise.ui.kept import Kept, size_of
from denoise.ui.pages import elements
from denoise.ui.session import UPLOAD, Session

if TYPE_CHECKING:
    import altair as alt

_ISOS = [100 * 2**step for step in range(8)]
_CURVE_SIZE = 256  # pixels: one tile of a network
_CHART_HEIGHT = 360
# To be told from both the light and the dark background, by three to one at least; the first one is for what is noisy.
_COLOURS = ("#7f7f7f", "#c2700f", "#3b82f6", "#0d9488", "#a855f7", "#ef4444", "#16a34a", "#8a8a00", "#ec4899")
_NOISY = "noisy"

_SENTENCE = (
    "Take a clean photo, photograph it again with a simulated camera, and see how much of the damage a denoiser "
    "undoes. Here the truth is known, so PSNR and SSIM are exact."
)
ISO = "ISO speed"
_ISO_HELP = "The noise of a phone's small sensor: four times the ISO is twice the grain."
_QUALITY_HELP = "How gently the simulated camera compresses the photo. 100 leaves JPEG out."
_SEED_HELP = "Noise is chance. The same number gives the same grain again, another number other grain."
PHOTOGRAPHED = "The middle {} × {} pixels, photographed again at ISO\u00a0{}"  # of a large photo
_CURVE_SENTENCE = (
    "PSNR against ISO on the middle 256 × 256 pixels, with the JPEG quality and the roll of the dice set above. Where "
    "a curve runs above that of the noisy photo, the denoiser helps. The dotted line is the ISO set above."
)
CURVE_BUTTON = "Draw the curves"
CURVE_EMPTY = "The curves appear here. They take a few seconds for each denoiser."
CURVE_NOBODY = "Choose at least one denoiser to draw its curve."
_TOO_SMALL = "This photo is too small for the simulated camera: it needs at least 16 pixels in width and height."

Curve = dict[tuple[str, int], float]
"""PSNR by denoiser, or `_NOISY`, and ISO speed."""


@dataclass(frozen=True)
class Scene:
    """What is photographed; equal photos have an equal `id`."""

    id: str
    clean: Photo


@dataclass
class Own:
    """The visitor's own clean photo.

    Attributes:
        scene: The last one that could be read.
        error: Why the last file was refused; empty if it was not.
        is_new: It has not been chosen yet.
    """

    scene: Scene | None = None
    error: str = ""
    is_new: bool = False
    _opened: int = 0

    def open(self, file: Kept[bytes]) -> None:
        """Decode a file, unless a later one comes meanwhile; only the part that the camera takes is kept."""
        self.error = ""
        self._opened += 1
        opened = self._opened
        scene, failure = open_photo(file, _scene_of)
        if opened == self._opened:
            self.error = failure
            if scene is not None:
                self.scene, self.is_new = scene, True

    def forget_error(self) -> None:
        """Stop saying why a file was refused."""
        self.error = ""


@dataclass(frozen=True)
class Setting:
    """How it is photographed.

    Attributes:
        iso: ISO speed.
        quality: JPEG quality, 1 to 100; 100 leaves JPEG out.
        seed: Seed of the noise.
    """

    iso: int
    quality: int
    seed: int


@dataclass(frozen=True)
class Cleaned:
    """What a denoiser made of the noisy photo, which one, the seconds it took, how close it came to the clean one."""

    photo: Photo
    model: str
    seconds: float
    quality: Quality


def _scene_of(photo: Photo, digest: str) -> Scene:
    if min(photo.width, photo.height) < camera.MULTIPLE:
        raise PhotoError(_TOO_SMALL)
    return Scene(digest, crop(photo, camera.LONGEST_SIDE)[0])


def photograph(clean: Photo, setting: Setting) -> tuple[Photo, Photo]:
    """Photograph a clean photo again by a simulated camera, see `denoise.camera.photograph`.

    Args:
        clean: At least `camera.MULTIPLE` pixels high and wide; of a larger one than `camera.LONGEST_SIDE`, the middle.
        setting: How.

    Returns:
        The noisy photo, and the clean one as the same camera would have made it without noise; both in 8 bit.
    """
    pixels = cast(NDArray[np.uint8], to_depth(clean.pixels, np.uint8))
    pair = camera.photograph(pixels[..., 0] if clean.grey else pixels, setting.iso, setting.seed, setting.quality)
    noisy, again = (np.repeat(each[..., None], 3, axis=2) if clean.grey else each for each in pair)
    plain = replace(without_metadata(clean), alpha=None)
    return replace(plain, pixels=noisy), replace(plain, pixels=again)


def show() -> None:
    """Make the page; its photos are kept until the scene or the setting is another one."""
    state = session.current()
    st.title("Noise lab", anchor=False)
    st.markdown(_SENTENCE)
    with st.container(key="split-lab", horizontal=True, gap="medium"):
        left, right = st.container(), st.container()
    with left:
        place = st.container(key="lab-viewer-place")  # keeps its height, so that nothing moves when the viewer comes
        place.empty()  # there from the first moment, so that what is beside it does not begin in its place
    with right:
        with st.container(key="outcome"):  # keeps its height, so that nothing moves when the figures come
            outcome = st.empty()
        scene = _scene(state)
        setting = _setting()
        model = elements.select("Cleaned by", catalogue.titles(), key="cleaner", bind="query-params")
    shot = (scene.id, setting)
    noisy, clean = state.cache.get("lab shot", shot, lambda: photograph(scene.clean, setting))
    cleaned: dict[str, Cleaned] = state.cache.get("lab cleaned", shot, dict)
    with place:
        _viewer(state, scene, shot, noisy, clean, model, cleaned.get(model))
    with left:
        st.caption(PHOTOGRAPHED.format(noisy.width, noisy.height, setting.iso))
    draw_curves = _curves(state, scene, setting)

    # Everything is in its place: now the work, the photo first.
    with outcome.container():
        if model in cleaned:
            before = state.cache.get("lab noisy", shot, lambda: compare(clean, noisy))
            _figures(before, cleaned[model], model)
        else:
            jobs.show(state.jobs, "lab", (shot, model), partial(_clean, noisy, clean, model, cleaned))
    draw_curves()


def _scene(state: Session) -> Scene:
    """Let the visitor choose a clean photo."""
    own: Own = session.current().pages.setdefault("own scene", Own())

    titles = {name: sample.title for name, sample in samples.list_samples().items()}
    if own.scene:
        titles[UPLOAD] = texts.YOUR_PHOTO
    if own.is_new:
        st.session_state["scene"] = UPLOAD
        own.is_new = False
    name = elements.select("Clean photo", titles, key="scene", on_change=own.forget_error, bind="query-params")
    is_listed = photo_uploader.show(
        state,
        "Or a clean photo of your own",
        "clean photo",
        on_file=lambda _, file: own.open(file),
        tip=texts.UPLOAD_HELP,
        note=texts.UPLOAD_NOTE.format(limits.MAX_MEGAPIXELS),
    )
    if own.error and is_listed:
        st.error(own.error)
    if own.scene and name == UPLOAD:
        return own.scene
    return Scene(name, samples.load(samples.list_samples()[name].clean))


def _setting() -> Setting:
    return Setting(
        iso=st.select_slider(ISO, _ISOS, 3200, key="iso", help=_ISO_HELP, bind="query-params"),
        quality=st.slider("JPEG quality", 30, 100, 95, key="jpeg", help=_QUALITY_HELP, bind="query-params"),
        seed=st.number_input("Roll of the dice", 0, 9999, 0, key="seed", help=_SEED_HELP, bind="query-params"),
    )


def _viewer(
    state: Session, scene: Scene, shot: Hashable, noisy: Photo, clean: Photo, model: str, cleaned: Cleaned | None
) -> None:
    picture = partial(elements.shown, state)
    shown = [picture("lab noisy", ("noisy", shot), texts.NOISY, lambda: pictures.to_png(noisy))]
    if cleaned:
        shown.append(picture("lab cleaned", (model, shot), texts.DENOISED, lambda: pictures.to_png(cleaned.photo)))
    reference = picture("lab clean", ("clean", shot), texts.CLEAN, lambda: pictures.to_png(clean))
    viewer.show(shown, subject=scene.id, clean=reference, key="lab viewer")


def _clean(noisy: Photo, clean: Photo, model: str, cleaned: dict[str, Cleaned], task: Task) -> None:
    if model in cleaned:
        return
    with task.room(2 * size_of(noisy)):
        photo = pipeline.denoise_photo(noisy, model, progress=task.progress, denoisers=task.denoiser)
        seconds = task.check().seconds
    cleaned[model] = Cleaned(photo, task.made_by(model), seconds, compare(clean, photo))


def _figures(before: Quality, cleaned: Cleaned, model: str) -> None:
    left, right = st.columns(2, gap="xsmall", wrap=False)
    left.metric(texts.PSNR, texts.before_after(before.psnr, cleaned.quality.psnr, digits=2), help=texts.PSNR_HELP)
    right.metric(texts.SSIM, texts.before_after(before.ssim, cleaned.quality.ssim, digits=3), help=texts.SSIM_HELP)
    st.caption(texts.done(catalogue.titles(), model, cleaned.model, cleaned.seconds))


def _curves(state: Session, scene: Scene, setting: Setting) -> Callable[[], None]:
    """Show the curves, or in their place the button that asks for them; return what computes them after that."""
    st.header("How far does it carry?", anchor=False)
    st.markdown(_CURVE_SENTENCE)
    denoisers = catalogue.titles()
    names = st.pills(
        "Denoisers",
        list(denoisers),
        selection_mode="multi",
        default=[name for name in (catalogue.DEFAULT, "nlm") if name in denoisers],
        format_func=denoisers.__getitem__,
        key="curves",
        bind="query-params",
    )
    key = (scene.id, setting.quality, setting.seed)
    curve: Curve = state.cache.get("curve", key, dict)
    points = [(name, iso) for iso in _ISOS for name in (_NOISY, *names)]
    if names and all(point in curve for point in points):
        _plot(curve, names, setting)
        return lambda: None
    place = st.container(height=_CHART_HEIGHT, border=True, horizontal_alignment="center", vertical_alignment="center")
    if names and st.session_state.get("curve wanted") == key:

        def tell(job: Job[None]) -> tuple[float, str]:
            name, iso = points[job.done]
            return job.done / job.total, f"{_titles()[name]} at ISO {iso}"

        def work() -> None:
            with place:
                compute = partial(_compute, scene, setting, points, curve)
                jobs.show(state.jobs, "curve", (key, *names), compute, tell=tell)

        return work
    with place:
        st.caption(CURVE_EMPTY if names else CURVE_NOBODY, width="content")
        if names:
            st.button(CURVE_BUTTON, on_click=lambda: st.session_state.update({"curve wanted": key}))
    return lambda: None


def _compute(scene: Scene, setting: Setting, points: list[tuple[str, int]], curve: Curve, task: Task) -> None:
    part, _ = crop(scene.clean, _CURVE_SIZE)
    photographed = None
    for number, (name, iso) in enumerate(points):
        task.progress(number, len(points))
        if (name, iso) in curve:
            continue
        if photographed != iso:
            noisy, clean = photograph(part, replace(setting, iso=iso))
            photographed = iso
        with task.room(2 * size_of(noisy)):
            photo = noisy if name == _NOISY else pipeline.denoise_photo(noisy, name, denoisers=task.denoiser)
        curve[name, iso] = psnr(clean.pixels, photo.pixels)


def _titles() -> dict[str, str]:
    return {_NOISY: texts.NOISY} | catalogue.titles()


def _plot(curve: Curve, names: list[str], setting: Setting) -> None:
    titles = {name: title for name, title in _titles().items() if name in (_NOISY, *names)}
    points: list[dict[str, Any]] = [
        {"iso": speed, "psnr": decibels, "model": titles[name]}
        for (name, speed), decibels in curve.items()
        if name in titles and math.isfinite(decibels)
    ]
    conditions = f"ISO speed from 100 to 12800 at JPEG quality {setting.quality}"
    description = f"PSNR in dB against {conditions}: {', '.join(titles.values())}"
    st.altair_chart(_chart(points, list(titles.values()), setting.iso), height=_CHART_HEIGHT, alt=description)
    with st.expander("The same in numbers"):
        columns = [
            elements.figures(title, [curve.get((name, speed)) for speed in _ISOS], 2) for name, title in titles.items()
        ]
        elements.show_table([elements.counts(ISO, _ISOS), *columns], description)


def _chart(points: list[dict[str, Any]], titles: list[str], iso: int) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt  # takes a second, which the first curve may, but not the page

    from denoise.ui.charts import chart_of, coloured

    scale = alt.Scale(type="log", base=2, domain=[_ISOS[0], _ISOS[-1]])
    speed = alt.X("iso:Q", title=ISO, scale=scale, axis=alt.Axis(values=_ISOS, format="d", grid=False))
    every = list(_titles().values())  # each keeps its colour, whichever others are chosen
    colours = [_COLOURS[every.index(title) % len(_COLOURS)] for title in titles]
    lines = (
        chart_of(points)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(filled=True, size=70))
        .encode(
            x=speed,
            y=alt.Y("psnr:Q", title=texts.PSNR, scale=alt.Scale(zero=False)),
            color=coloured("model:N", titles, colours),
            shape=alt.Shape("model:N", title=None, scale=alt.Scale(domain=titles)),  # told apart without colour too
            tooltip=[
                alt.Tooltip("model:N", title=texts.MODEL),
                alt.Tooltip("iso:Q", title=ISO),
                alt.Tooltip("psnr:Q", title=texts.PSNR, format=".2f"),
            ],
        )
    )
    chosen = chart_of([{"iso": iso}]).mark_rule(strokeDash=[2, 4], color=_COLOURS[0])
    return alt.layer(chosen.encode(x=speed), lines)

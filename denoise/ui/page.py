"""The start page: choose a noisy photo, see it denoised, take it home."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from denoise import pipeline
from denoise.image import Photo, denoised_name, encode, format_title, media_type, to_depth
from denoise.metrics import SSIM_WINDOW, psnr, ssim
from denoise.ui import gallery, pictures, samples, session, texts, viewer
from denoise.ui.session import UPLOAD, Chosen, Result, Session


class MadeBy(NamedTuple):
    """What the visitor set: the name of the denoiser, and its strength in [0, 1]."""

    model: str
    strength: float


def show() -> None:
    """Make the page, for what the visitor has chosen.

    All of it is placed before the network runs, so that nothing waits for the network or moves when its result comes.
    """
    state = session.current()
    st.html(Path(__file__).with_name("page.css"))
    st.title(texts.TITLE, anchor=False)
    st.markdown(texts.SENTENCE)
    left, right = st.columns([3, 1], gap="medium")
    with left:
        _gallery(state)
    with right:
        _upload(state)

    chosen = state.chosen()
    left, right = st.columns([3, 1], gap="medium")
    with right:
        _title(chosen)
        with st.container(key="outcome"):  # keeps its height, so that nothing moves when the figures come
            outcome = st.empty()
        actions = st.container()  # above the models, which are many: the download is what the visitor came for
        model = _model()
        result = state.results.get((chosen.id, model))
        with actions:
            made_by = MadeBy(model, _strength(disabled=result is None))
            # Blended anew wherever it is needed: that is quick, and a large photo is not kept once more.
            denoised = partial(pipeline.blend, chosen.noisy, result.photo, made_by.strength) if result else None
            _download(chosen, denoised)
        _reference(state)
    with left:
        _viewer(state, chosen, denoised, made_by)
    with outcome.container():
        if result is None or denoised is None:
            _denoise(state, chosen, model)
        else:
            _figures(state, chosen, denoised, made_by)
            st.caption(texts.done(pipeline.denoiser_names()[model].title, result.seconds))


def _gallery(state: Session) -> None:
    items = [
        gallery.Item(sample.name, sample.title, texts.iso(sample.iso), samples.thumbnail(sample.name))
        for sample in samples.list_samples().values()
    ]
    if upload := state.upload:
        source = state.latest("thumbnail", upload.id, lambda: pictures.thumbnail(upload.noisy, crop=False))
        items.insert(0, gallery.Item(UPLOAD, texts.YOUR_PHOTO, upload.file_name, source))
    st.markdown(f"**{texts.GALLERY_HEADING}**")
    gallery.show(items, state.chosen_id, on_choose=state.choose)
    if state.upload_error:
        st.error(state.upload_error)


def _upload(state: Session) -> None:
    def changed() -> None:
        if file := st.session_state["photo"]:
            state.open_upload(file.name, file.getvalue())
        else:  # also for a moment while a file takes another's place: so the photo stays until the next can be read
            state.upload_error = ""

    st.file_uploader(
        f"**{texts.UPLOAD}**", key="photo", on_change=changed, help=texts.upload_help(session.MAX_MEGAPIXELS)
    )


def _reference(state: Session) -> None:
    key = f"reference {state.upload.id}" if state.upload else "reference"

    def changed() -> None:
        if file := st.session_state[key]:
            state.open_reference(file.getvalue())
        else:
            state.close_reference()

    with st.expander(texts.REFERENCE_HEADING):
        # A key for each photo, so that the reference of another one does not stay in the list.
        st.file_uploader(texts.REFERENCE, key=key, on_change=changed, disabled=state.chosen_id != UPLOAD)
        if state.chosen_id != UPLOAD:
            st.caption(texts.REFERENCE_OF_SAMPLE)
    if state.reference_error:
        st.error(state.reference_error)


def _title(chosen: Chosen) -> None:
    photo = chosen.noisy
    st.subheader(texts.literal(chosen.title), anchor=False)
    st.caption(texts.facts(photo.width, photo.height, format_title(photo.format), photo.bit_depth))


def _model() -> str:
    denoisers = pipeline.denoiser_names()
    return st.radio(
        texts.MODEL,
        list(denoisers),
        format_func=lambda name: denoisers[name].title,
        captions=[denoiser.summary for denoiser in denoisers.values()],
        key="model",
    )


def _strength(*, disabled: bool) -> float:
    percent = st.slider(
        texts.STRENGTH, 0, 100, 100, format="%d %%", key="strength", help=texts.STRENGTH_HELP, disabled=disabled
    )
    return percent / 100


def _download(chosen: Chosen, denoised: Callable[[], Photo] | None) -> None:
    def file() -> bytes:
        return encode(denoised()) if denoised else b""

    st.download_button(
        texts.DOWNLOAD,
        data=file,
        file_name=denoised_name(chosen.file_name, chosen.noisy.format),
        mime=media_type(chosen.noisy.format),
        on_click="ignore",
        type="primary",
        width="stretch",
        disabled=denoised is None,
    )


def _viewer(state: Session, chosen: Chosen, denoised: Callable[[], Photo] | None, made_by: MadeBy) -> None:
    png = state.latest("noisy PNG", chosen.id, lambda: pictures.to_png(chosen.noisy))
    shown = [viewer.Picture(chosen.id, texts.NOISY, png)]
    if denoised is not None:
        png = state.latest("denoised PNG", (chosen.id, made_by), lambda: pictures.to_png(denoised()))
        shown.append(viewer.Picture(f"{chosen.id} {made_by.model} {made_by.strength}", texts.DENOISED, png))
    viewer.show(shown)


def _denoise(state: Session, chosen: Chosen, model: str) -> None:
    """Run the denoiser with its progress, and make the page anew with the result; or say why it does not run."""
    run = (chosen.id, model)
    if state.stopped and state.stopped[0] == run:
        st.warning(state.stopped[1])
        st.button(texts.DENOISE_AGAIN, on_click=state.resume)
        return
    bar = st.progress(0.0, text=texts.STARTING)
    st.button(texts.CANCEL, on_click=state.stop, args=(run, texts.CANCELLED))
    started = time.monotonic()

    def progress(done: int, total: int) -> None:
        # Also the point at which Streamlit ends this run, when the visitor cancels, chooses anew, or leaves.
        bar.progress(done / total, text=texts.progress(done, total, time.monotonic() - started))

    try:
        photo = pipeline.denoise_photo(chosen.noisy, model, progress=progress)
    except Exception as error:
        state.stop(run, session.explain(error))
    else:
        state.add_result(run, Result(photo, time.monotonic() - started))
    st.rerun()


def _figures(state: Session, chosen: Chosen, denoised: Callable[[], Photo], made_by: MadeBy) -> None:
    clean = chosen.clean
    if clean is None:
        st.caption(texts.NO_REFERENCE)
        return

    def measure() -> tuple[str, str | None]:
        before, after = chosen.noisy.pixels, denoised().pixels
        reference = to_depth(clean.pixels, before.dtype)
        decibels = texts.before_after(psnr(reference, before), psnr(reference, after), digits=2)
        if min(clean.width, clean.height) < SSIM_WINDOW:
            return decibels, None
        return decibels, texts.before_after(ssim(reference, before), ssim(reference, after), digits=3)

    decibels, similarity = state.latest("figures", (chosen.id, id(clean), made_by), measure)
    left, right = st.columns(2, wrap=False)
    left.metric(texts.PSNR, decibels, help=texts.PSNR_HELP)
    right.metric(texts.SSIM, similarity or texts.TOO_SMALL, help=texts.SSIM_HELP)

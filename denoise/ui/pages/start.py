"""The start page: choose a noisy photo, see it denoised, take it home."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import partial
from weakref import ref

import cv2
import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from denoise import catalogue, turns
from denoise.batch import UNDO
from denoise.clean import clean_share, describe_clean
from denoise.image import FORMATS, Photo, space_of
from denoise.level import estimate_noise, noise_of_photo
from denoise.metrics import Quality, compare
from denoise.mixing import blend, detail_map
from denoise.ui import (
    addresses,
    gallery,
    jobs,
    limits,
    paste,
    photo_uploader,
    pictures,
    samples,
    session,
    texts,
    viewer,
)
from denoise.ui.cache import Cache, end_if_overtaken, in_turn, run_anew
from denoise.ui.chosen import Chosen, Coming, preview_of
from denoise.ui.kept import size_of
from denoise.ui.pages import batch, elements, start_choices, start_save
from denoise.ui.pages import start_words as words
from denoise.ui.results import Result, Run
from denoise.ui.session import DEVELOPMENT, PHOTO, UPLOAD, Session

_of_samples: dict[str, Cache] = defaultdict(Cache)  # figures, by name
_LARGE = 1_000_000  # pixels; as a file, as many megabytes as it has megapixels, twice
_ALREADY_CLEAN = 0.8  # levels of 0 to 255: invisible, and about what rounding to 8 bit and JPEG leave


def show() -> None:
    """Make the page, for what the visitor has chosen.

    All of it is placed before the network runs, so that nothing waits for the network or moves when its result comes.
    """
    state = session.current()
    coming = state.develop()
    if coming and coming.is_new:
        _opening(state, coming)
        return
    chosen = state.chosen()
    run = start_choices.wanted(state, chosen)
    model = run.model
    result = state.results.get(run)
    if result is None and coming is None:
        state.jobs.job(PHOTO, run, state.denoise(run, chosen))  # it begins while the page is made
    _head(state)
    left, right = _sides()
    with left:
        with st.container(key="viewer-place"):  # keeps its height, so that nothing moves when the viewer comes
            _viewer(state, chosen, run, result)
        _gallery(state)
    with right:
        _title(state, chosen)
        with st.container(key="outcome"):  # keeps its height, so that nothing moves when the figures come
            outcome = st.empty()
        actions = st.container()  # above the choices, which are many: the download is what the visitor came for
        start_choices.show(state, chosen, model)
        # Mixed anew wherever it is needed: that is quick, and a large photo is not kept once more.
        denoised = (lambda: blend(chosen.noisy, result.photo, state.painted(chosen.subject))) if result else None
        with actions:
            start_save.show(state, chosen, run, result)
            start_save.share(state, chosen, run, result)
        _reference(state)
    with outcome.container():
        if coming:
            _developing(state, coming)
        elif result is None or denoised is None:
            work = state.denoise(run, chosen)
            jobs.show(state.jobs, PHOTO, run, work, cancelled=words.CANCELLED, again=words.DENOISE_AGAIN)
        else:
            with state.measuring:
                end_if_overtaken()  # whoever had to wait, and was overtaken by the next choice, is ended here
                is_same = in_turn(chosen, lambda: np.array_equal(chosen.noisy.pixels, result.photo.pixels))
                measured, of = _measured(state, chosen), ref(result)  # which does not keep it
                same = measured.get("same", of, is_same)
                shown = of, state.painted(chosen.subject)
                _figures(state, chosen, denoised, shown, is_unchanged=same)
                removed = in_turn(chosen, lambda: _difference(chosen.noisy, result.photo))
                level = max(_noise_before(state, chosen), measured.get("removed", of, removed))
            made = texts.done(catalogue.titles(), model, result.model, result.seconds)
            st.caption(words.done(level, made))


def _opening(state: Session, coming: Coming) -> None:
    """Make the page for a RAW file that is still being developed: what the camera made of it is seen meanwhile."""
    key = f"{coming.file_name} {id(coming)}"
    preview = state.cache.picture("viewer noisy PNG", key, lambda: preview_of(coming.file))
    _head(state)
    left, right = _sides()
    with left:
        with st.container(key="viewer-place"):
            if preview.size:
                url = addresses.picture(state, "viewer noisy", preview)
                viewer.show([viewer.Picture(key, "As the camera shows it", url)], subject=key, link=state.link())
        _gallery(state)
    with right:
        _name(coming.file_name, is_raw=True)
        with st.container(key="outcome"):
            _developing(state, coming)


def _developing(state: Session, coming: Coming) -> None:
    jobs.show(state.jobs, DEVELOPMENT, coming, state.developing(coming), starting="Developing the RAW file")


def _head(state: Session) -> None:
    with st.container(key="head", horizontal=True, gap="medium"):
        left, right = st.container(gap="xxsmall"), st.container(gap="xxsmall")
    with left:
        st.title(texts.TITLE, anchor=False)
        st.container(key="sentence").markdown(words.SENTENCE)
        st.caption(texts.UPLOAD_NOTE.format(limits.MAX_MEGAPIXELS), help=texts.UPLOAD_HELP)
        if paste.into("photo"):
            st.switch_page(st.Page(batch.show, url_path="batch"))
    with right:
        _upload(state)


def _sides() -> tuple[DeltaGenerator, DeltaGenerator]:
    with st.container(key="split-photo", horizontal=True, gap="medium"):
        return st.container(), st.container()


def _gallery(state: Session) -> None:
    items = [
        gallery.Item(sample.name, sample.title, words.ISO.format(sample.iso), addresses.thumbnail(sample.name))
        for sample in samples.list_samples().values()
    ]
    if upload := state.upload:
        thumbnail = in_turn(upload, lambda: pictures.thumbnail(upload.noisy, crop=False))
        jpeg = state.cache.get("thumbnail", upload.id, thumbnail)
        items.insert(0, gallery.Item(UPLOAD, texts.YOUR_PHOTO, upload.file_name, pictures.data_url(jpeg)))
    gallery.show(
        words.OWN_AND_SAMPLES if state.upload else words.SAMPLES, items, state.chosen_id, on_choose=state.choose
    )


def _upload(state: Session) -> None:
    # The photo stays when the list is emptied: it is empty, too, until the file that replaces it can be read.
    is_listed = photo_uploader.show(state, "Your photo", "photo", on_file=state.open_upload, is_button=True)
    place = st.empty()  # or the button would be seen until the next run is over, which lasts as long as the work
    if state.upload and not is_listed:  # after a look at another page, too, or a click on the uploader's cross
        place.button(words.UPLOAD_REMOVE, on_click=state.remove_upload)
    if state.can_undo:
        st.fragment(_undo, run_every=2.0)(state)
    if state.upload_error and is_listed:
        st.error(state.upload_error)
    if state.notice:
        st.info(state.notice)


def _undo(state: Session) -> None:
    """Offer to bring back what was removed, until it is gone for good."""
    if not state.can_undo:
        run_anew()
    elements.undo(words.REMOVED.format(UNDO), state.undo_removal)


def _reference(state: Session) -> None:
    with st.expander(words.REFERENCE_HEADING):
        is_listed = photo_uploader.show(
            state,
            "A clean picture of exactly the same view",
            "reference",
            on_file=lambda _, file: state.open_reference(file),
            on_empty=state.close_reference,
            # A key for each photo, so that the reference of another one does not stay in the list.
            key=f"reference {state.upload.id}" if state.upload else "",
            disabled=state.chosen_id != UPLOAD,
        )
        if not is_listed and state.upload and state.upload.load_clean:  # the list is empty after a look at another page
            st.button(words.REFERENCE_REMOVE, on_click=state.close_reference)
        if state.chosen_id != UPLOAD:
            st.caption(words.REFERENCE_OF_SAMPLE)
    if state.reference_error:
        st.error(state.reference_error)


def _title(state: Session, chosen: Chosen) -> None:
    photo = chosen.outline
    is_own = state.cache.get("space", chosen.id, in_turn(chosen, lambda: space_of(chosen.noisy) is not None))
    _name(chosen.title, is_raw=chosen.development is not None)
    bits = min(photo.significant_bits, photo.bit_depth)
    facts = f"{photo.width} × {photo.height} pixels · {FORMATS[photo.format].title}, {bits} bit"
    st.caption(facts + " · not in sRGB", help=words.OWN_SPACE_HELP) if is_own else st.caption(facts)


def _name(title: str, *, is_raw: bool) -> None:
    badge = f" {words.RAW_BADGE}" if is_raw else ""
    st.header(f"{texts.literal(title)}{badge}", anchor=False)


def _noisy(state: Session, chosen: Chosen) -> viewer.Picture:
    if sample := samples.list_samples().get(chosen.id):
        return elements.shown(state, "viewer noisy", chosen.id, texts.NOISY, partial(samples.read, sample.noisy))

    def make() -> bytes:
        with turns.pictures.turn(2 * size_of(chosen.outline)):
            return pictures.to_png(chosen.noisy)

    url = addresses.picture_made_later(state, "viewer noisy", chosen.id, make)
    height, width = size = chosen.outline.height, chosen.outline.width
    is_large = height * width > _LARGE
    return viewer.Picture(chosen.id, texts.NOISY, url, addresses.part(state, chosen) if is_large else "", size)


def _viewer(state: Session, chosen: Chosen, run: Run, result: Result | None) -> None:
    """Show the photo and the result at full strength: the viewer mixes them itself."""
    sample = samples.list_samples().get(chosen.id)
    picture = partial(elements.shown, state, of=chosen)
    shown = [_noisy(state, chosen)]
    details = reference = growing = None
    if result is None and state.jobs.goes_on(PHOTO):
        label = f"Denoising: {words.ROLES.get(run.model) or catalogue.titles()[run.model]}"
        growing = viewer.Picture(_id(run), label, addresses.window(state, run))
        run, result = state.results.newest(chosen.id) or (run, None)  # to be seen until the new one is
    if result is not None:
        earlier = result
        shown.append(picture("viewer denoised", _id(run), texts.DENOISED, lambda: pictures.to_png(earlier.photo)))
        key = f"{_id(run)} details"

        def make_details() -> bytes:
            with turns.pictures.turn(2 * size_of(chosen.outline)):
                return pictures.to_grey_png(detail_map(chosen.noisy, earlier.photo))

        details = viewer.Picture(key, "", addresses.picture_made_later(state, "viewer details", key, make_details))
    if load_clean := chosen.load_clean:
        clean_png = partial(samples.read, sample.clean) if sample else lambda: pictures.to_png(load_clean())
        reference = picture("viewer clean", f"{chosen.id} {chosen.clean_id}", texts.CLEAN, clean_png)
    viewer.show(
        shown,
        subject=chosen.subject,
        spot=chosen.spot,
        growing=growing,
        clean=reference,
        details=details,
        mix=state.painted(chosen.subject),
        mixed=state.mixed,
        on_mix=state.set_mix,
        on_paint=state.paint,
        link=state.link(),
        on_back=state.go_back,
    )


def _id(run: Run) -> str:
    return " ".join(map(str, run))


def _figures(
    state: Session, chosen: Chosen, denoised: Callable[[], Photo], shown: Hashable, *, is_unchanged: bool
) -> None:
    """Show how good the result is; `shown` tells apart what is shown."""
    measured = _measured(state, chosen)
    told = in_turn(chosen, lambda: describe_clean(clean_share(chosen.noisy.pixels)))
    if is_unchanged:
        st.info(words.UNCHANGED)
    elif sentence := measured.get("clean", chosen.id, told):
        st.info(sentence)
    load_clean = chosen.load_clean
    if load_clean is None:
        before = _noise_before(state, chosen)
        after = measured.get("noise after", shown, in_turn(chosen, lambda: 255 * estimate_noise(denoised().pixels)))
        st.metric(words.NOISE, texts.before_after(before, after, digits=1), help=words.NOISE_HELP)
        if before < _ALREADY_CLEAN and not is_unchanged:
            st.info(words.ALREADY_CLEAN)
        st.caption(words.NO_REFERENCE)
        return

    def measure() -> tuple[Quality, Quality]:
        clean = load_clean()
        return compare(clean, chosen.noisy), compare(clean, denoised())

    was, now = measured.get("figures", (chosen.clean_id, shown), in_turn(chosen, measure))
    similarity = words.TOO_SMALL if now.ssim is None else texts.before_after(was.ssim, now.ssim, digits=3)
    left, right = st.columns(2, gap="xsmall", wrap=False)
    left.metric(texts.PSNR, texts.before_after(was.psnr, now.psnr, digits=2), help=texts.PSNR_HELP)
    right.metric(texts.SSIM, similarity, help=texts.SSIM_HELP)


def _noise_before(state: Session, chosen: Chosen) -> float:
    """Return the noise of the photo in levels of 0 to 255, as its flattest parts tell."""
    noise = in_turn(chosen, lambda: 255 * noise_of_photo(chosen.noisy.pixels))
    return _measured(state, chosen).get("noise before", chosen.id, noise)


def _measured(state: Session, chosen: Chosen) -> Cache:
    """Return where the figures of a photo are kept: those of a sample for all visitors, most of whom see the same."""
    return _of_samples[chosen.id] if chosen.id in samples.list_samples() else state.cache


def _difference(noisy: Photo, denoised: Photo) -> float:
    """Return how much was removed, root mean square, in levels of 0 to 255: a smoothed photo shows its noise so."""
    levels = float(np.iinfo(noisy.pixels.dtype).max) / 255
    return float(cv2.norm(noisy.pixels, denoised.pixels) / levels / noisy.pixels.size**0.5)

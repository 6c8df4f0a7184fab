"""Batch: many photos or a folder of them, denoised one after another, and one zip to take home."""

import errno
from typing import Any

import numpy as np
import streamlit as st

from denoise import catalogue, engine
from denoise.batch import UNDO, Batch
from denoise.image import FORMATS, Photo, formats_for, has_quality
from denoise.item import Item, Settings, State
from denoise.notation import NONE
from denoise.presets import presets
from denoise.ui import addresses, limits, photo_table, pictures, session, texts, uploader, viewer
from denoise.ui.cache import run_anew
from denoise.ui.pages import batch_words as words
from denoise.ui.pages import development, elements

_PATIENCE = 3.0  # seconds in which a tile ends; else the page says so a moment later
_AUTOMATIC = _AS_IT_CAME = ""
_ANY_PHOTO = Photo(np.zeros((64, 64, 3), np.uint8))
_KEPT, _LOOKED_AT = "batch settings", "batch look"
_WIDGETS = tuple(
    f"batch_{name}" for name in ("look", "model", "best", "strength", "format", "quality", "strip", *development.KEYS)
)


def show() -> None:
    """Make the page; the work goes on, whatever the visitor does meanwhile."""
    batch = _batch()
    st.title("Batch", anchor=False)
    st.markdown(words.SENTENCE)
    is_arriving = any(item.state == State.ARRIVING for item in batch.items())
    uploader.show(addresses.batch(session.current()), words.upload(limits.MAX_MEGAPIXELS), is_arriving=is_arriving)
    settings = _settings(disabled=batch.is_working)
    _look(batch)
    # Made anew every second while there is something to see.
    is_changing = _is_changing(batch)
    st.fragment(_work, run_every=1.0 if is_changing else None)(batch, settings, is_changing)


def _batch() -> Batch:
    """Return the visitor's batch."""
    state = session.current()
    if state.batch is None or state.batch.is_closed:
        state.batch = Batch(engine.shared(), max_megapixels=limits.MAX_MEGAPIXELS, explain=_explain)
    return state.batch


def _explain(error: Exception) -> str:
    if isinstance(error, ConnectionError | TimeoutError):
        return words.NOT_SENT
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return words.DISK_FULL
    if isinstance(error, FileNotFoundError):
        return texts.TIDIED_AWAY
    return texts.explain(error)


def _settings(*, disabled: bool) -> Settings:
    """Let the visitor choose; what was chosen is kept while other pages are looked at."""
    kept = session.current().pages.setdefault(_KEPT, {})
    for key, value in kept.items():
        if key not in st.session_state and key not in st.query_params:
            st.session_state[key] = value
    denoisers = {_AUTOMATIC: "Automatic: by size and noise"} | catalogue.titles()
    formats = {_AS_IT_CAME: words.AS_IT_CAME} | {name: FORMATS[name].title for name in formats_for(_ANY_PHOTO)}
    columns = st.columns([4, 5, 4, 4], gap="medium")

    def options(name: str, tip: str | None = None, *, is_of_use: bool = True) -> dict[str, Any]:
        is_disabled = disabled or not is_of_use
        return {"key": f"batch_{name}", "help": tip, "disabled": is_disabled, "bind": "query-params"}

    with columns[0]:
        with st.container(key="look-place"):
            looks = {name: preset.title for name, preset in presets().items()}
            name = elements.select("Look", looks, **options("look", words.LOOK_HELP))
            look = presets()[name]
            st.caption(look.summary)
        share = st.slider("Strength", 0, 100, 100, format="%d %%", **options("strength", words.STRENGTH_HELP))
    with columns[1]:
        model = elements.select(texts.MODEL, denoisers, **options("model", words.MODEL_HELP))
        best = st.toggle(texts.BEST, **options("best", texts.BEST_HELP, is_of_use=model != "nlm"))
    with columns[2]:
        file_format = elements.select(texts.FORMAT, formats, **options("format"))
        strip = st.toggle(texts.STRIP, **options("strip", texts.STRIP_HELP))
    with columns[3]:
        is_of_use = file_format == _AS_IT_CAME or has_quality(file_format)
        quality = st.slider(texts.QUALITY, 50, 100, 95, **options("quality", words.QUALITY_HELP, is_of_use=is_of_use))
    with st.expander("Development of RAW files"):
        developed = development.choose("batch_", disabled=disabled, bind="query-params")
    kept.update({key: st.session_state[key] for key in _WIDGETS})
    model = model or look.model
    has_best = not model or catalogue.denoiser_names()[model].has_best
    strength = (look.strength if has_best else min(look.strength, 1.0)) * share / 100
    return Settings(
        model, best and has_best, strength, file_format, quality, strip, mix=look.mix, development=developed
    )


def _is_changing(batch: Batch) -> bool:
    return batch.is_busy or bool(batch.removed)


def _work(batch: Batch, settings: Settings, was_changing: bool) -> None:
    """Show what has become of the photos, and let the visitor start and cancel the work."""
    is_changing = _is_changing(batch)
    items = batch.items()
    _actions(batch, settings, items)
    if items:
        count = _count(items)
        is_over = count[State.DONE] + count[State.FAILED] == len(items)
        photo_table.show(
            [_row(item) for item in items],
            addresses.batch(session.current()),
            is_working=batch.is_working,
            outcome=texts.batch_outcome(count[State.DONE], count[State.FAILED]) if is_over else "",
            on_look=lambda item_id: st.session_state.update({_LOOKED_AT: item_id}),
            on_remove=batch.remove,
        )
    if name := batch.removed:
        elements.undo(words.REMOVED.format(name, UNDO), batch.undo_removal)
    if is_changing != was_changing or st.session_state.get(_LOOKED_AT):
        run_anew()


def _look(batch: Batch) -> None:
    """Show the photo that was asked for beside its result."""
    item_id = st.session_state.pop(_LOOKED_AT, "")
    item = next((item for item in batch.items() if item.id == item_id), None)
    if item is None:
        return

    state = session.current()

    @st.dialog(texts.literal(item.name), width="large")
    def look() -> None:
        place = st.empty()
        # Where the photo that was looked at before would stand, under this one's name.
        place.caption("The photo is on its way …")
        try:
            noisy, denoised = batch.photos(item.id)
        except Exception as error:
            place.error(texts.explain(error))
            return
        shown = [
            viewer.Picture(
                f"{item.id} {slot}", label, addresses.picture(state, f"batch {slot}", pictures.to_png(photo))
            )
            for slot, label, photo in (("noisy", texts.NOISY, noisy), ("out", texts.DENOISED, denoised))
        ]
        with place.container():
            viewer.show(shown, subject=item.id, key="batch viewer")

    look()


def _actions(batch: Batch, settings: Settings, items: list[Item]) -> None:
    count = _count(items)
    finished = count[State.DONE] + count[State.FAILED]
    to_do = len(items) - finished
    retry = sum(item.can_retry for item in items)
    # On a phone, where the settings are as high as the screen, it stays in sight while it is the next to be pressed.
    is_next = batch.is_working or to_do > 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(key="batch-next" if is_next else "batch-over"):
            with st.container(key="batch-status"):  # keeps its height, so that nothing moves
                place = st.empty()
            if batch.is_working:
                if st.button(texts.CANCEL, key="batch cancel"):
                    batch.cancel()
                    batch.wait(_PATIENCE)
                    run_anew()
            elif st.button(
                words.start(to_do + retry if to_do else 0, retry),
                key="batch start",
                type="primary",
                disabled=not to_do + retry,
            ):
                batch.start(settings)
                run_anew()
        idle = not batch.is_working
        with st.popover("Denoise all again", key="batch renew", disabled=not (idle and count[State.DONE])):
            st.markdown(words.AGAIN_WARNING)
            if st.button("Yes, denoise all again", key="batch again", disabled=not (idle and count[State.DONE])):
                batch.forget_results()
                batch.start(settings)
                run_anew()
        with st.popover(words.CLEAR, key="batch remove", disabled=not items):
            st.markdown("Photos and results are deleted from the server at once.")
            if st.button(words.CLEAR_SURE, key="batch clear", disabled=not items):
                batch.close()
                run_anew()

    if batch.is_working:
        at_work = count[State.WORKING] or count[State.WAITING]
        good = len(items) - count[State.FAILED]
        share = (count[State.DONE] + batch.share * count[State.WORKING]) / max(good, 1)
        left = batch.seconds_left(settings) if at_work else None
        place.progress(share, words.progress(min(count[State.DONE] + 1, good), good, left))
    elif to_do and count[State.ARRIVING] == to_do:
        place.markdown(words.ARRIVING)
    elif to_do:
        place.markdown(words.waiting(to_do, batch.seconds_left(settings), count[State.ARRIVING]))
    elif items:
        with place.container():
            st.markdown(texts.batch_outcome(count[State.DONE], count[State.FAILED]))
            if any(item.state == State.DONE and item.settings != settings for item in items):
                st.warning(words.OUTDATED)
    else:
        place.caption(words.EMPTY)


def _count(items: list[Item]) -> dict[State, int]:
    return {state: sum(item.state == state for item in items) for state in State}


def _row(item: Item) -> photo_table.Row:
    detail, made = item.reason, item.figures
    if item.state == State.DONE and made:
        detail = words.result(catalogue.titles().get(made.model, made.model), made.clean, made.not_kept)
    return photo_table.Row(
        item.id,
        item.name,
        words.photo_size(item.width, item.height, item.bytes),
        words.noise(item.noise_before, made.noise_after if made else None),
        NONE if item.seconds is None else texts.duration(item.seconds),
        item.state,
        words.STATES[item.state],
        detail,
        bool(item.width),
        item.rejected,
        tuple(round(100 * share) for share in item.mix.shares),
    )

"""What is chosen for the photo on the page Denoise: the look, the network, how strong."""

from collections.abc import Iterable

import streamlit as st

from denoise import catalogue, engine
from denoise.pipeline import STRONGEST
from denoise.presets import presets
from denoise.ui import texts
from denoise.ui.chosen import Chosen
from denoise.ui.pages import development
from denoise.ui.pages import start_words as words
from denoise.ui.results import Run
from denoise.ui.session import Session


def wanted(state: Session, chosen: Chosen) -> Run:
    """Return how the photo is to be denoised; what is chosen for it, see `show`, comes further down the page."""
    model = state.model or chosen.model
    denoisers = catalogue.denoiser_names()
    for key, among in (("model", _first(denoisers)), ("model_compared", _others(denoisers))):
        st.session_state[key] = model if model in among else None
    st.session_state["look"] = state.preset or None
    for name, value in vars(state.development).items():
        st.session_state[name] = value
    st.session_state["best"], st.session_state["strength"] = state.best, state.strength
    if not denoisers[model].has_best:
        return Run(chosen.id, model)
    return Run(chosen.id, model, state.best, state.strength)


def show(state: Session, chosen: Chosen, model: str) -> None:
    """Place the choices in the page."""
    if chosen.development and state.can_develop:
        with st.expander("Development of the RAW file", expanded=True):
            development.choose(on_change=state.keep_development)
    _look(state)
    _network(state, chosen, model)
    has_it = catalogue.denoiser_names()[model].has_best
    st.slider(
        "Strength",
        1.0,
        STRONGEST,
        step=0.5,
        format="%.1f ×",
        key="strength",
        help=words.STRENGTH_HELP,
        disabled=not has_it,
        on_change=state.keep_strength,
    )
    st.toggle(texts.BEST, key="best", help=texts.BEST_HELP, disabled=not has_it, on_change=state.keep_strength)


def _look(state: Session) -> None:
    looks = presets()
    with st.container(key="look-place"):  # keeps its height, so that nothing below moves when another one is chosen
        st.pills(
            "Look",
            list(looks),
            format_func=lambda name: looks[name].title,
            key="look",
            on_change=lambda: state.choose_preset(st.session_state["look"] or state.preset),
        )
        st.caption(looks[state.preset].summary if state.preset else words.OWN_LOOK)


def _network(state: Session, chosen: Chosen, model: str) -> None:
    denoisers, pace = catalogue.denoiser_names(), engine.shared().pace

    def describe(name: str) -> str:
        seconds = catalogue.expected_seconds(chosen.outline, name, best=state.best, pace=pace)
        return words.choice(denoisers[name].summary, seconds, denoisers[name].minutes)

    with st.container(key="network-place"):
        st.segmented_control(
            texts.MODEL,
            _first(denoisers),
            format_func=lambda name: words.ROLES.get(name, denoisers[name].title),
            key="model",
            width="stretch",
            on_change=state.keep_model,
            args=("model",),
        )
        st.caption(f"**{denoisers[model].title}.** {describe(model)}")
    with st.expander("More, for comparison"):
        st.pills(
            "Networks of the case study, and a classical filter",
            _others(denoisers),
            format_func=lambda name: denoisers[name].title,
            key="model_compared",
            label_visibility="collapsed",
            on_change=state.keep_model,
            args=("model_compared",),
        )
        st.markdown("\n".join(f"- **{denoisers[name].title}.** {describe(name)}" for name in _others(denoisers)))


def _first(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in catalogue.DEFAULTS]


def _others(names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in catalogue.DEFAULTS]

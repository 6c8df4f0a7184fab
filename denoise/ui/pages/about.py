"""About: how the page works, which networks it has, what it cannot do, and what becomes of the photos."""

import html
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from denoise import catalogue, notation, registry
from denoise.registry import ModelCard
from denoise.runtime import ModelError
from denoise.ui import farewell, limits, samples, texts
from denoise.ui.pages import about_words as words
from denoise.ui.pages.elements import prose


def show() -> None:
    """Make the page."""
    st.title(texts.PAGES["about"], anchor=False)
    prose(words.INTRO)
    st.header(words.HOW_IT_WORKS, anchor=False)
    steps = "".join(
        f"<li><strong>{html.escape(name)}</strong>{html.escape(say)}</li>" for name, say in words.CHAIN.items()
    )
    with st.container(key="chain"):  # keeps its height, so that nothing moves when it comes
        st.html(f'<ol class="chain">{steps}</ol>')
    st.header(words.MODELS, anchor=False)
    prose(words.MODELS_INTRO)
    _models()
    st.header(words.LIMITS, anchor=False)
    _list(words.limits(limits.MAX_MEGAPIXELS))
    st.header(words.PRIVACY, anchor=False)
    _list([*words.PRIVACY_POINTS, words.after_closing(farewell.GRACE, farewell.PATIENCE)])
    st.header(words.LICENCES, anchor=False)
    prose(words.LICENCES_INTRO)
    _markdown_table(words.SAMPLE_HEADER, [(each.title, each.licence) for each in samples.list_samples().values()])


def _list(points: list[str]) -> None:
    prose("\n".join(f"- {point}" for point in points))


def _models() -> None:
    try:
        known = registry.list_models()
        cards = [known[name] for name in catalogue.denoiser_names() if name in known]
    except ModelError as error:
        st.error(texts.explain(error))
        return
    if not cards:
        st.info(words.NO_MODELS)
    for start in range(0, len(cards), 2):
        for column, card in zip(st.columns(2), cards[start : start + 2], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(card)


def _card(card: ModelCard) -> None:
    """Show a model card; what it does not tell is left out."""
    st.subheader(texts.literal(card.title), anchor=False)
    st.markdown(texts.literal(card.summary))
    training = card.training
    _facts(
        {
            "Design": card.architecture.get("paper"),
            "Parameters": f"{card.parameters:,}",
            "File": f"{card.file}, {card.bytes / 1e6:.2f} MB",
            "Stored as": card.quantisation,
            "Licence": card.licence,
            "Fingerprint": f"SHA-256 {card.sha256[:12]}…",
        }
    )
    if rows := _measured(card):
        st.markdown(f"**{words.MODEL_MEASURED}**")
        _markdown_table(words.MEASURED_HEADER, rows)
    with st.expander("How it was trained"):
        licences = training.get("licences_of_the_data")
        steps, minutes = (_count(training.get(unit)) for unit in ("steps", "minutes"))
        length = [f"{steps:,} steps" if steps else "", f"{minutes:.0f} minutes" if minutes else ""]
        _facts(
            {
                "Learnt from": training.get("data"),
                "Their licences": ", ".join(map(str, licences)) if isinstance(licences, list) else licences,
                "Noise it saw": str(training.get("noise_model") or "").removeprefix(
                    "denoise.camera.sample_parameters: "
                ),
                "Training": ", ".join(filter(None, length)),
                "Trained on": training.get("machine"),
            }
        )


def _facts(facts: Mapping[str, Any]) -> None:
    """Place what is known of these facts as a list of terms, with links to papers."""
    rows = []
    for name, fact in facts.items():
        if fact:
            text = html.escape(str(fact))
            text = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', text)
            text = re.sub(r"(?<![\"/])(https://[^\s<]+?)(?=[.,]?(?:\s|$))", r'<a href="\1">\1</a>', text)
            rows.append(f"<dt>{html.escape(name)}</dt><dd>{text}</dd>")
    if rows:
        st.html(f'<dl class="facts">{"".join(rows)}</dl>')


def _measured(card: ModelCard) -> list[tuple[str, ...]]:
    """Return a row for every set of photos: its title, what doing nothing scores, what the network scores."""
    rows = []
    for name, found in card.metrics.items():
        if isinstance(found, dict) and {"photos", "noisy", card.name} <= found.keys():
            scores = [words.scores(found[key]["psnr"], found[key]["ssim"]) for key in ("noisy", card.name)]
            rows.append((f"{notation.set_title(name)} ({found['photos']})", *scores))
    return rows


def _count(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _markdown_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    lines = [header, ("---",) * len(header), *(tuple(texts.literal(cell) for cell in row) for row in rows)]
    prose("\n".join(f"| {' | '.join(line)} |" for line in lines))

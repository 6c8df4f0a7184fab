"""What one visitor has chosen: which photo, how it is denoised; and the link that says so."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import streamlit as st

from denoise.brush import Mask
from denoise.catalogue import denoiser_names
from denoise.image import Development, Highlights, WhiteBalance
from denoise.mixing import Mix
from denoise.presets import USUAL, presets
from denoise.ui.results import read_strength

_MASKS = 8  # of less than 300 kB each


@dataclass
class Choices:
    """A visitor's choices.

    Attributes:
        chosen_id: `UPLOAD` or the name of a sample.
        model: The denoiser that the visitor chose; until then it is the default for each photo.
        best: Whether the visitor wants the denoiser's best quality.
        strength: How many times the usual the visitor wants taken for noise.
        mix: How much of the noise the visitor wants removed.
        mixed: How often the server has set it, rather than the viewer's sliders.
        masks: What was painted with the brush, by what the viewer calls the photo; newest last.
        preset: Name of the preset that says so, see `denoise.presets`; empty if none does.
        development: How the visitor wants the RAW file developed.
    """

    chosen_id: str
    model: str = ""
    best: bool = False
    strength: float = 1.0
    mix: Mix = field(default_factory=Mix)
    mixed: int = 0
    masks: dict[str, Mask] = field(default_factory=dict)
    preset: str = USUAL
    development: Development = field(default_factory=Development)

    def choose_preset(self, name: str) -> None:
        """Take strength and mix from a preset, and the denoiser if it names one; none stays of the one before."""
        before, preset = presets().get(self.preset), presets()[name]
        if preset.model or (before and before.model):
            self.model = preset.model
        self.preset, self.strength, self.mix = name, preset.strength, preset.mix
        self.mixed += 1

    def _fit_preset(self) -> None:
        """Stay with the preset as long as all is as it says; else with the first that says so, if there is one."""
        fitting = [
            name
            for name, preset in presets().items()
            if (preset.strength, preset.mix) == (self.strength, self.mix) and preset.model in ("", self.model)
        ]
        if self.preset not in fitting:
            self.preset = next(iter(fitting), "")

    def keep_model(self, key: str) -> None:
        """Stay with the denoiser that the visitor chose, whatever the next photo or page; one is always chosen."""
        self.model = st.session_state[key] or self.model
        self._fit_preset()

    def keep_strength(self) -> None:
        """Do the same with its quality and strength."""
        self.best, self.strength = st.session_state["best"], st.session_state["strength"]
        self._fit_preset()

    def keep_development(self) -> None:
        """Do the same with how the RAW file is developed."""
        self.development = Development(*(st.session_state[key] for key in ("white_balance", "exposure", "highlights")))

    def set_mix(self, mix: Mix) -> None:
        """Remove this much of the noise."""
        self.mix = mix
        self._fit_preset()

    def painted(self, subject: str) -> Mix:
        """Return the mix for a photo, with what was painted on it."""
        return self.mix._replace(mask=self.masks.get(subject))

    def paint(self, subject: str, mask: Mask | None) -> None:
        """Keep what was painted on a photo, for as long as no more than a few others are painted on."""
        self.masks.pop(subject, None)
        if mask is not None:
            self.masks[subject] = mask
        while len(self.masks) > _MASKS:
            del self.masks[next(iter(self.masks))]

    def follow(self, link: Mapping[str, str]) -> None:
        """Do as a link says: preset, model, quality, strength, mix. What it does not say, or says wrongly, stays."""
        if (name := link.get("preset", "")) in presets():
            self.choose_preset(name)
        if (name := link.get("model", self.model)) in ("", *denoiser_names()):
            self.model = name
        self.best = link.get("best", str(self.best)).lower() == "true"
        with suppress(ValueError):
            self.strength = read_strength(link.get("strength", ""))
        with suppress(ValueError):
            self.mix = read_mix(link.get("mix", ""))
        with suppress(ValueError):
            self.development = read_development(link.get("raw", ""))
        self._fit_preset()

    def link(self) -> dict[str, str]:
        """Return what `follow` takes; empty where all is as a new visitor finds it."""
        return {
            "photo": self.chosen_id,
            "preset": self.preset if self.preset != USUAL else "",
            "model": self.model,
            "best": "true" if self.best else "",
            "strength": f"{self.strength:g}" if self.strength != 1 else "",
            "mix": "-".join(f"{100 * share:.0f}" for share in self.mix.shares) if self.mix != Mix() else "",
            "raw": write_development(self.development) if self.development != Development() else "",
        }


def read_mix(text: str) -> Mix:
    """Read percents of luminance, colour and detail, such as "100-80-0"; what is beyond 0 and 100 is brought there.

    Raises:
        ValueError: These are not three whole numbers.
    """
    luminance, colour, detail = (min(max(int(percent), 0), 100) / 100 for percent in text.split("-"))
    return Mix(luminance, colour, detail)


def read_development(text: str) -> Development:
    """Read what `write_development` has written.

    Raises:
        ValueError: It has not.
    """
    white_balance, exposure, highlights = text.split(",")
    return Development(cast(WhiteBalance, white_balance), float(exposure), cast(Highlights, highlights))


def write_development(development: Development) -> str:
    """Say in an address how a RAW file is developed."""
    return f"{development.white_balance},{development.exposure:g},{development.highlights}"

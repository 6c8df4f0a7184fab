"""Named ways to denoise, such as "portrait": what to remove of the noise, and what to leave."""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from denoise.catalogue import denoiser_names
from denoise.mixing import SHARES, Mix
from denoise.pipeline import STRONGEST

USUAL = "automatic"
"""The preset that says what is done without any."""

_BUNDLED = Path(__file__).with_name("presets.toml")


class PresetError(ValueError):
    """A file of presets cannot be used; the message is for its owner."""


class Preset(NamedTuple):
    """A named way to denoise.

    Attributes:
        title: What a person calls it.
        summary: What it does, in a sentence.
        strength: See `denoise.pipeline.denoise_photo`.
        mix: How much of what was removed stays removed.
        model: By which denoiser, see `denoise.catalogue`; empty if the photo decides.
    """

    title: str
    summary: str = ""
    strength: float = 1.0
    mix: Mix = Mix()
    model: str = ""


def presets(own: Path | None = None) -> dict[str, Preset]:
    """Return the presets by name: those of denoise, and after them those of one's own; equal names replace.

    Args:
        own: A TOML file with a table for each preset, like `denoise/presets.toml`. Such a file that the environment
            names, by `DENOISE_PRESETS`, comes before it; the page knows that one alone.

    Raises:
        PresetError: A file is missing or not as it should be.
    """
    return _usual() | (_read(own) if own else {})


@cache
def _usual() -> dict[str, Preset]:
    of_this_machine = os.environ.get("DENOISE_PRESETS")
    return _read(_BUNDLED) | (_read(Path(of_this_machine)) if of_this_machine else {})


def _read(path: Path) -> dict[str, Preset]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # of TOML, or of UTF-8
        raise PresetError(f"{path} is not a file of presets: {error}") from None
    return {name: _preset(table, f"{path}: {name}") for name, table in tables.items()}


def _preset(table: Any, place: str) -> Preset:
    if not isinstance(table, dict):
        raise PresetError(f"{place} stands alone; each preset is a table, such as [{place.split(': ')[-1]}]")
    words = {"title": place.split(": ")[-1], "summary": "", "model": ""}
    numbers = {"strength": 1.0} | dict(zip(SHARES, Mix().shares, strict=True))
    for key, value in table.items():
        most = STRONGEST if key == "strength" else 1.0
        if key == "model" and value not in ("", *denoiser_names()):
            raise PresetError(f"{place}: there is no model {value!r}. Known models: {', '.join(denoiser_names())}")
        if key in words and isinstance(value, str):
            words[key] = value
        elif key in numbers and isinstance(value, int | float) and 0 <= value <= most:
            numbers[key] = float(value)
        elif key in numbers:
            raise PresetError(f"{place}: {key} must be a number from 0 to {most:g}. Received: {value!r}")
        else:
            raise PresetError(f"{place}: {key} = {value!r} is not known. Known: {', '.join((*words, *numbers))}")
    luminance, colour, detail = (numbers[name] for name in SHARES)
    return Preset(**words, strength=numbers["strength"], mix=Mix(luminance, colour, detail))

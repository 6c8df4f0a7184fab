"""The sample photos that come with the program."""

import json
from dataclasses import dataclass
from functools import cache

from denoise.bundled import folder
from denoise.image import Photo, decode
from denoise.ui import pictures
from denoise.ui.spot import telling_spot

SAMPLES_DIR = folder("samples")

_FACES = {"astronaut": (112, 226), "camera": (130, 215)}  # row and column: where a person looks first


@dataclass(frozen=True)
class Sample:
    """A noisy photo with its clean reference; `noisy` and `clean` are file names, `licence` is the original's."""

    name: str
    title: str
    noisy: str
    clean: str
    iso: int
    licence: str


@cache
def list_samples() -> dict[str, Sample]:
    """Return the samples by name, in the order of samples.json."""
    entries = json.loads((SAMPLES_DIR / "samples.json").read_text("utf-8"))
    fields = Sample.__dataclass_fields__
    samples = [Sample(**{key: value for key, value in entry.items() if key in fields}) for entry in entries]
    return {sample.name: sample for sample in samples}


@cache
def load(file: str) -> Photo:
    """Decode a sample's file; all sessions share the photo, which nobody changes."""
    return decode(read(file))


@cache
def read(file: str) -> bytes:
    """Return a sample's file: PNG in 8 bit, as `pictures.to_png` would make it; all sessions share it."""
    return (SAMPLES_DIR / file).read_bytes()


@cache
def thumbnail(name: str) -> bytes:
    """Return a sample's thumbnail as a JPEG file: a part in true pixels, so that the noise is seen."""
    return pictures.thumbnail(load(list_samples()[name].noisy), crop=True, spot=_FACES.get(name))


@cache
def spot(name: str) -> tuple[int, int]:
    """Return the row and column of a sample to look at first."""
    return _FACES.get(name) or telling_spot(load(list_samples()[name].noisy))

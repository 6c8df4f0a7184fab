"""A photo of a batch: how it is to be denoised, and what has become of it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from denoise import catalogue
from denoise.image import Development, Photo
from denoise.metrics import Quality
from denoise.mixing import Mix
from denoise.runtime import ModelError


class State(StrEnum):
    """What has become of a photo."""

    ARRIVING = "arriving"
    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Settings:
    """How photos are denoised and written.

    Attributes:
        model: A name from `catalogue.denoiser_names`; empty for the default of each photo.
        best: See `pipeline.denoise_photo`.
        strength: See `pipeline.denoise_photo`.
        format: What all results become, such as "PNG"; empty to keep the format of each photo.
        quality: Of a JPEG or WebP, 1 to 100; WebP is lossless at 100, and where it came so and `format` is empty.
            `None` for the usual one, see `denoise.image.usual_quality`.
        strip: Leave out all metadata.
        level: See `pipeline.denoise_photo`.
        mix: How much of what was removed stays removed.
        development: Of RAW files.
    """

    model: str = ""
    best: bool = False
    strength: float = 1.0
    format: str = ""
    quality: int | None = 95
    strip: bool = False
    level: float | None = None
    mix: Mix = field(default_factory=Mix)
    development: Development = field(default_factory=Development)


@dataclass(frozen=True)
class Figures:
    """What there is to tell of a result.

    Attributes:
        model: The name of the denoiser that made it.
        format: Such as "PNG".
        width: In pixels.
        height: In pixels.
        noise_before: Estimated standard deviation of the photo's noise, in levels of 0 to 255.
        noise_after: The same of the result.
        clean: Which share came back as it was because it held no noise, see `denoise.clean`, in [0, 1].
        not_kept: What of the photo the result could not keep, see `denoise.image.losses`.
        before: How close the photo is to its reference, if there is one.
        after: The same of the result.
        seconds: From the one file to the other.
    """

    model: str
    format: str
    width: int
    height: int
    noise_before: float
    noise_after: float
    clean: float
    not_kept: tuple[str, ...]
    seconds: float
    before: Quality | None = None
    after: Quality | None = None


@dataclass
class Item:
    """A photo of a batch, and what has become of it.

    Attributes:
        id: Tells photos apart, also those of one name.
        name: As its owner calls it, with its folders, separated by "/".
        bytes: Size of the file; until it has arrived, as announced.
        state: See `State`.
        reason: Why it failed.
        width: In pixels; 0 until the file has been looked at.
        height: In pixels; 0 until then.
        unpacked: Bytes of its pixels, and of their opacity; 0 until then.
        noise_before: Estimated standard deviation of the noise, in levels of 0 to 255.
        figures: What there is to tell of the result.
        settings: With which it was made.
        seconds: From the file that came to the file that goes.
        result: Name of the result, with its folders; no two are equal.
        rejected: Its owner does not want the result.
        mix: How its owner wants the result mixed with the photo once more.
    """

    id: str
    name: str
    bytes: int
    state: State = State.ARRIVING
    reason: str = ""
    width: int = 0
    height: int = 0
    unpacked: int = 0
    noise_before: float | None = None
    figures: Figures | None = None
    settings: Settings | None = None
    seconds: float | None = None
    result: str = ""
    rejected: bool = False
    mix: Mix = field(default_factory=Mix)

    @property
    def is_expected(self) -> bool:
        """Whether its file has not arrived but may."""
        return self.state == State.ARRIVING or (self.state == State.FAILED and not self.width)

    @property
    def can_retry(self) -> bool:
        """Whether it failed although its file is a photo."""
        return self.state == State.FAILED and self.width > 0


def expected_seconds(item: Item, settings: Settings, pace: Mapping[str, float]) -> float:
    """Return the seconds that a photo will take by the model cards, or what is in proportion to it."""
    if not item.width:
        return 0.0
    # As much of a photo as the estimate looks at: its size, without its memory.
    photo = Photo(np.broadcast_to(np.uint8(0), (item.height, item.width, 3)))
    model = settings.model or catalogue.default_for(photo)
    seconds = None
    with suppress(ModelError, KeyError):  # there is no such model any more; the work will tell
        seconds = catalogue.expected_seconds(photo, model, best=settings.best, pace=pace)
    return seconds or item.width * item.height / 1e6

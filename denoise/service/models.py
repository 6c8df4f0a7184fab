"""What the service is asked, and what it answers, as the OpenAPI document has it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from denoise import catalogue
from denoise.catalogue import info_for
from denoise.image import format_for
from denoise.item import Settings
from denoise.mixing import SHARES, Mix
from denoise.pipeline import STRONGEST
from denoise.runtime import ModelError


def _able(model: str, strength: float = 1.0, level: float | None = None) -> str:
    names = [model] if model else catalogue.DEFAULTS
    catalogue.denoiser_names()  # what is wrong with a card is not the client's doing
    try:
        for name in names:
            info_for(name, strength, level)
    except ModelError as error:
        raise ValueError(str(error)) from None
    return model


def _format(suffix: str) -> str:
    return format_for(suffix) if suffix else ""


class Order(BaseModel):
    """How a photo is to be denoised, and written."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[
        str,
        AfterValidator(lambda name: _able(name)),
        Field(description="A name from /models; empty for the default of each photo."),
    ] = ""
    strength: Annotated[
        float,
        Field(
            ge=0,
            le=STRONGEST,
            description="Share of the noise that is removed; above 1, as far as the model goes, more of it.",
        ),
    ] = 1.0
    level: Annotated[
        float | None,
        Field(
            ge=0, le=255, description="Standard deviation of the noise in levels of 0 to 255; estimated if left out."
        ),
    ] = None
    best: Annotated[bool, Field(description="A little better, and up to eight times slower.")] = False
    luminance: Annotated[float, Field(ge=0, le=1, description="Share of the grain that is removed.")] = 1.0
    colour: Annotated[float, Field(ge=0, le=1, description="Share of the colour blotches that is removed.")] = 1.0
    detail: Annotated[
        float, Field(ge=0, le=1, description="Share of the luminance that is left as it was where there is texture.")
    ] = 0.0
    format: Annotated[
        str,
        AfterValidator(_format),
        Field(description="Ending of the file that comes back, such as png; empty for the format of the photo."),
    ] = ""
    quality: Annotated[
        int,
        Field(
            ge=1, le=100, description="Of JPEG, WebP, HEIC, AVIF; what came lossless stays so unless `format` is given."
        ),
    ] = 95
    strip: Annotated[bool, Field(description="Leave all metadata out.")] = False

    @model_validator(mode="after")
    def _is_able(self) -> "Order":
        _able(self.model, self.strength, self.level)
        return self

    def settings(self) -> Settings:
        """Return the same as the rest of the program calls it."""
        asked = self.model_dump()
        mix = Mix(*(asked.pop(name) for name in SHARES))
        level = None if self.level is None else self.level / 255
        return Settings(**asked | {"level": level, "mix": mix})


class Model(BaseModel):
    """A denoiser to choose from."""

    name: str
    title: str
    summary: str
    default: Annotated[bool, Field(description="Serves unless another one is asked for.")]
    default_for_big_photos: Annotated[bool, Field(description="The same for photos of more than 2 megapixels.")]
    default_for_noisy_ones: Annotated[bool, Field(description="The same where there is strong noise everywhere.")]
    takes_level: Annotated[bool, Field(description="Whether `level` can be asked of it.")]
    strongest: Annotated[float, Field(description="How far `strength` goes.")]
    has_best: Annotated[bool, Field(description="Whether `best` makes it better.")]
    seconds_per_tile: Annotated[float | None, Field(description="How long a tile took here lately, or as measured.")]


class State(StrEnum):
    """What has become of a photo."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"


class Report(BaseModel):
    """Figures of a result."""

    model: str
    format: Annotated[str, Field(description="Such as PNG.")]
    width: int
    height: int
    noise_before: Annotated[float, Field(description="Estimated standard deviation, in levels of 0 to 255.")]
    noise_after: float
    clean: Annotated[float, Field(description="Share that held no noise and came back as it was, in [0, 1].")]
    not_kept: Annotated[list[str], Field(description="What of the photo the format could not keep.")]
    seconds: Annotated[float, Field(description="From the one file to the other.")]


class Job(BaseModel):
    """A photo that is denoised while nobody waits."""

    id: str
    state: State
    tiles_done: int
    tiles_total: Annotated[int, Field(description="0 until the work begins.")]
    ahead: Annotated[int, Field(description="Large photos of others that come first.")]
    seconds: Annotated[float, Field(description="For how long it has been at work.")]
    reason: Annotated[str, Field(description="Why it failed.")]
    result: Annotated[str | None, Field(description="Path of the picture, once it is there.")]
    figures: Report | None
    expires: Annotated[datetime, Field(description="When all of it is gone, unless it is asked for before.")]

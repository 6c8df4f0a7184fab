"""What is made of a photo: by which run, with what result, to be saved as which file."""

from collections.abc import Mapping
from typing import NamedTuple

from denoise.image import Photo
from denoise.pipeline import STRONGEST
from denoise.ui.kept import Kept


class Run(NamedTuple):
    """What is denoised, how.

    Attributes:
        photo: Its `Chosen.id`.
        model: The denoiser's name.
        best: Whether at its best quality.
        strength: From 1 to `pipeline.STRONGEST`; what is less is mixed, see `denoise.mixing`.
    """

    photo: str
    model: str
    best: bool = False
    strength: float = 1.0

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it."""
        strength = {"strength": f"{self.strength:g}"} if self.strength != 1 else {}
        return {"photo": self.photo, "model": self.model, "best": str(int(self.best)), **strength}

    @classmethod
    def read(cls, said: Mapping[str, str]) -> "Run":
        """Return what `query` said.

        Raises:
            KeyError: An address does not say all.
            ValueError: It says what cannot be.
        """
        return cls(said["photo"], said["model"], said["best"] == "1", read_strength(said.get("strength", "1")))


def read_strength(text: str) -> float:
    """Read a strength for which a network runs.

    Raises:
        ValueError: It is no number from 1 to `pipeline.STRONGEST`.
    """
    strength = float(text)
    if not 1 <= strength <= STRONGEST:
        raise ValueError(text)
    return strength


class Result:
    """What a denoiser made of a photo, before it is mixed, and the seconds it took."""

    def __init__(self, photo: Photo, seconds: float) -> None:
        self.kept, self.seconds = Kept(photo), seconds

    @property
    def photo(self) -> Photo:
        """The denoised photo; see `Chosen.noisy`."""
        return self.kept.get()


class File(NamedTuple):
    """What a result is to be saved as.

    Attributes:
        run: Which result.
        format: Name of the format, one of `denoise.image.formats_for`.
        depth: Bits of each sample, 8 or 16.
        quality: Of a JPEG or WebP, see `denoise.image.encode`.
        strip: Leave the metadata out.
    """

    run: Run
    format: str
    depth: int
    quality: int
    strip: bool

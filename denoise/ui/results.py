"""What is made of a photo: by which run, with what result, to be saved as which file."""

import threading
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, NamedTuple
from weakref import WeakValueDictionary

from denoise.image import FORMATS, Photo
from denoise.pipeline import STRONGEST
from denoise.ui import samples
from denoise.ui.kept import Kept

_MOST_BYTES = 64_000_000  # all results of a visitor's own photos; at least the newest stays


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
    """What a denoiser made of a photo, before it is mixed.

    Attributes:
        seconds: How long it took.
        model: The name of the denoiser that made it.
        files: Those of it that are being sent or kept, by what was wanted, see `denoise.ui.orders`.
    """

    def __init__(self, photo: Photo, seconds: float, model: str) -> None:
        self.kept, self.seconds, self.model = Kept(photo), seconds, model
        self.files: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()

    @property
    def photo(self) -> Photo:
        """The denoised photo; see `Chosen.noisy`."""
        return self.kept.get()


class Results:
    """The results that a visitor can have: of the visitor's own photos, newest last, and those of the samples."""

    of_samples: ClassVar[dict[Run, Result]] = {}
    """For every visitor: few and small, and the same for all of them."""

    def __init__(self) -> None:
        self.own: dict[Run, Result] = {}
        self._adding = threading.Lock()

    def add(self, run: Run, result: Result) -> None:
        """Keep a result, and let go of the oldest ones when all of them together become large."""
        if run.photo in samples.list_samples():
            self.of_samples[run] = result
            return
        with self._adding:
            self.own[run] = result
            while len(self.own) > 1 and sum(each.kept.size for each in self.own.values()) > _MOST_BYTES:
                del self.own[next(iter(self.own))]

    def get(self, run: Run) -> Result | None:
        """Return the result of a run, if it is there."""
        result = self.own.get(run) or self.of_samples.get(run)
        return result if result and result.kept.is_there else None

    def newest(self, photo: str) -> tuple[Run, Result] | None:
        """Return the newest result of a photo that is there, whichever run it is of."""
        runs = [run for run in [*self.of_samples, *self.own] if run.photo == photo]
        return next(((run, result) for run in reversed(runs) if (result := self.get(run))), None)


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

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it, but for the mix."""
        said = {"format": self.format, "depth": self.depth, "quality": self.quality, "strip": int(self.strip)}
        return self.run.query | {name: str(value) for name, value in said.items()}

    @classmethod
    def read(cls, said: Mapping[str, str]) -> "File":
        """Return what `query` said.

        Raises:
            KeyError: An address does not say all.
            ValueError: It says what cannot be.
        """
        file = cls(Run.read(said), said["format"], int(said["depth"]), int(said["quality"]), said["strip"] == "1")
        if file.format not in FORMATS or file.depth not in (8, 16) or not 1 <= file.quality <= 100:
            raise ValueError(file)
        return file

"""What one visitor has chosen and made: kept in the visitor's Streamlit session, seen by nobody else."""

import hashlib
import logging
import os
import secrets
import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import streamlit as st

from denoise import pipeline
from denoise.image import Photo, PhotoError, decode, encode, to_depth, without_metadata
from denoise.pipeline import Mix, denoiser_names
from denoise.runtime import ModelError
from denoise.ui import samples, texts

UPLOAD = "upload"
"""What `Session.chosen_id` holds while the visitor's own photo is chosen; otherwise the name of a sample."""

MAX_MEGAPIXELS = float(os.environ.get("DENOISE_MAX_MEGAPIXELS", "50"))
"""The largest photo that the page accepts; who runs the server decides, by its memory."""

_RESULTS_BYTES = 64_000_000  # all results that a session keeps; at least the newest stays

Run = tuple[str, str, bool]
"""What is denoised, how: the photo's `Chosen.id`, the denoiser's name, and whether at its best quality."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """The photo that the page is about.

    Attributes:
        id: Tells photos apart; equal for equal files.
        title: What the page calls it.
        file_name: As uploaded; a name in the same manner for a sample.
        noisy: The photo.
        clean: Its clean reference, if there is one.
    """

    id: str
    title: str
    file_name: str
    noisy: Photo
    clean: Photo | None


@dataclass(frozen=True)
class Result:
    """What a denoiser made of a photo at full strength, and the seconds it took."""

    photo: Photo
    seconds: float


class File(NamedTuple):
    """What a result is to be saved as.

    Attributes:
        run: Which result.
        format: Name of the format, one of `denoise.image.formats_for`.
        depth: Bits of each sample, 8 or 16.
        quality: JPEG quality.
        strip: Leave the metadata out.
    """

    run: Run
    format: str
    depth: int
    quality: int
    strip: bool


_results_of_samples: dict[Run, Result] = {}
"""For every visitor: few and small, and the same for all of them."""


@dataclass
class Session:
    """One visitor's state.

    Attributes:
        chosen_id: `UPLOAD` or the name of a sample.
        upload: The last photo that was uploaded and could be read.
        upload_error: Why the last upload was refused; empty if it was not.
        reference_error: The same of the last reference.
        results: Newest last.
        stopped: The run that was cancelled or failed, with the sentence that says so.
        model: The denoiser that the visitor chose; until then it is the default for each photo.
        mix: How much of the noise the visitor wants removed.
        measuring: Held while a result is mixed and measured: a slider that moves quickly asks for that more often than
            a large photo allows, and each time takes its own memory.
        token: Tells sessions apart, and cannot be guessed.
    """

    chosen_id: str
    upload: Chosen | None = None
    upload_error: str = ""
    reference_error: str = ""
    results: dict[Run, Result] = field(default_factory=dict)
    stopped: tuple[Run, str] | None = None
    model: str = ""
    mix: Mix = field(default_factory=Mix)
    measuring: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _latest: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    def choose(self, chosen_id: str) -> None:
        """Make a sample, or the upload, the photo that the page is about."""
        self.chosen_id = chosen_id
        self.upload_error = self.reference_error = ""
        self.stopped = None

    def open_upload(self, file_name: str, data: bytes) -> None:
        """Decode and choose an uploaded photo; if that fails, keep all as it was and say why in `upload_error`."""
        self.upload_error = ""
        self._latest.clear()  # decoding a large photo needs the memory, and all of this can be made again
        try:
            photo = decode(data, max_megapixels=MAX_MEGAPIXELS)
        except Exception as error:
            self.upload_error = explain(error)
        else:
            self.upload = Chosen(hashlib.sha256(data).hexdigest()[:16], file_name, file_name, photo, clean=None)
            self.choose(UPLOAD)

    def open_reference(self, data: bytes) -> None:
        """Decode the clean reference of the uploaded photo; if that fails, say why in `reference_error`."""
        assert self.upload is not None
        self.close_reference()
        try:
            clean = decode(data, max_megapixels=MAX_MEGAPIXELS)
        except Exception as error:
            self.reference_error = explain(error)
            return
        noisy = self.upload.noisy
        if (clean.width, clean.height) == (noisy.width, noisy.height):
            self.upload = replace(self.upload, clean=clean)
        else:
            self.reference_error = texts.reference_size((clean.width, clean.height), (noisy.width, noisy.height))

    def close_reference(self) -> None:
        """Let go of the uploaded reference."""
        self.reference_error = ""
        if self.upload is not None:
            self.upload = replace(self.upload, clean=None)

    def stop(self, run: Run, sentence: str) -> None:
        """Leave a run be, and say so, until the visitor asks for it again or chooses another photo."""
        self.stopped = (run, sentence)

    def keep_model(self) -> None:
        """Stay with the denoiser that the visitor chose, whatever the next photo or page."""
        self.model = st.session_state["model"]

    def resume(self) -> None:
        """Let the run that was stopped start again."""
        self.stopped = None

    def chosen(self) -> Chosen:
        """Return the photo that the page is about."""
        if self.chosen_id == UPLOAD and self.upload is not None:
            return self.upload
        sample = samples.list_samples()[self.chosen_id]
        file_name = sample.name + PurePath(sample.noisy).suffix
        return Chosen(sample.name, sample.title, file_name, samples.load(sample.noisy), samples.load(sample.clean))

    def file(self, wanted: File, mix: Mix) -> bytes:
        """Return a file to take home; may be called from any thread.

        Args:
            wanted: Which file.
            mix: How the result is mixed with the photo.

        Raises:
            LookupError: The photo or its result is no longer there.
        """
        result = self.result(wanted.run)
        noisy = self._noisy(wanted.run[0])
        if result is None or noisy is None:
            raise LookupError(wanted.run)
        with self.measuring:
            photo = replace(pipeline.blend(noisy, result.photo, mix), format=wanted.format)
            if wanted.depth == 8:
                photo = replace(photo, pixels=to_depth(photo.pixels, np.uint8))
            return encode(without_metadata(photo) if wanted.strip else photo, quality=wanted.quality)

    def _noisy(self, photo_id: str) -> Photo | None:
        if self.upload is not None and self.upload.id == photo_id:
            return self.upload.noisy
        sample = samples.list_samples().get(photo_id)
        return samples.load(sample.noisy) if sample else None

    def result(self, run: Run) -> Result | None:
        """Return the result of a run, if it is there."""
        return self.results.get(run) or _results_of_samples.get(run)

    def add_result(self, run: Run, result: Result) -> None:
        """Keep a result, and let go of the oldest ones when all of them together become large."""
        if run[0] in samples.list_samples():
            _results_of_samples[run] = result
            return
        self.results[run] = result
        while (
            len(self.results) > 1 and sum(each.photo.pixels.nbytes for each in self.results.values()) > _RESULTS_BYTES
        ):
            del self.results[next(iter(self.results))]

    def set_mix(self, mix: Mix) -> None:
        """Remove this much of the noise."""
        self.mix = mix

    def obey(self, link: Mapping[str, str]) -> None:
        """Do as a link says: its photo, model and mix. What it does not say, or says wrongly, stays."""
        if (name := link.get("photo", "")) in samples.list_samples():
            self.choose(name)
        if (name := link.get("model", "")) in denoiser_names():
            self.model = name
        with suppress(ValueError):
            self.mix = read_mix(link.get("mix", ""))

    def link(self) -> dict[str, str]:
        """Return what `obey` takes; empty where all is as a new visitor finds it."""
        return {
            "photo": self.chosen_id if self.chosen_id not in (UPLOAD, first_sample()) else "",
            "model": self.model,
            "mix": "-".join(f"{100 * share:.0f}" for share in self.mix) if self.mix != Mix() else "",
        }

    def latest(self, slot: str, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what `make` makes, without making it again while `key` stays the same: one value a slot."""
        if slot not in self._latest or self._latest[slot][0] != key:
            self._latest.pop(slot, None)  # before making the new one: both may be large
            self._latest[slot] = (key, make())
        return cast(_T, self._latest[slot][1])


def read_mix(text: str) -> Mix:
    """Read percents of luminance, colour and detail, such as "100-80-0"; what is beyond 0 and 100 is brought there.

    Raises:
        ValueError: These are not three whole numbers.
    """
    luminance, colour, detail = (min(max(int(percent), 0), 100) / 100 for percent in text.split("-"))
    return Mix(luminance, colour, detail)


def current() -> Session:
    """Return the state of the visitor whose page is being made."""
    if "session" not in st.session_state:
        state = st.session_state["session"] = Session(chosen_id=first_sample())
        state.obey(st.query_params)
    return cast(Session, st.session_state["session"])


def first_sample() -> str:
    """Return the name of the sample that a new visitor sees."""
    return next(iter(samples.list_samples()))


def explain(error: Exception) -> str:
    """Return the sentence that the visitor sees; what is not the visitor's doing goes to the server's log."""
    if isinstance(error, PhotoError | ModelError):
        return str(error)
    _log.error("The page failed", exc_info=error)
    return texts.OUT_OF_MEMORY if isinstance(error, MemoryError) else texts.UNEXPECTED

"""What one visitor has chosen and made: kept in the visitor's Streamlit session, seen by nobody else."""

import hashlib
import logging
import os
import secrets
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import Any, TypeVar, cast

import streamlit as st

from denoise import catalogue, engine, pipeline, turns
from denoise.batch import Batch
from denoise.engine import Task
from denoise.image import (
    Development,
    Photo,
    PhotoError,
    decode,
    encode,
    identify,
    outline,
    unpacked_size,
    with_depth,
    without_metadata,
)
from denoise.metrics import check_reference
from denoise.mixing import Mix, blend
from denoise.presets import USUAL
from denoise.runtime import ModelError
from denoise.ui import farewell, memory, samples, sharing, texts
from denoise.ui.arrivals import Arrivals
from denoise.ui.choices import Choices, write_development
from denoise.ui.chosen import Chosen
from denoise.ui.growing import Growing
from denoise.ui.kept import Kept, Upload, held, size_of
from denoise.ui.results import File, Result, Run
from denoise.ui.sharing import Share
from denoise.ui.slots import Slots
from denoise.ui.spot import telling_spot

UPLOAD = "upload"
"""What `Session.chosen_id` holds while the visitor's own photo is chosen; otherwise the name of a sample."""

PHOTO = "photo"
"""The slot of the job that denoises the chosen photo, see `Slots.job`."""

MAX_MEGAPIXELS = float(os.environ.get("DENOISE_MAX_MEGAPIXELS", "50"))
"""The largest photo that the page accepts; who runs the server decides, by its memory."""

UNDO = 10.0
"""Seconds in which the removal of the visitor's photo can be undone."""

_LONGEST_TILE = 60.0  # seconds, on a busy machine
_RESULTS_BYTES = 64_000_000  # all results that a session keeps; at least the newest stays

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


_results_of_samples: dict[Run, Result] = {}
"""For every visitor: few and small, and the same for all of them."""


@dataclass
class Session(Choices):
    """One visitor's state, beside the choices.

    Attributes:
        upload: The last photo that was uploaded and could be read.
        upload_error: Why the last upload was refused; empty if it was not.
        notice: What the visitor should know of the link that was followed.
        reference_error: The same of the last reference.
        results: Newest last.
        batch: The visitor's batch, once the page was looked at; it goes on while the visitor is away.
        jobs: What is at work, but for the batch.
        growing: What is there of the newest result.
        pages: What single pages remember of themselves.
        arrivals: What came through Streamlit's uploaders.
        measuring: Held while a result is mixed and measured: a slider that moves quickly asks for that more often than
            a large photo allows, and each time takes its own memory.
        token: Tells sessions apart, and cannot be guessed.
    """

    upload: Chosen | None = None
    upload_error: str = ""
    reference_error: str = ""
    notice: str = ""
    results: dict[Run, Result] = field(default_factory=dict)
    batch: Batch | None = None
    jobs: Slots = field(default_factory=lambda: Slots(explain))
    growing: Growing | None = None
    pages: dict[str, Any] = field(default_factory=dict)
    arrivals: Arrivals = field(default_factory=Arrivals)
    measuring: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _choices: int = 0
    _uploads: int = 0
    _latest: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)
    _pictures: dict[str, tuple[str, Kept[bytes]]] = field(default_factory=dict)
    _kept: dict[str, Kept[Any]] = field(default_factory=dict)  # the upload, its reference, its RAW file
    _removed: tuple[Chosen | None, dict[str, Kept[Any]], dict[Run, Result]] | None = None
    _removals: int = 0
    _is_away: bool = False
    _changing: threading.RLock = field(default_factory=threading.RLock)  # the upload, the work and its result

    def choose(self, chosen_id: str) -> None:
        """Make a sample, or the upload, the photo that the page is about; what was removed before is gone for good."""
        self.forget_removed()
        self._choices += 1
        self.chosen_id = chosen_id
        self.upload_error = self.reference_error = self.notice = ""
        self.jobs.forget_early_end(PHOTO)

    def open_upload(self, file_name: str, file: Upload) -> None:
        """Decode and choose an uploaded photo; if that fails, keep all as it was and say why in `upload_error`.

        What the visitor did while a large photo was decoded stands: a later upload, or the choice of a sample.
        """
        self.upload_error = ""
        self._open(file_name, held(file), Development())

    def develop(self) -> None:
        """See to it that the visitor's RAW file is developed as the visitor wants it; if that fails, stay as it is."""
        upload, file = self.upload, self._kept.get("raw")
        if self.chosen_id != UPLOAD or upload is None or upload.development in (None, self.development):
            return
        if file is not None:
            self._open(upload.file_name, file, self.development)
        if self.upload and self.upload.development:
            self.development = self.upload.development

    @property
    def can_develop(self) -> bool:
        """Whether the visitor's photo can be developed in another way."""
        return "raw" in self._kept

    def _open(self, file_name: str, file: Kept[bytes], development: Development) -> None:
        self._forget_pictures()  # decoding a large photo needs the memory, and all of this can be made again
        self._uploads += 1
        upload, choices = self._uploads, self._choices
        opened, failure = open_photo(file, partial(_keep, file=file, development=development), development)
        with self._changing:
            if upload != self._uploads:
                return
            if opened is None:
                self.upload_error = texts.refused(file_name, failure)
                return
            kept, as_it_is = opened
            chosen = replace(as_it_is, title=file_name, file_name=file_name)
            if self.upload and self.upload.file_id == chosen.file_id:  # the same file again: so is its reference
                chosen = replace(chosen, load_clean=self.upload.load_clean, clean_id=self.upload.clean_id)
            self._kept["upload"], self.upload = kept, chosen
            self._kept.pop("raw", None)
            if chosen.development:
                self._kept["raw"], self.development = file, chosen.development
            if choices == self._choices:
                self.choose(UPLOAD)

    def close_upload(self) -> None:
        """Let go of the uploaded photo and of all that was made of it and of those before it."""
        if self.upload is not None:
            self._let_go()
            for place in ("photo", "reference"):
                self.arrivals.release(place)
        if self.chosen_id == UPLOAD:
            self.choose(first_sample())

    def remove_upload(self) -> None:
        """Do the same, but leave the visitor `UNDO` seconds to think again."""
        removed = self.upload, dict(self._kept), self.results
        self.close_upload()
        if removed[0] is None:
            return
        with self._changing:
            self._removed = removed
            self._removals += 1
        timer = threading.Timer(UNDO, self.forget_removed, args=(self._removals,))  # which must not hold it itself
        timer.daemon = True
        timer.start()

    @property
    def can_undo(self) -> bool:
        """Whether a removal can be undone."""
        return self._removed is not None

    def undo_removal(self) -> None:
        """Bring back what was removed, if it is still there."""
        with self._changing:
            if self._removed is None:
                return
            self.upload, self._kept, self.results = self._removed
        self.choose(UPLOAD)

    def forget_removed(self, removal: int = 0) -> None:
        """Let go for good of what was removed: the last time, unless it is told which time."""
        with self._changing:
            if removal in (0, self._removals):
                self._removed = None

    def _let_go(self) -> None:
        """Forget all photos, and what is being made of them; of results those of earlier photos, too."""
        with self._changing:
            self._uploads += 1
            self.jobs.end(PHOTO)
            self.results, self.upload, self._removed = {}, None, None
            self._kept = {}
        self._forget_pictures()

    def open_reference(self, file: Upload) -> None:
        """Decode the clean reference of the uploaded photo; if that fails, say why in `reference_error`."""
        self._drop_reference()
        upload = self.upload
        assert upload is not None
        opened, failure = open_photo(file, partial(_keep, noisy=upload.outline))
        with self._changing:
            if self.upload is not upload:  # another photo or reference came meanwhile
                return
            if opened is None:
                self.reference_error = failure
                return
            self._kept["reference"], reference = opened
            self.upload = replace(upload, load_clean=reference.load, clean_id=reference.id)

    def close_reference(self) -> None:
        """Let go of the uploaded reference."""
        self._drop_reference()
        self.arrivals.release("reference")

    def _drop_reference(self) -> None:
        self.reference_error = ""
        with self._changing:
            if self.upload is not None:
                self.upload = replace(self.upload, load_clean=None, clean_id="")
            self._kept.pop("reference", None)

    def put_aside(self) -> None:
        """Let go of all memory while the visitor is away; what cannot be made again waits on disk."""
        self._is_away = True
        self.jobs.end(PHOTO)
        self.forget_removed()
        self._forget_pictures()
        with self._changing:
            large = [*self._kept.values(), *(result.kept for result in self.results.values())]
        for kept in large:
            kept.put_aside()

        def release() -> None:
            self.jobs.wait(_LONGEST_TILE)
            engine.shared().release()
            memory.return_what_is_free()

        threading.Thread(target=release, name="release networks", daemon=True).start()

    def close(self) -> None:
        """Let go of everything: the visitor will not come back."""
        self._let_go()
        if self.batch:
            self.batch.close()
        engine.shared().release()

    def denoise(self, run: Run, chosen: Chosen) -> Callable[[Task], None]:
        """Return the work that makes a result."""

        def work(task: Task) -> None:
            with task.room(2 * size_of(chosen.outline)):
                if self.result(run):  # somebody else may have waited for the same
                    return
                growing = self.growing = Growing(run, chosen.outline, chosen.spot)
                denoised = pipeline.denoise_photo(
                    chosen.load(),
                    run.model,
                    strength=run.strength,
                    best=run.best,
                    progress=task.progress,
                    view=growing.view,
                    finished=growing.add,
                    denoisers=task.denoiser,
                )
                result = Result(denoised, task.check().seconds)  # takes a moment, in which the photo may be removed
                with self._changing:
                    task.check()
                    self.add_result(run, result)

        return work

    def chosen(self) -> Chosen:
        """Return the photo that the page is about, and say if the visitor's own was tidied away."""
        for place, kept in list(self._kept.items()):
            if not kept.is_there:
                if place == "raw":  # of the photo itself nothing is lost
                    self._kept.pop(place, None)
                    continue
                (self.close_upload if place == "upload" else self.close_reference)()
                self.notice = texts.TIDIED_AWAY
        if self.chosen_id == UPLOAD and self.upload is not None:
            return self.upload
        return self._sample(self.chosen_id)

    def _sample(self, name: str) -> Chosen:
        sample = samples.list_samples()[name]
        file_name = sample.name + PurePath(sample.noisy).suffix
        noisy, clean = partial(samples.load, sample.noisy), partial(samples.load, sample.clean)
        return Chosen(
            sample.name,
            sample.title,
            file_name,
            noisy,
            outline(noisy()),
            samples.spot(name),
            catalogue.default_for(noisy()),
            load_clean=clean,
            clean_id=sample.name,
        )

    def file(self, wanted: File | Share, mix: Mix) -> bytes:
        """Return a file to take home or to share; may be called from any thread.

        Args:
            wanted: Which file.
            mix: How the result is mixed with the photo.

        Raises:
            LookupError: The photo or its result is no longer there.
        """
        result, upload = self.result(wanted.run), self.upload
        if result is None:
            raise LookupError(wanted.run)
        chosen = upload if upload and upload.id == wanted.run.photo else self._sample(wanted.run.photo)
        with self.measuring, turns.pictures.turn(2 * size_of(chosen.outline)):
            if isinstance(wanted, Share):
                return sharing.picture(chosen.noisy, result.photo, mix, wanted)
            photo = replace(blend(chosen.noisy, result.photo, mix), format=wanted.format)
            photo = with_depth(photo, wanted.depth)
            return encode(without_metadata(photo) if wanted.strip else photo, quality=wanted.quality)

    def result(self, run: Run) -> Result | None:
        """Return the result of a run, if it is there."""
        result = self.results.get(run) or _results_of_samples.get(run)
        return result if result and result.kept.is_there else None

    def earlier(self, chosen: Chosen) -> tuple[Run, Result] | None:
        """Return the newest result of a photo that is there, whichever run it is of."""
        runs = [run for run in [*_results_of_samples, *self.results] if run.photo == chosen.id]
        return next(((run, result) for run in reversed(runs) if (result := self.result(run))), None)

    def add_result(self, run: Run, result: Result) -> None:
        """Keep a result, and let go of the oldest ones when all of them together become large."""
        if run.photo in samples.list_samples():
            _results_of_samples[run] = result
            return
        with self._changing:
            self.results[run] = result
            while len(self.results) > 1 and sum(each.kept.size for each in self.results.values()) > _RESULTS_BYTES:
                del self.results[next(iter(self.results))]
        if self._is_away:
            result.kept.put_aside()

    def obey(self, link: Mapping[str, str]) -> None:
        """Do as a link says, see `Choices.obey`; it names a sample, or the visitor's own photo, if that is here."""
        if (name := link.get("photo", "")) in samples.list_samples() or (name == UPLOAD and self.upload):
            self.choose(name)
        elif name == UPLOAD:
            self.notice = texts.OWN_PHOTO_GONE
        super().obey(link)

    def go_back(self, link: Mapping[str, str]) -> None:
        """Do as an earlier address of the page says; what it does not say was as a new visitor finds it."""
        new = dict.fromkeys(super().link(), "")
        new |= {"photo": first_sample(), "preset": USUAL, "best": "false", "strength": "1", "mix": "100-100-0"}
        self.obey(new | {"raw": write_development(Development())} | dict(link))
        self.mixed += 1

    def link(self) -> dict[str, str]:
        """Return what `obey` takes, see `Choices.link`."""
        said = super().link()
        said["photo"] = "" if self.chosen_id == first_sample() else self.chosen_id
        is_raw = self.chosen_id == UPLOAD and self.upload and self.upload.development
        return said if is_raw else said | {"raw": ""}

    def keep_picture(self, slot: str, png: Upload) -> str:
        """Keep a picture for the browser to fetch, until another one takes its slot; return what it is asked for by."""
        before = self._pictures.get(slot)
        if before is None or before[1] is not png:
            kept = held(png)
            before = self._pictures[slot] = _digest(kept.get()), kept
        return before[0]

    def picture(self, digest: str) -> Kept[bytes] | None:
        """Return a picture that is kept, if it still is."""
        kept = dict(list(self._pictures.values())).get(digest)
        return kept if kept and kept.is_there else None

    def _forget_pictures(self) -> None:
        self.jobs.end_others(PHOTO)  # what they make is kept beside the pictures
        self._latest.clear()
        self._pictures.clear()

    def latest_picture(
        self, slot: str, key: Hashable, make: Callable[[], bytes], *, of: Chosen | None = None
    ) -> Kept[bytes]:
        """Do as `latest` does with a picture, of a large photo `of`; it is made anew if its file was tidied away."""
        if (before := self._latest.get(slot)) and not before[1].is_there:
            self._latest.pop(slot, None)
        return self.latest(slot, key, in_turn(of, lambda: Kept(make())))

    def latest(self, slot: str, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what `make` makes, without making it again while `key` stays the same: one value a slot."""
        kept = self._latest.get(slot)
        if kept is None or kept[0] != key:
            del kept
            self._latest.pop(slot, None)  # before making the new one: both may be large
            kept = key, make()
            current()  # a run of the page that was overtaken meanwhile ends here, rather than keep what is outdated
            self._latest[slot] = kept
        return cast(_T, kept[1])


def open_photo(
    file: Upload, make: Callable[[Photo, str], _T], development: Development | None = None
) -> tuple[_T | None, str]:
    """Decode a file when it is its turn; return what `make` makes of it and its digest, or why there is nothing."""
    waiting = held(file)
    try:
        with turns.pictures.turn(2 * unpacked_size(waiting.get(), max_megapixels=MAX_MEGAPIXELS)):
            how = development or Development()
            photo = decode(waiting.get(), max_megapixels=MAX_MEGAPIXELS, development=how)
            return make(photo, _digest(waiting.get())), ""
    except Exception as error:
        return None, explain(error)


def _keep(
    photo: Photo,
    digest: str,
    *,
    file: Kept[bytes] | None = None,
    development: Development | None = None,
    noisy: Photo | None = None,
) -> tuple[Kept[Photo], Chosen]:
    """Keep a photo, and say what is known of it, but for its name."""
    if noisy is not None:  # the photo whose reference this is
        check_reference(photo, noisy)
    if file is None or identify(file.get()) != "RAW":
        development = None
    kept, is_usual = Kept(photo), development in (None, Development())
    photo_id = digest if is_usual or development is None else f"{digest},{write_development(development)}"
    known = outline(photo), telling_spot(photo), catalogue.default_for(photo)
    return kept, Chosen(photo_id, "", "", kept.get, *known, digest, development)


def in_turn(chosen: Chosen | None, make: Callable[[], _T]) -> Callable[[], _T]:
    """Make something of a photo when it is its turn, loading it only then; a run that is overtaken waits no longer."""

    def made() -> _T:
        with turns.pictures.turn(2 * size_of(chosen.outline) if chosen else 0, check=current):
            return make()

    return made


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def current() -> Session:
    """Return the state of the visitor whose page is being made; a run that a newer one has overtaken ends here."""
    if "session" not in st.session_state:
        before = farewell.returned()  # the page was reloaded
        state = before if isinstance(before, Session) else Session(chosen_id=first_sample())
        st.session_state["session"] = state
        state.arrivals = Arrivals()  # the lists of the uploaders begin anew
        state.obey(st.query_params)
        farewell.hold(state)
    state = cast(Session, st.session_state["session"])
    state._is_away = False
    return state


def first_sample() -> str:
    """Return the name of the sample that a new visitor sees."""
    return next(iter(samples.list_samples()))


def explain(error: Exception) -> str:
    """Return the sentence that the visitor sees; what is not the visitor's doing goes to the server's log."""
    if isinstance(error, PhotoError | ModelError):
        return str(error)
    _log.error("The page failed", exc_info=error)
    return texts.OUT_OF_MEMORY if isinstance(error, MemoryError) else texts.UNEXPECTED

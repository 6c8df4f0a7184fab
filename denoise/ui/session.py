"""What one visitor has chosen and made: kept in the visitor's Streamlit session, seen by nobody else."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from weakref import WeakValueDictionary

import streamlit as st

from denoise import engine, pipeline, turns
from denoise.batch import UNDO, Batch
from denoise.engine import Task
from denoise.image import Development, encode, with_depth, without_metadata
from denoise.mixing import Mix, blend
from denoise.presets import USUAL
from denoise.ui import before_after, farewell, memory, samples, texts
from denoise.ui.arrivals import Arrivals
from denoise.ui.before_after import BeforeAfter
from denoise.ui.cache import Cache
from denoise.ui.choices import Choices, write_development
from denoise.ui.chosen import Chosen, Coming, chosen_sample, coming_of, open_reference, open_upload
from denoise.ui.growing import Growing
from denoise.ui.jobs import Jobs
from denoise.ui.kept import Kept, size_of
from denoise.ui.results import File, Result, Results, Run

UPLOAD = "upload"
"""What `Session.chosen_id` holds while the visitor's own photo is chosen; otherwise the name of a sample."""

PHOTO = "photo"
"""The slot of the job that denoises the chosen photo, see `Jobs.job`."""

DEVELOPMENT = "development"
"""The slot of the job that develops a RAW file."""

_LONGEST_TILE = 60.0  # seconds, on a busy machine


@dataclass
class Session(Choices):
    """One visitor's state, beside the choices.

    Attributes:
        upload: The last photo that was uploaded and could be read.
        coming: What was uploaded last, or is to be developed in another way, until there is a photo of it.
        upload_error: Why the last upload was refused; empty if it was not.
        notice: What the visitor should know of the link that was followed.
        reference_error: The same of the last reference.
        results: What was made of the photos.
        batch: The visitor's batch, once the page was looked at; it goes on while the visitor is away.
        jobs: What is at work, but for the batch.
        growing: What is there of the newest result.
        cache: What was made for the page.
        pages: What single pages remember of themselves.
        arrivals: What came through Streamlit's uploaders.
        measuring: Held while a result is mixed and measured: a slider that moves quickly asks for that more often than
            a large photo allows, and each time takes its own memory.
        encoding: Held while a file to take home is made: one after another.
        receiving: Held while a photo of the batch is looked at that has come: a large one waits for its turn, and the
            small ones of other visitors need not.
        token: Tells sessions apart, and cannot be guessed: who knows it may fetch what belongs to the session.
    """

    upload: Chosen | None = None
    coming: Coming | None = None
    upload_error: str = ""
    reference_error: str = ""
    notice: str = ""
    results: Results = field(default_factory=Results)
    batch: Batch | None = None
    jobs: Jobs = field(default_factory=lambda: Jobs(texts.explain))
    growing: Growing | None = None
    cache: Cache = field(default_factory=Cache)
    pages: dict[str, Any] = field(default_factory=dict)
    arrivals: Arrivals = field(default_factory=Arrivals)
    measuring: threading.Lock = field(default_factory=threading.Lock)
    encoding: asyncio.Lock = field(default_factory=asyncio.Lock)
    receiving: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _choices: int = 0
    _kept: dict[str, Kept[Any]] = field(default_factory=dict)  # the upload, its reference, its RAW file
    _removed: tuple[Chosen | None, dict[str, Kept[Any]], Results] | None = None
    _removals: int = 0
    _is_away: bool = False
    _changing: threading.RLock = field(default_factory=threading.RLock)  # the upload, the work and its result

    def __post_init__(self) -> None:
        """Be found by the token, see `find`."""
        _sessions[self.token] = self

    def choose(self, chosen_id: str) -> None:
        """Make a sample, or the upload, the photo that the page is about; what was removed before is gone for good."""
        self.forget_removed()
        self._choices += 1
        self.chosen_id = chosen_id
        self.upload_error = self.reference_error = self.notice = ""
        self.jobs.forget_early_end(PHOTO)

    def open_upload(self, file_name: str, file: Kept[bytes]) -> None:
        """Decode and choose an uploaded photo; if that fails, keep all as it was and say why in `upload_error`.

        What the visitor did while a large photo was decoded stands: a later upload, or the choice of a sample. A RAW
        file takes longer: see `develop`.
        """
        self.upload_error = ""
        self._clear_cache()  # decoding a large photo needs the memory, and all of this can be made again
        coming = self.coming = coming_of(file_name, file, self._choices)
        if coming.development is None:
            self._open(coming)

    def develop(self) -> Coming | None:
        """See to it that a job develops the visitor's RAW file as the visitor wants it; if that fails, stay as it is.

        Returns:
            What is being developed, if it is to become the photo that the page is about.
        """
        with self._changing:
            upload, file, coming = self.upload, self._kept.get("raw"), self.coming
            if self.chosen_id == UPLOAD and upload and file and not (coming and coming.is_new):
                if self.development == upload.development:
                    coming = None
                elif coming is None or self.development != coming.development:
                    coming = Coming(upload.file_name, file, self._choices, self.development, is_new=False)
                self.coming = coming
        if coming is None or coming.development is None:
            return None
        job = self.jobs.job(DEVELOPMENT, coming, self.developing(coming))
        if job.ended_early:
            self._end(coming, job.reason)
        return coming if self.coming is coming and coming.choices == self._choices else None

    def developing(self, coming: Coming) -> Callable[[Task], None]:
        """Return the work that develops a RAW file."""
        return lambda task: self._open(coming)

    @property
    def can_develop(self) -> bool:
        """Whether the visitor's photo can be developed in another way."""
        return "raw" in self._kept

    def _open(self, coming: Coming) -> None:
        if self.coming is not coming:  # another one has come
            return
        opened, failure = open_upload(coming)
        with self._changing:
            if not self._end(coming, failure) or opened is None:
                return
            kept, chosen = opened
            if self.upload and self.upload.file_id == chosen.file_id:  # the same file again: so is its reference
                chosen = replace(chosen, load_clean=self.upload.load_clean, clean_id=self.upload.clean_id)
            self._kept["upload"], self.upload = kept, chosen
            self._kept.pop("raw", None)
            if chosen.development:
                self._kept["raw"], self.development = coming.file, chosen.development
            if coming.choices == self._choices:
                self.choose(UPLOAD)

    def _end(self, coming: Coming, failure: str) -> bool:
        """Wait for it no longer; return whether it was waited for."""
        with self._changing:
            if self.coming is not coming:
                return False
            self.coming = None
            if failure:
                self.upload_error = f"{texts.literal(coming.file_name)}: {failure}"
            if self.upload and self.upload.development:
                self.development = self.upload.development
            return True

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
            self.jobs.end(PHOTO)
            self.coming = None
            self.results, self.upload, self._removed = Results(), None, None
            self._kept = {}
        self._clear_cache()

    def open_reference(self, file: Kept[bytes]) -> None:
        """Decode the clean reference of the uploaded photo; if that fails, say why in `reference_error`."""
        self._drop_reference()
        upload = self.upload
        assert upload is not None
        opened, failure = open_reference(file, upload)
        with self._changing:
            if self.upload is not upload:  # another photo or reference came meanwhile
                return
            if opened is None:
                self.reference_error = failure
                return
            self._kept["reference"], self.upload = opened

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
        self._clear_cache()
        with self._changing:
            coming = [self.coming.file] if self.coming else []
            large = [*coming, *self._kept.values(), *(result.kept for result in self.results.own.values())]
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
        memory.return_what_is_free()

    def denoise(self, run: Run, chosen: Chosen) -> Callable[[Task], None]:
        """Return the work that makes a result."""

        def work(task: Task) -> None:
            with task.room(2 * size_of(chosen.outline)):
                if self.results.get(run):  # somebody else may have waited for the same
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
                made_by = task.made_by(run.model)
                result = Result(denoised, task.check().seconds, made_by)  # in that moment the photo may be removed
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
        return chosen_sample(self.chosen_id)

    def photo_of(self, run: Run) -> Chosen:
        """Return the photo of a run.

        Raises:
            LookupError: It is no longer there.
        """
        upload = self.upload
        return upload if upload and upload.id == run.photo else chosen_sample(run.photo)

    def file(self, wanted: File | BeforeAfter, mix: Mix) -> bytes:
        """Return a file to take home or to share; may be called from any thread.

        Args:
            wanted: Which file.
            mix: How the result is mixed with the photo.

        Raises:
            LookupError: The photo or its result is no longer there.
        """
        result = self.results.get(wanted.run)
        if result is None:
            raise LookupError(wanted.run)
        chosen = self.photo_of(wanted.run)
        with self.measuring, turns.pictures.turn(2 * size_of(chosen.outline)):
            if isinstance(wanted, BeforeAfter):
                return before_after.picture(chosen.noisy, result.photo, mix, wanted)
            photo = replace(blend(chosen.noisy, result.photo, mix), format=wanted.format)
            photo = with_depth(photo, wanted.depth)
            return encode(without_metadata(photo) if wanted.strip else photo, quality=wanted.quality)

    def add_result(self, run: Run, result: Result) -> None:
        """Keep a result; on disk while the visitor is away."""
        with self._changing:
            self.results.add(run, result)
        if self._is_away:
            result.kept.put_aside()

    def follow(self, link: Mapping[str, str]) -> None:
        """Do as a link says, see `Choices.follow`; it names a sample, or the visitor's own photo, if that is here."""
        if (name := link.get("photo", "")) in samples.list_samples() or (name == UPLOAD and self.upload):
            self.choose(name)
        elif name == UPLOAD:
            self.notice = texts.OWN_PHOTO_GONE
        super().follow(link)

    def go_back(self, link: Mapping[str, str]) -> None:
        """Do as an earlier address of the page says; what it does not say was as a new visitor finds it."""
        new = dict.fromkeys(super().link(), "")
        new |= {"photo": first_sample(), "preset": USUAL, "best": "false", "strength": "1", "mix": "100-100-0"}
        self.follow(new | {"raw": write_development(Development())} | dict(link))
        self.mixed += 1

    def link(self) -> dict[str, str]:
        """Return what `follow` takes, see `Choices.link`."""
        said = super().link()
        said["photo"] = "" if self.chosen_id == first_sample() else self.chosen_id
        is_raw = self.chosen_id == UPLOAD and self.upload and self.upload.development
        return said if is_raw else said | {"raw": ""}

    def _clear_cache(self) -> None:
        self.jobs.end_others(PHOTO)  # what they make is kept there
        self.cache.clear()


_sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()


def find(token: str) -> Session | None:
    """Return the session that has this token, as long as there is one."""
    return _sessions.get(token)


def current() -> Session:
    """Return the state of the visitor whose page is being made."""
    if "session" not in st.session_state:
        before = farewell.returned()  # the page was reloaded
        state = before if isinstance(before, Session) else Session(chosen_id=first_sample())
        st.session_state["session"] = state
        state.arrivals = Arrivals()  # the lists of the uploaders begin anew
        state.follow(st.query_params)
        farewell.hold(state)
    state = cast(Session, st.session_state["session"])
    state._is_away = False
    return state


def first_sample() -> str:
    """Return the name of the sample that a new visitor sees."""
    return next(iter(samples.list_samples()))

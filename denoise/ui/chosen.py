"""The photo that the page is about: a sample, or what became of a file that was uploaded."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import PurePath
from typing import TypeVar

from denoise import catalogue, turns
from denoise.image import (
    Development,
    Photo,
    PhotoError,
    decode,
    identify,
    outline,
    preview,
    reduced,
    shrink,
    unpacked_size,
)
from denoise.metrics import check_reference
from denoise.ui import limits, pictures, samples, texts
from denoise.ui.choices import write_development
from denoise.ui.kept import Kept
from denoise.ui.spot import telling_spot

_T = TypeVar("_T")
_PLAIN = Development()
_PREVIEW = 1600  # pixels


@dataclass(frozen=True)
class Chosen:
    """A photo, and what is known of it while its pixels are elsewhere.

    Attributes:
        id: Tells photos apart; equal for equal files.
        title: What the page calls it.
        file_name: As uploaded; a name in the same manner for a sample.
        load: Returns the photo, see `noisy`.
        outline: The same without its samples, see `denoise.image.outline`: always at hand.
        spot: Row and column to look at first, see `telling_spot`.
        model: The denoiser that serves it unless another one is asked for.
        file_id: Tells files apart; one RAW file may be developed to several photos. Empty for a sample.
        development: How the RAW file was developed; `None` if it is none.
        load_clean: Returns its clean reference, if there is one.
        clean_id: Tells references apart as `id` does photos; empty if there is none.
    """

    id: str
    title: str
    file_name: str
    load: Callable[[], Photo]
    outline: Photo
    spot: tuple[int, int]
    model: str
    file_id: str = ""
    development: Development | None = None
    load_clean: Callable[[], Photo] | None = None
    clean_id: str = ""

    @property
    def subject(self) -> str:
        """What it shows: the same however a RAW file is developed."""
        return self.file_id or self.id

    @property
    def noisy(self) -> Photo:
        """The photo; to be asked for when it is needed rather than held, so that its memory can be let go of."""
        return self.load()


@cache
def chosen_sample(name: str) -> Chosen:
    """Return a sample as the photo that the page is about: looked at once, and not at each run of the page."""
    sample = samples.list_samples()[name]
    noisy, clean = partial(samples.load, sample.noisy), partial(samples.load, sample.clean)
    return Chosen(
        sample.name,
        sample.title,
        sample.name + PurePath(sample.noisy).suffix,
        noisy,
        outline(noisy()),
        samples.spot(name),
        catalogue.default_for(noisy()),
        load_clean=clean,
        clean_id=sample.name,
    )


@dataclass(frozen=True, eq=False)
class Coming:
    """An uploaded file of which a photo is being made.

    Attributes:
        file_name: As uploaded.
        file: What was uploaded.
        choices: How often the visitor had chosen a photo by then, see `Session.choose`.
        development: How a RAW file is developed; `None` if it is none.
        is_new: Whether there is no photo of it yet.
    """

    file_name: str
    file: Kept[bytes]
    choices: int
    development: Development | None
    is_new: bool = True


def coming_of(file_name: str, file: Kept[bytes], choices: int) -> Coming:
    """Return what was uploaded as that of which a photo is to be made."""
    with suppress(PhotoError):  # it is no photo, which is told when it is decoded
        if identify(file.get()) == "RAW":
            return Coming(file_name, file, choices, _PLAIN)
    return Coming(file_name, file, choices, None)


def preview_of(file: Kept[bytes]) -> bytes:
    """Return what the camera made of its RAW file, as a PNG file about as large as a screen; empty if there is none."""
    most = limits.MAX_MEGAPIXELS
    with suppress(Exception):  # what is wrong with the file is told when it is developed
        jpeg = preview(file.get(), max_megapixels=most)
        with turns.pictures.turn(2 * unpacked_size(jpeg, max_megapixels=most)):
            return pictures.to_png(shrink(reduced(jpeg, _PREVIEW), _PREVIEW))
    return b""


Opened = tuple[Kept[Photo], Chosen]
"""A photo that was decoded, and what is known of it."""


def open_upload(coming: Coming) -> tuple[Opened | None, str]:
    """Decode an uploaded photo; return it and what is known of it, or why there is nothing."""

    def keep(photo: Photo, digest: str) -> Opened:
        how, file_name = coming.development, coming.file_name
        photo_id = digest if how is None or how == _PLAIN else f"{digest},{write_development(how)}"
        kept, known = Kept(photo), (outline(photo), telling_spot(photo), catalogue.default_for(photo))
        return kept, Chosen(photo_id, file_name, file_name, kept.get, *known, digest, how)

    return open_photo(coming.file, keep, coming.development or _PLAIN)


def open_reference(file: Kept[bytes], noisy: Chosen) -> tuple[Opened | None, str]:
    """Decode the clean reference of a photo; return both, the latter with it, or why there is nothing."""

    def keep(photo: Photo, digest: str) -> Opened:
        check_reference(photo, noisy.outline)
        kept = Kept(photo)
        return kept, replace(noisy, load_clean=kept.get, clean_id=digest)

    return open_photo(file, keep)


def open_photo(
    file: Kept[bytes], make: Callable[[Photo, str], _T], development: Development = _PLAIN
) -> tuple[_T | None, str]:
    """Decode a file when it is its turn; return what `make` makes of it and its digest, or why there is nothing."""
    most = limits.MAX_MEGAPIXELS
    try:
        with turns.pictures.turn(2 * unpacked_size(file.get(), max_megapixels=most)):
            photo = decode(file.get(), max_megapixels=most, development=development)
            return make(photo, digest_of(file.get())), ""
    except Exception as error:
        return None, texts.explain(error)


def digest_of(data: bytes) -> str:
    """Return what tells files apart."""
    return hashlib.sha256(data).hexdigest()[:16]

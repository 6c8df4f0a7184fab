"""The photo that the page is about."""

from collections.abc import Callable
from dataclasses import dataclass

from denoise.image import Development, Photo


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

    @property
    def clean(self) -> Photo | None:
        """Its clean reference, if there is one."""
        return self.load_clean() if self.load_clean else None

"""What is made of a photo: by which run, with what result, to be saved as which file."""

from typing import NamedTuple

from denoise.image import Photo
from denoise.ui.kept import Kept

Run = tuple[str, str, bool]
"""What is denoised, how: the photo's `Chosen.id`, the denoiser's name, and whether at its best quality."""


class Result:
    """What a denoiser made of a photo at full strength, and the seconds it took."""

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

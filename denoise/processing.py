"""A photo's file in, the file of its result out, and the figures that there are to tell of it."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from denoise import catalogue, pipeline
from denoise.clean import clean_share
from denoise.engine import Task
from denoise.image import Photo, decode, encode, losses, with_depth, without_metadata
from denoise.item import Figures, Settings
from denoise.level import estimate_noise, noise_of_photo
from denoise.metrics import check_reference, compare
from denoise.mixing import Mix, blend


def process(
    path: Path, settings: Settings, task: Task, *, max_megapixels: float, reference: Photo | None = None
) -> tuple[bytes, Figures]:
    """Decode, denoise and encode a photo; to be called while there is room for twice its pixels, see `Task.room`.

    Args:
        path: The photo's file.
        settings: How it is denoised and written.
        task: Whose work this is.
        max_megapixels: Larger photos are refused.
        reference: A clean version of the photo, to compare with.

    Returns:
        The result's file, and what there is to tell of it.

    Raises:
        PhotoError: The file cannot be read, the format cannot hold the photo, or the reference is of another size.
        ModelError: See `pipeline.denoise_photo`.
        CancelledError: Nobody wants it any more.
    """
    started = time.monotonic()
    task.used.clear()  # for a photo before, of the same batch
    noisy = decode(path.read_bytes(), max_megapixels=max_megapixels, development=settings.development)
    if reference is not None:
        check_reference(reference, noisy)
    noise_before = 255 * noise_of_photo(noisy.pixels)
    model = settings.model or catalogue.default_for(noisy)
    denoised = pipeline.denoise_photo(
        noisy,
        model,
        strength=settings.strength,
        level=settings.level,
        best=settings.best,
        progress=task.progress,
        denoisers=task.denoiser,
    )
    is_clean = settings.strength > 0 and np.array_equal(noisy.pixels, denoised.pixels)
    clean = 1.0 if is_clean else clean_share(noisy.pixels)
    denoised = blend(noisy, denoised, settings.mix)
    noise_after = 255 * estimate_noise(denoised.pixels)
    before, after = (compare(reference, each) if reference else None for each in (noisy, denoised))
    photo = replace(denoised, format=settings.format or noisy.format)
    photo = without_metadata(photo) if settings.strip else photo
    del noisy, denoised
    data = encode(photo, quality=None if photo.lossless and not settings.format else settings.quality)
    return data, Figures(
        model=task.made_by(model),
        format=photo.format,
        width=photo.width,
        height=photo.height,
        noise_before=noise_before,
        noise_after=noise_after,
        clean=clean,
        not_kept=tuple(losses(photo)),
        before=before,
        after=after,
        seconds=time.monotonic() - started,
    )


def mixed(noisy: Photo, denoised: Photo, mix: Mix, quality: int | None) -> bytes:
    """Mix a result, as its file holds it, anew with its photo, see `mixing.blend`; encode it as that was."""
    photo = blend(with_depth(noisy, denoised.bit_depth), denoised, mix)
    return encode(photo, quality=None if photo.lossless else quality)

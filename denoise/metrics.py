"""How close a photo comes to a clean one: PSNR and SSIM with the protocol of the published tables.

That is: RGB as stored, mean over the channels. Both go over a photo in bands of rows: on a whole one, scikit-image
needs some 150 bytes a pixel.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from denoise.image import Photo, PhotoError, Pixels, to_depth

_BAND_ROWS = 128
SSIM_WINDOW = 7
"""Pixels; smaller photos have no SSIM."""


class Quality(NamedTuple):
    """PSNR in dB, infinite for equal photos; SSIM, `None` for a photo smaller than its window."""

    psnr: float
    ssim: float | None


def check_reference(clean: Photo, noisy: Photo) -> None:
    """Check that a photo can be compared with a clean reference.

    Raises:
        PhotoError: They differ in size.
    """
    if (clean.width, clean.height) != (noisy.width, noisy.height):
        raise PhotoError(
            f"The reference is {clean.width} × {clean.height} pixels, but the photo is {noisy.width} × {noisy.height}. "
            "Choose a reference of the same size, with the same view, to see PSNR and SSIM."
        )


def compare(clean: Photo, photo: Photo) -> Quality:
    """Measure a photo against a clean reference of the same size, in the photo's depth.

    Raises:
        ValueError: The sizes differ.
    """
    reference = to_depth(clean.pixels, photo.pixels.dtype)
    is_large = min(photo.width, photo.height) >= SSIM_WINDOW
    return Quality(psnr(reference, photo.pixels), ssim(reference, photo.pixels) if is_large else None)


def psnr(clean: Pixels, denoised: Pixels) -> float:
    """Peak signal-to-noise ratio over all pixels and channels, the peak being the greatest value of the dtype.

    Args:
        clean: Reference, (H, W, 3), uint8 or uint16.
        denoised: Photo to measure, of the same shape and dtype.

    Returns:
        Decibels; infinity for equal photos.

    Raises:
        ValueError: Shapes or dtypes differ, or are not those of a photo.
    """
    from skimage.metrics import mean_squared_error  # imports most of SciPy, four times as long as all the rest

    _check_pair(clean, denoised)
    bands = list(_bands(clean.shape[0]))
    errors = [mean_squared_error(clean[band], denoised[band]) for band in bands]
    error = float(np.average(errors, weights=[band.stop - band.start for band in bands]))
    return 10 * math.log10(_peak(clean) ** 2 / error) if error else math.inf


def ssim(clean: Pixels, denoised: Pixels) -> float:
    """Mean structural similarity, as scikit-image computes it by default (7×7 uniform window), mean over the channels.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004,
    doi:10.1109/TIP.2003.819861.

    Args:
        clean: Reference, (H, W, 3), uint8 or uint16, at least 7×7 pixels.
        denoised: Photo to measure, of the same shape and dtype.

    Returns:
        At most 1, which equal photos have.

    Raises:
        ValueError: Shapes or dtypes differ, are not those of a photo, or the photos are smaller than 7×7 pixels.
    """
    from skimage.metrics import structural_similarity

    _check_pair(clean, denoised)
    if min(clean.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs photos of at least 7×7 pixels. Received: shape={clean.shape}")
    # The mean is over the positions at which the window lies inside the photo: bands share the rows that it spans.
    shared = SSIM_WINDOW - 1
    bands = [slice(band.start, band.stop + shared) for band in _bands(clean.shape[0] - shared)]
    similarities = [
        structural_similarity(clean[band], denoised[band], channel_axis=2, data_range=_peak(clean)) for band in bands
    ]
    return float(np.average(similarities, weights=[band.stop - band.start - shared for band in bands]))


def _bands(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BAND_ROWS):
        yield slice(start, min(start + _BAND_ROWS, rows))


def _check_pair(clean: Pixels, denoised: Pixels) -> None:
    if clean.shape != denoised.shape or clean.dtype != denoised.dtype:
        raise ValueError(
            "`clean` and `denoised` must have the same shape and dtype. Received: "
            f"{clean.shape} {clean.dtype} and {denoised.shape} {denoised.dtype}"
        )
    if clean.ndim != 3 or clean.shape[2] != 3 or clean.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"Photos must be uint8 or uint16 of shape (H, W, 3). Received: shape={clean.shape}, dtype={clean.dtype}"
        )


def _peak(pixels: Pixels) -> int:
    return int(np.iinfo(pixels.dtype).max)

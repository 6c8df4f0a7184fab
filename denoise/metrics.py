"""How close a photo comes to a clean one: PSNR and SSIM with the protocol of the published tables.

That is: RGB as stored, mean over the channels, as scikit-image computes them; with SciPy, which it needs, that would be
a sixth of all that a server installs.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise.image import Photo, PhotoError, Pixels, bands, to_depth

_BAND_ROWS = 128  # the similarity takes some 200 bytes a pixel
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
    _check_pair(clean, denoised)
    error = cv2.norm(clean, denoised, cv2.NORM_L2SQR) / clean.size
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
    _check_pair(clean, denoised)
    if min(clean.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs photos of at least 7×7 pixels. Received: shape={clean.shape}")
    # The mean is over the positions at which the window lies inside the photo: bands share the rows that it spans.
    shared = SSIM_WINDOW - 1
    total = 0.0
    for rows, _, _ in bands(clean.shape[0] - shared, _BAND_ROWS):
        band = slice(rows.start, rows.stop + shared)
        total += _similarities(clean[band], denoised[band]).sum()
    return float(total / ((clean.shape[0] - shared) * (clean.shape[1] - shared) * 3))


def _similarities(clean: Pixels, denoised: Pixels) -> NDArray[np.float64]:
    """Return the similarity at each position of the window that lies inside, of each channel."""
    margin, pixels = SSIM_WINDOW // 2, SSIM_WINDOW**2

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = cv2.boxFilter(values, -1, (SSIM_WINDOW, SSIM_WINDOW), normalize=False)  # of whole numbers: exact
        means: NDArray[np.float64] = sums[margin:-margin, margin:-margin] / pixels
        return means

    x, y = clean.astype(np.float64), denoised.astype(np.float64)
    mean_x, mean_y, unbiased = mean(x), mean(y), pixels / (pixels - 1)
    variances = unbiased * (mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2)
    covariance = unbiased * (mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * _peak(clean)) ** 2, (0.03 * _peak(clean)) ** 2
    structure = (2 * covariance + c2) / (variances + c2)
    similarity: NDArray[np.float64] = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1) * structure
    return similarity


def _check_pair(clean: Pixels, denoised: Pixels) -> None:
    is_photo = clean.ndim == 3 and clean.shape[2] == 3 and clean.dtype in (np.uint8, np.uint16)
    if not is_photo or clean.shape != denoised.shape or clean.dtype != denoised.dtype:
        raise ValueError(
            "`clean` and `denoised` must be uint8 or uint16 of one shape (H, W, 3). Received: "
            f"{clean.shape} {clean.dtype} and {denoised.shape} {denoised.dtype}"
        )


def _peak(pixels: Pixels) -> int:
    return int(np.iinfo(pixels.dtype).max)

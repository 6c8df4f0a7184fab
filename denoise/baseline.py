"""Non-local means, the classical baseline that every network has to beat."""

import cv2
import numpy as np

from denoise import Denoiser, Image, Level
from denoise.clean import clean_mask
from denoise.image import Pixels, to_float, to_pixels

_BLOCK_SIZE = 16  # pixels
_FLAT_BLOCKS = 1  # percent of the blocks that are taken for flat
_CLEAN = 0.9  # share of a picture; what is left then are its shadows and icons, too little to judge by


def estimate_noise(pixels: Pixels) -> float:
    """Estimate the noise level of a photo from its flattest blocks.

    Camera noise is correlated between neighbouring pixels, so that estimators from the finest wavelets or from
    neighbours' differences report several times too little. Blocks of 16×16 pixels hold all frequencies; where the
    scene is flat, their standard deviation is that of the noise.

    Limits: it is the noise of the flat areas, lower than elsewhere by what the camera smoothed away there. A photo
    without any flat area (gravel, leaves from edge to edge) is taken for noisy. Blocks near black and white are left
    out, because there noise is clipped, and so is what is clean (`denoise.clean`): of text and drawings there is none.
    A photo smaller than a block is one block.

    Args:
        pixels: Photo, (H, W, 3).

    Returns:
        Sigma: standard deviation of the noise, in [0, 1], root mean square over the channels.
    """
    sigma, _ = _estimate_noise(pixels)
    return sigma


def non_local_means(pixels: Pixels) -> Denoiser:
    """Non-local means for colour photos, as in OpenCV, tuned to the noise of one photo.

    The filter strength is h = sigma · (0.5 + 2 · correlation): half of sigma is the best for white noise, and about
    twice sigma for the correlated noise of cameras, whose patches differ more from each other. It filters an 8-bit copy
    and applies the change to the photo, so that a 16-bit photo keeps its depth.

    Source: Buades et al., "Non-Local Means Denoising", 2011, doi:10.5201/ipol.2011.bcm_nlm.

    Args:
        pixels: The whole noisy photo, (H, W, 3), of which the noise is estimated.

    Returns:
        Denoiser of the photo or of its tiles; a photo whose flattest parts are exactly flat stays as it is. It looks
        13 pixels far: 10 of the 21×21 search window and 3 of the 7×7 template.
    """
    sigma, correlation = _estimate_noise(pixels)
    strength = 255 * sigma * (0.5 + 2 * correlation)

    def denoiser(noisy: Image, level: Level) -> Image:
        if strength == 0:
            return noisy
        rounded = to_pixels(noisy, np.uint8)
        # The filter works in Lab, which needs to know which channel is which.
        denoised = cv2.fastNlMeansDenoisingColored(rounded[..., ::-1], None, strength, strength, 7, 21)[..., ::-1]
        return np.clip(noisy + (to_float(denoised) - to_float(rounded)), 0, 1)

    return denoiser


def _estimate_noise(pixels: Pixels) -> tuple[float, float]:
    """Sigma of the noise, and its correlation between neighbouring pixels, in [0, 1], in the flattest blocks."""
    size = min(_BLOCK_SIZE, *pixels.shape[:2])
    if size == 1:
        return 0.0, 0.0
    clean = clean_mask(pixels)
    if clean.mean() > _CLEAN:
        return 0.0, 0.0
    statistics, is_photo = [], []
    for top in range(0, pixels.shape[0] - size + 1, size):  # a row of blocks at a time: few floats
        row = to_float(pixels[top : top + size, : pixels.shape[1] // size * size])
        blocks = row.reshape(size, -1, size, 3)  # y, block, x, channel
        steps = [np.square(np.diff(blocks, axis=axis)).mean(axis=(0, 2, 3)) for axis in (0, 2)]
        variance = blocks.var(axis=(0, 2), dtype=np.float64).mean(axis=1)
        statistics.append(np.stack([blocks.mean(axis=(0, 2, 3)), variance, np.mean(steps, axis=0)]))
        is_photo.append(~clean[top : top + size, : row.shape[1]].reshape(size, -1, size).any(axis=(0, 2)))
    mean, variance, step = np.concatenate(statistics, axis=1)
    exposed = (mean > 0.03) & (mean < 0.97) & np.concatenate(is_photo)
    if exposed.any():
        variance, step = variance[exposed], step[exposed]
    threshold = np.percentile(variance, _FLAT_BLOCKS, method="higher")  # one of them, so `flat` is not empty
    if threshold < 1e-12:  # far below the last bit of 16
        return 0.0, 0.0
    flat = variance <= threshold
    # Neighbours' differences have the variance 2 · sigma² · (1 - correlation).
    correlation = 1 - step[flat].sum() / (2 * variance[flat].sum())
    return float(np.sqrt(threshold)), float(np.clip(correlation, 0, 1))

"""Non-local means, the classical baseline that every network has to beat."""

import cv2
import numpy as np

from denoise import Denoiser, Image, Level
from denoise.image import Pixels, to_float, to_pixels
from denoise.level import flat_noise


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
    sigma, correlation = flat_noise(pixels)
    strength = 255 * sigma * (0.5 + 2 * correlation)

    def denoiser(noisy: Image, level: Level) -> Image:
        if strength == 0:
            return noisy
        rounded = to_pixels(noisy, np.uint8)
        # The filter works in Lab, which needs to know which channel is which.
        denoised = cv2.fastNlMeansDenoisingColored(rounded[..., ::-1], None, strength, strength, 7, 21)[..., ::-1]
        return np.clip(noisy + (to_float(denoised) - to_float(rounded)), 0, 1)

    return denoiser

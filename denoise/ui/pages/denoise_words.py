"""The words of the page Denoise."""

from collections.abc import Sequence

from denoise.ui import texts

SENTENCE = "Give it a noisy photo and take home a clean one, with its size, format and camera data kept."
SAMPLES = "Or try a sample"
OWN_AND_SAMPLES = "Your photo, and the samples"

UPLOAD = "Your photo"
UPLOAD_REMOVE = "Remove your photo from this server"
REFERENCE_HEADING = "Clean reference"
REFERENCE = "A clean picture of exactly the same view"
REFERENCE_REMOVE = "Remove the reference"
REFERENCE_OF_SAMPLE = "Samples bring their own reference. This one is for photos that you upload."
CANCELLED = "Cancelled. The photo is as it was."
DENOISE_AGAIN = "Denoise this photo"
FILE_HEADING = "File format and metadata"
AS_IT_CAME = "As it came"  # a name for every photo: the browser goes on showing the name that was chosen
QUALITY_HELP = (
    "JPEG and WebP leave out what is hardly seen: the lower the quality, the smaller the file. At 100 WebP keeps every "
    "pixel as it is; below, it holds colours at half the resolution."
)
DEPTH = "Bit depth"
TOO_SMALL = "too small"
UNCHANGED = "This photo is clean: nothing was changed."
NO_REFERENCE = "PSNR and SSIM need a clean reference of the same view. Add one below and they are shown here."
NOISE = "Noise, estimated"
NOISE_HELP = (
    "Standard deviation of the grain in the flattest parts of the photo, in levels of 0 to 255, before and after. This "
    "is an estimate: texture from edge to edge counts as noise, and grain that a camera has smoothed away does not."
)
ALREADY_CLEAN = (
    "This photo is already clean: there is hardly any noise to remove. The original may be the better picture."
)
STRENGTH = "Strength"
STRENGTH_HELP = (
    "Above 1, the network takes more for noise and runs again: grain goes that it left because it was not sure, and "
    "some of the finest texture with it."
)


def denoising(title: str) -> str:
    """Say what is at work on the photo that is seen."""
    return f"Denoising: {title}"


def iso(value: int) -> str:
    """Name a sample's light sensitivity."""
    return f"ISO {value}"


def not_kept(losses: Sequence[str]) -> str:
    """Say what of a photo its file cannot keep."""
    return f"Not kept in this file: {', '.join(losses)}."


def bits(depth: int) -> str:
    """Name a bit depth."""
    return f"{depth} bit"


def facts(width: int, height: int, file_format: str, bit_depth: int) -> str:
    """Say what kind of file a photo is."""
    return f"{width} × {height} pixels · {file_format}, {bit_depth} bit"


def choice(summary: str, seconds: float | None) -> str:
    """Describe a denoiser, and say how long it will take for the photo that is chosen, if that is known."""
    return summary if seconds is None else f"{summary} About {texts.duration(max(seconds, 0.1))}."

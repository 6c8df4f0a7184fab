"""The words of the page Denoise."""

from collections.abc import Sequence

from denoise.ui import texts

SENTENCE = "Give it a noisy photo and take home a clean one, with its size, format and camera data kept."
SAMPLES = "Or try a sample"
OWN_AND_SAMPLES = "Your photo, and the samples"

UPLOAD_REMOVE = "Remove your photo from this server"
REFERENCE_HEADING = "Clean reference"
REFERENCE_REMOVE = "Remove the reference"
REFERENCE_OF_SAMPLE = "Samples bring their own reference. This one is for photos that you upload."
CANCELLED = "Cancelled. The photo is as it was."
DENOISE_AGAIN = "Denoise this photo"
FILE_HEADING = "File format and metadata"
AS_IT_CAME = "As it came"  # a name for every photo: the browser goes on showing the name that was chosen
QUALITY_HELP = (
    "Such files leave out what is hardly seen: the lower the quality, the smaller the file. At 100 WebP, AVIF and JPEG "
    "XL keep every pixel as it is; below, WebP holds colours at half the resolution."
)
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
SHARE_WAYS = {"split": "Split", "side": "Side by side", "clip": "Clip"}
SHARE_NOTE = (
    "Around the middle of what the viewer shows, in true pixels, mixed as the sliders say. Without place, time or "
    "camera data."
)
RAW_BADGE = ":gray-badge[RAW]"
OWN_LOOK = "Your own: as strong as chosen below, mixed as the sliders at the photo say."
ROLES = {"ridnet": "Quality", "unet": "Fast", "unet-strong": "Strong noise"}
"""What the networks are called that serve unless another one is asked for."""
NOISE_WORDS = {8.0: "Strong noise", 3.0: "Moderate noise", 0.8: "Little noise", 0.0: "Hardly any noise"}
"""From which level on, in levels of 0 to 255, strongest first."""
STRENGTH_HELP = (
    "Above 1, the network takes more for noise and runs again: grain goes that it left because it was not sure, and "
    "some of the finest texture with it."
)
ISO = "ISO {}"
OWN_SPACE_HELP = (
    "The file describes the colours of this photo, and the result keeps that description. Your browser converts both "
    "sides for your screen, as it will the download: what the viewer and the download have in common byte for byte are "
    "the numbers in the file, not those on the screen."
)


REMOVED = "Your photo was removed. For {:.0f} seconds, or until you choose another one, it can come back."


def not_kept(losses: Sequence[str]) -> str:
    """Say what of a photo its file cannot keep."""
    return f"Not kept in this file: {', '.join(losses)}."


def choice(summary: str, seconds: float | None, minutes: float | None) -> str:
    """Describe a denoiser; say how long it takes for the photo that is chosen and was trained, if that is known."""
    here = "" if seconds is None else f" About {texts.duration(max(seconds, 0.1))} here."
    return summary + here + (f" Trained for {texts.training_time(minutes)}." if minutes else "")


def noise(level: float) -> str:
    """Say how much noise a photo had, by its level of 0 to 255."""
    return next(text for least, text in NOISE_WORDS.items() if level >= least)


def done(level: float, made: str) -> str:
    """Say how much noise there was, and by which denoiser the result was made, see `texts.done`."""
    return f"{noise(level)}. {made}"


def format_and_size(title: str, size: int | None) -> str:
    """Name a format, and say about how large its file will be, if that is known."""
    return title if size is None else f"{title} · {texts.file_size(size)}"


def sizes_of_formats(sizes: Sequence[tuple[str, int]]) -> str:
    """Say about how large the file will be in each format."""
    return "About " + " · ".join(f"{title} {texts.file_size(size)}" for title, size in sizes)


def sizes_of_qualities(sizes: Sequence[tuple[int, int]], chosen: int) -> str:
    """Say about how large the file will be at each quality, the chosen one in bold."""
    each = (f"{quality}: {texts.file_size(size)}" for quality, size in sizes)
    bold = (f"**{text}**" if text.startswith(f"{chosen}:") else text for text in each)
    return "About " + " · ".join(bold)

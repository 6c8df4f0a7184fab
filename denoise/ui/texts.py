"""What several parts of the page say; what one alone says stands beside it, in its words."""

import logging
import math
import re
from collections.abc import Mapping

from denoise.image import PhotoError
from denoise.notation import number
from denoise.runtime import ModelError

_log = logging.getLogger(__name__)

TITLE = "Denoise"
TITLE_OF_START = "Denoise: noisy photos made clean"
DESCRIPTION = (
    "Give it a noisy photo and take home a clean one, with its size, format and camera data kept. Neural networks, "
    "small enough for an ordinary processor, remove the grain and leave the detail."
)
PREVIEW = "A cat photographed at ISO 3200, noisy on the left, denoised on the right"
PAGES = {
    "denoise": "Denoise",
    "batch": "Batch",
    "results": "Case study",
    "about": "About",
    "compare": "Compare",
    "noise_lab": "Noise lab",
}
YOUR_PHOTO = "Your photo"
UPLOAD_HELP = (
    "Your photo stays on this server, is sent to nobody else, and is gone a minute after you close the page, or an "
    "hour after the connection broke."
)
OWN_PHOTO_GONE = "This link is about a photo of your own, which is no longer here. Upload it again to see it as it was."
ANEW = (
    "The server was started anew, or this page had lost it for too long: any photos of yours that were here, and what "
    "was made of them, are gone from it. Please choose them again."
)
ANEW_SEEN = "All right"
FULL_HOUSE = (
    "So many people are here that this server has no place for one more. Leave this page open: it looks again every "
    "few seconds and goes on by itself."
)
NOT_TAKEN = "This page was busy for too long to take your photo, so it is not here. Please choose it again."
TIDIED_AWAY = (
    "Somebody has tidied up this server's temporary files, and your photo was among them. Your own file is unharmed: "
    "please choose it once more."
)
REFUSALS = {
    "400": "This file did not arrive, because the server has forgotten this page. Reload the page and choose it again.",
    "413": (
        "This file is larger than the server, or the one in front of it, takes. Save it as JPEG, or smaller, and "
        "choose that."
    ),
    "429": "Too many files came at once. Wait a moment, then choose this one again.",
    "500": (
        "The server could not keep this file; most likely its disk is full. Your photo is unharmed: try again in a few "
        "minutes."
    ),
    "503": "The server is busy with the photos of other visitors. Wait a minute, then choose this file again.",
    "507": "The server's disk is full. Your photo is unharmed: try again in a few minutes.",
}
"""Why an upload was refused, by the status of the answer."""

MODEL = "Model"
BEST = "Best quality, up to eight times slower"
BEST_HELP = (
    "The network sees the photo in eight positions, turned and mirrored, and the mean of what it makes of them is a "
    "little better than each."
)

STARTING = "Starting"
CANCEL = "Cancel"
UNDO = "Undo"
DOWNLOAD = "Download"
DOWNLOAD_GONE = "This result is no longer there. Denoise the photo again."
FORMAT = "Format"
QUALITY = "Quality"
STRIP = "Remove all metadata"
STRIP_HELP = (
    "Leaves out EXIF, XMP, IPTC and comments: GPS position, time, camera, lens, names, captions, keywords, ratings. "
    "The colour profile stays."
)

PSNR = "PSNR, dB"
PSNR_HELP = "Peak signal-to-noise ratio against the clean reference, before and after. Higher is better."
SSIM = "SSIM"
SSIM_HELP = "Structural similarity with the clean reference, before and after. 1 means equal."

OUT_OF_MEMORY = (
    "This server has not enough free memory for this photo. Try again in a moment, or with a smaller version of it."
)
UNEXPECTED = "Something went wrong on our side, and it has been written to the server's log. Please try once more."
NOISY = "Noisy"
DENOISED = "Denoised"
WORK_CANCELLED = "Cancelled. What was finished until then is kept."
REPEAT = "Go on"
CLEAN = "Clean reference"
TOO_MANY_PHOTOS = "A batch takes {:,} photos at most. Take home what is done, remove all photos, and add the rest then."
UPLOAD_NOTE = "JPEG, RAW, HEIC, PNG, TIFF …, up to {:g} megapixels"


def explain(error: Exception) -> str:
    """Return the sentence that the visitor sees; what is not the visitor's doing goes to the server's log."""
    if isinstance(error, PhotoError | ModelError):
        return str(error)
    _log.error("Unexpected", exc_info=error)
    return OUT_OF_MEMORY if isinstance(error, MemoryError) else UNEXPECTED


def photos(count: int) -> str:
    """Count photos."""
    return "1 photo" if count == 1 else f"{count} photos"


def too_many_bytes(limit: int) -> str:
    """Say that a file is too large."""
    return f"This file has more than {limit / 2**20:.0f} MB, which is too much. Make the photo smaller and try again."


def batch_full_disk(size: float) -> str:
    """Say that the photos of a batch and their results fill what one visitor may have on disk, in bytes."""
    return (
        f"This photo finds no room: a batch and its results may take {size / 1e9:.3g} GB of this server's disk. "
        "Download what is done, remove all photos, and go on with the others."
    )


def literal(text: str) -> str:
    """Protect a file's name from being read as Markdown."""
    return re.sub(r"([\\`*_\[\]<>$:~!#|&])", r"\\\1", text)


def waiting_for(ahead: int) -> str:
    """Say how many works of other visitors come first."""
    return f"Waiting: {ahead} {'photo' if ahead == 1 else 'photos'} of other visitors before yours"


def progress(done: int, total: int, seconds: float) -> str:
    """Say how far the network is, and how long it will still take, after `seconds` of work."""
    if not done:
        return STARTING
    left = seconds / done * (total - done)
    return f"Tile {done} of {total} · about {duration(left)} left"


def duration(seconds: float) -> str:
    """Name a length of time as precisely as its reader cares; number and unit stay in one line."""
    if seconds < 10:
        return f"{seconds:.1f}\u00a0s"
    if seconds < 90:
        return f"{seconds:.0f}\u00a0s"
    return f"{seconds / 60:.0f}\u00a0min"


def file_size(size: float) -> str:
    """Name the size of a file, in bytes, as its reader cares; number and unit stay in one line."""
    return f"{math.ceil(size / 1e3)}\u00a0kB" if size < 1e6 else f"{size / 1e6:.1f}\u00a0MB"


def training_time(minutes: float) -> str:
    """Name the length of a training."""
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


def done(titles: Mapping[str, str], asked: str, made_by: str, seconds: float) -> str:
    """Say which denoiser made the result, asked for or instead of the one that was, and how long it took."""
    instead = "" if made_by == asked else f", which knows grain as even as this better than {titles[asked]},"
    return f"Denoised by {titles[made_by]}{instead} in {duration(seconds)}"


def here_by(title: str, made_by: str) -> str:
    """Say that another denoiser did the work of one."""
    return f"{title}, here by {made_by}"


def batch_outcome(done: int, failed: int) -> str:
    """Say what became of the batch."""
    if not done:
        return f"{photos(failed)} failed: the table says why."
    more = f" {photos(failed)} failed: the table says why." if failed else ""
    return f"{photos(done)} denoised.{more}"


def before_after(before: float | None, after: float | None, digits: int) -> str:
    """Show a figure of the noisy and of the denoised photo."""
    return f"{number(before, digits)} → {number(after, digits)}"

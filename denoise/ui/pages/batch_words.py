"""The words of the page Batch."""

from collections.abc import Sequence

from denoise.notation import NONE, number
from denoise.ui import texts

STRENGTH_HELP = "0 % leaves the photo as it is, 100 % is all that look and model do. Lower it to keep some grain."
LOOK_HELP = "What goes and what stays: the same looks as on the page Denoise. Each photo can be changed afterwards."
SENTENCE = (
    "A whole evening's photos at once: drop them here, have a coffee, and take home one zip with names, folders and "
    "formats kept."
)
MODEL_HELP = (
    "Automatic takes RIDNet, the best network, and for photos above 2 megapixels a fast one, in a third of the time: "
    "the one for strong noise where there is noise everywhere."
)
AS_IT_CAME = "As each photo came"
QUALITY_HELP = (
    "For photos that are written as JPEG, WebP, HEIC, AVIF or JPEG XL. At 100 all but JPEG and HEIC are lossless. "
    "Where formats are kept, what came lossless stays so."
)
AGAIN_WARNING = "The results that are there are deleted, and made anew with the settings above."
OUTDATED = "Some results were made with other settings than the ones above. *Denoise all again* makes all of them anew."
CLEAR = "Remove all photos"
CLEAR_SURE = "Yes, remove them"
EMPTY = "Your photos appear below as they arrive, each with its size and its noise."
ARRIVING = "Photos are arriving …"
NOT_SENT = "This photo did not arrive whole. Add it again."
DISK_FULL = "The disk of this server is full. Download what is done, remove all photos, and go on with fewer at a time."
REMOVED = "{} was removed. For {:.0f} seconds it can come back."
STATES = {
    "arriving": "Arriving",
    "waiting": "Waiting",
    "working": "At work",
    "done": "Done",
    "failed": "Failed",
}


def upload(max_megapixels: float) -> str:
    """Say what may be uploaded to a batch, and what becomes of it."""
    return (
        f"JPEG, RAW, HEIC, PNG, TIFF and others, up to {max_megapixels:g} megapixels each. They wait in a temporary "
        "folder on this server's disk, are sent to nobody else, and are gone a minute after you close the page, or an "
        "hour after the connection broke."
    )


def start(count: int, retry: int) -> str:
    """Name the button that starts the work on photos that are new, or on those that failed."""
    if count or not retry:
        return f"Denoise {texts.photos(count)}" if count else "Denoise"
    return f"Try {texts.photos(retry)} again"


def progress(place: int, total: int, seconds_left: float | None) -> str:
    """Say how far the batch is; no seconds mean that it waits for the next photo to arrive."""
    if seconds_left is None:
        return ARRIVING
    return f"Photo {place} of {total} · about {texts.duration(seconds_left)} left"


def waiting(count: int, seconds: float, arriving: int) -> str:
    """Say what there is to do, and how long it will take."""
    more = f" {texts.photos(arriving)} still on the way." if arriving else ""
    return f"{texts.photos(count)} to denoise, about {texts.duration(seconds)} on this server.{more}"


def photo_size(width: int, height: int, size: int) -> str:
    """Say how large a photo is, and its file."""
    file = texts.file_size(size)
    return f"{width} × {height} · {file}" if width else file


def noise(before: float | None, after: float | None) -> str:
    """Show the noise of a photo and of its result, as far as they are known."""
    if before is None:
        return NONE
    return number(before, 1) if after is None else texts.before_after(before, after, digits=1)


def result(title: str, clean: float, not_kept: Sequence[str]) -> str:
    """Name what made a result, which share of the photo was clean and came back as it was, and what is not kept."""
    parts = [title]
    if clean >= 1:
        parts = ["clean: nothing was changed"]
    elif clean >= 0.05:
        parts.append(f"{clean:.0%} clean, left as it was")
    if not_kept:
        parts.append(f"not kept: {', '.join(not_kept)}")
    return "; ".join(parts)

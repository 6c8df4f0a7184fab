"""Every text that the page shows."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from denoise.notation import EQUAL, NONE, number

TITLE = "Denoise"
PAGES = {
    "denoise": "Denoise",
    "batch": "Batch",
    "results": "Results",
    "about": "About",
    "compare": "Compare",
    "noise_lab": "Noise lab",
}
SENTENCE = "Give it a noisy photo and take home a clean one, with its size, format and camera data kept."

GALLERY_LABEL = "Sample photos"
GALLERY_HEADING = "Try a sample"
YOUR_PHOTO = "Your photo"

UPLOAD = "Or use your own photo"
UPLOAD_HELP = (
    "Your photo stays on this server, is sent to nobody else, and is gone a minute after you close the page, or an "
    "hour after the connection broke."
)
PASTE = "Or drop it anywhere on the page, or paste it"
PASTE_ONE = "Only the first of these photos was taken. The page Batch takes many at once."
PASTED_NAME = "pasted.png"
UPLOAD_REMOVE = "Remove your photo from this server"
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
NOT_SENT = "This file did not arrive: the connection broke on the way. Please choose it once more."
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
REFERENCE_HEADING = "Clean reference"
REFERENCE = "A clean picture of exactly the same view"
REFERENCE_REMOVE = "Remove the reference"
REFERENCE_OF_SAMPLE = "Samples bring their own reference. This one is for photos that you upload."

MODEL = "Model"
BEST = "Best quality, eight times slower"
BEST_HELP = (
    "The network sees the photo in eight positions, turned and mirrored, and the mean of what it makes of them is a "
    "little better than each."
)
STRENGTH = "Strength"
STRENGTH_HELP = "0 % leaves the photo as it is, 100 % is all that the model does. Lower it to keep some grain."

STARTING = "Starting"
CANCEL = "Cancel"
CANCELLED = "Cancelled. The photo is as it was."
DENOISE_AGAIN = "Denoise this photo"
DOWNLOAD = "Download"
DOWNLOAD_LABELS = {
    "download": DOWNLOAD,
    "preparing": "Preparing the file …",
    "failed": "The file did not arrive. Please try once more.",
}
DOWNLOAD_GONE = "This result is no longer there. Denoise the photo again."
FILE_HEADING = "File format and metadata"
FORMAT = "Format"
AS_IT_CAME = "As it came"  # a name for every photo: the browser goes on showing the name that was chosen
QUALITY = "Quality"
QUALITY_HELP = (
    "JPEG and WebP leave out what is hardly seen: the lower the quality, the smaller the file. At 100 WebP keeps every "
    "pixel as it is; below, it holds colours at half the resolution."
)
DEPTH = "Bit depth"
STRIP = "Remove all metadata"
STRIP_HELP = (
    "Leaves out EXIF, XMP, IPTC and comments: GPS position, time, camera, lens, names, captions, keywords, ratings. "
    "The colour profile stays."
)

PSNR = "PSNR, dB"
PSNR_HELP = "Peak signal-to-noise ratio against the clean reference, before and after. Higher is better."
SSIM = "SSIM"
SSIM_HELP = "Structural similarity with the clean reference, before and after. 1 means equal."
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

OUT_OF_MEMORY = (
    "This server has not enough free memory for this photo. Try again in a moment, or with a smaller version of it."
)
UNEXPECTED = "Something went wrong on our side, and it has been written to the server's log. Please try once more."

# For `viewer_labels`; the viewer itself fills in what changes while it is used, such as {percent}.
VIEWER = {
    "stage": (
        "Comparison of two pictures. Arrow keys move, plus and minus zoom, 0 fits, a question mark lists all keys."
    ),
    "mode": "How to compare",
    "side": "Side by side",
    "slider": "Slider",
    "flip": "Flip",
    "removed": "Removed noise",
    "error": "Error",
    "zoom": "Zoom",
    "fit": "Fit",
    "percent": "Current zoom",
    "tools": "Tools",
    "loupe": "Loupe",
    "full": "Full screen",
    "help": "Keys of the viewer",
    "divider": "Divider between the two pictures",
    "divided": "{left} on the left {percent} % of the picture",
    "hold": "Hold to see: {left}",
    "gain": "How much stronger the removed noise is shown",
    "meaning": (
        "Grey: unchanged. White or black: {levels} of 255 levels or more were taken away or added. "
        "A recognisable photo means lost detail."
    ),
    "error_meaning": (
        "Black: equal to the clean reference. White: {levels} of 255 levels away from it, or more. "
        "Move the sliders and see what helps."
    ),
    "mix": "How much noise is removed",
    "luminance": "Less luminance noise",
    "luminance_help": "How much of the light and dark grain is removed. Lower it to keep some grain.",
    "colour": "Less colour noise",
    "colour_help": "How much of the coloured blotches is removed.",
    "detail": "More fine detail",
    "detail_help": "Leaves the grain where the photo has texture: it is hardly seen there, and fine detail stays.",
    "reset": "Reset",
    "waiting": "{right}: not yet",
    "coming": "{label}: on its way …",
    "hint": "Drag to move, wheel to zoom, ? for all keys",
    "hint_touch": "Pinch to zoom, drag to move",
    "failed": "This picture has not arrived yet. Asking for it again …",
}
VIEWER_KEYS = [
    ("S", "Side by side"),
    ("D", "Slider; Tab to the divider, then the arrow keys move it"),
    ("F", "Flip; hold F or Space to see the first picture"),
    ("N", "Removed noise"),
    ("E", "Error, where there is a clean reference"),
    ("A", "Show the removed noise or the error stronger or weaker"),
    ("+ −", "Zoom in and out"),
    ("0", "Fit"),
    ("1 2 4 8", "1:1, 2:1, 4:1, 8:1"),
    ("← ↑ ↓ →", "Move the photo"),
    ("L", "Loupe; Shift with the arrow keys moves it"),
    ("M", "Full screen"),
    ("?", "This list"),
]
NOISY = "Noisy"
DENOISED = "Denoised"

# Work that takes a while, on the pages below
WORK_CANCELLED = "Cancelled. What was finished until then is kept."
REPEAT = "Go on"

# Batch
BATCH_TITLE = "Batch"
BATCH_SENTENCE = (
    "A whole evening's photos at once: drop them here, have a coffee, and take home one zip with names, folders and "
    "formats kept."
)
BATCH_UPLOADER = {
    "drop": "Drop photos or a folder here",
    "touch": "Add your photos",
    "files": "Choose photos",
    "folder": "Choose a folder",
    "sending": "Sending photo {done} of {total}",
    "sent": "Everything has been sent.",
    "lost": "{count} of {total} photos did not arrive. Add them again.",
    "left_out": "{count} other files of the folder were left out.",
    "nothing": "There is no photo in this folder.",
    "refused": "The server did not take these files. Reload the page and try again.",
    "progress": "How much has been sent",
}
BATCH_MODEL_HELP = (
    "Automatic takes RIDNet, the best network, and the fast one for photos above 8 megapixels: it needs a tenth of the "
    "time."
)
BATCH_AUTOMATIC = "Automatic: RIDNet, fast model for big photos"
BATCH_AS_IT_CAME = "As each photo came"
BATCH_QUALITY_HELP = (
    "For photos that are written as JPEG or WebP. At 100 WebP is lossless. Where formats are kept, a WebP that came "
    "lossless stays so."
)
BATCH_AGAIN = "Denoise all again"
BATCH_AGAIN_WARNING = "The results that are there are deleted, and made anew with the settings above."
BATCH_AGAIN_SURE = "Yes, denoise all again"
BATCH_OUTDATED = (
    "Some results were made with other settings than the ones above. *Denoise all again* makes all of them anew."
)
BATCH_CLEAR = "Remove all photos"
BATCH_CLEAR_WARNING = "Photos and results are deleted from the server at once."
BATCH_CLEAR_SURE = "Yes, remove them"
BATCH_EMPTY = "Your photos appear below as they arrive, each with its size and its noise."
BATCH_ARRIVING = "Photos are arriving …"
BATCH_NOT_SENT = "This photo did not arrive whole. Add it again."
BATCH_DISK_FULL = (
    "The disk of this server is full. Download what is done, remove all photos, and go on with fewer at a time."
)
BATCH_COMING = "The photo is on its way …"
BATCH_TABLE = {
    "label": "The photos of the batch",
    "photo": "Photo",
    "size": "Size",
    "noise": "Noise",
    "noise_help": "Estimated, in levels of 0 to 255, before and after",
    "time": "Time",
    "state": "State",
    "zip": "Download zip",
    "report": "Report (CSV)",
    "look": "See it before and after",
    "remove": "Remove this photo",
}
BATCH_STATES = {
    "arriving": "Arriving",
    "waiting": "Waiting",
    "working": "At work",
    "done": "Done",
    "failed": "Failed",
}

# Compare
COMPARE_TITLE = "Compare models"
COMPARE_SENTENCE = "One photo, every denoiser: see what each makes of it, how close it comes, and what it costs."
COMPARE_PHOTO = "Photo"
COMPARE_PHOTO_HELP = "A sample, or your own photo: upload it on the page Denoise and it is offered here."
COMPARE_PART = "Part of it, pixels"
COMPARE_PART_HELP = "A square this wide and high is quick to compare. The whole photo is offered up to 4 megapixels."
COMPARE_WHOLE = "Whole"
COMPARE_ACROSS = "Place, left to right"
COMPARE_DOWN = "Place, top to bottom"
COMPARE_OVERVIEW = "The photo; the bright part is the one that is compared"
COMPARE_CARDS = "What every denoiser makes of it"
PSNR_SHORT = "PSNR"
COMPARE_TIME = "Time"
COMPARE_FILE = "Network"
COMPARE_BEST = "best"
COMPARE_WAITING = "Not yet"
COMPARE_NONE = NONE
COMPARE_LEGEND = (
    "★ best of all. PSNR and SSIM say how close a picture comes to the clean reference: higher is better. "
    "Time is for this part on this server, network is the size of its file."
)
COMPARE_LEGEND_NO_REFERENCE = (
    "★ best of all. Time is for this part on this server, network is the size of its file. PSNR and SSIM need a clean "
    "reference of the same view: samples bring one, and the page Denoise takes one for your own photo."
)
COMPARE_VIEWER = "Any two under the lens"
COMPARE_LEFT = "Left"
COMPARE_RIGHT = "Right"
CLEAN = "Clean reference"

# Noise lab
LAB_TITLE = "Noise lab"
LAB_SENTENCE = (
    "Take a clean photo, photograph it again with a simulated camera, and see how much of the damage a denoiser "
    "undoes. Here the truth is known, so PSNR and SSIM are exact."
)
LAB_PHOTO = "Clean photo"
LAB_UPLOAD = "Or a clean photo of your own"
LAB_ISO = "ISO speed"
LAB_ISO_HELP = "The noise of a phone's small sensor: four times the ISO is twice the grain."
LAB_QUALITY = "JPEG quality"
LAB_QUALITY_HELP = "How gently the simulated camera compresses the photo. 100 leaves JPEG out."
LAB_SEED = "Roll of the dice"
LAB_SEED_HELP = "Noise is chance. The same number gives the same grain again, another number other grain."
LAB_MODEL = "Cleaned by"
LAB_CURVE_HEADING = "How far does it carry?"
LAB_CURVE_SENTENCE = (
    "PSNR against ISO on the middle 256 × 256 pixels, with the JPEG quality and the roll of the dice set above. Where "
    "a curve runs above that of the noisy photo, the denoiser helps. The dotted line is the ISO set above."
)
LAB_CURVE_MODELS = "Denoisers"
LAB_CURVE_BUTTON = "Draw the curves"
LAB_CURVE_EMPTY = "The curves appear here. They take a few seconds for each denoiser."
LAB_CURVE_NOBODY = "Choose at least one denoiser to draw its curve."
LAB_CURVE_NUMBERS = "The same in numbers"
LAB_TOO_SMALL = "This photo is too small for the simulated camera: it needs at least 16 pixels in width and height."


def viewer_labels(left: str, right: str) -> dict[str, str]:
    """Return the viewer's texts for two pictures that are called so."""
    return {name: text.replace("{left}", left).replace("{right}", right) for name, text in VIEWER.items()}


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"


def batch_upload(max_megapixels: float) -> str:
    """Say what may be uploaded to a batch, and what becomes of it."""
    return (
        f"PNG, JPEG, WebP, TIFF or BMP, up to {max_megapixels:g} megapixels each. They wait in a temporary folder on "
        "this server's disk, are sent to nobody else, and are gone a minute after you close the page, or an hour "
        "after the connection broke."
    )


def batch_start(count: int, retry: int) -> str:
    """Name the button that starts the work on photos that are new, or on those that failed."""
    if count or not retry:
        return f"Denoise {_photos(count)}" if count else "Denoise"
    return f"Try {_photos(retry)} again"


def batch_progress(place: int, total: int, seconds_left: float | None) -> str:
    """Say how far the batch is; no seconds mean that it waits for the next photo to arrive."""
    if seconds_left is None:
        return BATCH_ARRIVING
    return f"Photo {place} of {total} · about {duration(seconds_left)} left"


def batch_waiting(count: int, seconds: float, arriving: int) -> str:
    """Say what there is to do, and how long it will take."""
    more = f" {_photos(arriving)} still on the way." if arriving else ""
    return f"{_photos(count)} to denoise, about {duration(seconds)} on this server.{more}"


def batch_done(done: int, failed: int) -> str:
    """Say what became of the batch."""
    if not done:
        return f"{_photos(failed)} failed: the table says why."
    return f"{_photos(done)} denoised." + (f" {_photos(failed)} failed: the table says why." if failed else "")


def batch_size(width: int, height: int, size: int) -> str:
    """Say how large a photo is, and its file."""
    file = f"{size / 1e6:.1f} MB" if size > 5e5 else f"{math.ceil(size / 1e3)} kB"
    return f"{width} × {height} · {file}" if width else file


def batch_noise(before: float | None, after: float | None) -> str:
    """Show the noise of a photo and of its result, as far as they are known."""
    if before is None:
        return NONE
    return number(before, 1) if after is None else before_after(before, after, digits=1)


def batch_denoiser(title: str, clean: float) -> str:
    """Name what made a result, and which share of the photo was clean and came back as it was."""
    if clean >= 1:
        return "clean: nothing was changed"
    return f"{title}; {clean:.0%} clean, left as it was" if clean >= 0.05 else title


def too_many_bytes(limit: int) -> str:
    """Say that a file is too large."""
    return f"This file has more than {limit / 2**20:.0f} MB, which is too much. Make the photo smaller and try again."


def batch_share(size: float) -> str:
    """Say that the photos of a batch and their results fill what one visitor may have on disk, in bytes."""
    return (
        f"This photo finds no room: a batch and its results may take {size / 1e9:.3g} GB of this server's disk. "
        "Download what is done, remove all photos, and go on with the others."
    )


def too_many_photos(limit: int) -> str:
    """Say that a batch is full."""
    return f"A batch takes {limit:,} photos at most. Take home what is done, remove all photos, and add the rest then."


def iso(value: int) -> str:
    """Name a sample's light sensitivity."""
    return f"ISO {value}"


def upload_note(max_megapixels: float) -> str:
    """Say what may be uploaded."""
    return f"PNG, JPEG, WebP, TIFF or BMP, up to {max_megapixels:g} megapixels"


def literal(text: str) -> str:
    """Protect a file's name from being read as Markdown."""
    return re.sub(r"([\\`*_\[\]<>$:~!#|&])", r"\\\1", text)


def refused(file_name: str, reason: str) -> str:
    """Say which file was refused, and why."""
    return f"{literal(file_name)}: {reason}"


def not_kept(losses: Sequence[str]) -> str:
    """Say what of a photo its file cannot keep."""
    return f"Not kept in this file: {', '.join(losses)}."


def bits(depth: int) -> str:
    """Name a bit depth."""
    return f"{depth} bit"


def facts(width: int, height: int, file_format: str, bit_depth: int) -> str:
    """Say what kind of file a photo is."""
    return f"{width} × {height} pixels · {file_format}, {bit_depth} bit"


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
    """Name a length of time as precisely as its reader cares."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def choice(summary: str, seconds: float | None) -> str:
    """Describe a denoiser, and say how long it will take for the photo that is chosen, if that is known."""
    return summary if seconds is None else f"{summary} About {duration(max(seconds, 0.1))}."


def done(title: str, seconds: float) -> str:
    """Say which denoiser made the result and how long it took."""
    return f"Denoised by {title} in {duration(seconds)}"


def before_after(before: float | None, after: float | None, digits: int) -> str:
    """Show a figure of the noisy and of the denoised photo."""
    return f"{number(before, digits)} → {number(after, digits)}"


def comparing(title: str, done: int, total: int, place: int, count: int) -> str:
    """Say how far the comparison is: the denoiser's tiles, and the denoisers."""
    return f"{title} · tile {done} of {total} · denoiser {place} of {count}"


def psnr_value(decibels: float) -> str:
    """Show a PSNR; equal photos have none."""
    return number(decibels, 2, " dB")


def ssim_value(similarity: float) -> str:
    """Show an SSIM."""
    return number(similarity, 3)


def closest(title: str, decibels: float) -> str:
    """Say which picture is most like the clean reference."""
    return f"**{title}** comes closest to the clean reference: {psnr_value(decibels)}."


def fastest(title: str, seconds: float) -> str:
    """Say which denoiser needs the least time."""
    return f"**{title}** is the fastest: {milliseconds(seconds)}."


def milliseconds(seconds: float) -> str:
    """Show a time that is compared with others."""
    return f"{1000 * seconds:,.0f} ms".replace(",", "\u2009")


def megabytes(size: float) -> str:
    """Show the size of a file, in bytes."""
    return f"{size / 1e6:.2f} MB"


def lab_photo(width: int, height: int, value: int) -> str:
    """Say what the noise lab shows; it takes the middle of large photos."""
    return f"The middle {width} × {height} pixels, photographed again at ISO {value}"


def lab_curves(titles: list[str], quality: int) -> str:
    """Describe the plot of the noise lab to those who do not see it."""
    return f"PSNR in dB against ISO speed from 100 to 12800 at JPEG quality {quality}: {', '.join(titles)}"


def curve_progress(title: str, value: int) -> str:
    """Say which point of the curves is being computed."""
    return f"{title} at ISO {value}"


# Results

CHAPTERS = {
    "data": "The photos and their noise",
    "classical": "The classical filter",
    "networks": "The networks",
    "quantisation": "Smaller and faster: quantisation",
    "training": "Training, and what it taught",
}
RESULTS_INTRO = (
    "What noise looks like in real photos, how far a classical filter gets, what each network is worth, and what it "
    "costs. Every number was measured by the programs that come with this page; those on the quality of the networks, "
    "on photos that none of them has learnt from."
)
DOWNLOAD_CSV = "Download as CSV"

SETS = {
    "polyu": "PolyU, five cameras",
    "sidd": "SIDD, phones",
    "train": "Training photos, simulated cameras",
}
CHANNELS = ("red", "green", "blue")
DATA_INTRO = (
    "To know what noise is, one needs the same view twice: noisy, and clean. **PolyU** has such pairs from five "
    "cameras, **SIDD** from phones. The networks learn from **clean photos with simulated camera noise**, so the "
    "question is whether that noise is like the real one."
)
PHOTOS = "Photos"
PAIRS = "Pairs"
SIGMA_HELP = "Standard deviation of the noise, in levels of 0 to 255: the median over the pairs."
GRAIN_HELP = "How alike the noise of neighbouring pixels is: 0 is fine noise of single pixels, towards 1 it is coarse."
NOISE_TABLE = "The noise of each set of photos: how strong it is, and how coarse its grain is."
NOISE_TABLE_NOTE = "Noise: standard deviation in levels of 0 to 255. Grain: correlation between neighbouring pixels."
HOW_NOISY = "How noisy the photos are"
WHERE_NOISY = "Where in a photo the noise is strong"
GRAIN = "Grain, not white noise"
COMPARISONS = {
    "quality": "PSNR and SSIM of the noisy photos: median (mark), half of the pairs (thick) and 80 % of them (thin).",
    "level": "Noise level against the brightness of the clean pixel: median over the pairs, and the range of 80 %.",
    "correlation": (
        "Correlation of the noise between pixels of a row or column, and between the colour channels; mean over the "
        "pairs, bars hold 80 % of them. White noise has 0."
    ),
}
PLOTS = {
    "pairs.png": "Pairs",
    "brightness.png": "Brightness of the photos",
    "histograms.png": "Pixel values of single photos",
    "quality.png": "What doing nothing scores",
    "level.png": "Noise and brightness",
    "bias.png": "Does noise brighten or darken?",
    "correlation.png": "Grain",
    "groups.png": "Cameras and ISO speeds",
    "cameras.png": "Each camera",
}
PLOTS_OF_FILTER = {
    "detail.png": "Where the filter helps, and where it harms",
    "frequency.png": "What is left of noise and of detail",
}
MORE_EXAMPLES = "More photos looked at closely"
EXAMPLE = "A closer look"

CLASSICAL_INTRO = (
    "Before networks, the best filters averaged parts of a photo that look alike: *non-local means*. No training, no "
    "weights; its strength follows the noise that is found in the photo. The rule for that strength was chosen on "
    "photos that are measured below, which flatters it a little."
)

NETWORKS_INTRO = (
    "Each network learnt the same thing in its own way: noisy photo in, clean photo out. They are measured on real "
    "noisy photos (PolyU and SIDD), on clean photos, which should come back as they are, and on the same photos with "
    "the noise of a simulated phone. A click on a heading sorts the table."
)
PSNR_AND_SSIM = (
    "**PSNR** tells how far the pixels are from the clean photo on average, in decibels: 3 dB more means half the "
    "squared error. **SSIM** tells how much of the structure is there, edges and texture rather than single pixels: 1 "
    "means equal."
)
DENOISER = "Denoiser"
PSNR_COLUMN_HELP = "Peak signal-to-noise ratio in dB: higher is better. Photos equal to the clean ones have none."
SSIM_COLUMN_HELP = "Structural similarity with the clean photos: higher is better, 1 means equal."
SHIFT_HELP = "By how many of 256 levels the mean of a colour moved, in the worst photo: lower is better."
PARAMETERS = "Parameters"
PARAMETERS_HELP = "Numbers that the network has learnt."
FILE_MB = "File, MB"
TILE_MS = "One tile, ms"
TILE_HELP = "Milliseconds for one tile of 256×256 pixels; a photo of 12 megapixels has more than 300 of them."
QUALITY_TABLE = "Quality, size and time of each denoiser."
CHART_HEADING = "Quality against time"
CHART_SET = "Photos that are measured"
NETWORK = "network"
FILTER = "classical filter"
TILE_AXIS = "milliseconds for one 256×256 tile"
PSNR_AXIS = "PSNR, dB"
CROPS_HEADING = "The same square by every denoiser"
CROPS = "Numbers are means; eyes see single photos. These are the most detailed squares of the sample photos."
CROPS_NOTE = "Pixels doubled; below each square the PSNR of the whole photo."

QUANTISATION_INTRO = (
    "A network is trained in numbers of 32 bits. For an ordinary processor it is stored in fewer: *float16* halves "
    "the file, *dynamic-range int8* keeps the weights in 8 bits, *full int8* computes in 8 bits throughout. The "
    "question is what that costs in quality."
)
FORMAT_COLUMN = "Stored as"
PATCHES_S = "16 patches, s"
PATCHES_HELP = "Seconds for a photo of 1024×1024 pixels, cut into 16 patches that do not overlap."
PHOTO_S = "Photo, s"
PHOTO_HELP = "Seconds for the same photo as this page does it, in overlapping tiles that are blended."
MEMORY_MB = "Memory, MB"
MEMORY_HELP = "Most memory that the program held at once."
LOSS_HELP = "PSNR below that of the network as it was trained: lower is better, below zero is a gain by chance."

TRAINING_INTRO = (
    "Networks are not designed, they are raised: most of what they can do was decided while they learnt. The log "
    "tells every run that taught us something, failures included."
)
TRAINING_LOG = "The training log"
RUN = "Training run"
CURVES = {"psnr": "photos it learns from", "val_psnr": "photos held out"}
STEPS_AXIS = "training steps"


def unreadable(file_name: str) -> str:
    """Say that a file of results cannot be shown."""
    return f"The results in {literal(file_name)} are missing or cannot be read at the moment, so this part is left out."


def psnr_of(title: str = "") -> str:
    """Head the column of a set's PSNR."""
    return f"{title} PSNR".strip()


def ssim_of(title: str = "") -> str:
    """Head the column of a set's SSIM."""
    return f"{title} SSIM".strip()


def shift_of(title: str) -> str:
    """Head the column of a set's colour shift."""
    return f"{title} colour shift"


def loss_of(title: str) -> str:
    """Head the column of what a format loses on a set."""
    return f"{title} loss, dB"


def noise_in(channel: str) -> str:
    """Head the column of the noise of a colour channel."""
    return f"Noise, {channel}"


def grain_in(channel: str) -> str:
    """Head the column of the correlation of a colour channel's noise."""
    return f"Grain, {channel}"


def measured_on(photos: int) -> str:
    """Say over how many photos a mean was taken."""
    return f" Mean over {_photos(photos)}."


def how_noisy(psnr: Sequence[tuple[str, float]]) -> str:
    """Say how noisy the sets are; each comes as title and mean PSNR."""
    scores = "; ".join(f"{title}: {number(value, 1, ' dB')}" for title, value in psnr)
    return (
        f"What a denoiser that does nothing scores: {scores}. That is what has to be beaten, and why a gain on one "
        "kind of photos says nothing about another."
    )


def where_noisy(sigma: Sequence[tuple[str, float]]) -> str:
    """Say how the noise follows the brightness; each set comes as title and standard deviation in green."""
    levels = "; ".join(f"{title}: {number(value, 1)}" for title, value in sigma)
    return (
        "Noise is not the same everywhere in a photo: it follows the brightness of the pixel, differently in each "
        f"colour. Typical strength in green, in levels of 0 to 255 – {levels}."
    )


def grain(lag: Sequence[tuple[str, float]]) -> str:
    """Say how much of their noise neighbouring pixels share; each set comes as title and correlation in green."""
    shares = "; ".join(f"{title}: {number(value, 2)}" for title, value in lag)
    return (
        f"Neighbouring pixels share part of their noise (correlation in green – {shares}). A network that learnt from "
        "white noise, which has none, would take such grain for detail and leave it standing."
    )


def set_in_detail(title: str, pairs: int) -> str:
    """Name the part of the page that looks at one set of photos."""
    return f"{title}: {pairs} pairs in detail"


def machine(about: Mapping[str, Any]) -> str:
    """Name the machine on which times were measured, and when."""
    return f"{about['processor']}, {about['cores']} cores, {about['threads']} threads, {about['date']}"


def protocol(how: str, about: Mapping[str, Any]) -> str:
    """Say how the results were measured, and where."""
    return f"{how} Times: {machine(about)}."


def chart(title: str, photos: int, noisy: float | None, points: Sequence[tuple[str, float, float]]) -> str:
    """Describe the chart to those who do not see it; each point comes as title, milliseconds and PSNR."""
    places = "; ".join(f"{name}: {number(psnr, 2, ' dB')} in {ms:.0f} ms" for name, ms, psnr in points)
    nothing = "" if noisy is None else f" Doing nothing: {number(noisy, 2, ' dB')}."
    return f"Mean PSNR over {photos} photos of {title} against the time for one tile. {places}.{nothing}"


def doing_nothing(psnr: float) -> str:
    """Label the line of what a denoiser that does nothing scores."""
    return f"noisy photo: {number(psnr, 2, ' dB')}"


def curves(name: str) -> str:
    """Describe the training curve of a network."""
    return f"PSNR of {name} over the steps of its training."


def format_of(key: str) -> str:
    """Name a format in which a network is stored."""
    return "Keras float32, as trained" if key == "Keras float32" else f"TFLite {key}"


def format_failed(title: str, reason: str) -> str:
    """Say that a format could not be measured."""
    return f"{title} failed: {reason}."


def quantisation_table(title: str) -> str:
    """Describe the table of the formats of a network."""
    return f"What each way of storing {title} costs and gains."


def quantised(title: str, parameters: int, photos: str, about: Mapping[str, Any]) -> str:
    """Say which network was quantised, on which photos, see `notation.few_photos`, and where it was measured."""
    return f"{title}, {parameters:,} parameters. {photos} Times: median of fresh processes on {machine(about)}."


def quantisation_gain(title: str, smaller: float, faster: float, loss: float, photos: int, set_title: str) -> str:
    """Say what the bundled format gains, as factors, and costs, in dB on so many photos of a set."""
    return (
        f"**{title}** is what comes with this page: {smaller:.1f} times smaller and {faster:.1f} times faster than as "
        f"trained, for {number(max(loss, 0), 2)} dB less on {_photos(photos)} of {set_title}."
    )


# About

ABOUT_INTRO = (
    "A photo taken in little light is grainy, because the sensor counted few photons. This page takes the grain out "
    "with small neural networks that have seen many thousands of pieces of photos, noisy and clean, and learnt to "
    "tell grain from detail. They are small enough for an ordinary processor: no graphics card, and no one else's "
    "server."
)
HOW_IT_WORKS = "How it works"
CHAIN = {
    "Upload": "Your file is checked before it is opened: format, size, and whether it is whole.",
    "Decode": "It becomes upright pixels in the depth of the file, 8 or 16 bit; its metadata are set aside.",
    "Tiles": "The photo is cut into overlapping squares of 256×256 pixels, one row of them at a time.",
    "Network": "The network cleans one square after the other. Each is a step of the progress bar.",
    "Blend": "Where squares overlap they fade into each other, so that no seam is seen.",
    "Figures": "The result is compared, shown pixel by pixel, and written in the format that came in.",
}
MODELS = "The networks"
MODELS_INTRO = (
    "What each network is, what it learnt from, and what it measured. *Non-local means* is in the list of denoisers "
    "too: a filter by formula, with nothing learnt."
)
MODEL_FACTS = {
    "paper": "Design",
    "parameters": "Parameters",
    "file": "File",
    "stored": "Stored as",
    "data": "Learnt from",
    "data_licences": "Their licences",
    "noise": "Noise it saw",
    "steps": "Training",
    "machine": "Trained on",
    "licence": "Licence",
    "sha256": "Fingerprint",
}
NO_MODELS = "No network is installed on this server; only the classical filter is."
MODEL_MEASURED = "What it measured"
MODEL_TRAINED = "How it was trained"
MEASURED_HEADER = ("Photos", "Noisy", "Denoised")
LIMITS = "What it cannot do"
PRIVACY = "Your photos"
PRIVACY_POINTS = (
    "**They are worked on here and go nowhere else.** This server sends them to nobody, and this page loads nothing "
    "from anybody: no analytics, no advertising, no fonts or scripts from other hosts.",
    "**They are yours alone.** What you upload and what is made of it belong to the session of your browser tab; "
    "other visitors have sessions of their own. The server's log holds errors of the program, no pictures.",
    "**They are held in memory while you use them.** What you have not used for a while, or all of it two minutes "
    "after your connection broke, waits in temporary files on this server's disk, into which no other user of it can "
    "look. While a file of more than 1 MB is on its way, the part that has come may be in a temporary file without a "
    "name. *Remove your photo from this server* removes the photo, its results and all of these files at once.",
    "**A batch waits on disk.** The photos of the page Batch and their results lie in a temporary folder on this "
    "server's disk, because they would not fit into memory. It is removed with your session, when you press *Remove "
    "all photos*, and when the server stops.",
)
LICENCES = "Licences"
LICENCES_INTRO = "The code and the networks' weights are free under the MIT licence. The sample photos are free too:"
SAMPLE_HEADER = ("Sample", "Licence")


def file_facts(name: str, size: int) -> str:
    """Name a network's file and its size."""
    return f"{name}, {size / 1e6:.2f} MB"


def training_facts(steps: float | None, minutes: float | None) -> str:
    """Say how long a network was trained."""
    parts = [f"{steps:,} steps" if steps else "", f"{minutes:.0f} minutes" if minutes else ""]
    return ", ".join(part for part in parts if part)


def fingerprint(sha256: str) -> str:
    """Show the beginning of a file's SHA-256."""
    return f"SHA-256 {sha256[:12]}…"


def measured(title: str, photos: int) -> str:
    """Name a set of photos and its size."""
    return f"{title} ({photos})"


def scores(psnr: float | None, ssim: float) -> str:
    """Write PSNR and SSIM; no PSNR means that the photos are equal."""
    return f"{number(psnr, 2, ' dB', none=EQUAL)} / {number(ssim, 3)}"


def limits(max_megapixels: float) -> list[str]:
    """Say what the page cannot do."""
    return [
        f"Open photos of more than {max_megapixels:g} megapixels: whoever runs this server has set that limit.",
        "Read anything but PNG, JPEG, WebP, TIFF and BMP. Camera RAW and HEIC files, animations and videos have to be "
        "exported as JPEG, PNG or TIFF first.",
        "Bring back what the noise has drowned. A network can only guess at it, and a guess may look right and be "
        "wrong: do not use it as evidence.",
        "Sharpen, or remove blur, dust, banding and compression blocks.",
        "Promise anything about film grain, scanner noise or salt-and-pepper noise: the networks learnt from the noise "
        "of digital cameras, and how they fare there has not been measured.",
        "Keep CMYK: such photos come back as RGB. JPEG has no transparency, so a transparent photo is laid on white "
        "there.",
    ]


def after_closing(seconds: float, without_word: float) -> str:
    """Say what becomes of the photos when the page is closed, and when the browser is no longer heard of."""
    return (
        "**They are gone when you are.** When you close the page, the server lets go of everything in your session "
        f"after {duration(seconds)}. When only the connection breaks, because a computer sleeps or changes networks, "
        f"it waits {duration(without_word)}: your batch goes on, and the page finds it again."
    )

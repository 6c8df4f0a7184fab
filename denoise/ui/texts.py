"""Every text that the page shows."""

import re

TITLE = "Denoise"
SENTENCE = "Give it a noisy photo and take home a clean one, with its size, format and camera data kept."

GALLERY_LABEL = "Sample photos"
GALLERY_HEADING = "Try a sample"
YOUR_PHOTO = "Your photo"

UPLOAD = "Or use your own photo"
REFERENCE_HEADING = "Clean reference"
REFERENCE = "A clean picture of exactly the same view"
REFERENCE_OF_SAMPLE = "Samples bring their own reference. This one is for photos that you upload."

MODEL = "Model"
STRENGTH = "Strength"
STRENGTH_HELP = "0 % leaves the photo as it is, 100 % is all that the model does. Lower it to keep some grain."

STARTING = "Starting"
CANCEL = "Cancel"
CANCELLED = "Cancelled. The photo is as it was."
DENOISE_AGAIN = "Denoise this photo"
DOWNLOAD = "Download"

PSNR = "PSNR, dB"
PSNR_HELP = "Peak signal-to-noise ratio against the clean reference, before and after. Higher is better."
SSIM = "SSIM"
SSIM_HELP = "Structural similarity with the clean reference, before and after. 1 means equal."
TOO_SMALL = "too small"
NO_REFERENCE = "PSNR and SSIM need a clean reference of the same view. Add one below and they are shown here."

OUT_OF_MEMORY = (
    "This server has not enough free memory for this photo. Try again in a moment, or with a smaller version of it."
)
UNEXPECTED = "Something went wrong on our side, and it has been written to the server's log. Please try once more."

VIEWER = {
    "stage": "Comparison of the noisy and the denoised photo. Arrow keys move, plus and minus zoom, 0 fits.",
    "mode": "How to compare",
    "side": "Side by side",
    "slider": "Slider",
    "zoom": "Zoom",
    "fit": "Fit",
    "percent": "Current zoom",
    "divider": "Divider between the noisy and the denoised photo",
    "waiting": "Denoised: not yet",
    "hint": "Drag to move, wheel to zoom",
    "failed": "This picture did not arrive. Reload the page to try again.",
}
NOISY = "Noisy"
DENOISED = "Denoised"


def iso(value: int) -> str:
    """Name a sample's light sensitivity."""
    return f"ISO {value}"


def upload_help(max_megapixels: float) -> str:
    """Say what may be uploaded, and what becomes of it."""
    return (
        f"PNG, JPEG, WebP, TIFF or BMP, up to {max_megapixels:g} megapixels. Your photo stays in the memory of this "
        "server, is sent to nobody else, and is gone when you close the page."
    )


def literal(text: str) -> str:
    """Protect a file's name from being read as Markdown."""
    return re.sub(r"([\\`*_\[\]<>$:~!#|&])", r"\\\1", text)


def facts(width: int, height: int, file_format: str, bit_depth: int) -> str:
    """Say what kind of file a photo is."""
    return f"{width} × {height} pixels · {file_format}, {bit_depth} bit"


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


def done(title: str, seconds: float) -> str:
    """Say which denoiser made the result and how long it took."""
    return f"Denoised by {title} in {duration(seconds)}"


def before_after(before: float, after: float, digits: int) -> str:
    """Show a figure of the noisy and of the denoised photo."""
    return f"{before:.{digits}f} → {after:.{digits}f}"


def reference_size(reference: tuple[int, int], photo: tuple[int, int]) -> str:
    """Say that the reference does not fit the photo; both are (width, height) in pixels."""
    return (
        f"The reference is {reference[0]} × {reference[1]} pixels, but the photo is {photo[0]} × {photo[1]}. "
        "Upload a reference of the same size, with the same view, to see PSNR and SSIM."
    )

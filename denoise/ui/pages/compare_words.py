"""The words of the page Compare."""

from denoise.notation import number

TITLE = "Compare models"
SENTENCE = "One photo, every denoiser: see what each makes of it, how close it comes, and what it costs."
PHOTO = "Photo"
PHOTO_HELP = "A sample, or your own photo: upload it on the page Denoise and it is offered here."
PART = "Part of it, pixels"
PART_HELP = "A square this wide and high is quick to compare. The whole photo is offered up to 4 megapixels."
WHOLE = "Whole"
ACROSS = "Place, left to right"
DOWN = "Place, top to bottom"
OVERVIEW = "The photo; the bright part is the one that is compared"
CARDS = "What every denoiser makes of it"
PSNR_SHORT = "PSNR"
TIME = "Time"
FILE = "Network"
BEST = "best"
WAITING = "Not yet"
LEGEND = (
    "★ best of all. PSNR and SSIM say how close a picture comes to the clean reference: higher is better. "
    "Time is for this part on this server, network is the size of its file."
)
LEGEND_NO_REFERENCE = (
    "★ best of all. Time is for this part on this server, network is the size of its file. PSNR and SSIM need a clean "
    "reference of the same view: samples bring one, and the page Denoise takes one for your own photo."
)
VIEWER = "Any two under the lens"
LEFT = "Left"
RIGHT = "Right"

COMPARING = "{} · tile {} of {} · denoiser {} of {}"


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

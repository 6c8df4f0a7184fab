"""The words of the page Compare."""

from denoise.notation import number

SENTENCE = "One photo, every denoiser: see what each makes of it, how close it comes, and what it costs."
PHOTO_HELP = "A sample, or your own photo: upload it on the page Denoise and it is offered here."
PART_HELP = "A square this wide and high is quick to compare. The whole photo is offered up to 4 megapixels."
WHOLE = "Whole"
PSNR_SHORT = "PSNR"
TIME = "Time"
FILE = "Network"
BEST = "best"
WAITING = "Not yet"
CLOSEST = "**{}** comes closest to the clean reference: {}."
FASTEST = "**{}** is the fastest: {}."
LEGEND = (
    "★ best of all. PSNR and SSIM say how close a picture comes to the clean reference: higher is better. "
    "Time is for this part on this server, network is the size of its file."
)
LEGEND_NO_REFERENCE = (
    "★ best of all. Time is for this part on this server, network is the size of its file. PSNR and SSIM need a clean "
    "reference of the same view: samples bring one, and the page Denoise takes one for your own photo."
)
LEFT = "Left"
RIGHT = "Right"


def psnr_value(decibels: float) -> str:
    """Show a PSNR; equal photos have none."""
    return number(decibels, 2, " dB")


def milliseconds(seconds: float) -> str:
    """Show a time that is compared with others."""
    return f"{1000 * seconds:,.0f} ms".replace(",", "\u2009")

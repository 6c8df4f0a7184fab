"""The words of the page Noise lab."""

TITLE = "Noise lab"
SENTENCE = (
    "Take a clean photo, photograph it again with a simulated camera, and see how much of the damage a denoiser "
    "undoes. Here the truth is known, so PSNR and SSIM are exact."
)
PHOTO = "Clean photo"
UPLOAD = "Or a clean photo of your own"
ISO = "ISO speed"
ISO_HELP = "The noise of a phone's small sensor: four times the ISO is twice the grain."
QUALITY = "JPEG quality"
QUALITY_HELP = "How gently the simulated camera compresses the photo. 100 leaves JPEG out."
SEED = "Roll of the dice"
SEED_HELP = "Noise is chance. The same number gives the same grain again, another number other grain."
MODEL = "Cleaned by"
CURVE_HEADING = "How far does it carry?"
CURVE_SENTENCE = (
    "PSNR against ISO on the middle 256 × 256 pixels, with the JPEG quality and the roll of the dice set above. Where "
    "a curve runs above that of the noisy photo, the denoiser helps. The dotted line is the ISO set above."
)
CURVE_MODELS = "Denoisers"
CURVE_BUTTON = "Draw the curves"
CURVE_EMPTY = "The curves appear here. They take a few seconds for each denoiser."
CURVE_NOBODY = "Choose at least one denoiser to draw its curve."
CURVE_NUMBERS = "The same in numbers"
TOO_SMALL = "This photo is too small for the simulated camera: it needs at least 16 pixels in width and height."
CURVE_PROGRESS = "{} at ISO {}"


def photo(width: int, height: int, value: int) -> str:
    """Say what the noise lab shows; it takes the middle of large photos."""
    return f"The middle {width} × {height} pixels, photographed again at ISO {value}"


def curves(titles: list[str], quality: int) -> str:
    """Describe the plot of the noise lab to those who do not see it."""
    return f"PSNR in dB against ISO speed from 100 to 12800 at JPEG quality {quality}: {', '.join(titles)}"

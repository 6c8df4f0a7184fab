"""The words of the page Noise lab."""

SENTENCE = (
    "Take a clean photo, photograph it again with a simulated camera, and see how much of the damage a denoiser "
    "undoes. Here the truth is known, so PSNR and SSIM are exact."
)
ISO = "ISO speed"
ISO_HELP = "The noise of a phone's small sensor: four times the ISO is twice the grain."
QUALITY_HELP = "How gently the simulated camera compresses the photo. 100 leaves JPEG out."
SEED_HELP = "Noise is chance. The same number gives the same grain again, another number other grain."
MODEL = "Cleaned by"
PHOTOGRAPHED = "The middle {} × {} pixels, photographed again at ISO {}"  # of a large photo
CURVE_SENTENCE = (
    "PSNR against ISO on the middle 256 × 256 pixels, with the JPEG quality and the roll of the dice set above. Where "
    "a curve runs above that of the noisy photo, the denoiser helps. The dotted line is the ISO set above."
)
CURVE_BUTTON = "Draw the curves"
CURVE_EMPTY = "The curves appear here. They take a few seconds for each denoiser."
CURVE_NOBODY = "Choose at least one denoiser to draw its curve."
TOO_SMALL = "This photo is too small for the simulated camera: it needs at least 16 pixels in width and height."


def curves(titles: list[str], quality: int) -> str:
    """Describe the plot of the noise lab to those who do not see it."""
    return f"PSNR in dB against ISO speed from 100 to 12800 at JPEG quality {quality}: {', '.join(titles)}"

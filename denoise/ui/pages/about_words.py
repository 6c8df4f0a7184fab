"""The words of the page About."""

from denoise.notation import DECIBELS, EQUAL, number
from denoise.ui import texts

INTRO = (
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
NO_MODELS = "No network is installed on this server; only the classical filter is."
MODEL_MEASURED = "What it measured"
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
    "name. *Remove your photo from this server* removes the photo, its results and all of these files within "
    "ten seconds, in which you can undo it, or at once with what you choose next.",
    "**A reload keeps them.** As long as the tab is open, it remembers whose they are. A new tab, or another browser, "
    "does not know.",
    "**A batch waits on disk.** The photos of the page Batch and their results lie in a temporary folder on this "
    "server's disk, because they would not fit into memory. It is removed with your session, when you press *Remove "
    "all photos*, and when the server stops.",
)
LICENCES = "Licences"
LICENCES_INTRO = "The code and the networks' weights are free under the MIT licence. The sample photos are free too:"
SAMPLE_HEADER = ("Sample", "Licence")


def scores(psnr: float | None, ssim: float) -> str:
    """Write PSNR and SSIM; no PSNR means that the photos are equal."""
    return f"{number(psnr, 2, DECIBELS, none=EQUAL)} / {number(ssim, 3)}"


def limits(max_megapixels: float) -> list[str]:
    """Say what the page cannot do."""
    return [
        f"Open photos of more than {max_megapixels:g} megapixels: whoever runs this server has set that limit.",
        "Read animations, videos and sequences: a picture of them has to be exported first. RAW files are developed "
        "plainly, by one tone curve for all, and come back as TIFF.",
        "Bring back what the noise has drowned. A network can only guess at it, and a guess may look right and be "
        "wrong: do not use it as evidence.",
        "Sharpen, or remove blur and dust.",
        "Promise anything about film grain, scanner noise or salt-and-pepper noise: the networks learnt from the noise "
        "of digital cameras, and how they fare there has not been measured.",
        "Keep CMYK: such photos come back as RGB. JPEG has no transparency, so a transparent photo is laid on white "
        "there.",
    ]


def after_closing(seconds: float, without_word: float) -> str:
    """Say what becomes of the photos when the page is closed, and when the browser is no longer heard of."""
    return (
        "**They are gone when you are.** When you close the page, the server lets go of everything in your session "
        f"after {texts.duration(seconds)}. When only the connection breaks, because a computer sleeps or changes "
        f"networks, it waits {texts.duration(without_word)}: your batch goes on, and the page finds it again."
    )

"""The words of the case study's chapters on how it is done."""

from denoise.notation import DECIBELS, number
from denoise.ui import texts

PROBLEM = (
    "A sensor counts photons. In little light there are few, and chance decides how many fall on each pixel; the "
    "amplifier adds its own hum, and what the camera does afterwards, interpolating colours, smoothing, compressing, "
    "turns both into grain and coloured blotches. Filters of old assume noise that is the same everywhere and falls on "
    "each pixel by itself. Noise of real cameras is neither, which is why a network that has seen much of it does "
    "better: it learns what noise looks like, and what photos look like."
)
PAIRS = (
    "Below are pairs of another kind: clean photos that were *photographed again* by the simulated camera of the "
    "training. It undoes what a camera did to a photo, adds noise to the raw values as a sensor would, and develops it "
    "again. The page *Noise lab* does that at any ISO."
)
VALUES_SENTENCE = (
    "How often each value of green occurs in this photo. Noise smooths the peaks, and where it would go below black or "
    "above white it is cut off."
)
PATCHES = (
    "A network learns from small squares: many fit into memory, and each step sees pieces of many photos. What is cut "
    "out how decides what it can learn."
)
SHEETS = {
    "The case study's way": (
        "Every photo is squeezed to 1024×1024 pixels and cut into 16 patches of 256: 6,912 to learn from, 1,744 to "
        "test with. Squeezing averages the noise away that is to be learnt."
    ),
    "Our way": (
        "Random squares at the photo's own size, turned and mirrored, with new noise at every step: no patch is ever "
        "seen twice. Photos of one scene are all learnt from, or all tested with."
    ),
}
NETWORKS = (
    "The case study tried an autoencoder, CBDNet, PRIDNet and RIDNet. The U-Nets are ours, and FFDNet came in because "
    "it is good at weak noise. All but the autoencoder predict the noise rather than the photo."
)
DRAWINGS_NOTE = (
    "A bar is a stage of convolutions: the lower, the smaller the picture it works on; below it, how many maps it has "
    "and how many convolutions or blocks. Dashed: skips. Coloured: what sets the network apart."
)
DEPLOYMENT = (
    "The case study ended in a web page that takes a photo and gives it back denoised. So does this one: the quantised "
    "network is a file of a few megabytes, run by LiteRT on an ordinary processor, without TensorFlow. A photo is cut "
    "into tiles of 256×256 that overlap and are blended without seams, those in view first. The same pipeline answers "
    "on the command line, over HTTP for other programs, from GIMP, darktable and Lightroom, and on many machines at "
    "once. Quality is measured again after quantisation, on the very files that run here."
)
NEXT = (
    "- **Longer training.** The networks learnt for hours on two processor cores, and the case study's own for "
    "minutes; each run so far has gained when it went on.\n"
    "- **More kinds of noise.** Film grain and scans were not part of it.\n"
    "- **RAW.** Noise is simplest before the camera's processing. RAW files are developed first here, then denoised.\n"
    "- **Judging by eye.** PSNR prefers smooth pictures to sharp ones; people often do not."
)
CODE = (
    "Every chapter is a command of the programs that this page comes with, under the MIT licence. Their README says "
    "how to start, `docs/case-study.md` goes through the chapters one by one."
)
_TRAINING = "python -m denoise.training"
CODE_OF = {
    "Data": (f"{_TRAINING} data", "denoise/training/datasets.py"),
    "Noise of the simulated camera": (f"{_TRAINING} train", "denoise/camera.py"),
    "Analysis": (f"{_TRAINING} eda", "denoise/training/eda.py"),
    "Classical filter": (f"{_TRAINING} baseline", "denoise/baseline.py"),
    "Networks": (f"{_TRAINING} train", "denoise/training/architectures/"),
    "Results": (f"{_TRAINING} evaluate", "denoise/training/evaluate.py"),
    "Quantisation": (f"{_TRAINING} quantize", "denoise/training/quantize.py"),
    "Deployment": ("make app", "app.py"),
}
DRAWING_OF = "Drawing of {}: its stages from the noisy photo to the clean one"


def pair(title: str, iso: int, psnr: float, ssim: float | None) -> str:
    """Say what an example shows, and how far apart its two photos are."""
    of, similarity = number(psnr, 2, DECIBELS), "" if ssim is None else f", SSIM {number(ssim, 3)}"
    return f"{title}, at ISO\u00a0{iso} of the simulated camera, in true pixels. PSNR {of}{similarity}."


def network_facts(parameters: int | None, minutes: float | None, name: str) -> str:
    """Say how large a network is, how long it was trained, and where its code is."""
    length = "" if minutes is None else f"trained for {texts.training_time(minutes)}"
    facts = [f"{parameters:,} parameters" if parameters else "", length]
    file = name.partition("-")[0]
    return " · ".join([*filter(None, facts), f"denoise/training/architectures/{file}.py"])

"""The words of the page Results."""

from collections.abc import Mapping, Sequence
from typing import Any

from denoise.notation import DECIBELS, number
from denoise.ui import texts

CHAPTERS = {
    "problem": "The problem",
    "data": "The data: one view twice",
    "patches": "Patches",
    "noise": "What the noise is like",
    "classical": "The classical filter",
    "networks": "The networks",
    "training": "Training, and what it taught",
    "results": "Results",
    "quantisation": "Smaller and faster: quantisation",
    "deployment": "Deployment",
    "next": "What comes next",
}
INTRO = (
    "How noise gets into photos, how a network learns to take it out, and what that is worth: a published case study "
    "([S. Solomon, *Image Denoising using Deep Learning*, 2021]"
    "(https://medium.com/analytics-vidhya/image-denoising-using-deep-learning-dc2b19a3fd54)), made repeatable and "
    "taken further. Every number was measured by the programs that come with this page; those on the quality of the "
    "networks, on photos that none of them has learnt from."
)

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
NOISE_INTRO = (
    "Before anything is taught, one looks: how strong is the noise, where, and is it fine or coarse? The networks "
    "learn from simulated noise, so its numbers have to lie beside those of real cameras."
)
KINDS = ("clean", "noisy")
PHOTOS = "Photos"
PAIRS = "Pairs"
SIGMA_HELP = "Standard deviation of the noise, in levels of 0 to 255: the median over the pairs."
GRAIN_HELP = "How alike the noise of neighbouring pixels is: 0 is fine noise of single pixels, towards 1 it is coarse."
NOISE_TABLE = "The noise of each set of photos: how strong it is, and how coarse its grain is."
NOISE_TABLE_NOTE = "Noise: standard deviation in levels of 0 to 255. Grain: correlation between neighbouring pixels."
RANGES_NOTE = "PSNR of the noisy photos: median (mark), half of the pairs (thick) and 80 % of them (thin)."
LEVEL_NOTE = "Green. Lines: median over the pairs; the area holds 80 % of them. A click on a name brings it out."
GRAIN_NOTE = "Green, mean over the pairs; the area holds 80 % of them. White noise would be zero throughout."
BRIGHTNESS_AXIS = "brightness of the clean pixel, 0 to 255"
LEVEL_AXIS = "standard deviation of the noise, levels"
DISTANCE_AXIS = "distance, pixels"
CORRELATION_AXIS = "correlation of the noise"
SINGLE = "What doing nothing scores", "Every pair is a point: point at it and it says which."
LEVELS = "Noise and brightness", "How strong the noise is, in each colour, by the brightness of the clean pixel."
BIAS = (
    "Does noise brighten or darken?",
    "Above zero it makes pixels brighter. Clipping at black and white bends the ends.",
)
GRAINS = "Grain", "How much of its noise a pixel shares with its neighbours."
BRIGHTNESS = "Brightness", "How bright the photos are, clean and noisy."
CAMERAS = "Each camera", "Noise by brightness, mean over the colours."
GROUPS = "Cameras and ISO speeds", "Noise level in green, median over the pairs."
GAINS = (
    "Where a filter helps, and where it harms",
    "What is gained over doing nothing, by how much happens around a pixel: flat on the left, edges on the right.",
)
KEPT = (
    "What is left of noise and of detail",
    "Of structures of each size: how much of the noise stays, and how much of the detail.",
)
NOISE_KEPT = "{title}: noise"
DETAIL_KEPT = "{title}: detail"
LOOK = "A closer look"
LOOK_SENTENCE = (
    "What comes in, the clean photo, what each makes of it, and what it took away, as many times as strong as is said: "
    "where that is plain grey, nothing; where it shows outlines, detail was taken for noise."
)

CLASSICAL_INTRO = (
    "Before networks, the best filters averaged parts of a photo that look alike: *non-local means*. No training, no "
    "weights; its strength follows the noise that is found in the photo. The rule for that strength was chosen on "
    "photos that are measured below, which flatters it a little."
)

RESULTS_INTRO = (
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
PSNR_COLUMN_HELP = "Peak signal-to-noise ratio in dB: higher is better. Equal photos have none."
SSIM_COLUMN_HELP = "Structural similarity with the clean photos: higher is better, 1 means equal."
SHIFT_HELP = "By how many of 256 levels the mean of a colour moved, in the worst photo: lower is better."
PARAMETERS = "Parameters"
FILE_MB = "File, MB"
TILE_MS = "One tile, ms"
TILE_HELP = "Milliseconds for one tile of 256×256 pixels; a photo of 12 megapixels has more than 300 of them."
CHART_HEADING = "Quality against time"
NETWORK = "network"
FILTER = "classical filter"
TILE_AXIS = "milliseconds for one 256×256 tile"
PSNR_AXIS = "PSNR, dB"
CROPS = "The same square by every denoiser"
CROPS_SENTENCE = (
    "Numbers are means; eyes see single photos. These are the most detailed squares of the sample photos, enlarged; "
    "the PSNR is that of the whole photo."
)

QUANTISATION_INTRO = (
    "A network is trained in numbers of 32 bits. For an ordinary processor it is stored in fewer: *float16* halves "
    "the file, *dynamic-range int8* keeps the weights in 8 bits, *full int8* computes in 8 bits throughout. The "
    "question is what that costs in quality."
)
PATCHES_HELP = "Seconds for a photo of 1024×1024 pixels, cut into 16 patches that do not overlap."
PHOTO_HELP = "Seconds for the same photo as this page does it, in overlapping tiles that are blended."
LOSS_HELP = "PSNR below that of the network as it was trained: lower is better, below zero is a gain by chance."

TRAINING_INTRO = (
    "Networks are not designed, they are raised: most of what they can do was decided while they learnt. The log "
    "tells every run that taught us something, failures included."
)
CURVES = {"psnr": "photos it learns from", "val_psnr": "photos held out"}
FIGURES = {"psnr": "PSNR", "loss": "Loss"}
CURVE_AXES = {"psnr": PSNR_AXIS, "loss": "loss", "gain": "gain, dB"}
NO_LOG = (
    "Of RIDNet, the autoencoder, CBDNet and PRIDNet these are the runs with which they went on from earlier weights; "
    "RIDNet's learning rate began to fall at step 9,250. FFDNet's tells what it gains over the noise of the photos it "
    "learns from, in four parts: from step 5,622 on it saw more weak noise, in the last far larger patches. Of the "
    "network for strong noise no log was kept."
)
SHIFT_COLUMN = "{} colour shift"


def pair(name: str, camera: str, iso: int | None) -> str:
    """Name a pair of photos."""
    return f"{name} ({about})" if (about := camera_and_iso(camera, iso)) else name


def camera_and_iso(name: str, iso: int | None) -> str:
    """Name a camera and its sensitivity, as far as they are known."""
    return ", ".join(filter(None, [name, f"ISO {iso}" if iso else ""]))


def unreadable(file_name: str) -> str:
    """Say that a file of results cannot be shown."""
    return (
        f"The results in {texts.literal(file_name)} are missing or cannot be read at the moment, "
        "so this part is left out."
    )


def measured_on(photos: int) -> str:
    """Say over how many photos a mean was taken."""
    return f" Mean over {texts.photos(photos)}."


def how_noisy(psnr: Sequence[tuple[str, float]]) -> str:
    """Say how noisy the sets are; each comes as title and mean PSNR."""
    scores = "; ".join(f"{title}: {number(value, 1, DECIBELS)}" for title, value in psnr)
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


def machine(about: Mapping[str, Any]) -> str:
    """Name the machine on which times were measured, and when."""
    return f"{about['processor']}, {about['cores']} cores, {about['threads']} threads, {about['date']}"


def chart(title: str, photos: int, noisy: float | None, points: Sequence[tuple[str, float, float]]) -> str:
    """Describe the chart to those who do not see it; each point comes as title, milliseconds and PSNR."""
    places = "; ".join(f"{name}: {number(psnr, 2, DECIBELS)} in {ms:.0f}\u00a0ms" for name, ms, psnr in points)
    nothing = "" if noisy is None else f" Doing nothing: {number(noisy, 2, DECIBELS)}."
    return f"Mean PSNR over {photos} photos of {title} against the time for one tile. {places}.{nothing}"


def curve(axis: str, title: str) -> str:
    """Describe the curve of a training run."""
    return f"{title}: {axis}, over the steps of its training."


def format_of(key: str) -> str:
    """Name a format in which a network is stored."""
    return "Keras float32, as trained" if key == "Keras float32" else f"TFLite {key}"


def quantised(title: str, parameters: int, photos: str, about: Mapping[str, Any]) -> str:
    """Say which network was quantised, on which photos, see `notation.few_photos`, and where it was measured."""
    return f"{title}, {parameters:,} parameters. {photos} Times: median of fresh processes on {machine(about)}."


def quantisation_gain(title: str, smaller: float, faster: float, loss: float, photos: int, set_title: str) -> str:
    """Say what the bundled format gains, as factors, and costs, in dB on so many photos of a set."""
    return (
        f"**{title}** is what comes with this page: {smaller:.1f} times smaller and {faster:.1f} times faster than as "
        f"trained, for {number(max(loss, 0), 2)} dB less on {texts.photos(photos)} of {set_title}."
    )

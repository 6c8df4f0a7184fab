"""What was measured of denoisers and of quantised networks, as its files hold it.

`denoise.training` writes these files: `evaluate` and `quantize` one each, of which `report` makes the tables, and
`models/results/results.json` for the page. PSNR is in dB, and null where pictures are equal; SSIM is at most 1.
"""

from typing import Any, Literal, NotRequired, TypedDict

KERAS = "Keras float32"
"""Of the formats of a network, the one that is no file: the reference."""

Machine = dict[str, Any]
"""`processor`, `cores`, `threads`, `date`, and what else a measurement of time depends on."""


class Mean(TypedDict):
    """Over the photos of a set: of `psnr` those that are not `equal` to their reference.

    `colour_shift` is by how many 8-bit levels the mean of a channel moves away from the noisy photo's, at most.
    """

    psnr: float | None
    ssim: float
    equal: NotRequired[int]
    colour_shift: NotRequired[float]


class FormatMean(Mean):
    """The same of a format: `loss` is by how much PSNR fell, `difference` the PSNR between its output and Keras'."""

    loss: float | None
    difference: float | None


class Photos(TypedDict):
    """How many photos of a set were measured."""

    photos: int


class Format(TypedDict, total=False):
    """What one format of a network is worth and takes; one that cannot be made or run has an `error` instead.

    Of a file, its name, `file`, and `sha256`. `seconds_16_patches` are those of a 1024×1024 photo in bare patches,
    `seconds_photo` those of the same in tiles that are blended, of files only.
    """

    file: str
    bytes: int
    sha256: str
    sets: dict[str, FormatMean]
    seconds_per_tile: float
    seconds_16_patches: float
    seconds_photo: float
    peak_memory_mb: float
    error: str


class QuantisedNetwork(TypedDict):
    """The formats of one network, `KERAS` first."""

    machine: Machine
    parameters: int
    sets: dict[str, Photos]
    formats: dict[str, Format]


class Quantised(QuantisedNetwork):
    """What `quantize` found."""

    kind: Literal["quantize"]
    protocol: str
    name: str
    title: str
    architecture: dict[str, Any]
    calibration: dict[str, int]


class Denoiser(TypedDict):
    """What the page shows of a denoiser; "noisy" is one that does nothing. `sets` are those that are all measured."""

    title: str
    parameters: int | None
    bytes: int | None
    seconds_per_tile: float | None
    sets: dict[str, Mean]


class MeasuredSet(Photos):
    """A set of photos, as it is called."""

    title: str


class Example(TypedDict):
    """The same square of a photo in several versions, all as wide, beside each other in one picture file.

    `squares`: what each version is called, and what is to be said of it.
    """

    name: str
    file: str
    squares: list[list[str]]


class Results(TypedDict):
    """What the page shows: `results.json`, its denoisers in the order of the page."""

    kind: Literal["report"]
    protocol: str
    machine: Machine
    sets: dict[str, MeasuredSet]
    denoisers: dict[str, Denoiser]
    quantisation: dict[str, QuantisedNetwork]
    examples: list[Example]


class Scored(TypedDict):
    """What `evaluate` found of a denoiser of one `version`.

    `scores`: set -> photo -> PSNR, SSIM, colour shift. `means`: only of sets whose photos have all been scored.
    """

    version: str
    title: NotRequired[str]
    parameters: NotRequired[int]
    bytes: NotRequired[int]
    scores: dict[str, dict[str, list[float | None]]]
    means: dict[str, Mean]


class Speed(TypedDict):
    """How long one tile takes, by denoiser, on a machine."""

    machine: Machine
    seconds_per_tile: dict[str, float]


class Evaluated(TypedDict):
    """What `evaluate` found; of each set the `photos` with a digest of what they were."""

    kind: Literal["evaluate"]
    protocol: str
    speed: Speed
    sets: dict[str, dict[Literal["photos"], dict[str, str]]]
    denoisers: dict[str, Scored]

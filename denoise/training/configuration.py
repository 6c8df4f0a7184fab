"""What a training run is told; imported without Keras, so that the command line can say what there is to tell."""

import math
from dataclasses import dataclass, field
from typing import Any


def _option(group: str, default: Any, about: str, **more: Any) -> Any:
    """Return a field that is an option of the command line, in a group of its help: see `argparse`."""
    kind = {} if default is None or "choices" in more else {"type": type(default)}
    return field(default=default, metadata={"group": group, "help": about, **kind, **more})


@dataclass(frozen=True)
class Configuration:
    """Everything that decides what a run learns.

    The learning rate rises linearly over the first 2 % of the run and then stays ("constant") or falls to zero along a
    cosine. A run's length is given in `minutes` of training time (all its resumed parts together), in `epochs`, or in
    `steps`, of which the last epoch may have too many. `arguments` go to the architecture's builder. `patches`
    "case-study" are those of `CaseStudyPatches`: 256×256, `steps_per_epoch` is then what the data set gives.
    `adversarial` is the weight of what a discriminator thinks of the pictures, added to the loss; 0 for none.
    """

    architecture: str
    arguments: dict[str, int] = field(default_factory=dict)
    layout: str | None = None
    minutes: float | None = _option("length", None, "of training, all resumed parts together", type=float)
    epochs: int | None = _option("length", None, "of --steps-per-epoch, or of the case study's patches", type=int)
    steps: int | None = _option("length", None, "rounded up to whole epochs", type=int)
    patches: str = _option(
        "patches",
        "random",
        "random crops, or the case study's 16 of a photo resized to 1024x1024 (%(default)s)",
        choices=("random", "case-study"),
    )
    batch_size: int = _option("patches", 8, "patches a step (%(default)s)")
    patch_size: int = _option("patches", 64, "pixels a side (%(default)s); the case study's have 256")
    photos_in_memory: int = _option("patches", 64, "decoded photos held at once (%(default)s)")
    noiseless: float = _option("patches", 0.0, "share of patches of clean photos without noise (%(default)s)")
    white: float = _option("patches", 0.0, "share of the others with white noise alone (%(default)s)")
    loss: str = _option(
        "learning", "l1", "the case study: mse (%(default)s)", choices=("l1", "mse", "charbonnier", "psnr", "cbdnet")
    )
    adversarial: float = _option(
        "learning", 0.0, "of a discriminator's judgement beside the loss, such as 0.01 (%(default)s)", metavar="WEIGHT"
    )
    optimizer: str = _option(
        "learning",
        "adam",
        "lion at a fifth of the learning rate (%(default)s)",
        choices=("adam", "adamw", "lion", "muon", "sgd"),
    )
    schedule: str = _option("learning", "cosine", "(%(default)s)", choices=("cosine", "constant"))
    learning_rate: float = _option("learning", 5e-4, "at the peak (%(default)s)")
    ema: float = _option("learning", 0.999, "momentum of the weights' average (%(default)s)")
    precision: str = _option("learning", "mixed_bfloat16", "Keras dtype policy (%(default)s)")
    seed: int = _option("learning", 0, "of everything random (%(default)s)")
    initial_weights: str | None = _option("learning", None, ".weights.h5 file to begin with", metavar="FILE")
    steps_per_epoch: int = _option("watching", 100, "steps between checkpoints (%(default)s)")
    validation_epochs: int = _option("watching", 10, "epochs between validations (%(default)s)")

    def __post_init__(self) -> None:
        """Check what can be checked without the data.

        Raises:
            ValueError: If the length is not given in exactly one way, a name is unknown, or the patches do not fit the
                network.
        """
        if sum(length is not None for length in (self.minutes, self.epochs, self.steps)) != 1:
            raise ValueError(f"Exactly one of `minutes`, `epochs` and `steps` must be given. Received: {self}")
        for name in ("minutes", "epochs", "steps", "steps_per_epoch", "batch_size", "validation_epochs"):
            if (number := getattr(self, name)) is not None and not number > 0:
                raise ValueError(f"`{name}` must be more than 0. Received: {number}")
        if not 0 <= self.adversarial < math.inf:
            raise ValueError(f"`adversarial` must be 0 or more. Received: {self.adversarial}")
        for name, option in self.__dataclass_fields__.items():
            known = option.metadata.get("choices")
            if known and getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {getattr(self, name)!r}")
        if self.loss == "cbdnet" and self.architecture != "cbdnet":
            raise ValueError(f"The loss cbdnet needs the network cbdnet. Received: {self.architecture!r}")
        from denoise.training.architectures import multiple_of

        multiple = multiple_of(self.architecture, **self.arguments)
        if self.patches == "random" and self.patch_size % multiple:
            raise ValueError(
                f"`patch_size` must be a multiple of {multiple} for {self.architecture}. Received: {self.patch_size}"
            )

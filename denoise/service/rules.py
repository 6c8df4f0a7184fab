"""What who runs the server decides of the service."""

import os
from dataclasses import dataclass

from limits import parse


@dataclass(frozen=True)
class Rules:
    """Limits, and who may come.

    Attributes:
        keys: Of whom a request must have one; of nobody if there are none.
        rate: How many photos one client may send, such as "60/minute".
        seconds: For how long a client is let wait for a photo with its connection open.
        shows_metrics: Whether everybody who reaches the server may read what it is busy with.
        max_megapixels: Larger photos are refused.
        max_bytes: Larger files are.
        jobs: Photos that are here at once, on their way, waiting, at work or done.
        own_jobs: How many of them may be one client's.
        kept: Seconds after which a photo that nobody asks about is gone.
    """

    keys: frozenset[str] = frozenset()
    rate: str = "60/minute"
    seconds: float = 120.0
    shows_metrics: bool = False
    max_megapixels: float = 50.0
    max_bytes: int = 320 << 20
    jobs: int = 64
    own_jobs: int = 16
    kept: float = 3600.0

    def __post_init__(self) -> None:
        parse(self.rate)  # at the start rather than at the first photo


def from_environment(*, max_megapixels: float, max_bytes: int) -> Rules:
    """Return the rules that the environment sets, see `docs/service.md`.

    Raises:
        ValueError: It sets one wrongly.
    """
    found = os.environ.get
    return Rules(
        keys=frozenset(found("DENOISE_API_KEYS", "").replace(",", " ").split()),
        rate=found("DENOISE_API_RATE", Rules.rate),
        seconds=float(found("DENOISE_API_SECONDS", Rules.seconds)),
        shows_metrics=found("DENOISE_METRICS", "") == "1",
        max_megapixels=max_megapixels,
        max_bytes=max_bytes,
    )

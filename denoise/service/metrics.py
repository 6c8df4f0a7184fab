"""What the server is busy with, as Prometheus reads it."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from denoise import turns
from denoise.engine import Engine
from denoise.service.models import State

_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class Metrics(Collector):
    """Counts what the service does, and looks at the engine whenever it is asked.

    Args:
        engine: Whose tiles are counted: those of the page, too.
        photos: Counts the service's photos by what has become of them.

    Attributes:
        refusals: Answers of the service that told of a problem, by their status.
        seconds: What the service's photos took, by denoiser.
    """

    def __init__(self, engine: Engine, photos: Callable[[], Mapping[State, int]]) -> None:
        self._engine, self._photos = engine, photos
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # memory, processor time
        self.refusals = Counter("denoise_refusals", "Requests refused.", ["status"], registry=self._registry)
        self.seconds = Histogram(
            "denoise_photo_seconds", "Work on a photo.", ["model"], registry=self._registry, buckets=_SECONDS
        )

    def collect(self) -> Iterable[Metric]:
        """Look at what changes by itself."""
        yield CounterMetricFamily("denoise_tiles", "Tiles denoised, of page and service.", self._engine.tiles)
        yield GaugeMetricFamily("denoise_tiles_waiting", "Jobs that wait to denoise a tile.", self._engine.waiting)
        yield GaugeMetricFamily("denoise_photos_waiting", "Photos that wait for room.", turns.networks.waiting)
        photos = GaugeMetricFamily("denoise_service_photos", "Photos of the service.", labels=["state"])
        for state, count in self._photos().items():
            photos.add_metric([state], count)
        yield photos

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

"""A server with the service alone, whose networks a test holds at a tile or lets fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from denoise import service
from denoise.engine import Engine
from denoise.image import Photo, encode
from denoise.ui import guard

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 30  # seconds; generous, for a busy machine


class Network:
    """Stands for every network: darkens. A test can hold it at a tile, until `free` is set, or let it fail."""

    def __init__(self):
        self.tiles, self.failure = 0, None
        self.called, self.free = threading.Event(), threading.Event()
        self.free.set()

    def load(self, name):
        if self.failure:
            raise self.failure
        return self

    def __call__(self, tile, level):
        self.tiles += 1
        self.called.set()
        assert self.free.wait(PATIENCE)
        return tile * np.float32(0.5)

    def hold(self):
        self.free.clear()
        self.called.clear()


@contextmanager
def listening(app) -> Iterator[str]:
    """Let an application answer on a free port, in a thread; give its URL."""
    options = {"log_config": None, "access_log": False, "lifespan": "off", "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def network():
    made = Network()
    yield made
    made.free.set()


def application(network, **rules):
    routes = service.routes(Engine(network.load), service.Rules(**rules))
    return Starlette(routes=routes, middleware=[Middleware(guard.guarded)])


@pytest.fixture
def serve(network):
    """Start the service by rules of one's own; it gives a client."""

    @contextmanager
    def start(**rules):
        with listening(application(network, **rules)) as url, httpx2.Client(base_url=url, timeout=PATIENCE) as client:
            yield client

    return start


@pytest.fixture
def client(serve):
    with serve() as made:
        yield made


def picture(width=300, height=200, kind="PNG"):
    """Make a photo of noise, coarse as cameras leave it: white noise is another network's than the one asked for."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encode(Photo(cv2.blur(pixels, (2, 2)), format=kind))

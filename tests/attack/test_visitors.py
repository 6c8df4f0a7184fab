import asyncio

import pytest

from tests.asynchronous import run
from tests.attack.visitors import play
from tests.e2e.conftest import serve


@pytest.fixture
def small_server(fast_models, monkeypatch):
    """A server whose visitors may hold 20 MB of memory together, and none a second after they left."""
    monkeypatch.setenv("DENOISE_MEMORY_MB", "20")
    monkeypatch.setenv("DENOISE_ABSENCE", "1")
    with serve(models=fast_models) as url:
        yield url


def test_visitors_who_left_hold_no_memory_and_find_their_photo_again(small_server):
    # Each would hold 12 MB of pixels and as much of a picture for an hour; a network would be 100 more. A tile that is
    # at work is finished first, which on a busy machine takes a while.
    enough = 60
    crowd = play(small_server, 3, 4, range(2, 21, 2), results=False, query="model=unet", enough=enough)
    found = run(asyncio.wait_for(crowd, 180))
    assert found["left"] < enough
    assert found["most"] < 600

import asyncio

import pytest

from tests.asynchronous import run
from tests.attack.load import Load, Trouble, WrongPixelsError, check, photo

VISITORS, CLIENTS = 4, 2


@pytest.mark.long
def test_everybody_is_served_fairly_and_again_after_the_server_was_killed(tmp_path, tiny_models, monkeypatch):
    """At length: `python -m tests.attack.load`, see `docs/reliability.md`."""
    monkeypatch.setenv("DENOISE_API_KEYS", " ".join(["slow", *(f"client-{each}" for each in range(CLIENTS))]))
    monkeypatch.setenv("DENOISE_API_RATE", "1000/minute")
    load = Load(tmp_path, tiny_models, Trouble(kill=True, slow=True))
    seen = run(asyncio.wait_for(load.play(VISITORS, CLIENTS, 0.05, seconds=0, least=2), 300))
    assert len(seen.waits) == VISITORS + CLIENTS
    assert not seen.refusals
    assert seen.torn >= VISITORS  # by the kill
    assert max(seen.unfairness("visitor"), seen.unfairness("client")) < 2  # at length: 1.5
    assert load.most < 600  # megabytes


def test_pixels_of_others_or_with_their_noise_are_told():
    data, colours = photo(0, 0.05)
    for file, own in ((data, colours), (photo(1, 0.05)[0], colours)):
        with pytest.raises(WrongPixelsError):
            check(file, own)

import asyncio

import pytest

from tests.asynchronous import run
from tests.attack.load import Load, Trouble, WrongPixelsError, check, photo, report


@pytest.fixture(autouse=True)
def _rules(monkeypatch):
    """No program is refused for being quick, nor for waiting where the machine is busy."""
    monkeypatch.setenv("DENOISE_API_KEYS", " ".join(["slow", *(f"client-{each}" for each in range(4))]))
    monkeypatch.setenv("DENOISE_API_RATE", "1000/minute")
    monkeypatch.setenv("DENOISE_API_SECONDS", "900")


@pytest.mark.load
def test_everybody_is_served_fairly_for_two_minutes(tmp_path, tiny_models, capsys):
    """By tiny networks; with real ones and at length: `python -m tests.attack.load`, see `docs/reliability.md`."""
    load = Load(tmp_path, tiny_models, Trouble())
    seen = run(asyncio.wait_for(load.play(20, 4, 0.05, seconds=120, least=2), 900))
    with capsys.disabled():
        print("", *report(load, 20, 4), sep="\n")
    assert len(seen.waits) == 20 + 4
    assert (seen.refusals, seen.torn) == ({}, 0)
    assert seen.unfairness("") <= 1.5
    assert load.most < 400  # megabytes


@pytest.mark.long
def test_everybody_is_served_again_after_the_server_was_killed(tmp_path, tiny_models):
    load = Load(tmp_path, tiny_models, Trouble(kill=True, slow=True))
    seen = run(asyncio.wait_for(load.play(4, 2, 0.05, seconds=0, least=2), 300))
    assert len(seen.waits) == 4 + 2
    assert not seen.refusals
    assert seen.torn >= 4  # by the kill
    assert max(seen.unfairness("visitor"), seen.unfairness("client")) < 2  # of two photos each
    assert load.most < 600  # megabytes


def test_pixels_of_others_or_with_their_noise_are_told():
    data, colours = photo(0, 0.05)
    for file, own in ((data, colours), (photo(1, 0.05)[0], colours)):
        with pytest.raises(WrongPixelsError):
            check(file, own)

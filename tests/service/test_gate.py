import pytest

from denoise.service.gate import client_of
from denoise.service.rules import Rules, from_environment


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_client_is_an_address_or_the_network_of_a_household(address, client):
    assert client_of(address) == client


def test_rules_are_those_of_the_environment(monkeypatch):
    sizes = {"max_megapixels": 1.0, "max_bytes": 2}
    for name in ("API_KEYS", "API_RATE", "API_SECONDS"):
        monkeypatch.delenv(f"DENOISE_{name}", raising=False)
    monkeypatch.delenv("DENOISE_METRICS", raising=False)
    assert from_environment(**sizes) == Rules(**sizes)
    monkeypatch.setenv("DENOISE_API_KEYS", "a, b\nc")
    monkeypatch.setenv("DENOISE_API_RATE", "5/second")
    monkeypatch.setenv("DENOISE_API_SECONDS", "7.5")
    monkeypatch.setenv("DENOISE_METRICS", "1")
    found = from_environment(**sizes)
    assert (found.keys, found.rate, found.seconds) == ({"a", "b", "c"}, "5/second", 7.5)
    assert found.shows_metrics
    monkeypatch.setenv("DENOISE_API_RATE", "often")
    with pytest.raises(ValueError, match="often"):
        from_environment(**sizes)

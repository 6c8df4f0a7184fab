"""What `docs/service.md` shows works as it stands there."""

import re

import pytest

from denoise.image import decode
from tests.service.conftest import REPOSITORY, picture

EXAMPLES = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "service.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES[:2], ids=["at once", "job"])
def test_example_denoises_a_photo(example, client, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(picture(kind="JPEG"))
    assert "http://localhost:8501" in example
    exec(example.replace("http://localhost:8501", str(client.base_url)), {})
    result = decode((tmp_path / "clean.jpg").read_bytes())
    assert (result.format, result.width) == ("JPEG", 300)


def test_service_alone_is_an_application():
    found = {}
    exec(EXAMPLES[2], found)
    assert [route.path for route in found["app"].routes] == ["/api/v1", "/healthz", "/readyz", "/metrics"]

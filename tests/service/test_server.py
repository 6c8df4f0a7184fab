"""The page's own server, with the page and the service in it."""

import httpx2
import pytest

from denoise.image import decode
from tests.e2e.conftest import serve
from tests.service.conftest import PATIENCE, picture


@pytest.fixture(scope="module")
def client(tiny_models):
    with serve(models=tiny_models) as url, httpx2.Client(base_url=url, timeout=PATIENCE) as made:
        yield made


def test_page_and_service_answer_side_by_side(client):
    assert "streamlit" in client.get("/").text.lower()
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    answer = client.post("/api/v1/denoise?model=unet", files={"photo": picture()})
    assert (answer.status_code, decode(answer.content).width) == (200, 300)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert client.get("/metrics").status_code == client.get("/_stcore/metrics").status_code == 404
    assert client.get("/api/v1/models", headers={"Host": "rebound.example"}).status_code == 400

"""The page's own server, with the page and the service in it."""

import subprocess
import sys

import httpx2

from denoise.image import decode
from tests.attack.test_server import REPOSITORY, is_served, running
from tests.service.conftest import PATIENCE, picture


def test_page_and_service_answer_side_by_side_and_end_together(tmp_path, tiny_models):
    with (
        running(tmp_path, tiny_models) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE) as client,
    ):
        assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
        answer = client.post("/api/v1/denoise?model=unet", files={"photo": picture()})
        assert (answer.status_code, decode(answer.content).width) == (200, 300)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert client.get("/metrics").status_code == client.get("/_stcore/metrics").status_code == 404
        assert client.get("/api/v1/models", headers={"Host": "rebound.example"}).status_code == 400
        job = client.post("/api/v1/jobs?model=ridnet&best=1", content=picture(2000, 2000)).headers["location"]
        assert is_served(server)
        token = job.rpartition("/")[2]
        with (
            client.stream("GET", f"{job}/events"),
            server.send("POST", "/api/v1/denoise", length=1 << 20, body=b"x"),
            server.send("POST", "/api/v1/denoise?best=1", length=len(picture()), body=picture()),
        ):
            assert server.end(), server.log.read_text()
        assert token not in server.log.read_text()


def test_page_does_without_the_service_and_the_service_without_the_page():
    def printed(missing, code):
        command = [sys.executable, "-c", f"import sys; sys.modules[{missing!r}] = None; {code}"]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    assert printed("fastapi", "import app; print(app.service_routes())") == "[]\n"
    alone = "from denoise import engine, service; print(service.routes(engine.shared(), service.Rules()))"
    alone += "; from denoise.service import api"  # of which nothing is imported before a program asks
    assert "Mount" in printed("streamlit", alone)

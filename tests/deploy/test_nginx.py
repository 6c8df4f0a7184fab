"""`deploy/nginx.conf` in front of a real server: where there is an nginx, such as Debian's package nginx-light."""

import re
import shutil
import socket
import subprocess
import urllib.request
from contextlib import contextmanager

import httpx2
import pytest
from websockets.sync.client import connect

from denoise.image import decode
from denoise.ui import introduction, texts
from tests.attack.test_server import REPOSITORY, TOKEN, Server, Visitor, wish
from tests.service.conftest import PATIENCE, picture

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")


class Below(Server):
    """A server that answers below /denoise."""

    def is_well(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/denoise/healthz", timeout=PATIENCE) as answer:
            return answer.status == 200


@contextmanager
def proxied(folder, port):
    """Run nginx as it is configured, in front of this port and on one of its own; give that, and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text("utf-8")
    changes = {"server app:8501": f"server 127.0.0.1:{port}", "listen 80": f"listen 127.0.0.1:{own}"}
    changes |= {"/dev/stdout": str(folder / "access"), "/dev/stderr": str(folder / "error")}
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    whole = f"pid {folder}/pid; error_log {folder}/error; events {{}} http {{ {paths}\n{text}\n}}"
    (folder / "nginx.conf").write_text(whole, "utf-8")
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        while True:
            assert process.poll() is None
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", own)) == 0:
                    break
        yield own, folder / "access"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def front(tmp_path_factory, tiny_models):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "denoise")
        patch.setenv("DENOISE_METRICS", "1")
        patch.setenv("DENOISE_API_RATE", "3/hour")
        server = Below(tmp_path_factory.mktemp("server"), tiny_models)
    try:
        server.wait()
        with proxied(tmp_path_factory.mktemp("nginx"), server.port) as (port, log):
            yield server, port, log
    finally:
        server.close()


@pytest.fixture
def client(front):
    with httpx2.Client(base_url=f"http://127.0.0.1:{front[1]}", timeout=PATIENCE) as made:
        yield made


def test_page_is_served_below_its_path(client, front):
    assert client.get("/denoise").headers["location"].endswith("/denoise/")
    assert f"<title>{introduction.title_of(texts.PAGES['denoise'])}</title>" in client.get("/denoise/").text
    assert client.get("/").status_code == 404
    with connect(
        f"ws://127.0.0.1:{front[1]}/denoise/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as connection:
        visitor = Visitor(connection)
        connection.send(wish(query="model=unet"))
        address = visitor.find(rf"/pictures/{TOKEN}/\w+\.png")
        assert client.get(f"/denoise{address}").headers["content-type"] == "image/png"
    token = re.search(TOKEN, address)[0]
    assert token not in front[2].read_text()


def test_service_is_served_with_its_progress_as_it_goes(client, front):
    job = client.post("/denoise/api/v1/jobs?model=ridnet&best=1", content=picture(1500, 1500)).headers["location"]
    assert job.startswith("/denoise/api/v1/jobs/")
    with client.stream("GET", f"{job}/events") as stream:
        assert next(stream.iter_lines()) == "event: progress"
        assert client.get(job).json()["state"] in ("waiting", "working")  # so that it came before the end
    assert client.delete(job).status_code == 204
    answer = client.post("/denoise/api/v1/denoise?model=unet", content=picture())
    assert decode(answer.content).width == 300
    assert job.rpartition("/")[2] not in front[2].read_text()


def test_numbers_are_for_those_behind_the_proxy(client, front):
    assert client.get("/denoise/metrics").status_code == 404
    assert "denoise_tiles_total" in httpx2.get(f"http://127.0.0.1:{front[0].port}/denoise/metrics").text


def test_too_large_a_file_is_refused(client):
    with socket.create_connection((client.base_url.host, client.base_url.port), PATIENCE) as connection:
        head = f"POST /denoise/api/v1/denoise HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {400 << 20}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(99).startswith(b"HTTP/1.1 413")


def test_client_is_counted_by_its_own_address_whatever_it_says(client):
    statuses = [
        client.post("/denoise/api/v1/denoise", content=b"x", headers={"X-Forwarded-For": f"192.0.2.{each}"}).status_code
        for each in range(4)
    ]
    assert statuses[-1] == 429

"""The steps of `deploy/Dockerfile`, in a Debian tree that mmdebstrap makes: no image can be fetched where this runs.

`DEPLOY_TREE=/dev/shm pytest tests/deploy/test_image.py`, as root, takes some minutes and 0.8 GB of that folder: in
memory, because Debian's installer waits for the disk after each file.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from denoise.image import decode
from tests.attack.test_server import REPOSITORY, Visitor, wish
from tests.service.conftest import PATIENCE, picture

PLACE = os.environ.get("DEPLOY_TREE")
pytestmark = pytest.mark.skipif(not PLACE, reason="takes minutes: DEPLOY_TREE=/dev/shm")

DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text("utf-8")
USER = int(re.search(r"--uid (\d+)", DOCKERFILE)[1])
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
RUN = f"""
mount --bind $1 $1 && mount -o remount,ro,bind $1
mount -t tmpfs spool $1/spool -o uid={USER},mode=700 && mount -t proc proc $1/proc
exec chroot --userspec={USER}:{USER} $1 /usr/bin/env -i PATH=/usr/bin:/bin HOME=/spool TMPDIR=/spool \
  STREAMLIT_SERVER_ALLOWED_HOSTS="localhost photos.example.org" sh -c \
  'cd /srv/denoise && exec /opt/denoise/bin/streamlit run app.py --server.headless=true --server.port=$0' $2
"""


@pytest.fixture(scope="module")
def tree():
    with tempfile.TemporaryDirectory(prefix="tree-", dir=PLACE) as folder:
        Path(folder).chmod(0o755)
        yield built(Path(folder))


def built(folder: Path) -> Path:
    """Do there what the Dockerfile does, on a system without what Debian's slim images are without."""
    packages = "--include=python3,python3-venv,ca-certificates,usr-is-merged"  # else Perl comes to merge it
    options = ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")]
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, *options, "bookworm", folder], check=True)
    wanted = re.findall(r"^!(.+)$", (REPOSITORY / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    names = subprocess.run(["git", "ls-files", *wanted], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in names.stdout.splitlines():
        if not name.endswith(".h5"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / "source" / name)
    for path in (CERTIFICATES, Path("/etc/resolv.conf"), Path("/etc/hosts")):
        shutil.copy(path, folder / str(path)[1:])
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "PIP_CERT": str(CERTIFICATES)}
    subprocess.run(["/usr/sbin/chroot", folder, "/source/deploy/install.sh", "/source"], env=environment, check=True)
    shutil.rmtree(folder / "source")
    (folder / "spool").mkdir()
    return folder


@pytest.fixture
def port(tree):
    """A server in the tree, whose user may write nothing but its spool."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = probe.getsockname()[1]
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", RUN, "sh", tree, str(found)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        deadline = time.monotonic() + 4 * PATIENCE
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            with suppress(httpx2.TransportError):
                httpx2.get(f"http://127.0.0.1:{found}/readyz", headers={"Host": "localhost"}).raise_for_status()
                break
        yield found
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # what has become of another user does not end with its parent
        process.wait()


def test_tree_is_small(tree):
    """What takes how much, `docs/deployment.md` says."""
    told = subprocess.run(["du", "-sx", "--block-size=1000000", tree], check=True, capture_output=True, text=True)
    size = int(told.stdout.split()[0])
    print(f"{size} MB")  # for the document
    assert size < 700
    assert not (tree / "usr/bin/gcc").exists()
    assert not list((tree / "opt/denoise/bin").glob("pip*"))


def test_health_check_of_the_image_answers(tree, port):
    command = json.loads(re.search(r"^HEALTHCHECK .*? CMD (.+)$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)[1])
    assert command[-1].count(":8501") == 1
    command[-1] = command[-1].replace(":8501", f":{port}")
    inside = ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", tree, *command]
    subprocess.run(inside, env={"PATH": "/usr/bin:/bin", "DENOISE_BASE": ""}, check=True)


def test_page_and_service_work_for_a_user_who_may_write_nothing(port):
    with httpx2.Client(base_url=f"http://localhost:{port}", timeout=PATIENCE) as client:
        answer = client.post("/api/v1/denoise?model=unet", content=picture())
        assert decode(answer.content).width == 300
        assert client.get("/healthz", headers={"Host": "photos.example.org"}).status_code == 200
        assert client.get("/healthz", headers={"Host": "other.example.org"}).status_code == 400
    headers = {"Origin": f"http://localhost:{port}"}
    url = f"ws://localhost:{port}/_stcore/stream"
    with connect(url, subprotocols=["streamlit"], max_size=None, additional_headers=headers) as connection:
        visitor = Visitor(connection)
        connection.send(wish("results", ""))  # its tables and charts need the libraries of which parts were left out
        visitor.find("arrow_vega_lite_chart|vega")

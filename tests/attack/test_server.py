"""A real server, attacked as one visitor can: the others are served meanwhile, and it ends when it is told to.

`ATTACK_SCALE=20 pytest tests/attack/test_server.py` does it at length.
"""

import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from denoise.image import Photo, decode, encode

REPOSITORY = Path(__file__).parents[2]
SCALE = int(os.environ.get("ATTACK_SCALE", "1"))
PATIENCE = 60  # seconds; generous, for a busy machine
ENDING = 5 + 5  # seconds: what is promised, and as much again for a busy machine
TOKEN = r"[\w-]{32}"
BATCH = rf"/batches/{TOKEN}/[0-9a-f]{{8}}"


def picture(kind, width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encode(Photo(pixels, format=kind))


class Server:
    """A server process with a folder of its own for what visitors send, on the networks of another folder."""

    def __init__(self, folder, models, port=0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port = probe.getsockname()[1]
        self.folder, self.log = folder / "spool", folder / "log"
        self.folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, f"--server.port={self.port}"],
                cwd=REPOSITORY,
                env=os.environ | {"TMPDIR": str(self.folder), "DENOISE_MODELS": str(models)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError):
                return self.is_well()
        raise TimeoutError("the server does not answer")

    def is_well(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=PATIENCE) as answer:
            return answer.status == 200

    def ask(self, method, path, body=None, headers=None):
        """Return status, headers and content of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def send(self, method, path, *, length, body=b"", chunked=False):
        """Begin a request, of which no more than `body` comes; return its connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        kind = "Transfer-Encoding: chunked\r\n" if chunked else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}Content-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection

    def processor_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def end(self):
        """Tell it to end; return whether it does in time, leaving nothing on the disk."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(ENDING)
        except subprocess.TimeoutExpired:
            return False
        return list(self.folder.iterdir()) == []

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Visitor:
    """A page without a browser: a websocket, on which the server says what it shows."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with suppress(ConnectionClosed):
            for message in self.connection:
                self.heard.put(message)

    def find(self, pattern):
        """Return the next address or name of this kind that the page is told of."""
        while True:
            if found := re.search(pattern.encode(), self.heard.get(timeout=PATIENCE)):
                return found[0].decode()

    def find_message(self, kind):
        """Return the next message of this kind."""
        while True:
            message = ForwardMsg()
            message.ParseFromString(self.heard.get(timeout=PATIENCE))
            if message.WhichOneof("type") == kind:
                return getattr(message, kind)


def wish(page="", query="", button=""):
    """Return the message by which a browser asks for a page, perhaps because a button was pressed."""
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = page
    if button:
        message.rerun_script.widget_states.widgets.add(id=button, trigger_value=True)
    return message.SerializeToString()


def question(request_id, session_id):
    """Return the message by which a browser asks where to send a file."""
    message = BackMsg()
    message.file_urls_request.request_id = request_id
    message.file_urls_request.session_id = session_id
    message.file_urls_request.file_names.append("a.png")
    return message.SerializeToString()


@contextmanager
def visiting(server, page="", query="model=unet"):
    url = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    with connect(url, subprotocols=["streamlit"], max_size=None, max_queue=None) as connection:
        visitor = Visitor(connection)
        connection.send(wish(page, query))
        yield visitor


@contextmanager
def running(folder, models):
    server = Server(folder, models)
    try:
        server.wait()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, tiny_models):
    with running(tmp_path_factory.mktemp("server"), tiny_models) as made:
        yield made


@pytest.fixture
def batch(server):
    """The path of a batch."""
    with visiting(server, "batch") as visitor:
        yield visitor.find(BATCH)


@pytest.fixture(scope="module")
def photo(server):
    """The address of a result, as a file that takes its time; to be ended with a mix."""
    with visiting(server) as visitor:
        path, query = visitor.find(rf"/photos/{TOKEN}\?[\w=&-]+").split("?")
        said = dict(parse_qsl(query)) | {"format": "PNG", "depth": "16"}
        yield f"{path}?{urlencode(said)}&mix="


def is_served(server):
    """Return whether another visitor sees a page."""
    with visiting(server, "about") as other, suppress(queue.Empty):
        return bool(other.find("Fast U-Net"))
    return False


@pytest.mark.long
def test_flood_of_messages_leaves_the_others_their_turn(server):
    before, started = server.processor_seconds(), time.monotonic()
    with visiting(server) as visitor:
        visitor.find("/pictures/")

        def flood():
            with suppress(ConnectionClosed):
                for _ in range(3000 * SCALE):
                    visitor.connection.send(wish(query="model=unet"))

        threading.Thread(target=flood, daemon=True).start()
        assert is_served(server)
        assert all(server.is_well() for _ in range(5 * SCALE))
    # What the burst and a few a second start: far from all 3000, which take minutes.
    assert server.processor_seconds() - before < 30 + (time.monotonic() - started)


def test_page_that_begins_anew_is_told_where_to_send_its_photo(server):
    with visiting(server) as visitor:
        session_id = visitor.find_message("new_session").initialize.session_id
        for each in range(20):
            visitor.connection.send(question(f"question-{each}", session_id))
            visitor.connection.send(wish(query="model=unet"))
            answer = visitor.find_message("file_urls_response")
            assert answer.response_id == f"question-{each}"
        (urls,) = answer.file_urls
        assert f"/{session_id}/{urls.file_id}" in urls.upload_url


def test_many_downloads_leave_the_others_their_turn(server, photo):
    """How often a file is made for them, `tests/ui/test_orders.py` counts."""
    with ThreadPoolExecutor(40) as pool:
        answers = pool.map(lambda _: server.ask("GET", f"{photo}60-60-0")[::2], range(40 * SCALE))
        assert is_served(server)
        ((status, data),) = set(answers)
    assert status == 200
    assert decode(data).pixels.dtype == np.uint16
    for percent in range(40 * SCALE):
        with server.send("GET", f"{photo}{percent % 100}-7-7", length=0):
            pass  # gone again
    assert is_served(server)


@pytest.mark.parametrize("length", [2, 1 << 40])
def test_announcement_is_counted_as_it_comes(server, batch, length):
    before = server.peak_memory()
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with server.send("POST", batch, length=length, chunked=True) as connection:
        with suppress(OSError):  # the server hangs up
            for _ in range(60 * SCALE):
                connection.sendall(chunk)
        with suppress(OSError):
            assert connection.recv(99).startswith((b"HTTP/1.1 413", b""))
    assert server.peak_memory() - before < 40e6
    assert json.loads(server.ask("POST", batch, b"[]")[2]) == []
    assert is_served(server)


def test_announcements_that_are_none_are_refused(server, batch):
    bad = [b"", b"{}", b"[1]", b'[["x"]]', b'[["x",1e999]]', b'[["x",-1]]', b'[["x",NaN]]', b'[["x",true]]', b"[[1,1]]"]
    bad += [b"\xff\xfe\xff", b"[" * 900_000, b'[["x",' + b"9" * 5000 + b"]]", b'[["x",1.5]]', b'{"ab":1}', b'["ab"]']
    assert {text: server.ask("POST", batch, text)[0] for text in bad} == dict.fromkeys(bad, 400)
    assert server.ask("POST", batch, json.dumps([["x", 1]] * 1999))[0] == 200
    assert server.ask("POST", batch, json.dumps([["x", 1]] * 2))[0] == 413
    assert server.ask("POST", batch, json.dumps([["x", 1]]))[0] == 200


def test_of_two_senders_of_one_photo_the_newer_counts(server, batch):
    (item,) = json.loads(server.ask("POST", batch, json.dumps([["a.png", 1]]))[2])
    with server.send("PUT", f"{batch}/{item}", length=9 << 20, body=b"x" * (1 << 20)) as older:
        while not list(server.folder.rglob(f"{item}*.part")):
            time.sleep(0.01)
        assert server.ask("PUT", f"{batch}/{item}", picture("PNG", 40, 30))[0] == 204
        older.sendall(b"x" * (8 << 20))
        assert older.recv(99).startswith(b"HTTP/1.1 409")
    report = server.ask("GET", f"{batch}/report.csv")[2].decode()
    assert "a.png,waiting,,40,30," in report
    assert {path.suffix for path in server.folder.rglob(f"{item}*")} == {".in", ".thumbnail"}


def test_wrong_and_gone_tokens_get_one_answer(server, batch, photo):
    token, wrong = batch.split("/")[2], "x" * 32
    paths = [f"/photos/{wrong}", f"{photo.replace(photo.split('/')[2][:32], wrong)}100-100-0"]
    assert len({server.ask("GET", path)[::2] for path in paths}) == 1
    paths = [f"{batch.replace(token, wrong)}/{name}" for name in ("denoised-photos.zip", "report.csv", "item")]
    paths += [f"{batch}/item", f"/pictures/{wrong}/abc.png", f"/pictures/{token}/abc.png", "/_stcore/metrics"]
    assert {server.ask("GET", path)[::2] for path in paths} == {(404, b"Not Found")}
    for method in ("PUT", "DELETE"):
        answers = {
            server.ask(method, path, b"x")[::2] for path in (f"{batch.replace(token, wrong)}/item", f"{batch}/item")
        }
        assert answers == {(404, b"Not Found")}
    assert server.ask("POST", batch.replace(token, wrong), b"[]")[::2] == (404, b"Not Found")


def test_only_names_of_this_machine_lead_here(server):
    assert server.ask("GET", "/")[0] == 200
    assert server.ask("GET", "/", headers={"Host": "localhost"})[0] == 200
    assert server.ask("GET", "/", headers={"Host": "rebound.example"})[0] == 400
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    assert re.findall(rf": (\w+):{server.port:04X} 0+:0000 0A", listening) == ["0100007F"]  # 127.0.0.1, and no other


def test_no_token_is_logged(server, batch, photo):
    server.ask("GET", f"{batch}/item")
    server.ask("GET", f"{photo}x")
    log = server.log.read_text()
    assert batch.split("/")[2] not in log
    assert photo.split("/")[2][:32] not in log


def test_server_ends_whoever_still_sends_or_reads(tmp_path, tiny_models):
    with running(tmp_path, tiny_models) as server, visiting(server, "batch", "batch_model=Fast+U-Net") as visitor:
        path = visitor.find(BATCH)
        ids = json.loads(server.ask("POST", path, json.dumps([["a.bmp", 1], ["stalled.bmp", 1]]))[2])
        assert server.ask("PUT", f"{path}/{ids[0]}", picture("BMP", 250, 250))[0] == 204
        visitor.connection.send(wish("batch", "batch_model=Fast+U-Net"))
        button = visitor.find(r"\$\$ID-[0-9a-f]+-batch start")
        visitor.find("Denoise 2 photos")
        visitor.connection.send(wish("batch", "batch_model=Fast+U-Net", button))
        deadline = time.monotonic() + PATIENCE
        while b",done," not in server.ask("GET", f"{path}/report.csv")[2]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with visiting(server) as other, ExitStack() as open_ones:
            photo = other.find(rf"/photos/{TOKEN}\?[\w=&-]+")
            stalled = server.send("PUT", f"{path}/{ids[1]}", length=1 << 30, body=b"x" * (3 << 20))
            unread = server.send("GET", f"{path}/denoised-photos.zip", length=0)
            for _ in range(60):  # more than the system takes for the reader
                unread.sendall(f"GET {path}/denoised-photos.zip HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            connections = [stalled, unread]
            connections += [server.send("GET", f"{photo}&mix={each}-5-5", length=0) for each in range(40)]
            for connection in connections:
                open_ones.callback(connection.close)
            while len(list(server.folder.rglob("*.part"))) < 1:
                time.sleep(0.01)
            assert server.end(), server.log.read_text()

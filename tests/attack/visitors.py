"""Visitors who upload a large photo each and whose connections break: how much memory the server holds of them.

`python -m tests.attack.visitors --visitors 20` tells it on the way, ten minutes after they left, and when one is back.
"""

import argparse
import asyncio
import http.client
import json
import os
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import serve

MEGABYTE = 1_000_000


def photo(megapixels: float) -> bytes:
    """Return a noisy JPEG file, of three pixels to two."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    smooth = np.linspace(40, 200, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 3), np.float32)
    smooth += 12 * np.random.default_rng(0).random(smooth.shape, np.float32)
    return cv2.imencode(".jpg", smooth.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


class Visitor:
    """A browser's side of a session: what it says to the server, and what of the answers counts here."""

    def __init__(self, url: str, query: str = "") -> None:
        self.query = query
        self.url, self.session_id, self.uploader = url, "", ""
        self.file, self.download = None, ""
        self.words, self.is_open = [], asyncio.Event()
        self.addresses: dict[str, asyncio.Future] = {}
        self.seen: list[dict] = []
        self.pictures: list[dict] = []
        self._changed = asyncio.Condition()

    async def come(self) -> None:
        """Open the page, as a new visitor or as the one who was here before."""
        self.cookie = await asyncio.to_thread(self._cookie)
        self.is_open.clear()
        self.socket = await connect(
            f"ws{self.url.removeprefix('http')}/_stcore/stream",
            subprotocols=["streamlit", self.cookie, self.session_id][: 3 if self.session_id else 2],
            max_size=None,
            open_timeout=None,  # as a browser, which does not ask either whether the server is still there
            ping_interval=None,
        )
        self.listening = asyncio.create_task(self._listen())
        await self._rerun()

    async def upload(self, name: str, data: bytes) -> int:
        """Choose a file in the page's first uploader; return the status of the answer to its upload."""
        message = BackMsg()
        message.file_urls_request.request_id = request = secrets.token_hex(8)
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session_id
        self.addresses[request] = asyncio.get_running_loop().create_future()
        await self.socket.send(message.SerializeToString())
        urls = await self.addresses[request]
        status = await asyncio.to_thread(self.put, urls.upload_url, name, data)
        self.file, self.pictures = (urls, name, len(data)), []
        await self._rerun()
        return status

    def put(self, path: str, name: str, data: bytes) -> int:
        """Send a file to an address of the server; return the status of the answer."""
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "X-Xsrftoken": self.cookie,
            "Cookie": f"_streamlit_xsrf={self.cookie}",
        }
        return self._request("PUT", path, body, headers).status

    async def wait(self, roles: int, *, own: bool = True) -> None:
        """Wait until the viewer shows so many pictures, of the visitor's own photo or else of a sample."""
        async with self._changed:
            is_shown = lambda: len(self.pictures) >= roles and ("your photo" in self.words) == own  # noqa: E731
            await self._changed.wait_for(is_shown)

    async def result(self, before: str = "") -> dict:
        """Wait until the viewer shows a denoised picture, and another than that of this id; return it."""
        async with self._changed:
            while True:
                for picture in self.pictures:
                    if picture["role"] == "denoised" and picture["id"] != before:
                        return picture
                await self._changed.wait()

    def drop(self) -> None:
        """Break the connection, without a word."""
        self.socket.transport.abort()

    async def _rerun(self) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        if self.file and self.uploader:
            urls, name, size = self.file
            state = message.rerun_script.widget_states.widgets.add()
            state.id = self.uploader
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.file_id, info.name, info.size = urls.file_id, name, size
            info.file_urls.CopyFrom(urls)
        await self.socket.send(message.SerializeToString())

    async def _listen(self) -> None:
        with suppress(ConnectionClosed, OSError):
            async for data in self.socket:
                message = ForwardMsg()
                message.ParseFromString(data)
                await self._note(message)

    async def _note(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id or self.session_id
        elif kind == "file_urls_response":
            self.addresses[message.file_urls_response.response_id].set_result(message.file_urls_response.file_urls[0])
        elif kind == "delta":
            element = message.delta.new_element
            if element.WhichOneof("type") == "file_uploader" and not self.uploader:
                self.uploader = element.file_uploader.id
                self.is_open.set()
            elif element.WhichOneof("type") == "bidi_component":
                await self._see(element.bidi_component)
            elif element.WhichOneof("type") in ("alert", "markdown"):
                self.words.append(getattr(element, element.WhichOneof("type")).body)

    async def _see(self, component) -> None:
        (data,) = json.loads(component.json)
        if component.component_name == "denoise.gallery" and data["chosen"] == "upload":
            self.words.append("your photo")
        if component.component_name == "denoise.download":
            self.download = data["path"]
        if component.component_name == "denoise.viewer":
            self.seen = data["wanted"]
        if (
            "your photo" in self.words or not self.file
        ):  # the viewer stands above the list that says whose photo it shows
            async with self._changed:
                self.pictures = self.seen
                self._changed.notify_all()

    def fetch(self) -> int:
        """Fetch the pictures that the page shows; return how many there are."""
        return sum(self._request("GET", picture["url"]).status == 200 for picture in self.pictures)

    def read(self, path: str) -> bytes:
        """Fetch what is at an address of the server."""
        answer = self._request("GET", path)
        assert answer.status == 200
        return answer.content

    def get(self, path: str) -> int:
        """Fetch what is at an address of the server; return the status of the answer."""
        return self._request("GET", path).status

    def _cookie(self) -> str:
        cookie = self._request("GET", "/_stcore/health").getheader("set-cookie")
        return re.search(r"_streamlit_xsrf=([^;]+)", cookie)[1].strip('"')

    def _request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=600)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer


def server_process(url: str) -> Path:
    """Return the folder that the system has of the server at this address."""
    port = url.rsplit(":", 1)[1].encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if b"--server.port=" + port in (process / "cmdline").read_bytes().split(b"\0"):
                return process
    raise LookupError(f"no server on port {port}")


def memory(process: Path, what: str = "VmRSS") -> int:
    """Return the memory that a process holds, in megabytes: `VmRSS` now, `VmHWM` at most until now."""
    return int(re.search(rf"{what}:\s+(\d+) kB", (process / "status").read_text())[1]) * 1024 // MEGABYTE


async def play(
    url: str,
    visitors: int,
    megapixels: float,
    after: Iterable[float],
    *,
    results: bool,
    query: str = "",
    enough: int = 0,
    pause: float = 5.0,
    say: Callable[..., None] = print,
) -> dict:
    """Let visitors come, upload and be cut off; return the megabytes of the server's memory by what had happened.

    One comes before them and has a result, so that what the server loads at first use is there.

    Args:
        url: Of the server.
        visitors: How many.
        megapixels: Of each one's photo.
        after: Seconds after which it is looked at once they are cut off.
        results: Whether they wait for their results.
        query: Of the page's address.
        enough: So many megabytes above the beginning are little enough to look no more.
        pause: Seconds for the server to let go of what the first of all has left.
        say: Called with what is found.
    """
    process, found = server_process(url), {}

    def note(what: str) -> None:
        found[what] = memory(process)
        say(f"{what}: {found[what]} MB", flush=True)

    async def visit(visitor: Visitor, data: bytes, *, waits: bool) -> None:
        await visitor.come()
        await visitor.is_open.wait()
        assert await visitor.upload(f"{uuid.uuid4().hex}.jpg", data) == 204
        await visitor.wait(3 if waits else 1)

    first = Visitor(url, query)
    await visit(first, photo(0.01), waits=True)
    first.drop()
    await asyncio.sleep(pause)
    note("before")
    crowd = [Visitor(url, query) for _ in range(visitors)]
    data = await asyncio.to_thread(photo, megapixels)
    await asyncio.gather(*(visit(visitor, data, waits=results) for visitor in crowd))
    note(f"{visitors} visitors see their photos{' and results' if results else ''}")
    found["most until then"] = memory(process, "VmHWM")
    for visitor in crowd:
        visitor.drop()
    began = time.monotonic()
    for seconds in after:
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
        note(f"{seconds:g} s after their connections broke")
        found["left"] = found[f"{seconds:g} s after their connections broke"] - found["before"]
        if found["left"] < enough:
            break
    back = crowd[0]
    back.pictures, back.words = [], []
    await back.come()
    await back.wait(3 if results else 1)
    assert await asyncio.to_thread(back.fetch) == len(back.pictures)
    note("one is back and sees the photo again")
    back.drop()
    found["most"] = memory(process, "VmHWM")
    say(f"most at any time: {found['most']} MB", flush=True)
    return found


def main() -> None:
    """Play it, see the module's words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--results", action="store_true", help="wait until each photo is denoised")
    parser.add_argument("--after", type=float, nargs="*", default=[60, 180, 600], help="seconds")
    parser.add_argument("--absence", type=float, help="seconds until the server lets go of their memory")
    args = parser.parse_args()
    if args.absence:
        os.environ["DENOISE_ABSENCE"] = str(args.absence)
    with serve() as url:
        asyncio.run(play(url, args.visitors, args.megapixels, args.after, results=args.results))


if __name__ == "__main__":
    main()

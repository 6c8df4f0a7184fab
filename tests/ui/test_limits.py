import asyncio
import errno
from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from denoise.ui import farewell, limits, texts
from tests.asynchronous import run

LARGEST = 1000


class Server:
    """The server behind the limits: puts what is sent into Streamlit's store, and holds connections open."""

    def __init__(self):
        self.store, self.go_on = MemoryUploadedFileManager("/upload"), asyncio.Event()
        self.app = limits.limited(self.answer)
        self.reached = 0

    async def answer(self, scope, receive, send):
        self.reached += 1
        if scope["type"] == "websocket" or "slow" in scope["path"]:
            await self.go_on.wait()
        if "broken" in scope.get("path", ""):
            raise OSError(int(scope["path"].rpartition("-")[2]), "broken")
        if scope["type"] == "http":
            session_id, file_id = scope["path"].split("/")[-2:]
            self.store.add_file(session_id, UploadedFileRec(file_id, "x.png", "image/png", (await receive())["body"]))
            await send({"type": "http.response.start", "status": 204})

    async def put(self, path, size, **headers):
        """Send a file of so many bytes; return the status and the sentence of the answer."""
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"body": bytes(size)}

        named = {"content-length": str(size)} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": "PUT",
            "path": f"/_stcore/upload_file/{path}",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }
        await self.app(scope, receive, send)
        return sent[0]["status"], sent[1]["body"].decode() if len(sent) > 1 else ""


@pytest.fixture
def play(monkeypatch):
    """Run a scene with a server whose files have at most 1000 bytes."""
    monkeypatch.setattr(limits.config, "get_option", lambda _: 1)
    monkeypatch.setattr(limits, "_MEGABYTE", 1000)

    def in_loop(scene):
        async def main():
            server = Server()
            monkeypatch.setattr(limits, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=server.store))
            await scene(server)
            server.go_on.set()

        run(main())

    return in_loop


def test_files_that_nobody_takes_are_few(play):
    async def scene(server):
        for number in range(4):
            assert await server.put(f"a/{number}", 100) == (204, "")
        assert await server.put("a/5", 100) == (429, texts.REFUSALS["429"])
        assert await server.put("b/1", 100) == (204, "")
        for number in range(4):  # as a page does that takes them
            server.store.add_file("a", UploadedFileRec(str(number), "x.png", "image/png", b""))
        assert await server.put("a/6", 100) == (204, "")

    play(scene)


def test_names_of_files_that_were_taken_are_few(play):
    async def scene(server):
        for number in range(20):
            server.store.add_file("a", UploadedFileRec(str(number), "x.png", "image/png", b""))
        assert (await server.put("a/x", 1))[0] == 429

    play(scene)


def test_all_sessions_share_the_room_for_what_nobody_has_taken(play):
    async def scene(server):
        for name in "abc":
            assert await server.put(f"{name}/1", 1000) == (204, "")
        assert await server.put("d/1", 1) == (503, texts.REFUSALS["503"])
        server.store.remove_file("b", "1")
        assert await server.put("d/1", 1) == (204, "")

    play(scene)


@pytest.mark.parametrize(
    "headers", [{"transfer_encoding": "chunked"}, {"content_length": "many"}, {"content_length": "1000"}]
)
def test_what_does_not_come_is_in_nobodys_way_but_its_sessions(play, headers):
    async def scene(server):
        slow = [asyncio.create_task(server.put(f"{name}/slow", 2, **headers)) for name in "aabbcc"]
        while server.reached < 6:
            await asyncio.sleep(0)
        assert (await server.put("a/1", 1))[0] == 429
        assert (await server.put("d/1", 800))[0] == 204
        server.go_on.set()
        assert [status for status, _ in await asyncio.gather(*slow)] == [204] * 6
        assert (await server.put("a/1", 1))[0] == 204

    play(scene)


def test_who_sends_more_than_there_is_room_for_is_stopped_on_the_way(play):
    async def scene(server):
        for name in "abc":
            assert (await server.put(f"{name}/1", 900))[0] == 204
        with pytest.raises(HTTPException) as raised:
            await server.put("d/1", 400, transfer_encoding="chunked")
        assert (raised.value.status_code, raised.value.detail) == (503, texts.REFUSALS["503"])
        assert "d" not in server.store.file_storage
        assert (await server.put("d/1", 0, content_length="1" * 99))[0] == 503
        assert (await server.put("d/1", 300))[0] == 204  # what came of the other no longer counts
        assert (await server.put("e/1", 1))[0] == 503

    play(scene)


def test_too_large_a_file_is_left_to_the_server_to_refuse(play):
    async def scene(server):
        await server.put("a/1", 0, content_length="9" * 99)
        assert server.reached == 1

    play(scene)


def test_what_nobody_has_asked_for_is_let_go_of(play, monkeypatch):
    monkeypatch.setattr(limits, "_UNTAKEN", 0.0)

    async def scene(server):
        await server.put("a/1", 1000)
        server.store.add_file("a", UploadedFileRec("taken", "x.png", "image/png", b""))
        while server.store.file_storage["a"].keys() != {"taken"}:
            await asyncio.sleep(0)

    play(scene)


def test_connections_are_limited(play, monkeypatch):
    monkeypatch.setattr(farewell, "MOST", 2)

    async def scene(server):
        refused = []

        async def refuse(message):
            refused.append(message["code"])

        def connect():
            return asyncio.create_task(server.app({"type": "websocket"}, None, refuse))

        tasks = [connect() for _ in range(4)]
        while server.reached < 4:
            await asyncio.sleep(0)
        await connect()
        assert refused == [1013]
        server.go_on.set()
        await asyncio.gather(*tasks)
        await connect()
        assert server.reached == 5

    play(scene)


def test_full_disk_is_said_and_another_fault_is_not_taken_for_one(play):
    async def scene(server):
        for number in (errno.ENOSPC, errno.EDQUOT):
            assert await server.put(f"a/broken-{number}", 100) == (507, texts.REFUSALS["507"])
        with pytest.raises(OSError, match="broken"):
            await server.put(f"a/broken-{errno.EIO}", 100)
        for number in range(4):  # nothing of them counts any more
            assert await server.put(f"a/{number}", 100) == (204, "")

    play(scene)

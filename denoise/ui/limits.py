"""How much strangers may have the server hold: connections, and files that no page has taken yet."""

import asyncio
from collections import Counter

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from denoise.ui import farewell, texts

_CONNECTIONS = 2  # times the visitors; who finds no place keeps one open to look again
_MEGABYTE = 1 << 20
_FILES = 4  # of a session at once, and that were not taken: the uploaders of a page
_NAMES = 20  # that are left of those it has taken
_ALL = 3  # times the largest file: of all sessions together
_UNTAKEN = 60.0  # seconds; a page that has announced its file takes it at once
_UPLOAD = "/_stcore/upload_file/"
_TRY_AGAIN_LATER = 1013  # RFC 6455's registry


def limited(app: ASGIApp) -> ASGIApp:
    """Refuse what goes beyond the limits, in words, before any of it is read."""
    open_sockets = 0
    coming: Counter[str] = Counter()  # bytes that are on their way, by session
    files: Counter[str] = Counter()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal open_sockets
        if scope["type"] == "websocket":
            if open_sockets >= _CONNECTIONS * farewell.MOST:
                await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER, "reason": texts.FULL_HOUSE[:120]})
                return
            open_sockets += 1
            try:
                await app(scope, receive, send)
            finally:
                open_sockets -= 1
        elif scope["type"] == "http" and scope["method"] == "PUT" and _UPLOAD in scope["path"]:
            session_id, _, file_id = scope["path"].partition(_UPLOAD)[2].partition("/")
            largest = int(config.get_option("server.maxUploadSize")) * _MEGABYTE
            size = _declared(Headers(scope=scope), largest)
            held, untaken, names = _held(session_id)
            if files[session_id] + untaken >= _FILES or names >= _NAMES or coming[session_id] + size > 2 * largest:
                await PlainTextResponse(texts.REFUSALS["429"], 429)(scope, receive, send)
            elif held + coming.total() + size > _ALL * largest:
                await PlainTextResponse(texts.REFUSALS["503"], 503)(scope, receive, send)
            else:
                coming[session_id] += size
                files[session_id] += 1
                try:
                    await app(scope, receive, send)
                finally:
                    coming[session_id] -= size
                    files[session_id] -= 1
                    if not files[session_id]:
                        del coming[session_id], files[session_id]
                    asyncio.get_running_loop().call_later(_UNTAKEN, _drop, session_id, file_id)
        else:
            await app(scope, receive, send)

    return answer


def _declared(headers: Headers, largest: int) -> int:
    """Return how many bytes will come at most, as far as anybody can be believed."""
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        return largest
    return min(int(length[:20]), largest)


def _store() -> MemoryUploadedFileManager:
    store = get_instance().uploaded_file_mgr
    assert isinstance(store, MemoryUploadedFileManager)
    return store


def _held(session_id: str) -> tuple[int, int, int]:
    """Return the bytes of all files in Streamlit's store, and how many a session has there: untaken, and names of all.

    What a page has taken is empty, see `session.Session.take`.
    """
    storage = _store().file_storage
    held = sum(len(file.data) for files in list(storage.values()) for file in list(files.values()))
    own = list(storage.get(session_id, {}).values())
    return held, sum(bool(file.data) for file in own), len(own)


def _drop(session_id: str, file_id: str) -> None:
    """Let go of a file that no page has asked for."""
    (file,) = _store().get_files(session_id, [file_id]) or (None,)
    if file and file.data:
        _store().remove_file(session_id, file_id)

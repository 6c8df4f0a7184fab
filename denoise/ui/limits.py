"""How much strangers may have the server hold: connections, files that no page has taken yet, the largest photo."""

import asyncio
import errno
import os
from collections import Counter

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from denoise.ui import farewell, texts

MAX_MEGAPIXELS = float(os.environ.get("DENOISE_MAX_MEGAPIXELS", "50"))
"""The largest photo that the page accepts; who runs the server decides, by its memory."""

_CONNECTIONS = 2  # times the visitors; who finds no place keeps one open to look again
_MEGABYTE = 1 << 20
_FILES = 4  # of a session at once, and that were not taken: the uploaders of a page
_NAMES = 20  # that are left of those it has taken
_ALL = 3  # times the largest file: of all sessions together
_UNTAKEN = 60.0  # seconds; a page that has announced its file takes it at once
_UPLOAD = "/_stcore/upload_file/"
_TRY_AGAIN_LATER = 1013  # RFC 6455's registry


def limited(app: ASGIApp) -> ASGIApp:
    """Refuse what goes beyond the limits, in words.

    A session has its limits in what it announces; all together in what has come, or whoever announces much and sends
    nothing would keep all others from sending.
    """
    open_sockets = came = 0  # bytes of the files that are on their way
    coming: Counter[str] = Counter()  # bytes that are announced, by session
    files: Counter[str] = Counter()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal open_sockets, came
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
            length = min(_declared(Headers(scope=scope)), largest)  # one that is larger is refused for that
            size = length or largest
            held, untaken, names = _held(session_id)
            if files[session_id] + untaken >= _FILES or names >= _NAMES or coming[session_id] + size > 2 * largest:
                await PlainTextResponse(texts.REFUSALS["429"], 429)(scope, receive, send)
            elif held + came + length > _ALL * largest:  # rather than when most of it has been sent
                await PlainTextResponse(texts.REFUSALS["503"], 503)(scope, receive, send)
            else:
                coming[session_id] += size
                files[session_id] += 1
                own = 0

                async def receive_if_room() -> Message:
                    nonlocal came, own
                    message = await receive()
                    more = len(message.get("body", b""))
                    own, came = own + more, came + more
                    if more and _held(session_id)[0] + came > _ALL * largest:
                        raise HTTPException(503, texts.REFUSALS["503"])
                    return message

                try:
                    await app(scope, receive_if_room, send)
                except OSError as error:  # Streamlit's form parser lets a large file wait in a temporary one
                    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                        raise
                    await PlainTextResponse(texts.REFUSALS["507"], 507)(scope, receive, send)
                finally:
                    came -= own
                    coming[session_id] -= size
                    files[session_id] -= 1
                    if not files[session_id]:
                        del coming[session_id], files[session_id]
                    asyncio.get_running_loop().call_later(_UNTAKEN, _drop, session_id, file_id)
        else:
            await app(scope, receive, send)

    return answer


def _declared(headers: Headers) -> int:
    """Return how many bytes are said to come; 0 if that is not said."""
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        return 0
    return int(length[:20])


def _store() -> MemoryUploadedFileManager:
    store = get_instance().uploaded_file_mgr
    assert isinstance(store, MemoryUploadedFileManager)
    return store


def _held(session_id: str) -> tuple[int, int, int]:
    """Return the bytes of all files in Streamlit's store, and how many a session has there: untaken, and names of all.

    What a page has taken is empty, see `denoise.ui.arrivals`.
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

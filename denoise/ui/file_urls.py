"""Where a page is to send a file: said here, because what Streamlit says can be lost.

It waits in a queue which Streamlit empties whenever the page's script begins anew. On a busy machine that may be before
it was sent; the page then waits for it for ever, and the photo never comes.
"""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import get_instance

_MOST_FILES = 20  # of which one question is answered; a page's uploaders take one at a time


def told(app: ASGIApp) -> ASGIApp:
    """Answer a page that asks where to send its files, and let `app` answer all else."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_others() -> Message:
            while urls := _urls(message := await receive()):
                await send({"type": "websocket.send", "bytes": urls})
            return message

        await app(scope, receive_others if scope["type"] == "websocket" else receive, send)

    return answer


def _urls(message: Message) -> bytes:
    """Return the answer to what a page says, if it asks where to send files; empty if that is for Streamlit to answer.

    Streamlit takes the session that the connection belongs to, and this what the page says, which may be anything.
    """
    said, answer = BackMsg(), ForwardMsg()
    try:
        said.ParseFromString(message.get("bytes") or b"")
    except DecodeError:
        return b""
    if said.WhichOneof("type") != "file_urls_request":
        return b""
    asked, told = said.file_urls_request, answer.file_urls_response
    if len(asked.file_names) > _MOST_FILES or not get_instance().is_active_session(asked.session_id):
        return b""
    told.response_id = asked.request_id
    for urls in get_instance().uploaded_file_mgr.get_upload_urls(asked.session_id, asked.file_names):
        told.file_urls.add(file_id=urls.file_id, upload_url=urls.upload_url, delete_url=urls.delete_url)
    return answer.SerializeToString()

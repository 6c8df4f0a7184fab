from types import SimpleNamespace

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from denoise.ui import file_urls
from tests.asynchronous import run


@pytest.fixture(autouse=True)
def _runtime(monkeypatch):
    """Streamlit's, with one session that is there."""
    runtime = SimpleNamespace(
        uploaded_file_mgr=MemoryUploadedFileManager("/_stcore/upload_file"),
        is_active_session=lambda session_id: session_id == "here",
    )
    monkeypatch.setattr(file_urls, "get_instance", lambda: runtime)


def question(session_id="here", files=1):
    message = BackMsg()
    message.file_urls_request.request_id = "question"
    message.file_urls_request.session_id = session_id
    message.file_urls_request.file_names.extend(f"{each}.png" for each in range(files))
    return {"type": "websocket.receive", "bytes": message.SerializeToString()}


def said_to(messages, kind="websocket"):
    """Return what the app hears of what a page says, and what the page is told."""
    coming, heard, told = [*messages, {"type": "websocket.disconnect"}], [], []

    async def app(scope, receive, send):
        while (message := await receive())["type"] != "websocket.disconnect":
            heard.append(message)

    async def receive():
        return coming.pop(0)

    async def send(message):
        told.append(message)

    run(file_urls.told(app)({"type": kind}, receive, send))
    return heard, told


def test_page_is_told_where_to_send_its_file():
    heard, (told,) = said_to([question()])
    answer = ForwardMsg()
    answer.ParseFromString(told["bytes"])
    (urls,) = answer.file_urls_response.file_urls
    assert heard == []
    assert told["type"] == "websocket.send"
    assert answer.file_urls_response.response_id == "question"
    assert urls.upload_url == urls.delete_url == f"/_stcore/upload_file/here/{urls.file_id}"


@pytest.mark.parametrize("kind", ["websocket", "http"])
def test_all_else_is_left_to_the_app(kind):
    stop = BackMsg(stop_script=True).SerializeToString()
    said = [{"bytes": stop}, {"bytes": b"\xff"}, {"bytes": None, "text": "a"}, {"text": "b"}]
    said = [{"type": "websocket.receive", **each} for each in said]
    assert said_to(said, kind) == (said, [])


@pytest.mark.parametrize("asked", [question("gone"), question("x" * 9999, 20), question(files=21)])
def test_questions_of_others_and_large_ones_are_left_to_streamlit(asked):
    assert said_to([asked]) == ([asked], [])

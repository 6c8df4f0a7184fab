import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from denoise.ui import file_urls
from tests.asynchronous import run


@pytest.mark.parametrize("kind", ["websocket", "http"])
def test_all_that_does_not_ask_where_to_send_files_is_left_to_the_app(kind):
    said = [{"bytes": BackMsg(stop_script=True).SerializeToString()}, {"bytes": b"\xff"}, {"text": "a"}, {"body": b"b"}]
    coming, heard, sent = list(said), [], []

    async def app(scope, receive, send):
        heard.extend([await receive() for _ in said])
        await send({"text": "all else"})

    async def receive():
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    run(file_urls.told(app)({"type": kind}, receive, send))
    assert (heard, sent) == (said, [{"text": "all else"}])

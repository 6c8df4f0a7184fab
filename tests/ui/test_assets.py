import gzip
from pathlib import Path

import pytest
from streamlit import file_util

from denoise.ui import assets
from tests.asynchronous import run

SCRIPT = next(Path(file_util.get_static_dir(), "static", "js").glob("index.*.js"))
PATH = f"/static/js/{SCRIPT.name}"


def ask(path, *, method="GET", encodings="gzip, br", kind="http"):
    """Return what comes for a request: the messages of the answer, or "left" if it is left to Streamlit."""
    messages = []

    async def app(scope, receive, send):
        messages.append("left")

    async def send(message):
        messages.append(message)

    headers = [(b"accept-encoding", encodings.encode())] if encodings else []
    scope = {"type": kind, "method": method, "path": path, "headers": headers}
    run(assets.compressed(app)(scope, None, send))
    return messages


def test_script_comes_compressed_and_whole():
    start, body = ask(PATH)
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"content-type"].startswith(b"text/javascript")
    assert int(headers[b"content-length"]) == len(body["body"]) < SCRIPT.stat().st_size / 2
    assert gzip.decompress(body["body"]) == SCRIPT.read_bytes()


def test_script_is_found_below_a_base_path(monkeypatch):
    monkeypatch.setattr("streamlit.config.get_option", {"server.baseUrlPath": "/photos/"}.__getitem__)
    assert ask(f"/photos{PATH}")[0]["status"] == 200
    assert ask(PATH) == ["left"]


@pytest.mark.parametrize(
    "request_",
    [
        {"path": PATH, "encodings": ""},
        {"path": PATH, "encodings": "identity"},
        {"path": PATH, "method": "HEAD"},
        {"path": PATH, "kind": "websocket"},
        {"path": "/static/js/none.js"},
        {"path": "/static/js/../index.html"},
        {"path": "/"},
    ],
    ids=str,
)
def test_all_else_is_left_to_streamlit(request_):
    assert ask(**request_) == ["left"]

import re
from html import unescape
from pathlib import Path

import anyio
import pytest
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse
from streamlit import file_util

from denoise.ui import introduction, texts
from tests.asynchronous import run

PAGE = "<html><head><title>Streamlit</title></head></html>"


def ask(path="/", *, method="GET", accept="text/html,*/*", answer=None, host="photos.example.org", headers=()):
    """Return the status, the headers and the body of an answer, and the request's headers as Streamlit saw them."""
    messages, seen = [], []

    async def app(scope, receive, send):
        seen.append(dict(scope["headers"]))
        await (answer or HTMLResponse(PAGE, headers={"ETag": "abc", "Last-Modified": "now"}))(scope, receive, send)

    async def receive():
        await anyio.sleep_forever()

    async def send(message):
        messages.append(message)

    sent = [(b"host", host.encode()), (b"accept", accept.encode()), *headers]
    scope = {"type": "http", "method": method, "scheme": "https", "path": path, "query_string": b"", "headers": sent}
    run(introduction.introduced(app)(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], dict(messages[0]["headers"]), body, seen


def tags(body):
    return {name: unescape(text) for name, text in re.findall(r'="([\w:]+)" content="([^"]*)"', body.decode())}


@pytest.mark.parametrize("page", texts.PAGES)
def test_every_page_has_a_name_and_shows_a_picture_where_it_is_linked(page):
    path = "/" if page == "denoise" else f"/{page}"
    status, headers, body, _ = ask(path)
    assert status == 200
    assert int(headers[b"content-length"]) == len(body)
    said = tags(body)
    assert f"<title>{said['og:title']}</title>" in body.decode()
    assert texts.PAGES[page] in said["og:title"]
    assert said["description"] == said["og:description"] == texts.DESCRIPTION
    assert said["og:image"] == "https://photos.example.org/preview.png"
    assert said["og:url"] == f"https://photos.example.org{path}"


@pytest.mark.parametrize("path", ["/", "/batch"])
def test_who_shows_links_elsewhere_accepts_anything(path):
    assert tags(ask(path, accept="*/*")[2])["og:url"] == f"https://photos.example.org{path}"


def test_titles_of_the_pages_differ():
    assert len({introduction.title_of(title) for title in texts.PAGES.values()}) == len(texts.PAGES)


def test_styles_are_there_from_the_beginning():
    body = ask()[2].decode()
    for name in (".st-key-head", ".comparison", ".squares"):  # of all pages
        assert body.index(name) < body.index("</head>")


def test_script_of_components_is_loaded_early_if_streamlit_has_one(tmp_path, monkeypatch):
    def named():
        return re.findall(r'<script type="module" async crossorigin src="/static/js/([^"]*)"', ask()[2].decode())

    (name,) = named()
    assert (Path(file_util.get_static_dir()) / "static" / "js" / name).is_file()
    monkeypatch.setattr(introduction.file_util, "get_static_dir", lambda: str(tmp_path))
    assert named() == []


def test_host_is_not_trusted_to_be_text():
    assert b"<script>" not in ask(host='x"><script>alert()</script>')[2]


def test_what_the_browser_has_of_streamlits_own_page_is_not_taken_for_ours():
    headers = [
        (b"if-none-match", b"abc"),
        (b"if-modified-since", b"now"),
        (b"accept-encoding", b"gzip"),
        (b"range", b"bytes=0-524287"),
    ]
    _, answered, _, (seen,) = ask(headers=headers)
    assert not seen.keys() & {name for name, _ in headers}
    assert not answered.keys() & {b"etag", b"last-modified"}


def test_page_that_comes_in_pieces_is_whole(tmp_path):
    (tmp_path / "index.html").write_text(PAGE + "x" * 300_000)  # more than one message
    _, headers, body, _ = ask(answer=FileResponse(tmp_path / "index.html"))
    assert body.count(b"<title>") == 1
    assert len(body) == int(headers[b"content-length"]) > 300_000


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"path": "/windows/abc", "accept": "*/*"}, HTMLResponse(PAGE)),
        ({"method": "HEAD"}, HTMLResponse(PAGE)),
        ({}, PlainTextResponse(PAGE)),
        ({}, HTMLResponse(PAGE, 404)),
    ],
    ids=["no page", "head", "text", "not found"],
)
def test_all_else_comes_as_it_is(request_, answer):
    status, _, body, _ = ask(answer=answer, **request_)
    assert status == answer.status_code
    assert body == answer.body


@pytest.mark.parametrize("base", ["", "/photos/"])
def test_icon_and_picture_are_sent(monkeypatch, base):
    monkeypatch.setattr("streamlit.config.get_option", {"server.baseUrlPath": base}.__getitem__)
    prefix = base.rstrip("/")
    for name in ("favicon", "preview"):
        status, headers, body, _ = ask(f"{prefix}/{name}.png", accept="image/*")
        assert (status, headers[b"content-type"]) == (200, b"image/png")
        assert body.startswith(b"\x89PNG")
    assert tags(ask(f"{prefix}/batch")[2])["og:image"] == f"https://photos.example.org{prefix}/preview.png"

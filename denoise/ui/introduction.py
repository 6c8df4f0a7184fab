"""The page before its script runs: its name, what links to it show elsewhere, and its styles."""

from functools import cache
from html import escape
from pathlib import Path

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from denoise.ui import addresses, texts
from denoise.ui.samples import SAMPLES_DIR

_FOLDER = Path(__file__).parent
_RETURN = "/return.js"
_FILES = {
    "/favicon.png": _FOLDER / "icon.png",
    "/preview.png": SAMPLES_DIR / "before-after.png",
    _RETURN: _FOLDER / "return.js",
}
_TITLE = b"<title>Streamlit</title>"
# Whose answers are about Streamlit's own page.
_OF_THE_FILE = (b"if-none-match", b"if-modified-since", b"accept-encoding", b"range", b"if-range")


def introduced(app: ASGIApp) -> ASGIApp:
    """Let `app` answer, but with a head of ours in its HTML; and send the icon and the picture that the head names."""
    base = addresses.base()
    files = {f"{base}{path}": file for path, file in _FILES.items()}
    pages = {f"{base}/{name}" for name in ("", *texts.PAGES)}  # of these, who shows links elsewhere accepts anything

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await app(scope, receive, send)
        elif scope["path"] in files:
            await FileResponse(files[scope["path"]], headers={"Cache-Control": "no-cache"})(scope, receive, send)
        elif scope["path"] in pages or "text/html" in Headers(scope=scope).get("accept", ""):
            head = _head(URL(scope=scope), base).encode()
            headers = [each for each in scope["headers"] if each[0] not in _OF_THE_FILE]
            await app({**scope, "headers": headers}, receive, _with_head(send, head))
        else:
            await app(scope, receive, send)

    return answer


def title_of(page: str) -> str:
    """Return what the browser's tab says of a page that is called so."""
    return texts.TITLE_OF_START if page == texts.PAGES["denoise"] else f"{page} · {texts.TITLE}"


def _with_head(send: Send, head: bytes) -> Send:
    """Put a head in the place of the title, if what is sent is HTML; it is small, and comes as a whole."""
    start: Message | None = None
    body = bytearray()

    async def send_with(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            is_page = message["status"] == 200 and "text/html" in Headers(raw=message["headers"]).get(
                "content-type", ""
            )
            if not is_page:
                await send(message)
                return
            start = message
        elif start is None or message["type"] != "http.response.body":
            await send(message)
        else:
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            page = bytes(body).replace(_TITLE, head)
            headers = MutableHeaders(raw=list(start["headers"]))
            for name in ("etag", "last-modified"):
                del headers[name]
            headers["Content-Length"] = str(len(page))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": page})

    return send_with


def _head(url: URL, base: str) -> str:
    name = url.path.removeprefix(base).strip("/")
    title = title_of(texts.PAGES.get(name, texts.PAGES["denoise"]))
    site = f"{url.scheme}://{url.netloc}{base}"
    said = {
        "description": texts.DESCRIPTION,
        "og:type": "website",
        "og:title": title,
        "og:description": texts.DESCRIPTION,
        "og:url": f"{site}/{name}",
        "og:image": f"{site}/preview.png",
        "og:image:width": "848",
        "og:image:height": "480",
        "og:image:alt": texts.PREVIEW,
        "twitter:card": "summary_large_image",
    }
    tags = [
        f'<meta {"property" if key.startswith("og:") else "name"}="{key}" content="{escape(text)}" />'
        for key, text in said.items()
    ]
    returns = f'<script src="{base}{_RETURN}"></script>'  # before Streamlit's own, which asks for the page
    style = f"<style>{_style()}</style>"
    return "\n    ".join([f"<title>{escape(title)}</title>", *tags, returns, *_early(base), style])


def _early(base: str) -> list[str]:
    """Return what loads Streamlit's script for components, such as the viewer, before the page itself is asked for.

    Streamlit itself loads it with the first of them, and they wait for it until all other elements are made.
    """
    files = (Path(file_util.get_static_dir()) / "static" / "js").glob("BidiComponent.*.js")
    return [f'<script type="module" async crossorigin src="{base}/static/js/{file.name}"></script>' for file in files]


@cache
def _style() -> str:
    """Return the styles of all pages, which are there before anything that they could move.

    Streamlit's own come later, and would win where both are as specific; none of them names this element.
    """
    files = [_FOLDER / "style.css", *sorted((_FOLDER / "pages").glob("*.css"))]
    return f"#root {{ {''.join(file.read_text('utf-8') for file in files)} }}"

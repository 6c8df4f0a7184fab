"""Streamlit's own scripts and styles, compressed: a first visit fetches 0.7 MB of them instead of 2.7."""

import mimetypes
import zlib
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import file_util

from denoise.ui import addresses


def compressed(app: ASGIApp) -> ASGIApp:
    """Answer requests for Streamlit's scripts and styles, to browsers that take gzip; leave all others to `app`.

    Streamlit sends them as they are, because to compress them for each visitor would cost more than it saves. Their
    names change with what is in them, so each is compressed once and kept.
    """
    folder = Path(file_util.get_static_dir()) / "static"
    paths = [path for kind in ("js", "css") for path in (folder / kind).glob("*")]
    files = {f"{addresses.base()}/static/{path.parent.name}/{path.name}": path for path in paths}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if path and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            await _response(path)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


@cache
def _response(path: Path) -> Response:
    compressor = zlib.compressobj(wbits=31)  # 31: gzip's own header and checksum
    return Response(
        compressor.compress(path.read_bytes()) + compressor.flush(),
        headers={
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, immutable, max-age=31536000",  # a year, as Streamlit says of them
        },
        media_type=mimetypes.guess_type(path.name)[0],
    )

"""What all routes read of a request: whose it is, and what comes with it."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from denoise.ui import session
from denoise.ui.session import Session


def visitor(request: Request) -> Session:
    """Return the session of the token in the path.

    Raises:
        HTTPException: There is none.
    """
    state = session.find(request.path_params["token"])
    if state is None:
        raise HTTPException(404)
    return state


async def body(request: Request, limit: int) -> bytes:
    """Return what is sent; how much is counted as it comes, whatever the request says of itself.

    Raises:
        HTTPException: It is more than `limit` bytes, or ended too early.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)

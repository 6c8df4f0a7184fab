"""Who may come in: with a key where there are any, not from a foreign page, and not too often."""

import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException

from denoise.service.rules import Rules

NO_KEY = "This server asks for a key: send “Authorization: Bearer KEY”. Who runs the server gives them out."
FOREIGN = "A page of another site must not use this service through its visitors' browsers."
TOO_OFTEN = "More photos came than one client may send at a time ({rate}). Wait a moment, then send this one again."

_bearer = HTTPBearer(auto_error=False, description="One of the keys in the server's `DENOISE_API_KEYS`.")


def gate(rules: Rules) -> Callable[..., Awaitable[None]]:
    """Return what every request passes; it notes as `request.state.client` by which name the client is counted."""

    async def let_in(request: Request) -> None:
        # A browser names the site of the page that asks, and lets that read nothing; but the work would be done.
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise HTTPException(403, FOREIGN)
        request.state.client = client_of(request.client.host if request.client else "")

    async def let_in_with_key(
        request: Request,
        _: Annotated[None, Depends(let_in)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        key = credentials.credentials.encode("latin-1") if credentials else b""
        if not sum(hmac.compare_digest(key, each.encode()) for each in rules.keys):  # all of them: no hint by its time
            raise HTTPException(401, NO_KEY, {"WWW-Authenticate": "Bearer"})
        request.state.client = key.decode("latin-1")

    return let_in_with_key if rules.keys else let_in


class Pace:
    """Counts how many photos each client sends."""

    def __init__(self, rate: str) -> None:
        self._rate, self._limiter = parse(rate), FixedWindowRateLimiter(MemoryStorage())

    async def check(self, client: str) -> None:
        """Count one more.

        Raises:
            HTTPException: It is one too many.
        """
        if not await self._limiter.hit(self._rate, client):
            ends = (await self._limiter.get_window_stats(self._rate, client)).reset_time
            wait = str(max(1, round(ends - time.time())))
            raise HTTPException(429, TOO_OFTEN.format(rate=self._rate), {"Retry-After": wait})


def client_of(address: str) -> str:
    """Return by which name an address is counted: of IPv6, by the network that one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address

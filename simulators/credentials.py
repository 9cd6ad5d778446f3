"""How counterparts show the gateway who they are: by an access token of the issuer, or by signing what they send.

Not decided here: what is sent, and whether the gateway asks.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import httpx

_TOKEN_SECONDS = 300.0


class ByToken(httpx.AsyncBaseTransport):
    """Sends with an access token, which it renews every five minutes."""

    def __init__(self, inner: httpx.AsyncBaseTransport, token: Callable[[], str]) -> None:
        self._inner = inner
        self._make = token
        self._token = ""
        self._until = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with the token."""
        if time.monotonic() > self._until:
            self._token, self._until = self._make(), time.monotonic() + _TOKEN_SECONDS
        request.headers["Authorization"] = f"Bearer {self._token}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what it sends by."""
        await self._inner.aclose()


class BySignature(httpx.AsyncBaseTransport):
    """Signs each body as Standard Webhooks, anew with every attempt."""

    def __init__(self, inner: httpx.AsyncBaseTransport, secret: str) -> None:
        self._inner = inner
        self._key = base64.b64decode(secret.removeprefix("whsec_"))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request signed."""
        body = await request.aread()
        identity, at = f"msg_{secrets.token_hex(12)}", str(int(time.time()))
        signature = hmac.new(self._key, f"{identity}.{at}.".encode() + body, hashlib.sha256).digest()
        request.headers["webhook-id"] = identity
        request.headers["webhook-timestamp"] = at
        request.headers["webhook-signature"] = f"v1,{base64.b64encode(signature).decode()}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what it sends by."""
        await self._inner.aclose()

"""Checks on every HTTP request before any route sees it.

Decided here: that it is addressed to us and not sent by a foreign web page, that its address holds no control
characters, and that its body arrives in time and within the limit. Not here: the body's content.
"""

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncIterator, Collection, Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import Refusal

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORM_TYPES = frozenset({"text/plain", "multipart/form-data", "application/x-www-form-urlencoded"})
"""Types that a web page may send anywhere without a preflight request; the API accepts none of them."""
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_ADDRESS_BYTES_MAX = 8_000
IDLE_SECONDS_MAX = 15.0
"""How long a sender may be silent in the middle of a body."""
BODY_SECONDS_MAX = 60.0
"""How long a body that is read whole may take."""
STREAM_SECONDS_MAX = 1800.0
"""How long a plan may take."""


class Door:
    """ASGI middleware: refuses a request, or passes it on with its body whole (except for streams).

    `larger`: paths that take more bytes than others.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes_max: int,
        streams: Collection[str],
        larger: Mapping[str, int],
        typed: Collection[str],
        host_names: Collection[str],
    ) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max
        self._streams = streams
        self._larger = larger
        self._typed = typed
        self._host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._require_sound(scope)
            if scope["method"] in _CHANGING and scope["path"] not in self._streams:
                receive = _handing_on(await self._body(scope, receive), receive)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
        except ClientDisconnect:
            pass  # the client has gone
        else:
            await self._app(scope, receive, send)

    def _require_sound(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refusal(
                421,
                "unknown_host",
                f"{host!r} is not a name of this gateway",
                "call it by its address, by localhost or by a name in PEGLINE_GATEWAY_NAMES",
                field="Host",
                value=host,
            )
        raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
        address = raw + b"?" + scope["query_string"]
        if len(address) > _ADDRESS_BYTES_MAX:
            raise Refusal(
                414,
                "address_too_long",
                f"the address has {len(address)} bytes; at most {_ADDRESS_BYTES_MAX} are taken",
                "shorten it",
                field="path",
            )
        _require_text(address)
        if scope["method"] in _CHANGING:
            _require_no_page(headers, host, scope["path"], typed=scope["path"] in self._typed)

    def _is_ours(self, host: str) -> bool:
        """A page can point a name of its own at our address (DNS rebinding), but not an address or a name without a
        dot.
        """
        name = urlsplit(f"//{host}").hostname if host else None
        if name is None:
            return not host
        return "." not in name or name in self._host_names or _is_address(name)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._larger.get(scope["path"], self._body_bytes_max)
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated[:20]) > limit:
            raise _too_large(stated, limit, self._step(scope))
        parts: list[bytes] = []
        size = 0
        async for part in in_time(Request(scope, receive).stream(), BODY_SECONDS_MAX):
            size += len(part)
            if size > limit:
                raise _too_large(f"more than {limit}", limit, self._step(scope))
            parts.append(part)
        return b"".join(parts)

    def _step(self, scope: Scope) -> str:
        if scope["path"] in self._larger:
            return "send a larger plan to the API (POST /v1/plan-runs) or with `cli.py plan run`"
        return "send the events in smaller batches, or the document without attachments"


async def in_time(chunks: AsyncIterator[bytes], seconds: float = STREAM_SECONDS_MAX) -> AsyncIterator[bytes]:
    """The chunks of a body; raises Refusal (408) where the next one does not arrive or all together take too long."""
    until = time.monotonic() + seconds
    while True:
        try:
            async with asyncio.timeout(min(IDLE_SECONDS_MAX, until - time.monotonic())):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise _too_slow(seconds) from None
        if chunk is None:
            return
        yield chunk


def _require_text(address: bytes) -> None:
    plain = unquote_to_bytes(address.replace(b"+", b" "))
    found = _CONTROL.search(plain)
    try:
        plain.decode()
    except UnicodeDecodeError:
        pass
    else:
        if found is None:
            return
    raise Refusal(
        400,
        "invalid_address",
        "the address holds a control character, or bytes that are no UTF-8",
        "quote it from UTF-8; codes and names have no control characters",
        field="path",
        value=plain.decode("utf-8", "backslashreplace"),
    )


def _require_no_page(headers: Headers, host: str, path: str, *, typed: bool) -> None:
    """Refuse what a foreign web page can send; `typed`: the route checks the content type itself.

    Forms come from our own pages only, which have no place under /v1: browsers name the page's origin with a POST.
    """
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise Refusal(
            403,
            "foreign_origin",
            f"a page of {origin} may not change anything here",
            "send it from a program of your own, not from a browser",
            field="Origin",
            value=origin,
        )
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in _FORM_TYPES and not typed and path.startswith("/v1/"):
        raise Refusal(
            415,
            "unsupported_media_type",
            f"content type {media_type} is not taken",
            "send the type that the content has, such as application/json, application/cloudevents+json, "
            "application/edifact or text/csv",
            field="Content-Type",
            value=media_type,
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _handing_on(body: bytes, receive: Receive) -> Receive:
    """The app's `receive`: the whole body first, then whatever follows (the client's disconnect)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def handed_on() -> Message:
        return waiting.pop() if waiting else await receive()

    return handed_on


def _too_large(size: str, limit: int, step: str) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"the body has {size} bytes; at most {limit} are taken. Nothing of it was kept",
        step,
        field="body",
        value=f"{size} bytes",
        headers={"Connection": "close"},
    )


def _too_slow(seconds: float) -> Refusal:
    return Refusal(
        408,
        "body_too_slow",
        f"the body did not come in time: at most {IDLE_SECONDS_MAX:g} s between two parts of it, {seconds:g} s in all",
        "send it again; it is safe to repeat",
        field="body",
        headers={"Connection": "close"},
    )


__all__ = ["Door", "in_time"]

"""Calls over HTTP: the client that the composition root creates, and the one place where foreign errors become ours.

Decided here: time-outs, the headers every call carries (correlation, trace), which failure is transient, which
permanent, and which may have written (`maybe_written`); that a page for people is no answer, whatever its status; and
that an error quotes what was answered. Not decided here: the meaning of a counterpart's own error body; an adapter
names the statuses it reads itself.
"""

import asyncio
import html
import re
import ssl
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

import httpx
from opentelemetry import propagate, trace

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.pace import Pace
from adapters.tls import refused_handshake

correlation: ContextVar[str] = ContextVar("correlation", default="")
"""The correlation id of the current work; where set, every call carries it as X-Correlation-ID."""

_tracer = trace.get_tracer("pegline.adapters.http")
_paces: WeakKeyDictionary[httpx.AsyncClient, Pace] = WeakKeyDictionary()
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_WRONG_ADDRESS = (httpx.UnsupportedProtocol, httpx.InvalidURL)
_MAYBE_TLS = "; where that goes on, see whether it wants a client certificate (`tls` in the landscape)"
_EXCERPT = 300
_LOOKED_AT = 20_000
"""Bytes of a body from which a quote is taken."""
_ADDRESS = 120
_KEPT_OPEN = 8
"""Idle connections to a counterpart. httpcore looks at each of them before and after every call, which costs more than
opening one now and then: with twenty calls at a time, twenty took 3.2 ms of processor time a call, eight 2.3.
"""
_PAUSE_MAX = 3_600.0
"""No counterpart is left alone for longer, whatever it asks for."""
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.IGNORECASE)


class PreparedAuth(httpx.Auth):
    """A log-on that needs something of its own before a call, such as a token (adapters.oauth)."""

    async def prepare(self) -> None:
        """Have it. Raises TransientError or PermanentError; the call has not been sent then."""


def make_client(
    base_url: str,
    user: str = "",
    password: str = "",
    timeout_seconds: float = 5.0,
    transport: httpx.AsyncBaseTransport | None = None,
    pace: Pace | None = None,
    *,
    auth: httpx.Auth | None = None,
    tls: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.AsyncClient:
    """The client of one counterpart; `timeout_seconds` bounds a whole call, half of it the connecting.

    `pace`: every call of the client waits for its slot, whoever makes it; that time is not part of the call's.
    `auth`: how it logs on, else by user and password (adapters.oauth); `tls`: whom it trusts, and with which
    certificate (adapters.tls); `headers`: sent with every call, such as the client of an SAP system.
    """
    secured: dict[str, Any] = {"verify": tls} if tls is not None else {}
    client = httpx.AsyncClient(
        base_url=base_url,
        auth=auth or (httpx.BasicAuth(user, password) if user else None),
        timeout=httpx.Timeout(timeout_seconds, connect=timeout_seconds / 2, pool=timeout_seconds / 2),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=_KEPT_OPEN),
        headers={"Accept": "application/json", "Accept-Language": "en", **(headers or {})},
        transport=transport,
        **secured,
    )
    if pace is not None:
        _paces[client] = pace
    return client


async def exchange(
    http: httpx.AsyncClient,
    system: str,
    method: str,
    url: str,
    *,
    writes: bool,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    reads: Collection[int] = (),
) -> httpx.Response:
    """One call, with its response read to the end: a status below 300 or in `reads`.

    `writes`: the call changes something, so after a failure during or after sending it may have written. Raises
    TransientError or PermanentError for everything else.
    """
    what = f"{method} {url.partition('?')[0]}"
    with _tracer.start_as_current_span(f"{system} {what}", kind=trace.SpanKind.CLIENT) as span:
        sent = dict(headers or {})
        propagate.inject(sent)
        if correlation_id := correlation.get():
            sent["X-Correlation-ID"] = correlation_id
            span.set_attribute("pegline.correlation_id", correlation_id)
        if (pace := _paces.get(http)) is not None:
            await pace.turn()
        if isinstance(http.auth, PreparedAuth):
            # Apart from the call itself: where the token endpoint is slow, nothing has been written.
            await http.auth.prepare()
        response = await _send(
            http, system, what, http.build_request(method, url, headers=sent, content=content), writes
        )
        span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 300 and response.status_code not in reads:
            raise failure(
                system, what, response.status_code, response.headers, said(response.headers, response.content), writes
            )
        if response.status_code < 300 and _is_page(response):
            step = f"check the base URL, and how the {system} user logs on"
            raise PermanentError(
                system,
                f"{what}: {response.status_code}, but a page for people, such as a log-on page; {step}; "
                f"{said(response.headers, response.content)}",
            )
        return response


async def _send(
    http: httpx.AsyncClient, system: str, what: str, request: httpx.Request, writes: bool
) -> httpx.Response:
    try:
        # httpx restarts its read time-out with every chunk; a trickling response must end as well.
        async with asyncio.timeout(http.timeout.read):
            return await http.send(request)
    except _NEVER_SENT as error:
        if fault := refused_handshake(error):
            raise PermanentError(system, f"{what}: no connection to {http.base_url}: {fault}") from error
        raise TransientError(system, f"{what}: no connection to {http.base_url} ({_statement(error)})") from error
    except _WRONG_ADDRESS as error:
        raise PermanentError(system, f"{what}: {_statement(error)}; correct the base URL in the settings") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        seconds = http.timeout.read
        raise TransientError(system, f"{what}: no answer within {seconds:g} s", maybe_written=writes) from error
    except (httpx.TransportError, httpx.DecodingError, ssl.SSLError) as error:
        # In TLS 1.3 a server looks at our certificate after we have begun to send; its alert comes as the answer.
        if fault := refused_handshake(error):
            raise PermanentError(system, f"{what}: no connection to {http.base_url}: {fault}") from error
        # Some servers only hang up on a certificate that they refuse.
        hint = _MAYBE_TLS if http.base_url.scheme == "https" else ""
        detail = f"{what}: connection lost ({_statement(error)}){hint}"
        raise TransientError(system, detail, maybe_written=writes) from error


def failure(
    system: str, what: str, status: int, headers: Mapping[str, str], answered: str, writes: bool
) -> AdapterError:
    """The error for an answer of this status, 300 or above; `answered`: what the answer says, as `said` puts it.

    The next step comes before the quote, which is the part that a narrow display may cut off.
    """
    detail = f"{what}: {status} {_phrase(status)}".rstrip()
    match status:
        case 401:
            return PermanentError(system, f"{detail}; check how {system} is logged on to in the settings; {answered}")
        case 403:
            return PermanentError(system, f"{detail}; have the rights of the {system} user extended; {answered}")
        case 404 | 405 | 410:
            return PermanentError(
                system, f"{detail}; check the base URL, and that the service is active there; {answered}"
            )
        case 408 | 423 | 425 | 429:
            return TransientError(system, f"{detail}; {answered}", retry_after_seconds=_pause(headers))
        case _ if status < 400:
            step = f"redirected to {_address(headers)}, as to a log-on page; check the base URL and the {system} user"
            return PermanentError(system, f"{detail}; {step}; {answered}")
        case _ if status >= 500:
            wait = _pause(headers)
            maybe_written = writes and not (status == 503 and wait is not None)
            return TransientError(
                system, f"{detail}; {answered}", maybe_written=maybe_written, retry_after_seconds=wait
            )
        case _:
            return PermanentError(system, f"{detail}; not a dialect we speak; {answered}")


def _is_page(response: httpx.Response) -> bool:
    """No counterpart's interface answers in HTML: a log-on page, a portal or a proxy does."""
    start = response.content[:200].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    kind = response.headers.get("content-type", "").lower()
    return bool(start) and ("html" in kind or start.startswith((b"<!doctype html", b"<html")))


def said(headers: Mapping[str, str], content: bytes) -> str:
    """What an answer says: its content type and the beginning of its text, on one line and without markup."""
    kind = headers.get("content-type", "")
    text = quoted(content, kind)
    return f"it answered {kind.partition(';')[0].strip()[:60] or 'without a content type'}: {text or 'nothing'}"


def quoted(content: bytes, content_type: str = "") -> str:
    """The beginning of a text on one line, without markup; short enough for a log and a history event."""
    found = _CHARSET.search(content_type)
    try:
        text = content[:_LOOKED_AT].decode(found.group(1) if found else "utf-8", "replace")
    except LookupError:
        text = content[:_LOOKED_AT].decode("utf-8", "replace")
    if "json" not in content_type and text.lstrip("\ufeff \r\n\t")[:1] == "<":
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_EXCERPT]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _address(headers: Mapping[str, str]) -> str:
    """Where an answer redirects to, without the query, which may carry a log-on request."""
    return quoted(headers.get("location", "").partition("?")[0].encode())[:_ADDRESS] or "nowhere"


def _pause(headers: Mapping[str, str]) -> float | None:
    return retry_after(headers.get("retry-after", ""))


def retry_after(asked: str) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110: seconds or a date); None without a usable value."""
    asked = asked.strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked), _PAUSE_MAX)
    try:
        until = parsedate_to_datetime(asked)
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), _PAUSE_MAX)
    except (ValueError, OverflowError):
        return None


def excerpt(response: httpx.Response) -> str:
    """The beginning of a response's text, as `quoted`."""
    return quoted(response.content, response.headers.get("content-type", ""))


def _statement(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_EXCERPT]

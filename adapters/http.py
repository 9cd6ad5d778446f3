"""Calls over HTTP: the client that the composition root creates, and the one place where foreign errors become ours.

Decided here: time-outs, the headers every call carries (correlation, trace), and which failure is transient, which
permanent, and which may have written (`maybe_written`). Not decided here: the meaning of a counterpart's own error
body; an adapter names the statuses it reads itself.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from opentelemetry import propagate, trace

from adapters.errors import AdapterError, PermanentError, TransientError

correlation: ContextVar[str] = ContextVar("correlation", default="")
"""The correlation id of the current work; where set, every call carries it as X-Correlation-ID."""

_tracer = trace.get_tracer("pegline.adapters.http")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_WRONG_ADDRESS = (httpx.UnsupportedProtocol, httpx.InvalidURL)
_EXCERPT = 300


def make_client(
    base_url: str,
    user: str,
    password: str,
    timeout_seconds: float = 5.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """The client of one counterpart; `timeout_seconds` bounds a whole call, half of it the connecting."""
    return httpx.AsyncClient(
        base_url=base_url,
        auth=httpx.BasicAuth(user, password) if user else None,
        timeout=httpx.Timeout(timeout_seconds, connect=timeout_seconds / 2, pool=timeout_seconds / 2),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
        headers={"Accept": "application/json", "Accept-Language": "en"},
        transport=transport,
    )


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
        response = await _send(
            http, system, what, http.build_request(method, url, headers=sent, content=content), writes
        )
        span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 300 and response.status_code not in reads:
            raise _of_status(system, what, response, writes)
        return response


async def _send(
    http: httpx.AsyncClient, system: str, what: str, request: httpx.Request, writes: bool
) -> httpx.Response:
    try:
        # httpx restarts its read time-out with every chunk; a trickling response must end as well.
        async with asyncio.timeout(http.timeout.read):
            return await http.send(request)
    except _NEVER_SENT as error:
        raise TransientError(system, f"{what}: no connection to {http.base_url} ({_statement(error)})") from error
    except _WRONG_ADDRESS as error:
        raise PermanentError(system, f"{what}: {_statement(error)}; correct the base URL in the settings") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        seconds = http.timeout.read
        raise TransientError(system, f"{what}: no answer within {seconds:g} s", maybe_written=writes) from error
    except httpx.TransportError as error:
        raise TransientError(system, f"{what}: connection lost ({_statement(error)})", maybe_written=writes) from error


def _of_status(system: str, what: str, response: httpx.Response, writes: bool) -> AdapterError:
    status = response.status_code
    detail = f"{what}: {status} {response.reason_phrase}".rstrip()
    match status:
        case 401:
            return PermanentError(system, f"{detail}; check user and password of {system} in the settings")
        case 403:
            return PermanentError(
                system, f"{detail}; have the rights of the {system} user extended ({excerpt(response)})"
            )
        case 404 | 405 | 410:
            return PermanentError(system, f"{detail}; check the base URL, and that the service is active there")
        case 408 | 423 | 425 | 429:
            return TransientError(system, detail, retry_after_seconds=retry_after(response))
        case _ if status >= 500:
            wait = retry_after(response)
            maybe_written = writes and not (status == 503 and wait is not None)
            return TransientError(system, detail, maybe_written=maybe_written, retry_after_seconds=wait)
        case _:
            return PermanentError(system, f"{detail}; not a dialect we speak: {excerpt(response)}")


_RETRY_AFTER_MAX = 3600
"""So that no counterpart's number holds an order up for years."""


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that Retry-After asks for (RFC 9110: seconds or a date), an hour at most; None without a usable
    value.
    """
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(min(int(asked[:12]), _RETRY_AFTER_MAX))
    try:
        until = parsedate_to_datetime(asked)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), float(_RETRY_AFTER_MAX))


def excerpt(response: httpx.Response) -> str:
    """The beginning of a response's text on one line, short enough for a log and a history event."""
    return " ".join(response.text.split())[:_EXCERPT]


def _statement(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_EXCERPT]

"""Posts notifications as Standard Webhooks: signed, without following redirects, without reading long answers.

Decided here: headers, time-outs, and what an answer means. Not here: when an attempt is repeated.
"""

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable, Sequence

import httpx
from pydantic import SecretStr
from standardwebhooks import Webhook

from adapters.errors import TransientError
from adapters.http import quoted, retry_after

SYSTEM = "webhook"
_MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
_ANSWER_READ = 2_000
"""Bytes of an answer that are read, for the operator's page."""
_PAUSES = (429, 503)
"""Statuses whose Retry-After is honoured."""


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class WebhookClient:
    """Implements adapters.ports.WebhookPort."""

    def __init__(self, http: httpx.AsyncClient, now: Callable[[], dt.datetime] = _utc_now) -> None:
        self._http, self._now = http, now

    async def post(self, url: str, body: bytes, *, message_id: str, secrets: Sequence[SecretStr]) -> bool:
        """One attempt, with its own time stamp."""
        headers = {"Content-Type": _MEDIA_TYPE, "User-Agent": "Pegline", **self._signed(body, message_id, secrets)}
        try:
            # httpx restarts its read time-out with every chunk; a trickling answer must end as well.
            async with asyncio.timeout(self._http.timeout.read):
                async with self._http.stream("POST", url, content=body, headers=headers) as response:
                    return _judged(response, await _start_of(response) if response.status_code >= 300 else b"")
        except (httpx.TimeoutException, TimeoutError) as error:
            raise TransientError(SYSTEM, f"no answer within {self._http.timeout.read:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise TransientError(SYSTEM, f"no connection ({str(error)[:200] or type(error).__name__})") from error

    def _signed(self, body: bytes, message_id: str, secrets: Sequence[SecretStr]) -> dict[str, str]:
        """The three headers of Standard Webhooks; a signature by each secret, so that one can be replaced."""
        moment, text = self._now().astimezone(dt.UTC), body.decode()
        signatures = [Webhook(each.get_secret_value()).sign(message_id, moment, text) for each in secrets]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def webhook_client(
    timeout_seconds: float = 15.0, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """The HTTP client of all subscribers: no cookies are kept between them, no redirects are followed."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_seconds, connect=timeout_seconds / 3),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
        follow_redirects=False,
        transport=transport,
    )


def _judged(response: httpx.Response, start: bytes) -> bool:
    status = response.status_code
    if status < 300:
        return True
    if status == 410:
        return False
    wait = retry_after(response.headers.get("retry-after", "")) if status in _PAUSES else None
    kind = response.headers.get("content-type", "")
    detail = "a redirect, which is not followed" if status < 400 else quoted(start, kind) or "nothing more"
    raise TransientError(SYSTEM, f"it answered {status}: {detail}", retry_after_seconds=wait)


async def _start_of(response: httpx.Response) -> bytes:
    start = b""
    async for chunk in response.aiter_bytes():
        start += chunk
        if len(start) >= _ANSWER_READ:
            break
    return start[:_ANSWER_READ]

"""What a simulated counterpart sends by itself: each document delivered to the gateway, with retries, and kept.

Decided here: what is tried again (no connection, time-out, 408, 429, 5xx; a Retry-After is kept), how long, and what is
remembered of each sending. Not decided here: what is sent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from simulators.keeping import Shelf

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass
class Delivery:
    """One document on its way to the gateway, and what became of it."""

    number: int
    subject: str
    """What it is about, for the books."""
    path: str
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    state: Literal["waiting", "delivered", "refused", "given_up"] = "waiting"
    attempts: int = 0
    status: int | None = None
    answer: str = ""

    def view(self) -> dict[str, Any]:
        """Return the delivery as the books show it, without its body."""
        return {
            "number": self.number,
            "subject": self.subject,
            "path": self.path,
            "bytes": len(self.body),
            "state": self.state,
            "attempts": self.attempts,
            "status": self.status,
            "answer": self.answer[:500],
        }


class Outbox:
    """Sends to one gateway. `transport` stands in for the network where the gateway is in the same process."""

    def __init__(
        self,
        gateway_url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        first_pause_seconds: float = 0.1,
        timeout_seconds: float = 300.0,
        shelf: Shelf | None = None,
        part: str = "deliveries",
    ) -> None:
        """`shelf`: where deliveries are kept, as this part of the books."""
        self.gateway_url = gateway_url
        self.deliveries: list[Delivery] = []
        self._shelf, self._part = shelf or Shelf(), part
        self._shelf.entries(part, self.deliveries)
        self._transport = transport
        self._first_pause = first_pause_seconds
        self._timeout = timeout_seconds
        self._client: httpx.AsyncClient | None = None
        self._client_loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Return how many pieces of work in the background have not ended."""
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background; `settled` waits for it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._shelf.save()

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """Be a counterpart's lifespan: what a former one left on its way goes on, and at its end nothing is under way
        and no connection is open."""
        for delivery in self.deliveries:
            if delivery.state == "waiting":
                self.start(self.attempt(delivery))
        yield
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    async def settled(self) -> None:
        """Wait until everything that was started has ended; raises what went wrong in it."""
        while self._running:
            await asyncio.gather(*self._running)

    async def deliver(
        self, subject: str, path: str, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """Send a document to the gateway until it is taken, refused or the time is up."""
        delivery = Delivery(len(self.deliveries) + 1, subject, path, content_type, body, dict(headers or {}))
        self.deliveries.append(delivery)
        await self.attempt(delivery)
        return delivery

    async def attempt(self, delivery: Delivery) -> None:
        """Send the document (once more)."""
        self._shelf.save()
        try:
            await self._attempt(delivery)
        finally:
            self._shelf.touch(self._part, delivery.number - 1)

    async def _attempt(self, delivery: Delivery) -> None:
        until, pause = time.monotonic() + self._timeout, self._first_pause
        delivery.state = "waiting"
        while True:
            delivery.attempts += 1
            asked_for = 0.0
            try:
                response = await self._http().post(
                    self.gateway_url.rstrip("/") + delivery.path,
                    content=delivery.body,
                    headers={**delivery.headers, "Content-Type": delivery.content_type},
                )
            except httpx.TransportError as error:
                delivery.status, delivery.answer = None, f"{type(error).__name__}: {error}"
            else:
                delivery.status, delivery.answer = response.status_code, response.text
                if response.status_code not in AGAIN:
                    delivery.state = "delivered" if response.is_success else "refused"
                    return
                asked_for = _seconds(response.headers.get("Retry-After", ""))
            wait = max(pause, asked_for)
            if time.monotonic() + wait > until:
                delivery.state = "given_up"
                return
            await asyncio.sleep(wait)
            pause = min(pause * 2, 2.0)

    def _http(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._client_loop is not loop:
            self._client = httpx.AsyncClient(transport=self._transport, timeout=10.0)
            self._client_loop = loop
        return self._client


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdigit() else 0.0

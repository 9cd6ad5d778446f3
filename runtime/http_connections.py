"""How long a client may take to state its request: uvicorn itself waits for ever for the end of the headers.

Decided here: when a connection without a whole head is cut off, by time and by size. Not here: the time for a body
(gateway.door), nor how many connections there may be (a reverse proxy, or the system's limit of open files).
"""

from asyncio import BaseTransport, TimerHandle
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS_MAX = 15.0
"""From the connection's opening, or a further request's first byte, to the end of its headers."""
HEAD_BYTES_MAX = 64 * 1024


class TimedHttpProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, which closes connections that send their headers too slowly, or no end of them."""

    head_seconds_max = HEAD_SECONDS_MAX

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_bytes = 0
        self._head_due: TimerHandle | None = None
        self._body_follows = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request."""
        super().connection_made(cast(Any, transport))
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read on. The time for a head is not prolonged by its parts."""
        super().data_received(data)
        if self._body_follows or self._serving or self.transport.is_closing():
            self._head_came()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._cut_off(b"431 Request Header Fields Too Large")
        elif self._head_due is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The body follows; it may go on after an early response, such as a refusal."""
        self._body_follows = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head may follow."""
        self._body_follows = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._head_came()
        super().connection_lost(exc)

    @property
    def _serving(self) -> bool:
        """Whether a request's head has come and its response is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._head_due = self.loop.call_later(self.head_seconds_max, self._cut_off, b"408 Request Timeout")

    def _head_came(self) -> None:
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _cut_off(self, status: bytes) -> None:
        self._head_came()
        if not (self._body_follows or self._serving or self.transport.is_closing()):
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()


__all__ = ["HEAD_BYTES_MAX", "HEAD_SECONDS_MAX", "TimedHttpProtocol"]

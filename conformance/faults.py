"""Faults at the HTTP transport: what can happen to a call between an adapter and its system, real or simulated.

`FaultTransport` stands between the adapter's client and the system's own transport. Nothing waits for a time-out: a
call that is lost fails at once, and the system carries it out before, meanwhile, later or not at all, as the fault
says. Not decided here: which calls are struck, and what an adapter must make of it (the cases).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

_PATIENCE = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
"""What is carried out behind the adapter's back has time-outs of its own."""


class FaultKind(StrEnum):
    """What happens to a call; the value says it in a report."""

    NOT_CONNECTED = "no connection"
    LOST_BEFORE = "time-out, nothing was carried out"
    LOST_DURING = "time-out while it is carried out"
    LOST_AFTER = "time-out after it was carried out"
    LOST_LATE = "time-out, carried out later"
    CUT = "connection lost after it was carried out"
    HALF = "half of the answer, after it was carried out"
    ANSWERED = "another answer"


@dataclass(frozen=True)
class CallFault:
    """A fault of one call; `status`, `headers` and `body` are those of ANSWERED."""

    kind: FaultKind
    seconds: float = 0.0
    """Of LOST_LATE: when it is carried out."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    carried_out: bool = False
    """Of ANSWERED: whether the system carried the call out before."""
    name: str = ""

    def __str__(self) -> str:
        return self.name or str(self.kind)


PAGE = b"<!DOCTYPE html><html><head><title>Log On</title></head><body>Welcome to the portal</body></html>"
JSON, HTML = {"content-type": "application/json"}, {"content-type": "text/html; charset=utf-8"}

LOST = (
    CallFault(FaultKind.NOT_CONNECTED),
    CallFault(FaultKind.LOST_BEFORE),
    CallFault(FaultKind.LOST_DURING),
    CallFault(FaultKind.LOST_AFTER),
    CallFault(FaultKind.CUT),
)
LATE = CallFault(FaultKind.LOST_LATE)
"""Its seconds are the case's own."""
UNREADABLE = (
    CallFault(FaultKind.HALF),
    CallFault(FaultKind.ANSWERED, headers=HTML, body=PAGE, name="a page for people"),
    CallFault(FaultKind.ANSWERED, headers=JSON, body=b"null", carried_out=True, name="null after it was carried out"),
    CallFault(FaultKind.ANSWERED, headers=JSON, body=b'{"portal": 1}', carried_out=True, name="JSON of another kind"),
    CallFault(FaultKind.ANSWERED, headers=JSON, carried_out=True, name="nothing after it was carried out"),
    CallFault(FaultKind.ANSWERED, status=500, headers=HTML, body=PAGE, carried_out=True, name="500 after all"),
    CallFault(FaultKind.ANSWERED, status=502, headers=HTML, body=PAGE, name="502"),
)
BUSY = tuple(
    CallFault(FaultKind.ANSWERED, status=status, headers={"retry-after": "7"}, name=f"{status} with Retry-After")
    for status in (429, 503)
)


@dataclass
class FaultTransport(httpx.AsyncBaseTransport):
    """Passes calls on to `inner`, counts them, and strikes those it was told to."""

    inner: httpx.AsyncBaseTransport
    requests: list[httpx.Request] = field(default_factory=list)
    """All calls of the adapter, in the order in which they began."""
    struck: list[str] = field(default_factory=list)
    """The calls that met a fault: method and path."""
    behind: float = 0.0
    """The seconds by which a late call was carried out later than it was told to be, at most: the machine is busy."""
    _planned: dict[int, CallFault] = field(default_factory=dict)
    _all: CallFault | None = None
    _pending: set["asyncio.Task[httpx.Response]"] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many calls there were."""
        return len(self.requests)

    @property
    def met(self) -> str:
        """The calls that met a fault, as the end of a sentence."""
        return f" after a fault at {', '.join(self.struck)}" if self.struck else ""

    def paths_without(self, header: str, value: str) -> list[str]:
        """Where the adapter called without this value of a header."""
        return [each.url.path for each in self.requests if each.headers.get(header) != value]

    def strike(self, nth: int, fault: CallFault) -> None:
        """The nth call from now on, counted from 1, meets the fault."""
        self._planned[self.count + nth] = fault

    def strike_all(self, fault: CallFault | None) -> None:
        """Every call meets the fault from now on; None: no longer."""
        self._all = fault

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the call on, or let the fault happen."""
        content = await request.aread()
        self.requests.append(request)
        fault = self._planned.pop(self.count, self._all)
        if fault is None:
            return await _read(await self.inner.handle_async_request(request))
        self.struck.append(f"{request.method} {request.url.path}")
        return await self._struck(fault, request, content)

    async def _struck(self, fault: CallFault, request: httpx.Request, content: bytes) -> httpx.Response:
        match fault.kind:
            case FaultKind.NOT_CONNECTED:
                raise httpx.ConnectError("All connection attempts failed", request=request)
            case FaultKind.LOST_BEFORE:
                pass
            case FaultKind.LOST_LATE:
                self._carry_out(request, content, fault.seconds)
            case FaultKind.LOST_DURING:
                self._carry_out(request, content)
                await asyncio.sleep(0)
            case FaultKind.LOST_AFTER:
                await self._carry_out(request, content)
            case FaultKind.CUT:
                await self._carry_out(request, content)
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
            case FaultKind.HALF:
                return _half(await self._carry_out(request, content))
            case FaultKind.ANSWERED:
                if fault.carried_out:
                    await self._carry_out(request, content)
                return httpx.Response(fault.status, headers=fault.headers, content=fault.body)
        raise httpx.ReadTimeout("no answer in time", request=request)

    def _carry_out(self, request: httpx.Request, content: bytes, after: float = 0.0) -> "asyncio.Task[httpx.Response]":
        """The system goes on with a call whose caller has gone, so the task is none of the caller's."""
        copy = httpx.Request(
            request.method, request.url, headers=request.headers, content=content, extensions={"timeout": _PATIENCE}
        )
        clock = asyncio.get_running_loop().time
        due = clock() + after

        async def work() -> httpx.Response:
            await asyncio.sleep(max(0.0, due - clock()))
            response = await _read(await self.inner.handle_async_request(copy))
            if after:
                self.behind = max(self.behind, clock() - due)
            return response

        task = asyncio.create_task(work())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return task

    async def settled(self) -> None:
        """Wait until everything has been carried out."""
        while self._pending:
            await asyncio.wait(set(self._pending))

    async def aclose(self) -> None:
        """Carry everything out, then close the system's transport."""
        await self.settled()
        await self.inner.aclose()


@dataclass(frozen=True)
class _Raw(httpx.AsyncByteStream):
    content: bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


async def _read(response: httpx.Response) -> httpx.Response:
    """The response, read to its end, as it was sent."""
    content = b"".join([part async for part in response.aiter_raw()])
    await response.aclose()
    return httpx.Response(
        response.status_code, headers=response.headers, stream=_Raw(content), extensions=response.extensions
    )


def _half(whole: httpx.Response) -> httpx.Response:
    """The response with its body cut in the middle; an empty one stays."""
    stream = whole.stream
    assert isinstance(stream, _Raw)
    headers = [(name, value) for name, value in whole.headers.multi_items() if name.lower() != "content-length"]
    return httpx.Response(whole.status_code, headers=headers, stream=_Raw(stream.content[: len(stream.content) // 2]))


__all__ = ["BUSY", "HTML", "JSON", "LATE", "LOST", "PAGE", "UNREADABLE", "CallFault", "FaultKind", "FaultTransport"]

"""How a simulated counterpart is told to misbehave, and what every simulator says of itself.

Decided here: which request a fault hits, what the client sees of it, and whether and when the write is carried out; the
control room that all simulators share, beside their own dialect:

POST   /control/faults    one fault or a list of them (see Fault) -> 201 with ids
GET    /control/faults    the plan, with how often each fault was met (`seen`) and struck (`hits`)
DELETE /control/faults    forget all; `/control/faults/{id}` forgets one
GET    /control/writes    the write log, `?since=` a sequence number (exclusive)
GET    /control/books     the simulator's whole books
GET, PUT /control/clock   {"now": ISO instant}: the counterpart's clock, moved by PUT, goes on from there

Not decided here: what a write is, what the books hold, what an error looks like in a dialect. Paths under /control are
never hit by faults; a simulator may add its own there.

A simulator is `Simulator(app, name=..., books=..., clock=..., log=..., error_body=...)`: plain ASGI, to be the
outermost layer, since a connection can only be cut where the server's own `send` is in reach. In process, with
httpx.ASGITransport, a cut is raised as `ConnectionCut`, a httpx.RemoteProtocolError; `InProcessTransport` also keeps
the client's read time-out, which httpx's own transport ignores.
"""

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulators.books import Clock, Write, WriteLog
from simulators.keeping import Shelf

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
ErrorBody = Callable[[int], Any]


__all__ = [
    "App",
    "Clock",
    "ConnectionCut",
    "ErrorBody",
    "Fault",
    "FaultPlan",
    "InProcessTransport",
    "Match",
    "Message",
    "Planned",
    "Receive",
    "Scope",
    "Send",
    "Simulator",
    "Write",
    "WriteLog",
]


class ConnectionCut(httpx.RemoteProtocolError):
    """The connection was closed without a response."""


class Match(BaseModel):
    """Which requests a fault is meant for; what is left out matches all. Regexes are searched, not anchored."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path_regex: str | None = None
    """Searched in the path within the simulator, with the query string where there is one."""
    body_regex: str | None = None
    header: dict[str, str] = Field(default_factory=dict)
    """Header name to regex; every one must be there and match."""

    def fits(self, method: str, path: str, headers: Headers, body: bytes) -> bool:
        """Say whether the request is meant."""
        return (
            (self.method is None or self.method.upper() == method.upper())
            and (self.path_regex is None or re.search(self.path_regex, path) is not None)
            and (self.body_regex is None or re.search(self.body_regex, body.decode("latin-1")) is not None)
            and all(name in headers and re.search(regex, headers[name]) for name, regex in self.header.items())
        )


class Fault(BaseModel):
    """One way to misbehave.

    slow                 wait `seconds`, then carry out and answer
    status               answer `status`, with Retry-After where `retry_after` is given; nothing is written
    timeout_after_write  carry out at once, hold the answer for `seconds`
    write_late           no answer; the connection is closed after `hold` seconds (default: `seconds`) unless the client
                         left before; carried out only then, and not before `seconds` have passed
    cut                  close the connection without an answer; nothing is written
    answer               answer `status`, any one, with `body` and `headers` as they are: a log-on page, half an answer,
                         another dialect; carried out before, where `carried_out`
    """

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    kind: Literal["slow", "status", "timeout_after_write", "write_late", "cut", "answer"]
    status: int = Field(default=500, ge=200, le=599)
    body: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    carried_out: bool = False
    retry_after: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=1.0, ge=0)
    hold: float | None = Field(default=None, ge=0)
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    """Requests that match and are let pass before the fault strikes."""


@dataclass
class Planned:
    """A fault in the plan, with what it met so far."""

    id: int
    fault: Fault
    seen: int = 0
    hits: int = 0

    def view(self) -> dict[str, Any]:
        """Return the fault as GET /control/faults shows it."""
        return {"id": self.id, **self.fault.model_dump(), "seen": self.seen, "hits": self.hits}


@dataclass
class FaultPlan:
    """The faults that wait for their request, in the order in which they were given."""

    planned: list[Planned] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, fault: Fault) -> Planned:
        """Plan a fault."""
        planned = Planned(next(self.numbers), fault)
        self.planned.append(planned)
        return planned

    def strike(self, method: str, path: str, headers: Headers, body: bytes) -> Fault | None:
        """Return the first fault that is due for this request, and count it."""
        for planned in self.planned:
            fault = planned.fault
            if planned.hits >= fault.times or not fault.match.fits(method, path, headers, body):
                continue
            planned.seen += 1
            if planned.seen > fault.after:
                planned.hits += 1
                return fault
        return None


class Simulator:
    """A counterpart: its dialect (`app`), the faults in front of it and the control room beside it."""

    def __init__(
        self,
        app: App,
        *,
        name: str,
        books: Callable[[], Any],
        clock: Clock | None = None,
        log: WriteLog | None = None,
        error_body: ErrorBody | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        """`shelf`: where the books are kept; they are written before the answer to what may have changed them."""
        self.app = app
        self.shelf = shelf or Shelf()
        self.name = name
        self.books = books
        self.clock = clock or (log.clock if log else Clock())
        self.log = log or WriteLog(self.clock)
        self.plan = FaultPlan()
        self.error_body = error_body or (lambda status: {"error": f"simulated {status}"})
        self.late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            self.shelf.save()
            return
        path = _path_within(scope)
        if path.startswith("/control/") and (answer := await self._control(path, scope, receive)) is not None:
            await answer(scope, receive, send)
            return
        if path.startswith("/control/") or not self.plan.planned:
            await self._answer(scope, receive, send)
            return
        body = await _whole_body(receive)
        query = scope.get("query_string", b"").decode("latin-1")
        fault = self.plan.strike(
            scope["method"], f"{path}?{query}" if query else path, Headers(raw=scope["headers"]), body
        )
        again = _replay(body, receive)
        if fault is None:
            await self._answer(scope, again, send)
        else:
            await self._misbehave(fault, scope, again, receive, send, body)

    async def _misbehave(
        self, fault: Fault, scope: Scope, again: Receive, receive: Receive, send: Send, body: bytes
    ) -> None:
        match fault.kind:
            case "status":
                headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                answer = JSONResponse(self.error_body(fault.status), fault.status, headers)
                await answer(scope, again, send)
            case "cut":
                await _cut(receive, send)
            case "answer":
                if fault.carried_out:
                    await asyncio.shield(self._keep(self._carry_out_after(0, scope, again, _into([]))))
                await Response(fault.body, fault.status, fault.headers)(scope, again, send)
            case "slow":
                # A server goes on with the request of a client that left, so it must not end with the caller's task.
                await asyncio.shield(self._keep(self._carry_out_after(fault.seconds, scope, again, send)))
            case "timeout_after_write":
                held: list[Message] = []
                await asyncio.shield(self._keep(self._carry_out_after(0, scope, again, _into(held))))
                await asyncio.sleep(fault.seconds)
                for message in held:
                    await send(message)
            case "write_late":
                gone = asyncio.Event()
                self._keep(self._carry_out_late(fault.seconds, gone, scope, body))
                try:
                    hold = fault.seconds if fault.hold is None else fault.hold
                    left = await _client_leaves(receive, hold)
                finally:
                    gone.set()
                if not left:
                    await _cut(receive, send)

    def _keep(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        return task

    async def _carry_out_after(self, seconds: float, scope: Scope, again: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await self._answer(scope, again, send)

    async def _carry_out_late(self, seconds: float, gone: asyncio.Event, scope: Scope, body: bytes) -> None:
        copy = {**scope, "headers": list(scope["headers"])}
        await asyncio.sleep(seconds)
        await gone.wait()
        await self._answer(copy, _replay(body, _never), _into([]))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return

        async def written_first(message: Message) -> None:
            self.shelf.save()
            await send(message)

        await self.app(scope, receive, written_first)

    async def settled(self) -> None:
        """Wait until every held or late write has been carried out."""
        while self.late:
            await asyncio.wait(set(self.late))

    async def _control(self, path: str, scope: Scope, receive: Receive) -> Response | None:
        request = Request(scope, receive)
        match (request.method, path.removeprefix("/control/").rstrip("/").split("/")):
            case ("POST", ["faults"]):
                return self._add_faults(await request.body())
            case ("GET", ["faults"]):
                return JSONResponse({"faults": [planned.view() for planned in self.plan.planned]})
            case ("DELETE", ["faults", *number]):
                kept = [planned for planned in self.plan.planned if number and str(planned.id) != number[0]]
                self.plan.planned = kept
                return Response(status_code=204)
            case ("GET", ["writes"]):
                since = request.query_params.get("since", "0")
                if not since.isdigit():
                    return JSONResponse({"error": "since must be a sequence number"}, 400)
                return JSONResponse({"writes": self.log.since(int(since))})
            case ("GET", ["books"]):
                return JSONResponse(self.books())
            case ("GET", ["clock"]):
                return JSONResponse({"now": self.clock.now().isoformat()})
            case ("PUT" | "POST", ["clock"]):
                return self._set_clock(await request.body())
            case _:
                return None

    def _add_faults(self, body: bytes) -> Response:
        try:
            faults = _FAULTS.validate_json(body)
        except ValidationError as error:
            return JSONResponse({"error": json.loads(error.json(include_url=False, include_context=False))}, 400)
        added = [self.plan.add(fault) for fault in (faults if isinstance(faults, list) else [faults])]
        return JSONResponse({"ids": [planned.id for planned in added]}, 201)

    def _set_clock(self, body: bytes) -> Response:
        try:
            now = datetime.fromisoformat(json.loads(body)["now"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'expected {"now": an ISO instant}'}, 400)
        if now.tzinfo is None:
            return JSONResponse({"error": "now must name its offset"}, 400)
        self.clock.set(now)
        return JSONResponse({"now": self.clock.now().isoformat()})


class InProcessTransport(httpx.ASGITransport):
    """httpx's in-process transport that keeps the client's read time-out, as a network would."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the request, or raise httpx.ReadTimeout when the client's time-out is over."""
        timeout = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(timeout):
                return await super().handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=request) from error


_FAULTS: TypeAdapter[Fault | list[Fault]] = TypeAdapter(Fault | list[Fault])


def _path_within(scope: Scope) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _never() -> Message:
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


def _into(held: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        held.append(message)

    return keep


async def _client_leaves(receive: Receive, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _cut(receive: Receive, send: Send) -> None:
    """Close the connection without a response: the server's transport if there is one, else raise in process."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionCut("connection closed without a response")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass

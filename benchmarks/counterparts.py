"""The simulated counterparts of a benchmark: the demo's, with a warehouse that receives by itself and a stopwatch.

    python -m benchmarks.counterparts --port N --gateway URL [--name NAME]

The same program serves both sides. Goods arrive some time after their coverage was reported to APS; otherwise the
simulators are unchanged. GET /bench/progress returns what was observed, POST /bench/pace sets when goods arrive, GET
/bench/latencies returns, once each, the seconds from sending an answer until both ERP and APS were written.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.responses import JSONResponse

from benchmarks.command_line import command_line
from simulators.app import create
from simulators.edi.documents import OrderLine, read_order
from simulators.edi.syntax import parse
from simulators.faults import App, Message, Receive, Scope, Send

_ORDER = re.compile(rb"(?<!\d)45\d{8}(?!\d)")


@dataclass
class Watch:
    """The observations of one order."""

    lines: tuple[OrderLine, ...]
    answered_at: float | None = None
    erp_at: float | None = None
    aps_at: float | None = None
    covered: int = 0
    """How often its coverage was reported to APS."""


@dataclass
class Observed:
    """The counterparts under observation."""

    inside: App
    receive_after: float | None = 0.2
    """Seconds from the first coverage report to the receipt; None: nothing arrives."""
    orders: dict[str, Watch] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    received: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inside(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/bench/"):
            await self._answer(path, scope, receive, send)
            return
        if "/control/" in path or path == "/":
            await self.inside(scope, receive, send)
            return
        system = path.split("/")[1]
        self.calls[f"{system} {scope['method']} {_resource(path)}"] += 1
        body = await _read(receive)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self.inside(scope, _replayed(body, receive), watched)
        if status < 300:
            self._note(system, scope, body)

    def _note(self, system: str, scope: Scope, body: bytes) -> None:
        now = time.monotonic()
        if system == "edi":
            for message in parse(body).messages:
                text = read_order(message)
                self.orders.setdefault(text.order, Watch(text.lines))
        elif system == "aps":
            order = self.orders[scope["path"].rpartition("/")[2]]
            order.covered += 1
            order.aps_at = order.aps_at or now
            if order.covered == 1 and self.receive_after is not None:
                self._undertake(self._receive(scope["path"].rpartition("/")[2], order, self.receive_after))
            self._settle(order)
        elif system == "erp" and scope["method"] != "GET":
            for number in set(_ORDER.findall(scope["path"].encode() + body)):
                order_or_none = self.orders.get(number.decode())
                if order_or_none is not None and order_or_none.answered_at and not order_or_none.erp_at:
                    order_or_none.erp_at = now
                    self._settle(order_or_none)

    def _settle(self, order: Watch) -> None:
        if order.erp_at and order.aps_at and order.answered_at and order.covered <= 1:
            self.latencies.append(max(order.erp_at, order.aps_at) - order.answered_at)

    def answering(self, body: bytes) -> None:
        """A supplier's answer leaves for the gateway."""
        for number in set(_ORDER.findall(body)):
            order = self.orders.get(number.decode())
            if order is not None and order.answered_at is None:
                order.answered_at = time.monotonic()

    async def _receive(self, number: str, order: Watch, after: float) -> None:
        await asyncio.sleep(after)
        receipts = [
            {"order": number, "line": line.line, "quantity": str(line.quantity), "unit": line.unit}
            | {"date": line.date.isoformat()}
            for line in order.lines
        ]
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.inside), base_url="http://counterparts", timeout=60
        ) as warehouse:
            answer = await warehouse.post("/wms/control/receive", json={"receipts": receipts})
            answer.raise_for_status()
        self.received += len(receipts)

    def _undertake(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body: Any
        match path:
            case "/bench/progress":
                body = {
                    "orders": len(self.orders),
                    "lines": sum(len(order.lines) for order in self.orders.values()),
                    "covered": sum(order.covered > 0 for order in self.orders.values()),
                    "received": self.received,
                    "calls": dict(self.calls),
                }
            case "/bench/latencies":
                body, self.latencies = {"seconds": self.latencies}, []
            case "/bench/pace":
                self.receive_after = json.loads(await _read(receive))["receive_after"]
                body = {"receive_after": self.receive_after}
            case _:
                body = {"error": f"there is no {path}"}
        await JSONResponse(body)(scope, receive, send)


class Stamping(httpx.AsyncBaseTransport):
    """The transport to the gateway; it starts the stopwatch for answers."""

    def __init__(self, seen: Callable[[bytes], None]) -> None:
        self._seen = seen
        self._way = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/suppliers/" in request.url.path:
            self._seen(request.content)
        return await self._way.handle_async_request(request)

    async def aclose(self) -> None:
        await self._way.aclose()


def _resource(path: str) -> str:
    """The resource of a call: OData's entity set without its key, otherwise the path after the system's name."""
    last = path.rpartition("/")[2] if "/odata/" in path else path.split("/")[2]
    return last.partition("(")[0] or "token"


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def observed(gateway_url: str, name: str | None = None) -> Observed:
    """All counterparts under observation."""
    watching: list[Observed] = []
    inside = create(gateway_url, transport=Stamping(lambda body: watching[0].answering(body)), name=name)
    watching.append(Observed(inside))
    return watching[0]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--name", help="how they call themselves, where several sets send to one gateway")
    return parser


def main() -> None:
    """Serve until interrupted."""
    given = arguments().parse_args()
    uvicorn.run(
        observed(given.gateway, given.name), host="127.0.0.1", port=given.port, log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main()

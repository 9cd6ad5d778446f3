"""Coupa over HTTP: the API under /api, its log-on, and the people in it under /control."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import error_as_json, gateway_route, read, resend_route
from simulators.coupa.books import CoupaBooks, Invalid, Missing, Row
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.outbox import Outbox

EVENT = "application/cloudevents+json"
DECIDED = "pegline.approval.decided.v1"
ROWS_MAX = 50
RATE, BURST = 25.0, 20
FILTERED = frozenset({"id", "status", "exported", "created-at", "updated-at", "type"})
_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda held, given: held == given,
    "not_eq": lambda held, given: held != given,
    "gt": lambda held, given: held > given,
    "gt_or_eq": lambda held, given: held >= given,
    "lt": lambda held, given: held < given,
    "lt_or_eq": lambda held, given: held <= given,
}
Name = Annotated[str, Field(min_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DecideBody(_Body):
    """A person decides on a requisition or a change."""

    requisition: int | None = None
    change: int | None = None
    by: Name = "anna"
    reason: str = ""
    tell: bool = True


class SetupBody(_Body):
    """How the instance is set up; what is left out stays."""

    suppliers: list[str] | None = None
    items: list[str] | None = None
    issues: bool | None = None
    approves: bool | None = None
    order_delay: bool | None = None


class EditBody(_Body):
    """A buyer revises a line."""

    order: Name
    line: int
    quantity: str | None = None
    need_by: str | None = None
    price: str | None = None
    status: str | None = None
    deleted: bool = False


class ConfirmBody(_Body):
    """A supplier confirms."""

    order: Name
    lines: list[dict[str, Any]]


class ShipBody(_Body):
    """A supplier ships."""

    order: Name
    asn: Name
    lines: list[dict[str, Any]]
    delivery: Name


class ReceiveBody(_Body):
    """Goods arrive."""

    order: Name
    line: int
    quantity: str
    date: str | None = None


class VoidBody(_Body):
    """A receipt was a mistake."""

    receipt: int


class _Bucket:
    """25 requests a second, 20 at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._left, self._at = clock, float(BURST), clock()

    def take(self) -> bool:
        now = self._clock()
        self._left, self._at = min(float(BURST), self._left + (now - self._at) * RATE), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    client_id: str = "pegline",
    client_secret: str = "pegline",
    name: str = "coupa",
    transport: httpx.AsyncBaseTransport | None = None,
    shelf: Shelf | None = None,
    limited: bool = True,
) -> Simulator:
    """Return Coupa as an ASGI app; `transport` reaches a gateway in the same process. `limited` False: it takes any
    number of requests."""
    clock = Clock()
    books, log = CoupaBooks(clock, shelf), WriteLog(clock, shelf=shelf)
    outbox = Outbox(gateway_url, transport, timeout_seconds=300.0, shelf=shelf)
    api = _Api(books, log, (client_id, client_secret), _Bucket() if limited else None)
    people = _People(books, outbox, name)
    app = Starlette(
        routes=[
            Route("/oauth2/token", api.log_on, methods=["POST"]),
            Route("/oauth2/access_tokens", api.log_on, methods=["POST"]),
            Route("/api/{path:path}", api.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            *people.routes(),
            gateway_route(outbox),
            resend_route(outbox),
        ],
        exception_handlers={HTTPException: error_as_json, Invalid: _invalid, Missing: _missing},
        lifespan=outbox.lifespan,
    )
    return Simulator(app, name="coupa", books=books.books, clock=clock, log=log, error_body=_error_body, shelf=shelf)


def _error_body(status: int) -> Any:
    return {"errors": {"base": [f"simulated {status}"]}}


def _refusal(request: Request, status: int, resource: str, *texts: str) -> Response:
    if "xml" in request.headers.get("accept", ""):
        errors = "".join(f"<error>{text}</error>" for text in texts)
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<errors>{errors}</errors>', status, {}, "application/xml"
        )
    return JSONResponse({"errors": {resource: list(texts)}}, status)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, Invalid)
    return _refusal(request, 400, error.resource, *error.texts)


async def _missing(request: Request, error: Exception) -> Response:
    return _refusal(request, 404, "base", "No results match your search criteria.")


class _Api:
    """What programs call."""

    def __init__(self, books: CoupaBooks, log: WriteLog, client: tuple[str, str], bucket: _Bucket | None) -> None:
        self._books, self._log, self._client, self._bucket = books, log, client, bucket
        self._tokens: set[str] = set()

    async def log_on(self, request: Request) -> Response:
        form = await request.form()
        if (
            form.get("grant_type") != "client_credentials"
            or (
                form.get("client_id"),
                form.get("client_secret"),
            )
            != self._client
        ):
            return JSONResponse({"error": "invalid_client"}, 401)
        token = f"token-{len(self._tokens) + 1}"
        self._tokens.add(token)
        answer = {"access_token": token, "token_type": "bearer", "expires_in": 86399, "scope": form.get("scope", "")}
        return JSONResponse(answer)

    async def answer(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self._tokens:
            return _refusal(request, 401, "base", "Unauthorized")
        if self._bucket is not None and not self._bucket.take():
            return _refusal(request, 429, "base", "Too many requests")
        accept = request.headers.get("accept", "")
        if accept != request.headers.get("content-type", accept):
            return _refusal(request, 400, "base", "Content-Type and Accept must be equal")
        parts = request.path_params["path"].strip("/").split("/")
        if request.method == "GET":
            return self._read(request, parts)
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            return _refusal(request, 400, "base", "Body can't be parsed")
        row, status = self._write(request, parts, body if isinstance(body, dict) else {})
        self._log.record(
            method=request.method,
            path=request.url.path,
            headers=request.headers,
            summary=f"{request.method} {'/'.join(parts)}",
            document=None if row is None else str(row["id"]),
        )
        return Response(status_code=status) if row is None else JSONResponse(row, status)

    def _rows(self, collection: list[str]) -> dict[int, Row]:
        match collection:
            case ["requisitions"]:
                return self._books.requisitions
            case ["purchase_orders"]:
                return self._books.orders
            case ["purchase_order_lines"]:
                return {line["id"]: line for row in self._books.orders.values() for line in row["order-lines"]}
            case ["purchase_order_changes"]:
                return self._books.changes
            case ["order_header_confirmations"]:
                return self._books.confirmations
            case ["receiving_transactions"]:
                return self._books.receipts
            case ["asn", "headers"]:
                return self._books.shipments
        raise Missing

    def _read(self, request: Request, parts: list[str]) -> Response:
        if parts[-1].isdigit():
            row = self._rows(parts[:-1]).get(int(parts[-1]))
            if row is None:
                raise Missing
            return JSONResponse(row)
        found = [row for row in self._rows(parts).values() if _fits(row, request.query_params)]
        by = request.query_params.get("order_by", "")
        newest_first = request.query_params.get("dir", "asc" if by else "desc") == "desc"
        found.sort(key=lambda row: (str(row.get(by, "")) if by and by != "id" else "", row["id"]), reverse=newest_first)
        offset, limit = _number(request, "offset", 0), _number(request, "limit", ROWS_MAX)
        page = found[offset : offset + min(limit, ROWS_MAX)]
        if not page and "xml" in request.headers.get("accept", ""):
            raise Missing
        return JSONResponse(page)

    def _write(self, request: Request, parts: list[str], body: Mapping[str, Any]) -> tuple[Row | None, int]:
        books = self._books
        match (request.method, parts):
            case ("POST", ["requisitions", "submit_for_approval"]):
                row = books.create_requisition(body)
                books.submit_requisition(row)
                return row, 201
            case ("POST", ["requisitions"]):
                return books.create_requisition(body), 201
            case ("PUT", ["requisitions", number, "update_and_submit_for_approval"]):
                row = books.update_requisition(_id(number), body)
                books.submit_requisition(row)
                return row, 200
            case ("DELETE", ["requisitions", number]):
                books.delete_requisition(_id(number))
                return None, 200
            case ("POST", ["purchase_orders"]):
                raise Invalid("order_header", "Only external purchase orders can be created")
            case ("POST", ["purchase_order_changes"]):
                return books.create_change(body), 201
            case ("PUT", ["purchase_order_changes", number, "submit_for_approval"]):
                return books.submit_change(_id(number)), 200
            case ("POST", ["receiving_transactions"]):
                line = books.order_line(_id(str((body.get("order-line") or {}).get("id", ""))))
                return books.receive(line, body.get("quantity"), body.get("transaction-date")), 201
            case ("PUT", ["receiving_transactions", number, "void"]):
                return books.void(_id(number)), 200
            case ("PUT" | "PATCH", [*collection, number]) if "exported" in request.query_params:
                marked = self._rows(collection).get(_id(number))
                if marked is None:
                    raise Missing
                flag = "export-flag" if collection[0] == "asn" else "exported"
                marked[flag] = request.query_params["exported"] == "true"
                return marked, 200
            case ("PUT" | "PATCH", ["requisitions", number]):
                return books.update_requisition(_id(number), body), 200
            case ("PUT", ["purchase_orders", number, action]):
                return books.act_on_order(_id(number), action), 200
        raise Missing


def _fits(row: Row, query: Mapping[str, str]) -> bool:
    for name, given in query.items():
        field, _, operator = name.partition("[")
        compare = _COMPARED.get(operator.removesuffix("]"))
        field = "export-flag" if field == "exported" and "export-flag" in row else field
        if compare is None or (field not in FILTERED and field != "export-flag") or field not in row:
            continue  # harder reading: not refused, and without effect
        held = row[field]
        if field.endswith("-at"):
            held, given = _utc(str(held)), _utc(given)
        if not compare(str(held).lower() if isinstance(held, bool) else str(held), given):
            return False
    return True


def _utc(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).isoformat()
    except ValueError:
        return moment


def _id(text: str) -> int:
    if not text.isdigit():
        raise Missing
    return int(text)


def _number(request: Request, name: str, otherwise: int) -> int:
    given = request.query_params.get(name, "")
    return int(given) if given.isdigit() else otherwise


class _People:
    """What people do in Coupa, suppliers in its portal, and warehouses."""

    def __init__(self, books: CoupaBooks, outbox: Outbox, name: str) -> None:
        self._books, self._outbox, self._name = books, outbox, name
        self._told = 0

    def routes(self) -> list[Route]:
        handlers = {
            "approve": self.approve,
            "reject": self.reject,
            "withdraw": self.withdraw,
            "edit": self.edit,
            "setup": self.set_up,
            "orders": self.orders,
            "confirm": self.confirm,
            "ship": self.ship,
            "receive": self.receive,
            "void": self.void,
        }
        return [Route(f"/control/{path}", handler, methods=["POST"]) for path, handler in handlers.items()]

    async def approve(self, request: Request) -> Response:
        body = await read(request, DecideBody)
        if body.requisition is not None:
            row = self._books.approve_requisition(body.requisition, body.by)
        else:
            row = self._books.decide_change(body.change or 0, None)
        return await self._decided(row, body)

    async def reject(self, request: Request) -> Response:
        body = await read(request, DecideBody)
        if body.requisition is not None:
            row = self._books.reject_requisition(body.requisition, body.by, body.reason)
        else:
            row = self._books.decide_change(body.change or 0, body.reason)
        return await self._decided(row, body)

    async def withdraw(self, request: Request) -> Response:
        body = await read(request, DecideBody)
        return await self._decided(self._books.withdraw_requisition(body.requisition or 0), body)

    async def _decided(self, row: Row, body: DecideBody) -> Response:
        if body.tell:
            self._told += 1
            event = {
                "specversion": "1.0",
                "id": f"{row['id']}/{self._told}/{row['updated-at']}",
                "source": self._name,
                "type": DECIDED,
                "time": row["updated-at"],
                "datacontenttype": "application/json",
                "data": {"order": row.get("po-number") or str(row["id"]), "document": str(row["id"])},
            }
            await self._outbox.deliver(event["id"], "/v1/events", EVENT, bytes(JSONResponse(event).body))
        return JSONResponse(row)

    async def edit(self, request: Request) -> Response:
        body = await read(request, EditBody)
        values = {
            "quantity": body.quantity,
            "need-by-date": body.need_by,
            "price": body.price,
            "status": body.status,
        }
        return JSONResponse(self._books.edit(body.order, str(body.line), values, deleted=body.deleted))

    async def set_up(self, request: Request) -> Response:
        given = (await read(request, SetupBody)).model_dump(exclude_none=True)
        self._books.setup |= given
        return JSONResponse(self._books.setup)

    async def orders(self, request: Request) -> Response:
        return JSONResponse(self._books.make_orders())

    async def confirm(self, request: Request) -> Response:
        body = await read(request, ConfirmBody)
        return JSONResponse(self._books.confirm(body.order, body.lines), 201)

    async def ship(self, request: Request) -> Response:
        body = await read(request, ShipBody)
        return JSONResponse(self._books.ship(body.order, body.asn, body.lines, body.delivery), 201)

    async def receive(self, request: Request) -> Response:
        body = await read(request, ReceiveBody)
        order = self._books.order_by_number(body.order)
        line = next((one for one in order["order-lines"] if one["line-num"] == str(body.line)), None)
        if line is None:
            raise Missing
        return JSONResponse(self._books.receive(line, body.quantity, body.date), 201)

    async def void(self, request: Request) -> Response:
        return JSONResponse(self._books.void((await read(request, VoidBody)).receipt))

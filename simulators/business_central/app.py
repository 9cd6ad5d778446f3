"""Business Central as others meet it: API v2.0, the OData page of purchase orders, an API page of a customer's own.

Built from Microsoft's documents alone (dynamics365smb-devitpro-pb: API v2.0 reference, its printed calls, error codes,
webhooks; the AL source of pages 30066 and 30067) and the models of Tradecloud's connector for the OData page.

ADDRESSES (below /v2.0/{tenant}/{environment})
  /api/v2.0/companies; below a company: vendors, items, unitsOfMeasure, locations (read only), purchaseOrders,
    purchaseOrders({id})/purchaseOrderLines, purchaseOrderLines({id}) (a list needs a document: AL says so),
    purchaseReceipts with purchaseReceiptLines (read only; the header names the order, the line names none)
  /api/v2.0/subscriptions, /api/microsoft/runtime/beta/companies({id})/webhookSupportedResources
  /ODataV4/Company('{name}')/purchaseOrders: header fields No, Your_Reference, Status; PATCH
  /api/pegline/purchasing/v1.0/companies({id})/purchaseOrders, with `externalReference` and the bound actions
    Microsoft.NAV.release and Microsoft.NAV.reopen, and /itemVendors: where `extension` is on
  /{tenant}/oauth2/v2.0/token (client credentials), anywhere

DIALECT
  Bearer tokens, 401 Authentication_InvalidCredentials without. PATCH and DELETE want If-Match: without it
  BadRequest_InvalidToken, with a stale tag 409 Request_EntityChanged. $filter $select $expand $top $skip $orderby;
  pages of `page_size` rows with @odata.nextLink. Decimals are JSON numbers, days ISO. Deep insert of order and lines.
  More than `at_once` requests of one user wait for each other; more than 95 waiting are refused with 429.
  Errors: {"error": {"code", "message"}}, the message ends with a correlation id.
  Subscriptions: made and renewed by a handshake (validationToken in the query, to be answered in the body), end after
  three days. Changes are held and merged until POST /control/notify; more than one of the same collection may come as
  one `collection`. An answer other than 2xx, 408, 429 or 5xx ends the subscription.

CONTROL (no authentication; faults, writes, books, clock: see simulators.faults)
  POST /control/master-data {vendors, items, units, locations, item_vendors}: upserts
  POST /control/receipts    {order, sequence, quantity}: the warehouse posts a receipt
  POST /control/invoices    {order}: what was received is invoiced; a complete order is gone then
  POST /control/edits       {order, sequence?, changes?, delete?, status?}: what a person does at the pages
  POST /control/notify      {as_collection?}: tell subscribers what has changed since
  POST /control/tokens/expire
"""

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.business_central import metadata
from simulators.business_central.books import Books, Order, Refusal, Row
from simulators.business_central.query import page
from simulators.control import error_as_json, read
from simulators.faults import Simulator
from simulators.keeping import Shelf

EXTENSION = "api/pegline/purchasing/v1.0"
_ROOT = re.compile(r"^/v2\.0/[^/]+/[^/]+/(?P<rest>.*)$")
_COMPANY = re.compile(r"^(?P<api>api/[\w./]+?)/companies\((?P<company>[^)]+)\)/(?P<rest>.*)$")
_PAGE = re.compile(r"^ODataV4/Company\('(?P<company>[^']+)'\)/purchaseOrders(?:\((?P<key>[^)]*)\))?$")
_KEYED = re.compile(r"^(?P<set>\w+)(?:\((?P<key>[^)]+)\))?(?:/(?P<below>[\w.]+)(?:\((?P<below_key>[^)]+)\))?)?$")
_LASTS = timedelta(days=3)
_WAITING_MAX = 95
_MASTER = {"vendors": "vendors", "items": "items", "unitsOfMeasure": "units", "locations": "locations"}
_NEVER_DELETES = frozenset({408, 429})


class ReceiptBody(BaseModel):
    """Goods that arrive."""

    model_config = ConfigDict(extra="forbid")
    order: str
    sequence: int
    quantity: Decimal


class OrderBody(BaseModel):
    """An order."""

    model_config = ConfigDict(extra="forbid")
    order: str


class EditBody(BaseModel):
    """What a person does with an order, or with a line of it."""

    model_config = ConfigDict(extra="forbid")
    order: str
    sequence: int | None = None
    changes: dict[str, Any] | None = None
    delete: bool = False
    status: str | None = None


class NotifyBody(BaseModel):
    """Whether several changes come as one `collection`."""

    model_config = ConfigDict(extra="forbid")
    as_collection: bool = False


class BusinessCentral:
    """One environment with one company."""

    def __init__(
        self,
        clock: Clock,
        shelf: Shelf | None,
        *,
        client: tuple[str, str],
        extension: bool,
        orders_notify: bool,
        page_size: int,
        at_once: int,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.books = Books(clock, shelf)
        self.log = WriteLog(clock, shelf=shelf)
        self.client, self.extension, self.orders_notify, self.page_size = client, extension, orders_notify, page_size
        self.tokens: set[str] = set()
        self.subscriptions: dict[str, Row] = {}
        self.changes: list[tuple[str, str]] = []
        self.most_at_once = self.now_at_once = 0
        self._places, self._waiting = asyncio.Semaphore(at_once), 0
        self._transport = transport

    # -- the address

    async def token(self, request: Request) -> Response:
        """The token endpoint of the identity platform."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if form.get("grant_type") != "client_credentials" or given != self.client:
            return JSONResponse({"error": "invalid_client", "error_description": "AADSTS7000215"}, 401)
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        return JSONResponse({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    async def answer(self, request: Request) -> Response:
        """One call, when there is a place for it."""
        if self._waiting >= _WAITING_MAX:
            return _error(Refusal(429, "Application_TooManyRequests", "Too many requests are waiting."))
        self._waiting += 1
        async with self._places:
            self._waiting -= 1
            self.now_at_once += 1
            self.most_at_once = max(self.most_at_once, self.now_at_once)
            try:
                await asyncio.sleep(0)
                return await self._answered(request)
            except Refusal as refused:
                return _error(refused)
            finally:
                self.now_at_once -= 1

    async def _answered(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "Authentication_InvalidCredentials", "The server has rejected the client credentials")
        path = unquote(request.url.path.removeprefix(request.scope.get("root_path", "")))
        found = _ROOT.match(path)
        rest = found.group("rest") if found else ""
        body = await _body(request)
        if found_page := _PAGE.match(rest):
            return self._page(request, found_page.group("key"), body)
        if rest.startswith("api/v2.0/subscriptions"):
            return await self._subscription(request, rest.removeprefix("api/v2.0/subscriptions"), body)
        if rest == "api/v2.0/companies":
            return JSONResponse({"value": [self.books.state.company]})
        if rest == "api/v2.0/$metadata" or (rest == f"{EXTENSION}/$metadata" and self.extension):
            sets = metadata.STANDARD if rest.startswith("api/v2.0") else metadata.EXTENSION
            return Response(metadata.edmx(sets), media_type="application/xml")
        if found_company := _COMPANY.match(rest):
            if found_company.group("company") != self.books.state.company["id"]:
                raise Refusal(404, "Internal_CompanyNotFound", "Cannot find the company.")
            return self._in_company(request, found_company.group("api"), found_company.group("rest"), body)
        raise _not_found(rest)

    def _in_company(self, request: Request, api: str, rest: str, body: Row) -> Response:
        if api == "api/microsoft/runtime/beta" and rest == "webhookSupportedResources":
            names = ["accounts", "items", "vendors", *(["purchaseOrders"] if self.orders_notify else [])]
            return JSONResponse({"value": [{"resource": f"v2.0/{name}"} for name in names]})
        found = _KEYED.match(rest)
        if found is None or (api != "api/v2.0" and not (api == EXTENSION and self.extension)):
            raise _not_found(rest)
        name, key = found.group("set"), found.group("key")
        if api == EXTENSION and name == "itemVendors" and request.method == "GET":
            return self._list(request, self.books.state.item_vendors)
        if api == "api/v2.0" and name in _MASTER and request.method == "GET":
            held: dict[str, Row] = getattr(self.books.state, _MASTER[name])
            if key is not None:
                return _row(next((one for one in held.values() if one["id"] == key), None))
            return self._list(request, list(held.values()))
        if api == "api/v2.0" and name == "purchaseReceipts" and request.method == "GET":
            return self._list(request, self.books.state.receipts)
        if name == "purchaseOrders":
            own = api == EXTENSION
            return self._orders(request, own, key, found.group("below"), found.group("below_key"), body)
        if api == "api/v2.0" and name == "purchaseOrderLines" and key is not None:
            order, line = self._line(key)
            return self._line_call(request, order, line, body)
        if name == "purchaseOrderLines":
            raise Refusal(
                400, "Application_DialogException", "You must specify an Id or a Document Id to get the lines."
            )
        raise _not_found(rest)

    # -- purchase orders

    def _orders(
        self, request: Request, own: bool, key: str | None, below: str | None, below_key: str | None, body: Row
    ) -> Response:
        if key is None:
            if request.method == "GET":
                return self._list(request, [self._shown(one, own) for one in self.books.state.orders.values()])
            return self._created(request, own, body)
        order = self.books.state.orders.get(key)
        if order is None:
            raise Refusal(404, "BadRequest_ResourceNotFound", "No HTTP resource was found that matches the request.")
        if below is None:
            return self._order_call(request, own, order, body)
        if own and below in ("Microsoft.NAV.release", "Microsoft.NAV.reopen"):
            self.books.set_status(order, "Open" if below.endswith("release") else "Draft")
            self._wrote(request, f"{below.rpartition('.')[2]} order", order)
            return Response(status_code=204)
        if below == "purchaseOrderLines":
            if below_key is not None:
                return self._line_call(request, *self._line(below_key), body)
            if request.method == "GET":
                return self._list(request, [self._shown_line(one) for one in _sorted(order)])
            line = self.books.add_line(order, body)
            self._wrote(request, "insert line", order, line)
            return _json(self._shown_line(line), 201)
        raise _not_found(below)

    def _created(self, request: Request, own: bool, body: Row) -> Response:
        extension = {"externalReference": str(body.pop("externalReference", ""))} if own else {}
        if len(extension.get("externalReference", "")) > 35:
            raise Refusal(400, "Application_StringExceededLength", "The length of the string must be at most 35.")
        order = self.books.create_order(body, extension)
        self._wrote(request, "create order", order)
        return _json(self._shown(order, own), 201)

    def _order_call(self, request: Request, own: bool, order: Order, body: Row) -> Response:
        match request.method:
            case "GET":
                return _json(self._with_lines(request, self._shown(order, own)))
            case "PATCH":
                _matching(request, _order_tag(order))
                self.books.change_order(order, body)
                self._wrote(request, "change order", order)
                return _json(self._shown(order, own))
            case "DELETE":
                _matching(request, _order_tag(order))
                self.books.delete_order(order)
                self._wrote(request, "delete order", order)
                return Response(status_code=204)
        raise Refusal(405, "BadRequest_MethodNotAllowed", f"'{request.method}' requests are not allowed.")

    def _line_call(self, request: Request, order: Order, line: Row, body: Row) -> Response:
        match request.method:
            case "GET":
                return _json(self._shown_line(line))
            case "PATCH":
                _matching(request, self._line_tag(line))
                self.books.change_line(order, line, body)
                self._wrote(request, "change line", order, line)
                return _json(self._shown_line(line))
            case "DELETE":
                _matching(request, self._line_tag(line))
                self.books.delete_line(order, line)
                self._wrote(request, "delete line", order, line)
                return Response(status_code=204)
        raise Refusal(405, "BadRequest_MethodNotAllowed", f"'{request.method}' requests are not allowed.")

    def _line(self, key: str) -> tuple[Order, Row]:
        for order in self.books.state.orders.values():
            if key in order.lines:
                return order, order.lines[key]
        raise Refusal(404, "BadRequest_ResourceNotFound", "No HTTP resource was found that matches the request.")

    def _page(self, request: Request, key: str | None, body: Row) -> Response:
        def shown(order: Order) -> Row:
            return {
                "@odata.etag": _order_tag(order),
                "Document_Type": "Order",
                "No": order.row["number"],
                "Buy_from_Vendor_No": order.row["vendorNumber"],
                "Your_Reference": order.your_reference,
                "Status": {"Draft": "Open", "Open": "Released"}.get(order.row["status"], "Pending Approval"),
            }

        if key is None and request.method == "GET":
            return self._list(request, [shown(one) for one in self.books.state.orders.values()])
        number = re.search(r"No='([^']+)'", key or "")
        order = next(
            (one for one in self.books.state.orders.values() if number and one.row["number"] == number[1]), None
        )
        if order is None:
            raise Refusal(404, "BadRequest_ResourceNotFound", "No HTTP resource was found that matches the request.")
        if request.method == "PATCH":
            _matching(request, _order_tag(order))
            if len(str(body.get("Your_Reference", ""))) > 35:
                raise Refusal(400, "Application_StringExceededLength", "The length of the string must be at most 35.")
            order.your_reference = str(body.get("Your_Reference", order.your_reference))
            self.books.touch(order)
            self._wrote(request, "change reference", order)
        return _json(shown(order))

    def _shown(self, order: Order, own: bool) -> Row:
        lines = [self._shown_line(one) for one in _sorted(order)]
        extension = order.extension if own else {}
        return {"@odata.etag": _order_tag(order), **order.row, **extension, "purchaseOrderLines": lines}

    def _shown_line(self, line: Row) -> Row:
        return {"@odata.etag": self._line_tag(line), **line}

    def _line_tag(self, line: Row) -> str:
        return f'W/"{line["id"][:8]};{self.books.state.versions[line["id"]]}"'

    def _list(self, request: Request, rows: list[Row]) -> Response:
        options = dict(request.query_params)
        shown, following = page(rows, options, str(request.url).partition("?")[0], self.page_size)
        more = {"@odata.nextLink": following} if following else {}
        return _json({"value": [self._with_lines(request, one) for one in shown], **more})

    def _with_lines(self, request: Request, row: Row) -> Row:
        expand = request.query_params.get("$expand", "")
        return {name: value for name, value in row.items() if not name.startswith("purchase") or name in expand}

    def _wrote(self, request: Request, what: str, order: Order, line: Row | None = None) -> None:
        self.log.record(
            method=request.method,
            path=request.url.path,
            headers=request.headers,
            summary=f"{what} {order.row['number']}",
            document=order.row["number"],
            line=str(line["sequence"]) if line else None,
        )
        self.changes.append((order.row["id"], "updated"))

    # -- subscriptions

    async def _subscription(self, request: Request, rest: str, body: Row) -> Response:
        key = rest.strip("()'\"") or None
        if request.method == "GET":
            return JSONResponse({"value": [self._shown_subscription(one) for one in self.subscriptions.values()]})
        if request.method == "POST" and key is None:
            resource = str(body.get("resource", "")).rpartition("/")[2]
            if resource == "purchaseOrders" and not self.orders_notify:
                raise Refusal(400, "BadRequest", f"The resource {body.get('resource')} is not supported.")
            held = [one["resource"] for one in self.subscriptions.values()]
            if body.get("resource") in held:
                raise Refusal(400, "Internal_EntityWithSameKeyExists", "The Webhook Subscription already exists.")
            await self._shake_hands(str(body.get("notificationUrl", "")))
            row = {"subscriptionId": secrets.token_hex(16), "version": 1, **body, "expirationDateTime": self._end()}
            self.subscriptions[row["subscriptionId"]] = row
            return JSONResponse(self._shown_subscription(row), 201)
        held_row = self.subscriptions.get(key or "")
        if held_row is None:
            raise _not_found(rest)
        _matching(request, _subscription_tag(held_row))
        if request.method == "DELETE":
            del self.subscriptions[held_row["subscriptionId"]]
            return Response(status_code=204)
        await self._shake_hands(str(body.get("notificationUrl", held_row["notificationUrl"])))
        held_row.update(body, expirationDateTime=self._end(), version=held_row["version"] + 1)
        return JSONResponse(self._shown_subscription(held_row))

    def _end(self) -> str:
        return (self.books.clock.now() + _LASTS).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _shown_subscription(self, row: Row) -> Row:
        shown = {name: value for name, value in row.items() if name != "version"}
        return {"@odata.etag": _subscription_tag(row), **shown}

    async def _shake_hands(self, url: str) -> None:
        token = secrets.token_urlsafe(16)
        async with httpx.AsyncClient(transport=self._transport, timeout=5.0) as http:
            try:
                answer = await http.post(url, params={"validationToken": token})
            except httpx.HTTPError as error:
                raise Refusal(400, "BadRequest", f"The notification address does not answer: {error}") from error
        if answer.status_code != 200 or answer.text.strip() != token:
            raise Refusal(400, "BadRequest", "The notification address did not return the validationToken.")

    async def notify(self, request: Request) -> Response:
        """Tell subscribers what has changed."""
        merged = (await read(request, NotifyBody)).as_collection
        changes, self.changes = dict(self.changes), []
        now = self.books.clock.now()
        sent: list[int] = []
        for key, row in list(self.subscriptions.items()):
            if datetime.fromisoformat(row["expirationDateTime"].replace("Z", "+00:00")) < now:
                del self.subscriptions[key]
                continue
            if not changes or not row["resource"].endswith("purchaseOrders"):
                continue
            status = await self._tell(row, changes, merged)
            sent.append(status)
            if status >= 300 and status not in _NEVER_DELETES and status < 500:
                del self.subscriptions[key]
        return JSONResponse({"answers": sent, "subscriptions": sorted(self.subscriptions)})

    async def _tell(self, row: Row, changes: Mapping[str, str], merged: bool) -> int:
        base = {
            "subscriptionId": row["subscriptionId"],
            "clientState": row.get("clientState", ""),
            "expirationDateTime": row["expirationDateTime"],
            "lastModifiedDateTime": self.books.stamp(),
        }
        resource = row["resource"].lstrip("/")
        if merged:
            since = f"{row['resource']}?$filter=lastModifiedDateTime%20gt%20{self.books.stamp()[:-5]}Z"
            value = [{**base, "resource": since, "changeType": "collection"}]
        else:
            value = [{**base, "resource": f"{resource}({key})", "changeType": kind} for key, kind in changes.items()]
        async with httpx.AsyncClient(transport=self._transport, timeout=5.0) as http:
            return (await http.post(row["notificationUrl"], json={"value": value})).status_code

    # -- the control room

    async def load(self, request: Request) -> Response:
        """Take master data over."""
        self.books.load(json.loads(await request.body(), parse_float=Decimal))
        return JSONResponse({"company": self.books.state.company["id"]})

    async def receipts(self, request: Request) -> Response:
        """Post a receipt."""
        body = await read(request, ReceiptBody)
        try:
            receipt = self.books.receive(body.order, body.sequence, body.quantity)
        except StopIteration:
            raise HTTPException(404, f"there is no line {body.sequence} of order {body.order}") from None
        return JSONResponse({"receipt": receipt["number"]})

    async def invoices(self, request: Request) -> Response:
        """Invoice what was received."""
        self.books.invoice((await read(request, OrderBody)).order)
        return Response(status_code=204)

    async def edits(self, request: Request) -> Response:
        """A person works at the pages."""
        body = await read(request, EditBody)
        order = self.books.by_number(body.order)
        if body.status is not None:
            order.row["status"] = body.status
            self.books.touch(order)
        if body.sequence is None and body.delete:
            self.books.delete_order(order)
        for line in [one for one in order.lines.values() if one["sequence"] == body.sequence]:
            held, order.row["status"] = order.row["status"], "Draft"
            if body.delete:
                self.books.delete_line(order, line)
            else:
                self.books.change_line(order, line, body.changes or {})
            order.row["status"] = held
        self.changes.append((order.row["id"], "deleted" if body.delete and body.sequence is None else "updated"))
        return Response(status_code=204)

    async def expire(self, request: Request) -> Response:
        """All tokens end."""
        self.tokens.clear()
        return Response(status_code=204)

    def view(self) -> dict[str, Any]:
        """The books."""
        return {
            **self.books.view(),
            "subscriptions": [self._shown_subscription(one) for one in self.subscriptions.values()],
            "most_at_once": self.most_at_once,
        }


async def _body(request: Request) -> Row:
    content = await request.body()
    if not content:
        return {}
    try:
        body = json.loads(content, parse_float=Decimal)
    except ValueError:
        raise Refusal(400, "BadRequest", "Invalid Request Body") from None
    if not isinstance(body, dict):
        raise Refusal(400, "BadRequest", "Invalid Request Body")
    return body


def _matching(request: Request, tag: str) -> None:
    given = request.headers.get("if-match")
    if given is None:
        raise Refusal(
            400,
            "BadRequest_InvalidToken",
            "Could not validate the client concurrency token required by the service. Please provide a valid token in "
            "the client request.",
        )
    if given not in (tag, "*"):
        raise Refusal(409, "Request_EntityChanged", "Another user has already changed the record.")


def _order_tag(order: Order) -> str:
    return f'W/"{order.row["id"][:8]};{order.version}"'


def _subscription_tag(row: Row) -> str:
    return f'W/"{row["subscriptionId"][:8]};{row["version"]}"'


def _sorted(order: Order) -> list[Row]:
    return sorted(order.lines.values(), key=lambda line: line["sequence"])


def _row(row: Row | None) -> Response:
    if row is None:
        raise Refusal(404, "BadRequest_ResourceNotFound", "No HTTP resource was found that matches the request.")
    return _json(row)


def _not_found(rest: str) -> Refusal:
    return Refusal(404, "BadRequest_NotFound", f"Resource not found for the segment '{rest[:60]}'.")


def _json(content: Any, status: int = 200) -> Response:
    return Response(_text(content), status, {"Content-Type": "application/json; odata.metadata=minimal"})


def _text(value: Any) -> str:
    """JSON with decimals as exact numbers."""
    match value:
        case Decimal():
            return f"{value:f}"
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_text(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)


def _error(refused: Refusal) -> Response:
    message = f"{refused.message}  CorrelationId:  5f1e40ee-9d8f-4b42-9a3c-c2b7ab3c8d5f."
    return JSONResponse({"error": {"code": refused.code, "message": message}}, refused.status)


def create(
    *,
    client_id: str = "pegline",
    client_secret: str = "pegline",
    clock: Clock | None = None,
    extension: bool = False,
    orders_notify: bool = True,
    page_size: int = 20_000,
    at_once: int = 5,
    transport: httpx.AsyncBaseTransport | None = None,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return Business Central as an ASGI app.

    `extension`: the customer's own API pages are installed; `orders_notify`: purchase orders take subscriptions, which
    Microsoft's list leaves out; `transport` reaches a subscriber in the same process.
    """
    central = BusinessCentral(
        clock or Clock(),
        shelf,
        client=(client_id, client_secret),
        extension=extension,
        orders_notify=orders_notify,
        page_size=page_size,
        at_once=at_once,
        transport=transport,
    )
    control: list[tuple[str, Callable[[Request], Any]]] = [
        ("master-data", central.load),
        ("receipts", central.receipts),
        ("invoices", central.invoices),
        ("edits", central.edits),
        ("notify", central.notify),
        ("tokens/expire", central.expire),
    ]
    routes = [
        *(Route(f"/control/{path}", call, methods=["POST"]) for path, call in control),
        Route("/{tenant}/oauth2/v2.0/token", central.token, methods=["POST"]),
        Route("/{path:path}", central.answer, methods=["GET", "POST", "PATCH", "DELETE", "PUT"]),
    ]
    return Simulator(
        Starlette(routes=routes, exception_handlers={HTTPException: error_as_json}),
        name="business_central",
        books=central.view,
        log=central.log,
        shelf=shelf,
        error_body=lambda status: {"error": {"code": "Internal_ServerError", "message": f"Simulated {status}"}},
    )

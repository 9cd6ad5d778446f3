"""Oracle as an ASGI app: the resources' addresses, and Oracle's part of the control room."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.control import error_as_json, read
from simulators.faults import Clock, Simulator, WriteLog
from simulators.keeping import Shelf
from simulators.oracle.attributes import ATTRIBUTES
from simulators.oracle.master import MasterData, MasterDataLoad
from simulators.oracle.orders import Order, Orders
from simulators.oracle.query import LIMIT, Query
from simulators.oracle.supply import Receiving, Supply
from simulators.oracle.wire import (
    ACTION,
    COLLECTION,
    RESOURCE,
    OracleError,
    Row,
    dumped,
    loaded,
    not_found,
    page,
    refuse,
    shown,
)

ROOT = "/fscmRestApi/resources/11.13.18.05"
_METHODS = ["GET", "POST", "PATCH", "DELETE"]


class _Posted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GoodsReceipt(_Posted):
    """Goods that were received on an order's line, or taken back (below zero); `receipt` makes it unique."""

    order: str
    item: int
    quantity: Decimal
    receipt: str


class ApprovalRules(_Posted):
    """What needs approval from now on; None: as before."""

    orders: bool | None = None
    changes: bool | None = None


class Decision(_Posted):
    """What an approver says."""

    decision: Literal["approve", "reject"]
    note: str = ""


class SupplyRules(_Posted):
    """How long a supply request stays NEW."""

    seconds: float


class BuyersEdit(_Posted):
    """What a buyer changes at Oracle's own pages."""

    order: str
    line: int
    user: str = "buyer"
    quantity: Decimal | None = None
    delivery_date: date | None = None
    price: Decimal | None = None
    cancel: bool = False
    draft: bool = False


_RECEIPTS: TypeAdapter[GoodsReceipt | list[GoodsReceipt]] = TypeAdapter(GoodsReceipt | list[GoodsReceipt])


class Oracle:
    """Oracle: its books and the handlers of its addresses."""

    def __init__(self, user: str, password: str, clock: Clock, shelf: Shelf) -> None:
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.log = WriteLog(clock, shelf=shelf)
        self.master = MasterData(shelf)
        self.orders = Orders(self.master, self.log, user)
        self.supply = Supply(self.orders)
        self.receiving = Receiving(self.orders)
        self._keys: dict[tuple[str, str], int] = {}
        for each in (self.orders, self.supply, self.receiving):
            each.keep_on(shelf)

    # -- the resources

    async def rest(self, request: Request) -> Response:
        """Answer a call to a resource."""
        given = request.headers.get("rest-framework-version", "1")
        version = int(given) if given.isdigit() else 1
        try:
            return self._answer(request, await request.body(), version)
        except OracleError as error:
            body, kind = error.body(version)
            return Response(body, error.status, media_type=kind)

    def _answer(self, request: Request, body: bytes, version: int) -> Response:
        if request.headers.get("authorization") != self._authorization:
            return Response("401 Unauthorized", 401, {"WWW-Authenticate": 'Basic realm="oracle"'})
        steps = [step for step in request.path_params["path"].split("/") if step]
        if not steps or steps[0] not in ATTRIBUTES:
            raise not_found("the resource")
        if request.method != "GET":
            self._is_json(request, action="action" in steps)
        base = f"{str(request.base_url).rstrip('/')}{ROOT}"
        call = _Call(self, request, steps, version, base)
        if request.method == "GET":
            return call.get()
        return call.write(loaded(body) if body else {})

    def _is_json(self, request: Request, *, action: bool) -> None:
        kind = request.headers.get("content-type", "").partition(";")[0]
        allowed = (ACTION,) if action else (RESOURCE, "application/json")
        if request.method != "DELETE" and kind not in allowed:
            raise OracleError(415, "FND-415", f"content type {kind!r} is not one of {', '.join(allowed)}")

    def books(self) -> dict[str, Any]:
        """Everything Oracle knows."""
        found = {
            "orders": [
                {"approved": one.approved, "draft": one.draft, "requisition": one.requisition, "version": one.version}
                for one in self.orders.all()
            ],
            "supply_requests": list(self.supply.held.values()),
            "requisitions": list(self.supply.requisitions.values()),
            "transfers": list(self.supply.transfers.values()),
            "receipt_requests": list(self.receiving.held.values()),
            "receipts": self.orders.receipts,
        }
        whole: dict[str, Any] = json.loads(dumped(found))
        return whole

    def order_of(self, resource: str, key: str) -> Order | None:
        """The order of an item key."""
        if (resource, key) not in self._keys:
            self._keys = {
                (name, _hashed(name, header)): header
                for name in ("draftPurchaseOrders", "purchaseOrders")
                for header in self.orders.held
            }
        order = self.orders.held.get(self._keys.get((resource, key), 0))
        return order if order is not None and not order.deleted else None

    # -- the control room

    async def load(self, request: Request) -> Response:
        """Take master data over."""
        return JSONResponse(self.master.load(await read(request, MasterDataLoad)))

    async def approvals(self, request: Request) -> Response:
        """Show or set what needs approval."""
        if request.method == "POST":
            rules = await read(request, ApprovalRules)
            if rules.orders is not None:
                self.orders.approve_orders = rules.orders
            if rules.changes is not None:
                self.orders.approve_changes = rules.changes
        return JSONResponse({"waiting": [one.number for one in self.orders.waiting()]})

    async def decide(self, request: Request) -> Response:
        """Approve or reject what waits."""
        decision = await read(request, Decision)
        number = request.path_params["number"]
        order = next((one for one in self.orders.waiting() if one.number == number), None)
        if order is None:
            raise HTTPException(404, f"order {number} does not wait for approval")
        if decision.decision == "approve":
            self.orders.approve(order)
        else:
            self.orders.reject(order, decision.note)
        return JSONResponse({"status": order.shown["StatusCode"]})

    async def supply_rules(self, request: Request) -> Response:
        """How long a supply request takes."""
        self.supply.seconds = (await read(request, SupplyRules)).seconds
        return Response(status_code=204)

    async def edit(self, request: Request) -> Response:
        """A buyer edits an order."""
        edit = await read(request, BuyersEdit)
        changes = edit.model_dump(include={"quantity", "delivery_date", "price", "cancel"})
        try:
            self.orders.edit(edit.order, Decimal(edit.line), changes, draft=edit.draft)
        except OracleError as error:
            raise HTTPException(error.status, error.detail) from error
        self._record(request, f"edited by {edit.user}", edit.order, str(edit.line))
        return Response(status_code=204)

    async def delete_draft(self, request: Request) -> Response:
        """A buyer deletes a change order that was not submitted."""
        order = self.orders.numbered(request.path_params["number"])
        if order is None:
            raise HTTPException(404, "there is no such order")
        try:
            self.orders.drop_change(order, pending=False)
        except OracleError as error:
            raise HTTPException(409, error.detail) from error
        return Response(status_code=204)

    async def receive(self, request: Request) -> Response:
        """Count goods receipts; none where one can't be."""
        posted = _RECEIPTS.validate_json(await request.body())
        receipts = posted if isinstance(posted, list) else [posted]
        for one in receipts:
            order = self.orders.numbered(one.order)
            lines = order.approved["lines"] if order and order.approved else []
            if not any(line["LineNumber"] == one.item for line in lines):
                raise HTTPException(404, f"order {one.order} line {one.item} does not exist")
        for one in receipts:
            if why := self.orders.receive(one.receipt, one.order, Decimal(one.item), one.quantity):
                raise HTTPException(409, why)
        return JSONResponse({"posted": [{"order": one.order, "receipt": one.receipt} for one in receipts]})

    def _record(self, request: Request, summary: str, document: str, line: str | None = None) -> None:
        self.log.record(
            method=request.method,
            path=request.url.path,
            headers=request.headers,
            summary=summary,
            document=document,
            line=line,
        )


class _Call:
    """One call to a resource."""

    def __init__(self, oracle: Oracle, request: Request, steps: list[str], version: int, base: str) -> None:
        self.oracle, self.request, self.steps, self.version, self.base = oracle, request, steps, version, base

    @property
    def resource(self) -> str:
        """The resource or path of children that is meant."""
        names = [self.steps[0], *(self.steps[at + 1] for at, step in enumerate(self.steps) if step == "child")]
        return ".".join(names)

    # -- reading

    def get(self) -> Response:
        if self.steps[1:] == ["describe"]:
            return Response(dumped({"Resources": _described(self.steps[0])}), media_type="application/json")
        resource = self.resource
        if resource not in ATTRIBUTES:
            raise not_found("the resource")
        query = Query.read(resource, self.version, dict(self.request.query_params))
        if len(self.steps) % 3 == 2:
            return self._one(self._item(self.steps[1], self.steps[2:]), query)
        rows = query.of(self._rows())
        shown_rows = [self._shown(row, query) for row in rows[query.offset : query.offset + query.limit]]
        body = page(shown_rows, query.offset, query.limit, len(rows), totals=query.totals)
        return Response(dumped(body), media_type=COLLECTION)

    def _one(self, row: Row, query: Query, status: int = 200) -> Response:
        body = self._shown(row, query)
        return Response(dumped(body), status, {"ETag": f'"{self._change(row)}"'}, RESOURCE)

    def _shown(self, row: Row, query: Query) -> Row:
        body = shown(query.resource, row, expand=query.expand, fields=query.fields, version=self.version, at_most=LIMIT)
        if query.only_data:
            return body
        collection = self.steps[:-1] if len(self.steps) % 3 == 2 else self.steps
        href = f"{self.base}/{'/'.join(collection)}/{self._key(query.resource, row)}"
        link = {"rel": "self", "href": href, "name": query.resource.rpartition(".")[2], "kind": "item"}
        return body | {"links": [link | {"properties": {"changeIndicator": self._change(row)}}]}

    def _rows(self) -> list[Row]:
        oracle = self.oracle
        if "child" in self.steps:
            row = self._item(self.steps[1], self.steps[2:-2])
            return list(row.get(self.steps[-1]) or [])
        match self.steps[0]:
            case "draftPurchaseOrders":
                return [one.shown for one in oracle.orders.all()]
            case "purchaseOrders":
                return [one.approved for one in oracle.orders.all() if one.approved is not None]
            case "purchaseRequisitions":
                return list(oracle.supply.requisitions.values())
            case "supplyRequests":
                return [oracle.supply.read(reference) for reference in list(oracle.supply.held)]
            case "receivingReceiptRequests":
                return list(oracle.receiving.held.values())
            case "itemsV2":
                return list(oracle.master.items.values())
            case "inventoryOrganizations":
                names = oracle.master.organizations
                return [{"OrganizationCode": code, "OrganizationName": name} for code, name in names.items()]
            case "suppliers":
                return list(oracle.master.suppliers.values())
            case "procurementApprovedSupplierListEntries":
                return oracle.master.approved
            case "purchaseAgreementLines":
                return oracle.master.agreements
        raise OracleError(405, "FND-405", f"{self.steps[0]} can't be read")

    def _item(self, key: str, below: list[str]) -> Row:
        resource = self.steps[0]
        if resource == "supplyRequests":
            row = self.oracle.supply.read(key)
        else:
            rows = [one for one in self._rows_of(resource) if self._key(resource, one) == key]
            if not rows:
                raise not_found(f"{resource} {key}")
            row = rows[0]
        path = resource
        while below:
            _, child, *rest = below
            path = f"{path}.{child}"
            rows = [one for one in row.get(child) or [] if rest and self._key(path, one) == rest[0]]
            if not rows:
                raise not_found(f"{path} {'/'.join(rest)}")
            row, below = rows[0], rest[1:]
        return row

    def _rows_of(self, resource: str) -> list[Row]:
        return _Call(self.oracle, self.request, [resource], self.version, self.base)._rows()

    def _key(self, resource: str, row: Row) -> str:
        match resource:
            case "draftPurchaseOrders" | "purchaseOrders":
                return _hashed(resource, row["POHeaderId"])
            case "draftPurchaseOrders.lines" | "purchaseOrders.lines":
                return str(row["POLineId"])
            case "purchaseRequisitions.lines":
                return _hashed(resource, row["RequisitionLineId"])
            case "supplyRequests":
                return str(row["SupplyOrderReferenceNumber"])
            case "supplyRequests.supplyRequestLines":
                return str(row["SupplyOrderReferenceLineNumber"])
            case "receivingReceiptRequests":
                return str(row["HeaderInterfaceId"])
        first = next(name for name, one in ATTRIBUTES[resource].items() if one.kind == "integer")
        return _hashed(resource, row[first])

    def _change(self, row: Row) -> str:
        order = self.oracle.orders.held.get(row.get("POHeaderId", 0))
        return f"ACED{order.version:08X}" if order else "ACED00000001"

    # -- writing

    def write(self, body: Row) -> Response:
        handlers: dict[str, Callable[[Row], Response]] = {
            "draftPurchaseOrders": self._draft,
            "purchaseOrders": self._order,
            "purchaseOrderAcknowledgments": self._acknowledgment,
            "purchaseRequisitions": self._requisition,
            "supplyRequests": self._supply,
            "receivingReceiptRequests": self._receipt,
        }
        handler = handlers.get(self.steps[0])
        if handler is None:
            raise OracleError(405, "FND-405", f"{self.request.method} is not supported by {self.steps[0]}")
        return handler(body)

    def _draft(self, body: Row) -> Response:
        orders = self.oracle.orders
        match self.request.method, self.steps[1:]:
            case "POST", []:
                order = orders.create(body)
                self._record("created", order)
                return self._one(order.shown, Query("draftPurchaseOrders", self.version), 201)
            case "PATCH", [key]:
                order = self._order_of(key)
                orders.change(order, body)
                self._record("changed", order)
                return self._one(order.shown, Query("draftPurchaseOrders", self.version))
            case "DELETE", [key]:
                order = self._order_of(key)
                orders.delete(order)
                self._record("deleted", order)
                return Response(status_code=204)
            case "POST", [key, "child", "lines", line, "child", "schedules"]:
                order = self._order_of(key)
                schedule = orders.add_schedule(order, int(line), body)
                self._record("schedule added", order)
                return Response(dumped({"LineLocationId": schedule["LineLocationId"]}), 201, media_type=RESOURCE)
            case "POST", [key, "action", name]:
                order = self._order_of(key)
                match name:
                    case "submit":
                        orders.submit(order)
                    case "cancelChangeOrder":
                        orders.drop_change(order, pending=True)
                    case "deleteChangeOrder":
                        orders.drop_change(order, pending=False)
                    case _:
                        raise not_found(f"action {name}")
                self._record(name, order)
                return Response(dumped({"result": "SUCCESS"}), media_type=ACTION)
        raise OracleError(405, "FND-405", f"{self.request.method} is not supported there")

    def _order(self, body: Row) -> Response:
        match self.request.method, self.steps[1:]:
            case "POST", [key, "action", "cancel"]:
                order = self._order_of(key)
                self.oracle.orders.cancel(order, str(body.get("cancelReason") or ""))
                self._record("canceled", order)
                return Response(dumped({"result": "SUCCESS"}), media_type=ACTION)
            case "POST", [key, "action", "communicate"]:
                self._order_of(key)
                return Response(dumped({"result": "SUCCESS"}), media_type=ACTION)
        raise OracleError(405, "FND-405", f"{self.request.method} is not supported by purchaseOrders")

    def _acknowledgment(self, body: Row) -> Response:
        if self.request.method != "PATCH" or len(self.steps) != 2 or not self.steps[1].isdigit():
            raise OracleError(405, "FND-405", "an acknowledgment is PATCHed by POHeaderId")
        order = self.oracle.orders.held.get(int(self.steps[1]))
        if order is None or order.deleted:
            raise not_found(f"order {self.steps[1]}")
        self.oracle.orders.acknowledge(order, body)
        self._record("acknowledged", order)
        return Response(dumped({"POHeaderId": int(self.steps[1])}), media_type=RESOURCE)

    def _requisition(self, body: Row) -> Response:
        match self.request.method, self.steps[1:]:
            case "POST", [key, "child", "lines", line, "action", "cancel"]:
                row = self._item(key, ["child", "lines", line])
                if not body.get("reason"):
                    raise refuse("POR-2010101", "A reason is required")
                self.oracle.supply.cancel_requisition_line(row["RequisitionLineId"])
                return Response(dumped({"result": "SUCCESS"}), media_type=ACTION)
        raise OracleError(405, "FND-405", "only the action cancel of a line is simulated")

    def _supply(self, body: Row) -> Response:
        supply = self.oracle.supply
        match self.request.method, self.steps[1:]:
            case "POST", []:
                row = supply.create(body)
                self.oracle._record(self.request, "supply requested", row["SupplyOrderReferenceNumber"])
                return self._one(row, Query("supplyRequests", self.version), 201)
            case "PATCH", [reference, "child", "supplyRequestLines", line]:
                supply.change(reference, line, body)
                self.oracle._record(self.request, "supply request changed", reference, line)
                return Response(dumped({"SupplyOrderReferenceLineNumber": line}), media_type=RESOURCE)
        raise OracleError(405, "FND-405", f"{self.request.method} is not supported there")

    def _receipt(self, body: Row) -> Response:
        match self.request.method, self.steps[1:]:
            case "POST", []:
                row = self.oracle.receiving.create(body)
                self.oracle._record(self.request, "receipt requested", str(row["HeaderInterfaceId"]))
                return self._one(row, Query("receivingReceiptRequests", self.version, expand=("lines",)), 201)
            case "DELETE", [header] if header.isdigit():
                self.oracle.receiving.delete(int(header))
                return Response(status_code=204)
        raise OracleError(405, "FND-405", f"{self.request.method} is not supported there")

    def _order_of(self, key: str) -> Order:
        order = self.oracle.order_of(self.steps[0], key)
        if order is None or (self.steps[0] == "purchaseOrders" and order.approved is None):
            raise not_found(f"{self.steps[0]} {key}")
        given = self.request.headers.get("if-match")
        if given is not None and given.strip('"') not in ("*", self._change(order.shown)):
            raise OracleError(412, "JBO-25014", "Another user has changed the row")
        return order

    def _record(self, summary: str, order: Order) -> None:
        self.oracle._record(self.request, summary, order.number)


def create(
    *,
    name: str = "oracle",
    user: str = "PEGLINE",
    password: str = "pegline",
    clock: Clock | None = None,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return Oracle with the books on its shelf, else with empty ones; `user` and `password` are what it asks for."""
    shelf = shelf or Shelf()
    oracle = Oracle(user, password, clock or Clock(), shelf)
    routes = [
        Route(ROOT + "/{path:path}", oracle.rest, methods=_METHODS),
        Route("/control/master-data", oracle.load, methods=["POST"]),
        Route("/control/approvals", oracle.approvals, methods=["GET", "POST"]),
        Route("/control/approvals/{number}", oracle.decide, methods=["POST"]),
        Route("/control/drafts/{number}", oracle.delete_draft, methods=["DELETE"]),
        Route("/control/supply", oracle.supply_rules, methods=["POST"]),
        Route("/control/edits", oracle.edit, methods=["POST"]),
        Route("/control/goods-receipts", oracle.receive, methods=["POST"]),
    ]
    return Simulator(
        Starlette(routes=routes, exception_handlers={HTTPException: error_as_json}),
        name=name,
        books=oracle.books,
        log=oracle.log,
        shelf=shelf,
        error_body=lambda status: {"title": "Simulated failure", "status": str(status)},
    )


def _hashed(resource: str, key: int) -> str:
    """An item key as the server makes it."""
    digest = hashlib.sha256(f"{resource}/{key}".encode()).hexdigest().upper()
    return f"00020000000EACED{digest}"


def _described(resource: str) -> Row:
    """The resource as its describe shows it."""
    name = resource.rpartition(".")[2]
    attributes = [{"name": each} for each, one in ATTRIBUTES[resource].items() if one.kind != "children"]
    children: Row = {}
    for each, one in ATTRIBUTES[resource].items():
        if one.kind == "children":
            children |= _described(f"{resource}.{each}")
    return {name: {"attributes": attributes, "children": children}}

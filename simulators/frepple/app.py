"""frePPLe as others meet it: its REST API for purchase orders and items.

GET, POST, PATCH, DELETE  /api/input/purchaseorder/       a list of rows; PATCH by `reference`
GET, PATCH, DELETE        /api/input/purchaseorder/{reference}/
GET                       /api/input/item/
POST   /control/rows      {items: [{name, uom}], orders: [row], suppliers: [name], locations: [name]}: added
POST   /control/plan      {moves: {reference: enddate}}: a plan run. Proposed orders get new references, approved
                          ones the receipt dates given; orders of other statuses stay
GET    /control/books     all rows

By frePPLe's documentation: doc/integration-guide/rest-api (log-on by user and password; JSON by `format=json` or
Accept; lists to POST, PUT and PATCH; DELETE never of all rows), doc/model-reference/purchase-orders (fields, statuses).
That a web token logs on is what its API help page shows. Where they are silent, the harder reading is taken: a
reference that exists is not created again; a filter that does not exist is passed over; of a list, the rows before the
first wrong one are kept; a quantity has twenty digits, eight of them decimals, and is shown as text with all of them;
moments have no offset; unknown items, locations and suppliers are refused.
"""

import base64
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import error_as_json, read
from simulators.faults import Simulator
from simulators.keeping import Shelf

STATUSES = ("proposed", "approved", "confirmed", "completed", "closed")
_SHOWN = (
    *("reference", "status", "item", "supplier", "location", "quantity", "startdate", "enddate", "batch"),
    *("criticality", "delay", "plan", "source", "lastmodified"),
)
Row = dict[str, Any]


class RowsBody(BaseModel):
    """What is added to the model."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, str | None]] = []
    orders: list[Row] = []
    suppliers: list[str] = []
    locations: list[str] = []


class PlanBody(BaseModel):
    """A plan run."""

    model_config = ConfigDict(extra="forbid")

    moves: dict[str, str] = {}


class FreppleBooks:
    """The tables."""

    def __init__(self, clock: Clock, shelf: Shelf) -> None:
        self.clock = clock
        self.orders: dict[str, Row] = {}
        self.items: dict[str, str | None] = {}
        self.suppliers: set[str] = set()
        self.locations: set[str] = set()
        self._numbers = 1000
        shelf.whole("tables", self._tables, self._restore)

    def _tables(self) -> tuple[Any, ...]:
        return self.orders, self.items, self.suppliers, self.locations, self._numbers

    def _restore(self, tables: tuple[Any, ...]) -> None:
        self.orders, self.items, self.suppliers, self.locations, self._numbers = tables

    def learn(self, body: RowsBody) -> None:
        """Add rows as they are."""
        self.items |= {str(row["name"]): row.get("uom") for row in body.items}
        self.suppliers |= set(body.suppliers)
        self.locations |= set(body.locations)
        for row in body.orders:
            self.put(row)

    def put(self, row: Row, held: Row | None = None) -> dict[str, list[str]]:
        """Write a row, a new one where `held` is None; what is wrong with it, by field."""
        whole = {**dict.fromkeys(_SHOWN), "status": "proposed", **(held or {}), **row}
        wrong = self._wrong(whole)
        if not wrong:
            whole["quantity"] = f"{Decimal(str(whole['quantity'])):.8f}"
            whole["lastmodified"] = self.clock.now().replace(tzinfo=None).isoformat()
            self.orders[whole["reference"]] = {name: whole[name] for name in _SHOWN}
        return wrong

    def _wrong(self, row: Row) -> dict[str, list[str]]:
        wrong: dict[str, list[str]] = {}
        if not isinstance(row["reference"], str) or not 0 < len(row["reference"]) <= 300:
            wrong["reference"] = ["This field is required, with 300 characters at most."]
        for name, known in (("item", self.items), ("location", self.locations), ("supplier", self.suppliers)):
            if row[name] not in known:
                wrong[name] = [f'Invalid pk "{row[name]}" - object does not exist.']
        if row["status"] not in STATUSES:
            wrong["status"] = [f'"{row["status"]}" is not a valid choice.']
        try:
            quantity = Decimal(str(row["quantity"]))
            if not quantity.is_finite() or quantity < 0 or quantity.adjusted() > 11 or quantity != round(quantity, 8):
                wrong["quantity"] = ["Ensure that there are no more than 8 decimal places."]
        except InvalidOperation:
            wrong["quantity"] = ["A valid number is required."]
        for name in ("startdate", "enddate"):
            if row[name] is not None and not _is_moment(row[name]):
                wrong[name] = ["Datetime has wrong format."]
        return wrong

    def plan(self, moves: Mapping[str, str]) -> None:
        """Run a plan."""
        for reference, row in list(self.orders.items()):
            if row["status"] == "proposed":
                self._numbers += 1
                del self.orders[reference]
                self.orders[str(self._numbers)] = {**row, "reference": str(self._numbers)}
            elif row["status"] == "approved" and reference in moves:
                row["enddate"] = moves[reference]

    def found(self, query: Mapping[str, str]) -> list[Row]:
        """The rows by the filters that there are."""
        rows = list(self.orders.values())
        for name, value in query.items():
            field, _, how = name.partition("__")
            if field not in _SHOWN or field == "plan":
                continue
            if not how:
                rows = [row for row in rows if row[field] == value]
            elif how == "in":
                rows = [row for row in rows if row[field] in value.split(",")]
            elif how == "contains" and field == "reference":
                rows = [row for row in rows if value in row[field]]
            elif how in ("gte", "lte") and field in ("enddate", "startdate", "lastmodified"):
                rows = [row for row in rows if row[field] and (row[field] >= value) is (how == "gte")]
        return rows


class FreppleApi:
    """What frePPLe answers; and what tests have happen in it."""

    def __init__(self, books: FreppleBooks, log: WriteLog, accepted: Collection[str]) -> None:
        self._books, self._log, self._accepted = books, log, accepted

    def _logged_on(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if given not in self._accepted:
            raise HTTPException(403 if given.startswith("Bearer") else 401, "Missing or invalid webtoken")

    def _shown(self, request: Request, rows: Any) -> Response:
        if request.query_params.get("format") != "json" and "json" not in request.headers.get("accept", ""):
            return HTMLResponse("<html><body>frePPLe API</body></html>")
        return JSONResponse(rows)

    async def read_orders(self, request: Request) -> Response:
        self._logged_on(request)
        return self._shown(request, self._books.found(request.query_params))

    async def read_items(self, request: Request) -> Response:
        self._logged_on(request)
        names = request.query_params.get("name__in")
        name = request.query_params.get("name")
        rows = [
            {"name": item, "uom": uom}
            for item, uom in self._books.items.items()
            if (names is None or item in names.split(",")) and (name is None or item == name)
        ]
        return self._shown(request, rows)

    async def write_orders(self, request: Request) -> Response:
        self._logged_on(request)
        creates, rows = request.method == "POST", await request.json()
        answers = []
        for row in rows if isinstance(rows, list) else [rows]:
            reference = row.get("reference")
            held = self._books.orders.get(reference)
            if creates and held is not None:
                wrong = {"reference": ["purchase order with this reference already exists."]}
            elif not creates and held is None:
                wrong = {"reference": [f"there is no purchase order {reference}"]}
            else:
                wrong = self._books.put(row, held)
            answers.append(wrong)
            if wrong:
                return JSONResponse(answers, 400)
            self._log.record(
                method=request.method,
                path=request.url.path,
                headers=request.headers,
                summary=f"{row.get('status')} {row.get('quantity')} on {row.get('enddate')}",
                document=reference,
            )
        return JSONResponse([self._books.orders[row["reference"]] for row in rows], 201 if creates else 200)

    async def delete_orders(self, request: Request) -> Response:
        self._logged_on(request)
        gone = self._books.found(request.query_params)
        if len(gone) == len(self._books.orders):
            raise HTTPException(400, "not all rows can be deleted")
        for row in gone:
            del self._books.orders[row["reference"]]
        return Response(status_code=204)

    async def one_order(self, request: Request) -> Response:
        self._logged_on(request)
        reference = request.path_params["reference"]
        if reference not in self._books.orders:
            return JSONResponse({"detail": "Not found."}, 404)
        if request.method == "GET":
            return self._shown(request, self._books.orders[reference])
        if request.method == "PATCH":
            wrong = self._books.put({**await request.json(), "reference": reference}, self._books.orders[reference])
            return JSONResponse(wrong or self._books.orders[reference], 400 if wrong else 200)
        del self._books.orders[reference]
        self._log.record(
            method="DELETE", path=request.url.path, headers=request.headers, summary="deleted", document=reference
        )
        return Response(status_code=204)

    async def learn(self, request: Request) -> Response:
        self._books.learn(await read(request, RowsBody))
        return JSONResponse({"orders": len(self._books.orders)})

    async def plan(self, request: Request) -> Response:
        self._books.plan((await read(request, PlanBody)).moves)
        return JSONResponse({"orders": len(self._books.orders)})

    def routes(self) -> list[Route]:
        """Its addresses."""
        path = "/api/input/purchaseorder/"
        return [
            Route(path, self.read_orders, methods=["GET"]),
            Route(path, self.write_orders, methods=["POST", "PATCH"]),
            Route(path, self.delete_orders, methods=["DELETE"]),
            Route(path + "{reference:path}/", self.one_order, methods=["GET", "PATCH", "DELETE"]),
            Route("/api/input/item/", self.read_items, methods=["GET"]),
            Route("/control/rows", self.learn, methods=["POST"]),
            Route("/control/plan", self.plan, methods=["POST"]),
        ]


def create(
    user: str = "PEGLINE", password: str = "frepple", token: str = "web-token", *, shelf: Shelf | None = None
) -> Simulator:
    """Return frePPLe as an ASGI app."""
    clock, shelf = Clock(), shelf or Shelf()
    log = WriteLog(clock, shelf=shelf)
    books = FreppleBooks(clock, shelf)
    accepted = {f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}", f"Bearer {token}"}
    api = FreppleApi(books, log, accepted)
    app = Starlette(routes=api.routes(), exception_handlers={HTTPException: error_as_json})
    return Simulator(
        app, name="frepple", books=lambda: {"orders": list(books.orders.values())}, clock=clock, log=log, shelf=shelf
    )


def _is_moment(text: object) -> bool:
    try:
        datetime.fromisoformat(str(text))
    except ValueError:
        return False
    return True

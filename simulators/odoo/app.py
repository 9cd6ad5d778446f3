"""Odoo 19 as others meet it by its external JSON-2 API: POST /json/2/{model}/{method}.

Built from Odoo's documentation of that API and from its source (addons/rpc, purchase, purchase_stock, stock, product);
field names, statuses and the form of errors are Odoo's. A real Odoo has far more fields, rights and rules.

DIALECT
  `Authorization: bearer <key>`, else 401. X-Odoo-Database: where it is named, it must be the database, else 404. The
  body's keys are `ids`, `context` and the method's parameters by name; a parameter that the method has not is 422, as
  are ids for a method of the model. The answer is the bare value; a recordset is its ids. Errors: {"name", "message",
  "arguments", "context", "debug"} with UserError 422, AccessError 403, MissingError 404, LockError 409, anything else
  500. One call is one transaction: what fails leaves nothing behind.
  Methods: search, search_read, search_count, read, create, write, unlink, fields_get, has_access, get_external_id of
  every model; of purchase.order also button_confirm, button_approve, button_cancel, button_draft, button_lock,
  button_unlock. Writes log under KEY where the client sends one.

CONTROL (no authentication; faults, writes, books, clock: see simulators.faults)
  POST /control/records   {model: [values]}: upserts by `id`, without any rule
  POST /control/receive   {line, quantity}: the warehouse validates a receipt of a purchase order line (its id)
  POST /control/edits     {model, id, values?, method?}: a person (user 7) writes, or presses a button
  POST /control/locks     {orders: [ids]}: writes to them fail as LockError until they are taken off ([])
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import error_as_json, read
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.odoo.models import Database, OdooError, Record
from simulators.odoo.purchasing import Purchasing

PERSON = 7
_PARAMETERS: dict[str, tuple[set[str], set[str]]] = {
    # By method: the parameters it must have, and those it may have.
    "search": ({"domain"}, {"offset", "limit", "order"}),
    "search_read": (set(), {"domain", "fields", "offset", "limit", "order"}),
    "search_count": ({"domain"}, {"limit"}),
    "read": (set(), {"fields", "load"}),
    "create": ({"vals_list"}, set()),
    "write": ({"vals"}, set()),
    "unlink": (set(), set()),
    "fields_get": (set(), {"allfields", "attributes"}),
    "has_access": ({"operation"}, set()),
    "get_external_id": (set(), set()),
}
_OF_THE_MODEL = {"search", "search_read", "search_count", "create", "fields_get"}
_BUTTONS = {f"button_{each}" for each in ("confirm", "approve", "cancel", "draft", "lock", "unlock")}


class ReceiveBody(BaseModel):
    """Goods that arrive."""

    model_config = ConfigDict(extra="forbid")
    line: int
    quantity: float


class EditBody(BaseModel):
    """What a person does."""

    model_config = ConfigDict(extra="forbid")
    model: str
    id: int
    values: dict[str, Any] | None = None
    method: str | None = None


class LockBody(BaseModel):
    """The orders that somebody holds."""

    model_config = ConfigDict(extra="forbid")
    orders: list[int]


class Odoo:
    """One database."""

    def __init__(
        self, clock: Clock, shelf: Shelf | None, *, key: str, database: str, purchasing: Mapping[str, Any]
    ) -> None:
        self.db = Database(clock.now)
        self.purchasing = Purchasing(self.db, **purchasing)
        self.log = WriteLog(clock, shelf=shelf)
        self.key, self.database = key, database
        self.external_ids: dict[tuple[str, int], str] = {}
        self.locked: set[int] = set()
        self.db.table("res.users").records[self.db.user] = {"id": self.db.user, "name": "Pegline", "login": "pegline"}
        self.db.table("res.users").records[PERSON] = {"id": PERSON, "name": "Mitchell Admin", "login": "admin"}
        if shelf is not None:
            shelf.whole("tables", lambda: (self.db.tables, self.external_ids), self._restore)

    def _restore(self, kept: tuple[Any, dict[tuple[str, int], str]]) -> None:
        self.db.tables, self.external_ids = kept

    async def call(self, request: Request) -> Response:
        """One call, one transaction."""
        try:
            return JSONResponse(self._called(request, await request.body()))
        except OdooError as error:
            return _error(error)

    def _called(self, request: Request, content: bytes) -> Any:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key != self.key:
            raise OdooError(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
        if request.headers.get("x-odoo-database", self.database) != self.database:
            raise OdooError(404, "werkzeug.exceptions.NotFound", "no such database")
        try:
            body = json.loads(content or b"{}")
        except ValueError as error:
            raise OdooError(
                400, "werkzeug.exceptions.BadRequest", f"could not parse the body as json: {error}"
            ) from error
        model, method = request.path_params["model"], request.path_params["method"]
        ids = body.pop("ids", [])
        body.pop("context", None)
        self.db.table(model)
        if method not in _PARAMETERS and not (model == "purchase.order" and method in _BUTTONS):
            raise OdooError(404, "werkzeug.exceptions.NotFound", f"The method '{model}.{method}' does not exist")
        needed, allowed = _PARAMETERS.get(method, (set(), {"force"}))
        if method in _OF_THE_MODEL and ids:
            raise OdooError(422, "werkzeug.exceptions.UnprocessableEntity", f"cannot call {model}.{method} with ids")
        if absent := needed - body.keys():
            message = f"missing a required argument: '{min(absent)}'"
            raise OdooError(422, "werkzeug.exceptions.UnprocessableEntity", message)
        if strange := body.keys() - needed - allowed:
            message = f"got an unexpected keyword argument '{min(strange)}'"
            raise OdooError(422, "werkzeug.exceptions.UnprocessableEntity", message)
        if method not in ("create", "write", "unlink") and method not in _BUTTONS:
            return self._run(request, model, method, ids, body)
        return self.transaction(lambda: self._run(request, model, method, ids, body))

    def transaction(self, work: Callable[[], Any]) -> Any:
        """All or nothing."""
        before = {
            name: ({number: dict(record) for number, record in table.records.items()}, table.last)
            for name, table in self.db.tables.items()
        }
        last = self.purchasing.last_order
        try:
            return work()
        except Exception:
            for name, (records, number) in before.items():
                self.db.tables[name].records, self.db.tables[name].last = records, number
            self.purchasing.last_order = last
            raise

    def _run(self, request: Request, model: str, method: str, ids: Sequence[int], body: Mapping[str, Any]) -> Any:
        match method:
            case "search" | "search_read" | "search_count":
                found = self.db.search(model, body.get("domain") or [], body.get("order"))
                start, limit = body.get("offset") or 0, body.get("limit")
                shown = found[start : start + limit] if limit else found[start:]
                if method == "search_count":
                    return len(shown)
                return [one["id"] for one in shown] if method == "search" else self._read(model, shown, body)
            case "read":
                return self._read(model, [self.db.get(model, one) for one in ids], body)
            case "fields_get":
                return self._fields(model)
            case "has_access":
                return True
            case "get_external_id":
                return {str(one): self.external_ids.get((model, one), "") for one in ids}
        return self._change(request, model, method, ids, body)

    def _read(self, model: str, records: Sequence[Record], body: Mapping[str, Any]) -> list[Record]:
        return self.db.read(model, records, body.get("fields"))

    def _fields(self, model: str) -> dict[str, Any]:
        return {
            name: {
                "type": kind.kind,
                "readonly": kind.readonly,
                **({"relation": kind.relation} if kind.relation else {}),
                **({"digits": [16, kind.decimals]} if kind.decimals is not None else {}),
            }
            for name, kind in self.db.table(model).fields.items()
        }

    # -- writing

    def _change(self, request: Request, model: str, method: str, ids: Sequence[int], body: Mapping[str, Any]) -> Any:
        if method == "create":
            values = body["vals_list"]
            created = [self.create(model, one) for one in (values if isinstance(values, list) else [values])]
            self._wrote(request, f"create {model}", created)
            return [one["id"] for one in created]
        records = [self.db.get(model, one) for one in ids]
        for record in records:
            order = record.get("order_id", record["id"]) if model != "purchase.order" else record["id"]
            if model.startswith("purchase.order") and order in self.locked:
                raise OdooError(409, "odoo.exceptions.LockError", "Cannot grab a lock on this record.")
        for record in records:
            self.change(model, method, record, body)
        self._wrote(request, f"{method} {model}", records)
        return True

    def create(self, model: str, values: Mapping[str, Any]) -> Record:
        """A record, by the rules of its model."""
        match model:
            case "purchase.order":
                return self.purchasing.create_order(values)
            case "purchase.order.line":
                return self.purchasing.create_line(values)
        return self.db.insert(model, values)

    def change(self, model: str, method: str, record: Record, body: Mapping[str, Any]) -> None:
        """A write, a deletion, or a button."""
        match (method, model):
            case ("write", "purchase.order"):
                self.purchasing.write_order(record, body["vals"])
            case ("write", "purchase.order.line"):
                self.purchasing.write_line(record, body["vals"])
            case ("write", _):
                self.db.assign(model, record, body["vals"])
            case ("unlink", "purchase.order.line"):
                self.purchasing.unlink_line(record)
            case ("unlink", _):
                if model == "purchase.order" and record["state"] != "cancel":
                    message = "In order to delete a purchase order, you must cancel it first."
                    raise OdooError(422, "odoo.exceptions.UserError", message)
                del self.db.table(model).records[record["id"]]
            case (button, _):
                getattr(self.purchasing, button)(record)

    def _wrote(self, request: Request, summary: str, records: Sequence[Record]) -> None:
        for record in records:
            self.log.record(
                method="POST",
                path=request.url.path,
                headers=request.headers,
                summary=summary,
                document=str(record.get("name") or record["id"]),
            )

    # -- the control room

    async def load(self, request: Request) -> Response:
        """Take records over; `xml_id` names one for get_external_id."""
        for model, rows in json.loads(await request.body()).items():
            for row in rows:
                values = {name: value for name, value in row.items() if name not in ("id", "xml_id")}
                held = self.db.table(model).records.get(row.get("id", 0))
                record = held or self.db.insert(model, values, row.get("id"))
                if held:
                    self.db.assign(model, held, values)
                if "xml_id" in row:
                    self.external_ids[model, record["id"]] = row["xml_id"]
        return JSONResponse({"loaded": True})

    async def receive(self, request: Request) -> Response:
        """Validate a receipt."""
        body = await read(request, ReceiveBody)
        try:
            self.purchasing.receive(self.db.get("purchase.order.line", body.line), body.quantity)
        except OdooError as error:
            raise HTTPException(409, error.message) from error
        return Response(status_code=204)

    async def edits(self, request: Request) -> Response:
        """A person writes, or presses a button."""
        body = await read(request, EditBody)
        us, self.db.user = self.db.user, PERSON
        try:
            record = self.db.get(body.model, body.id)
            self.change(body.model, body.method or "write", record, {"vals": body.values or {}})
        except OdooError as error:
            raise HTTPException(409, error.message) from error
        finally:
            self.db.user = us
        return Response(status_code=204)

    async def locks(self, request: Request) -> Response:
        """Lock orders."""
        self.locked = set((await read(request, LockBody)).orders)
        return Response(status_code=204)

    def view(self) -> dict[str, Any]:
        """The books: orders with their lines and moves."""
        orders = []
        for order in self.db.table("purchase.order").records.values():
            lines = [{**line, "moves": self.purchasing.moves(line)} for line in self.purchasing.lines(order)]
            orders.append({**order, "lines": lines})
        return {"orders": orders}


def _error(error: OdooError) -> Response:
    body = {
        "name": error.name,
        "message": error.message,
        "arguments": [error.message],
        "context": {},
        "debug": "Traceback (most recent call last): ...",
    }
    return JSONResponse(body, error.status)


def create(
    *,
    key: str = "pegline-api-key",
    database: str = "main",
    approval_limit: float | None = None,
    lock_confirmed: bool = False,
    clock: Clock | None = None,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return Odoo as an ASGI app; `approval_limit`: the amount from which orders are approved by a manager;
    `lock_confirmed`: the company locks confirmed orders."""
    odoo = Odoo(
        clock or Clock(),
        shelf,
        key=key,
        database=database,
        purchasing={"approval_limit": approval_limit, "lock_confirmed": lock_confirmed},
    )
    routes = [
        Route("/json/2/{model}/{method}", odoo.call, methods=["POST"]),
        Route("/control/records", odoo.load, methods=["POST"]),
        Route("/control/receive", odoo.receive, methods=["POST"]),
        Route("/control/edits", odoo.edits, methods=["POST"]),
        Route("/control/locks", odoo.locks, methods=["POST"]),
    ]
    return Simulator(
        Starlette(routes=routes, exception_handlers={HTTPException: error_as_json}),
        name="odoo",
        books=odoo.view,
        log=odoo.log,
        shelf=shelf,
        error_body=lambda status: {"name": "builtins.Exception", "message": f"Simulated {status}", "arguments": []},
    )

"""The ERP as an ASGI app: SAP's addresses, and the ERP's part of the control room.

Decided here: addresses, authentication and CSRF before anything else. See the package for what it promises.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.control import error_as_json
from simulators.erp.batch import Carries, answer_batch
from simulators.erp.books import Books, Lock
from simulators.erp.confirmations import Confirmations
from simulators.erp.edits import Edits
from simulators.erp.errors import SapError, error_body, refuse
from simulators.erp.master import MasterDataLoad
from simulators.erp.service import Answer, Call, Endpoint
from simulators.erp.sessions import Sessions
from simulators.erp.tables import SERVICES
from simulators.erp.v4 import Endpoint4
from simulators.erp.v4 import refused as refused4
from simulators.erp.v4_tables import SERVICES4
from simulators.erp.wire import document_number
from simulators.faults import Clock, Simulator, WriteLog
from simulators.keeping import Shelf
from simulators.outbox import Outbox

ROOT = "/sap/opu/odata/sap"
ROOT4 = "/sap/opu/odata4/sap"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "MERGE", "DELETE"]


class _Posted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GoodsReceipt(_Posted):
    """Goods that the warehouse posted against an order item, or took back (below zero); `receipt` makes it unique."""

    order: str
    item: int
    quantity: Decimal
    receipt: str


class LockRequested(_Posted):
    """A document that another user holds from now on; `times`: writes that are refused, None: until released.

    `code` and `text`: another reason of SAP's to refuse all writes to it, such as an approval that is open.
    """

    document: str
    user: str = "CB9980000026"
    status: Annotated[int, Field(ge=400, le=499)] = 423
    times: int | None = None
    code: str = "ME/006"
    text: str = ""


class Release(_Posted):
    """Whether orders have to be released by people from now on; an order that is released, or refused, now."""

    by_people: bool | None = None
    order: str | None = None
    refused: bool = False


_RECEIPTS: TypeAdapter[GoodsReceipt | list[GoodsReceipt]] = TypeAdapter(GoodsReceipt | list[GoodsReceipt])


class Erp:
    """The ERP: books, sessions and the handlers of its addresses."""

    def __init__(self, user: str, password: str, clock: Clock | None, shelf: Shelf | None) -> None:
        clock = clock or Clock()
        self.log = WriteLog(clock, shelf=shelf)
        self.books = Books(clock, self.log, shelf)
        self.sessions = Sessions(user, password)

    async def odata(self, request: Request) -> Response:
        """Answer a call to a service of V2."""
        return await self._served(request, self._answer)

    async def odata4(self, request: Request) -> Response:
        """Answer a call to a service of V4."""
        return await self._served(request, self._answer4)

    async def _served(self, request: Request, answer: Callable[[Request, bytes], Answer]) -> Response:
        body = await request.body()
        refusal = self.sessions.unauthorized(request)
        if refusal is not None:
            return refusal
        reads = request.method in ("GET", "HEAD")
        if not reads and (refusal := self.sessions.untrusted(request)) is not None:
            self.sessions.furnish(request, refusal)
            refusal.headers["x-csrf-token"] = "Required"
            return refusal
        response = _response(answer(request, body))
        self.sessions.furnish(request, response)
        return response

    def _answer(self, request: Request, body: bytes) -> Answer:
        address = request.path_params["service"]
        name = address.partition(";")[0]
        base = str(request.base_url).rstrip("/")
        if name not in SERVICES:
            error = refuse("/IWFND/MED/170", f"No service found for namespace '', name '{name}', version '0001'")
            return _refused(SapError(error.problems, 403))
        endpoint = Endpoint(self.books, SERVICES[name], f"{base}{ROOT}/{address}", self.sessions.user)
        headers = dict(request.headers)
        target = _target(request, address)
        if target.partition("?")[0].strip("/") != "$batch":
            return endpoint.answer(Call(request.method, target, headers, body))
        try:
            return answer_batch(endpoint, headers.get("content-type", ""), body, headers)
        except SapError as error:
            return _refused(error)

    def _answer4(self, request: Request, body: bytes) -> Answer:
        group, headers = request.path_params["group"], dict(request.headers)
        endpoint: Carries
        if group == "api_supplierconfirmation":
            endpoint = Confirmations(self.books)
        elif group in SERVICES4:
            old, sets = SERVICES4[group]
            endpoint = Endpoint4(self.books, SERVICES[old], sets, ROOT4, self.sessions.user)
        else:
            return refused4(refuse("/IWFND/CM_COS/003", f"No service {group}", status=404))
        query = request.scope.get("query_string", b"").decode("latin-1")
        path = request.path_params.get("path", "")
        if path.strip("/") == "$batch":
            try:
                return answer_batch(endpoint, headers.get("content-type", ""), body, headers)
            except SapError as error:
                return refused4(error)
        return endpoint.answer(Call(request.method, f"{quote(path)}?{query}" if query else quote(path), headers, body))

    async def releases(self, request: Request) -> Response:
        """Have orders released by people from now on, or not; or release one."""
        try:
            asked = Release.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error)
        if asked.by_people is not None:
            self.books.released_by_people = asked.by_people
        if asked.order is not None:
            order = self.books.documents["order"].get(document_number(asked.order))
            if order is None:
                return JSONResponse({"error": f"order {asked.order} does not exist"}, 404)
            status = "08" if asked.refused else "05"
            order.header |= {"ReleaseIsNotCompleted": asked.refused, "PurchasingProcessingStatus": status}
            self.books.shelf.touch("order", order.number)
        return Response(status_code=204)

    async def load_master_data(self, request: Request) -> Response:
        """Take master data over."""
        try:
            load = MasterDataLoad.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error)
        return JSONResponse(self.books.load_master_data(load))

    async def post_goods_receipts(self, request: Request) -> Response:
        """Raise delivered quantities; nothing is posted where one can't be."""
        try:
            posted = _RECEIPTS.validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error)
        receipts = posted if isinstance(posted, list) else [posted]
        orders = self.books.documents["order"]
        for each in receipts:
            order = orders.get(document_number(each.order))
            item = order.items.get(each.item) if order else None
            if item is None:
                return JSONResponse({"error": f"order {each.order} item {each.item} does not exist"}, 404)
            if item.row["PurchasingDocumentDeletionCode"]:
                return JSONResponse({"error": f"order {each.order} item {each.item} is deleted or blocked"}, 409)
        delivered = [
            {
                "order": each.order,
                "item": each.item,
                "receipt": each.receipt,
                "delivered": str(self.books.post_receipt(each.receipt, each.order, each.item, each.quantity).delivered),
                "supplying_plant": orders[document_number(each.order)].header["SupplyingPlant"],
            }
            for each in receipts
        ]
        return JSONResponse({"posted": delivered})

    async def locks(self, request: Request) -> Response:
        """Show, set or release locks."""
        locks = self.books.locks
        if request.method == "DELETE":
            document = request.path_params.get("document")
            for number in [document_number(document)] if document else list(locks):
                locks.pop(number, None)
            return Response(status_code=204)
        if request.method == "POST":
            try:
                requested = LockRequested.model_validate_json(await request.body())
            except ValidationError as error:
                return _invalid(error)
            locks[document_number(requested.document)] = Lock(
                requested.user, requested.status, requested.times, requested.code, requested.text
            )
        return JSONResponse({"locks": {number: vars(lock) for number, lock in locks.items()}})

    async def expire_sessions(self, request: Request) -> Response:
        """Forget all sessions and their tokens."""
        self.sessions.expire()
        return Response(status_code=204)


def create(
    gateway_url: str = "",
    *,
    name: str = "main",
    user: str = "PEGLINE",
    password: str = "pegline",
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the ERP with the books on its shelf, else with empty ones; `user` and `password` are what its services ask
    for.

    `gateway_url`: where people's edits are told, nowhere without; `transport` reaches a gateway in the same process.
    """
    erp = Erp(user, password, clock, shelf)
    outbox = Outbox(
        gateway_url,
        transport,
        first_pause_seconds=first_pause_seconds,
        timeout_seconds=timeout_seconds,
        shelf=shelf,
    )
    edits = Edits(erp.books, outbox, name)
    routes = [
        Route(ROOT + "/{service}", erp.odata, methods=_METHODS),
        Route(ROOT + "/{service}/{path:path}", erp.odata, methods=_METHODS),
        Route(ROOT4 + "/{group}/srvd_a2x/sap/{service}/{version}", erp.odata4, methods=_METHODS),
        Route(ROOT4 + "/{group}/srvd_a2x/sap/{service}/{version}/{path:path}", erp.odata4, methods=_METHODS),
        Route("/control/releases", erp.releases, methods=["POST"]),
        Route("/control/master-data", erp.load_master_data, methods=["POST"]),
        Route("/control/goods-receipts", erp.post_goods_receipts, methods=["POST"]),
        Route("/control/locks", erp.locks, methods=["GET", "POST", "DELETE"]),
        Route("/control/locks/{document}", erp.locks, methods=["DELETE"]),
        Route("/control/sessions/expire", erp.expire_sessions, methods=["POST"]),
        Route("/control/gateway", edits.set_gateway, methods=["POST"]),
        Route("/control/edits", edits.edit, methods=["POST"]),
        Route("/control/resend", edits.resend, methods=["POST"]),
    ]
    return Simulator(
        Starlette(routes=routes, exception_handlers={HTTPException: error_as_json}, lifespan=outbox.lifespan),
        name="erp",
        books=erp.books.view,
        log=erp.log,
        shelf=shelf,
        error_body=lambda status: error_body(refuse("/IWFND/CM_MGW/500", f"Simulated failure {status}")),
    )


def _target(request: Request, service: str) -> str:
    """What follows the service in the address, still percent-encoded, with the query."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.decode("latin-1").partition("?")[0]
    _, _, target = path.partition(f"{ROOT}/{service}")
    query = request.scope.get("query_string", b"").decode("latin-1")
    return f"{target}?{query}" if query else target


def _response(answer: Answer) -> Response:
    return Response(answer.content(), answer.status, answer.headers)


def _refused(error: SapError) -> Answer:
    return Answer(error.status, error_body(error), {"content-type": "application/json;charset=utf-8"})


def _invalid(error: ValidationError) -> Response:
    return JSONResponse({"error": json.loads(error.json(include_url=False, include_context=False))}, 400)

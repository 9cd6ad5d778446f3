"""Orders in Business Central.

Decided here: one placing at a time per reference; a released order is reopened, changed and released again where the
extension offers that, and else left alone with the reason; a stale ETag means that somebody was there in between, so
everything is read and compared once more; an order of which no line is left is deleted as a whole, as Business Central
itself does. An order that is gone, and of which goods were received, was invoiced: its lines are completed.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

import httpx

from adapters.erp import edits, parts
from adapters.erp.business_central.api import CompanyApi, EntityChanged
from adapters.erp.business_central.documents import (
    RELEASE,
    REOPEN,
    CentralDocuments,
    CentralOrderBook,
    order_body,
    part_body,
    unit_cost,
    write_number,
)
from adapters.erp.business_central.remote import DRAFT, IN_REVIEW, RELEASED, CentralOrder, free_sequence
from adapters.erp.business_central.settings import CentralSettings
from adapters.erp.business_central.units import CentralUnits
from adapters.erp.parts import LinePart, PartWrite
from adapters.erp.reconcile import reconcile
from adapters.erp.remote import Items, NotWritable
from adapters.erp.settle_policy import SettlePolicy
from adapters.erp.single_document import SingleDocument
from adapters.errors import PermanentError, TransientError
from canonical.identity import external_reference
from canonical.order import (
    ChangeOutcome,
    DocumentLine,
    DuplicateDocuments,
    Edited,
    OrderDocument,
    OrderSchedule,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
    WrittenLine,
)
from canonical.policy import RouteKind

_OURS = "PL"
_TRIES = 3
_NO_ROUTE = {
    RouteKind.TRANSFER: "transfer orders are not in its API v2.0; take the route transfer out of the plant's policy",
    RouteKind.SUBCONTRACT: "its API v2.0 gives no components to a subcontractor; take the route out of the policy",
}

_Known = Sequence[tuple[int, WrittenLine | None, Decimal | None]]


@dataclass(frozen=True)
class _Change:
    """What one call asks of an order: which lines are known, what a person changed of them, and what is missing."""

    number: str
    reference: str
    known: _Known
    edited: Callable[[Items, parts.Parts], list[edits.FieldEdit]]
    missing: Callable[[parts.Parts], list[PartWrite] | Refused]
    key: str


class BusinessCentralErp:
    """Implements adapters.ports.ErpPort and DuplicateSweepPort. For the times see settle_policy.SettlePolicy."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: CentralSettings,
        *,
        system: str = "erp",
        settle_seconds: float = 6.0,
        second_create_seconds: float | None = None,
        look_every_seconds: float = 0.5,
        budget_seconds: float = 18.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`second_create_seconds` None: as long as `settle_seconds`."""
        self._system, self._settings, self._now = system, settings, now
        self._api = CompanyApi(http, system, settings.company, at_once=settings.at_once)
        self._book = CentralOrderBook(self._api, settings)
        self._units = CentralUnits(self._api, settings.units)
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- placing

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Create one order for the document, or find the one that exists; request and order are the same document."""
        if why := _NO_ROUTE.get(document.route):
            return Refused(system=self._system, code="no_route", reason=f"Business Central: {why}")
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                body = order_body(document, await self._units.table(), await self._book.location_id(document.plant))
            except NotWritable as error:
                return Refused(system=self._system, code=error.code, reason=str(error))
            ours = CentralDocuments(self._book, document, body, key)
            placing = SingleDocument(self._system, document.reference, ours, self._settle_policy)
            return await placing.run(maybe_written)

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete drafts of our reference; a released order is none, and nor is one of which goods were received."""
        writes = 0
        for order in await self._book.of(document.reference, document.supplier):
            received = any(parts.received_of(own) for own in order.parts.values())
            if order.status == RELEASED or received or order.number == document.order_number:
                continue
            try:
                refused = await self._api.delete(
                    self._api.path(f"purchaseOrders({order.id})"), etag=order.etag, key=f"{key}/{order.number}"
                )
            except EntityChanged as error:
                raise TransientError(self._system, f"order {order.number} is in use: {error}") from error
            if refused is not None:
                return refused
            writes += 1
        return Written(reference=document.requisition_number or document.reference, writes=writes)

    # -- changing

    async def change_order(self, document: OrderDocument, *, key: str) -> ChangeOutcome:
        """Bring the lines in `document.changed_lines` to quantity, date, price and cancellation of the document."""
        if document.order_number is None:
            raise PermanentError(
                self._system, f"order {document.reference} has no number yet; place it before changing it"
            )
        lines = [line for line in document.lines if line.line in document.changed_lines]

        def edited(items: Items, held: parts.Parts) -> list[edits.FieldEdit]:
            settled = [
                line
                for line in lines
                if not parts.unfinished(held.get(line.line, ()), line.written, [(line.delivery_date, line.quantity)])
            ]
            return edits.of_lines(items, settled, priced=True)

        return await self._changed(
            _Change(
                document.order_number,
                document.reference,
                [(line.line, line.written, None if line.cancelled else line.quantity) for line in lines],
                edited,
                lambda held: parts.of_lines(held, lines, system=self._system, price_of=_price),
                key,
            )
        )

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring the lines to what was confirmed and delivered: a line a day."""

        def edited(items: Items, held: parts.Parts) -> list[edits.FieldEdit]:
            settled = [
                line
                for line in schedule.lines
                if not parts.unfinished(held.get(line.line, ()), line.written, parts.deliveries(line))
            ]
            return edits.of_schedules(items, settled)

        known: _Known = [
            (line.line, line.written, sum((each.quantity for each in line.schedule), Decimal(0)))
            for line in schedule.lines
        ]
        return await self._changed(
            _Change(
                schedule.order_number,
                external_reference(schedule.order_id),
                known,
                edited,
                lambda held: parts.of_schedules(held, schedule.lines, system=self._system),
                key,
            )
        )

    async def _changed(self, change: _Change) -> ChangeOutcome:
        reopened = False
        for _ in range(_TRIES):
            changing = _Changing(
                self._api, self._book, self._settings, change, self._settle_policy, self._now, reopened
            )
            try:
                return await changing.run()
            except EntityChanged:  # somebody was there in between: everything is read and compared once more
                reopened = changing.reopened
        raise TransientError(
            self._system, f"order {change.number} is in use by somebody else, so it is tried again", maybe_written=True
        )

    # -- sweeping

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort; deleted orders are no longer there to be found."""
        numbers: dict[str, set[str]] = {}
        for reference, number in await self._book.references_since(f"{since.isoformat()}T00:00:00Z"):
            if reference.startswith(_OURS) and len(reference) == len(external_reference("")):
                numbers.setdefault(reference, set()).add(number)
        return [
            DuplicateDocuments(kind="order", reference=reference, numbers=tuple(sorted(held)))
            for reference, held in sorted(numbers.items())
            if len(held) > 1
        ]


def _price(line: DocumentLine) -> Decimal:
    return unit_cost(line.price, line.price_unit)


@dataclass
class _Changing:
    """One attempt at a change. Raises EntityChanged where a person was there in between."""

    api: CompanyApi
    book: CentralOrderBook
    settings: CentralSettings
    change: _Change
    settle_policy: SettlePolicy
    now: Callable[[], dt.datetime]
    reopened: bool = False
    """We have reopened the order, so it is to be released again."""
    order: CentralOrder | None = None
    found: list[edits.FieldEdit] | None = None

    async def run(self) -> ChangeOutcome:
        outcome = await reconcile(
            self.api.system, self.change.number, self._missing, self._write, settle_policy=self.settle_policy
        )
        refused = await self._released() if self.reopened else None
        if self.found:
            at = (self.order.changed_at if self.order else None) or self.now()
            return Edited(edits=tuple(one.in_document(self.change.number, at) for one in self.found))
        if refused is not None and isinstance(outcome, Written):
            return refused
        return outcome.model_copy(update={"unreleased": self._waits()}) if isinstance(outcome, Written) else outcome

    def _waits(self) -> str:
        order = self.order
        if order is not None and order.status == DRAFT and self.settings.extension and order.parts:
            return f"order {order.number} is open in Business Central, as if somebody worked on it; release it there"
        return order.document.unreleased if order else ""

    async def _missing(self) -> list[PartWrite] | Refused:
        held = await self._read()
        if self.found is None:  # anything found later may be our own write
            self.found = self._edits(held)
        if self.found:
            reason = f"a person edited order {self.change.number}"
            return Refused(system=self.api.system, code="edited", reason=reason)
        return self.change.missing(held)

    async def _read(self) -> parts.Parts:
        orders = await self.book.numbered(self.change.number)
        self.order = orders[0] if orders else None
        return self.order.parts if self.order else {}

    def _edits(self, held: parts.Parts) -> list[edits.FieldEdit]:
        items = parts.items_of(self.change.number, held, self.change.known)
        return self.change.edited(items, held)

    # -- writing

    async def _write(self, writes: Sequence[PartWrite]) -> Refused | None:
        order = self.order
        if order is None:
            return Refused(
                system=self.api.system,
                code=parts.LINE_GONE,
                reason=f"order {self.change.number} is not in Business Central (any more)",
            )
        if order.status != DRAFT and (refused := await self._reopen(order)) is not None:
            return refused
        left = {part.key for own in order.parts.values() for part in own} - {
            one.part.key for one in writes if one.remove and one.part
        }
        if not left and not order.strange and all(one.remove for one in writes):
            return await self._delete(order)
        for write in writes:
            if (refused := await self._write_part(order, write)) is not None:
                return refused
        return None

    async def _reopen(self, order: CentralOrder) -> Refused | None:
        if order.status == IN_REVIEW:
            step = (
                "an approval of it is pending in Business Central; approve or cancel it there, then repeat the change"
            )
            return Refused(system=self.api.system, code="in_review", reason=f"order {order.number}: {step}")
        if not self.settings.extension:
            step = (
                "it is released, and API v2.0 reopens no order; reopen it on its page in Business Central (Actions, "
                "Reopen), then repeat the change, or install the extension that docs/systems.md describes"
            )
            return Refused(system=self.api.system, code="released", reason=f"order {order.number}: {step}")
        path = self.api.path(f"purchaseOrders({order.id})/{REOPEN}", self.settings.extension)
        refused = await self.api.act(path, key=f"{self.change.key}/reopen")
        if refused is None:
            self.reopened = True
            if await self._read() != order.parts:
                raise EntityChanged(f"order {order.number} was changed while it was reopened")
        return refused

    async def _released(self) -> Refused | None:
        """Release again what was reopened; an order without lines is gone or can't be."""
        orders = await self.book.numbered(self.change.number)
        if not orders or orders[0].status != DRAFT or not (orders[0].parts or orders[0].strange):
            return None
        path = self.api.path(f"purchaseOrders({orders[0].id})/{RELEASE}", self.settings.extension)
        refused = await self.api.act(path, key=f"{self.change.key}/release")
        self.order = (await self.book.numbered(self.change.number) or [orders[0]])[0]
        return refused

    async def _delete(self, order: CentralOrder) -> Refused | None:
        current = self.order or order
        path = self.api.path(f"purchaseOrders({current.id})")
        return await self.api.delete(path, etag=current.etag, key=f"{self.change.key}/delete")

    async def _write_part(self, order: CentralOrder, write: PartWrite) -> Refused | None:
        part = write.part
        key = f"{self.change.key}/{write.line}/{part.number if part else 'new'}"
        if part is None:
            return await self._add(order, write, key)
        path = self.api.path(f"purchaseOrderLines({part.key})")
        if write.remove:
            refused = await self.api.delete(path, etag=part.state, key=key)
        else:
            refused = await self.api.change(path, _fields(part, write), etag=part.state, key=key)
        return refused.model_copy(update={"line": write.line}) if refused is not None else None

    async def _add(self, order: CentralOrder, write: PartWrite, key: str) -> Refused | None:
        """A part of its own number: a repeated insert is refused, and finds what is there."""
        own = list((await self.book.numbered(order.number) or [order])[0].parts.get(write.line, ()))
        path = self.api.path(f"purchaseOrders({order.id})/purchaseOrderLines")
        rows = await self.api.read(path)
        model = next((row for row in rows if row.get("id") == (own[0].key if own else "")), {})
        sequence = free_sequence(own, write.line)
        taken = {row.get("sequence") for row in rows}
        while sequence in taken:
            sequence += 1
        body: dict[str, Any] = part_body(model, self.change.reference, sequence)
        body |= {
            "quantity": write_number(write.quantity or Decimal(0), "quantity"),
            "expectedReceiptDate": write.date.isoformat() if write.date else None,
            "directUnitCost": write.price,
        }
        created = await self.api.create(path, body, key=key)
        return created.model_copy(update={"line": write.line}) if isinstance(created, Refused) else None


def _fields(part: LinePart, write: PartWrite) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if write.quantity is not None and write.quantity != part.quantity:
        fields["quantity"] = write_number(write.quantity, "quantity")
    if write.date is not None and write.date != part.date:
        fields["expectedReceiptDate"] = write.date.isoformat()
    if write.price is not None:
        fields["directUnitCost"] = write_number(write.price, "directUnitCost")
    return fields

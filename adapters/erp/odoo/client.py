"""Orders in Odoo.

Decided here: one placing at a time per reference; all lines of a change are written in one call, which is one
transaction; a quantity is never written without its date and price, since Odoo computes them anew; before a confirmed
line's quantity is lowered, its open receipt is, since Odoo makes a return of the difference otherwise; an order of
which goods were received is never cancelled, though Odoo would do it: its lines are lowered to what was received. Odoo
has no version to check against: what is written was read a moment before, and is read again after it.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import httpx

from adapters.erp import edits, parts
from adapters.erp.odoo.api import OdooApi, Row
from adapters.erp.odoo.documents import LINE, ORDER, OdooDocuments, OdooOrderBook, OdooOrderWriter
from adapters.erp.odoo.remote import (
    CANCELLED,
    CONFIRMED,
    OdooOrder,
    linked,
    read_number,
    write_moment,
)
from adapters.erp.odoo.settings import OdooSettings
from adapters.erp.odoo.units import OdooUnits
from adapters.erp.parts import LinePart, PartWrite
from adapters.erp.reconcile import reconcile
from adapters.erp.remote import Items, NotWritable
from adapters.erp.settle_policy import SettlePolicy
from adapters.erp.single_document import SingleDocument
from adapters.errors import PermanentError
from adapters.ports import PolicyPort
from canonical.identity import external_reference
from canonical.order import (
    ChangeOutcome,
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
_REFERENCE = len(external_reference(""))
_UTC = ZoneInfo("UTC")
_NO_ROUTE = {
    RouteKind.TRANSFER: "moves between warehouses are no purchase orders; take the route transfer out of the policy",
    RouteKind.SUBCONTRACT: "Pegline gives a subcontractor no components there; take the route out of the policy",
}
_ZERO = Decimal(0)

_Known = Sequence[tuple[int, WrittenLine | None, Decimal | None]]


@dataclass(frozen=True)
class _Change:
    """What one call asks of an order."""

    number: str
    reference: str
    known: _Known
    edited: Callable[[Items], list[edits.FieldEdit]]
    missing: Callable[[parts.Parts], list[PartWrite] | Refused]
    key: str


class OdooErp:
    """Implements adapters.ports.ErpPort and DuplicateSweepPort. For the times see settle_policy.SettlePolicy."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: OdooSettings | None = None,
        *,
        system: str = "erp",
        settle_seconds: float = 6.0,
        second_create_seconds: float | None = None,
        look_every_seconds: float = 0.5,
        budget_seconds: float = 18.0,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`policies`: the calendar of a plant says in which zone its days lie; without one, UTC."""
        settings = settings or OdooSettings()
        self._system, self._policies, self._now = system, policies, now
        self._odoo = OdooApi(http, system, database=settings.database, company=settings.company)
        self._book = OdooOrderBook(self._odoo, settings)
        self._units = OdooUnits(self._odoo, settings.units)
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- placing

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Create one order for the document, or find the one that exists; a request for quotation becomes the order."""
        if why := _NO_ROUTE.get(document.route):
            return Refused(system=self._system, code="no_route", reason=f"Odoo: {why}")
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            zone = self._zone(document.plant)
            try:
                values = await (await self._writer(zone)).values(document)
            except NotWritable as error:
                return Refused(system=self._system, code=error.code, reason=str(error))
            ours = OdooDocuments(self._book, document, values, zone, key)
            return await SingleDocument(self._system, document.reference, ours, self._settle_policy).run(maybe_written)

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Cancel requests of our reference; a confirmed order is none."""
        writes = 0
        for order in await self._book.of(document.reference, self._zone(document.plant)):
            if order.state in (CONFIRMED, CANCELLED):
                continue
            refused = await self._odoo.press(ORDER, "button_cancel", [order.id], key=f"{key}/{order.number}")
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
        zone = self._zone(document.plant)
        writer = await self._writer(zone)
        change = _Change(
            document.order_number,
            document.reference,
            [(line.line, line.written, None if line.cancelled else line.quantity) for line in lines],
            lambda items: edits.of_lines(items, lines, priced=True),
            lambda held: parts.of_lines(held, lines, system=self._system, price_of=writer.price),
            key,
        )
        return await self._changing(change, writer, zone).run()

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring the lines to what was confirmed and delivered: a line a day."""
        zone = self._zone(schedule.order_id.split("/")[1] if "/" in schedule.order_id else "")
        writer = await self._writer(zone)
        known: _Known = [
            (line.line, line.written, sum((each.quantity for each in line.schedule), _ZERO)) for line in schedule.lines
        ]
        change = _Change(
            schedule.order_number,
            external_reference(schedule.order_id),
            known,
            lambda items: edits.of_schedules(items, schedule.lines),
            lambda held: parts.of_schedules(held, schedule.lines, system=self._system),
            key,
        )
        return await self._changing(change, writer, zone).run()

    def _changing(self, change: _Change, writer: OdooOrderWriter, zone: ZoneInfo) -> "_Changing":
        return _Changing(self._book, writer, change, self._settle_policy, zone, self._now)

    # -- sweeping

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort."""
        numbers: dict[str, set[str]] = {}
        for origin, number in await self._book.references_since(f"{since.isoformat()} 00:00:00"):
            for word in origin.replace(",", " ").split():
                if word.startswith(_OURS) and len(word) == _REFERENCE:
                    numbers.setdefault(word, set()).add(number)
        return [
            DuplicateDocuments(kind="order", reference=reference, numbers=tuple(sorted(held)))
            for reference, held in sorted(numbers.items())
            if len(held) > 1
        ]

    def _zone(self, plant: str) -> ZoneInfo:
        policy = self._policies.effective(plant) if self._policies else None
        return policy.calendar.tzinfo if policy else _UTC

    async def _writer(self, zone: ZoneInfo) -> OdooOrderWriter:
        return OdooOrderWriter(self._book, await self._units.table(), await self._book.line_fields(), zone)


@dataclass
class _Changing:
    """One change of an order."""

    book: OdooOrderBook
    writer: OdooOrderWriter
    change: _Change
    settle_policy: SettlePolicy
    zone: ZoneInfo
    now: Callable[[], dt.datetime]
    order: OdooOrder | None = None
    found: list[edits.FieldEdit] | None = None
    lowered: list[int] = field(default_factory=list)
    """Lines of which a confirmed quantity was lowered."""

    async def run(self) -> ChangeOutcome:
        system = self.book.odoo.system
        outcome = await reconcile(
            system, self.change.number, self._missing, self._write, settle_policy=self.settle_policy
        )
        if self.found:
            return Edited(edits=tuple(self._in_document(one) for one in self.found))
        if not isinstance(outcome, Written):
            return outcome
        if self.lowered and (returns := await self._returns()):
            reason = (
                f"order {self.change.number} is as wanted, but Odoo made a return to the supplier of the lowered "
                f"quantity ({returns}); cancel that transfer in Odoo"
            )
            return Refused(system=system, code="return_made", reason=reason)
        return outcome.model_copy(update={"unreleased": self.order.waits if self.order else ""})

    def _in_document(self, edit: edits.FieldEdit) -> Any:
        order = self.order
        at = (order.changed_at if order else None) or self.now()
        found = edit.in_document(self.change.number, at)
        return found.model_copy(update={"edited_by": order.changed_by[:80]}) if order and order.changed_by else found

    async def _missing(self) -> list[PartWrite] | Refused:
        held = await self._read()
        if self.found is None:  # anything found later may be our own write
            self.found = self.change.edited(parts.items_of(self.change.number, held, self.change.known))
        if self.found:
            return Refused(
                system=self.book.odoo.system, code="edited", reason=f"a person edited order {self.change.number}"
            )
        return self.change.missing(held)

    async def _read(self) -> parts.Parts:
        orders = await self.book.numbered(self.change.number, self.zone)
        self.order = orders[0] if orders else None
        if self.order is None or not self.order.alive:
            return {}
        return self.order.parts

    # -- writing

    async def _write(self, writes: Sequence[PartWrite]) -> Refused | None:
        order, odoo = self.order, self.book.odoo
        if order is None:
            reason = f"there is no order {self.change.number} in Odoo"
            return Refused(system=odoo.system, code=parts.LINE_GONE, reason=reason)
        if not order.locked:
            return await self._write_unlocked(order, writes)
        if self.book.settings.locked_orders == "refuse":
            step = "unlock it in Odoo, then repeat the change, or set option locked_orders = unlock"
            return Refused(system=odoo.system, code="locked", reason=f"order {order.number} is locked; {step}")
        refused = await odoo.press(ORDER, "button_unlock", [order.id], key=f"{self.change.key}/unlock")
        if refused is not None:
            return refused
        try:
            return await self._write_unlocked(order, writes)
        finally:
            await odoo.press(ORDER, "button_lock", [order.id], key=f"{self.change.key}/lock")

    async def _write_unlocked(self, order: OdooOrder, writes: Sequence[PartWrite]) -> Refused | None:
        odoo = self.book.odoo
        removed = {one.part.key for one in writes if one.remove and one.part}
        left = {part.key for own in order.parts.values() for part in own} - removed
        if not left and not order.strange and all(one.remove for one in writes):
            return await odoo.press(ORDER, "button_cancel", [order.id], key=f"{self.change.key}/cancel")
        confirmed = order.state == CONFIRMED
        if confirmed and self.writer.fields.moves:
            refused = await self._lower_receipts(writes)
            if refused is not None:
                return refused
        commands = [self._command(order, one, confirmed) for one in writes]
        return await odoo.write(ORDER, [order.id], {"order_line": commands}, key=self.change.key)

    def _command(self, order: OdooOrder, write: PartWrite, confirmed: bool) -> list[Any]:
        part = write.part
        if part is None:
            return [0, 0, self._further(order, write)]
        if write.remove and not confirmed:
            return [2, int(part.key), 0]
        quantity = _ZERO if write.remove else write.quantity
        day = part.date if write.remove else write.date
        values: dict[str, Any] = {}
        if quantity is not None and quantity != part.quantity:
            values |= self.writer.amounts(quantity, part.price if write.price is None else write.price)
        elif write.price is not None:
            amounts = self.writer.amounts(part.quantity, write.price)
            values |= {name: amounts[name] for name in ("price_unit", "discount")}
        if day is not None and (values or day != part.date):
            values["date_planned"] = write_moment(day, self.zone)
        return [1, int(part.key), values]

    def _further(self, order: OdooOrder, write: PartWrite) -> dict[str, Any]:
        """A further line like the ones of the same sequence."""
        model: Row = next(row for row in order.rows if int(row["sequence"]) == write.line)
        unit = self.writer.fields.unit
        return {
            "sequence": write.line,
            "product_id": linked(model["product_id"]),
            unit: linked(model[unit]),
            **self.writer.amounts(write.quantity or _ZERO, write.price or _ZERO),
            **({"date_planned": write_moment(write.date, self.zone)} if write.date else {}),
        }

    async def _lower_receipts(self, writes: Sequence[PartWrite]) -> Refused | None:
        """Lower the open moves of lines whose quantity goes down, before the lines themselves."""
        lower: dict[int, tuple[LinePart, Decimal]] = {}
        for write in writes:
            quantity = _ZERO if write.remove else write.quantity
            if write.part is not None and quantity is not None and quantity < write.part.quantity:
                lower[int(write.part.key)] = (write.part, quantity)
        if not lower:
            return None
        self.lowered = sorted({*self.lowered, *lower})
        for line, moves in (await self._open_moves(list(lower))).items():
            part, quantity = lower[line]
            held = sum((one for _, one in moves), _ZERO)
            was, left = part.quantity - part.received, quantity - part.received
            wanted = left if held == was else held * left / was if was else held
            for move, amount in reversed(moves):
                less = min(amount, held - wanted)
                if less <= 0:
                    continue
                values = {"product_uom_qty": round(amount - less, 6)}
                refused = await self.book.odoo.write("stock.move", [move], values, key=f"{self.change.key}/move/{move}")
                if refused is not None:
                    return refused
                held -= less
        return None

    async def _open_moves(self, lines: Sequence[int]) -> dict[int, list[tuple[int, Decimal]]]:
        """By line, the moves that are to bring something, with their quantities."""
        found: dict[int, list[tuple[int, Decimal]]] = {}
        for row in await self._moves(lines):
            if row.get("location_dest_usage") != "supplier":
                move = (int(row["id"]), read_number(row["product_uom_qty"], None))
                found.setdefault(linked(row["purchase_line_id"]), []).append(move)
        return found

    async def _returns(self) -> str:
        """The open transfers back to the supplier, by name; empty: there are none."""
        rows = [row for row in await self._moves(self.lowered) if row.get("location_dest_usage") == "supplier"]
        names = {
            str(row["picking_id"][1]) if isinstance(row.get("picking_id"), list) else str(row["id"]) for row in rows
        }
        return ", ".join(sorted(names))

    async def _moves(self, lines: Sequence[int]) -> list[Row]:
        domain = [["purchase_line_id", "in", list(lines)], ["state", "not in", ["done", "cancel"]]]
        fields = ["id", "purchase_line_id", "product_uom_qty", "location_dest_usage", "picking_id"]
        return await self.book.odoo.search("stock.move", domain, fields)


__all__ = ["LINE", "OdooErp"]

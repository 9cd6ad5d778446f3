"""Requisitions and orders in SAP S/4HANA.

Decided here: one placing at a time per reference; nothing is written over a person's edit, not even over one made
between reading and writing; a cancellation that SAP refuses is settled as "delivery completed" only for lines of which
SAP's material documents show a receipt. Every other refusal (approval, invoice, …) is returned as it is. Where the
supplier's confirmations have a place of their own (OData V4), the schedule stays as it was ordered. How documents are
placed, a difference is written and what an edit is, is every dialect's (adapters.erp); what a difference is in SAP is
in difference.py, what its services offer in purchasing.py.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from weakref import WeakValueDictionary

import httpx

from adapters.erp import edits
from adapters.erp.placing import Placing
from adapters.erp.reconcile import reconcile
from adapters.erp.remote import Items, NotWritable
from adapters.erp.sap import difference
from adapters.erp.sap.answers import ChangedMeanwhile
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.deliveries import FIELDS, received
from adapters.erp.sap.odata import Entity, ODataService
from adapters.erp.sap.purchasing import Placement, Purchasing, V2Purchasing
from adapters.erp.sap.units import Units
from adapters.erp.settle_policy import SettlePolicy
from adapters.errors import PermanentError
from adapters.ports import PolicyPort
from canonical.order import (
    ChangeOutcome,
    DeliveryLine,
    DocumentLine,
    DuplicateDocuments,
    Edited,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
    WrittenLine,
)
from canonical.policy import ErpDocuments, RouteKind

_TRANSFERS_OFF = (
    "stock transport orders are switched off at this plant (policy erp.transfers), since SAP does not list them for "
    "its purchase order service; switch them on after a test, or take the route transfer out"
)
_TRIES = 3
"""How often a change is tried in one call whose document somebody else changes meanwhile."""


class SapErp:
    """Implements adapters.ports.ErpPort and DuplicateSweepPort. For the times see settle_policy.SettlePolicy."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        settle_seconds: float = 6.0,
        second_create_seconds: float | None = None,
        look_every_seconds: float = 0.5,
        budget_seconds: float = 18.0,
        repeatable: bool = True,
        purchasing: Purchasing | None = None,
        units: Units | None = None,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`second_create_seconds` None: as long as `settle_seconds`; `repeatable`: see ODataService.

        `purchasing`: its services; None: those of OData V2. `policies`: how each plant's documents are written; None:
        as canonical.policy.ErpDocuments has it.
        """
        self._purchasing = purchasing or V2Purchasing(http, repeatable=repeatable)
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._material_documents = ODataService(http, "API_MATERIAL_DOCUMENT_SRV")
        self._units = units or Units()
        self._policies = policies
        self._now = now
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Create one requisition and one order for the document, or find those that exist already."""
        rules, system = self._rules(document.plant), self._purchasing.system
        if document.route is RouteKind.TRANSFER and not rules.transfers:
            return Refused(system=system, code="transfers_off", reason=_TRANSFERS_OFF)
        placement = Placement(document, self._units.with_codes(rules.units), rules, key)
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                self._purchasing.check(placement)
                placing = Placing(
                    system,
                    document.reference,
                    self._purchasing.requisitions(placement),
                    self._purchasing.orders(placement),
                    self._settle_policy,
                    self._purchasing.repeatable,
                )
                return await placing.run(maybe_written)
            except NotWritable as error:
                return Refused(system=system, code=error.code, reason=str(error))

    async def change_order(self, document: OrderDocument, *, key: str) -> ChangeOutcome:
        """Bring the lines in `document.changed_lines` to quantity, date, price and cancellation of the document."""
        if document.order_number is None:
            step = f"order {document.reference} has no number yet; place it before changing it"
            raise PermanentError(self._purchasing.system, step)
        order, priced = document.order_number, document.route is not RouteKind.TRANSFER
        changed = [self._as_ordered(line) for line in document.lines if line.line in document.changed_lines]
        refused = await self._rejected(document, order, changed, priced, key)
        outcome = refused or await self._reconcile_lines(order, changed, priced, key)
        if document.route is RouteKind.SUBCONTRACT and isinstance(outcome, Written):
            outcome = await self._with_components(document, order, changed, key, outcome)
        if isinstance(outcome, Written):
            # A change may open the release again.
            return outcome.model_copy(update={"unreleased": (await self._purchasing.head(order)).unreleased})
        return outcome

    async def _rejected(
        self, document: OrderDocument, order: str, lines: Sequence[DocumentLine], priced: bool, key: str
    ) -> Refused | None:
        """Mark what the supplier refused, before it is deleted; not over a person's edit."""
        confirming, rejected = self._purchasing.confirming, [line for line in lines if line.rejected]
        if confirming is None or not rejected:
            return None
        items = await self._purchasing.items(order)
        there = [items[line.line] for line in rejected if line.line in items and not items[line.line].deleted]
        if not there or edits.of_lines(items, lines, priced=priced):
            return None
        outcome = await confirming.reject(
            order, document.reference, there, key=f"{key}/rejected", settle_policy=self._settle_policy
        )
        return outcome if isinstance(outcome, Refused) else None

    async def _with_components(
        self, document: OrderDocument, order: str, changed: Sequence[DocumentLine], key: str, outcome: Written
    ) -> WriteOutcome:
        units = self._units.with_codes(self._rules(document.plant).units)

        def missing(items: Items) -> list[Operation] | Refused:
            return difference.of_components(items, changed, units, writing=self._purchasing.writing)

        given = await self._reconciled(order, missing, f"{key}/components", components=True)
        if isinstance(given, Refused):
            return given
        return outcome.model_copy(update={"writes": outcome.writes + given.writes})

    async def _reconcile_lines(
        self, order: str, lines: Sequence[DocumentLine], priced: bool, key: str
    ) -> ChangeOutcome:
        closed: frozenset[int] = frozenset()
        edits_in: Callable[[Items], list[edits.FieldEdit]] = partial(edits.of_lines, lines=lines, priced=priced)
        while True:
            difference_to = partial(
                difference.of_lines, lines=lines, closed=closed, writing=self._purchasing.writing, priced=priced
            )
            outcome = await self._reconcile_unedited(order, edits_in, difference_to, key)
            if not isinstance(outcome, Refused):
                return outcome
            cancelled = _cancelled(outcome, lines) - closed
            if not cancelled:
                return outcome
            received = await self._received(order, cancelled)
            if isinstance(received, str):
                return outcome.model_copy(update={"reason": f"{outcome.reason}; {received}"})
            closed |= received
            edits_in = _no_edits  # anything found from here on may be our own write

    async def _received(self, order: str, lines: Iterable[int]) -> frozenset[int] | str:
        """The lines of which SAP holds a receipt that has not gone back; if there is none, in words why."""

        def shape(movements: Sequence[Entity]) -> frozenset[int]:
            return frozenset(line for line in lines if line in items and received(movements, items[line]) > 0)

        items = await self._purchasing.items(order)
        try:
            found = await self._material_documents.read_as(
                shape, "A_MaterialDocumentItem", of=("PurchaseOrder", order), select=FIELDS
            )
        except PermanentError as error:
            return f"whether goods were received can't be read: {error}"[:300]
        return found or "no goods were received"

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring what was confirmed and delivered to where SAP keeps it: the order's schedule, or confirmations."""
        writing, confirming = self._purchasing.writing, self._purchasing.confirming
        lines = schedule.lines
        if confirming is None:
            difference_to = partial(difference.of_schedules, lines=lines, writing=writing)
        else:
            lines = tuple(_as_requested(line) for line in lines)
            difference_to = partial(difference.of_completions, lines=lines, writing=writing)
        edits_in = partial(edits.of_schedules, lines=lines)
        outcome = await self._reconcile_unedited(schedule.order_number, edits_in, difference_to, key)
        if confirming is None or not isinstance(outcome, Written):
            return outcome
        try:
            items = await self._purchasing.items(schedule.order_number)
            confirmed = await confirming.write(schedule, items, key=key, settle_policy=self._settle_policy)
        except NotWritable as error:
            return Refused(system=self._purchasing.system, code=error.code, reason=str(error))
        if isinstance(confirmed, Refused):
            return confirmed
        return outcome.model_copy(update={"writes": outcome.writes + confirmed.writes})

    async def _reconcile_unedited(
        self,
        order: str,
        edits_in: Callable[[Items], list[edits.FieldEdit]],
        difference_to: Callable[[Items], list[Operation] | Refused],
        key: str,
    ) -> ChangeOutcome:
        """Write the difference if nobody edited the lines; otherwise report the edits and write nothing."""
        edited: list[edits.FieldEdit] | None = None

        def missing(items: Items) -> list[Operation] | Refused:
            nonlocal edited
            if edited is None:  # anything found later may be our own write
                edited = edits_in(items)
            if edited:
                return Refused(system=self._purchasing.system, code="edited", reason=f"a person edited order {order}")
            return difference_to(items)

        for attempt in range(1, _TRIES + 1):
            try:
                outcome = await self._reconciled(order, missing, key)
                break
            except ChangedMeanwhile:
                # Nothing was written: whoever was quicker may have edited the very lines.
                edited = None
                if attempt == _TRIES:
                    raise
        if not edited:
            return outcome
        at = (await self._purchasing.head(order)).changed_at or self._now()
        return Edited(edits=tuple(edit.in_document(order, at) for edit in edited))

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete the requisition items of our reference that are not in an order; harmless where there are none."""
        field = self._rules(document.plant).requisition_reference_field

        async def missing() -> list[Operation] | Refused:
            return await self._purchasing.open_requisitions(document.reference, field)

        async def change(operations: Sequence[Operation]) -> Refused | None:
            return await self._purchasing.delete_requisitions(operations, key=key)

        number = document.requisition_number or document.reference
        return await reconcile(self._purchasing.system, number, missing, change, settle_policy=self._settle_policy)

    async def _reconciled(
        self,
        order: str,
        difference_to: Callable[[Items], list[Operation] | Refused],
        key: str,
        *,
        components: bool = False,
    ) -> WriteOutcome:
        items: Items = {}

        async def missing() -> list[Operation] | Refused:
            nonlocal items
            items = await self._purchasing.items(order, components=components)
            return difference_to(items)

        async def change(operations: Sequence[Operation]) -> Refused | None:
            return await self._purchasing.change(operations, items, key=key)

        return await reconcile(self._purchasing.system, order, missing, change, settle_policy=self._settle_policy)

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort."""
        plants = self._policies.plants if self._policies else ()
        rules = [self._rules(plant) for plant in plants] or [ErpDocuments()]
        return await self._purchasing.duplicates(
            {one.order_reference_field for one in rules}, {one.requisition_reference_field for one in rules}, since
        )

    def _rules(self, plant: str) -> ErpDocuments:
        policy = self._policies.effective(plant) if self._policies else None
        return policy.erp if policy else ErpDocuments()

    def _as_ordered(self, line: DocumentLine) -> DocumentLine:
        if self._purchasing.confirming is None or line.written is None:
            return line
        return line.model_copy(update={"written": _ordered(line.written)})


def _ordered(written: WrittenLine) -> WrittenLine:
    """What the order itself holds where confirmations are kept apart."""
    return written.model_copy(update={"schedule": ()})


def _as_requested(line: LineSchedule) -> LineSchedule:
    """What the order itself is to hold where confirmations are kept apart: its quantity on the day that was asked."""
    quantity = sum((one.quantity for one in line.schedule), Decimal(0))
    day = line.written.delivery_date if line.written else line.schedule[0].date
    requested = DeliveryLine(date=day, quantity=quantity, committed=Decimal(0))
    written = _ordered(line.written) if line.written else None
    return line.model_copy(update={"schedule": (requested,), "written": written})


def _no_edits(items: Items) -> list[edits.FieldEdit]:
    return []


def _cancelled(refused: Refused, lines: Iterable[DocumentLine]) -> frozenset[int]:
    """The cancelled lines that the refusal may be about; SAP names one line or none."""
    return frozenset(line.line for line in lines if line.cancelled and refused.line in (None, line.line))

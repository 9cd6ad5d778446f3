"""Requisitions and orders in SAP S/4HANA.

Decided here: one placing at a time per reference; nothing is written over a person's edit; a cancellation that SAP
refuses is settled as "delivery completed" only for lines of which SAP's material documents show a receipt. Every other
refusal (approval, invoice, …) is returned as it is. How documents are placed is in placing.py, what a difference is in
difference.py, how it is written in reconcile.py, what an edit is in edits.py.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from weakref import WeakValueDictionary

import httpx

from adapters.erp.sap import difference, edits
from adapters.erp.sap.batch import Operation
from adapters.erp.sap.deliveries import FIELDS, received
from adapters.erp.sap.difference import Items
from adapters.erp.sap.duplicates import duplicate_orders, duplicate_requisitions
from adapters.erp.sap.odata import SYSTEM, Entity, ODataService
from adapters.erp.sap.placing import Placing, requisition_deletions, requisitions_of
from adapters.erp.sap.reconcile import reconcile
from adapters.erp.sap.remote import remote_item
from adapters.erp.sap.settle_policy import SettlePolicy
from adapters.erp.sap.units import Units, UnknownUnit
from adapters.erp.sap.values import DoesNotFit, read_moment
from adapters.errors import PermanentError
from adapters.ports import PolicyPort
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
)
from canonical.policy import ErpDocuments, RouteKind

_TRANSFERS_OFF = (
    "stock transport orders are switched off at this plant (policy erp.transfers), since SAP does not list them for "
    "its purchase order service; switch them on after a test, or take the route transfer out"
)


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
        units: Units | None = None,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`second_create_seconds` None: as long as `settle_seconds`; `repeatable`: see ODataService.

        `policies`: how each plant's documents are written; None: as canonical.policy.ErpDocuments has it.
        """
        self._requisitions = ODataService(http, "API_PURCHASEREQ_PROCESS_SRV", repeatable=repeatable)
        self._orders = ODataService(http, "API_PURCHASEORDER_PROCESS_SRV", repeatable=repeatable)
        second = settle_seconds if second_create_seconds is None else second_create_seconds
        self._settle_policy = SettlePolicy(settle_seconds, look_every_seconds, budget_seconds, second, clock, sleep)
        self._material_documents = ODataService(http, "API_MATERIAL_DOCUMENT_SRV")
        self._units = units or Units()
        self._policies = policies
        self._now = now
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Create one requisition and one order for the document, or find those that exist already."""
        rules = self._rules(document.plant)
        if document.route is RouteKind.TRANSFER and not rules.transfers:
            return Refused(system=SYSTEM, code="transfers_off", reason=_TRANSFERS_OFF)
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                placing = Placing(
                    self._requisitions,
                    self._orders,
                    self._units.with_codes(rules.units),
                    rules,
                    self._settle_policy,
                    document,
                    key,
                )
                return await placing.run(maybe_written)
            except UnknownUnit as error:
                return Refused(system=SYSTEM, code="unknown_unit", reason=str(error))
            except DoesNotFit as error:
                return Refused(system=SYSTEM, code="does_not_fit", reason=str(error))

    async def change_order(self, document: OrderDocument, *, key: str) -> ChangeOutcome:
        """Bring the lines in `document.changed_lines` to quantity, date, price and cancellation of the document."""
        if document.order_number is None:
            raise PermanentError(SYSTEM, f"order {document.reference} has no number yet; place it before changing it")
        order, priced = document.order_number, document.route is not RouteKind.TRANSFER
        changed = [line for line in document.lines if line.line in document.changed_lines]
        outcome = await self._reconcile_lines(order, changed, priced, key)
        if document.route is not RouteKind.SUBCONTRACT or not isinstance(outcome, Written):
            return outcome

        units = self._units.with_codes(self._rules(document.plant).units)

        async def missing() -> list[Operation]:
            return difference.of_components(await self._items(order, components=True), changed, units)

        given = await reconcile(
            self._orders, order, missing, key=f"{key}/components", settle_policy=self._settle_policy
        )
        if isinstance(given, Refused):
            return given
        return outcome.model_copy(update={"writes": outcome.writes + given.writes})

    async def _reconcile_lines(
        self, order: str, lines: Sequence[DocumentLine], priced: bool, key: str
    ) -> ChangeOutcome:
        closed: frozenset[int] = frozenset()
        edits_in: Callable[[Items], list[edits.FieldEdit]] = partial(edits.of_lines, lines=lines, priced=priced)
        while True:
            difference_to = partial(difference.of_lines, lines=lines, closed=closed, priced=priced)
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

        items = await self._items(order)
        try:
            found = await self._material_documents.read_as(
                shape, "A_MaterialDocumentItem", of=("PurchaseOrder", order), select=FIELDS
            )
        except PermanentError as error:
            return f"whether goods were received can't be read: {error}"[:300]
        return found or "no goods were received"

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring schedules, and with them the quantities, to what was confirmed and delivered."""
        edits_in = partial(edits.of_schedules, lines=schedule.lines)
        difference_to = partial(difference.of_schedules, lines=schedule.lines)
        return await self._reconcile_unedited(schedule.order_number, edits_in, difference_to, key)

    async def _reconcile_unedited(
        self,
        order: str,
        edits_in: Callable[[Items], list[edits.FieldEdit]],
        difference_to: Callable[[Items], list[Operation] | Refused],
        key: str,
    ) -> ChangeOutcome:
        """Write the difference if nobody edited the lines; otherwise report the edits and write nothing."""
        edited: list[edits.FieldEdit] | None = None

        async def missing() -> list[Operation] | Refused:
            nonlocal edited
            items = await self._items(order)
            if edited is None:  # anything found later may be our own write
                edited = edits_in(items)
            if edited:
                return Refused(system=SYSTEM, code="edited", reason=f"a person edited order {order}")
            return difference_to(items)

        outcome = await reconcile(self._orders, order, missing, key=key, settle_policy=self._settle_policy)
        if not edited:
            return outcome
        at = await self._changed_at(order)
        return Edited(edits=tuple(edit.in_document(order, at) for edit in edited))

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete the requisition items of our reference that are not in an order; harmless where there are none."""

        async def missing() -> list[Operation]:
            held = await requisitions_of(self._requisitions, document.reference, field)
            return [one for each in held for one in requisition_deletions(each.number, each.open_items)]

        field = self._rules(document.plant).requisition_reference_field
        number = document.requisition_number or document.reference
        return await reconcile(self._requisitions, number, missing, key=key, settle_policy=self._settle_policy)

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort."""
        plants = self._policies.plants if self._policies else ()
        rules = [self._rules(plant) for plant in plants] or [ErpDocuments()]
        of_orders = sorted({one.order_reference_field for one in rules})
        of_requisitions = sorted({one.requisition_reference_field for one in rules})
        by_field = [
            *(duplicate_orders(self._orders, field, since) for field in of_orders),
            *(duplicate_requisitions(self._requisitions, field, since) for field in of_requisitions),
        ]
        return [duplicate for found in await asyncio.gather(*by_field) for duplicate in found]

    def _rules(self, plant: str) -> ErpDocuments:
        policy = self._policies.effective(plant) if self._policies else None
        return policy.erp if policy else ErpDocuments()

    async def _items(self, order: str, *, components: bool = False) -> Items:
        below = "/to_SubcontractingComponent" if components else ""
        return await self._orders.read_as(
            lambda items: {item.number: item for item in map(remote_item, items)},
            "A_PurchaseOrderItem",
            of=("PurchaseOrder", order),
            expand=f"to_ScheduleLine{below}",
        )

    async def _changed_at(self, order: str) -> dt.datetime:
        """When the order was last changed; now, where SAP does not say."""
        stamps = await self._orders.read_as(
            lambda orders: [read_moment(one.get("LastChangeDateTime")) for one in orders],
            "A_PurchaseOrder",
            of=("PurchaseOrder", order),
            select="PurchaseOrder,LastChangeDateTime",
        )
        return next((stamp for stamp in stamps if stamp), None) or self._now()


def _no_edits(items: Items) -> list[edits.FieldEdit]:
    return []


def _cancelled(refused: Refused, lines: Iterable[DocumentLine]) -> frozenset[int]:
    """The cancelled lines that the refusal may be about; SAP names one line or none."""
    return frozenset(line.line for line in lines if line.cancelled and refused.line in (None, line.line))

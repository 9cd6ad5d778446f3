"""ERP: requisitions, orders and their schedules."""

import asyncio
from collections.abc import Callable

from temporalio import activity

from activities.boundary import counterpart, maybe_written
from activities.ports import LedgerPort
from adapters.ports import ApsPort, ErpPort, LandscapePort, SupplierPort
from canonical.calls import (
    CancelRequisitionCall,
    ChangeOrderCall,
    Moved,
    PlaceAndSendCall,
    PlacedAndSent,
    PlaceOrderCall,
    PlacingOutcome,
    WriteBackCall,
    WriteScheduleCall,
    WrittenBack,
)
from canonical.coverage import CoverageReport
from canonical.landscape import Systems
from canonical.order import ChangeOutcome, OrderChangeOutcome, OrderDocument, Placed, Refused, WriteOutcome
from canonical.policy import RouteKind
from canonical.records import AuditBatch


class ErpActivities:
    """Calls to the ERP; each also records its audit events in the ledger.

    `supplier_beside`: who receives an order as soon as it is placed. `aps_beside`: who receives the coverage together
    with each write-back to the ERP. None: that system is called only through its own queue. `system` and `landscape`:
    which ERP this is, so that an order is placed in no other than its plant's.
    """

    def __init__(
        self,
        erp: ErpPort,
        ledger: LedgerPort,
        supplier_beside: Callable[[OrderDocument], SupplierPort | None] = lambda document: None,
        aps_beside: Callable[[CoverageReport], ApsPort | None] = lambda report: None,
        *,
        system: str = "",
        landscape: LandscapePort | None = None,
    ) -> None:
        self._erp = erp
        self._ledger = ledger
        self._supplier_beside = supplier_beside
        self._aps_beside = aps_beside
        self._system = system
        self._landscape = landscape

    @activity.defn(name="erp.place_order")
    async def place_order(self, call: PlaceOrderCall) -> PlacingOutcome:
        """Requisition and conversion in one call; exactly one of each, however often it is retried."""
        async with counterpart(self._ledger, call):
            return self._in_two(call) or await self._placed(call)

    @activity.defn(name="erp.place_and_send")
    async def place_and_send(self, call: PlaceAndSendCall) -> PlacedAndSent:
        """Place the order, and send it once the ledger has its number, by which the supplier's answer is matched.

        It is not sent where the ERP has not released it.
        """
        async with counterpart(self._ledger, call):
            placed = await self._placed(call)
            supplier = self._supplier_beside(call.document)
            if not isinstance(placed, Placed) or placed.unreleased or supplier is None:
                return PlacedAndSent(placed=placed, sent=None)
            numbers = _numbers(placed)
            document = call.document.model_copy(update={**numbers, "expedite": False})
            sent = await supplier.send_order(document, key=call.send_key)
            return PlacedAndSent(placed=placed, sent=sent)

    async def _placed(self, call: PlaceOrderCall | PlaceAndSendCall) -> PlacingOutcome:
        """The ledger knows the number before the order does: one that the ERP has given before stops here."""
        placed: PlacingOutcome = self._moved(call) or await self._erp.place_order(
            call.document, key=call.key, maybe_written=maybe_written(call)
        )
        if isinstance(placed, Placed) and call.audit_batch is not None:
            snapshot = call.audit_batch.snapshot.model_copy(update=_numbers(placed))
            await self._ledger.record([AuditBatch(audit_events=(), snapshot=snapshot, after=call.audit_batch.sequence)])
        return placed

    @activity.defn(name="erp.change_order")
    async def change_order(self, call: ChangeOrderCall) -> OrderChangeOutcome:
        """Change the lines in the ERP to match the document."""
        async with counterpart(self._ledger, call):
            return await self._erp.change_order(call.document, key=call.key)

    @activity.defn(name="erp.cancel_requisition")
    async def cancel_requisition(self, call: CancelRequisitionCall) -> WriteOutcome:
        """Delete the requisition of an order that will not be placed."""
        async with counterpart(self._ledger, call):
            return await self._erp.cancel_requisition(call.document, key=call.key)

    @activity.defn(name="erp.write_schedule")
    async def write_schedule(self, call: WriteScheduleCall) -> ChangeOutcome:
        """Write confirmed and delivered quantities."""
        async with counterpart(self._ledger, call):
            return await self._erp.write_schedule(call.schedule, key=call.key)

    @activity.defn(name="erp.write_back")
    async def write_back(self, call: WriteBackCall) -> WrittenBack:
        """Write confirmed and delivered quantities, and report coverage to APS in parallel; fails if either fails."""
        async with counterpart(self._ledger, call):
            reported = asyncio.create_task(self._reported(call))
            try:
                written = await self._erp.write_schedule(call.schedule, key=call.key)
                return WrittenBack(erp=written, aps=await reported)
            finally:
                # Safe to cancel: APS receives the complete coverage again. The call to the ERP is always awaited.
                reported.cancel()

    async def _reported(self, call: WriteBackCall) -> WriteOutcome | None:
        aps = self._aps_beside(call.report)
        return await aps.write_coverage(call.report, key=call.key) if aps is not None else None

    def _in_two(self, call: PlaceOrderCall) -> Refused | None:
        """Refuses a transfer whose plants have come to be in two systems before anything was written."""
        document = call.document
        if self._landscape is None or document.route is not RouteKind.TRANSFER or maybe_written(call):
            return None
        two = self._landscape.two_erps(document.plant, document.supplier)
        if two is None:
            return None
        return Refused(system=self._system, code="two_erps", reason=f"{two}; {two.next_step}")

    def _moved(self, call: PlaceOrderCall | PlaceAndSendCall) -> Moved | None:
        """The systems of the order, where its plant has gone to another ERP before anything was written here."""
        if self._landscape is None or maybe_written(call):
            return None
        document = call.document
        found = self._landscape.systems_of(document.plant, document.supplier, document.route)
        return Moved(systems=found) if isinstance(found, Systems) and found.erp != self._system else None


def _numbers(placed: Placed) -> dict[str, str | None]:
    return {"order_number": placed.order_number, "requisition_number": placed.requisition_number}

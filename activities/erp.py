"""ERP: requisitions, orders and their schedules."""

import asyncio

from temporalio import activity

from activities.boundary import counterpart, maybe_written
from activities.ports import LedgerPort
from adapters.ports import ApsPort, ErpPort, SupplierPort
from canonical.calls import (
    CancelRequisitionCall,
    ChangeOrderCall,
    PlaceAndSendCall,
    PlacedAndSent,
    PlaceOrderCall,
    WriteBackCall,
    WriteScheduleCall,
    WrittenBack,
)
from canonical.order import ChangeOutcome, PlaceOutcome, Refused, WriteOutcome
from canonical.records import AuditBatch


class ErpActivities:
    """Calls to the ERP; each also records its audit events in the ledger.

    `supplier`: receives an order as soon as it is placed. `aps`: receives the coverage together with each write-back to
    the ERP. None: that counterpart is called only through its own queue.
    """

    def __init__(
        self, erp: ErpPort, ledger: LedgerPort, supplier: SupplierPort | None = None, aps: ApsPort | None = None
    ) -> None:
        self._erp = erp
        self._ledger = ledger
        self._supplier = supplier
        self._aps = aps

    @activity.defn(name="erp.place_order")
    async def place_order(self, call: PlaceOrderCall) -> PlaceOutcome:
        """Requisition and conversion in one call; exactly one of each, however often it is retried."""
        async with counterpart(self._ledger, call):
            return await self._erp.place_order(call.document, key=call.key, maybe_written=maybe_written(call))

    @activity.defn(name="erp.place_and_send")
    async def place_and_send(self, call: PlaceAndSendCall) -> PlacedAndSent:
        """Place the order, and send it once the ledger has its number, by which the supplier's answer is matched.

        It is not sent where the ERP has not released it.
        """
        async with counterpart(self._ledger, call):
            placed = await self._erp.place_order(call.document, key=call.key, maybe_written=maybe_written(call))
            if isinstance(placed, Refused) or placed.unreleased or self._supplier is None:
                return PlacedAndSent(placed=placed, sent=None)
            numbers = {"order_number": placed.order_number, "requisition_number": placed.requisition_number}
            if call.audit_batch is not None:
                snapshot = call.audit_batch.snapshot.model_copy(update=numbers)
                await self._ledger.record(
                    [AuditBatch(audit_events=(), snapshot=snapshot, after=call.audit_batch.sequence)]
                )
            document = call.document.model_copy(update={**numbers, "expedite": False})
            sent = await self._supplier.send_order(document, key=call.send_key)
            return PlacedAndSent(placed=placed, sent=sent)

    @activity.defn(name="erp.change_order")
    async def change_order(self, call: ChangeOrderCall) -> ChangeOutcome:
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
        return await self._aps.write_coverage(call.report, key=call.key) if self._aps is not None else None

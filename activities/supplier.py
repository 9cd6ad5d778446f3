"""Suppliers: orders, changes and reminders go out here; answers come in by the gateway."""

from temporalio import activity

from activities.boundary import counterpart
from activities.ports import LedgerPort
from adapters.ports import SupplierPort
from canonical.calls import SendDocumentCall
from canonical.order import WriteOutcome


class SupplierActivities:
    """Sends documents to suppliers; calls with the same key send one document."""

    def __init__(self, supplier: SupplierPort, ledger: LedgerPort) -> None:
        self._supplier = supplier
        self._ledger = ledger

    @activity.defn(name="supplier.send_order")
    async def send_order(self, call: SendDocumentCall) -> WriteOutcome:
        """The order, revision 1."""
        async with counterpart(self._ledger, call):
            return await self._supplier.send_order(call.document, key=call.key)

    @activity.defn(name="supplier.send_change")
    async def send_change(self, call: SendDocumentCall) -> WriteOutcome:
        """A change order: the whole document at its new revision."""
        async with counterpart(self._ledger, call):
            return await self._supplier.send_change(call.document, key=call.key)

    @activity.defn(name="supplier.send_reminder")
    async def send_reminder(self, call: SendDocumentCall) -> WriteOutcome:
        """Ask for an answer or a delivery that is due."""
        async with counterpart(self._ledger, call):
            return await self._supplier.send_reminder(call.document, key=call.key)

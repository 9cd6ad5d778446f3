"""How an order goes to whoever serves it: a supplier by documents, a plant of ours by the needs that it states.

Each revision is made once for all its lines: one ERP write, one change order.
"""

from collections.abc import Awaitable, Callable

from activities.supplier import SupplierActivities
from canonical.calls import SendDocumentCall
from canonical.order import Refused, WriteOutcome
from canonical.policy import RouteKind
from workflows import queues
from workflows.purchase_order.line import Line
from workflows.purchase_order.reporting import OrderReporting


class OrderDocuments(OrderReporting):
    """The part of a PurchaseOrder that sends it and its changes."""

    def update_unsent(self, changed: list[Line]) -> None:
        """R3: what changed before the order was sent is simply part of revision 1."""
        for line in changed:
            line.changed_in = self.state.revision
            if not line.cancelled:
                continue
            line.answered_in, line.never_sent = line.changed_in, self.state.order_number is None

    async def update_in_erp(self) -> bool:
        """Before the order is sent: bring the ERP's document to it; False where that has to wait for a person."""
        state = self.state
        differing = [line for line in state.lines if line.written is not None and line.differs_from_erp]
        waiting = [line for line in differing if not line.edits]
        if waiting and not await self.change_in_erp(
            [line.number for line in waiting],
            f"update-{state.event_log.sequence}",
            f"Update order {state.order_number} before it is sent",
        ):
            return False
        for line in state.lines:
            if line.cancelled and not line.edits:
                line.never_sent = True
        state.cut = [line.number for line in state.lines if line.number in state.cut and line.edits]
        return not state.edited

    async def send_order(self) -> bool:
        """ORDERS, revision 1; False where the supplier's gateway refused it."""
        made, self.sent_when_placed = self.sent_when_placed, None
        if not await self._sent(SupplierActivities.send_order, "send", self.state.revision, made=made):
            return False
        for line in self.state.lines:
            line.adopted = False
        return True

    async def send_change(self, numbers: list[int]) -> bool:
        """The next revision: one ERP write, one change order; False where either was refused or a person edited.

        Until it is sent it is not the order's revision: where that fails, it is made anew once the cause is settled.
        """
        state = self.state
        revision, expedite = state.revision + 1, state.expedite
        self.record(
            "order.changed",
            revision=revision,
            lines=[
                {
                    "line": line.number,
                    **line.whose,
                    "quantity": str(line.quantity),
                    "delivery_date": line.delivery_date.isoformat(),
                    "cancelled": line.cancelled,
                    "adopted": line.adopted,
                }
                for line in state.lines
                if line.number in numbers
            ],
            expedite=expedite,
        )
        # What a person edited and another adopted is in the ERP already.
        to_write = [
            line.number
            for line in state.lines
            if line.number in numbers and (line.differs_from_erp or not line.adopted)
        ]
        written = not to_write or await self.change_in_erp(
            to_write,
            f"change-{revision}",
            f"Change order {state.order_number} to revision {revision}",
            revision=revision,
        )
        if not written or not await self._sent(SupplierActivities.send_change, "change", revision, numbers, expedite):
            return False
        state.revision, state.expedite = revision, False
        for line in state.lines:
            if line.number in numbers:
                line.adopted = False
        return True

    async def send_reminder(self) -> None:
        """Ask for the answer that is due."""
        state = self.state
        document, audit_batch = state.document(tuple(line.number for line in state.awaited)), self.audit_batch()
        await self.call(
            SupplierActivities.send_reminder,
            SendDocumentCall(
                key=self.key(f"reminder-{state.revision}-{state.reminders}"),
                correlation_id=state.correlation_id,
                document=document,
                audit_batch=audit_batch,
            ),
            queues.SUPPLIER,
            f"Remind {document.supplier} of order {state.order_number}",
        )
        self.record("reminder.sent", revision=state.revision, reminder=state.reminders, rule="R16")

    async def _sent(
        self,
        method: Callable[..., Awaitable[WriteOutcome]],
        step: str,
        revision: int,
        changed: list[int] | None = None,
        expedite: bool = False,
        made: WriteOutcome | None = None,
    ) -> bool:
        """`made`: what came of the call, where it was made already."""
        state = self.state
        if state.terms.route is RouteKind.TRANSFER:
            self._hand_to_plant(changed or [])
        else:
            outcome = made or await self._send(method, f"{step}-{revision}", revision, changed, expedite)
            self.record_refusal(outcome)
            if isinstance(outcome, Refused):
                return False
        self.record("order.sent", revision=revision, supplier=state.terms.supplier, changed=list(changed or ()))
        return True

    async def _send(
        self,
        method: Callable[..., Awaitable[WriteOutcome]],
        step: str,
        revision: int,
        changed: list[int] | None,
        expedite: bool,
    ) -> WriteOutcome:
        state = self.state
        document = state.document(tuple(changed or ()), revision=revision)
        outcome: WriteOutcome = await self.call(
            method,
            SendDocumentCall(
                key=self.key(step),
                correlation_id=state.correlation_id,
                document=document.model_copy(update={"expedite": expedite}),
                audit_batch=self.audit_batch(),
            ),
            queues.SUPPLIER,
            f"Send revision {revision} of order {state.order_number} to {document.supplier}",
        )
        return outcome

    def _hand_to_plant(self, changed: list[int]) -> None:
        """A plant of ours gets no document: it hears of the need (publish_needs), and of a withdrawal it says
        nothing."""
        for line in self.state.lines:
            if line.number in changed and line.cancelled:
                line.answered_in, line.promised = line.changed_in, ()
                self.state.touch(line.number)

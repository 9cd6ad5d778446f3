"""What an order writes to the ERP: its requisition, its document and the changes of it.

Decided here: that nothing is written over a person's edit; what the ERP answers as edited waits for a decision
(order_edits). Not here: what the lines are to be.
"""

from collections.abc import Sequence

from activities.erp import ErpActivities
from canonical.calls import CancelRequisitionCall, ChangeOrderCall, PlaceAndSendCall, PlacedAndSent, PlaceOrderCall
from canonical.order import Edited, Placed, PlaceOutcome, Refused, WriteOutcome
from canonical.policy import RouteKind
from workflows import queues
from workflows.purchase_order.calls import OrderCalls
from workflows.purchase_order.edits import take_edit


class OrderInErp(OrderCalls):
    """The part of a PurchaseOrder that keeps its documents in the ERP."""

    sent_when_placed: WriteOutcome | None = None
    """What the supplier's gateway said of the order, where it was sent in the call that placed it."""

    async def place(self) -> PlaceOutcome:
        """Requisition and conversion in the ERP."""
        state = self.state
        call = PlaceOrderCall(
            key=self.key("place"),
            correlation_id=state.correlation_id,
            document=state.document(),
            audit_batch=self.audit_batch(),
        )
        document = call.document
        summary = f"Place an order of {len(document.lines)} line(s) at {document.supplier}"
        both: PlacedAndSent | None = None
        if document.route is not RouteKind.TRANSFER:
            both = await self._place_and_send_once(call, summary)
            # Where that failed, nobody knows what it wrote.
            call = call.model_copy(update={"maybe_written": True})
        self.sent_when_placed = both.sent if both is not None else None
        outcome: PlaceOutcome = (
            both.placed if both is not None else await self.call(ErpActivities.place_order, call, queues.ERP, summary)
        )
        state.requisitioned = isinstance(outcome, Refused)
        if isinstance(outcome, Placed):
            for line in state.lines:
                if not line.never_sent:
                    line.is_in_erp()
        return outcome

    async def _place_and_send_once(self, call: PlaceOrderCall, summary: str) -> PlacedAndSent | None:
        """Both in one call, tried once; None: each is to be made by itself, until it succeeds."""
        return await self.call_once(
            ErpActivities.place_and_send,
            PlaceAndSendCall(
                key=call.key,
                correlation_id=call.correlation_id,
                document=call.document,
                send_key=self.key(f"send-{self.state.revision}"),
                audit_batch=call.audit_batch,
            ),
            queues.ERP,
            f"{summary} and send it",
        )

    async def change_in_erp(
        self, numbers: Sequence[int], step: str, summary: str, *, revision: int | None = None
    ) -> bool:
        """Bring lines to what the order says; False where the ERP refused, or holds a person's edit of them.

        `revision`: the one that this is to become, where it is a change of what the supplier has.
        """
        state, key = self.state, self.key(step)
        outcome = await self.call(
            ErpActivities.change_order,
            ChangeOrderCall(
                key=key,
                correlation_id=state.correlation_id,
                document=state.document(tuple(numbers), for_erp=True, revision=revision),
                audit_batch=self.audit_batch(),
            ),
            queues.ERP,
            summary,
        )
        self.record_refusal(outcome)
        if isinstance(outcome, Refused):
            return False
        if isinstance(outcome, Edited):
            self.take_found(outcome, numbers, key)
            return False
        for line in state.lines:
            if line.number in numbers:
                line.is_in_erp()
        return True

    def take_found(self, found: Edited, numbers: Sequence[int], key: str) -> bool:
        """Remember the edits that a write of these lines came upon; False where none is of them: a person is asked."""
        state = self.state
        for edit in found.edits:
            take_edit(state, edit, f"{key}/{edit.line}/{edit.field}", self.record, found=True)
        if any(line.edits for line in state.lines if line.number in numbers):
            return True
        # Without a line to wait with, the same write would be tried for ever.
        state.refusal = f"the ERP holds an edit of another line than {', '.join(map(str, numbers))}"
        return False

    async def cut_document(self) -> None:
        """The supplier refused lines in whole or in part, or an edit is undone: the ERP's document follows."""
        state = self.state
        numbers = [line.number for line in state.lines if line.number in state.cut and not line.edits]
        if numbers and await self.change_in_erp(
            numbers,
            f"cut-{state.revision}-{state.reports}",
            f"Bring order {state.order_number} to what was agreed",
        ):
            state.cut = [number for number in state.cut if number not in numbers]

    async def cancel_requisition(self) -> None:
        """Delete what the ERP kept of an order that it refused and that will not be; a refusal asks a person."""
        state = self.state
        outcome = await self.call(
            ErpActivities.cancel_requisition,
            CancelRequisitionCall(
                key=self.key("cancel-requisition"),
                correlation_id=state.correlation_id,
                document=state.document(whole=True),
                audit_batch=self.audit_batch(),
            ),
            queues.ERP,
            f"Cancel the requisition of an order to {state.terms.supplier} that will not be",
        )
        self.record_refusal(outcome)
        if not isinstance(outcome, Refused):
            state.requisitioned = False
            self.record("requisition.cancelled", documents=outcome.writes)

"""PurchaseOrder: an order to a supplier, from its first line to its closing.

It is the only writer of its requisition and order, the only one that talks with the supplier about them, and the only
one that shares a confirmation out (R11). Handlers only record; the loop in `run` acts.
"""

from datetime import timedelta

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import CloseBatchCall
from canonical.exception import ExceptionDecided
from canonical.identity import RequirementId
from canonical.messages import (
    DocumentEdited,
    GoodsReceived,
    OrderOpened,
    ShipmentsAnnounced,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.order import Refused
from canonical.records import OrderSnapshot, OrderStage
from canonical.supply import SupplyRequest
from workflows import search_attributes as sa
from workflows.bounded_memory import carried_order
from workflows.entity import INTERNAL_RETRIES, INTERNAL_TIMEOUT
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.decided import OrderDecided
from workflows.purchase_order.messages import OrderMessage
from workflows.purchase_order.reports import snapshot, status_text
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderState


@workflow.defn(name="PurchaseOrder")
class PurchaseOrder(OrderDecided):
    """One durable workflow per order document."""

    @workflow.init
    def __init__(self, opened: OrderOpened, carried: OrderState | None) -> None:
        self.state = carried or OrderState.of(opened, workflow.now())
        self.event_log = self.state.event_log
        self._inbox: list[OrderMessage] = []
        if carried is None:
            self.record("order.opened", supplier=opened.terms.supplier, plant=opened.terms.plant)

    @workflow.run
    async def run(self, opened: OrderOpened, carried: OrderState | None) -> str:
        """Collect, place, send; then take answers, changes and receipts until every line is done."""
        state = self.state
        if state.stage is OrderStage.CONSOLIDATING:
            await self._consolidate()
        elif not state.lines:
            self._write_lines(list(opened.requests))
        while True:
            await self._take_inbox()
            if state.to_be_placed:
                await self._place_and_send()
            else:
                await self._change()
                await self.publish_needs()
                await self._write_back()
                await self.publish()
            await self.escalate()
            await self.ask_people(answer_overdue=self.overdue)
            await self.come_to_rest()
            if self._inbox:
                continue
            if state.finished:
                return state.stage
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(args=[opened, carried_order(state)])
            await self._wait_for_word()

    # -- what it is told: handlers only record

    @workflow.signal
    def supply_requested(self, requested: SupplyRequested) -> None:
        """A requirement wants other coverage than before."""
        self._inbox.append(requested)

    @workflow.signal
    def supplier_answered(self, answered: SupplierAnswered) -> None:
        """The supplier answered."""
        self._inbox.append(answered)

    @workflow.signal
    def shipment_announced(self, announced: ShipmentsAnnounced) -> None:
        """Goods are on the way."""
        self._inbox.append(announced)

    @workflow.signal
    def goods_received(self, received: GoodsReceived) -> None:
        """Goods are in stock."""
        self._inbox.append(received)

    @workflow.signal
    def document_edited(self, edited: DocumentEdited) -> None:
        """A person changed the document in the ERP."""
        self._inbox.append(edited)

    @workflow.signal
    def change_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self._inbox.append(decided)

    @workflow.query
    def status(self) -> OrderSnapshot:
        """The present state."""
        return self.snapshot()

    async def _take_inbox(self) -> None:
        """Take note of all that arrived, and of what people decided."""
        await self.learn_policy(self._inbox)
        messages, self._inbox = self._inbox, []
        self.take_messages(messages)

    # -- collect

    async def _consolidate(self) -> None:
        """The consolidation window: one timer; what came meanwhile is in the consolidation batch."""
        state = self.state
        self.show()
        await workflow.sleep(timedelta(minutes=state.policy.consolidation_minutes))
        audit_batch = self.audit_batch()
        batch = await self.carried(
            audit_batch,
            lambda: workflow.execute_local_activity_method(
                InternalActivities.close_batch,
                CloseBatchCall(order_id=state.id, audit_batch=audit_batch),
                start_to_close_timeout=INTERNAL_TIMEOUT,
                retry_policy=INTERNAL_RETRIES,
            ),
            "internal.close_batch",
        )
        self._write_lines(list(batch.requests))
        state.stage = OrderStage.PLACING

    def _write_lines(self, requests: list[SupplyRequest]) -> None:
        """A line per lot of the newest supply request of each requirement."""
        newest: dict[RequirementId, SupplyRequest] = {}
        early = [message.request for message in self._inbox if isinstance(message, SupplyRequested)]
        self._inbox = [message for message in self._inbox if not isinstance(message, SupplyRequested)]
        for request in requests + early:
            known = newest.get(request.requirement_id)
            if known is None or request.rank > known.rank:
                newest[request.requirement_id] = request
        for requests in share_groups(newest.values(), self.state.policy):
            if len(requests) > 1:
                self.state.add_shared_line(requests)
            else:
                self.state.add_lines(requests[0])
        self.record(
            "consolidation.closed",
            lines=[{"line": line.number, **line.whose, "quantity": str(line.quantity)} for line in self.state.lines],
            withdrawn=[request.requirement_id for request in newest.values() if not request.lots],
        )

    # -- place and send

    async def _place_and_send(self) -> None:
        """Requisition and conversion, then the order to whoever serves it; refusals and edits wait for a person."""
        state = self.state
        self.update_unsent(settle_requests(state, workflow.now().date(), self.record))
        if state.order_number is None and any(line.open for line in state.lines):
            if state.refusal is None:
                await self._place()
            if state.order_number is None:
                return
        if not any(line.open for line in state.lines):
            await self._cancel_unsent()
        elif state.refusal is None and await self.update_in_erp() and await self.send_order():
            self.restart_escalation()
            state.stage = OrderStage.SENT
            workflow.upsert_search_attributes(
                [sa.STAGE.value_set(state.stage), sa.ORDER.value_set(state.order_number or "")]
            )
            await self.publish_needs()
            await self.publish()

    async def _cancel_unsent(self) -> None:
        """Nobody wants anything of it any more: what the ERP has of it goes, and the supplier never hears of it."""
        state = self.state
        state.refusal = None
        if state.requisitioned:
            await self.cancel_requisition()
        elif state.order_number is not None:
            await self.update_in_erp()
        if state.refusal is not None or state.edited:
            return
        state.stage = OrderStage.CANCELLED
        self.record("order.cancelled", state.as_of)
        await self.publish()

    async def _place(self) -> None:
        """One requisition and one order in the ERP, or why not."""
        state, outcome = self.state, await self.place()
        if isinstance(outcome, Refused):
            state.refusal = f"{outcome.reason} ({outcome.code})"
            self.record("order.refused", code=outcome.code, reason=outcome.reason, line=outcome.line)
            return
        state.requisition_number, state.order_number = outcome.requisition_number, outcome.order_number
        self.record(
            "order.placed",
            requisition_number=outcome.requisition_number,
            order_number=outcome.order_number,
            found_existing=outcome.found_existing,
            duplicates_cancelled=list(outcome.duplicates),
        )
        state.stage = OrderStage.UNSENT

    # -- change, write back, tell

    async def _change(self) -> None:
        """R3: all supply requests of the moment, one revision; while one is refused, the next ones wait with it.

        What a person edited in the ERP waits for a decision; the other lines go without it.
        """
        state = self.state
        if state.refusal is not None:
            return
        settle_requests(state, workflow.now().date(), self.record)
        while changed := [line.number for line in state.lines if line.changed_in > state.revision and not line.edits]:
            if await self.send_change(changed):
                self.restart_escalation()
            elif state.refusal is not None:
                return

    async def _write_back(self) -> None:
        """What was answered or received, to ERP and APS in one call each."""
        state, before = self.state, self.state.stage
        if any(not line.complete for line in state.lines):
            # Before as well as after: the ledger is told of the stage by what rides along.
            state.stage = self._stage_now()
        await self.write_back()
        state.stage = self._stage_now()
        if state.stage is before:
            return
        if state.stage is OrderStage.ACKNOWLEDGED:
            workflow.upsert_search_attributes([sa.STAGE.value_set(state.stage)])
        if state.finished:
            self.record("order.closed" if state.stage is OrderStage.CLOSED else "order.cancelled", state.as_of)

    def _stage_now(self) -> OrderStage:
        state = self.state
        if state.finished:
            received = any(line.received for line in state.lines)
            return OrderStage.CLOSED if received else OrderStage.CANCELLED
        if any(line.shipped or line.received for line in state.lines):
            return OrderStage.DELIVERING
        return OrderStage.SENT if state.awaited else OrderStage.ACKNOWLEDGED

    # -- rest

    async def _wait_for_word(self) -> None:
        """Until a message comes, or the next escalation level of the escalation schedule: one timer at a time."""
        try:
            await workflow.wait_condition(lambda: bool(self._inbox), timeout=self.patience())
        except TimeoutError:
            return

    def snapshot(self) -> OrderSnapshot:
        """The present state, for the ledger's reads."""
        return snapshot(self.state)

    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""
        state = self.state
        number = f"order {state.order_number} (revision {state.revision})" if state.order_number else "no number yet"
        rows = "\n".join(
            f"- line {line.number}: {line.quantity} {line.request.unit} of {line.request.item} for {line.delivery_date}"
            f"{', cancelled' if line.cancelled else ''}, received {line.received}"
            for line in state.lines
        )
        head = f"**{state.stage.capitalize()}** — {status_text(state)}"
        return f"{head}\n\n{number} to {state.terms.supplier}, plant {state.terms.plant}\n\n{rows}"

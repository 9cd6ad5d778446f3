"""PurchaseOrder: an order to a supplier, from its first line to its closing.

It is the only writer of its requisition and order, the only one that talks with the supplier about them, and the only
one that shares a confirmation out (R11). Handlers only record; the loop in `run` acts.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow

from activities.desk import DeskActivities
from canonical.calls import CloseSheetCall
from canonical.cover import Want
from canonical.exception import ExceptionDecided
from canonical.identity import RequirementId
from canonical.messages import (
    CoverWanted,
    DocumentEdited,
    GoodsReceived,
    ShipmentsAnnounced,
    SupplierAnswered,
)
from canonical.order import Refused
from canonical.records import OrderSnapshot, OrderStage
from workflows import search_attributes as sa
from workflows.bounded_memory import carried_order
from workflows.purchase_order.changes import settle_wants
from workflows.purchase_order.decided import OrderDecided
from workflows.purchase_order.messages import OrderInput, OrderMessage
from workflows.purchase_order.reports import snapshot, standing
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderState


@workflow.defn(name="PurchaseOrder")
class PurchaseOrder(OrderDecided):
    """One durable workflow per order document."""

    @workflow.init
    def __init__(self, given: OrderInput) -> None:
        super().__init__(given, given.state or OrderState.of(given.opening, workflow.now()))
        if given.state is None:
            terms = given.opening.terms
            self.note("order.opened", supplier=terms.supplier, plant=terms.plant)

    @workflow.run
    async def run(self, given: OrderInput) -> str:
        """Collect, place, send; then take answers, changes and receipts until every line is done."""
        if self.state.stage is OrderStage.COLLECTING:
            await self._collect()
        elif not self.state.lines:
            self._write_lines(list(given.opening.wants))
        await self.live()
        return self.state.stage

    # -- messages: handlers only put them into the inbox

    @workflow.signal(name="cover_wanted")
    def cover_wanted(self, wanted: CoverWanted) -> None:
        """A requirement wants other cover than before."""
        self.inbox.append(wanted)

    @workflow.signal(name="supplier_answered")
    def supplier_answered(self, answered: SupplierAnswered) -> None:
        """The supplier answered."""
        self.inbox.append(answered)

    @workflow.signal(name="shipment_announced")
    def shipment_announced(self, announced: ShipmentsAnnounced) -> None:
        """Goods are on the way."""
        self.inbox.append(announced)

    @workflow.signal(name="goods_received")
    def goods_received(self, received: GoodsReceived) -> None:
        """Goods are in stock."""
        self.inbox.append(received)

    @workflow.signal(name="document_edited")
    def document_edited(self, edited: DocumentEdited) -> None:
        """A person changed the document in the ERP."""
        self.inbox.append(edited)

    @workflow.signal(name="change_decided")
    def change_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self.inbox.append(decided)

    @workflow.query(name="status")
    def status(self) -> OrderSnapshot:
        """The present state."""
        return self.snapshot()

    async def take(self, messages: Sequence[OrderMessage]) -> None:
        """Take note of all that arrived, and of what people decided."""
        await self.learn_policy(messages)
        self.take_messages(messages)

    async def act(self) -> None:
        """Place and send, or change, write back and tell; remind and ask who has to be."""
        if self.state.to_be_placed:
            await self._place_and_send()
        else:
            await self._change()
            await self.state_needs()
            await self._write_back()
            await self.tell()
        await self.climb_ladder()
        await self.ask_people(answer_overdue=self.overdue)

    @property
    def ended(self) -> bool:
        """Every line is done."""
        return self.state.finished

    def time_to_wait(self) -> timedelta | None:
        """Until the next rung of the ladder."""
        return self.patience()

    def remembered(self) -> OrderState:
        """What the next run goes on with."""
        return carried_order(self.state)

    # -- collect

    async def _collect(self) -> None:
        """The collecting window: one timer; what came meanwhile is on the sheet."""
        state = self.state
        self.show()
        await workflow.sleep(timedelta(minutes=state.policy.consolidation_minutes))
        call = CloseSheetCall(order_id=state.id, entry=self.entry())
        sheet = await self.recorded(DeskActivities.close_sheet, call)
        self._write_lines(list(sheet.wants))
        state.stage = OrderStage.PLACING

    def _write_lines(self, wants: list[Want]) -> None:
        """A line per lot of the newest want of each requirement."""
        newest: dict[RequirementId, Want] = {}
        early = [message.want for message in self.inbox if isinstance(message, CoverWanted)]
        self.inbox = [message for message in self.inbox if not isinstance(message, CoverWanted)]
        for want in wants + early:
            known = newest.get(want.requirement_id)
            if known is None or want.rank > known.rank:
                newest[want.requirement_id] = want
        for wants in share_groups(newest.values(), self.state.policy):
            if len(wants) > 1:
                self.state.add_shared_line(wants)
            else:
                self.state.add_lines(wants[0])
        self.note(
            "sheet.closed",
            lines=[{"line": line.number, **line.whose, "quantity": str(line.quantity)} for line in self.state.lines],
            withdrawn=[want.requirement_id for want in newest.values() if not want.lots],
        )

    # -- place and send

    async def _place_and_send(self) -> None:
        """Requisition and conversion, then the order to whoever serves it; refusals and edits wait for a person."""
        state = self.state
        self.update_unsent(settle_wants(state, workflow.now().date(), self.note))
        if state.order_number is None and any(line.open for line in state.lines):
            if state.refusal is None:
                await self._place()
            if state.order_number is None:
                return
        if not any(line.open for line in state.lines):
            await self._cancel_unsent()
        elif state.refusal is None and await self.update_in_erp() and await self.send_order():
            self.restart_ladder()
            state.stage = OrderStage.SENT
            workflow.upsert_search_attributes(
                [sa.STAGE.value_set(state.stage), sa.ORDER.value_set(state.order_number or "")]
            )
            await self.state_needs()
            await self.tell()

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
        self.note("order.cancelled", state.as_of)
        await self.tell()

    async def _place(self) -> None:
        """One requisition and one order in the ERP, or why not."""
        state, outcome = self.state, await self.place()
        if isinstance(outcome, Refused):
            state.refusal = f"{outcome.reason} ({outcome.code})"
            self.note("order.refused", code=outcome.code, reason=outcome.reason, line=outcome.line)
            return
        state.requisition_number, state.order_number = outcome.requisition_number, outcome.order_number
        self.note(
            "order.placed",
            requisition_number=outcome.requisition_number,
            order_number=outcome.order_number,
            found_existing=outcome.found_existing,
            duplicates_cancelled=list(outcome.duplicates),
        )
        state.stage = OrderStage.UNSENT

    # -- change, write back, tell

    async def _change(self) -> None:
        """R3: all wants of the moment, one revision; while one is refused, the next ones wait with it.

        What a person edited in the ERP waits for a decision; the other lines go without it.
        """
        state = self.state
        if state.refusal is not None:
            return
        settle_wants(state, workflow.now().date(), self.note)
        while changed := [line.number for line in state.lines if line.changed_in > state.revision and not line.edits]:
            if await self.send_change(changed):
                self.restart_ladder()
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
            self.note("order.closed" if state.stage is OrderStage.CLOSED else "order.cancelled", state.as_of)

    def _stage_now(self) -> OrderStage:
        state = self.state
        if state.finished:
            received = any(line.received for line in state.lines)
            return OrderStage.CLOSED if received else OrderStage.CANCELLED
        if any(line.shipped or line.received for line in state.lines):
            return OrderStage.DELIVERING
        return OrderStage.SENT if state.awaited else OrderStage.ACKNOWLEDGED

    def snapshot(self) -> OrderSnapshot:
        """The present state, for the ledger's reads."""
        return snapshot(self.state)

    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""
        state = self.state
        number = f"order {state.order_number} (revision {state.revision})" if state.order_number else "no number yet"
        rows = "\n".join(
            f"- line {line.number}: {line.quantity} {line.want.unit} of {line.want.item} for {line.delivery_date}"
            f"{', cancelled' if line.cancelled else ''}, received {line.received}"
            for line in state.lines
        )
        head = f"**{state.stage.capitalize()}** — {standing(state)}"
        return f"{head}\n\n{number} to {state.terms.supplier}, plant {state.terms.plant}\n\n{rows}"

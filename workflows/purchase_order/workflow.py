"""PurchaseOrder: an order to a supplier, from its first line to its closing.

It is the only writer of its requisition and order, the only one that talks with the supplier about them, and the only
one that shares a confirmation out (R11). Handlers only record; the loop in `run` acts.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

from activities.desk import DeskActivities
from canonical.calls import CloseSheetCall, Reply, RequirementStatement, StateNeedsCall, TellRequirementsCall
from canonical.cover import Want
from canonical.exception import ExceptionDecided
from canonical.identity import RequirementId
from canonical.messages import CoverWanted, DocumentEdited, GoodsReceived, ShipmentsAnnounced, SupplierAnswered
from canonical.records import Entry, OrderSnapshot, OrderStage
from workflows import search_attributes as sa
from workflows.bounded_memory import carried_order
from workflows.entity import DESK_RETRIES, DESK_TIMEOUT, Entity
from workflows.policy_now import policy_now
from workflows.purchase_order.changes import settle_wants
from workflows.purchase_order.dependents import needs_now
from workflows.purchase_order.documents import OrderDocuments
from workflows.purchase_order.messages import DECIDED_BY_POLICY, OrderMessage, take
from workflows.purchase_order.questions import Escalation, OrderQuestions, find_breaches, settle_decisions
from workflows.purchase_order.reports import describe, digest, news, snapshot
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderStarted, OrderState

Outcome = TypeVar("Outcome")


@workflow.defn(name="PurchaseOrder")
class PurchaseOrder(Entity):
    """One durable workflow per order document."""

    @workflow.init
    def __init__(self, started: OrderStarted) -> None:
        self.state = started.carried or OrderState.of(started, workflow.now())
        self.journal = self.state.journal
        self._inbox: list[OrderMessage] = []
        self._documents = OrderDocuments(self.state, self)
        self._questions = OrderQuestions(self.state, self)
        self._escalation = Escalation(self.state, self, self._documents)

    @workflow.run
    async def run(self, started: OrderStarted) -> str:
        """Collect, place, send; then take answers, changes and receipts until every line is done."""
        state = self.state
        if started.carried is None:
            self.note("order.opened", supplier=state.terms.supplier, plant=state.terms.plant)
        if state.stage is OrderStage.COLLECTING:
            await self._collect()
        elif not state.lines:
            self._write_lines(list(started.wants))
        while True:
            await self._take_inbox()
            await self._act()
            await self.come_to_rest()
            if self._inbox:
                continue
            if state.finished:
                return state.stage
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(started.model_copy(update={"carried": carried_order(state), "wants": ()}))
            await self._wait_for_word()

    async def _act(self) -> None:
        if self.state.to_be_placed:
            await self._place_and_send()
        else:
            await self._change()
            await self._state_needs()
            await self._write_back()
            await self._tell()
        await self._escalation.go_on()
        await self._questions.ask(answer_overdue=self._escalation.overdue)

    # -- what it is told: handlers only record

    @workflow.signal(name="cover_wanted")
    def cover_wanted(self, wanted: CoverWanted) -> None:
        """A requirement wants other cover than before."""
        self._inbox.append(wanted)

    @workflow.signal(name="supplier_answered")
    def supplier_answered(self, answered: SupplierAnswered) -> None:
        """The supplier answered."""
        self._inbox.append(answered)

    @workflow.signal(name="shipment_announced")
    def shipment_announced(self, announced: ShipmentsAnnounced) -> None:
        """Goods are on the way."""
        self._inbox.append(announced)

    @workflow.signal(name="goods_received")
    def goods_received(self, received: GoodsReceived) -> None:
        """Goods are in stock."""
        self._inbox.append(received)

    @workflow.signal(name="document_edited")
    def document_edited(self, edited: DocumentEdited) -> None:
        """A person changed the document in the ERP."""
        self._inbox.append(edited)

    @workflow.signal(name="change_decided")
    def change_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self._inbox.append(decided)

    @workflow.query(name="status")
    def status(self) -> OrderSnapshot:
        """The present state."""
        return self.snapshot()

    async def _take_inbox(self) -> None:
        """Take note of all that arrived, and act on what people decided."""
        await self._learn_policy(self._inbox)
        messages, self._inbox = self._inbox, []
        state, now = self.state, workflow.now()
        for message in messages:
            answers_before = {line.number: line.last_answer for line in state.lines}
            take(state, message, self.note, now.date())
            if isinstance(message, SupplierAnswered):
                answered = [line.number for line in state.lines if answers_before[line.number] != line.last_answer]
                find_breaches(state, answered, self.note)
            # One by one: what a person decided holds for what was known then, not for the answer behind it.
            settle_decisions(state, self.note, now)

    async def _learn_policy(self, messages: list[OrderMessage]) -> None:
        """Where something is to be decided: by the policy as it is now, of the plant and of items with own rules."""
        state = self.state
        if not any(isinstance(message, DECIDED_BY_POLICY) for message in messages):
            return
        state.policy = await policy_now(self, state.policy, supplier=state.terms.supplier)
        if state.policy.version not in state.plant_versions:
            state.plant_versions.append(state.policy.version)
        for item, (item_class, version) in state.items_with_own_rules().items():
            known = state.policy.model_copy(update={"version": version})
            found = await policy_now(self, known, item_class=item_class, item=item, supplier=state.terms.supplier)
            if found is not known:
                state.own_rules[item] = found.for_line()

    # -- collect

    async def _collect(self) -> None:
        """The collecting window: one timer; what came meanwhile is on the sheet."""
        state = self.state
        self.show()
        await workflow.sleep(timedelta(minutes=state.policy.consolidation_minutes))
        entry = self.entry()
        sheet = await self._at_desk(
            DeskActivities.close_sheet, CloseSheetCall(order_id=state.id, entry=entry), entry, "desk.close_sheet"
        )
        self._write_lines(list(sheet.wants))
        state.stage = OrderStage.PLACING

    def _write_lines(self, wants: list[Want]) -> None:
        """A line per lot of the newest want of each requirement."""
        newest: dict[RequirementId, Want] = {}
        early = [message.want for message in self._inbox if isinstance(message, CoverWanted)]
        self._inbox = [message for message in self._inbox if not isinstance(message, CoverWanted)]
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
        settle_wants(state, workflow.now().date(), self.note)
        if not any(line.open for line in state.lines):
            await self._cancel_unsent()
        elif state.refusal is None and await self._documents.place_and_send():
            state.restart_escalation(workflow.now())
            workflow.upsert_search_attributes(
                [sa.STAGE.value_set(state.stage), sa.ORDER.value_set(state.order_number or "")]
            )
            await self._state_needs()
            await self._tell()

    async def _cancel_unsent(self) -> None:
        """Nobody wants anything of it any more, and the supplier never hears of it."""
        if await self._documents.withdraw_unsent():
            self.state.stage = OrderStage.CANCELLED
            self.note("order.cancelled", self.state.as_of)
            await self._tell()

    # -- change, write back, tell

    async def _change(self) -> None:
        """R3: all wants of the moment, one revision; while one is refused, the next ones wait with it.

        What a person edited in the ERP waits for a decision; the other lines go without it.
        """
        state = self.state
        if state.refusal is not None:
            return
        settle_wants(state, workflow.now().date(), self.note)
        while changed := state.changed_lines:
            if await self._documents.send_change(changed):
                state.restart_escalation(workflow.now())
            elif state.refusal is not None:
                return

    async def _write_back(self) -> None:
        """What was answered or received, to ERP and APS in one call each."""
        state, before = self.state, self.state.stage
        if any(not line.closed for line in state.lines):
            # Before as well as after: the ledger is told of the stage by what rides along.
            state.stage = self._stage_now()
        await self._documents.write_back()
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

    async def _tell(self) -> None:
        """State to each requirement whose picture changed what it gets; with the facts, in one go."""
        found = news(self.state)
        if not found:
            return
        statements: list[RequirementStatement] = []
        for requirement, stated in found:
            self.state.statements += 1
            self.state.told[requirement] = digest(stated)
            coverage = stated.model_copy(update={"sequence": self.state.statements, "stated_at": workflow.now()})
            statements.append(RequirementStatement(requirement_id=requirement, coverage=coverage))
        entry = self.entry()
        await self._at_desk(
            DeskActivities.tell_requirements,
            TellRequirementsCall(entry=entry, statements=tuple(statements)),
            entry,
            "desk.tell_requirements",
        )

    async def _state_needs(self) -> None:
        """Of a transfer or subcontract: what it needs of others, where that has changed."""
        state = self.state
        needs, withdrawals = needs_now(state, workflow.now())
        if not needs and not withdrawals:
            return
        self.note(
            "needs.stated",
            revision=state.revision,
            needs=[{"requirement_id": need.id, "quantity": str(need.quantity)} for need in needs],
            withdrawn=[gone.id for gone in withdrawals],
        )
        entry = self.entry()
        await self._at_desk(
            DeskActivities.state_needs,
            StateNeedsCall(entry=entry, needs=needs, withdrawals=withdrawals, correlation_id=state.correlation_id),
            entry,
            "desk.state_needs",
        )

    async def _at_desk(
        self, method: Callable[..., Awaitable[Reply[Outcome]]], call: object, entry: Entry, name: str
    ) -> Outcome:
        return await self.carried(
            entry,
            lambda: workflow.execute_local_activity_method(
                method,
                args=[call],
                start_to_close_timeout=DESK_TIMEOUT,
                retry_policy=DESK_RETRIES,
            ),
            name,
        )

    # -- rest

    async def _wait_for_word(self) -> None:
        """Until a message comes, or the next level of the escalation: one timer at a time."""
        try:
            await workflow.wait_condition(lambda: bool(self._inbox), timeout=self._escalation.time_to_next)
        except TimeoutError:
            return

    def snapshot(self) -> OrderSnapshot:
        """The present state, for the ledger's reads."""
        return snapshot(self.state)

    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""
        return describe(self.state)

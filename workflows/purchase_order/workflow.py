"""PurchaseOrder: an order to a supplier, from its first line to its closing.

Only this workflow writes its requisition and order, communicates with the supplier about them, and allocates
confirmations to requirements (R11). Handlers only fill the inbox; `Entity.live` has the loop.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.internal import InternalActivities
from canonical.calls import CloseBatchCall, CoverageNotice, NotifyRequirementsCall, PublishNeedsCall
from canonical.exception import ExceptionDecided
from canonical.identity import RequirementId
from canonical.messages import (
    ApprovalReported,
    DocumentAcknowledgement,
    DocumentEdited,
    GoodsReceived,
    OrderOpened,
    PromisesRated,
    ReminderAsked,
    ReminderDue,
    ShipmentsAnnounced,
    SubstitutionReported,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.records import OrderSnapshot, OrderStage
from canonical.supply import SupplyRequest
from workflows import search_attributes as sa
from workflows.entity import MOMENT, Entity
from workflows.memory import RecordEvent, RunInput
from workflows.purchase_order.answers import (
    announced_in_order_terms,
    answered_in_order_terms,
    keep_remarks,
    received_in_order_terms,
    take_acknowledgement,
    take_answer,
)
from workflows.purchase_order.approvals import take_report
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.deliveries import end_deliveries, take_receipt, take_shipment, time_to_completion
from workflows.purchase_order.documents import OrderDocuments, OverdueDeliveries
from workflows.purchase_order.edits import take_edit
from workflows.purchase_order.promises import forget_kept, take_rating
from workflows.purchase_order.questions import (
    OrderQuestions,
    SupplierEscalation,
    find_breaches,
    is_still_asked,
    settle_decisions,
)
from workflows.purchase_order.reminders import RemindersByHand, reminder_due, take_reminder
from workflows.purchase_order.reports import changes_to_report, describe, digest, needs_now, received_of, snapshot
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderState

OrderMessage = (
    SupplyRequested
    | SubstitutionReported
    | SupplierAnswered
    | ShipmentsAnnounced
    | DocumentAcknowledgement
    | GoodsReceived
    | DocumentEdited
    | ApprovalReported
    | ExceptionDecided
    | ReminderAsked
    | PromisesRated
)
OrderInput = RunInput[OrderOpened, OrderState, OrderMessage]
DECIDED_BY_POLICY = (SupplyRequested, SupplierAnswered, DocumentEdited, PromisesRated)
"""Messages on which the order decides by the current policy."""


def take(state: OrderState, message: OrderMessage, record: RecordEvent, today: date) -> None:
    """Apply one message to the state."""
    match message:
        case SupplyRequested():
            _take_request(state, message, record)
        case SubstitutionReported():
            _take_substitution(state, message, record)
        case SupplierAnswered():
            answered, taken_before = answered_in_order_terms(state, message, record), len(state.answers)
            if answered is not None:
                take_answer(state, answered.answer, record, today)
            if answered is not None and len(state.answers) > taken_before:
                keep_remarks(state, answered.answer)
        case ShipmentsAnnounced():
            announced = announced_in_order_terms(state, message, record)
            if announced is not None:
                take_shipment(state, announced, record)
        case DocumentAcknowledgement():
            take_acknowledgement(state, message, record)
        case GoodsReceived():
            for receipt in received_in_order_terms(state, message).receipts:
                take_receipt(state, receipt, record)
        case DocumentEdited():
            take_edit(state, message.edit, message.event_id, record)
        case ApprovalReported():
            take_report(state, message)
        case ExceptionDecided():
            _take_decision(state, message, record, today)
        case ReminderAsked():
            take_reminder(state, message)
        case PromisesRated():
            take_rating(state, message, record, today)


def _take_request(state: OrderState, requested: SupplyRequested, record: RecordEvent) -> None:
    request = requested.request
    requirement = request.requirement_id
    waiting = state.pending.get(requirement)
    newest = max(state.considered_rank.get(requirement, (0, 0.0)), waiting.rank if waiting else (0, 0.0))
    if request.rank <= newest:
        record(
            "supply_request.stale", requirement_id=requirement, request_revision=request.request_revision, rule="R10"
        )
        return
    state.pending[requirement] = request
    state.pending_reasons.pop(requirement, None)
    if not request.lots:
        state.substitutions.pop(requirement, None)
    record(
        "supply_request.changed",
        requirement_id=requirement,
        quantity=str(request.quantity),
        dock_date=request.dock_date.isoformat(),
        expedite=request.expedite,
        decided_by=request.approved_by,
    )


def _take_substitution(state: OrderState, reported: SubstitutionReported, record: RecordEvent) -> None:
    """Report it to planning with the coverage, or report that it is no longer waited for."""
    requirement, known = reported.requirement_id, state.substitutions.get(reported.requirement_id)
    if known is not None and reported.reported_at < known.reported_at:
        record("substitution.stale", requirement_id=requirement, rule="R10")
        return
    state.substitutions[requirement] = reported
    for line in state.lines_of(requirement):
        state.touch(line.number)
    stated = reported.substitution
    record(
        "substitution.reported",
        reported.reported_at,
        requirement_id=requirement,
        item=stated.item if stated else None,
        quantity=str(stated.quantity) if stated else None,
        unit=stated.unit if stated else None,
    )


def _take_decision(state: OrderState, decided: ExceptionDecided, record: RecordEvent, today: date) -> None:
    decision = decided.decision
    purpose = next((name for name, question in state.questions.items() if question.id == decided.exception_id), None)
    if purpose is None:
        record("decision.overtaken", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice)
        return
    question = state.questions.pop(purpose)
    if decided.digest != question.digest or not is_still_asked(state, purpose, decided.digest, today):
        # The decision was made on an outdated proposal: the question is asked again.
        record(
            "decision.void", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice, rule="R15"
        )
        return
    state.decisions[purpose] = decision
    record(
        "exception.decided",
        decision.decided_at,
        exception_id=decided.exception_id,
        choice=decision.choice,
        decided_by=decision.decided_by,
        comment=decision.comment,
    )


@workflow.defn(name="PurchaseOrder")
class PurchaseOrder(Entity[OrderState, OrderMessage]):
    """One durable workflow per order document."""

    @workflow.init
    def __init__(self, given: OrderInput) -> None:
        super().__init__(given, given.state or OrderState.of(given.opening, workflow.now()))
        self._documents = OrderDocuments(self.state, self)
        self._questions = OrderQuestions(self.state, self)
        self._escalation = SupplierEscalation(self.state, self, self._documents)
        self._overdue = OverdueDeliveries(self.state, self, self._documents)
        self._reminders = RemindersByHand(self.state, self, self._documents)
        if given.state is None:
            systems = self.state.systems
            # A landscape of one system each has nothing to tell.
            where = {"erp": systems.erp, "landscape": systems.landscape} if systems.landscape else {}
            self.record("order.opened", supplier=self.state.terms.supplier, plant=self.state.terms.plant, **where)

    @workflow.run
    async def run(self, given: OrderInput) -> str:
        """Consolidate, place, send; then process answers, changes and receipts until every line is done."""
        await self.live()
        return self.state.stage

    # -- messages: handlers only put them into the inbox

    @workflow.signal(name="supply_requested")
    def supply_requested(self, requested: SupplyRequested) -> None:
        """A requirement sent a new or changed supply request."""
        self.inbox.append(requested)

    @workflow.signal(name="substitution_reported")
    def substitution_reported(self, reported: SubstitutionReported) -> None:
        """A requirement waits for the plan to use a substitute item, or waits no longer."""
        self.inbox.append(reported)

    @workflow.signal(name="supplier_answered")
    def supplier_answered(self, answered: SupplierAnswered) -> None:
        """The supplier answered."""
        self.inbox.append(answered)

    @workflow.signal(name="shipment_announced")
    def shipment_announced(self, announced: ShipmentsAnnounced) -> None:
        """The supplier announced a shipment."""
        self.inbox.append(announced)

    @workflow.signal(name="document_acknowledged")
    def document_acknowledged(self, acknowledged: DocumentAcknowledgement) -> None:
        """The supplier's systems acknowledged or rejected a document."""
        self.inbox.append(acknowledged)

    @workflow.signal(name="goods_received")
    def goods_received(self, received: GoodsReceived) -> None:
        """Goods were received."""
        self.inbox.append(received)

    @workflow.signal(name="document_edited")
    def document_edited(self, edited: DocumentEdited) -> None:
        """A person changed the document in the ERP."""
        self.inbox.append(edited)

    @workflow.signal(name="approval_reported")
    def approval_reported(self, reported: ApprovalReported) -> None:
        """People of another system decided on what waits there."""
        self.inbox.append(reported)

    @workflow.signal(name="change_decided")
    def change_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self.inbox.append(decided)

    @workflow.signal(name="promises_rated")
    def promises_rated(self, rated: PromisesRated) -> None:
        """Promises were found to be at risk, or no longer."""
        self.inbox.append(rated)

    @workflow.update(name="remind")
    def remind(self, asked: ReminderAsked) -> ReminderDue:
        """Remind the supplier now. An update, since the person waits for whether there is anything to remind of."""
        self.inbox.append(asked)
        due = reminder_due(self.state, self._today)
        return due if isinstance(due, ReminderDue) else ReminderDue(about="answer", lines=())

    @remind.validator
    def _may_be_reminded(self, asked: ReminderAsked) -> None:
        due = reminder_due(self.state, self._today)
        if isinstance(due, str) and asked.event_id not in self.state.clicks:
            raise ApplicationError(due, type="nothing_awaited", non_retryable=True)

    @workflow.query(name="status")
    def status(self) -> OrderSnapshot:
        """The current state."""
        return self.snapshot()

    # -- take

    async def take(self, messages: Sequence[OrderMessage]) -> None:
        """Apply the messages that arrived, and the decisions of people."""
        await self._learn_policy(messages)
        state, now, today = self.state, workflow.now(), self._today
        for message in messages:
            answers_before = {line.number: line.last_answer for line in state.lines}
            take(state, message, self.record, today)
            if isinstance(message, SupplierAnswered | ShipmentsAnnounced | GoodsReceived):
                # Goods that the supplier knew of put its last answer in another light.
                answered = [line.number for line in state.lines if answers_before[line.number] != line.last_answer]
                find_breaches(state, answered, self.record, today)
            # One by one: a decision is valid for the state before it, not for an answer that follows it.
            settle_decisions(state, self.record, now)
            end_deliveries(state, now, self.record)
        forget_kept(state, self.record, today)

    async def _learn_policy(self, messages: Sequence[OrderMessage]) -> None:
        """Read the current policy of the plant and of items with their own rules, if a message calls for a decision."""
        state = self.state
        if not any(isinstance(message, DECIDED_BY_POLICY) for message in messages):
            return
        state.policy = await self.policy_now(state.policy, supplier=state.terms.supplier)
        if state.policy.version not in state.plant_versions:
            state.plant_versions.append(state.policy.version)
        for item, (item_class, version) in state.items_with_own_rules().items():
            known = state.policy.model_copy(update={"version": version})
            found = await self.policy_now(known, item_class=item_class, item=item, supplier=state.terms.supplier)
            if found is not known:
                state.own_rules[item] = found.for_line()

    @property
    def _today(self) -> date:
        """The day that it is at the plant."""
        return self.state.policy.calendar.day_of(workflow.now())

    # -- act

    async def act(self) -> None:
        """Write the lines; place and send, or change, write back and report; then send reminders and ask people."""
        if not self.opened:
            await self._open()
            self.settle()
        end_deliveries(self.state, workflow.now(), self.record)
        if self.state.to_be_placed:
            await self._place_and_send()
        else:
            await self._documents.look_for_edits()
            await self._change()
            await self._publish_needs()
            await self._write_back()
            await self._overdue.go_on()
            await self._notify()
        self._documents.approvals.ask_buyer_if_due()
        await self._reminders.go_on()
        await self._escalation.go_on()
        await self._questions.ask(answer_overdue=self._escalation.overdue)

    @property
    def opened(self) -> bool:
        """It has its lines: messages are about them."""
        return self.state.requested is None

    @property
    def ended(self) -> bool:
        """Every line is done."""
        return self.state.finished

    def time_to_wait(self) -> timedelta | None:
        """Until the next escalation level, about an answer or about a delivery, until one counts as completed, or until
        another system's approval is looked at.
        """
        completion = time_to_completion(self.state, workflow.now())
        times = (
            self._escalation.time_to_next,
            self._overdue.time_to_next,
            self._documents.approvals.time_to_next,
            None if completion is None else max(completion, MOMENT),
        )
        return min((time for time in times if time is not None), default=None)

    def remembered(self) -> OrderState:
        """The state for the next run."""
        return self.state.carried()

    def final_state(self) -> str:
        """What was received may be taken back, and what was deleted in the ERP restored."""
        return self.state.carried().model_dump_json() if self.state.order_number else ""

    # -- consolidate

    async def _open(self) -> None:
        """Write the first lines, if it consolidates at the end of the consolidation window."""
        state = self.state
        requests = state.requested or []
        if state.stage is OrderStage.CONSOLIDATING:
            requests = await self._consolidate()
        self._write_lines(requests)
        state.stage, state.requested = OrderStage.PLACING, None

    async def _consolidate(self) -> list[SupplyRequest]:
        """Wait for the consolidation window, one timer; requests arrive in the consolidation batch meanwhile."""
        state = self.state
        self.show()
        window = state.opened_at + timedelta(minutes=state.policy.consolidation_minutes) - workflow.now()
        if window > timedelta(0):
            await workflow.sleep(window, summary="consolidation window")
        call = CloseBatchCall(order_id=state.id, audit_batch=self.audit_batch())
        batch = await self.recorded(InternalActivities.close_batch, call)
        return list(batch.requests)

    def _write_lines(self, requests: list[SupplyRequest]) -> None:
        """Create the lines from the newest supply request of each requirement."""
        newest: dict[RequirementId, SupplyRequest] = {}
        early = [message.request for message in self.inbox if isinstance(message, SupplyRequested)]
        self.inbox = [message for message in self.inbox if not isinstance(message, SupplyRequested)]
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
        """Place the order, then send it to its supplier; refusals and edits wait for a person."""
        state = self.state
        settle_requests(state, self._today, self.record)
        if not any(line.open for line in state.lines):
            await self._cancel_unsent()
        elif state.refusal is None and await self._documents.place_and_send():
            state.restart_escalation(workflow.now())
            workflow.upsert_search_attributes(
                [sa.STAGE.value_set(state.stage), sa.ORDER.value_set(state.order_number or "")]
            )
            await self._publish_needs()
            await self._notify()

    async def _cancel_unsent(self) -> None:
        """Cancel an order that nobody needs any more, before it is sent to the supplier."""
        if await self._documents.withdraw_unsent():
            self.state.stage = OrderStage.CANCELLED
            self.record("order.cancelled", self.state.as_of)
            await self._notify()

    # -- change, write back, report

    async def _change(self) -> None:
        """R3: send all current supply requests as one revision; while one is refused, or waits for another system's
        approval, later ones wait with it.

        Lines that a person edited in the ERP wait for a decision; the others are sent without them.
        """
        state = self.state
        waited = state.approval is not None
        if state.refusal is not None or not await self._documents.approved():
            return
        if waited and not await self._send_changed():
            return
        settle_requests(state, self._today, self.record)
        await self._send_changed()

    async def _send_changed(self) -> bool:
        """Send what has changed; False: it is refused, or waits for another system's approval."""
        state = self.state
        while changed := state.changed_lines:
            if await self._documents.send_change(changed):
                state.restart_escalation(workflow.now())
            elif state.refusal is not None or state.approval is not None:
                return False
        return True

    async def _write_back(self) -> None:
        """Write answers and receipts back to ERP and APS, in one call each."""
        state, before = self.state, self.state.stage
        if any(not line.closed for line in state.lines):
            # Before as well as after: the snapshot that the calls carry must have the new stage.
            state.stage = self._stage_now()
        await self._documents.write_back()
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

    async def _notify(self) -> None:
        """Report to each requirement whose coverage changed, together with the audit events in one call."""
        found = changes_to_report(self.state, self._today)
        if not found:
            return
        notices: list[CoverageNotice] = []
        for requirement, stated in found:
            self.state.notices += 1
            self.state.reported[requirement] = digest(stated)
            received, before = received_of(stated), self.state.received_reported.get(requirement, Decimal(0))
            self.state.received_reported[requirement] = received
            coverage = stated.model_copy(update={"sequence": self.state.notices, "reported_at": workflow.now()})
            notices.append(CoverageNotice(requirement_id=requirement, coverage=coverage, takes_back=received < before))
        call = NotifyRequirementsCall(audit_batch=self.audit_batch(), notices=tuple(notices))
        await self.recorded(InternalActivities.notify_requirements, call)

    async def _publish_needs(self) -> None:
        """Publish the changed needs of a transfer or subcontract."""
        state = self.state
        needs, withdrawals = needs_now(state, workflow.now())
        if not needs and not withdrawals:
            return
        self.record(
            "needs.published",
            revision=state.revision,
            needs=[{"requirement_id": need.id, "quantity": str(need.quantity)} for need in needs],
            withdrawn=[gone.id for gone in withdrawals],
        )
        call = PublishNeedsCall(
            audit_batch=self.audit_batch(), needs=needs, withdrawals=withdrawals, correlation_id=state.correlation_id
        )
        await self.recorded(InternalActivities.publish_needs, call)

    # -- reports

    def snapshot(self) -> OrderSnapshot:
        """The current state, for the ledger's reads."""
        return snapshot(self.state)

    def details(self) -> str:
        """The current state in an operator's words, for Temporal's UI."""
        return describe(self.state)

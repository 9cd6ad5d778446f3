"""An order's documents: in the ERP and at the supplier, and the write-back to ERP and APS.

Each revision covers all its lines: one ERP write, one change order. Each call carries the order's audit events. A
person's edit is never overwritten; an edit that the ERP reports waits for a decision (edits). A plant of ours receives
no document but the needs that the order publishes (reports).

Deliveries that do not come by their date are followed here, too: the requirements test their coverage again, the
supplier is reminded, the buyer is asked (R16), until a receipt, a new answer or a cancellation ends that.
decisions.overdue decides when; the question is in questions.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from temporalio import workflow

from activities.aps import ApsActivities
from activities.erp import ErpActivities
from activities.supplier import SupplierActivities
from canonical.calls import (
    CancelRequisitionCall,
    ChangeOrderCall,
    Moved,
    PlaceAndSendCall,
    PlacedAndSent,
    PlaceOrderCall,
    SendDocumentCall,
    WriteBackCall,
    WriteCoverageCall,
    WriteScheduleCall,
    WrittenBack,
)
from canonical.identity import document_reference
from canonical.order import (
    OBSERVED,
    AwaitingApproval,
    ChangeOutcome,
    Edited,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    WriteOutcome,
    Written,
)
from canonical.policy import RouteKind
from canonical.records import OrderStage
from decisions.overdue import OverdueLevel, OverdueStep, overdue_schedule
from workflows import queues
from workflows.entity import MOMENT, Entity
from workflows.purchase_order.answers import note_sent
from workflows.purchase_order.approvals import OutsideApprovals
from workflows.purchase_order.calls import CounterpartCalls
from workflows.purchase_order.edits import take_edit
from workflows.purchase_order.line import Line
from workflows.purchase_order.reports import coverage, schedule, written_lines
from workflows.purchase_order.state import OrderState, PendingApproval


class OrderDocuments:
    """Keeps ERP, supplier and APS up to date with one order."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any]) -> None:
        self._state = state
        self._entity = entity
        self._counterparts = CounterpartCalls(entity)
        self.approvals = OutsideApprovals(state, entity, self._counterparts)

    # -- placing and sending

    async def place_and_send(self) -> bool:
        """Place the order in the ERP, then send it to its supplier; returns whether the supplier has it.

        Refusals and edits wait for a person, and so it does for the approval of another system's people; an order
        placed earlier is updated and sent.
        """
        if not await self.approved():
            return False
        if self._state.order_number is None:
            outcome = await self._place()
            if isinstance(outcome.placed, Moved):
                return await self._place_elsewhere(outcome.placed)
            self._state.requisitioned = isinstance(outcome.placed, Refused)
            if isinstance(outcome.placed, Refused):
                self._record_unplaced(outcome.placed)
                return False
            if isinstance(outcome.placed, AwaitingApproval):
                self._hold_placing(outcome.placed)
                return False
            self._record_placed(outcome.placed)
            if outcome.sent is not None:
                return self._record_first_sending(outcome.sent)
        return await self._update_unsent() and self._record_first_sending(await self._send_order())

    async def _place_elsewhere(self, moved: Moved) -> bool:
        """Place it in the ERP that its plant has gone to; nothing was written in the other."""
        self._state.systems = moved.systems
        self._entity.record("order.moved", erp=moved.systems.erp, landscape=moved.systems.landscape)
        return await self.place_and_send()

    async def approved(self) -> bool:
        """Whether nothing waits for another system's approval any more; looks there only when it is time to."""
        state = self._state
        pending = state.approval
        if pending is None:
            return True
        if self.approvals.to_be_replaced(pending):
            if pending.there or pending.observed:
                self.approvals.drop()  # and be changed where it waits, or observed as it is now
                return True
            await self.approvals.take_back(pending)
        if workflow.now() < pending.look_at:
            return False
        if pending.observed:
            self.approvals.drop()  # and be written, if Pegline writes there now
            return True
        return await self._look(pending)

    async def _look(self, pending: PendingApproval) -> bool:
        outcome = await self.approvals.look(pending)
        if isinstance(outcome, Placed) and self._state.order_number is None:
            self._record_placed(outcome, approved=True)
        elif isinstance(outcome, Edited):
            self._take_found(outcome, pending.lines, self._key(f"look-{self._state.approvals}"))
        return self._state.approval is None and self._state.refusal is None

    async def withdraw_unsent(self) -> bool:
        """Remove an order that nobody needs any more from the ERP; False if a person has to handle that."""
        state = self._state
        state.refusal = state.disapproval = None
        await self.approved()
        if state.approval is not None:
            return False
        state.refusal = state.disapproval = None  # what nobody needs any more may well have been refused
        if state.requisitioned:
            await self._cancel_requisition()
        elif state.order_number is not None:
            await self._update_unsent()
        if state.unplaced and state.refusal is None:
            for line in state.lines:
                if line.cancelled and not line.never_sent:
                    line.complete_unsent()
        return state.refusal is None and state.approval is None and not state.edited

    async def _place(self) -> PlacedAndSent:
        """Try once to place and send in one call; if that fails, only place, until it succeeds."""
        state = self._state
        call = PlaceOrderCall(
            key=self._key(self._again("place")),
            correlation_id=state.correlation_id,
            document=state.document(),
            audit_batch=self._entity.audit_batch(),
            maybe_written=self._entity.failing(f"{queues.ERP}.{ErpActivities.place_order.__name__}"),
        )
        document = call.document
        lines = len(document.lines)
        summary = f"Place an order of {lines} line{'s' if lines > 1 else ''} at {document.supplier}"
        if document.route is not RouteKind.TRANSFER:
            both = await self._place_and_send_once(call, summary)
            if both is not None:
                return both
            # It failed, and it is unknown what it wrote.
            call = call.model_copy(update={"maybe_written": True})
        placed = await self._counterparts.call(ErpActivities.place_order, call, queues.ERP, summary)
        return PlacedAndSent(placed=placed, sent=None)

    async def _place_and_send_once(self, call: PlaceOrderCall, summary: str) -> PlacedAndSent | None:
        key = self._key(self._first_step)
        note_sent(self._state, document_reference(key), "order", self._state.revision)
        return await self._counterparts.call_once(
            ErpActivities.place_and_send,
            PlaceAndSendCall(
                key=call.key,
                correlation_id=call.correlation_id,
                document=call.document,
                send_key=key,
                audit_batch=call.audit_batch,
                maybe_written=call.maybe_written,
            ),
            queues.ERP,
            f"{summary} and send it",
        )

    def _record_unplaced(self, refused: Refused) -> None:
        self._state.refusal = f"{refused.reason} ({refused.code})"
        self._entity.record("order.refused", code=refused.code, reason=refused.reason, line=refused.line)

    def _hold_placing(self, held: AwaitingApproval) -> None:
        """Wait for the approval of the requisition."""
        state, lines = self._state, [line.number for line in self._state.lines if not line.never_sent]
        state.requisition_number = held.requisition_number or state.requisition_number
        self.approvals.hold(held, lines, placing=True, revision=None)

    def _hold_back(self, unreleased: str, numbers: Sequence[int], *, placing: bool, revision: int | None) -> None:
        """Where the ERP holds it and has to release it first, the supplier does not get it before."""
        state = self._state
        if unreleased and any(line.open for line in state.lines):
            system, number = queues.system_of(state.systems, queues.ERP), state.order_number or ""
            held = AwaitingApproval(system=system, document=number, approver=unreleased)
            self.approvals.hold(held, numbers, placing=placing, revision=revision, there=True)

    def _record_placed(self, placed: Placed, *, approved: bool = False) -> None:
        """`approved`: as it was submitted, which the lines know."""
        state = self._state
        for line in state.lines:
            if not (approved or line.never_sent):
                line.mark_in_erp()
        state.requisition_number, state.order_number = placed.requisition_number, placed.order_number
        self._entity.record(
            "order.placed",
            requisition_number=placed.requisition_number,
            order_number=placed.order_number,
            found_existing=placed.found_existing,
            duplicates_cancelled=list(placed.duplicates),
        )
        state.stage = OrderStage.UNSENT
        lines = [line.number for line in state.lines if not line.never_sent]
        self._hold_back(placed.unreleased, lines, placing=True, revision=None)

    async def _send_order(self) -> WriteOutcome | None:
        """Send ORDERS, revision 1; None for a plant of ours, which receives no document."""
        state = self._state
        if state.terms.route is RouteKind.TRANSFER:
            return None
        return await self._send(SupplierActivities.send_order, self._first_step, state.document())

    def _record_first_sending(self, outcome: WriteOutcome | None) -> bool:
        if not self._record_sending(outcome, self._state.revision, ()):
            return False
        for line in self._state.lines:
            line.mark_sent()
        self._state.stage = OrderStage.SENT
        return True

    async def _update_unsent(self) -> bool:
        """Update the ERP's document to the order's current state; False if that has to wait for a person."""
        state = self._state
        waiting = [line.number for line in state.lines if line.written and line.differs_from_erp and not line.edits]
        if waiting:
            state.updates += 1
            summary = f"Update order {state.order_number} before it is sent"
            if not await self._change_in_erp(waiting, f"update-{state.updates}", summary):
                return False
        if state.approval is not None:
            return False
        for line in state.lines:
            if line.cancelled and not line.edits:
                line.complete_unsent()
        state.cut = [line.number for line in state.lines if line.number in state.cut and line.edits]
        return not state.edited

    async def _cancel_requisition(self) -> None:
        """Delete the requisition of an order that the ERP refused and nobody needs; a refusal is put to a person."""
        state = self._state
        outcome = await self._counterparts.call(
            ErpActivities.cancel_requisition,
            CancelRequisitionCall(
                key=self._key("cancel-requisition"),
                correlation_id=state.correlation_id,
                document=state.document(whole=True),
                audit_batch=self._entity.audit_batch(),
            ),
            queues.ERP,
            f"Cancel the requisition of an order to {state.terms.supplier} that will not be",
        )
        self._record_refusal(outcome)
        if not isinstance(outcome, Refused):
            state.requisitioned = False
            self._entity.record("requisition.cancelled", documents=outcome.writes)

    # -- changing

    async def send_change(self, numbers: Sequence[int]) -> bool:
        """Make the next revision: one ERP write, one change order; False if either is refused or finds an edit,
        or if another system's people have to approve it first.

        It becomes the order's revision once it is sent; if that fails, it is made again once the cause is settled.
        """
        state = self._state
        revision, expedite = state.revision + 1, state.expedite
        lines = [line for line in state.lines if line.number in numbers]
        if revision != state.recorded_revision or any(line.differs_from_erp for line in lines):
            self._record_change(revision, numbers, expedite)
            state.recorded_revision = revision
        # An adopted edit is in the ERP already.
        to_write = [line.number for line in lines if line.differs_from_erp or not line.adopted]
        summary = f"Change order {state.order_number} to revision {revision}"
        if to_write and not await self._change_in_erp(to_write, f"change-{revision}", summary, revision=revision):
            return False
        if state.approval is not None:
            return False
        if not self._record_sending(await self._send_revision(revision, numbers, expedite), revision, numbers):
            return False
        state.revision, state.expedite = revision, False
        for line in lines:
            line.mark_sent()
        return True

    def _record_change(self, revision: int, numbers: Sequence[int], expedite: bool) -> None:
        self._entity.record(
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
                for line in self._state.lines
                if line.number in numbers
            ],
            expedite=expedite,
        )

    async def _send_revision(self, revision: int, numbers: Sequence[int], expedite: bool) -> WriteOutcome | None:
        """Send ORDCHG; None for a plant of ours, which receives no document and does not answer a withdrawal."""
        state = self._state
        if state.terms.route is not RouteKind.TRANSFER:
            document = state.document(tuple(numbers), revision=revision)
            return await self._send(SupplierActivities.send_change, f"change-{revision}", document, expedite=expedite)
        for line in state.lines:
            if line.number in numbers and line.cancelled:
                line.complete(nothing_comes=True)
                state.touch(line.number)
        return None

    async def _change_in_erp(
        self, numbers: Sequence[int], step: str, summary: str, *, revision: int | None = None
    ) -> bool:
        """Write the lines to the ERP; False if it refused, holds a person's edit of them, or has to approve it first.

        `revision`: the new revision, if this changes what the supplier has.
        """
        state, key = self._state, self._key(self._again(step))
        outcome = await self._counterparts.call(
            ErpActivities.change_order,
            ChangeOrderCall(
                key=key,
                correlation_id=state.correlation_id,
                document=state.document(tuple(numbers), for_erp=True, revision=revision),
                audit_batch=self._entity.audit_batch(),
            ),
            queues.ERP,
            summary,
        )
        self._record_refusal(outcome)
        if isinstance(outcome, Refused):
            return False
        if isinstance(outcome, Edited):
            self._take_found(outcome, numbers, key)
            return False
        if isinstance(outcome, AwaitingApproval):
            self.approvals.hold(outcome, numbers, placing=False, revision=revision)
            return False
        for line in state.lines:
            if line.number in numbers:
                line.mark_in_erp()
        if revision is not None or state.unsent:
            self._hold_back(outcome.unreleased, numbers, placing=state.unsent, revision=revision)
        return True

    def _take_found(self, found: Edited, numbers: Sequence[int], key: str) -> bool:
        """Remember the edits that a write of these lines found; False if none is of these lines: a person is asked."""
        state = self._state
        for edit in found.edits:
            event_id = f"{key}/{edit.line}/{edit.field}"
            take_edit(state, edit, event_id, self._entity.record, found_at=workflow.now())
        if any(line.edits for line in state.lines if line.number in numbers):
            return True
        # Without a line that waits, the same write would be retried forever.
        state.refusal = f"the ERP holds an edit of another line than {', '.join(map(str, numbers))}"
        return False

    async def look_for_edits(self) -> None:
        """Compare the ERP's lines with what was last written, where the ERP says that the order changed.

        That writes nothing, since what was last written is all that is asked for.
        """
        state, lines = self._state, written_lines(self._state)
        reread, state.reread = state.reread, False
        if not reread or not lines or state.order_number is None:
            return
        state.rereads += 1
        call = WriteScheduleCall(
            key=self._key(f"reread-{state.rereads}"),
            correlation_id=state.correlation_id,
            schedule=OrderSchedule(order_id=state.id, order_number=state.order_number, lines=lines),
            audit_batch=self._entity.audit_batch(),
        )
        outcome = await self._schedule_call(call)
        if isinstance(outcome, Edited):
            for edit in outcome.edits:
                event_id = f"{call.key}/{edit.line}/{edit.field}"
                take_edit(state, edit, event_id, self._entity.record, found_at=workflow.now())

    # -- writing back

    async def write_back(self) -> None:
        """Write the delivery schedule to the ERP and the coverage to APS, for the touched lines."""
        state = self._state
        if not state.touched or state.order_number is None or state.refusal is not None:
            return
        if state.cut and state.approval is None:
            await self._cut_document()
            if state.refusal is not None:
                return
        # What waits for approval there is not written over meanwhile.
        numbers = [line.number for line in state.lines if line.number in state.touched and line.submitted is None]
        if not numbers:
            return
        state.reports += 1
        audit_batch, report, plan = self._entity.audit_batch(), coverage(state), schedule(state, numbers)
        key, correlation_id = self._key(f"coverage-{state.reports}"), state.correlation_id
        to_erp = WriteScheduleCall(key=key, correlation_id=correlation_id, schedule=plan, audit_batch=audit_batch)
        # The schedule carries the audit events; if there is none (all lines cancelled), the coverage does.
        to_aps = WriteCoverageCall(
            key=key, correlation_id=correlation_id, report=report, audit_batch=None if plan.lines else audit_batch
        )
        both = await self._write_both(to_erp, to_aps) if plan.lines and report.entries else None
        erp, aps = await asyncio.gather(
            self._write_schedule(numbers, to_erp, both.erp if both else None),
            self._write_coverage(to_aps, both.aps if both else None),
        )
        if isinstance(erp, Refused) and erp.code == OBSERVED:
            return  # it stays to be written, until Pegline writes there again
        self._record_refusal(erp)
        if isinstance(aps, Refused) and aps.code != OBSERVED:
            self._entity.record("coverage.refused", code=aps.code, reason=aps.reason)
        if state.refusal is None:
            state.touched = [number for number in state.touched if number not in numbers]

    async def _cut_document(self) -> None:
        """Update the ERP's document where the supplier refused all or part of a line, or an edit is undone."""
        state = self._state
        numbers = [line.number for line in state.lines if line.number in state.cut and not line.edits]
        if numbers and await self._change_in_erp(
            numbers,
            f"cut-{state.revision}-{state.reports}",
            f"Bring order {state.order_number} to what was agreed",
        ):
            state.cut = [number for number in state.cut if number not in numbers]

    async def _write_both(self, to_erp: WriteScheduleCall, to_aps: WriteCoverageCall) -> WrittenBack | None:
        """Try both once in one call; None: each is then made separately, until it succeeds."""
        return await self._counterparts.call_once(
            ErpActivities.write_back,
            WriteBackCall(
                key=to_erp.key,
                correlation_id=to_erp.correlation_id,
                schedule=to_erp.schedule,
                report=to_aps.report,
                audit_batch=to_erp.audit_batch,
            ),
            queues.ERP,
            f"Write back what order {self._state.order_number} brings",
        )

    async def _write_schedule(
        self, numbers: Sequence[int], call: WriteScheduleCall, made: ChangeOutcome | None
    ) -> Refused | None:
        """Write the schedule; lines found edited wait for a decision, the others are written without them.

        `made`: the outcome of the call, if it was already made.
        """
        key, attempt = call.key, 1
        while call.schedule.lines:
            outcome = made if made is not None else await self._schedule_call(call)
            made = None
            if isinstance(outcome, Refused):
                return outcome
            if isinstance(outcome, Written):
                self._record_schedule(call)
                return None
            if not self._take_found(outcome, [asked.line for asked in call.schedule.lines], call.key):
                return None
            attempt += 1
            call = call.model_copy(
                update={
                    "key": f"{key}.{attempt}",
                    "schedule": schedule(self._state, numbers),
                    "audit_batch": self._entity.audit_batch(),
                    "maybe_written": False,
                }
            )
        return None

    def _record_schedule(self, call: WriteScheduleCall) -> None:
        written = {asked.line: asked for asked in call.schedule.lines}
        for line in self._state.lines:
            if (asked := written.get(line.number)) is not None:
                line.mark_scheduled(asked.schedule, completed=asked.completed)

    async def _schedule_call(self, call: WriteScheduleCall) -> ChangeOutcome:
        outcome: ChangeOutcome = await self._counterparts.call(
            ErpActivities.write_schedule,
            call,
            queues.ERP,
            f"Write the delivery schedule of order {self._state.order_number}",
        )
        return outcome

    async def _write_coverage(self, call: WriteCoverageCall, made: WriteOutcome | None) -> WriteOutcome | None:
        """Write coverage, except of needs of our own, which APS does not know. `made`: the outcome, if already made."""
        if made is not None or not call.report.entries:
            return made
        summary = f"Tell APS what order {self._state.order_number} covers"
        return await self._counterparts.call(ApsActivities.write_coverage, call, queues.APS, summary)

    # -- the supplier

    async def send_reminder(self) -> None:
        """Ask for an answer that is due."""
        state = self._state
        step, lines = f"reminder-{state.revision}-{state.reminders}", [line.number for line in state.awaited]
        if await self._remind(step, lines):
            self._entity.record("reminder.sent", revision=state.revision, reminder=state.reminders, rule="R16")
        else:
            state.reminders -= 1

    async def send_delivery_reminder(self, numbers: Sequence[int]) -> None:
        """Ask for deliveries that did not come by their date."""
        state = self._state
        reminder = state.delivery_reminders
        if await self._remind(f"delivery-reminder-{reminder}", numbers):
            self._entity.record("delivery.reminded", lines=[*numbers], reminder=reminder, rule="R16")
        else:
            state.delivery_reminders -= 1

    async def _remind(self, step: str, numbers: Sequence[int]) -> bool:
        """Whether the supplier got it; a refusal is recorded, and everything goes on as by a silent supplier."""
        state = self._state
        document, key = state.document(tuple(numbers)), self._key(step)
        before = state.sent
        note_sent(state, document_reference(key), "reminder", state.revision)
        outcome: WriteOutcome = await self._counterparts.call(
            SupplierActivities.send_reminder,
            SendDocumentCall(
                key=key,
                correlation_id=state.correlation_id,
                document=document,
                audit_batch=self._entity.audit_batch(),
            ),
            queues.SUPPLIER,
            f"Remind {document.supplier} of order {state.order_number}",
        )
        if isinstance(outcome, Refused):
            state.sent = before
            self._entity.record("reminder.refused", lines=[*numbers], system=outcome.system, reason=outcome.reason)
            return False
        return True

    async def _send(
        self,
        method: Callable[..., Awaitable[WriteOutcome]],
        step: str,
        document: OrderDocument,
        *,
        expedite: bool = False,
    ) -> WriteOutcome:
        key = self._key(step)
        kind: Literal["order", "change"] = "order" if method is SupplierActivities.send_order else "change"
        note_sent(self._state, document_reference(key), kind, document.revision)
        outcome: WriteOutcome = await self._counterparts.call(
            method,
            SendDocumentCall(
                key=key,
                correlation_id=self._state.correlation_id,
                document=document.model_copy(update={"expedite": expedite}),
                audit_batch=self._entity.audit_batch(),
            ),
            queues.SUPPLIER,
            f"Send revision {document.revision} of order {document.order_number} to {document.supplier}",
        )
        return outcome

    def _record_sending(self, outcome: WriteOutcome | None, revision: int, changed: Sequence[int]) -> bool:
        """Record the sending; False if the supplier's gateway refused it."""
        self._record_refusal(outcome)
        if isinstance(outcome, Refused):
            return False
        self._entity.record("order.sent", revision=revision, supplier=self._state.terms.supplier, changed=list(changed))
        return True

    # -- helpers of the calls

    @property
    def _first_step(self) -> str:
        """The step that sends the order for the first time; again after a rejection, it is another document."""
        again = f".{self._state.resendings}" if self._state.resendings else ""
        return f"send-{self._state.revision}{again}"

    def _again(self, step: str) -> str:
        """The step, told apart from one that another system's people have decided on."""
        return f"{step}.{self._state.approvals}" if self._state.approvals else step

    def _key(self, step: str) -> str:
        """The idempotency key of a step of this order, the same on every attempt."""
        return f"{self._state.id}#{step}"

    def _record_refusal(self, outcome: OrderChangeOutcome | None) -> None:
        """Remember a refusal until a person has handled it."""
        if isinstance(outcome, Refused):
            self._state.refusal = f"{outcome.reason} ({outcome.code})"
            self._entity.record("write.refused", system=outcome.system, code=outcome.code, reason=outcome.reason)


class OverdueDeliveries:
    """Follows the dates of one order's lines."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any], documents: OrderDocuments) -> None:
        self._state = state
        self._entity = entity
        self._documents = documents

    @property
    def time_to_next(self) -> dt.timedelta | None:
        """Time until the next level of any line; None: there is none to wait for."""
        moments = [level.at for line in self._followed if (level := self._next(line)) is not None]
        return max(min(moments) - workflow.now(), MOMENT) if moments else None

    @property
    def _followed(self) -> list[Line]:
        state = self._state
        return [] if state.to_be_placed or state.finished or state.unsent else state.lines

    def _next(self, line: Line) -> OverdueLevel | None:
        """The first level that is above the one reached for the line's present date."""
        state, due = self._state, line.due_on
        if due is None:
            return None
        levels = overdue_schedule(
            due,
            state.policy,
            answered=not line.awaited,
            remind=state.terms.route is not RouteKind.TRANSFER,
            waited_since=line.waited_since,
        )
        reached = line.overdue_step if line.overdue_since == due else OverdueStep.NOT_DUE
        return next((level for level in levels if level.step > reached), None)

    async def go_on(self) -> None:
        """Take every step that is due, by the policy current at that time."""
        state, now = self._state, workflow.now()
        for line in state.lines:
            line.follow_date()
        if not any(self._is_due(line, now) for line in self._followed):
            return
        state.policy = await self._entity.policy_now(state.policy, supplier=state.terms.supplier)
        to_remind: list[int] = []
        for line in self._followed:
            while (level := self._next(line)) is not None and level.at <= now:
                line.reach_overdue(level.promised, level.step)
                state.as_of = max(state.as_of, level.at)
                self._record(line, level)
                if level.step is OverdueStep.REMIND_SUPPLIER:
                    to_remind.append(line.number)
        if to_remind:
            state.delivery_reminders += 1
            await self._documents.send_delivery_reminder(to_remind)

    def _is_due(self, line: Line, now: dt.datetime) -> bool:
        level = self._next(line)
        return level is not None and level.at <= now

    def _record(self, line: Line, level: OverdueLevel) -> None:
        self._entity.record(
            "delivery.overdue",
            level.at,
            line=line.number,
            **line.whose,
            promised=level.promised.isoformat(),
            step=level.step.name.lower(),
            rule=level.rule,
            reason=level.reason(self._state.policy.version).model_dump(mode="json"),
        )

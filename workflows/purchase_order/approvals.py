"""Approvals by the people of another system (R15): what an order has submitted there waits, and is looked at again.

A counterpart that has to have a requisition or a change approved first says so (AwaitingApproval), and so does one that
holds an order or a change and has to release it (`unreleased`). The order then waits by a timer whose pauses grow
(decisions.outside_approval), or until that system reports a decision; what is true is read there each time. One thing
waits at a time. While an order waits to be placed, a changed need takes the requisition back and submits it anew, so
that nobody approves what nobody needs; while a change waits, later ones wait with it.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue
from temporalio import workflow

from activities.erp import ErpActivities
from canonical.base import Criticality
from canonical.calls import CancelRequisitionCall, ChangeOrderCall, Moved, PlaceOrderCall, PlacingOutcome
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.messages import ApprovalReported
from canonical.order import (
    AwaitingApproval,
    Edited,
    OrderChangeOutcome,
    OrderDocument,
    Placed,
    Refused,
    Written,
)
from canonical.records import ApprovalAwaited
from decisions.outside_approval import ask_buyer_at, look_after
from workflows import queues
from workflows.entity import MOMENT, Entity
from workflows.memory import RecordEvent
from workflows.purchase_order.calls import CounterpartCalls
from workflows.purchase_order.line import Line
from workflows.purchase_order.state import Disapproval, OrderState, PendingApproval

Looked = PlacingOutcome | OrderChangeOutcome
"""What has become of it."""


class OutsideApprovals:
    """Submits lines of one order, and finds out what has become of them."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any], counterparts: CounterpartCalls) -> None:
        self._state = state
        self._entity = entity
        self._counterparts = counterparts

    @property
    def time_to_next(self) -> dt.timedelta | None:
        """Time until it is looked at, or the buyer is asked; None: nothing waits, or a refusal is decided first."""
        pending = self._state.approval
        if pending is None or self._state.refusal is not None:
            return None
        moments = [pending.look_at] if pending.asked or pending.observed else [pending.look_at, pending.ask_at]
        return max(min(moments) - workflow.now(), MOMENT)

    def hold(
        self,
        held: AwaitingApproval,
        numbers: Sequence[int],
        *,
        placing: bool,
        revision: int | None,
        there: bool = False,
    ) -> None:
        """Wait for the approval of these lines. `there`: the ERP holds them as they are, and has not released them."""
        state, now = self._state, workflow.now()
        for line in _lines(state, numbers):
            line.submit()
        if held.observed:
            self._hold_observed(held, numbers, placing=placing, revision=revision)
            return
        since = min(held.since or now, now)
        state.approvals += 1
        state.approval = PendingApproval(
            system=held.system,
            document=held.document,
            since=since,
            approver=held.approver,
            placing=placing,
            there=there,
            lines=[*numbers],
            revision=revision,
            look_at=look_after(0, now, state.policy.outside_approval),
            ask_at=ask_buyer_at(now, state.policy),
        )
        self._entity.record(
            "approval.awaited",
            since,
            system=held.system,
            document=held.document,
            approver=held.approver,
            lines=[*numbers],
            rule="R15",
        )

    def _hold_observed(
        self, held: AwaitingApproval, numbers: Sequence[int], *, placing: bool, revision: int | None
    ) -> None:
        """Nothing was written, since Pegline only observes; record what would have been, each time that it changes."""
        state, now = self._state, workflow.now()
        lines: list[JsonValue] = [dict(line.observed) for line in _lines(state, numbers)]
        said = hashlib.sha256(json.dumps([held.observed, lines]).encode()).hexdigest()[:16]
        if said != state.observed:
            state.observed, state.observed_looks = said, -1
            self._entity.record(
                "order.observed",
                system=held.system,
                would_have=held.observed,
                supplier=state.terms.supplier,
                lines=lines,
            )
        state.observed_looks += 1
        state.approval = PendingApproval(
            system=held.system,
            document=held.document,
            since=now,
            placing=placing,
            lines=[*numbers],
            revision=revision,
            look_at=look_after(state.observed_looks, now, state.policy.outside_approval),
            ask_at=now,
            observed=held.observed,
        )

    def ask_buyer_if_due(self) -> None:
        """Have the buyer asked about what has waited for long."""
        pending = self._state.approval
        if pending is not None and not (pending.asked or pending.observed) and pending.ask_at <= workflow.now():
            pending.asked = True
            self._entity.record(
                "approval.overdue", pending.ask_at, system=pending.system, document=pending.document, rule="R16"
            )

    def to_be_replaced(self, pending: PendingApproval) -> bool:
        """The order that waits to be placed is not what is needed any more, and can still be had back."""
        return (
            pending.placing
            and not (pending.withdrawn or pending.kept)
            and any(line.submitted != line.as_asked for line in _lines(self._state, pending.lines))
        )

    async def take_back(self, pending: PendingApproval) -> None:
        """Withdraw the requisition, then see at once whether it was approved before."""
        state = self._state
        outcome = await self._counterparts.call(
            ErpActivities.cancel_requisition,
            CancelRequisitionCall(
                key=f"{state.id}#take-back-{state.approvals}",
                correlation_id=state.correlation_id,
                document=self._document(pending),
                audit_batch=self._entity.audit_batch(),
            ),
            queues.ERP,
            f"Take {pending.document} back from {pending.system}",
        )
        if isinstance(outcome, Refused):
            pending.kept = outcome.reason
            self._entity.record("approval.kept", document=pending.document, reason=outcome.reason, code=outcome.code)
        else:
            pending.withdrawn = True
        pending.look_at = workflow.now()

    async def look(self, pending: PendingApproval) -> Looked:
        """Read what has become of it, and remember that; nothing is written."""
        call = PlaceOrderCall(
            key=f"{self._state.id}#look-{self._state.approvals}",
            correlation_id=self._state.correlation_id,
            document=self._document(pending),
            audit_batch=self._entity.audit_batch(),
            maybe_written=True,
        )
        summary = f"See whether {pending.document} is approved in {pending.system}"
        outcome: Looked
        if pending.placing:
            outcome = await self._counterparts.call(ErpActivities.place_order, call, queues.ERP, summary)
        else:
            change = ChangeOrderCall.model_validate(dict(call))
            outcome = await self._counterparts.call(ErpActivities.change_order, change, queues.ERP, summary)
        self._remember(pending, outcome)
        return outcome

    def drop(self) -> None:
        """Wait no more: what waits is brought to what is needed now, where it is."""
        pending, self._state.approval = self._state.approval, None
        for line in _lines(self._state, pending.lines if pending else ()):
            line.withdraw()

    def _document(self, pending: PendingApproval) -> OrderDocument:
        document = self._state.document(
            tuple(pending.lines), whole=pending.placing, for_erp=True, revision=pending.revision
        )
        return document.model_copy(update={"awaiting": pending.document})

    def _remember(self, pending: PendingApproval, outcome: Looked) -> None:
        state, data = self._state, {"system": pending.system, "document": pending.document}
        match outcome:
            case AwaitingApproval():
                pending.document, pending.approver = outcome.document, outcome.approver
                self._look_again(pending)
            case Placed() | Written() if pending.there and outcome.unreleased:
                pending.approver = outcome.unreleased
                self._look_again(pending)
            case Moved():
                self._look_again(pending)  # what waits stays where it is
            case Refused():
                self.drop()
                if pending.withdrawn:
                    self._entity.record("approval.withdrawn", **data)
                    return
                state.requisitioned = state.requisitioned or (pending.placing and state.order_number is None)
                state.disapproval = Disapproval(
                    system=pending.system, document=pending.document, placing=pending.placing, lines=pending.lines
                )
                state.refusal = f"{outcome.reason} ({outcome.code})"
                self._entity.record("approval.refused", reason=outcome.reason, code=outcome.code, **data)
            case Edited():
                self.drop()
            case _:
                state.approval = None
                for line in _lines(state, pending.lines):
                    line.approve()
                found = {"order_number": outcome.order_number} if isinstance(outcome, Placed) else {}
                self._entity.record("approval.given", rule="R15", **data, **found)

    def _look_again(self, pending: PendingApproval) -> None:
        pending.looks += 1
        pending.look_at = look_after(pending.looks, workflow.now(), self._state.policy.outside_approval)


def _lines(state: OrderState, numbers: Sequence[int]) -> list[Line]:
    return [line for line in state.lines if line.number in numbers]


def take_report(state: OrderState, message: ApprovalReported) -> None:
    """Look at once. Only that something was decided is taken from the message: what it was is read there."""
    pending = state.approval
    if message.changed:
        state.reread = True
    if pending is not None and message.document in (pending.document, state.requisition_number, state.order_number):
        pending.look_at = pending.since


def awaited(state: OrderState) -> ApprovalAwaited | None:
    """What waits, for the snapshot."""
    pending = state.approval
    if pending is None or pending.observed:
        return None
    return ApprovalAwaited(
        system=pending.system, document=pending.document, since=pending.since, approver=pending.approver
    )


def waiting_words(state: OrderState, pending: PendingApproval) -> str:
    """The waiting in a buyer's words."""
    if pending.observed:
        return f"is only observed: Pegline would have {pending.observed}"
    since = pending.since.astimezone(state.policy.calendar.tzinfo)
    whom = f", {pending.approver}" if pending.approver else ""
    return f"waits for approval in {pending.system} since {since:%Y-%m-%d %H:%M} ({pending.document}{whom})"


# -- questions


def long_wait(state: OrderState) -> Proposal | None:
    """The question about an approval that takes long."""
    pending = state.approval
    if pending is None or not pending.asked:
        return None
    ways = [Alternative(choice=Choice.WAIT, note=f"wait on; the talk with {pending.system}'s approvers is yours")]
    if pending.placing:
        ways.append(Alternative(choice=Choice.CANCEL, note="take it back and give the order up"))
    what = f"order {state.order_number}" if state.order_number else "the new order"
    return _question(
        state,
        ExceptionKind.NO_ANSWER,
        f"{what} to {state.terms.supplier} {waiting_words(state, pending)}",
        tuple(ways),
        "R16",
    )


def refused(state: OrderState, disapproval: Disapproval) -> Proposal:
    """The question about what another system's people refused."""
    what = "the new order" if disapproval.placing else f"the change of order {state.order_number}"
    again = Alternative(choice=Choice.RETRY, note=f"it is settled with them: submit it in {disapproval.system} again")
    leave = Alternative(choice=Choice.DECLINE, note="leave the order as it is; the plan is told")
    give_up = Alternative(choice=Choice.CANCEL, note="give the order up; its requirements look elsewhere")
    return _question(
        state,
        ExceptionKind.CHANGE_PROPOSAL,
        f"{disapproval.system} did not approve {what} to {state.terms.supplier} ({disapproval.document}): "
        f"{state.refusal}",
        (again, give_up if disapproval.placing else leave),
        "R15",
    )


def _question(
    state: OrderState, kind: ExceptionKind, summary: str, ways: tuple[Alternative, ...], rule: str
) -> Proposal:
    return Proposal(
        kind=kind,
        summary=summary,
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=min((line.criticality for line in state.lines), default=Criticality.C),
        alternatives=ways,
        approvers=(state.policy.buyer,),
        rule=rule,
    )


def wait_on(state: OrderState, decision: Decision, record: RecordEvent, now: dt.datetime) -> None:
    """Give the approvers as long again."""
    if state.approval is not None:
        state.approval.asked, state.approval.ask_at = False, ask_buyer_at(now, state.policy)
        record("approval.waits", decision.decided_at, decided_by=decision.decided_by)

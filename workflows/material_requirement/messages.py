"""How a requirement takes a message: a stale one is recorded and dropped (R10); others change its state.

Whether a changed need is acted on (R4) is decided with a fresh assessment, not when the message arrives. Nothing else
is done here; the workflow acts on the new state.
"""

from typing import assert_never

from pydantic import JsonValue

from canonical.exception import ExceptionDecided
from canonical.messages import BomChanged, RequirementOpened, RequirementWithdrawn, StockAllocated
from canonical.need import Need
from canonical.supply import CoverageChanged
from decisions.dampener import judge_change, quantity_limit
from decisions.ordering import is_newer
from workflows.material_requirement.state import RequirementState
from workflows.memory import RecordEvent, RunInput

RequirementMessage = (
    RequirementOpened | RequirementWithdrawn | CoverageChanged | ExceptionDecided | BomChanged | StockAllocated
)
RequirementInput = RunInput[RequirementOpened, RequirementState, RequirementMessage]


def take(state: RequirementState, message: RequirementMessage, record: RecordEvent) -> None:
    """Apply one message to the state."""
    match message:
        case RequirementOpened():
            _take_plan(state, message, record)
        case RequirementWithdrawn():
            _take_withdrawal(state, message, record)
        case CoverageChanged():
            _take_coverage(state, message, record)
        case ExceptionDecided():
            _take_decision(state, message, record)
        case BomChanged():
            _take_bom_change(state, message, record)
        case StockAllocated():
            _take_stock(state, message, record)
        case _:
            assert_never(message)


def _take_plan(state: RequirementState, opened: RequirementOpened, record: RecordEvent) -> None:
    need = opened.need
    if not is_newer(need.revision, state.need.revision):
        record("requirement.stale", need.revision.effective_at, plan_version=need.revision.plan_version, rule="R10")
        return
    _record_overtaken(state, record)
    before = state.from_stock
    state.need, state.proposed, state.withdrawn, state.approved_by = need, opened, False, None
    if before and not state.from_stock:
        record("stock.overtaken", need.revision.effective_at, quantity=str(before), unit=need.unit, rule="R10")
        state.stock_moved = True


def _take_withdrawal(state: RequirementState, message: RequirementWithdrawn, record: RecordEvent) -> None:
    revision = message.withdrawal.revision
    if not is_newer(revision, state.need.revision):
        record("requirement.stale", revision.effective_at, plan_version=revision.plan_version, rule="R10")
        return
    _record_overtaken(state, record)
    state.withdrawn, state.proposed, state.approved_by = True, None, None
    state.covered_revision = None
    state.need = state.need.model_copy(update={"revision": revision})
    record("withdrawal.received", revision.effective_at, plan_version=revision.plan_version)


def _record_overtaken(state: RequirementState, record: RecordEvent) -> None:
    """Record a need that a newer plan replaced before it was evaluated."""
    if state.proposed is not None:
        revision = state.proposed.need.revision
        record("requirement.overtaken", revision.effective_at, plan_version=revision.plan_version, rule="R10")


def _take_coverage(state: RequirementState, changed: CoverageChanged, record: RecordEvent) -> None:
    held = state.coverage_of(changed.order_id)
    if held is None:
        record("coverage.unknown", order_id=changed.order_id)
        return
    if held.reported is not None and changed.rank <= held.reported.rank:
        record("coverage.stale", order_id=changed.order_id, sequence=changed.sequence, rule="R10")
        return
    state.replace_coverage(changed.order_id, reported=changed)
    if (now := state.coverage_of(changed.order_id)) is not None:
        state.take_recovered(now)
    state.unjudged = True
    record(
        "coverage.changed",
        changed.as_of,
        order_id=changed.order_id,
        order_number=changed.order_number,
        schedule_lines=[part.model_dump(mode="json") for part in changed.schedule_lines],
        refused=changed.refused,
        closed=changed.closed,
    )


def _take_decision(state: RequirementState, decided: ExceptionDecided, record: RecordEvent) -> None:
    decision = decided.decision
    if state.exception is None or state.exception.id != decided.exception_id:
        record("decision.overtaken", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice)
        return
    if state.exception.digest != decided.digest:
        # The decision was made on an outdated proposal: the question is asked again.
        state.exception = None
        record(
            "decision.void", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice, rule="R15"
        )
        return
    state.decided_about = state.exception.about
    state.exception = None
    state.decision = decision
    record(
        "exception.decided",
        decision.decided_at,
        exception_id=decided.exception_id,
        choice=decision.choice,
        decided_by=decision.decided_by,
        comment=decision.comment,
    )


def _take_bom_change(state: RequirementState, changed: BomChanged, record: RecordEvent) -> None:
    """R13: the change is approved, so the dampener does not apply.

    The plan's own need is kept: repeating it changes nothing, and a plan with a different need overrides this.
    """
    reported: dict[str, JsonValue] = {"change_id": changed.change_id, "quantity": str(changed.quantity), "rule": "R13"}
    if state.withdrawn:
        return
    if state.need.revision.rank != changed.decided_on.rank:
        record("bom.overtaken", changed.as_of, **reported)
        return
    reduced = state.need.model_copy(update={"pegging": changed.pegs})
    if changed.quantity > 0:
        reduced = reduced.model_copy(update={"quantity": changed.quantity})
        if reduced == state.acted_on == state.tested:
            return
        state.acted_on, state.tested, state.accepted = reduced, reduced, None
    state.withdrawn, state.approved_by = changed.quantity == 0, changed.approved_by
    state.proposed, state.covered_revision = None, None
    record(
        "bom.changed",
        changed.as_of,
        effective_from=changed.effective_from.isoformat(),
        decided_by=changed.decided_by,
        unit=state.need.unit,
        **reported,
    )


def _take_stock(state: RequirementState, allocated: StockAllocated, record: RecordEvent) -> None:
    """Take the complete allocation from stock; it is void for a later need.

    Within R4's limits it changes no order: the coverage is only tested with it.
    """
    reported: dict[str, JsonValue] = {
        "quantity": str(allocated.quantity),
        "unit": allocated.unit,
        "reported_at": allocated.reported_at.isoformat(),
    }
    if state.stock is not None and allocated.rank <= state.stock.rank:
        record("stock.stale", allocated.as_of, rule="R10", **reported)
        return
    before, state.stock = state.from_stock, allocated
    if state.from_stock == before:
        record("stock.without_effect", allocated.as_of, rule="R10", **reported)
        return
    acts = not _within_dampener(state)
    state.stock_moved = not state.withdrawn and (acts or state.stock_moved)
    state.unjudged = True
    if acts:
        state.accepted = None
    reported |= {"before": str(before), "act": acts, "reason": allocated.reason}
    record("stock.allocated", allocated.as_of, rule="R11", **reported)


def _within_dampener(state: RequirementState) -> bool:
    """R4, for the quantity that is met from stock; nothing stays acted on once there is none."""
    if state.assessment is None or not state.from_stock:
        return False
    limit = quantity_limit(state.tested.quantity, state.tested.unit, state.policy.dampener)
    return abs(state.from_stock - state.stock_acted_on) <= limit


def record_need(need: Need, kind: str, record: RecordEvent, **more: JsonValue) -> None:
    """Record the need that the plan stated."""
    record(
        kind,
        need.revision.effective_at,
        plan_version=need.revision.plan_version,
        quantity=str(need.quantity),
        unit=need.unit,
        required_date=need.required_date.isoformat(),
        demands=[peg.demand for peg in need.pegging],
        **more,
    )


def judge_need(state: RequirementState, record: RecordEvent) -> None:
    """R4: act on the plan's change or suppress it; without coverage there is nothing to suppress.

    Either way it is what the coverage is tested against from now on (R7).
    """
    proposed, state.proposed = state.proposed, None
    if proposed is None:
        return
    need = state.tested = proposed.need
    if state.covered_revision is None or need.demanded_by is not None:
        # The dampener was already applied to the order whose need this is: that order has been changed.
        _act_on(state, need, proposed.correlation_id)
        record_need(need, "requirement.changed", record)
        return
    policy = state.policy
    outcome = judge_change(state.acted_on, need, policy.dampener, policy.calendar)
    reason = outcome.reason(policy.version).model_dump(mode="json")
    judged: dict[str, JsonValue] = {
        "acted_on": state.acted_on.model_dump(mode="json"),
        "proposed": need.model_dump(mode="json"),
        "act": outcome.act,
        "rule": outcome.rule,
        "why": outcome.why,
        "reason": reason,
        "policy_version": policy.version,
        "item_class": state.item_class,
        "supplier": state.holder,
    }
    state.decided_under = policy.version
    if outcome.act:
        _act_on(state, need, proposed.correlation_id)
        record_need(need, "requirement.changed", record, **judged)
        return
    state.suppressed += 1
    record_need(need, "requirement.change_suppressed", record, **judged)


def _act_on(state: RequirementState, need: Need, correlation_id: str) -> None:
    state.acted_on = need
    state.accepted = None
    state.correlation_id = correlation_id


__all__ = ["RequirementInput", "RequirementMessage", "judge_need", "record_need", "take"]

"""Whether a need that the plan states anew is acted on (R4), by the policy of the day, and the fact that says why.

Decided with a fresh assessment, not when the message arrives. Not here: what the action is (requirement_cover).
"""

from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from canonical.need import Need
from decisions.dampener import judge_change
from workflows.material_requirement.state import RequirementState


class RecordEvent(Protocol):
    """Appends an audit event."""

    def __call__(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None: ...


def record_need(need: Need, kind: str, record: RecordEvent, **more: JsonValue) -> None:
    """The fact that the plan stated the need."""
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
    """R4: act on what the plan proposes, or damp it; where nothing is covered yet there is nothing to damp."""
    proposed, state.proposed = state.proposed, None
    if proposed is None:
        return
    need = proposed.need
    if state.covered_revision is None or need.demanded_by is not None:
        # What an order of ours needs was suppressed where the plan stated it: the order has been changed already.
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


__all__ = ["RecordEvent", "judge_need", "record_need"]

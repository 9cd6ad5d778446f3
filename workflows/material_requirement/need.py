"""Whether a need that the plan states anew is acted on (R4), by the policy of the day, and the fact that says why.

Decided with a fresh assessment, not when the message arrives. Not here: what the action is (requirement_cover).
"""

from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from canonical.need import Need
from decisions.damping import judge_change
from workflows.material_requirement.state import RequirementState


class Note(Protocol):
    """Appends a fact."""

    def __call__(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None: ...


def note_need(need: Need, kind: str, note: Note, **more: JsonValue) -> None:
    """The fact that the plan stated the need."""
    note(
        kind,
        need.revision.effective_at,
        plan_version=need.revision.plan_version,
        quantity=str(need.quantity),
        unit=need.unit,
        required_date=need.required_date.isoformat(),
        demands=[peg.demand for peg in need.pegging],
        **more,
    )


def judge_need(state: RequirementState, note: Note) -> None:
    """R4: act on what the plan proposes, or damp it; where nothing is covered yet there is nothing to damp."""
    proposed, state.proposed = state.proposed, None
    if proposed is None:
        return
    need = proposed.need
    if state.covered_revision is None or need.demanded_by is not None:
        # What an order of ours needs was damped where the plan stated it: the order has been changed already.
        _act_on(state, need, proposed.correlation_id)
        note_need(need, "need.changed", note)
        return
    policy = state.policy
    verdict = judge_change(state.acted_on, need, policy.damping, policy.calendar)
    reason = verdict.reason(policy.version).model_dump(mode="json")
    judged: dict[str, JsonValue] = {
        "acted_on": state.acted_on.model_dump(mode="json"),
        "proposed": need.model_dump(mode="json"),
        "act": verdict.act,
        "rule": verdict.rule,
        "why": verdict.why,
        "reason": reason,
        "policy_version": policy.version,
        "item_class": state.item_class,
        "supplier": state.holder,
    }
    state.decided_under = policy.version
    if verdict.act:
        _act_on(state, need, proposed.correlation_id)
        note_need(need, "need.changed", note, **judged)
        return
    state.damped += 1
    note_need(need, "need.damped", note, **judged)


def _act_on(state: RequirementState, need: Need, correlation_id: str) -> None:
    state.acted_on = need
    state.accepted = None
    state.correlation_id = correlation_id


__all__ = ["Note", "judge_need", "note_need"]

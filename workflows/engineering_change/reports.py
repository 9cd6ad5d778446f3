"""Reports of an EngineeringChange: to requirements, to the ledger, to operators, and the final report.

Only the wording is decided here; dispositions are decided by R13, in decisions.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue

from canonical.calls import BomChange
from canonical.messages import BomChanged
from canonical.need import Need
from canonical.records import ChangeSnapshot
from decisions.engineering_change.component_use import Cut
from workflows.engineering_change.state import ChangeState


def decided_by(state: ChangeState) -> str:
    """Who decided; pegline if nobody had to be asked."""
    return state.decision.decided_by if state.decision else "pegline"


def bom_changes(state: ChangeState, found: Sequence[Cut], now: datetime) -> tuple[BomChange, ...]:
    """The message to each requirement whose quantity is cut."""
    return tuple(
        BomChange(
            requirement_id=cut.requirement_id,
            changed=BomChanged(
                change_id=state.revised.id,
                effective_from=state.revised.effective_from,
                decided_on=cut.decided_on,
                quantity=cut.quantity,
                pegs=cut.pegs,
                decided_by=decided_by(state),
                approved_by=state.decision.decided_by if state.decision else None,
                as_of=now,
            ),
        )
        for cut in found
    )


def needs_now(state: ChangeState, needs: Sequence[Need], now: datetime) -> tuple[Need, ...]:
    """The needs with a revision of this moment."""
    return tuple(
        need.model_copy(
            update={
                # The time is part of the id: a workflow task that runs again may publish something else, and that must
                # replace the earlier need instead of being dropped as a duplicate.
                "revision": need.revision.model_copy(
                    update={"event_id": f"{state.revised.id}#{number}/{now.isoformat()}", "effective_at": now}
                )
            }
        )
        for number, need in enumerate(needs)
    )


def change_report(state: ChangeState) -> dict[str, JsonValue]:
    """The disposition of every quantity of the outgoing components, for the final audit event."""
    assert state.policy is not None
    return {
        "why": state.why,
        "dispositions": [one.model_dump(mode="json") for one in state.dispositions],
        "instructions": [one.model_dump(mode="json") for one in state.instructions],
        "cost": str(state.cost),
        "currency": state.policy.approval.currency,
        "changed_requirements": list(state.changed_requirements),
        "new_requirements": list(state.new_requirements),
        "left_to_the_plan": list(state.left_to_the_plan),
        "reasons": [reason.model_dump(mode="json") for reason in state.reasons],
        "policy_version": state.policy.version,
        "rule": "R13",
    }


def change_snapshot(state: ChangeState) -> ChangeSnapshot:
    """The current state, for the ledger's reads."""
    return ChangeSnapshot(
        id=state.revised.id,
        revised=state.revised,
        stage=state.stage,
        dispositions=state.dispositions,
        changed_requirements=state.changed_requirements,
        new_requirements=state.new_requirements,
        left_to_the_plan=state.left_to_the_plan,
        reason=state.why,
        proposal=state.proposal,
        affected=state.affected,
        instructions=state.instructions,
        cost=state.cost,
        currency=state.policy.approval.currency if state.policy else "",
        check=state.check,
        decision=state.decision,
        superseded_by=state.superseded_by,
        exception_id=state.question.id if state.question else None,
        policy_version=state.policy.version if state.policy else "",
        correlation_id=state.correlation_id,
        closed=state.ended,
    )


def change_details(state: ChangeState) -> str:
    """The current state in an operator's words, for Temporal's UI."""
    lines = [f"**{state.stage.replace('_', ' ').capitalize()}** — {state.why}"]
    lines += [
        f"- {one.component} {one.reference or 'stock'}: {one.quantity} {one.unit} {one.fate}"
        + (f", proposed: {one.proposed}" if one.options else "")
        for one in state.dispositions
    ]
    lines += [
        f"- **{one.owner}**: {one.action} {one.quantity} {one.unit} {one.component} {one.reference or 'of the stock'}"
        for one in state.instructions
    ]
    return "\n\n".join(lines)

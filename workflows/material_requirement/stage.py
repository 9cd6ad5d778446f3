"""Where a requirement stands, and why it is still open, in a planner's words."""

from canonical.cover import CoverHeld
from canonical.exception import ExceptionKind
from canonical.records import RequirementStage
from workflows.material_requirement.state import RequirementState


def standing(state: RequirementState) -> tuple[RequirementStage, str]:
    """The stage and the reason."""
    live = state.live
    if state.withdrawn:
        if live:
            return RequirementStage.COVERED, "withdrawn by the plan; waits until its orders have let go of it"
        return RequirementStage.WITHDRAWN, "withdrawn by the plan; its cover is released"
    if state.exception is not None:
        if state.exception.kind is ExceptionKind.MASTER_DATA:
            return RequirementStage.BLOCKED, "master data is incomplete; a person has to mend it"
        return RequirementStage.SHORT, "the cover can't meet the pegged date; a buyer has to decide"
    if state.all_there:
        return RequirementStage.FULFILLED, _received(state)
    if state.from_stock and not state.live:
        return RequirementStage.COVERED, "met from free stock; waits until the plan nets it"
    if state.accepted is not None:
        return RequirementStage.COVERED, "covered with a shortage that a buyer accepted; waits for the receipt"
    if any(cover.pending for cover in state.covers):
        return RequirementStage.COVERED, "waits for the supplier's answer to a change"
    return RequirementStage.COVERED, "covered; waits for the receipt"


def _received(state: RequirementState) -> str:
    missing = state.acted_on.quantity - state.received
    if missing > 0:
        return f"received, but for {missing} {state.acted_on.unit} that a buyer wrote off"
    return "all received"


def describe_cover(cover: CoverHeld) -> str:
    """One cover in a line."""
    if not cover.supply:
        return f"{cover.order_id}: nothing any more"
    parts = ", ".join(f"{part.quantity} {part.state} for {part.date or 'no date'}" for part in cover.supply)
    return f"{cover.order_id}: {parts}"

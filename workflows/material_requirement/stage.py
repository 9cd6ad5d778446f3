"""Where a requirement stands, and why it is still open, in a planner's words."""

from canonical.exception import ExceptionKind
from canonical.records import RequirementStage
from canonical.supply import OrderCoverage
from workflows.material_requirement.state import RequirementState


def stage_and_reason(state: RequirementState) -> tuple[RequirementStage, str]:
    """The stage and the reason."""
    live = state.live
    if state.withdrawn:
        if live:
            return RequirementStage.COVERED, "withdrawn by the plan; waits until its orders have let go of it"
        return RequirementStage.WITHDRAWN, "withdrawn by the plan; its coverage is released"
    if state.exception is not None:
        if state.exception.kind is ExceptionKind.MASTER_DATA:
            return RequirementStage.BLOCKED, "master data is incomplete; a person has to fix it"
        return RequirementStage.SHORT, "the coverage can't meet the pegged date; a buyer has to decide"
    if state.all_there:
        return RequirementStage.FULFILLED, _received(state)
    if state.from_stock and not state.live:
        return RequirementStage.COVERED, "met from available stock; waits until the plan nets it"
    if state.accepted is not None:
        return RequirementStage.COVERED, "covered with a shortage that a buyer accepted; waits for the receipt"
    if any(coverage.pending for coverage in state.coverages):
        return RequirementStage.COVERED, "waits for the supplier's answer to a change"
    return RequirementStage.COVERED, "covered; waits for the receipt"


def _received(state: RequirementState) -> str:
    missing = state.acted_on.quantity - state.received
    if missing > 0:
        return f"received, but for {missing} {state.acted_on.unit} that a buyer wrote off"
    return "all received"


def describe_coverage(coverage: OrderCoverage) -> str:
    """One cover in a line."""
    if not coverage.supply:
        return f"{coverage.order_id}: nothing any more"
    parts = ", ".join(f"{part.quantity} {part.state} for {part.date or 'no date'}" for part in coverage.supply)
    return f"{coverage.order_id}: {parts}"

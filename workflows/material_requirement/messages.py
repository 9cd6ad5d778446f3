"""How a requirement takes note of what it is told: older is audited and dropped (R10), the rest changes its memory.

Nothing is done here; what follows from the new picture is decided by the workflow's loop.
"""

from pydantic import JsonValue

from canonical.cover import CoverageChanged
from canonical.exception import ExceptionDecided
from canonical.messages import BomChanged, RequirementOpened, RequirementWithdrawn, StockAllotted
from decisions.ordering import is_newer
from workflows.material_requirement.need import Note
from workflows.material_requirement.state import RequirementState
from workflows.memory import RunInput

RequirementMessage = (
    RequirementOpened | RequirementWithdrawn | CoverageChanged | ExceptionDecided | BomChanged | StockAllotted
)
RequirementInput = RunInput[RequirementOpened, RequirementState, RequirementMessage]


def take(state: RequirementState, message: RequirementMessage, note: Note) -> None:
    """Take note of one message."""
    match message:
        case RequirementOpened():
            _take_plan(state, message, note)
        case RequirementWithdrawn():
            _take_withdrawal(state, message, note)
        case CoverageChanged():
            _take_coverage(state, message, note)
        case ExceptionDecided():
            _take_decision(state, message, note)
        case BomChanged():
            _take_bom_change(state, message, note)
        case StockAllotted():
            _take_stock(state, message, note)


def _take_plan(state: RequirementState, opened: RequirementOpened, note: Note) -> None:
    need = opened.need
    if not is_newer(need.revision, state.need.revision):
        note("need.stale", need.revision.effective_at, plan_version=need.revision.plan_version, rule="R10")
        return
    _note_overtaken(state, note)
    before = state.from_stock
    state.need, state.proposed, state.withdrawn, state.approved_by = need, opened, False, None
    if before and not state.from_stock:
        note("stock.overtaken", need.revision.effective_at, quantity=str(before), unit=need.unit, rule="R10")
        state.stock_moved = True


def _take_withdrawal(state: RequirementState, message: RequirementWithdrawn, note: Note) -> None:
    revision = message.withdrawal.revision
    if not is_newer(revision, state.need.revision):
        note("need.stale", revision.effective_at, plan_version=revision.plan_version, rule="R10")
        return
    _note_overtaken(state, note)
    state.withdrawn, state.proposed, state.approved_by = True, None, None
    state.covered_revision = None
    state.need = state.need.model_copy(update={"revision": revision})
    note("need.withdrawn", revision.effective_at, plan_version=revision.plan_version)


def _note_overtaken(state: RequirementState, note: Note) -> None:
    """A plan that a newer one overtakes before it is judged decides nothing, and is on record all the same."""
    if state.proposed is not None:
        revision = state.proposed.need.revision
        note("need.overtaken", revision.effective_at, plan_version=revision.plan_version, rule="R10")


def _take_coverage(state: RequirementState, changed: CoverageChanged, note: Note) -> None:
    held = state.held(changed.order_id)
    if held is None:
        note("cover.unknown", order_id=changed.order_id)
        return
    if held.stated is not None and changed.rank <= held.stated.rank:
        note("cover.stale", order_id=changed.order_id, sequence=changed.sequence, rule="R10")
        return
    state.replace_cover(changed.order_id, stated=changed)
    state.unjudged = True
    note(
        "cover.stated",
        changed.as_of,
        order_id=changed.order_id,
        order_number=changed.order_number,
        slices=[part.model_dump(mode="json") for part in changed.slices],
        refused=changed.refused,
        closed=changed.closed,
    )


def _take_decision(state: RequirementState, decided: ExceptionDecided, note: Note) -> None:
    decision = decided.decision
    if state.exception is None or state.exception.id != decided.exception_id:
        note("decision.overtaken", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice)
        return
    if state.exception.digest != decided.digest:
        # What was decided on is not what is so now: the question is put anew.
        state.exception = None
        note(
            "decision.void", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice, rule="R15"
        )
        return
    state.decided_about = state.exception.about
    state.exception = None
    state.decision = decision
    note(
        "exception.decided",
        decision.decided_at,
        exception_id=decided.exception_id,
        choice=decision.choice,
        decided_by=decision.decided_by,
        comment=decision.comment,
    )


def _take_bom_change(state: RequirementState, changed: BomChanged, note: Note) -> None:
    """R13: approved, so that it is not damped.

    What the plan stated stays noted as it is: said again it changes nothing, and a plan that says something else holds.
    """
    told: dict[str, JsonValue] = {"change_id": changed.change_id, "quantity": str(changed.quantity), "rule": "R13"}
    if state.withdrawn:
        return
    if state.need.revision.rank != changed.decided_on.rank:
        note("bom.overtaken", changed.as_of, **told)
        return
    reduced = state.need.model_copy(update={"pegging": changed.pegs})
    if changed.quantity > 0:
        reduced = reduced.model_copy(update={"quantity": changed.quantity})
        if reduced == state.acted_on:
            return
        state.acted_on, state.accepted = reduced, None
    state.withdrawn, state.approved_by = changed.quantity == 0, changed.approved_by
    state.proposed, state.covered_revision = None, None
    note(
        "bom.changed",
        changed.as_of,
        effective_from=changed.effective_from.isoformat(),
        decided_by=changed.decided_by,
        unit=state.need.unit,
        **told,
    )


def _take_stock(state: RequirementState, allotted: StockAllotted, note: Note) -> None:
    """What it gets from stock, whole; damped by who allots it (R4). Of a need that was stated later it says nothing."""
    told: dict[str, JsonValue] = {
        "quantity": str(allotted.quantity),
        "unit": allotted.unit,
        "stated_at": allotted.stated_at.isoformat(),
    }
    if state.stock is not None and allotted.rank <= state.stock.rank:
        note("stock.stale", allotted.as_of, rule="R10", **told)
        return
    before, state.stock = state.from_stock, allotted
    if state.from_stock == before:
        note("stock.without_effect", allotted.as_of, rule="R10", **told)
        return
    state.stock_moved = not state.withdrawn
    state.accepted = None
    note("stock.allotted", allotted.as_of, before=str(before), reason=allotted.reason, rule="R11", **told)


__all__ = ["Note", "RequirementInput", "RequirementMessage", "take"]

"""What an entity carries into its next run: all that it still decides by, and nothing that only grows with time.

Trimmed is where a run continues as new and nowhere else, so that a history is decided as it was. What is left out is in
the ledger's audit events. Not here: that nothing is unwritten by then (Entity.come_to_rest).
"""

from collections.abc import Iterable

from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState
from workflows.material_requirement.state import RequirementState
from workflows.purchase_order.state import OrderState

COVERAGES_KEPT = 10
"""Orders that a requirement remembers one by one, beside those that may still bring something."""
ANSWERS_KEPT = 100
"""The newest answers that an order knows again. An older one that comes once more is stale by its rank on each line."""
NUMBERS_KEPT = 1_000
"""Receipts and despatches that an order knows again: the relay repeats what it delivered moments ago, and what a sender
repeats under the same id the inbox knows for good."""
VERSIONS_KEPT = 20
"""Versions of the plant's policy; of a line that was wanted under an older one, the order asks anew (policy_of)."""


def carried_requirement(state: RequirementState) -> RequirementState:
    """The requirement's memory; of orders long closed, what they have brought."""
    past = [coverage for coverage in state.coverages[:-COVERAGES_KEPT] if _is_past(state, coverage)]
    forgotten = {coverage.order_id for coverage in past}
    brought = (part for coverage in past for part in coverage.supply if part.state is ScheduleLineState.RECEIVED)
    return state.model_copy(
        update={
            "coverages": [coverage for coverage in state.coverages if coverage.order_id not in forgotten],
            "kept": _by_day([*state.kept, *brought]) if past else state.kept,
        }
    )


def _is_past(state: RequirementState, coverage: OrderCoverage) -> bool:
    """Nothing is open between the two any more: it has stated that it is closed, and no balance is to be ordered."""
    if coverage.reported is None or not coverage.reported.closed or coverage.pending or coverage.open_quantity > 0:
        return False
    # What is kept is counted in the need's unit as it is; what was brought in another one stays with its factor.
    return not coverage.received or (coverage.request.need_unit or coverage.request.unit) == state.acted_on.unit


def _by_day(schedule_lines: Iterable[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    by_day: dict[object, ScheduleLine] = {}
    for part in schedule_lines:
        known = by_day.get(part.date)
        by_day[part.date] = part.model_copy(update={"quantity": part.quantity + known.quantity}) if known else part
    return tuple(by_day.values())


def carried_order(state: OrderState) -> OrderState:
    """The order's memory; of what it has heard, what it must know again."""
    requests = [
        *state.pending.values(),
        *(allocation.request for line in state.lines for allocation in line.allocations),
    ]
    decides = {
        policy.version for policy in (*(request.policy for request in requests), *state.own_rules.values()) if policy
    }
    older = state.plant_versions[:-VERSIONS_KEPT]
    return state.model_copy(
        update={
            "answers": sorted(state.answers)[-ANSWERS_KEPT:],
            "receipts": state.receipts[-NUMBERS_KEPT:],
            "despatches": state.despatches[-NUMBERS_KEPT:],
            "plant_versions": [
                *(version for version in older if version in decides),
                *state.plant_versions[-VERSIONS_KEPT:],
            ],
            "cut": list(dict.fromkeys(state.cut)),
        }
    )


__all__ = ["carried_order", "carried_requirement"]

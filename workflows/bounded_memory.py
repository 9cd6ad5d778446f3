"""What an entity carries into its next run: all that it still decides by, and nothing that only grows with time.

Trimmed is where a run continues as new and nowhere else, so that a history is decided as it was. What is left out is in
the ledger's facts. Not here: that nothing is unwritten by then (Entity.come_to_rest).
"""

from collections.abc import Iterable

from canonical.cover import CoverHeld, SliceState, SupplySlice
from workflows.material_requirement.state import RequirementState
from workflows.purchase_order.state import OrderState

COVERS_KEPT = 10
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
    past = [cover for cover in state.covers[:-COVERS_KEPT] if _is_past(state, cover)]
    forgotten = {cover.order_id for cover in past}
    brought = (part for cover in past for part in cover.supply if part.state is SliceState.RECEIVED)
    return state.model_copy(
        update={
            "covers": [cover for cover in state.covers if cover.order_id not in forgotten],
            "kept": _by_day([*state.kept, *brought]) if past else state.kept,
        }
    )


def _is_past(state: RequirementState, cover: CoverHeld) -> bool:
    """Nothing is open between the two any more: it has stated that it is closed, and no balance is to be ordered."""
    if cover.stated is None or not cover.stated.closed or cover.pending or cover.balance > 0:
        return False
    # What is kept is counted in the need's unit as it is; what was brought in another one stays with its factor.
    return not cover.received or (cover.want.need_unit or cover.want.unit) == state.acted_on.unit


def _by_day(slices: Iterable[SupplySlice]) -> tuple[SupplySlice, ...]:
    by_day: dict[object, SupplySlice] = {}
    for part in slices:
        known = by_day.get(part.date)
        by_day[part.date] = part.model_copy(update={"quantity": part.quantity + known.quantity}) if known else part
    return tuple(by_day.values())


def carried_order(state: OrderState) -> OrderState:
    """The order's memory; of what it has heard, what it must know again."""
    wants = [*state.pending.values(), *(part.want for line in state.lines for part in line.parts)]
    decides = {policy.version for policy in (*(want.policy for want in wants), *state.own_rules.values()) if policy}
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

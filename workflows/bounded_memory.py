"""What an entity carries into its next run: all that it still decides by, and nothing that only grows with time.

Trimmed is where a run continues as new and nowhere else, so that a history is decided as it was. What is left out is in
the ledger's audit events. Not here: that nothing is unwritten by then (Entity.come_to_rest).
"""

from workflows.purchase_order.state import OrderState

ANSWERS_KEPT = 100
"""The newest answers that an order knows again. An older one that comes once more is stale by its rank on each line."""
NUMBERS_KEPT = 1_000
"""Receipts and despatches that an order knows again: the relay repeats what it delivered moments ago, and what a sender
repeats under the same id the inbox knows for good."""
VERSIONS_KEPT = 20
"""Versions of the plant's policy; of a line that was wanted under an older one, the order asks anew (policy_of)."""


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


__all__ = ["carried_order"]

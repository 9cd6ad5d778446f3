"""Task queues: one for workflows and their local activities, one per counterpart with its own rate; and who goes first.

Of what waits in a queue, plan runs come first, then critical needs, and among equals plants in turn. An entity's
activities inherit its place, so that it holds at the counterparts' queues as well. That plants take turns needs
`matching.enableFairness` on the server; without it the key does nothing.
"""

from collections.abc import Sequence

from temporalio.common import Priority

from canonical.base import Criticality

WORKFLOWS = "pegline"
ERP = "erp"
SUPPLIER = "supplier"
APS = "aps"

_PLAN_RUN = 1
"""Its few steps must not wait behind the thousands of needs that another run has delivered."""
_PRIORITY_KEYS = {Criticality.A: 2, Criticality.B: 3, Criticality.C: 4}
"""Of five; 3 is what has none."""
_FAIRNESS_KEY_BYTES = 64


def counterpart_queue(workflows: str, counterpart: str) -> str:
    """The queue of a counterpart beside a queue of workflows."""
    return f"{workflows}-{counterpart}"


def priority(plant: str, served: Sequence[Criticality]) -> Priority:
    """The place of an entity by the most critical demand it serves; where none is known yet, the usual one."""
    return Priority(priority_key=_PRIORITY_KEYS[min(served, default=Criticality.B)], fairness_key=_fairness_key(plant))


def priority_of_runs(plant: str) -> Priority:
    """The place of a plan run."""
    return Priority(priority_key=_PLAN_RUN, fairness_key=_fairness_key(plant))


def _fairness_key(plant: str) -> str:
    return plant.encode()[:_FAIRNESS_KEY_BYTES].decode(errors="ignore")

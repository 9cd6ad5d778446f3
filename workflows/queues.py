"""Task queues: one for workflows and their local activities, one per system with its own rate; priorities.

Within a queue, plan runs come first, then critical needs, and orders before new requirements of their class: the work
in hand does not wait behind the needs of a large plan. At equal priority, plants take turns. An entity's activities
inherit its priority, so that it applies in the systems' queues as well. Taking turns requires
`matching.enableFairness` on the server; without it the fairness key has no effect.
"""

from collections.abc import Sequence

from temporalio.common import Priority

from canonical.base import Criticality
from canonical.landscape import Systems

WORKFLOWS = "pegline"
ERP = "erp"
SUPPLIER = "supplier"
APS = "aps"

_PLAN_RUN = 1
"""Its few steps must not wait behind the thousands of needs that another run has delivered."""
_OF_ORDERS = {Criticality.A: 2, Criticality.B: 3, Criticality.C: 4}
"""Of five levels; 3 is the default."""
_OF_REQUIREMENTS = {Criticality.A: 2, Criticality.B: 4, Criticality.C: 5}
_FAIRNESS_KEY_BYTES = 64


def counterpart_queue(workflows: str, system: str) -> str:
    """The queue of a system that belongs to a workflow queue."""
    return f"{workflows}-{system}"


def system_of(systems: Systems, counterpart: str) -> str:
    """The system of an order that is a counterpart to it."""
    return {ERP: systems.erp, SUPPLIER: systems.channel, APS: systems.planning}[counterpart]


def priority_of_requirement(plant: str, criticality: Criticality) -> Priority:
    """The priority of a requirement by its demand."""
    return Priority(priority_key=_OF_REQUIREMENTS[criticality], fairness_key=_fairness_key(plant))


def priority_of_order(plant: str, served: Sequence[Criticality]) -> Priority:
    """The priority of an order by the most critical demand it serves; class B's if none is known yet."""
    return Priority(priority_key=_OF_ORDERS[min(served, default=Criticality.B)], fairness_key=_fairness_key(plant))


def priority_of_runs(plant: str) -> Priority:
    """The priority of a plan run."""
    return Priority(priority_key=_PLAN_RUN, fairness_key=_fairness_key(plant))


def _fairness_key(plant: str) -> str:
    return plant.encode()[:_FAIRNESS_KEY_BYTES].decode(errors="ignore")

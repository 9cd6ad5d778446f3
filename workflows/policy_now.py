"""The policy as it is at this moment, for an entity that is about to decide or to climb a rung.

What changed since the entity last asked takes effect from here on; what was decided before stands.
"""

from temporalio import workflow

from activities.desk import DeskActivities
from canonical.calls import PolicyCall
from canonical.policy import PlantPolicy
from workflows.entity import DESK_RETRIES, DESK_TIMEOUT, Entity


async def policy_now(
    entity: Entity, known: PlantPolicy, *, item_class: str = "", item: str = "", supplier: str = ""
) -> PlantPolicy:
    """What holds now for the plant, and for the item and supplier there; the known one where nothing changed.

    One local activity; a change is noted.
    """
    call = PolicyCall(plant=known.plant, item_class=item_class, item=item, supplier=supplier, known=known.version)
    found = await entity.persist(
        lambda: workflow.execute_local_activity_method(
            DeskActivities.policy, call, start_to_close_timeout=DESK_TIMEOUT, retry_policy=DESK_RETRIES
        ),
        "desk.policy",
    )
    if found is None or found.version == known.version:
        return known
    entity.note("policy.changed", version=found.version, before=known.version)
    return found

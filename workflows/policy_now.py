"""The policy as it is at this moment, for an entity that is about to decide or to climb an escalation level.

What changed since the entity last asked takes effect from here on; what was decided before stands.
"""

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import PolicyCall
from canonical.policy import PlantPolicy
from workflows.entity import INTERNAL_RETRIES, INTERNAL_TIMEOUT, Entity


async def policy_now(
    entity: Entity, known: PlantPolicy, *, item_class: str = "", item: str = "", supplier: str = ""
) -> PlantPolicy:
    """What holds now for the plant, and for the item and supplier there; the known one where nothing changed.

    One local activity; a change is noted.
    """
    call = PolicyCall(plant=known.plant, item_class=item_class, item=item, supplier=supplier, known=known.version)
    found = await entity.persist(
        lambda: workflow.execute_local_activity_method(
            InternalActivities.policy, call, start_to_close_timeout=INTERNAL_TIMEOUT, retry_policy=INTERNAL_RETRIES
        ),
        "internal.policy",
    )
    if found is None or found.version == known.version:
        return known
    entity.record("policy.changed", version=found.version, before=known.version)
    return found

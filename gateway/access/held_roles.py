"""The names under which the policy of a plant asks a principal: of its roles there, and of its offices.

Decided here: whose questions are listed for whom. Not here: who may decide one (gateway.access.deciding).
"""

from canonical.policy import PlantPolicy
from gateway.access.principal import CallerRole, Principal


def held_roles(principal: Principal, policy: PlantPolicy | None) -> tuple[str, ...]:
    """The plant's own role names first; each once."""
    own = (
        ((policy.buyer, CallerRole.BUYER), (policy.planner, CallerRole.PLANNER), (policy.manager, CallerRole.MANAGER))
        if policy
        else ()
    )
    names = [name for name, role in own if role in principal.roles]
    return tuple(dict.fromkeys([*names, *sorted(principal.offices)]))


__all__ = ["held_roles"]

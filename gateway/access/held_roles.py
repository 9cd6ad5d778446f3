"""The names under which a plant's policy asks a principal: its roles' names there, and the person's own.

A policy names the roles that decide (`roles.buyer`), and people who stand in for them. Decided here: which of these
names a principal answers to. Not here: which of them may decide a question (R15, decisions.approval).
"""

from canonical.policy import PlantPolicy
from gateway.access.principal import Principal, Role


def held_roles(principal: Principal, policy: PlantPolicy | None) -> tuple[str, ...]:
    """The role names first, then the person's subject, mail address and name; each once."""
    names = [name for role in (Role.BUYER, Role.PLANNER, Role.MANAGER) for name in _names_of(role, principal, policy)]
    return tuple(dict.fromkeys(name for name in (*names, principal.subject, principal.email, principal.name) if name))


def _names_of(role: Role, principal: Principal, policy: PlantPolicy | None) -> tuple[str, ...]:
    if role not in principal.roles:
        return ()
    if policy is None:
        return (role.value,)
    return ({Role.BUYER: policy.buyer, Role.PLANNER: policy.planner, Role.MANAGER: policy.manager}[role], role.value)


__all__ = ["held_roles"]

"""Ownership: which systems may send or change what, by the landscape and the policy of the plant.

Decided here: that a message from a system that does not own its domain is refused (the intake keeps it as a dead
letter), and that no system sends in the name of our own orders. Not here: suppliers' documents, which have channels of
their own.
"""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from adapters.ports import LandscapePort, PolicyPort
from canonical.event_data import OUR_SOURCE
from canonical.landscape import Domain
from canonical.need import Need
from gateway.intake.cloudevents import Event
from gateway.intake.events import EVENT_TYPES, Message, OwnershipDomain
from gateway.problems import Refusal

_OURS: Mapping[str, Any] = {"demanded_by": None, "demanding_line": None, "transit_days": 0, "from_stock": 0}
"""Fields that only the needs of our own orders fill in, with their empty values."""


def require_owner(
    event: Event, message: Message, plant: str | None, policies: PolicyPort, landscape: LandscapePort | None = None
) -> None:
    """Raises Refusal where the source does not own the message's domain.

    `plant` None: the order is not known yet. The source must then own the domain at least at one plant.
    """
    if event.source == OUR_SOURCE:
        raise _refused("source", event.source, f"{OUR_SOURCE} is the source of what our own orders need")
    if isinstance(message, Need):
        for field, nothing in _OURS.items():
            if (value := getattr(message, field)) != nothing:
                raise _refused(f"data.{field}", str(value), f"only our own orders may send data.{field}")
    domain = EVENT_TYPES[event.type].owner
    judged = [plant] if plant is not None else list(policies.plants)
    if not any(owns(event.source, domain, each, policies, landscape) for each in judged):
        owners = {owner for each in judged for owner in owners_of(domain, each, policies, landscape)}
        where = f"at plant {plant}" if plant is not None else "at any plant"
        known = ", ".join(sorted(owners)) or "nobody"
        raise _refused("source", event.source, f"{event.source} does not own {domain} {where}; {known} does")


def owns(
    source: str, domain: OwnershipDomain, plant: str, policies: PolicyPort, landscape: LandscapePort | None
) -> bool:
    """Whether the source may send in the domain at the plant."""
    return any(fnmatchcase(source, owner) for owner in owners_of(domain, plant, policies, landscape))


def owners_of(
    domain: OwnershipDomain, plant: str, policies: PolicyPort, landscape: LandscapePort | None
) -> Collection[str]:
    """Where the landscape names the owning system, its sources alone; else those that the plant's policy names.

    Consumption for which neither names anybody is reported by who owns the stock.
    """
    of_system = landscape.senders(Domain(domain), plant) if landscape is not None else None
    if of_system is not None:
        return of_system
    policy = policies.effective(plant)
    named: Collection[str] = getattr(policy.ownership, domain) if policy is not None else ()
    return owners_of("stock", plant, policies, landscape) if domain == "consumption" and not named else named


def _refused(field: str, value: str, detail: str) -> Refusal:
    return Refusal(
        403,
        "not_owner",
        detail,
        "have the owning system send it, or have the landscape or the plant's policy name the source, and replay",
        field=field,
        value=value,
    )


__all__ = ["owners_of", "owns", "require_owner"]

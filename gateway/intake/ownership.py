"""Ownership: which systems may send or change what, by the policy of the plant.

Decided here: that a message from a system that does not own its domain is refused (the intake keeps it as a dead
letter), and that no system sends in the name of our own orders. Not here: suppliers' documents, which have channels of
their own.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from adapters.ports import PolicyPort
from canonical.event_data import OUR_SOURCE
from canonical.need import Need
from gateway.intake.cloudevents import Event
from gateway.intake.events import EVENT_TYPES, Message
from gateway.problems import Refusal

_OURS: Mapping[str, Any] = {"demanded_by": None, "demanding_line": None, "transit_days": 0}
"""Fields that only the needs of our own orders fill in, with their empty values."""


def require_owner(event: Event, message: Message, plant: str | None, policies: PolicyPort) -> None:
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
    owners = {
        owner for each in judged if (found := policies.effective(each)) for owner in getattr(found.ownership, domain)
    }
    if not any(fnmatchcase(event.source, owner) for owner in owners):
        where = f"at plant {plant}" if plant is not None else "at any plant"
        known = ", ".join(sorted(owners)) or "nobody"
        raise _refused("source", event.source, f"{event.source} does not own {domain} {where}; {known} does")


def _refused(field: str, value: str, detail: str) -> Refusal:
    return Refusal(
        403,
        "not_owner",
        detail,
        "have the owning system send it, or have the plant's policy name the source (docs/policies.md) and replay",
        field=field,
        value=value,
    )


__all__ = ["require_owner"]

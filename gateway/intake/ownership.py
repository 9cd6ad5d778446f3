"""Ownership: which systems may state or change what, by the policy of the plant.

What is decided here: that a statement of a system that does not own the domain is refused (and kept as a dead
letter by the intake), and that nobody speaks for our own orders. Not here: suppliers' documents, whose channel is set
up for them.
"""

from fnmatch import fnmatchcase
from typing import assert_never

from adapters.ports import PolicyPort
from canonical.bom import BomRevised
from canonical.event_data import OUR_SOURCE
from canonical.need import Need, Withdrawal
from canonical.order import DocumentEdit, GoodsReceipt, OrderAnswer, ShipmentAnnounced
from canonical.stock import StockReport
from gateway.intake.cloudevents import Event
from gateway.problems import Refusal

Statement = Need | Withdrawal | OrderAnswer | ShipmentAnnounced | GoodsReceipt | DocumentEdit | BomRevised | StockReport
_OURS = {"demanded_by": None, "demanding_line": None, "transit_days": 0}
"""What only needs of our own orders say, with the values that say nothing."""


def require_owner(
    event: Event,
    subject: Statement,
    plant: str | None,
    policies: PolicyPort,
) -> None:
    """Refuse what its source does not own; raises Refusal.

    `plant` None: the order is not known yet. The source must then own the domain at one plant at least.
    """
    if event.source == OUR_SOURCE:
        raise _refused("source", event.source, f"{OUR_SOURCE} is the source of what our own orders state")
    if isinstance(subject, Need):
        for field, nothing in _OURS.items():
            if (statement := getattr(subject, field)) != nothing:
                raise _refused(f"data.{field}", str(statement), f"data.{field} is said by our own orders alone")
    domain = domain_of(subject)
    judged = [plant] if plant is not None else list(policies.plants)
    owners = {
        owner for each in judged if (found := policies.effective(each)) for owner in getattr(found.ownership, domain)
    }
    if not any(fnmatchcase(event.source, owner) for owner in owners):
        where = f"at plant {plant}" if plant is not None else "at any plant"
        known = ", ".join(sorted(owners)) or "nobody"
        raise _refused("source", event.source, f"{event.source} does not own {domain} {where}; {known} does")


def domain_of(
    subject: Statement,
) -> str:
    """The field of canonical.policy.Ownership that names its owners."""
    match subject:
        case Need() | Withdrawal():
            return "requirement"
        case OrderAnswer():
            return "supplier_answer"
        case ShipmentAnnounced():
            return "shipment"
        case GoodsReceipt():
            return "goods_receipt"
        case DocumentEdit():
            return "order_document"
        case BomRevised():
            return "bill_of_material"
        case StockReport():
            return "stock"
        case _:
            assert_never(subject)


def _refused(field: str, value: str, detail: str) -> Refusal:
    return Refusal(
        403,
        "not_owner",
        detail,
        "have the owning system state it, or have the plant's policy name the source (docs/policies.md) and replay",
        field=field,
        value=value,
    )

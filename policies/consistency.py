"""Values that are valid by themselves but that no rule could work with.

Decided here: the conditions on a policy as a whole, beyond those on each field. Not here: types and bounds
(canonical.policy), which keys there are (policies.keys).
"""

from collections.abc import Collection, Iterator, Mapping

from canonical.policy import PlantPolicy, RouteKind
from canonical.units import require_known_unit

Inconsistency = tuple[str, object, str]
"""Key, value, and what is allowed."""

COUPLED = (
    frozenset({("escalation", "reminder_at"), ("escalation", "buyer_at"), ("escalation", "manager_at")}),
    frozenset({("overdue", "reminder_days"), ("overdue", "question_days")}),
    frozenset({("lead_time", "minimum_days"), ("lead_time", "maximum_days")}),
    frozenset({("approval", "currency"), ("approval", "rates")}),
)
"""Keys that must fit each other: two rules may be valid alone and invalid together."""


def inconsistencies(policy: PlantPolicy) -> Iterator[Inconsistency]:
    """The inconsistencies within one policy."""
    yield from _approval(policy)
    yield from _routes(policy)
    yield from _substitutes(policy)
    if policy.dampener.quantity < 0:
        yield "dampener.quantity", policy.dampener.quantity, "must be 0 or more"
    steps = policy.escalation
    if not steps.reminder_at <= steps.buyer_at <= steps.manager_at:
        shown = f"{steps.reminder_at}, {steps.buyer_at}, {steps.manager_at}"
        yield "escalation", shown, "reminder_at, buyer_at and manager_at must rise"
    late = policy.overdue
    if late.reminder_days > late.question_days:
        shown = f"{late.reminder_days}, {late.question_days}"
        yield "overdue", shown, "reminder_days must not be above question_days"
    lead = policy.lead_time
    if lead.minimum_days > lead.maximum_days:
        yield "lead_time", f"{lead.minimum_days} to {lead.maximum_days}", "minimum_days must not be above maximum_days"
    for name, role in policy.roles.items():
        for absence in role.absences:
            if absence.last_day < absence.first_day:
                yield f"roles.{name}.absences", str(absence.last_day), f"must not end before {absence.first_day}"
            if not absence.delegate.strip() or absence.delegate == name:
                yield f"roles.{name}.absences", absence.delegate, "must name another role or person as delegate"
    for domain, sources in policy.ownership:
        if not all(source.strip() for source in sources):
            yield f"ownership.{domain}", list(sources), 'must name sources, "*" for any, or none'
    yield from _erp(policy)
    for key in ("planner", "buyer", "manager"):
        if not getattr(policy, key).strip():
            yield key, getattr(policy, key), "must name a role"
    for domain, owner in policy.owners:
        if not owner.strip():
            yield f"owners.{domain}", owner, "must name a role"


def _approval(policy: PlantPolicy) -> Iterator[Inconsistency]:
    approval = policy.approval
    own = [each.rate for each in approval.rates.get(approval.currency, ())]
    if not own or any(rate != 1 for rate in own):
        rate = next((rate for rate in own if rate != 1), None)
        yield f"approval.rates.{approval.currency}", rate, "must be 1, since it is the company currency"
    for currency, rates in approval.rates.items():
        if not rates:
            yield f"approval.rates.{currency}", "none", "must have a rate; take the currency out where there is none"
        for each in rates:
            if each.rate <= 0:
                yield f"approval.rates.{currency}", each.rate, "must be above 0"
        if len({each.since for each in rates}) < len(rates):
            yield f"approval.rates.{currency}", "two since one day", "must have one rate since each day"
    for criticality, limit in approval.free_up_to.items():
        if limit < 0:
            yield f"approval.free_up_to.{criticality}", limit, "must be 0 or more"


def _routes(policy: PlantPolicy) -> Iterator[Inconsistency]:
    if not policy.routes:
        yield "routes", [], "must name at least one of direct, transfer, subcontract"
    seen: set[tuple[RouteKind, str | None]] = set()
    for place, route in enumerate(policy.routes):
        key = f"routes.{place}.supplying_plant"
        if route.kind is RouteKind.TRANSFER and route.supplying_plant in (None, policy.plant):
            yield key, route.supplying_plant, "must name another plant that the item is moved from"
        if route.kind is not RouteKind.TRANSFER and route.supplying_plant is not None:
            yield key, route.supplying_plant, "is of a transfer; take it out"
        if (route.kind, route.supplying_plant) in seen:
            yield f"routes.{place}.kind", route.kind.value, "is listed twice; the first one applies"
        seen.add((route.kind, route.supplying_plant))


def _substitutes(policy: PlantPolicy) -> Iterator[Inconsistency]:
    seen: set[str] = set()
    for place, each in enumerate(policy.substitutes):
        key = f"substitutes.{place}"
        if each.item in seen:
            yield f"{key}.item", each.item, "is listed twice; the first one applies"
        seen.add(each.item)
        if each.effective_from and each.effective_to and each.effective_to < each.effective_from:
            yield f"{key}.effective_to", each.effective_to, f"must not be before effective_from, {each.effective_from}"


def _erp(policy: PlantPolicy) -> Iterator[Inconsistency]:
    documents = policy.erp
    for key in ("requisition_type", "order_type", "transfer_type"):
        if not getattr(documents, key):
            yield f"erp.{key}", "", "must name a document type of the ERP"
    for route in RouteKind:
        if route not in documents.item_categories:
            yield "erp.item_categories", sorted(documents.item_categories), f"must have a category for {route.value}"
    for unit, codes in documents.units.items():
        try:
            require_known_unit(unit)
        except ValueError:
            yield f"erp.units.{unit}", list(codes), "must be a known UN/ECE code"
        if not codes:
            yield f"erp.units.{unit}", [], "must name at least one code of the ERP"
    bearer = documents.account_assignment
    named = [name for name in ("gl_account", "cost_center", "internal_order", "wbs_element") if getattr(bearer, name)]
    if named and not bearer.category:
        yield "erp.account_assignment.category", "", f"must be set, since {named[0]} is"


def joint_inconsistencies(
    policies: Mapping[str, PlantPolicy], plants: Collection[str]
) -> Iterator[tuple[str, Inconsistency]]:
    """The inconsistencies between the plants' policies for one item: (plant, fault); `plants`: all of them."""
    supplying = {
        plant: [route.supplying_plant for route in policy.routes if route.supplying_plant]
        for plant, policy in policies.items()
    }
    for plant, sources in supplying.items():
        for source in sources:
            if source not in plants:
                known = ", ".join(sorted(plants))
                yield plant, ("routes", f"transfer from {source}", f"must come from a plant with a policy: {known}")
            elif _reaches(supplying, source, plant):
                shown = f"transfer from {source}"
                yield plant, ("routes", shown, f"must not go in a circle: {source} itself gets it from {plant}")


def _reaches(supplying: Mapping[str, list[str]], start: str, goal: str) -> bool:
    seen, ahead = set[str](), [start]
    while ahead:
        plant = ahead.pop()
        if plant == goal:
            return True
        if plant not in seen:
            seen.add(plant)
            ahead += supplying.get(plant, [])
    return False

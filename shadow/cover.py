"""Covers decided again: source, route, lots and dates (R3, R14, R5, R6) from what `cover.decided` recorded.

So is what master data kept from being ordered (`cover.refused`): another policy may have ordered it. What is decided
here: which recorded figures the decision is made from. Not here: the decision itself (decisions.assess).
"""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal

from canonical.base import Noun
from canonical.facts import Fact
from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import Reason, figure
from canonical.routing import assessment, supplying_plants
from canonical.sourcing import Assessment, ItemAtPlant, Source
from decisions.assess import CoverDecision, NotOrderable, decide_cover
from decisions.calendars import working_days_between
from decisions.schedule import earliest_dock
from shadow.verdict import Aspect, Decided, NotComparable, Policies, Verdict, plain

DECIDED, REFUSED = "cover.decided", "cover.refused"
KINDS = (DECIDED, REFUSED)

_LATE: Aspect = ("R6", "working days late")
_EXPEDITED: Aspect = ("R6", "expedited")


class CoverOutcome(Noun):
    """What was asked of whom."""

    supplier: str
    route: RouteKind = RouteKind.DIRECT
    lots: tuple[Decimal, ...]
    dock_date: dt.date
    send_by: dt.date
    expedite: bool


class CoverAsked(Noun):
    """What either fact was decided from."""

    need: Need
    item: ItemAtPlant
    """As master data kept it, with the sources that the policy left out."""
    kept_at: dict[str, bool] = {}
    """Whether the supplying plants that the policy named kept the item."""
    allocated: dict[str, Decimal] | None = None
    """R14: None where no quotas applied, so that nobody looked."""
    today: dt.date
    quantity: Decimal | None = None
    exclude: tuple[str, ...] = ()
    holding: tuple[str, ...] = ()
    policy_version: str


class CoverDecided(CoverAsked):
    """The data of `cover.decided`."""

    outcome: CoverOutcome
    reasons: tuple[Reason, ...] = ()


class CoverRefused(CoverAsked):
    """The data of `cover.refused`."""

    defects: tuple[str, ...]
    """The fields of master data."""
    why: str


def read(fact: Fact) -> list[Decided]:
    """The decision of a fact; ValidationError where it lacks what the decision is made from."""
    data = (CoverDecided if fact.kind == DECIDED else CoverRefused).model_validate(fact.data)
    return [
        Decided(
            plant=data.need.plant,
            item=data.need.item,
            recorded=lambda policies: _recorded(data, policies),
            again=lambda policies: _again(data, policies),
        )
    ]


def _recorded(data: CoverAsked, policies: Policies) -> Verdict:
    match data:
        case CoverDecided():
            late = _days_late_by(data.outcome, _assessed(data, policies), data.today)
            quota = any(reason.rule == "R14" for reason in data.reasons)
            why = "; ".join(reason.why for reason in data.reasons)
            return _verdict(data.outcome, quota=quota, late=late, why=why, version=data.policy_version)
        case CoverRefused():
            return _refused(data.defects, data.why, data.policy_version)
        case _:
            raise AssertionError(data)


def _assessed(data: CoverAsked, policies: Policies) -> Assessment | None:
    """What the requirement would have known under these policies; None: its plant has none."""
    need, item = data.need, data.item
    policy = policies.effective(need.plant, item_class=item.item_class, item=item.item)
    if policy is None:
        return None
    kept_at = [plant for plant, keeps in data.kept_at.items() if keeps]
    allocated = policies.given(need.plant, need.item) if data.allocated is None else data.allocated
    return assessment(item, policy, policies.effective, kept_at, allocated)


def _again(data: CoverAsked, policies: Policies) -> Verdict | NotComparable:
    need, assessed = data.need, _assessed(data, policies)
    if assessed is None:
        return NotComparable(f"plant {need.plant} has no policy")
    caveat = _caveat(data, assessed.policy)
    decided = decide_cover(
        need, assessed, data.today, quantity=data.quantity, exclude=data.exclude, holding=data.holding
    )
    match decided:
        case NotOrderable():
            fields = [defect.field for defect in decided.defects]
            return _refused(fields, decided.why, decided.policy.version)._replace(caveat=caveat)
        case CoverDecision():
            choice = decided.choice
            if assessed.policy.quotas:
                policies.give(need.plant, need.item, choice.source.supplier, choice.quantity)
            outcome = outcome_of(decided)
            late = _days_late(outcome, choice.source, decided.policy, data.today)
            why = "; ".join(reason.why for reason in decided.reasons())
            quota = choice.quota is not None
            verdict = _verdict(outcome, quota=quota, late=late, why=why, version=decided.policy.version)
            return verdict._replace(caveat=caveat)


def _caveat(data: CoverAsked, policy: PlantPolicy) -> str:
    """Supplying plants that nobody asked then: whether they kept the item is not on record."""
    missing = [plant for plant in supplying_plants(policy) if plant not in data.kept_at]
    if not missing:
        return ""
    return f"without a transfer from {', '.join(missing)}: whether it kept the item is not on record"


def outcome_of(decided: CoverDecision) -> CoverOutcome:
    """The decision as the fact records it."""
    return CoverOutcome(
        supplier=decided.source.supplier,
        route=decided.route,
        lots=decided.lots.lots,
        dock_date=decided.schedule.dock_date,
        send_by=decided.schedule.send_by,
        expedite=decided.schedule.expedite,
    )


def _days_late_by(outcome: CoverOutcome, assessed: Assessment | None, today: dt.date) -> int:
    """The same by the calendars of an assessment; 0 where it does not have the source."""
    sources = assessed.item.sources if assessed is not None and assessed.item is not None else ()
    asked = (outcome.supplier, outcome.route)
    source = next((source for source in sources if (source.supplier, source.route) == asked), None)
    if source is None or assessed is None:
        return 0
    return _days_late(outcome, source, assessed.policy_for(source.supplier), today)


def _days_late(outcome: CoverOutcome, source: Source, policy: PlantPolicy, today: dt.date) -> int:
    """Plant working days by which the goods come after their dock date at the normal lead time."""
    if not outcome.expedite:
        return 0
    earliest = earliest_dock(policy.calendar, source, policy.processing_days, today)
    return max(0, working_days_between(policy.calendar, outcome.dock_date, earliest))


def _verdict(outcome: CoverOutcome, *, quota: bool, late: int, why: str, version: str) -> Verdict:
    says: dict[Aspect, str] = {
        ("R3", "cover"): "ordered",
        ("R14" if quota else "R3", "supplier"): outcome.supplier,
        ("R3", "route"): outcome.route,
        ("R5", "lots"): " + ".join(figure(lot) for lot in outcome.lots),
        ("R6", "dock date"): plain(outcome.dock_date),
        ("R6", "send by"): plain(outcome.send_by),
        ("R6", "expedite"): plain(outcome.expedite),
    }
    return Verdict(says, why, {_LATE: late, _EXPEDITED: int(outcome.expedite)}, version)


def _refused(fields: Collection[str], why: str, version: str) -> Verdict:
    says: dict[Aspect, str] = {("R3", "cover"): f"none: {', '.join(dict.fromkeys(fields))}"}
    return Verdict(says, why, {("R3", "master data exceptions"): 1}, version)

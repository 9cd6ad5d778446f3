"""Sourcing decided again: source, route, lots and dates (R3, R14, R5, R6) from the inputs that `sourcing.decided`
recorded.

Needs that master data kept from being ordered (`sourcing.refused`) are included: another policy may have ordered them.
Decided here: which recorded figures the decision is made from. Not here: the decision itself (decisions.assess).
"""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal

from backtest.decision import Aspect, DecisionOutcome, NotComparable, Policies, RecordedDecision, plain
from canonical.audit_event import AuditEvent
from canonical.base import Model
from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import Reason, figure
from canonical.routing import assessment, supplying_plants
from canonical.sourcing import Assessment, ItemAtPlant, Source
from decisions.assess import NotOrderable, SourcingDecision, decide_sourcing
from decisions.calendars import working_days_between
from decisions.schedule import earliest_dock

DECIDED, REFUSED = "sourcing.decided", "sourcing.refused"
KINDS = (DECIDED, REFUSED)

_LATE: Aspect = ("R6", "working days late")
_EXPEDITED: Aspect = ("R6", "expedited")


class SourcingOutcome(Model):
    """The supplier, route, lots and dates of a decision."""

    supplier: str
    route: RouteKind = RouteKind.DIRECT
    lots: tuple[Decimal, ...]
    dock_date: dt.date
    send_by: dt.date
    expedite: bool


class SourcingInputs(Model):
    """The inputs that both audit events share."""

    need: Need
    item: ItemAtPlant
    """As in master data, with the sources that the policy left out."""
    kept_at: dict[str, bool] = {}
    """Whether the supplying plants that the policy named kept the item."""
    allocated: dict[str, Decimal] | None = None
    """R14: None where no quotas applied, so that it was not read."""
    today: dt.date
    quantity: Decimal | None = None
    exclude: tuple[str, ...] = ()
    holding: tuple[str, ...] = ()
    agreed: bool = False
    """An order existed and was changed, at the price of its own date."""
    policy_version: str


class SourcingDecided(SourcingInputs):
    """The data of `sourcing.decided`."""

    outcome: SourcingOutcome
    reasons: tuple[Reason, ...] = ()


class SourcingRefused(SourcingInputs):
    """The data of `sourcing.refused`."""

    defects: tuple[str, ...]
    """The defective fields of master data."""
    why: str


def read(audit_event: AuditEvent) -> list[RecordedDecision]:
    """The decision of an audit event; ValidationError where an input of the decision is missing."""
    data = (SourcingDecided if audit_event.kind == DECIDED else SourcingRefused).model_validate(audit_event.data)
    return [
        RecordedDecision(
            plant=data.need.plant,
            item=data.need.item,
            recorded=lambda policies: _recorded(data, policies),
            again=lambda policies: _again(data, policies),
        )
    ]


def _recorded(data: SourcingInputs, policies: Policies) -> DecisionOutcome:
    match data:
        case SourcingDecided():
            late = _days_late_by(data.outcome, _assessed(data, policies), data.today)
            quota = any(reason.rule == "R14" for reason in data.reasons)
            why = "; ".join(reason.why for reason in data.reasons)
            return _outcome(data.outcome, quota=quota, late=late, why=why, version=data.policy_version)
        case SourcingRefused():
            return _refused(data.defects, data.why, data.policy_version)
        case _:
            raise AssertionError(data)


def _assessed(data: SourcingInputs, policies: Policies) -> Assessment | None:
    """The requirement's assessment under these policies; None: its plant has none."""
    need, item = data.need, data.item
    policy = policies.effective(need.plant, item_class=item.item_class, item=item.item)
    if policy is None:
        return None
    kept_at = [plant for plant, keeps in data.kept_at.items() if keeps]
    allocated = policies.given(need.plant, need.item) if data.allocated is None else data.allocated
    return assessment(item, policy, policies.effective, kept_at, allocated)


def _again(data: SourcingInputs, policies: Policies) -> DecisionOutcome | NotComparable:
    need, assessed = data.need, _assessed(data, policies)
    if assessed is None:
        return NotComparable(f"plant {need.plant} has no policy")
    caveat = _caveat(data, assessed.policy)
    decided = decide_sourcing(
        need,
        assessed,
        data.today,
        quantity=data.quantity,
        exclude=data.exclude,
        holding=data.holding,
        agreed=data.agreed,
    )
    match decided:
        case NotOrderable():
            fields = [defect.field for defect in decided.defects]
            return _refused(fields, decided.why, decided.policy.version)._replace(caveat=caveat)
        case SourcingDecision():
            choice = decided.choice
            if assessed.policy.quotas:
                policies.give(need.plant, need.item, choice.source.supplier, choice.quantity)
            outcome = outcome_of(decided)
            late = _days_late(outcome, choice.source, decided.policy, data.today)
            why = "; ".join(reason.why for reason in decided.reasons())
            quota = choice.quota is not None
            judged = _outcome(outcome, quota=quota, late=late, why=why, version=decided.policy.version)
            return judged._replace(caveat=caveat)


def _caveat(data: SourcingInputs, policy: PlantPolicy) -> str:
    """Supplying plants that were not asked then: whether they kept the item is not recorded."""
    missing = [plant for plant in supplying_plants(policy) if plant not in data.kept_at]
    if not missing:
        return ""
    return f"without a transfer from {', '.join(missing)}: whether it kept the item is not on record"


def outcome_of(decided: SourcingDecision) -> SourcingOutcome:
    """The decision as the audit event records it."""
    return SourcingOutcome(
        supplier=decided.source.supplier,
        route=decided.route,
        lots=decided.lots.lots,
        dock_date=decided.schedule.dock_date,
        send_by=decided.schedule.send_by,
        expedite=decided.schedule.expedite,
    )


def _days_late_by(outcome: SourcingOutcome, assessed: Assessment | None, today: dt.date) -> int:
    """The same by the calendars of an assessment; 0 where it does not have the source."""
    sources = assessed.item.sources if assessed is not None and assessed.item is not None else ()
    asked = (outcome.supplier, outcome.route)
    source = next((source for source in sources if (source.supplier, source.route) == asked), None)
    if source is None or assessed is None:
        return 0
    return _days_late(outcome, source, assessed.policy_for(source.supplier), today)


def _days_late(outcome: SourcingOutcome, source: Source, policy: PlantPolicy, today: dt.date) -> int:
    """Plant working days by which the goods come after their dock date at the normal lead time."""
    if not outcome.expedite:
        return 0
    earliest = earliest_dock(policy.calendar, source, policy.processing_days, today)
    return max(0, working_days_between(policy.calendar, outcome.dock_date, earliest))


def _outcome(outcome: SourcingOutcome, *, quota: bool, late: int, why: str, version: str) -> DecisionOutcome:
    aspects: dict[Aspect, str] = {
        ("R3", "coverage"): "ordered",
        ("R14" if quota else "R3", "supplier"): outcome.supplier,
        ("R3", "route"): outcome.route,
        ("R5", "lots"): " + ".join(figure(lot) for lot in outcome.lots),
        ("R6", "dock date"): plain(outcome.dock_date),
        ("R6", "send by"): plain(outcome.send_by),
        ("R6", "expedite"): plain(outcome.expedite),
    }
    return DecisionOutcome(aspects, why, {_LATE: late, _EXPEDITED: int(outcome.expedite)}, version)


def _refused(fields: Collection[str], why: str, version: str) -> DecisionOutcome:
    aspects: dict[Aspect, str] = {("R3", "coverage"): f"none: {', '.join(dict.fromkeys(fields))}"}
    return DecisionOutcome(aspects, why, {("R3", "master data exceptions"): 1}, version)

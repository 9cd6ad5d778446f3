"""Sourcing: from whom a need is ordered.

Decided here: which sources may be taken (the plant's routes, the plan's sourcing rule) and which of the sound ones is
chosen: by quota (R14), else by preference, and by whether it can keep the date (R6). Not here: what is wrong with a
source (master_data), the ratings of quotas (quota) and what a shortage needs (shortage).
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import Reason, figure
from canonical.sourcing import Assessment, ItemAtPlant, MasterDataDefect, Source
from canonical.units import PerUnit
from decisions.lots import LotSizing, size_lots
from decisions.master_data import is_sound, item_defects, no_source, source_defects, unknown_sourcing_rule
from decisions.quota import QuotaOutcome, choose_by_quota
from decisions.schedule import BackwardSchedule, backward_schedule, earliest_dock
from decisions.units import conversion, to_order_unit


class SourceChoice(NamedTuple):
    """A source with the dates and lots for the need."""

    source: Source
    schedule: BackwardSchedule
    lots: LotSizing
    needed: Decimal
    """The part of the lots that the need takes, in the order unit."""
    quantity: Decimal
    """The same in the need's unit."""
    per_order_unit: PerUnit
    """(numerator, denominator): so many need units are one order unit."""
    item: ItemAtPlant
    need: Need
    quota: QuotaOutcome | None = None
    """Where quotas decided the order of the sources."""
    instead_of: "SourceChoice | None" = None
    """The source whose turn it was, which can't keep the date."""

    @property
    def rule(self) -> str:
        """R6 where the date moved the choice to another source, R14 where quotas decided, else `preference`."""
        if self.instead_of is not None:
            return self.schedule.rule
        return self.quota.rule if self.quota is not None else "preference"

    @property
    def why(self) -> str:
        """Why this source was chosen, in one line."""
        supplier = self.source.supplier
        if self.instead_of is not None:
            late = self.instead_of
            passed = f"{late.source.supplier} can't be at the dock before {late.schedule.earliest_dock}"
            why = f"{supplier} makes {self.schedule.dock_date}; {passed}"
            return why if self.quota is None else f"{why}; {self.quota.why}"
        if self.quota is not None:
            return self.quota.why
        if self.need.sourcing_rule:
            return f"the plan asks for {self.need.sourcing_rule}: {supplier}"
        preference = self.source.preference
        before = sorted(other.supplier for other in self.item.sources if other.preference < preference)
        return f"{supplier} comes after {', '.join(before)}" if before else f"{supplier} is the first source"

    def reason(self, policy_version: str) -> Reason:
        """The choice for trace and audit (R3: no document yet, create; at whom)."""
        return Reason(
            rule="R3" if self.rule == "preference" else self.rule,
            why=self.why,
            inputs={
                "supplier": self.source.supplier,
                "route": self.source.route,
                "sources": [source.supplier for source in self.item.sources],
                "sourcing_rule": self.need.sourcing_rule,
                "quantity": f"{figure(self.quantity)} {self.need.unit}",
                "needed": f"{figure(self.needed)} {self.source.unit}",
                "per_order_unit": [str(self.per_order_unit[0]), str(self.per_order_unit[1])],
            },
            policy_version=policy_version,
        )


# -- master data


def defects_of(need: Need, assessment: Assessment, holding: Collection[str] = ()) -> tuple[MasterDataDefect, ...]:
    """R3: the defects that keep the need from being ordered; empty where at least one source is sound.

    A defect of a source that is not needed is ignored. `holding`: suppliers that already cover part of the need; each
    of them that is still a source must be sound, since a change of the need is sent to it in its unit and lots.
    """
    item = assessment.item
    defects = item_defects(need, assessment)
    if defects or item is None:
        return defects
    sources = permitted_sources(need, assessment)
    if not sources:
        return _nothing_permitted(need, assessment)
    held = [source for source in item.sources if source.supplier in holding]
    found: list[MasterDataDefect] = []
    if not any(is_sound(source, need, assessment.policy_for(source.supplier), item) for source in sources):
        held = [*sources, *(source for source in held if source not in sources)]
    for source in held:
        found += source_defects(source, need, assessment.policy_for(source.supplier), item)
    return tuple(found)


def _nothing_permitted(need: Need, assessment: Assessment) -> tuple[MasterDataDefect, ...]:
    item = assessment.item
    if need.sourcing_rule and item is not None and item.sources:
        return (unknown_sourcing_rule(need, assessment),)
    return no_source(need, assessment)


# -- which sources may be taken


def permitted_sources(need: Need, assessment: Assessment) -> list[Source]:
    """The sources of the plant's routes that the plan's sourcing rule allows: by route, preference and supplier.

    A sourcing rule is `supplier:` and a supplier (or a supplying plant), `route:` and a route, or a bare supplier.
    """
    item = assessment.item
    if item is None:
        return []
    rule = need.sourcing_rule
    ranked = [
        (rank, source.preference, source.supplier, source)
        for source in item.sources
        if (rank := _route_rank(source, assessment.policy)) is not None and (not rule or _named(source, rule))
    ]
    if len(ranked) > 1:
        ranked.sort(key=lambda entry: entry[:3])
    return [entry[3] for entry in ranked]


def _route_rank(source: Source, policy: PlantPolicy) -> int | None:
    """The place of the source's route among the plant's; None: the plant does not use it."""
    for rank, route in enumerate(policy.routes):
        if route.kind is source.route and (
            route.kind is not RouteKind.TRANSFER or route.supplying_plant in (None, source.supplier)
        ):
            return rank
    return None


def _named(source: Source, rule: str) -> bool:
    kind, colon, name = rule.partition(":")
    if colon and kind == "route":
        return source.route == name
    return source.supplier == (name if colon and kind == "supplier" else rule)


def sound_sources(need: Need, assessment: Assessment, exclude: Collection[str] = ()) -> Iterator[Source]:
    """The permitted sources without defects, except those of excluded suppliers.

    Lazy, since mostly the first one is taken.
    """
    item = assessment.item
    if item is None:
        return
    for source in permitted_sources(need, assessment):
        policy = assessment.policy_for(source.supplier)
        if source.supplier not in exclude and is_sound(source, need, policy, item):
            yield source


# -- which one is


def choose(
    need: Need,
    assessment: Assessment,
    today: dt.date,
    exclude: Collection[str] = (),
    quantity: Decimal | None = None,
) -> SourceChoice | None:
    """The source whose turn it is, unless it can't keep the date and another can; None where no sound one is left.

    Whose turn it is: those with a quota by their ratings (R14), then the others by route, preference and the policy's
    tie-break. `quantity`: the quantity to order where it is not the whole need (R2), in the need's unit.
    """
    item = assessment.item
    if item is None:
        return None
    sources: Iterable[Source] = sound_sources(need, assessment, exclude)
    if assessment.policy.tie_break != "preference":
        sources = _break_ties(list(sources), need, assessment, today)
    quota: QuotaOutcome | None = None
    if assessment.policy.quotas:
        sources, quota = _by_quota(list(sources), assessment)
    first: SourceChoice | None = None
    for source in sources:
        choice = plan_with(source, item, need, assessment.policy_for(source.supplier), today, quantity)
        if not choice.schedule.expedite:
            first = choice if first is None else choice._replace(instead_of=first)
            break
        first = first or choice
    return first if first is None or quota is None else first._replace(quota=quota)


def _by_quota(sources: list[Source], assessment: Assessment) -> tuple[list[Source], QuotaOutcome | None]:
    """Sources with a quota first, by rating; None: none has one."""
    outcome = choose_by_quota(
        dict.fromkeys(source.supplier for source in sources), assessment.policy.quotas, assessment.allocated
    )
    if outcome is None:
        return sources, None
    place = {at.supplier: number for number, at in enumerate(outcome.ranking)}
    return sorted(sources, key=lambda source: place.get(source.supplier, len(place))), outcome


def _break_ties(sources: list[Source], need: Need, assessment: Assessment, today: dt.date) -> list[Source]:
    """Sources of one route and preference by price or lead time, as the policy says."""
    policy, item = assessment.policy, assessment.item
    assert item is not None

    def cheaper(source: Source) -> Decimal:
        numerator, denominator = conversion(need.unit, source.unit, item) or (Decimal(1), Decimal(1))
        rate = policy.approval.rates.get(source.currency, Decimal(1))
        return source.price / source.price_unit * rate * denominator / numerator

    def sooner(source: Source) -> dt.date:
        own = assessment.policy_for(source.supplier)
        return earliest_dock(own.calendar, source, own.processing_days, today)

    by = cheaper if policy.tie_break == "price" else sooner
    return sorted(sources, key=lambda source: (_route_rank(source, policy), source.preference, by(source)))


def plan_with(
    source: Source,
    item: ItemAtPlant,
    need: Need,
    policy: PlantPolicy,
    today: dt.date,
    quantity: Decimal | None = None,
) -> SourceChoice:
    """The dates (R6) and lots (R5) of the need, or of a quantity of it in its unit, at this source.

    Raises ValueError where the units do not convert; `defects_of` with `holding` detects that earlier.
    """
    quantity = need.quantity if quantity is None else quantity
    per_order_unit = conversion(need.unit, source.unit, item)
    if per_order_unit is None:
        raise ValueError(f"{source.supplier} sells {need.item} in {source.unit}, the need is in {need.unit}")
    needed = quantity if source.unit == need.unit else to_order_unit(quantity, per_order_unit, source.unit)
    schedule = backward_schedule(
        need.required_date, item.goods_receipt_days, policy.calendar, source, policy.processing_days, today
    )
    lots = size_lots(needed, source.minimum_quantity, source.multiple, source.maximum_quantity)
    return SourceChoice(source, schedule, lots, needed, quantity, per_order_unit, item, need)

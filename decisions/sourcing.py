"""Sourcing: from whom a need is ordered.

Decided here: which sources may be taken (the plant's routes, the plan's sourcing rule) and which of the sound ones is
chosen: by quota (R14), else by preference, equal ones by the policy's tie-break, and by whether it can keep the date
(R6). Not here: what is wrong with a source (master_data), what it costs (cost), the ratings of quotas (quota) and what
a shortage needs (shortage).
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import Reason, figure
from canonical.sourcing import Assessment, ItemAtPlant, MasterDataDefect, Source
from canonical.units import SAME, PerUnit
from decisions.cost import cost_of, rounded
from decisions.lots import LotSizing, size_needs
from decisions.master_data import Asked, first_defect, item_defects, no_source, source_defects, unknown_sourcing_rule
from decisions.quota import QuotaOutcome, choose_by_quota
from decisions.schedule import BackwardSchedule, backward_schedule, earliest_dock
from decisions.units import source_conversion


class TieBreak(NamedTuple):
    """The sources of one preference in the order that policy's tie-break gave them."""

    by: str
    sources: tuple[Source, ...]
    figures: tuple[str, ...]
    """What was compared, source by source."""

    @property
    def why(self) -> str:
        """The comparison, in one line."""
        compared = ", ".join(
            f"{source.supplier} {stated}" for source, stated in zip(self.sources, self.figures, strict=True)
        )
        return f"by {self.by}: {compared}"


class SourceChoice(NamedTuple):
    """A source with the dates and lots for the need."""

    source: Source
    schedule: BackwardSchedule
    lots: LotSizing
    needed: Decimal
    """The part of the lots that the need takes, in the order unit (`units.share_of_order_unit`)."""
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
    tie_break: TieBreak | None = None
    """Where it was chosen among sources of one preference."""
    passed_over: tuple[MasterDataDefect, ...] = ()
    """What is wrong with each source that would have come before it."""

    @property
    def rule(self) -> str:
        """R6 where the date moved the choice to another source, R14 where quotas decided, else `preference`."""
        if self.instead_of is not None:
            return self.schedule.rule
        return self.quota.rule if self.quota is not None else "preference"

    @property
    def why(self) -> str:
        """Why this source was chosen, in one line."""
        passed = "".join(f"; not used: {defect.detail}" for defect in self.passed_over)
        return f"{self._why}{passed}"

    @property
    def _why(self) -> str:
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
        if self.tie_break is not None:
            return f"{supplier} is chosen {self.tie_break.why}"
        preference = self.source.preference
        before = sorted({other.supplier for other in self.item.sources if other.preference < preference} - {supplier})
        return f"{supplier} comes after {', '.join(before)}" if before else f"{supplier} is the first source"

    def reason(self, policy_version: str) -> Reason:
        """The choice for trace and audit (R3: no document yet, create; at whom)."""
        return Reason(
            rule="R3" if self.rule == "preference" else self.rule,
            why=self.why,
            inputs={
                "supplier": self.source.supplier,
                "route": self.source.route,
                "sources": list(dict.fromkeys(source.supplier for source in self.item.sources)),
                "sourcing_rule": self.need.sourcing_rule,
                "quantity": f"{figure(self.quantity)} {self.need.unit}",
                "needed": f"{figure(self.needed)} {self.source.unit}",
                "per_order_unit": [str(self.per_order_unit[0]), str(self.per_order_unit[1])],
            },
            policy_version=policy_version,
        )


# -- master data


def defects_of(
    need: Need,
    assessment: Assessment,
    today: dt.date,
    holding: Collection[str] = (),
    *,
    quantity: Decimal | None = None,
    agreed: bool = False,
) -> tuple[MasterDataDefect, ...]:
    """R3: the defects that keep the need from being ordered; empty where at least one source is sound.

    A defect of a source that is not needed is ignored. `holding`: suppliers that already cover part of the need; each
    of them that is still a source must be sound on some of its terms, since a change of the need is sent to it in its
    unit and lots. `agreed`: an order exists and is changed, at the price of its own date.
    """
    item = assessment.item
    defects = item_defects(need, assessment)
    if defects or item is None:
        return defects
    sources = permitted_sources(need, assessment)
    if not sources:
        return _nothing_permitted(need, assessment)
    asked = Asked(need, item, today, quantity, agreed)

    def sound(source: Source) -> bool:
        return first_defect(source, asked, assessment.policy_for(source.supplier)) is None

    kept = [source for source in item.sources if source.supplier in holding]
    serves = {source.supplier for source in kept if sound(source)}
    held = [source for source in kept if source.supplier not in serves]
    found: list[MasterDataDefect] = []
    if not any(map(sound, sources)):
        held = [*sources, *(source for source in held if source not in sources)]
    for source in held:
        found += source_defects(source, asked, assessment.policy_for(source.supplier))
    return tuple(found)


def _nothing_permitted(need: Need, assessment: Assessment) -> tuple[MasterDataDefect, ...]:
    item = assessment.item
    if need.sourcing_rule and item is not None and item.sources:
        return (unknown_sourcing_rule(need, assessment),)
    return no_source(need, assessment)


# -- which sources may be taken


def permitted_sources(need: Need, assessment: Assessment) -> list[Source]:
    """The sources of the plant's routes that the plan's sourcing rule allows: by route and preference, equal ones as in
    master data.

    A sourcing rule is `supplier:` and a supplier (or a supplying plant), `route:` and a route, or a bare supplier.
    """
    return [source for _, source in _ranked(need, assessment)]


def _ranked(need: Need, assessment: Assessment) -> list[tuple[tuple[int, int], Source]]:
    """The permitted sources, each with its rank."""
    item = assessment.item
    if item is None:
        return []
    rule = need.sourcing_rule
    ranked = [
        ((place, source.preference), source)
        for source in item.sources
        if (place := _route_rank(source, assessment.policy)) is not None and (not rule or _named(source, rule))
    ]
    if len(ranked) > 1:
        ranked.sort(key=lambda entry: entry[0])
    return ranked


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


def sound_sources(
    need: Need, assessment: Assessment, today: dt.date, exclude: Collection[str] = (), *, agreed: bool = False
) -> Iterator[Source]:
    """The permitted sources without defects, by rank, except those of excluded suppliers.

    `agreed`: an order exists and is changed, at the price of its own date. Lazy, since mostly the first one is taken.
    """
    item = assessment.item
    if item is None:
        return
    asked = Asked(need, item, today, agreed=agreed)
    for source in permitted_sources(need, assessment):
        if (
            source.supplier not in exclude
            and first_defect(source, asked, assessment.policy_for(source.supplier)) is None
        ):
            yield source


# -- which one is


def choose(
    need: Need,
    assessment: Assessment,
    today: dt.date,
    exclude: Collection[str] = (),
    quantity: Decimal | None = None,
    *,
    agreed: bool = False,
) -> SourceChoice | None:
    """The source whose turn it is, unless it can't keep the date and another can; None where no sound one is left.

    Whose turn it is: those with a quota by their ratings (R14), then the others by route and preference, and equal ones
    by the policy's tie-break. `quantity`: what to order where it is not the whole need (R2), in the need's unit.
    `agreed`: an order exists and is changed, at the price of its own date.
    """
    item = assessment.item
    if item is None:
        return None
    passed_over: list[MasterDataDefect] = []
    asked = Asked(need, item, today, quantity, agreed)
    in_turn: Iterable[tuple[Source, TieBreak | None]] = _in_turn(asked, assessment, exclude, passed_over)
    quota: QuotaOutcome | None = None
    if assessment.policy.quotas:
        in_turn, quota = _by_quota(list(in_turn), assessment)
    first: SourceChoice | None = None
    for source, tie_break in in_turn:
        choice = plan_with(source, item, need, assessment.policy_for(source.supplier), today, quantity)
        choice = choice._replace(tie_break=tie_break, passed_over=tuple(passed_over))
        if not choice.schedule.expedite:
            first = choice if first is None else choice._replace(instead_of=first)
            break
        first = first or choice
    return first if first is None or quota is None else first._replace(quota=quota)


def _in_turn(
    asked: Asked, assessment: Assessment, exclude: Collection[str], passed_over: list[MasterDataDefect]
) -> Iterator[tuple[Source, TieBreak | None]]:
    """The sound sources by rank, those of one rank by the tie-break; adds the first defect of each that is not sound.

    Lazy, since mostly the first rank is taken.
    """
    by_preference = assessment.policy.tie_break == "preference"
    for _, group in groupby(_ranked(asked.need, assessment), key=lambda entry: entry[0]):
        sound: list[Source] = []
        for _, source in group:
            if source.supplier in exclude:
                continue
            defect = first_defect(source, asked, assessment.policy_for(source.supplier))
            if defect is not None:
                passed_over.append(defect)
            elif by_preference:
                yield source, None
            else:
                sound.append(source)
        if len(sound) > 1:
            tie_break = _break_tie(sound, asked, assessment)
            yield from ((source, tie_break) for source in tie_break.sources)
        else:
            yield from ((source, None) for source in sound)


def _by_quota(
    in_turn: list[tuple[Source, TieBreak | None]], assessment: Assessment
) -> tuple[list[tuple[Source, TieBreak | None]], QuotaOutcome | None]:
    """Sources with a quota first, by rating; None: none has one."""
    outcome = choose_by_quota(
        dict.fromkeys(source.supplier for source, _ in in_turn), assessment.policy.quotas, assessment.allocated
    )
    if outcome is None:
        return in_turn, None
    place = {at.supplier: number for number, at in enumerate(outcome.ranking)}
    return sorted(in_turn, key=lambda entry: place.get(entry[0].supplier, len(place))), outcome


def _break_tie(sources: Sequence[Source], asked: Asked, assessment: Assessment) -> TieBreak:
    """Sources of one rank by what the lots to order cost (R5), or by the first day at the dock (R6), as policy says."""
    if assessment.policy.tie_break == "price":
        return _by_cost(sources, asked, assessment)

    def dock(source: Source) -> dt.date:
        own = assessment.policy_for(source.supplier)
        return earliest_dock(own.calendar, source, own.processing_days, asked.order_date)

    ordered = sorted(((dock(source), place, source) for place, source in enumerate(sources)), key=lambda each: each[:2])
    return TieBreak("lead time", tuple(source for _, _, source in ordered), tuple(f"on {day}" for day, _, _ in ordered))


def _by_cost(sources: Sequence[Source], asked: Asked, assessment: Assessment) -> TieBreak:
    """By the cost of the whole lots in the company's currency; one without a rate comes last, and that is said."""
    known: list[tuple[Fraction, int, Source]] = []
    unknown: list[Source] = []
    for place, source in enumerate(sources):
        lots = lots_of(source, asked.item, asked.need, asked.quantity).lots
        cost = cost_of(lots, source, assessment.policy_for(source.supplier).approval, asked.order_date)
        if cost is None:
            unknown.append(source)
        else:
            known.append((cost, place, source))
    known.sort(key=lambda entry: entry[:2])
    currency = assessment.policy.approval.currency
    return TieBreak(
        "cost",
        (*(source for _, _, source in known), *unknown),
        (
            *(f"{rounded(cost)} {currency}" for cost, _, _ in known),
            *(f"without an exchange rate for {source.currency}" for source in unknown),
        ),
    )


def lots_of(source: Source, item: ItemAtPlant, need: Need, quantity: Decimal | None = None) -> LotSizing:
    """R5: the lots of the need, or of a quantity of it in its unit, at this source.

    Raises ValueError where the units do not convert; `defects_of` with `holding` detects that earlier.
    """
    per_order_unit = source_conversion(need.unit, source, item)
    if per_order_unit is None:
        raise ValueError(f"{source.supplier} sells {need.item} in {source.unit}, the need is in {need.unit}")
    terms = (source.minimum_quantity, source.multiple, source.maximum_quantity)
    asked = need.quantity if quantity is None else quantity
    return size_needs([(asked, per_order_unit)], source.unit, need.unit, *terms)


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
    lots = lots_of(source, item, need, quantity)
    schedule = backward_schedule(
        need.required_date, item.goods_receipt_days, policy.calendar, source, policy.processing_days, today
    )
    per_order_unit = source_conversion(need.unit, source, item) or SAME
    return SourceChoice(source, schedule, lots, lots.needed, quantity, per_order_unit, item, need)

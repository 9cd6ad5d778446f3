"""Shortage: the ways out of a need that its coverage does not meet (R7), with date and cost, for a person to choose.

Decided here: which ways are open, what each costs and in which order they are shown. Not here: whether there is
a shortage (feasibility) and which way is taken (a person).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from canonical.event_data import OUR_SOURCE
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.need import Need
from canonical.policy import PlantPolicy, RouteKind
from canonical.reason import figure
from canonical.sourcing import Assessment, FreeStock, ItemAtPlant, Source
from canonical.supply import ScheduleLine
from canonical.units import SAME
from decisions.approval import route_approval, value_in_company_currency
from decisions.calendars import next_working_day, subtract_working_days, working_days_between
from decisions.cost import cost_of, rounded
from decisions.effectivity import terms_in_force
from decisions.feasibility import Short, available_on
from decisions.lots import LotSizing
from decisions.schedule import BackwardSchedule, backward_schedule
from decisions.sourcing import lots_of, sound_sources
from decisions.units import share_of_order_unit, source_conversion, to_need_unit

_ZERO = Decimal(0)
_HOW = {RouteKind.DIRECT: "order", RouteKind.TRANSFER: "transfer", RouteKind.SUBCONTRACT: "order (subcontracted)"}
_SHOWN_FIRST = (
    *(Choice.ACCEPT, Choice.TRANSFER, Choice.SUBSTITUTE, Choice.RESCHEDULE),
    *(Choice.APPROVE, Choice.EXPEDITE, Choice.SPLIT),
)
_NAMED_MAX = 3
_NOWHERE: Mapping[str, FreeStock] = {}


class _SecondSource(NamedTuple):
    """The cost of the short quantity at another source, and when it would be there."""

    schedule: BackwardSchedule
    alternative: Alternative


def alternatives(
    need: Need,
    short: Short,
    supplier: str | None,
    item: ItemAtPlant,
    policy: PlantPolicy,
    today: dt.date,
    *,
    free_at: Mapping[str, FreeStock] = _NOWHERE,
) -> tuple[Alternative, ...]:
    """Accept, expedite, a split to each second source, a transfer from each plant with enough free stock (`free_at`):
    the least late first, then the cheapest.

    `supplier`: the supplier of the coverage that falls short; None: there is none. Costs are in the company currency,
    `available_on` the day on stock, quantities in the need's unit; an alternative without a day never covers the whole
    need. A transfer costs nothing: the goods are our own.
    """
    others = _second_sources(need, short, supplier, item, policy, today, free_at)
    return _ranked(need, short, supplier, item, policy, others, today)


def shortage_proposal(
    need: Need,
    short: Short,
    coverage: Sequence[ScheduleLine],
    supplier: str | None,
    item: ItemAtPlant,
    policy: PlantPolicy,
    today: dt.date,
    *,
    order_number: str | None = None,
    reason: str = "",
    held_back: bool = False,
    may_reschedule: bool = False,
    free_at: Mapping[str, FreeStock] = _NOWHERE,
    substitutes: Sequence[Alternative] = (),
) -> Proposal:
    """The proposal to the approvers (R15): the need, its coverage, the shortfall and the ways out.

    `reason`: the cause, where it is more than dates (a rejected line); added to the summary. `held_back`: the orders
    were not changed to this need, since the change was too small (R4); changing them all the same is one way out.
    `may_reschedule`: so is a proposal to the planner to move the demand (`reschedule_proposal`). `substitutes`: the
    proposals to use another item (decisions.substitution). The latest safe date
    is the last on which a second source can still be asked and keep the date; without one, the day that falls short.
    """
    others = _second_sources(need, short, supplier, item, policy, today, free_at)
    value = _value_short(need, short, _source_of(item, supplier, today), item, policy, today) or _ZERO
    route = route_approval(value, need.criticality, True, policy)
    return Proposal(
        kind=ExceptionKind.SHORTAGE,
        summary=_summary(need, short, supplier, reason),
        **about(need, short, coverage, supplier, order_number),
        value=value,
        currency=policy.approval.currency,
        alternatives=_ranked(
            need, short, supplier, item, policy, others, today, held_back, may_reschedule, substitutes
        ),
        approvers=route.approvers or (policy.buyer,),
        latest_safe_date=_latest_safe_date(short, others, today),
        reasons=(short.reason(policy.version), route.reason(policy.version)),
    )


def about(
    need: Need, short: Short, coverage: Sequence[ScheduleLine], supplier: str | None, order_number: str | None
) -> dict[str, Any]:
    """What a proposal says of the need and of what it lacks, whatever is asked about it."""
    return {
        "plant": need.plant,
        "supplier": supplier,
        "item": need.item,
        "order_number": order_number,
        "quantity": need.quantity,
        "unit": need.unit,
        "short_quantity": short.short_quantity,
        "pegs": need.pegs,
        "coverage": tuple(coverage),
        "available_on": short.available_on,
        "working_days_late": short.working_days_late,
        "criticality": need.criticality,
        "rule": short.rule,
    }


def _ranked(
    need: Need,
    short: Short,
    supplier: str | None,
    item: ItemAtPlant,
    policy: PlantPolicy,
    others: Sequence[_SecondSource],
    today: dt.date,
    held_back: bool = False,
    may_reschedule: bool = False,
    substitutes: Sequence[Alternative] = (),
) -> tuple[Alternative, ...]:
    found = [_accept(short, supplier, policy), *(other.alternative for other in others), *substitutes]
    if held_back:
        found += _as_planned(need, short, supplier, item, policy, today)
    if may_reschedule:
        found += _reschedule(need, short, supplier, policy)
    expedited = _expedite(need, short, _source_of(item, supplier, today), item, policy, today)
    if expedited is not None:
        found.append(expedited)
    return tuple(
        sorted(
            found,
            key=lambda way: (
                way.available_on is None,
                way.working_days_late,
                way.extra_cost,
                _SHOWN_FIRST.index(way.choice),
            ),
        )
    )


def _accept(short: Short, supplier: str | None, policy: PlantPolicy) -> Alternative:
    if short.available_on is None:
        note = f"go without {figure(short.short_quantity)}: no date is known for them"
    else:
        note = f"wait until {short.available_on}"
    return Alternative(
        choice=Choice.ACCEPT,
        supplier=supplier,
        quantity=short.short_quantity,
        available_on=short.available_on,
        working_days_late=short.working_days_late,
        currency=policy.approval.currency,
        note=note,
    )


def reschedule_proposal(
    need: Need,
    short: Short,
    coverage: Sequence[ScheduleLine],
    supplier: str | None,
    policy: PlantPolicy,
    today: dt.date,
    *,
    proposed_by: str,
    order_number: str | None = None,
) -> Proposal:
    """The proposal to the planner to move the demand to the day on which all of it can be met.

    Nothing is booked by it: approved, the need waits for its supply until that day, and the plan says the new date;
    declined, the date stays, and the shortage needs another way out. `proposed_by`: who chose this way (R15).
    """
    moved = demands(need, short)
    missing = f"{figure(short.short_quantity)} of {figure(short.needed)} {need.unit} {need.item} are not there before"
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"Move {moved} in plant {need.plant} from {short.short_at} to {short.available_on}: {missing}.",
        **about(need, short, coverage, supplier, order_number),
        alternatives=(
            Alternative(
                choice=Choice.APPROVE,
                available_on=short.available_on,
                note=f"move it in the plan; the requirement waits until {short.available_on}",
            ),
            Alternative(choice=Choice.DECLINE, note="the date stays: the buyer looks for another way out"),
        ),
        approvers=(policy.planner,),
        latest_safe_date=short.short_at if short.short_at >= today else None,
        proposed_by=proposed_by,
        reasons=(short.reason(policy.version),),
    )


def _reschedule(need: Need, short: Short, supplier: str | None, policy: PlantPolicy) -> list[Alternative]:
    """None where there is no day to move to, or where the demand is not a plan's: an order of ours, or a shortfall."""
    if short.available_on is None or need.demanded_by is not None or need.source == OUR_SOURCE:
        return []
    note = f"propose to the {policy.planner} to move {demands(need, short)} to {short.available_on}"
    return [
        Alternative(
            choice=Choice.RESCHEDULE,
            supplier=supplier,
            quantity=short.short_quantity,
            available_on=short.available_on,
            working_days_late=short.working_days_late,
            currency=policy.approval.currency,
            note=note,
        )
    ]


def demands(need: Need, short: Short) -> str:
    """The demands that are not met on their day, by name."""
    until = short.available_on or dt.date.max
    names = list(dict.fromkeys(peg.demand for peg in need.pegs if short.short_at <= peg.date < until))
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more


def _as_planned(
    need: Need, short: Short, supplier: str | None, item: ItemAtPlant, policy: PlantPolicy, today: dt.date
) -> list[Alternative]:
    """The order changed to the need in spite of the dampener; none where its supplier's master data is not sound."""
    known = Assessment.model_construct(item=item, policy=policy)
    sound = sound_sources(need, known, today, agreed=True)
    current = next((source for source in sound if source.supplier == supplier), None)
    if current is None:
        return []
    way = _split(current, current, need, short, item, policy, today).alternative
    note = f"change the order at {_name(current)} to what the plan states now"
    return [way.model_copy(update={"choice": Choice.APPROVE, "note": note})]


def _expedite(
    need: Need, short: Short, current: Source | None, item: ItemAtPlant, policy: PlantPolicy, today: dt.date
) -> Alternative | None:
    """The same supplier sooner; None where there is no date to improve on, or nothing is gained."""
    value = _value_short(need, short, current, item, policy, today)
    if current is None or value is None or short.available_on is None:
        return None
    soonest = available_on(next_working_day(policy.calendar, today), item.goods_receipt_days, policy.calendar)
    gained = subtract_working_days(policy.calendar, short.available_on, policy.expedite_days_gained)
    # Delivery before the day of need is not worth a surcharge.
    expedited = max(soonest, min(gained, short.available_on), _requested_by(short, policy))
    if expedited >= short.available_on:
        return None
    days_gained = working_days_between(policy.calendar, expedited, short.available_on)
    return Alternative(
        choice=Choice.EXPEDITE,
        supplier=current.supplier,
        quantity=short.short_quantity,
        available_on=expedited,
        working_days_late=max(0, short.working_days_late - days_gained),
        extra_cost=(value * policy.expedite_cost_share).quantize(Decimal("0.01")),
        currency=policy.approval.currency,
        note=f"ask {_name(current)} for {days_gained} working days earlier, {policy.expedite_cost_share:.0%} surcharge",
    )


def _requested_by(short: Short, policy: PlantPolicy) -> dt.date:
    return subtract_working_days(policy.calendar, short.short_at, 0)


def _second_sources(
    need: Need,
    short: Short,
    supplier: str | None,
    item: ItemAtPlant,
    policy: PlantPolicy,
    today: dt.date,
    free_at: Mapping[str, FreeStock],
) -> list[_SecondSource]:
    current, known = _source_of(item, supplier, today), Assessment.model_construct(item=item, policy=policy)
    others: dict[str, Source] = {}
    for source in sound_sources(need, known, today, exclude=(supplier or "",)):
        others.setdefault(source.supplier, source)
    found = []
    for source in others.values():
        second = _split(source, current, need, short, item, policy, today)
        lots = lots_of(source, item, need, short.short_quantity)
        found.append(_from_stock(second, source, lots) if has_on_stock(source, lots, free_at) else second)
    return found


def has_on_stock(source: Source, lots: LotSizing, free_at: Mapping[str, FreeStock]) -> bool:
    """Whether the supplying plant of a transfer has one lot of this quantity on stock that nobody counts on."""
    free = free_at.get(source.supplier) if source.route is RouteKind.TRANSFER else None
    return free is not None and free.unit == source.unit and len(lots.lots) == 1 and free.quantity >= lots.total


def _from_stock(second: _SecondSource, source: Source, lots: LotSizing) -> _SecondSource:
    """The same transfer, of goods that are there: it waits for nobody's supplier."""
    note = (
        f"transfer {figure(lots.total)} {source.unit} from the stock of {_name(source)}, which nobody there counts on"
    )
    return second._replace(alternative=second.alternative.model_copy(update={"choice": Choice.TRANSFER, "note": note}))


def _split(
    source: Source,
    current: Source | None,
    need: Need,
    short: Short,
    item: ItemAtPlant,
    policy: PlantPolicy,
    today: dt.date,
) -> _SecondSource:
    schedule = backward_schedule(
        short.short_at, item.goods_receipt_days, policy.calendar, source, policy.processing_days, today
    )
    dock = max(schedule.dock_date, schedule.earliest_dock)
    on_stock = available_on(dock, item.goods_receipt_days, policy.calendar)
    lots = lots_of(source, item, need, short.short_quantity)
    difference = _ZERO
    if source.route is not RouteKind.TRANSFER:
        costs = cost_of(lots.lots, source, policy.approval, today)
        present = _value_short(need, short, current, item, policy, today) or _ZERO
        difference = (rounded(costs) if costs is not None else _ZERO) - present
    note = f"{_HOW[source.route]} {figure(lots.total)}{_unit(source, need)} from {_name(source)}"
    if lots.surplus:
        surplus, unit = lots.surplus, ""
        if lots.in_need_unit is not None:
            surplus, unit = lots.in_need_unit.surplus, f" {need.unit}"
        note += f", {figure(surplus)}{unit} of them surplus of the lot size"
    if difference < 0:
        note += f"; {-difference} {policy.approval.currency} cheaper"
    alternative = Alternative(
        choice=Choice.SPLIT,
        supplier=source.supplier,
        quantity=_in_need_unit(lots.total, source, need, item),
        available_on=on_stock,
        working_days_late=max(0, working_days_between(policy.calendar, short.short_at, on_stock)),
        extra_cost=max(_ZERO, difference),
        currency=policy.approval.currency,
        note=note,
    )
    return _SecondSource(schedule, alternative)


def _value_short(
    need: Need, short: Short, current: Source | None, item: ItemAtPlant, policy: PlantPolicy, today: dt.date
) -> Decimal | None:
    """The value of the short quantity at the present price; None without a price, a rate or a unit conversion."""
    if current is None or policy.approval.rate_on(current.currency, today) is None:
        return None
    per_order_unit = source_conversion(need.unit, current, item)
    if per_order_unit is None:
        return None
    ordered = share_of_order_unit(short.short_quantity, per_order_unit)
    price = current.price_of(ordered)
    return value_in_company_currency(ordered, price, current.price_unit, current.currency, policy.approval, today)


def _in_need_unit(quantity: Decimal, source: Source, need: Need, item: ItemAtPlant) -> Decimal:
    per_order_unit = source_conversion(need.unit, source, item)
    return quantity if per_order_unit is None or per_order_unit == SAME else to_need_unit(quantity, per_order_unit)


def _unit(source: Source, need: Need) -> str:
    return f" {source.unit}" if source.unit != need.unit else ""


def _latest_safe_date(short: Short, others: Sequence[_SecondSource], today: dt.date) -> dt.date | None:
    in_time = [other.schedule.requisition_by for other in others if other.schedule.requisition_by >= today]
    if in_time:
        return max(in_time)
    return short.short_at if short.short_at >= today else None


def _summary(need: Need, short: Short, supplier: str | None, reason: str) -> str:
    held_by = f" from {supplier}" if supplier else ""
    missing = f"{figure(short.short_quantity)} of {figure(short.needed)} {need.unit} {need.item}{held_by}"
    if short.available_on is None:
        outcome = "no date is confirmed for the whole need"
    elif short.working_days_late:
        outcome = f"all there on {short.available_on}, {short.working_days_late} working days late"
    else:
        outcome = f"all there on {short.available_on}"
    because = f" ({reason})" if reason else ""
    return f"{missing} will be missing in plant {need.plant} on {short.short_at}; {outcome}{because}."


def _source_of(item: ItemAtPlant, supplier: str | None, today: dt.date) -> Source | None:
    return terms_in_force((source for source in item.sources if source.supplier == supplier), today)


def _name(source: Source) -> str:
    if source.route is RouteKind.TRANSFER:
        return f"plant {source.supplier}"
    return f"{source.supplier_name} ({source.supplier})" if source.supplier_name else source.supplier

"""Master data: whether it is good enough to order an item, and who fixes it where it is not.

Decided here: each defect, with its field, the systems that disagree, its owner by policy and the next step. Not
here: which of the sound sources is taken (sourcing).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.need import Need
from canonical.policy import DefectOwners, PlantPolicy, RouteKind
from canonical.reason import figure
from canonical.sourcing import Agreement, Assessment, ItemAtPlant, MasterDataDefect, Source, UnknownItem
from canonical.units import PerUnit
from decisions.calendars import next_working_day, works_near
from decisions.cost import amount_of, rounded
from decisions.effectivity import (
    Ended,
    agreement_ended,
    availability_ended,
    components_on,
    delivery_date,
    issue_date,
    price_ended,
)
from decisions.lots import has_legal_lot, lots_requested, needed_together, size_needs
from decisions.schedule import backward_schedule
from decisions.units import source_conversion

_ERP = "erp"
_POLICY = "policy"


def item_defects(need: Need, assessment: Assessment) -> tuple[MasterDataDefect, ...]:
    """The defects that keep the item from being ordered from any source."""
    item, policy = assessment.item, assessment.policy
    if item is None:
        return (_unknown_item(need, assessment.unknown, policy.owners),)
    if item.blocked:
        return (_blocked_item(item, policy.owners),)
    if not works_near(policy.calendar, need.required_date):
        return (_idle_calendar(policy.calendar, need, f"plant {need.plant}", policy.owners, _POLICY),)
    return ()


class Asked(NamedTuple):
    """What is asked of a source, and when."""

    need: Need
    item: ItemAtPlant
    order_date: dt.date
    quantity: Decimal | None = None
    """In the need's unit; None: the whole need."""
    agreed: bool = False
    """An order exists and is changed: at the price and under the agreement of its own date."""


def source_defects(source: Source, asked: Asked, policy: PlantPolicy) -> tuple[MasterDataDefect, ...]:
    """The defects that keep this source from serving the need; `policy` is the one for its supplier."""
    return tuple(_source_defects(source, asked, policy))


def first_defect(source: Source, asked: Asked, policy: PlantPolicy) -> MasterDataDefect | None:
    """The first defect that keeps the source from serving the need; None: it is sound."""
    return next(_source_defects(source, asked, policy), None)


def _source_defects(source: Source, asked: Asked, policy: PlantPolicy) -> Iterator[MasterDataDefect]:
    need, item = asked.need, asked.item
    if source.blocked:
        yield _blocked_supplier(source, need, policy.owners)
    per_order_unit = source_conversion(need.unit, source, item)
    if per_order_unit is None:
        yield _no_conversion(source, need, need.unit, (need.source, _ERP), policy.owners)
    limits = policy.lead_time
    shortest = 0 if source.route is RouteKind.TRANSFER else limits.minimum_days
    if not shortest <= source.lead_time_days <= limits.maximum_days:
        yield _lead_time(source, need, policy)
    if not has_legal_lot(source.minimum_quantity, source.multiple, source.maximum_quantity):
        yield _no_legal_lot(source, need, policy.owners)
    elif per_order_unit is not None and source.maximum_quantity is not None:
        requested = needed_together([(need.quantity, per_order_unit)], source.unit)
        if lots_requested(requested, source.multiple, source.maximum_quantity) > policy.order_lines_max:
            yield _too_many_lots(source, need, policy)
    if source.route is not RouteKind.TRANSFER and policy.approval.rate_on(source.currency, asked.order_date) is None:
        yield _no_rate(source, asked, policy)
    yield from _effectivity_defects(source, asked, policy, per_order_unit)
    if not works_near(policy.calendar, need.required_date):
        yield _idle_calendar(policy.calendar, need, _of(source, need), policy.owners, _POLICY)
    if source.lead_time_in == "working_days" and not works_near(source.calendar, need.required_date):
        yield _idle_calendar(source.calendar, need, _of(source, need), policy.owners, _ERP)
    if source.route is RouteKind.SUBCONTRACT:
        yield from _component_defects(source, asked, policy)


def _effectivity_defects(
    source: Source, asked: Asked, policy: PlantPolicy, per_order_unit: PerUnit | None
) -> Iterator[MasterDataDefect]:
    """Terms that do not hold on the day that counts for each: price and agreement by the order date, the source by the
    delivery date.
    """
    if not asked.agreed:
        if (ended := price_ended(source, asked.order_date)) is not None:
            yield _ended("price", ended, "order date", source, asked, policy.owners.price)
        if (ended := agreement_ended(source, asked.order_date)) is not None:
            yield _ended("agreement", ended, "order date", source, asked, policy.owners.price)
        elif per_order_unit is not None and source.agreement is not None:
            yield from _used_up(source, source.agreement, asked, per_order_unit, policy)
    if source.available_from is None and source.available_to is None:
        return
    if not (works_near(policy.calendar, asked.need.required_date) and works_near(policy.calendar, asked.order_date)):
        return
    delivered_on = delivery_date(asked.need.required_date, asked.item, policy, asked.order_date)
    if (ended := availability_ended(source, delivered_on)) is not None:
        yield _ended("availability", ended, "delivery date", source, asked, policy.owners.sourcing)


def _used_up(
    source: Source, agreement: Agreement, asked: Asked, per_order_unit: PerUnit, policy: PlantPolicy
) -> Iterator[MasterDataDefect]:
    """The agreement has less left than would be ordered."""
    quantity = asked.need.quantity if asked.quantity is None else asked.quantity
    lots = size_needs(
        [(quantity, per_order_unit)], source.unit, "", source.minimum_quantity, source.multiple, None
    ).lots
    ordered, value = sum(lots, Decimal(0)), amount_of(lots, source)
    if agreement.quantity_left is not None and ordered > agreement.quantity_left:
        left, more = f"{figure(agreement.quantity_left)} {source.unit}", f"{figure(ordered)} {source.unit}"
    elif agreement.value_left is not None and value > Fraction(agreement.value_left):
        left = f"{rounded(Fraction(agreement.value_left))} {source.currency}"
        more = f"{rounded(value)} {source.currency}"
    else:
        return
    yield MasterDataDefect(
        field="agreement",
        value=f"{agreement.number}/{agreement.item}",
        detail=f"outline agreement {agreement.number}/{agreement.item} has {left} left, and {more} would be ordered "
        f"({_of(source, asked.need)})",
        owner=policy.owners.price,
        next_step="extend the agreement, or have the rest ordered on other terms",
        systems=(_ERP,),
    )


def _ended(field: str, ended: Ended, which: str, source: Source, asked: Asked, owner: str) -> MasterDataDefect:
    record = f" of info record {source.info_record}" if source.info_record else ""
    return MasterDataDefect(
        field=field,
        value=ended.period,
        # Without the day itself: needs of other days have the same question.
        detail=f"the {ended.what}{record} holds {ended.period}, and the {which} is {ended.side} "
        f"({_of(source, asked.need)})",
        owner=owner,
        next_step="extend its validity in the ERP, or maintain terms for that day",
        systems=(_ERP,),
    )


def master_data_proposal(need: Need, defects: Sequence[MasterDataDefect], policy: PlantPolicy) -> Proposal:
    """The proposal to the owners of the defects; they fix master data and have the need tried again.

    It names nothing of the need but its item and plant, so that the same defects are one question however many needs
    meet them.
    """
    others = f" (and {len(defects) - 1} more)" if len(defects) > 1 else ""
    return Proposal(
        kind=ExceptionKind.MASTER_DATA,
        summary=f"{need.item} can't be ordered for plant {need.plant}: {defects[0].detail}{others}.",
        plant=need.plant,
        item=need.item,
        currency=policy.approval.currency,
        defects=tuple(defects),
        alternatives=(Alternative(choice=Choice.RETRY, note="master data is fixed: try again"),),
        approvers=tuple(dict.fromkeys(defect.owner for defect in defects)),
        rule="R3",
    )


def _no_transfer(need: Need, supplying_plant: str, assessment: Assessment) -> MasterDataDefect:
    two = assessment.apart.get(supplying_plant)
    detail = f"plant {supplying_plant}, which plant {need.plant} transfers from, keeps no item {need.item}"
    step = f"extend item {need.item} to plant {supplying_plant}, or take the route out of the policy"
    return MasterDataDefect(
        field="supplying_plant",
        value=supplying_plant,
        detail=str(two) if two else detail,
        owner=assessment.policy.owners.sourcing,
        next_step=two.next_step if two else step,
        systems=(two.erp, two.supplying_erp) if two else (_ERP, _POLICY),
    )


def no_source(need: Need, assessment: Assessment) -> tuple[MasterDataDefect, ...]:
    """No source supplies the item by a route that the plant uses; a transfer that its plant can't serve is named."""
    item, policy = assessment.item, assessment.policy
    supplying = {source.supplier for source in item.sources if source.route is RouteKind.TRANSFER} if item else set()
    defects = [
        _no_transfer(need, route.supplying_plant or "none", assessment)
        for route in policy.routes
        if route.kind is RouteKind.TRANSFER and route.supplying_plant not in supplying
    ]
    routes = ", ".join(route.kind for route in policy.routes)
    kept = ", ".join(f"{source.supplier} by {source.route}" for source in item.sources) if item else ""
    detail = f"nobody supplies item {need.item} to plant {need.plant}"
    used = {route.kind for route in policy.routes}
    others = [source for source in assessment.left_out if source.route in used and source.purchasing_organization]
    if others and not kept:
        terms = ", ".join(f"{source.supplier} for {source.purchasing_organization}" for source in others)
        detail += f" on terms of purchasing organization {policy.purchasing_organization}; there are others' ({terms})"
    if kept:
        detail = f"none of the routes of plant {need.plant} ({routes}) leads to a source of {need.item} ({kept})"
    source = MasterDataDefect(
        field="sources",
        value="none",
        detail=detail,
        owner=policy.owners.sourcing,
        next_step="create a purchasing info record with a supplier",
        systems=(_ERP, _POLICY) if kept else (_ERP,),
    )
    return (*defects, source)


def unknown_sourcing_rule(need: Need, assessment: Assessment) -> MasterDataDefect:
    """The plan restricts the need to a source that master data does not have."""
    sources = assessment.item.sources if assessment.item else ()
    kept = ", ".join(f"supplier:{source.supplier}" for source in sources) or "none"
    return MasterDataDefect(
        field="sourcing_rule",
        value=need.sourcing_rule or "",
        detail=f"the plan asks for {need.sourcing_rule}, and no source of {need.item} at {need.plant} matches ({kept})",
        owner=assessment.policy.owners.sourcing,
        next_step="create the source in the ERP, or have the plan name one that exists",
        systems=(need.source, _ERP),
    )


def none_left(need: Need, assessment: Assessment, excluded: Sequence[str]) -> MasterDataDefect:
    """Everybody who could supply the need is excluded from this question."""
    return MasterDataDefect(
        field="sources",
        value=", ".join(excluded),
        detail=f"nobody but {', '.join(excluded)} supplies item {need.item} to plant {need.plant}",
        owner=assessment.policy.owners.sourcing,
        next_step="create a purchasing info record with another supplier",
        systems=(_ERP,),
    )


def _of(source: Source, need: Need) -> str:
    return f"supplier {source.supplier}, item {need.item} at {need.plant}"


def _unknown_item(need: Need, found: UnknownItem | None, owners: DefectOwners) -> MasterDataDefect:
    return MasterDataDefect(
        field="item",
        value=need.item,
        detail=(found.detail if found else "") or f"plant {need.plant} keeps no item {need.item}",
        owner=owners.item,
        next_step=f"extend item {need.item} to plant {need.plant}, or withdraw the need",
        systems=(need.source, _ERP),
    )


def _blocked_item(item: ItemAtPlant, owners: DefectOwners) -> MasterDataDefect:
    return MasterDataDefect(
        field="blocked",
        value=item.blocked,
        detail=f"item {item.item} is blocked at plant {item.plant}: {item.blocked}",
        owner=owners.item,
        next_step="lift the block in the item's plant data, or withdraw the need",
        systems=(_ERP,),
    )


def _blocked_supplier(source: Source, need: Need, owners: DefectOwners) -> MasterDataDefect:
    return MasterDataDefect(
        field="supplier",
        value=source.supplier,
        detail=f"purchasing has blocked the source ({_of(source, need)})",
        owner=owners.supplier,
        next_step="lift the block of the supplier or of its info record, or name another source",
        systems=(_ERP,),
    )


def _no_conversion(
    source: Source, need: Need, unit: str, systems: tuple[str, ...], owners: DefectOwners
) -> MasterDataDefect:
    return MasterDataDefect(
        field="unit",
        value=unit,
        detail=f"nothing converts {unit} and {source.unit}, the order unit ({_of(source, need)})",
        owner=owners.unit,
        next_step=f"keep the conversion of {unit} and {source.unit} in the item's units of measure, or have the plan "
        f"state the need in {source.unit}",
        systems=systems,
    )


def _lead_time(source: Source, need: Need, policy: PlantPolicy) -> MasterDataDefect:
    of, limits = _of(source, need), policy.lead_time
    if source.lead_time_days == 0:
        detail = f"no lead time is kept ({of}), so no date can be promised"
    else:
        detail = (
            f"a lead time of {source.lead_time_days} days is not between {limits.minimum_days} and "
            f"{limits.maximum_days} ({of})"
        )
    return MasterDataDefect(
        field="lead_time_days",
        value=str(source.lead_time_days),
        detail=detail,
        owner=policy.owners.lead_time,
        next_step="correct the planned delivery time in the purchasing info record",
        systems=(_ERP, _POLICY),
    )


def _no_legal_lot(source: Source, need: Need, owners: DefectOwners) -> MasterDataDefect:
    field, value = "minimum_quantity", source.minimum_quantity
    if source.maximum_quantity is not None and source.multiple > source.maximum_quantity:
        field, value = "multiple", source.multiple
    return MasterDataDefect(
        field=field,
        value=str(value),
        detail=f"no multiple of {source.multiple} lies between the minimum {source.minimum_quantity} and the maximum "
        f"{source.maximum_quantity} ({_of(source, need)})",
        owner=owners.lots,
        next_step="correct minimum, multiple or maximum in the purchasing info record",
        systems=(_ERP,),
    )


def _too_many_lots(source: Source, need: Need, policy: PlantPolicy) -> MasterDataDefect:
    return MasterDataDefect(
        field="maximum_quantity",
        value=str(source.maximum_quantity),
        detail=f"{need.quantity} {need.unit} would take more than {policy.order_lines_max} lots ({_of(source, need)})",
        owner=policy.owners.lots,
        next_step="correct the maximum quantity, or have the plan split the need",
        systems=(need.source, _ERP),
    )


def _no_rate(source: Source, asked: Asked, policy: PlantPolicy) -> MasterDataDefect:
    dated = f" on {asked.order_date}" if source.currency in policy.approval.rates else ""
    return MasterDataDefect(
        field="currency",
        value=source.currency,
        detail=f"policy {policy.version} has no rate for {source.currency}{dated} ({_of(source, asked.need)})",
        owner=policy.owners.policy,
        next_step=f"add {source.currency} to approval.rates in the plant's policy, or correct the info record",
        systems=(_ERP, _POLICY),
    )


def _idle_calendar(calendar: Calendar, need: Need, of: str, owners: DefectOwners, system: str) -> MasterDataDefect:
    return MasterDataDefect(
        field="calendar",
        value=calendar.name,
        detail=f"calendar {calendar.name} has no working day near {need.required_date} ({of})",
        owner=owners.calendar,
        next_step="correct the calendar's weekdays, holidays or shutdowns",
        systems=(system,),
    )


def _component_defects(source: Source, asked: Asked, policy: PlantPolicy) -> Iterator[MasterDataDefect]:
    need, item, owners = asked.need, asked.item, policy.owners
    if item.components:
        yield from _no_bill_in_force(source, asked, policy)
    else:
        yield MasterDataDefect(
            field="components",
            value="none",
            detail=f"a subcontractor is given components, and none are kept ({_of(source, need)})",
            owner=owners.item,
            next_step="keep the subcontracting bill of material, or change the info record's category",
            systems=(_ERP,),
        )
    if source_conversion(item.base_unit, source, item) is None:
        yield _no_conversion(source, need, item.base_unit, (_ERP,), owners)


def _no_bill_in_force(source: Source, asked: Asked, policy: PlantPolicy) -> Iterator[MasterDataDefect]:
    """No component is in force on the day of issue."""
    need, item, today = asked.need, asked.item, asked.order_date
    calendars = [policy.calendar] + ([source.calendar] if source.lead_time_in == "working_days" else [])
    if not all(works_near(calendar, day) for calendar in calendars for day in (need.required_date, today)):
        return
    if not policy.lead_time.minimum_days <= source.lead_time_days <= policy.lead_time.maximum_days:
        return
    schedule = backward_schedule(
        need.required_date, item.goods_receipt_days, policy.calendar, source, policy.processing_days, today
    )
    day = max(issue_date(policy, schedule.send_by), next_working_day(policy.calendar, today))
    if components_on(item, day):
        return
    firsts = [each.valid_from for each in item.components if each.valid_from is not None and each.valid_from > day]
    lasts = [each.valid_to for each in item.components if each.valid_to is not None and each.valid_to < day]
    ended = Ended("bill of material", day, min(firsts, default=None), max(lasts, default=None))
    yield MasterDataDefect(
        field="components",
        value=ended.period,
        detail=f"the bill of material holds {ended.period}, and not on the day on which components are issued "
        f"({_of(source, need)})",
        owner=policy.owners.item,
        next_step="extend the bill of material's validity, or change the info record's category",
        systems=(_ERP,),
    )

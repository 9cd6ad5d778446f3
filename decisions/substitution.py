"""Substitute items (R7): which may take the place of what is short, how much of each, and what the planner is asked.

Decided here: that every demand which falls short lies within the substitute's effectivity and goes into one of its
assemblies, and the quantity by its ratio. Not here: whether there is a shortage (feasibility), which items are
substitutes (the plant's policy), and the substitute's own supply: it is a need of its own as soon as the plan has it.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from canonical.event_data import OUR_SOURCE
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.need import Need, Peg
from canonical.policy import PlantPolicy, SubstituteItem
from canonical.reason import figure
from canonical.sourcing import FreeStock, ItemAtPlant, in_force
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine
from canonical.units import UNITS, exactly, rescale
from decisions.calendars import working_days_between
from decisions.feasibility import Short
from decisions.shortage import about, demands
from decisions.units import conversion

_BEYOND = Decimal(10**12)
_NOTHING_KNOWN: Mapping[str, FreeStock] = {}


def substitution_ways(
    need: Need,
    short: Short,
    item: ItemAtPlant,
    policy: PlantPolicy,
    today: dt.date,
    *,
    free: Mapping[str, FreeStock] = _NOTHING_KNOWN,
) -> tuple[Alternative, ...]:
    """A way out for each substitute item that policy permits for all that falls short, the preferred first.

    `free`: by substitute item, what the plant has on stock that nobody counts on. Only with all of it free is there a
    day; else the plan has to find one. Costs are not known here: the substitute's sources are those of its own
    need.
    """
    return tuple(
        _way(substitution, substitute, short, policy, today, free.get(substitution.item))
        for substitute, substitution in _permitted(need, short, item, policy)
    )


def substitution_for(
    need: Need, short: Short, item: ItemAtPlant, policy: PlantPolicy, substitute: str
) -> Substitution | None:
    """How much of this substitute item takes the place of what is short; None: policy does not permit it (any more)."""
    found = _permitted(need, short, item, policy)
    return next((substitution for _, substitution in found if substitution.item == substitute), None)


def substitution_proposal(
    need: Need,
    short: Short,
    coverage: Sequence[ScheduleLine],
    supplier: str | None,
    policy: PlantPolicy,
    substitution: Substitution,
    today: dt.date,
    *,
    free: FreeStock | None = None,
    proposed_by: str,
    order_number: str | None = None,
) -> Proposal:
    """The proposal to the planner to use the substitute item for what is short (R15: `proposed_by` may not approve).

    Nothing is booked by it: requirements and bills of material are the plan's. Approved, planning is told, and the
    requirement waits until the plan has followed.
    """
    substitute = next((each for each in policy.substitutes if each.item == substitution.item), None)
    days = policy.substitution.plan_within_days
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=(
            f"Use {figure(substitution.quantity)} {substitution.unit} {substitution.item} instead of "
            f"{figure(substitution.replaces)} {need.unit} {need.item} in plant {need.plant} "
            f"for {demands(need, short)}, from {substitution.use_on}; "
            f"{_stock(substitution, free)}{_limits(substitute)}."
        ),
        **about(need, short, coverage, supplier, order_number),
        alternatives=(
            Alternative(
                choice=Choice.APPROVE,
                substitute=substitution,
                note=f"plan {substitution.item} instead; the plan has {days} working day{'s' if days > 1 else ''} "
                "to follow",
            ),
            Alternative(choice=Choice.DECLINE, note="the item stays: the buyer looks for another way out"),
        ),
        approvers=(policy.planner,),
        latest_safe_date=short.short_at if short.short_at >= today else None,
        proposed_by=proposed_by,
        reasons=(short.reason(policy.version),),
    )


def _permitted(
    need: Need, short: Short, item: ItemAtPlant, policy: PlantPolicy
) -> Iterator[tuple[SubstituteItem, Substitution]]:
    """None for a need of an order of ours: what a transfer or subcontract asks for is no bill of material's."""
    if need.demanded_by is not None or need.source == OUR_SOURCE:
        return
    late = [peg for peg in need.pegs if short.short_at <= peg.date < (short.available_on or dt.date.max)]
    for substitute in policy.substitutes:
        if substitute.item == need.item or not all(_fits(substitute, peg) for peg in late):
            continue
        unit, quantity = _quantity(substitute, short.short_quantity, need, item)
        if quantity is not None:
            yield (
                substitute,
                Substitution(
                    item=substitute.item,
                    quantity=quantity,
                    unit=unit,
                    replaces=short.short_quantity,
                    use_on=short.short_at,
                ),
            )


def _fits(substitute: SubstituteItem, peg: Peg) -> bool:
    effective = in_force(peg.date, substitute.effective_from, substitute.effective_to)
    return effective and (not substitute.assemblies or peg.assembly in substitute.assemblies)


def _quantity(substitute: SubstituteItem, short: Decimal, need: Need, item: ItemAtPlant) -> tuple[str, Decimal | None]:
    """By the ratio, which is per base unit of the item; None where nothing converts the need's unit to that."""
    unit = substitute.unit or item.base_unit
    per_base_unit = conversion(need.unit, item.base_unit, item)
    if per_base_unit is None:
        return unit, None
    need_units, base_units = per_base_unit
    ratio = Fraction(substitute.quantity) / Fraction(substitute.per) * Fraction(base_units) / Fraction(need_units)
    quantity = rescale(short, exactly(ratio), UNITS[unit].decimals, "up")
    return unit, quantity if quantity < _BEYOND else None


def _way(
    substitution: Substitution,
    substitute: SubstituteItem,
    short: Short,
    policy: PlantPolicy,
    today: dt.date,
    free: FreeStock | None,
) -> Alternative:
    day = max(short.short_at, today) if _all_free(substitution, free) else None
    return Alternative(
        choice=Choice.SUBSTITUTE,
        substitute=substitution,
        quantity=short.short_quantity,
        available_on=day,
        working_days_late=working_days_between(policy.calendar, short.short_at, day) if day else 0,
        currency=policy.approval.currency,
        note=f"propose to the {policy.planner} to use {figure(substitution.quantity)} {substitution.unit} "
        f"{substitution.item}; {_stock(substitution, free)}{_limits(substitute)}",
    )


def _all_free(substitution: Substitution, free: FreeStock | None) -> bool:
    return free is not None and free.unit == substitution.unit and free.quantity >= substitution.quantity


def _stock(substitution: Substitution, free: FreeStock | None) -> str:
    """No more of the figure than matters: with every other movement the proposal would be another one."""
    if free is None or free.unit != substitution.unit:
        return "its free stock is not known"
    if _all_free(substitution, free):
        return "all of it is on stock, and nobody counts on it"
    return f"{figure(free.quantity)} {free.unit} of it are on stock that nobody counts on"


def _limits(substitute: SubstituteItem | None) -> str:
    """Until when it holds, and who says that the items are interchangeable."""
    if substitute is None:
        return ""
    until = f"; effective until {substitute.effective_to}" if substitute.effective_to else ""
    return until + (f"; interchangeable by {substitute.approval}" if substitute.approval else "")


__all__ = ["substitution_for", "substitution_proposal", "substitution_ways"]

"""The nouns of engineering changes: BK-100 changes on 1 July, and the brackets BB-7421 go out of it."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.base import Criticality
from canonical.bom import BomLine, BomLineChange, BomRevised, ChangeDisposition, ComponentUse, SuppliedBy, UsedBy
from canonical.exception import Choice
from canonical.identity import OrderId, RequirementId
from canonical.need import Peg
from canonical.sourcing import Assessment, ItemAtPlant, UnitConversion
from canonical.units import SAME
from decisions.engineering_change.cancelled_lots import LineLots
from decisions.engineering_change.choices import as_decided
from decisions.engineering_change.component_use import ComponentPlan, Cut, cuts, plan_component
from decisions.engineering_change.engineering_change import Fate
from tests.decisions.models import a_peg, a_policy, a_revision, a_source, an_item, june

TODAY = june(1)
FIRST_OF_JULY = dt.date(2026, 7, 1)
BRACKET = an_item(a_source())
CARTON_OF_TEN = UnitConversion(unit="CT", numerator=Decimal(10), denominator=Decimal(1))
BRACKET_IN_CARTONS = BRACKET.model_copy(update={"conversions": (CARTON_OF_TEN,)})
KEEPABLE = ("use_up", "return", "scrap")
NOTHING = Decimal(0)
SOLD_SINGLY = LineLots(minimum=Decimal(1), multiple=Decimal(1), order_units=SAME)


def july(day: int) -> dt.date:
    return dt.date(2026, 7, day)


def removed(quantity: int = 1, **more: Any) -> BomLine:
    fields: dict[str, Any] = {"component": "BB-7421", "unit": "EA", "change": BomLineChange.REMOVED}
    return BomLine(**fields | {"quantity": Decimal(quantity)} | more)


def changed(quantity: int, before: int | None, **more: Any) -> BomLine:
    quantity_before = None if before is None else Decimal(before)
    return removed(quantity, change=BomLineChange.CHANGED, quantity_before=quantity_before, **more)


def added(component: str, quantity: int, replaces: str | None = None) -> BomLine:
    return removed(quantity, component=component, change=BomLineChange.ADDED, replaces=replaces)


def revised(*lines: BomLine) -> BomRevised:
    return BomRevised(
        plant="1710",
        assembly="BK-100",
        revision="B",
        effective_from=FIRST_OF_JULY,
        lines=lines or (removed(),),
        source="plm",
        stated=a_revision(7),
    )


def peg(
    quantity: int | Decimal,
    date: dt.date,
    assembly: str | None = "BK-100",
    criticality: Criticality = Criticality.B,
    demand: str = "SO-1",
) -> Peg:
    return a_peg(quantity, date, criticality, demand).model_copy(update={"assembly": assembly})


def user(*pegs: Peg, number: int = 1, **changes: Any) -> UsedBy:
    fields: dict[str, Any] = {
        "requirement_id": RequirementId(f"requirement/{number}"),
        "revision": a_revision(number),
        "unit": "EA",
        "quantity": sum((each.quantity for each in pegs), NOTHING),
        "pegs": pegs,
    }
    return UsedBy(**fields | changes)


def piece(quantity: int, date: dt.date | None, line: int = 10, number: int = 1, **changes: Any) -> SuppliedBy:
    fields: dict[str, Any] = {
        "order_id": OrderId("order/1"),
        "order_number": "PO-1",
        "supplier": "1580",
        "line": line,
        "requirement_id": RequirementId(f"requirement/{number}"),
        "unit": "EA",
        "quantity": Decimal(quantity),
        "date": date,
    }
    return SuppliedBy(**fields | changes)


def use(
    users: list[UsedBy], supply: list[SuppliedBy], *other_assemblies: str, before: int | None = None
) -> ComponentUse:
    return ComponentUse(
        component="BB-7421",
        requirements=tuple(users),
        supply=tuple(supply),
        other_assemblies=other_assemblies,
        quantity_before=None if before is None else Decimal(before),
    )


def assessed(item: ItemAtPlant | None = BRACKET, **changes: Any) -> Assessment:
    return Assessment(item=item, policy=a_policy(), **changes)


def planned(
    of: ComponentUse, line: BomLine | None = None, assessment: Assessment | None = None, today: dt.date = TODAY
) -> ComponentPlan:
    line = line or removed()
    return plan_component(revised(line), line, of, assessment or assessed(), today)


def becomes(
    quantity: int, fate: Fate, line: int | None = None, value: str = "0", number: int = 1, **changes: Any
) -> ChangeDisposition:
    """`line` None: the stock."""
    fields: dict[str, Any] = {
        "component": "BB-7421",
        "reference": "" if line is None else f"PO-1/{line}",
        "order_id": None if line is None else "order/1",
        "line": line,
        "on_stock": line is None,
        "requirement_id": None if line is None else RequirementId(f"requirement/{number}"),
        "quantity": Decimal(quantity),
        "unit": "EA",
        "fate": fate.value,
        "value": Decimal(value),
    }
    return ChangeDisposition(**fields | changes)


def bare(plan: ComponentPlan) -> tuple[ChangeDisposition, ...]:
    """The dispositions without what can be chosen; of an excess with the names of it."""
    return tuple(
        one.model_copy(
            update={
                "options": (),
                "proposed": "",
                "cost": NOTHING,
                "candidates": one.candidates if one.fate == Fate.EXCESS else (),
            }
        )
        for one in plan.dispositions
    )


def cuts_of(plan: ComponentPlan, cut_excess: bool) -> tuple[Cut, ...]:
    """The cuts for the requirements where the excess is cancelled, or is kept."""
    decided: list[ChangeDisposition] = []
    for one in plan.dispositions:
        keep = one.fate == Fate.EXCESS and not cut_excess
        decided += as_decided([one], Choice.USE_UP if keep else Choice.CANCEL)
    return cuts(plan, decided)

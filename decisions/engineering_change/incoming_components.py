"""R13: the needs of components that a revision adds, from the demand that they take over.

Decided here: which assembly orders need a component that is new or used more, and which components are left to the
plan. Not here: the disposition of the outgoing ones (component_use).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from canonical.base import Criticality
from canonical.bom import BomLine, BomLineChange, BomRevised, ComponentUse
from canonical.event_data import OUR_SOURCE
from canonical.identity import short_hash
from canonical.need import Need
from canonical.sourcing import ItemAtPlant
from decisions.engineering_change.component_use import ComponentPlan
from decisions.engineering_change.engineering_change import AssemblyOrder, NewComponent, needs_of_new_components
from decisions.engineering_change.remaining_demand import is_of_assembly, quantity_before, rescaled
from decisions.units import per_unit

_NOTHING = Decimal(0)
_LONGEST_REFERENCE = 60


def new_needs(
    revised: BomRevised, plans: Iterable[ComponentPlan], uses: dict[str, ComponentUse]
) -> tuple[tuple[Need, ...], tuple[str, ...]]:
    """R13: the needs of components added or used more, from the demand they take over; and those left to the plan.

    `uses`: of every removed and changed component. The needs take the revision's own rank; the caller makes each an
    event of its own.
    """
    items = {plan.line.component: plan.item for plan in plans}
    lines = {line.component: line for line in revised.lines}
    needs: list[Need] = []
    left: list[str] = []
    for line in revised.lines:
        if line.change is BomLineChange.REMOVED:
            continue
        taken_over = line if line.change is BomLineChange.CHANGED else lines[line.replaces] if line.replaces else None
        before = None if taken_over is None else quantity_before(taken_over, uses[taken_over.component])
        if taken_over is None or before is None:
            left.append(line.component)
            continue
        more = line.quantity - before if line.change is BomLineChange.CHANGED else line.quantity
        if more <= 0:
            continue
        use = uses[taken_over.component]
        makings = _makings(revised, taken_over, before, use, items[taken_over.component])
        stated = needs_of_new_components(
            f"{revised.assembly}/{revised.revision}",
            revised.plant,
            OUR_SOURCE,
            (NewComponent(line.component, more, line.unit),),
            makings,
            revised.effective_from,
            revised.stated,
        )
        needs += [_for_assembly(need, revised.assembly) for need in stated]
    return tuple(needs), tuple(left)


def _makings(
    revised: BomRevised, line: BomLine, per_assembly: Decimal, use: ComponentUse, item: ItemAtPlant | None
) -> list[AssemblyOrder]:
    """The assembly orders from the effectivity date on, by the pegged demand for the component."""
    found: dict[tuple[str, dt.date], tuple[Decimal, Criticality]] = {}
    for user in use.requirements:
        factor = per_unit(line.unit, user.unit, item)
        if factor is None:
            continue
        for peg in user.pegs:
            if peg.date >= revised.effective_from and is_of_assembly(revised, use, peg):
                quantity, criticality = found.get((peg.demand, peg.date), (_NOTHING, peg.criticality))
                quantity += rescaled(peg.quantity, factor) / per_assembly
                found[peg.demand, peg.date] = (quantity, min(criticality, peg.criticality))
    demands = [demand for demand, _ in found]
    return [
        AssemblyOrder(_reference(demand, date, demands.count(demand)), quantity, date, criticality)
        for (demand, date), (quantity, criticality) in found.items()
    ]


def _reference(demand: str, date: dt.date, times: int) -> str:
    """The demand; with its date where it falls on several days."""
    name = demand if times == 1 else f"{demand}@{date}"
    return name if len(name) <= _LONGEST_REFERENCE else f"{name[: _LONGEST_REFERENCE - 11]}~{short_hash(name)}"


def _for_assembly(need: Need, assembly: str) -> Need:
    return need.model_copy(
        update={"pegging": tuple(peg.model_copy(update={"assembly": assembly}) for peg in need.pegging)}
    )

"""R13 across the plant: the disposition of an outgoing component, and what each requirement still needs of it.

Decided here: the plan for one component, and the reduced quantities its requirements receive once it is decided. Not
here: whose demand ends (remaining_demand), the supply and its options (component_supply), the needs of the new
components (incoming_components) and who approves the whole (proposal).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Criticality
from canonical.bom import BomLine, BomRevised, ChangeDisposition, ComponentUse
from canonical.identity import RequirementId
from canonical.need import Peg, Revision
from canonical.sourcing import Assessment, ItemAtPlant
from canonical.units import NEED_DECIMALS, rescale
from decisions.engineering_change.cancelled_lots import LineLots, keep_whole_lots
from decisions.engineering_change.component_supply import IN_LOT, Weighing, count_supply
from decisions.engineering_change.engineering_change import DispositionPlan, Fate, OutgoingDemand, dispose
from decisions.engineering_change.remaining_demand import (
    RemainingDemand,
    remaining_demand,
    rescaled,
    share_gone,
    without_earliest,
)
from decisions.units import per_supplied_unit, per_unit

_NOTHING = Decimal(0)


class ComponentPlan(NamedTuple):
    """The dispositions of one outgoing component."""

    line: BomLine
    use: ComponentUse
    item: ItemAtPlant | None
    plan: DispositionPlan
    dispositions: tuple[ChangeDisposition, ...]
    remaining_demands: tuple[RemainingDemand, ...]
    priced: bool
    """Every quantity without use has a price that the policy can convert."""
    criticality: Criticality
    lots: Mapping[str, LineLots]
    """By order line; lines whose source is unknown are missing."""


class Cut(NamedTuple):
    """What a requirement still needs, in its own unit; 0: nothing."""

    requirement_id: RequirementId
    decided_on: Revision
    quantity: Decimal
    pegs: tuple[Peg, ...]


def plan_component(
    revised: BomRevised, line: BomLine, use: ComponentUse, assessment: Assessment, today: dt.date
) -> ComponentPlan:
    """R13 for one component that is removed or used less; quantities are compared in the line's unit."""
    item = assessment.item
    share = max(_NOTHING, share_gone(line, use) or _NOTHING)
    remaining_demands = tuple(remaining_demand(revised, user, use, share, item) for user in use.requirements)
    demand: list[OutgoingDemand] = []
    for remaining in remaining_demands:
        factor = per_unit(line.unit, remaining.user.unit, item)
        if factor is not None:
            still_open = without_earliest(remaining.kept, remaining.received)
            demand += [OutgoingDemand(peg.date, rescaled(peg.quantity, factor)) for peg in still_open]
    counted = count_supply(line, use, remaining_demands, assessment, today)
    plan = dispose(stock_of(line, use, item), counted.supply, demand, revised.effective_from, today)
    plan = plan._replace(dispositions=counted.merged(plan.dispositions))
    circumstances = Weighing(revised, line, use, assessment, today, counted)
    found = keep_whole_lots(
        (circumstances.bare(one) for one in plan.dispositions),
        counted.lots,
        circumstances.name_of,
        circumstances.can_be_cut,
        lambda one: one.model_copy(update={"fate": Fate.EXCESS.value, "proposed": IN_LOT}),
    )
    weighed = [circumstances.weighed(one) for one in found]
    priced = not counted.uncounted and all(known for _, known in weighed)
    named = tuple(one._replace(reference=counted.name(one.reference)) for one in plan.dispositions)
    gone = [remaining.user.pegs for remaining in remaining_demands if remaining.gone or remaining.idle]
    return ComponentPlan(
        line=line,
        use=use,
        item=item,
        plan=plan._replace(dispositions=named),
        dispositions=(*(one for one, _ in weighed), *counted.received, *counted.uncounted),
        remaining_demands=remaining_demands,
        priced=priced,
        criticality=min((peg.criticality for pegs in gone for peg in pegs), default=Criticality.B),
        lots=counted.lots,
    )


def cuts(plan: ComponentPlan, decided: Iterable[ChangeDisposition]) -> tuple[Cut, ...]:
    """What each affected requirement still needs after the decided cancellations.

    `decided`: the component's decided dispositions. A requirement whose supply others use keeps its quantity, so that
    nobody cancels that supply.
    """
    dispositions = [one for one in decided if one.component == plan.line.component and is_cancelled(one)]
    found = []
    for remaining in plan.remaining_demands:
        user = remaining.user
        cancelled = _NOTHING
        for one in dispositions:
            factor = per_unit(user.unit, one.unit, plan.item)
            if factor is not None and one.requirement_id == user.requirement_id:
                cancelled += rescaled(one.quantity, factor)
        if not cancelled and not remaining.gone:
            continue
        stays = remaining.received + max(_NOTHING, remaining.supply - cancelled)
        keeps = sum((peg.quantity for peg in remaining.kept), _NOTHING)
        # Nothing is cancelled while later demand is open: what stock covers of it must not be ordered again.
        met = not plan.plan.short and per_unit(plan.line.unit, user.unit, plan.item) is not None
        quantity = min(user.quantity, stays if cancelled and met else max(keeps, stays))
        if quantity < user.quantity:
            pegs = without_earliest(remaining.kept, keeps - quantity)
            found.append(Cut(user.requirement_id, user.revision, quantity, pegs))
    return tuple(found)


def is_cancelled(one: ChangeDisposition) -> bool:
    """Whether the quantity is to be cancelled from its order, even where the supplier's cut-off has passed."""
    return one.fate in (Fate.CANCELLED, Fate.EXCEPTION)


def stock_of(line: BomLine, use: ComponentUse, item: ItemAtPlant | None) -> Decimal:
    """The available stock in the line's unit: from the revision, else from the ledger where its unit converts."""
    if line.stock is not None:
        return line.stock
    factor = per_unit(line.unit, use.stock_unit, item) if use.stock_unit else None
    return _NOTHING if factor is None else rescale(use.stock, factor, NEED_DECIMALS, "down")


def holdings(plan: ComponentPlan) -> dict[str, dict[str, Decimal]]:
    """The quantity of the component on each order line, by line and unit, counted independently from its where-used
    data.
    """
    held: dict[str, dict[str, Decimal]] = {}
    for piece in plan.use.supply:
        factor = per_supplied_unit(plan.line.unit, piece.supplier, piece.unit, plan.item)
        unit, quantity = piece.unit, piece.quantity
        if factor is not None:
            unit, quantity = plan.line.unit, rescaled(piece.quantity, factor)
        of_line = held.setdefault(piece.reference, {})
        of_line[unit] = of_line.get(unit, _NOTHING) + quantity
    return held

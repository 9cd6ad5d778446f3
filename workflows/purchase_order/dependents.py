"""The needs of an order: a transfer's need at the supplying plant, a subcontract's needs for components.

This module decides which needs an order publishes, for which dates, and which of them differ from the last publication.
Each is published complete, with a revision, so that repeating it is harmless. Their delivery and coverage are decided
elsewhere; they are requirements like any other.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

from canonical.event_data import OUR_SOURCE
from canonical.identity import RequirementId
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.policy import RouteKind
from canonical.units import UNITS
from decisions.calendars import subtract_working_days
from workflows.purchase_order.line import Line, LineAllocation
from workflows.purchase_order.state import OrderState, PublishedNeed

_BEFORE = Revision(plan_version=0, effective_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC), event_id="-")


def needs_now(state: OrderState, now: dt.datetime) -> tuple[tuple[Need, ...], tuple[Withdrawal, ...]]:
    """The needs to publish and to withdraw now; from here on they count as published."""
    if state.terms.route is RouteKind.DIRECT or state.order_number is None or state.unsent:
        return (), ()
    needs: list[Need] = []
    withdrawals: list[Withdrawal] = []
    for line in state.lines:
        received = line.closed and not (line.cancelled or line.undelivered)
        if line.never_sent or line.changed_in > state.revision or received:
            # A line that waits for a change keeps its published need until then; so does one received in full.
            continue
        requested = {} if line.cancelled else {need.demand_reference: need for need in _needs_of(state, line)}
        for reference, need in requested.items():
            stated = PublishedNeed(plant=need.plant, item=need.item, content=_content(need))
            if revision := _next_revision(state, reference, stated, now):
                needs.append(need.model_copy(update={"revision": revision}))
        for reference in sorted(_published_for(state, line) - requested.keys()):
            known = state.published_needs[reference].model_copy(update={"content": ""})
            if revision := _next_revision(state, reference, known, now):
                withdrawals.append(
                    Withdrawal(
                        plant=known.plant,
                        item=known.item,
                        source=OUR_SOURCE,
                        demand_reference=reference,
                        revision=revision,
                    )
                )
    return tuple(needs), tuple(withdrawals)


def transit_days(state: OrderState) -> int:
    """Working days of our plant from the supplying plant's dock to ours: by current policy, else as of opening."""
    for route in state.policy.routes:
        if route.kind is RouteKind.TRANSFER and route.supplying_plant == state.terms.supplier:
            return route.transit_days
    return state.source.lead_time_days


def _needs_of(state: OrderState, line: Line) -> Iterator[Need]:
    if state.terms.route is RouteKind.TRANSFER:
        yield _transfer(state, line)
    else:
        yield from _components(state, line)


def _transfer(state: OrderState, line: Line) -> Need:
    calendar, transit = state.policy.calendar, transit_days(state)
    ready = transit + line.request.goods_receipt_days
    return Need(
        plant=state.terms.supplier,
        item=line.request.item,
        # Includes the quantity that the plant refused: without it, its answer would be read as short once more.
        quantity=line.quantity + line.rejected,
        unit=line.request.unit,
        required_date=subtract_working_days(calendar, line.delivery_date, transit),
        source=OUR_SOURCE,
        demand_reference=f"{state.order_number}/{line.number}",
        revision=_BEFORE,
        # Each demand's date for the supplying plant: before transit and receipt at our dock.
        pegging=tuple(
            peg.model_copy(update={"date": subtract_working_days(calendar, peg.date, ready)})
            for peg in _pegs_of(state, line)
        ),
        demanded_by=state.id,
        demanding_line=line.number,
        transit_days=transit,
    )


def _components(state: OrderState, line: Line) -> Iterator[Need]:
    demand = f"{state.order_number}/{line.number}"
    for part in line.components:
        quantity = part.quantity.quantize(Decimal(1).scaleb(-UNITS[part.unit].decimals), ROUND_UP)
        peg = Peg(demand=demand, quantity=quantity, date=part.date, criticality=line.criticality)
        yield Need(
            plant=state.terms.plant,
            item=part.item,
            quantity=quantity,
            unit=part.unit,
            required_date=part.date,
            source=OUR_SOURCE,
            demand_reference=f"{demand}/{part.item}",
            revision=_BEFORE,
            pegging=(peg,),
            demanded_by=state.id,
        )


def _pegs_of(state: OrderState, line: Line) -> tuple[Peg, ...]:
    """The share of the supply requests' pegs that this line serves: the first lines serve the first demands."""
    return tuple(peg for allocation in line.allocations for peg in _pegs_of_allocation(state, line, allocation))


def _pegs_of_allocation(state: OrderState, line: Line, part: LineAllocation) -> Iterator[Peg]:
    requirement: RequirementId = part.request.requirement_id
    lines = state.lines_of(requirement)
    before = sum((other.allocated_to(requirement) for other in lines if other.number < line.number), Decimal(0))
    until, reached = before + part.allocated, Decimal(0)
    for peg in part.request.pegs:
        share = min(until, reached + peg.quantity) - max(before, reached)
        reached += peg.quantity
        if share > 0:
            yield peg.model_copy(update={"quantity": share})


def _content(need: Need) -> str:
    return hashlib.sha256(need.model_dump_json(exclude={"revision"}).encode()).hexdigest()[:16]


def _next_revision(state: OrderState, reference: str, stated: PublishedNeed, now: dt.datetime) -> Revision | None:
    """The revision to publish the need with; None if it is unchanged."""
    known = state.published_needs.get(reference)
    if (known.content if known else "") == stated.content:
        return None
    times = known.times + 1 if known is not None and known.revision == state.revision else 0
    state.published_needs[reference] = stated.model_copy(update={"revision": state.revision, "times": times})
    # The time is part of the id: a workflow task that runs again may publish something else in the same revision, and
    # that must replace the earlier need instead of being dropped as a duplicate.
    part = reference.partition("/")[2]
    return Revision(
        plan_version=state.revision,
        source_revision=times,
        effective_at=now,
        event_id=f"{state.id}#{part}@{state.revision}.{times}/{now.isoformat()}",
    )


def _published_for(state: OrderState, line: Line) -> set[str]:
    own = f"{state.order_number}/{line.number}"
    return {reference for reference in state.published_needs if reference == own or reference.startswith(f"{own}/")}

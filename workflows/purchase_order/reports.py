"""Reports of an order: schedules to the ERP, coverage to APS and requirements, snapshots to the ledger; and the needs
that it publishes: a transfer's need at the supplying plant, a subcontract's needs for components.

Pure functions of its state. A need is published complete, with a revision, so that repeating it is harmless; it becomes
a requirement like any other.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from decimal import ROUND_UP, Decimal

from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.event_data import OUR_SOURCE
from canonical.identity import RequirementId
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.order import REMARKS_MAX, DeliveryLine, LineSchedule, OrderSchedule
from canonical.policy import RouteKind
from canonical.reason import figure
from canonical.records import OrderLineSnapshot, OrderSnapshot, OrderStage
from canonical.supply import CoverageChanged, ScheduleLine, ScheduleLineState, SupplyRequest, in_need_unit
from canonical.units import UNITS
from decisions.allocation import AllocationRequest, allocate
from decisions.calendars import subtract_working_days
from decisions.feasibility import Feasible, judge_feasibility
from workflows.purchase_order.answers import in_the_suppliers_words
from workflows.purchase_order.approvals import awaited as approval_awaited
from workflows.purchase_order.approvals import waiting_words
from workflows.purchase_order.line import Line, LineAllocation
from workflows.purchase_order.sharing import shared_out, shares
from workflows.purchase_order.state import OrderState, PublishedNeed

_ZERO = Decimal(0)


def schedule(state: OrderState, numbers: Iterable[int]) -> OrderSchedule:
    """The delivery schedules of the lines as promised.

    Lines that are cancelled, edited by a person or not answered yet are left out: an earlier promise does not apply to
    their current version.
    """
    requested = set(numbers)
    assert state.order_number is not None
    return OrderSchedule(
        order_id=state.id,
        order_number=state.order_number,
        item_classes=state.item_classes,
        lines=tuple(
            _line_schedule(line)
            for line in state.lines
            if line.number in requested and not line.cancelled and not line.edits and not line.awaited
        ),
    )


def _line_schedule(line: Line) -> LineSchedule:
    left, rows = line.quantity, []
    for part in sorted(line.promised, key=lambda piece: (piece.date is None, piece.date or line.delivery_date)):
        quantity = min(left, part.quantity)
        left -= quantity
        if quantity > 0:
            committed = _ZERO if part.state is ScheduleLineState.BACKORDERED else quantity
            rows.append(DeliveryLine(date=part.date or line.delivery_date, quantity=quantity, committed=committed))
    if left > 0:
        rows.append(DeliveryLine(date=line.delivery_date, quantity=left, committed=_ZERO))
    return LineSchedule(line=line.number, schedule=_merged(rows), completed=line.closed, written=line.written)


def written_lines(state: OrderState) -> tuple[LineSchedule, ...]:
    """The lines as they were last written to the ERP, to be compared with what it holds."""
    priced = state.terms.route is not RouteKind.TRANSFER
    return tuple(
        LineSchedule(
            line=line.number,
            schedule=held.schedule or (DeliveryLine(date=held.delivery_date, quantity=held.quantity, committed=_ZERO),),
            completed=held.completed,
            written=held,
            price_unit=line.request.price_unit if priced else None,
        )
        for line in state.lines
        if (held := line.written) is not None
        and held.quantity > 0
        and not (held.deleted or held.blocked or line.cancelled or line.edits)
    )


def _merged(rows: list[DeliveryLine]) -> tuple[DeliveryLine, ...]:
    """One row per date."""
    by_day: dict[object, DeliveryLine] = {}
    for row in rows:
        known = by_day.get(row.date)
        if known is not None:
            row = DeliveryLine(
                date=row.date, quantity=row.quantity + known.quantity, committed=row.committed + known.committed
            )
        by_day[row.date] = row
    return tuple(sorted(by_day.values(), key=lambda row: row.date))


def coverage_of(state: OrderState, requirement: RequirementId) -> tuple[ScheduleLine, ...]:
    """R11: the coverage that the order gives a requirement; the surplus of its lots is not allocated.

    Lines that serve only this requirement are one supply: the surplus of one lot makes up for the shortfall of another.
    """
    lines = state.lines_of(requirement)
    given: list[ScheduleLine] = []
    for line in lines:
        if line.other_allocations:
            given += shared_out(line).by_requirement.get(requirement, ())
    own = [line for line in lines if not line.other_allocations]
    if own:
        supply = [part for line in own for part in line.supply]
        allocated = sum((line.allocated for line in own), _ZERO)
        request = AllocationRequest(requirement, allocated, own[0].request.required_date, own[0].request.criticality)
        given += allocate(supply, [request]).by_requirement[requirement]
    return tuple(sorted(given, key=lambda part: (part.date is None, part.date, part.state)))


def coverage(state: OrderState) -> CoverageReport:
    """The report to APS: the complete coverage of all requirements it knows, so that a lost report does no harm.

    Quantities are in the unit of each need. APS does not know the needs of our own orders.
    """
    assert state.order_number is not None
    return CoverageReport(
        order_id=state.id,
        order_number=state.order_number,
        plant=state.terms.plant,
        item_classes=state.item_classes,
        sequence=state.reports,
        as_of=state.as_of,
        entries=tuple(
            RequirementCoverage(
                requirement_id=requirement,
                schedule_lines=_in_need_unit(state, requirement),
                substitution=known.substitution if (known := state.substitutions.get(requirement)) else None,
            )
            for requirement in state.requirements()
            if not any(request.internal for request in _requests_of(state, requirement))
        ),
    )


def _requests_of(state: OrderState, requirement: RequirementId) -> list[SupplyRequest]:
    """The requirement's requests as granted on its lines, and on lines that it no longer shares."""
    left = [request for line in state.lines for request in line.released if request.requirement_id == requirement]
    return left + [line.request_of(requirement) for line in state.lines_of(requirement)]


def _in_need_unit(state: OrderState, requirement: RequirementId) -> tuple[ScheduleLine, ...]:
    schedule_lines, lines = coverage_of(state, requirement), state.lines_of(requirement)
    return in_need_unit(schedule_lines, lines[0].request_of(requirement).per_order_unit) if lines else schedule_lines


def changes_to_report(state: OrderState, today: dt.date) -> list[tuple[RequirementId, CoverageChanged]]:
    """Reports to the requirements whose coverage changed; none while they get what they requested, on the very day.

    A quantity that comes on another day is reported even if it is in time: the requirement alone knows the newest
    need, and tests it by what it knows of the coverage (R4, R7).
    """
    found: list[tuple[RequirementId, CoverageChanged]] = []
    for requirement in state.requirements():
        lines = state.lines_of(requirement)
        if requirement in state.pending:
            continue
        refused, open_quantity = _refusal(state, requirement, lines)
        overdue_since = _overdue_since(lines)
        never_answered = not any(line.answered_in for line in lines)
        if any(line.awaited for line in lines) and not (open_quantity or (overdue_since and never_answered)):
            # An open quantity is reported without waiting for the supplier; so is a first answer that came too late.
            continue
        schedule_lines = coverage_of(state, requirement)
        allocated = sum((line.allocated_to(requirement) for line in lines), _ZERO)
        closed = all(line.closed for line in lines) or _all_received(allocated, schedule_lines)
        known = requirement in state.reported
        asked_for = any(line.request_of(requirement).answered_on and line.answered_in for line in lines)
        request = lines[0].request_of(requirement) if lines else None
        if (
            request
            and not (known or closed or refused or asked_for or overdue_since)
            and _on_the_day(request, lines, schedule_lines)
        ):
            continue
        reported = CoverageChanged(
            order_id=state.id,
            sequence=0,
            as_of=state.as_of,
            supplier=state.terms.supplier,
            order_number=state.order_number,
            order_revision=state.revision,
            request_revision=state.considered.get(requirement, 0),
            schedule_lines=schedule_lines,
            refused=refused,
            remarks=_remarks(state, lines),
            open_quantity=open_quantity,
            closed=closed,
            overdue_since=overdue_since,
        )
        if state.reported.get(requirement) != digest(reported):
            found.append((requirement, reported))
    return found


def _remarks(state: OrderState, lines: list[Line]) -> tuple[str, ...]:
    """What the supplier said of the lines in words."""
    return tuple(dict.fromkeys(text for line in lines for text in state.remarks.get(line.number, ())))[:REMARKS_MAX]


def _all_received(allocated: Decimal, schedule_lines: tuple[ScheduleLine, ...]) -> bool:
    """Whether the requirement has received its allocated quantity; a surplus still to come does not matter."""
    return 0 < allocated <= _received(schedule_lines)


def received_of(reported: CoverageChanged) -> Decimal:
    """The quantity that the requirement has received from the order."""
    return _received(reported.schedule_lines)


def _received(schedule_lines: tuple[ScheduleLine, ...]) -> Decimal:
    return sum((part.quantity for part in schedule_lines if part.state is ScheduleLineState.RECEIVED), _ZERO)


def digest(reported: CoverageChanged) -> str:
    """A digest of everything in a report except when it is made."""
    body = reported.model_dump_json(exclude={"sequence", "as_of", "order_revision", "reported_at"})
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _refusal(state: OrderState, requirement: RequirementId, lines: list[Line]) -> tuple[str | None, Decimal]:
    reason = state.refusals.get(requirement)
    if reason is None and any(line.refused_by_supplier for line in lines):
        rejected = [line.number for line in lines if line.refused_by_supplier]
        reason = "rejected by the supplier" + in_the_suppliers_words(state, rejected)
    missing = state.missing(requirement)
    if missing and reason is None:
        reason = f"delivery is completed without {figure(missing)} {lines[0].request.unit}"
    return reason, state.open_quantities.get(requirement, _ZERO) + missing


def _overdue_since(lines: Iterable[Line]) -> dt.date | None:
    """The earliest date that has passed without a receipt."""
    return min((line.overdue_since for line in lines if line.overdue_since is not None), default=None)


def _on_the_day(request: SupplyRequest, lines: list[Line], schedule_lines: tuple[ScheduleLine, ...]) -> bool:
    """Whether the requirement gets all that it requested on the requested day."""
    allocated = sum((line.allocated_to(request.requirement_id) for line in lines), _ZERO)
    on_the_day = (
        part.quantity
        for part in schedule_lines
        if part.date == request.dock_date and part.state is not ScheduleLineState.BACKORDERED
    )
    return sum(on_the_day, _ZERO) >= allocated


def as_requested(
    state: OrderState,
    request: SupplyRequest,
    lines: list[Line],
    schedule_lines: tuple[ScheduleLine, ...],
    today: dt.date,
) -> bool:
    """Whether the requirement gets what it requested on the requested date, or in time for its pegs anyway (R7)."""
    allocated = sum((line.allocated_to(request.requirement_id) for line in lines), _ZERO)
    in_time = sum(
        (
            part.quantity
            for part in schedule_lines
            if part.date is not None
            and part.date <= request.dock_date
            and part.state is not ScheduleLineState.BACKORDERED
        ),
        _ZERO,
    )
    if in_time >= allocated:
        return True
    outcome = judge_feasibility(request.pegs, schedule_lines, request.goods_receipt_days, state.policy.calendar, today)
    return isinstance(outcome, Feasible)


def snapshot(state: OrderState) -> OrderSnapshot:
    """The current state, for the ledger's reads."""
    question = next(iter(state.questions.values()), None)
    return OrderSnapshot(
        id=state.id,
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        supplier_name=state.source.supplier_name,
        currency=state.terms.currency,
        stage=state.stage,
        requisition_number=state.requisition_number,
        order_number=state.order_number,
        erp=state.systems.erp,
        revision=state.revision,
        answered_revision=max((rank.order_revision for rank in state.answers), default=0),
        reminders=state.reminders + state.delivery_reminders,
        sent_references=tuple(document.reference for document in state.sent),
        lines=tuple(_line_snapshot(line) for line in state.lines),
        reason=status_text(state),
        approval=approval_awaited(state),
        route=state.terms.route,
        policy_version=state.policy.version,
        exception_id=question.id if question else None,
        at_risk=tuple(sorted(state.at_risk)),
        correlation_id=state.correlation_id,
        closed=state.stage in (OrderStage.CLOSED, OrderStage.CANCELLED),
    )


def _line_snapshot(line: Line) -> OrderLineSnapshot:
    return OrderLineSnapshot(
        line=line.number,
        item=line.request.item,
        item_class=line.request.item_class or "",
        requirement_id=line.request.requirement_id,
        quantity=line.quantity,
        unit=line.request.unit,
        delivery_date=line.delivery_date,
        price=str(line.price),
        schedule_lines=line.supply,
        shipped=max(line.counted_shipped, line.received),
        received=line.received,
        allocated=sum((allocation.allocated for allocation in line.allocations), Decimal(0)),
        cancelled=line.cancelled,
        shares=shares(line),
    )


def status_text(state: OrderState) -> str:
    """The order's status in a buyer's words."""
    awaited = [str(line.number) for line in state.awaited]
    match state.stage:
        case OrderStage.CONSOLIDATING:
            return "collects lines for the same supplier"
        case OrderStage.PLACING | OrderStage.UNSENT:
            if state.refusal:
                by = state.disapproval.system if state.disapproval else "the ERP"
                return f"{by} refused it: {state.refusal}"
            if state.approval:
                return waiting_words(state, state.approval)
            return "is being written to the ERP"
        case OrderStage.CLOSED:
            return "all received"
        case OrderStage.CANCELLED:
            return "cancelled"
        case _ if state.questions:
            return f"waits for a person: {', '.join(sorted(state.questions))}"
        case _ if state.approval:
            return f"a change {waiting_words(state, state.approval)}"
        case _ if awaited:
            return f"waits for {state.terms.supplier}'s answer to revision {state.revision}, lines {', '.join(awaited)}"
        case _:
            return "confirmed; waits for the goods"


def describe(state: OrderState) -> str:
    """The current state in an operator's words, for Temporal's UI."""
    number = f"order {state.order_number} (revision {state.revision})" if state.order_number else "no number yet"
    rows = "\n".join(
        f"- line {line.number}: {line.quantity} {line.request.unit} of {line.request.item} for {line.delivery_date}"
        f"{', cancelled' if line.cancelled else ''}, received {line.received}"
        for line in state.lines
    )
    head = f"**{state.stage.capitalize()}** — {status_text(state)}"
    return f"{head}\n\n{number} to {state.terms.supplier}, plant {state.terms.plant}\n\n{rows}"


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
        from_stock=_from_stock(line),
        transit_days=transit,
    )


def _from_stock(line: Line) -> Decimal:
    """What the supplying plant promised from its stock; in total never more than the line is for."""
    promised = sum((allocation.request.from_stock for allocation in line.allocations), Decimal(0))
    return min(line.quantity, promised)


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
    left_out = {"revision"} if need.from_stock else {"revision", "from_stock"}
    return hashlib.sha256(need.model_dump_json(exclude=left_out).encode()).hexdigest()[:16]


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

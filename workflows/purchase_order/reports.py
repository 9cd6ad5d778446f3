"""What an order tells of itself: schedules to the ERP, coverage to APS, statements to requirements, snapshots to the
ledger. Pure functions of its memory."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal

from canonical.cover import CoverageChanged, SliceState, SupplySlice, Want, in_need_unit
from canonical.coverage import CoverageReport, RequirementCoverage
from canonical.identity import RequirementId
from canonical.order import LineSchedule, OrderSchedule, ScheduleLine
from canonical.records import OrderLineSnapshot, OrderSnapshot, OrderStage
from decisions.allocation import Claim, allocate
from decisions.feasibility import Feasible, judge_feasibility
from workflows.purchase_order.line import Line
from workflows.purchase_order.sharing import shared_out, shares
from workflows.purchase_order.state import OrderState

_ZERO = Decimal(0)


def schedule(state: OrderState, numbers: Iterable[int]) -> OrderSchedule:
    """The delivery schedules of the lines as promised.

    None of cancelled lines, of those that a person edited, and of those that the supplier has yet to answer: what he
    promised of them before is not what they are now.
    """
    wanted = set(numbers)
    assert state.order_number is not None
    return OrderSchedule(
        order_id=state.id,
        order_number=state.order_number,
        lines=tuple(
            _line_schedule(line)
            for line in state.lines
            if line.number in wanted and not line.cancelled and not line.edits and not line.awaited
        ),
    )


def _line_schedule(line: Line) -> LineSchedule:
    left, rows = line.quantity, []
    for part in sorted(line.promised, key=lambda piece: (piece.date is None, piece.date or line.delivery_date)):
        quantity = min(left, part.quantity)
        left -= quantity
        if quantity > 0:
            committed = quantity if part.state is SliceState.CONFIRMED else _ZERO
            rows.append(ScheduleLine(date=part.date or line.delivery_date, quantity=quantity, committed=committed))
    if left > 0:
        rows.append(ScheduleLine(date=line.delivery_date, quantity=left, committed=_ZERO))
    return LineSchedule(line=line.number, schedule=_merged(rows), completed=line.closed, written=line.written)


def _merged(rows: list[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    """One row a day."""
    by_day: dict[object, ScheduleLine] = {}
    for row in rows:
        known = by_day.get(row.date)
        if known is not None:
            row = ScheduleLine(
                date=row.date, quantity=row.quantity + known.quantity, committed=row.committed + known.committed
            )
        by_day[row.date] = row
    return tuple(sorted(by_day.values(), key=lambda row: row.date))


def cover_of(state: OrderState, requirement: RequirementId) -> tuple[SupplySlice, ...]:
    """R11: what the order gives a requirement; the surplus of its lots is nobody's.

    The lines that serve it alone are one supply to it: what one lot brings beyond its need makes up for what another
    lot falls short.
    """
    lines = state.lines_of(requirement)
    given: list[SupplySlice] = []
    for line in lines:
        if line.sharers:
            given += shared_out(line).by_requirement.get(requirement, ())
    own = [line for line in lines if not line.sharers]
    if own:
        supply = [part for line in own for part in line.supply]
        claimed = sum((line.claim for line in own), _ZERO)
        claim = Claim(requirement, claimed, own[0].delivery_date, own[0].want.criticality)
        given += allocate(supply, [claim]).by_requirement[requirement]
    return tuple(sorted(given, key=lambda part: (part.date is None, part.date, part.state)))


def coverage(state: OrderState) -> CoverageReport:
    """What APS is told: the cover of all requirements that it knows, whole, so that a lost report does no harm.

    In the unit of each need. Needs that our own orders state are not APS's.
    """
    assert state.order_number is not None
    return CoverageReport(
        order_id=state.id,
        order_number=state.order_number,
        plant=state.terms.plant,
        sequence=state.reports,
        as_of=state.as_of,
        entries=tuple(
            RequirementCoverage(requirement_id=requirement, slices=_in_need_unit(state, requirement))
            for requirement in state.requirements()
            if not any(want.internal for want in _wants_of(state, requirement))
        ),
    )


def _wants_of(state: OrderState, requirement: RequirementId) -> list[Want]:
    """As granted on its lines, and on those that it has left."""
    left = [want for line in state.lines for want in line.former if want.requirement_id == requirement]
    return left + [line.want_of(requirement) for line in state.lines_of(requirement)]


def _in_need_unit(state: OrderState, requirement: RequirementId) -> tuple[SupplySlice, ...]:
    slices, lines = cover_of(state, requirement), state.lines_of(requirement)
    return in_need_unit(slices, lines[0].want_of(requirement).per_order_unit) if lines else slices


def news(state: OrderState) -> list[tuple[RequirementId, CoverageChanged]]:
    """Statements to the requirements whose picture changed; none where they get exactly what they wanted."""
    found: list[tuple[RequirementId, CoverageChanged]] = []
    for requirement in state.requirements():
        lines = state.lines_of(requirement)
        if requirement in state.pending:
            continue
        if any(line.awaited for line in lines) and not state.balances.get(requirement):
            # What must be ordered anew does not wait for the supplier.
            continue
        refused, balance = _refusal(state, requirement, lines)
        slices = cover_of(state, requirement)
        claimed = sum((line.claim_of(requirement) for line in lines), _ZERO)
        closed = all(line.closed for line in lines) or _all_received(claimed, slices)
        known = requirement in state.told
        asked_for = any(line.want_of(requirement).answered_on and line.answered_in for line in lines)
        want = lines[0].want_of(requirement) if lines else None
        if want and not (known or closed or refused or asked_for) and as_wanted(state, want, lines, slices):
            continue
        stated = CoverageChanged(
            order_id=state.id,
            sequence=0,
            as_of=state.as_of,
            supplier=state.terms.supplier,
            order_number=state.order_number,
            order_revision=state.revision,
            need_revision=state.considered.get(requirement, 0),
            slices=slices,
            refused=refused,
            balance=balance,
            closed=closed,
        )
        if state.told.get(requirement) != digest(stated):
            found.append((requirement, stated))
    return found


def _all_received(claimed: Decimal, slices: tuple[SupplySlice, ...]) -> bool:
    """The requirement has what it claimed; a surplus of its lots that is still to come is not its business."""
    received = sum((part.quantity for part in slices if part.state is SliceState.RECEIVED), _ZERO)
    return 0 < claimed <= received


def digest(stated: CoverageChanged) -> str:
    """What makes a statement new: everything but when it is made."""
    body = stated.model_dump_json(exclude={"sequence", "as_of", "order_revision", "stated_at"})
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _refusal(state: OrderState, requirement: RequirementId, lines: list[Line]) -> tuple[str | None, Decimal]:
    reason = state.refusals.get(requirement)
    if reason is None and any(line.refused_by_supplier for line in lines):
        reason = "rejected by the supplier"
    return reason, state.balances.get(requirement, _ZERO)


def as_wanted(state: OrderState, want: Want, lines: list[Line], slices: tuple[SupplySlice, ...]) -> bool:
    """Whether the requirement gets what it wanted when it wanted it, or in time for its pegs all the same (R7)."""
    claimed = sum((line.claim_of(want.requirement_id) for line in lines), _ZERO)
    in_time = sum(
        (
            part.quantity
            for part in slices
            if part.date is not None and part.date <= want.dock_date and part.state is not SliceState.BACKORDERED
        ),
        _ZERO,
    )
    if in_time >= claimed:
        return True
    verdict = judge_feasibility(want.pegs, slices, want.goods_receipt_days, state.policy.calendar)
    return isinstance(verdict, Feasible)


def snapshot(state: OrderState) -> OrderSnapshot:
    """The present state, for the ledger's reads."""
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
        revision=state.revision,
        answered_revision=max((rank.order_revision for rank in state.answers), default=0),
        reminders=state.reminders,
        lines=tuple(_line_snapshot(line) for line in state.lines),
        reason=standing(state),
        route=state.terms.route,
        policy_version=state.policy.version,
        exception_id=question.id if question else None,
        correlation_id=state.correlation_id,
        closed=state.stage in (OrderStage.CLOSED, OrderStage.CANCELLED),
    )


def _line_snapshot(line: Line) -> OrderLineSnapshot:
    return OrderLineSnapshot(
        line=line.number,
        item=line.want.item,
        requirement_id=line.want.requirement_id,
        quantity=line.quantity,
        unit=line.want.unit,
        delivery_date=line.delivery_date,
        price=str(line.price),
        slices=line.supply,
        shipped=max(line.shipped, line.received),
        received=line.received,
        claimed=sum((part.claim for part in line.parts), Decimal(0)),
        cancelled=line.cancelled,
        shares=shares(line),
    )


def standing(state: OrderState) -> str:
    """Where the order stands, in a buyer's words."""
    awaited = [str(line.number) for line in state.awaited]
    match state.stage:
        case OrderStage.COLLECTING:
            return "collects lines for the same supplier"
        case OrderStage.PLACING | OrderStage.UNSENT:
            if state.refusal:
                return f"the ERP refused it: {state.refusal}"
            return "is being written to the ERP"
        case OrderStage.CLOSED:
            return "all received"
        case OrderStage.CANCELLED:
            return "cancelled"
        case _ if state.questions:
            return f"waits for a person: {', '.join(sorted(state.questions))}"
        case _ if awaited:
            return f"waits for {state.terms.supplier}'s answer to revision {state.revision}, lines {', '.join(awaited)}"
        case _:
            return "confirmed; waits for the goods"


def describe(state: OrderState) -> str:
    """The present state in an operator's words, for Temporal's UI."""
    number = f"order {state.order_number} (revision {state.revision})" if state.order_number else "no number yet"
    rows = "\n".join(
        f"- line {line.number}: {line.quantity} {line.want.unit} of {line.want.item} for {line.delivery_date}"
        f"{', cancelled' if line.cancelled else ''}, received {line.received}"
        for line in state.lines
    )
    head = f"**{state.stage.capitalize()}** — {standing(state)}"
    return f"{head}\n\n{number} to {state.terms.supplier}, plant {state.terms.plant}\n\n{rows}"

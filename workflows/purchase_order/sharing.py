"""Order lines that several requirements share, if policy allows it: which supply requests may share a line, how it is
allocated (R11), and how it changes when one of them changes (R12, R5).

A shared line serves one date and takes an increase within one lot; once goods are received, no allocation is reduced in
favour of another requirement. Whether the line may be changed at all is decided elsewhere (R3, changes).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import JsonValue

from canonical.identity import RequirementId
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import LineShare
from canonical.supply import LotTerms, ScheduleLine, ScheduleLineState, SupplyRequest
from canonical.units import SAME, PerUnit
from decisions.allocation import AllocationRequest, Allocations, allocate
from decisions.lots import LotSizing, needed_together, size_needs
from decisions.shared_decrease import decrease_shared_line
from workflows.purchase_order.line import Line

_ZERO = Decimal(0)


class ShareChange(NamedTuple):
    """The change of a shared line and of one requirement's allocation."""

    quantity: Decimal
    """The new quantity of the line."""
    allocated: Decimal
    """The allocated quantity of it; the rest is surplus."""
    leaves: bool
    """The requirement leaves the line; what it still needs becomes a line of its own."""
    reason: Reason


# -- making lines


def share_groups(requests: Iterable[SupplyRequest], policy: PlantPolicy) -> list[list[SupplyRequest]]:
    """Group the supply requests into lines, in order of arrival; one without a match gets its own line.

    `policy` is the order's; items with their own rules follow those. A line is one lot (R5): a request that would make
    it two starts another line.
    """
    groups: list[list[SupplyRequest]] = []
    alike: dict[Hashable, list[SupplyRequest]] = {}
    for request in requests:
        if len(request.lots) != 1 or request.lot_terms is None or not (request.policy or policy).shared_lines:
            groups.append([request])
            continue
        likeness = _likeness(request)
        group = alike.get(likeness)
        if group is None or len(shared_lot([*group, request]).lots) != 1:
            group = alike[likeness] = []
            groups.append(group)
        group.append(request)
    return groups


def _likeness(request: SupplyRequest) -> Hashable:
    price = (request.price, request.price_breaks, request.currency, request.price_unit)
    terms = (request.info_record, request.agreement)
    dates = (request.dock_date, request.goods_receipt_days)
    made = (request.route, request.components, bool(request.from_stock))
    return (request.item, request.unit, request.lot_terms, made, price, terms, dates)


def shared_lot(requests: Sequence[SupplyRequest]) -> LotSizing:
    """R5 for all of them together, by their common terms: the exact sum of their needs, rounded once."""
    terms = requests[0].lot_terms
    assert terms is not None
    return _sized([request.exact_need for request in requests], requests, terms)


def _sized(needs: Sequence[tuple[Decimal, PerUnit]], of: Iterable[SupplyRequest], terms: LotTerms) -> LotSizing:
    units = {(request.unit, request.need_unit) for request in of}
    (unit, need_unit) = next(iter(units)) if len(units) == 1 else (next(iter(units))[0], "")
    return size_needs(needs, unit, need_unit, terms.minimum, terms.multiple, terms.maximum)


def _exact(request: SupplyRequest, held: Decimal) -> tuple[Decimal, PerUnit]:
    """An allocation of the line without rounding, where it is all that the request needs."""
    return request.exact_need if held == request.needed else (held, SAME)


# -- allocations


def shared_out(line: Line) -> Allocations:
    """R11: allocate the line's supply to its requirements; the surplus of the lot is not allocated."""
    return allocate(line.supply, _allocation_requests(line))


def shares(line: Line) -> tuple[LineShare, ...]:
    """The share of each requirement, including former ones; empty if the line was never shared."""
    if not line.other_allocations and not line.released:
        return ()
    given = shared_out(line).by_requirement
    present = tuple(
        LineShare(
            requirement_id=allocation.request.requirement_id,
            quantity=allocation.allocated,
            received=_sum(piece for piece in pieces if piece.state is ScheduleLineState.RECEIVED),
            schedule_lines=pieces,
        )
        for allocation in line.allocations
        for pieces in [given[allocation.request.requirement_id]]
    )
    return present + tuple(
        LineShare(requirement_id=request.requirement_id, quantity=_ZERO) for request in line.released
    )


def share_report(line: Line, policy_version: str) -> dict[str, JsonValue]:
    """The allocation of an answer to a shared line, for audit events; empty if the line is not shared."""
    if not line.other_allocations:
        return {}
    allocations = shared_out(line)
    return {
        "reason": allocations.reason(policy_version).model_dump(mode="json"),
        "shares": {
            requirement: [piece.model_dump(mode="json") for piece in pieces]
            for requirement, pieces in allocations.by_requirement.items()
        },
    }


def received_by(line: Line) -> dict[RequirementId, Decimal]:
    """The quantity of the line that each requirement has received."""
    return {
        requirement: _sum(piece for piece in pieces if piece.state is ScheduleLineState.RECEIVED)
        for requirement, pieces in shared_out(line).by_requirement.items()
    }


def receipt_report(line: Line, before: Mapping[RequirementId, Decimal]) -> dict[str, JsonValue]:
    """The allocation of goods received, or taken back, since; for audit events; empty if the line is not shared."""
    if not line.other_allocations:
        return {}
    now = received_by(line).items()
    return {"shares": {who: str(come - before[who]) for who, come in now if come != before[who]}}


def room_for(line: Line, requirement: RequirementId) -> Decimal:
    """The quantity of the line that the requirement may be allocated: what the others leave.

    Once goods are received, no more than its current allocation: goods received for others are not taken away.
    """
    if not line.other_allocations:
        return line.quantity
    others = sum(
        (allocation.allocated for allocation in line.allocations if allocation.request.requirement_id != requirement),
        _ZERO,
    )
    room = max(_ZERO, line.quantity - others)
    return min(room, line.allocated_to(requirement)) if line.received else room


def reallocate_shares(line: Line) -> list[RequirementId]:
    """Allocate the line's current quantity in R11's order; returns the requirements that get less than they need."""
    for allocation in line.allocations:
        line.set_allocated(allocation.request.requirement_id, _ZERO if line.cancelled else allocation.request.needed)
    has = _held(line)
    short: list[RequirementId] = []
    for allocation in line.allocations:
        requirement = allocation.request.requirement_id
        line.set_allocated(requirement, has[requirement])
        if has[requirement] < allocation.request.needed:
            short.append(requirement)
    return short


def _allocation_requests(line: Line) -> list[AllocationRequest]:
    """A request per allocation: the line has one dock date, but the required dates may differ."""
    return [
        AllocationRequest(
            allocation.request.requirement_id,
            allocation.allocated,
            allocation.request.required_date,
            allocation.request.criticality,
        )
        for allocation in line.allocations
    ]


def _held(line: Line) -> dict[RequirementId, Decimal]:
    """The allocation of the ordered quantity, which the supplier may have cut below the sum of needs."""
    ordered = ScheduleLine(quantity=line.quantity, date=line.delivery_date, state=ScheduleLineState.ORDERED)
    given = allocate([ordered], _allocation_requests(line)).by_requirement
    return {requirement: _sum(pieces) for requirement, pieces in given.items()}


def _sum(pieces: Iterable[ScheduleLine]) -> Decimal:
    return sum((piece.quantity for piece in pieces), _ZERO)


# -- changing a shared line


def judge_share(line: Line, request: SupplyRequest, policy_version: str) -> ShareChange:
    """The change of a shared line by one requirement's new supply request.

    Less, or nothing: R12, the others keep their allocations. More: R5 for all, if that is still one lot; else the line
    keeps its quantity and gives what is left. Another date: the requirement leaves, unless goods are already shipped or
    received, or a person asked to expedite the whole line.
    """
    terms = request.lot_terms or line.request.lot_terms
    assert terms is not None
    has, requirement = _held(line), request.requirement_id
    leaves = request.needed <= 0 or not _may_stay(line, request)
    asked = _ZERO if leaves else request.needed
    others = {
        allocation.request.requirement_id: allocation.request
        for allocation in line.allocations
        if allocation.request.requirement_id != requirement
    }
    needs = [_exact(other, has[name]) for name, other in others.items() if has[name]]
    if asked:
        needs.append(request.exact_need)
    if asked <= has[requirement]:
        needed = needed_together(needs, request.unit)
        less = decrease_shared_line(line.quantity, has, {requirement: asked}, terms.minimum, terms.multiple, needed)
        return ShareChange(less.quantity, sum(less.allocations.values(), _ZERO), leaves, less.reason(policy_version))
    sizing = _sized(needs, [request, *others.values()], terms)
    quantity = sizing.total if len(sizing.lots) == 1 else line.quantity
    return ShareChange(quantity, sizing.needed, False, sizing.reason(policy_version))


def _may_stay(line: Line, request: SupplyRequest) -> bool:
    own = line.request_of(request.requirement_id)
    same_date = request.dock_date in (own.dock_date, line.delivery_date)
    return request.unit == own.unit and (same_date or request.expedite or line.shipped > 0 or line.received > 0)

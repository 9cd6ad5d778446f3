"""R11, allocation: how one confirmation is divided among the requirements it serves.

Decided here: who gets which schedule line. Not here: whether that meets their need (R7).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Criticality
from canonical.identity import RequirementId
from canonical.reason import JsonValue, Reason, figure
from canonical.supply import ScheduleLine, ScheduleLineState


class AllocationRequest(NamedTuple):
    """What one requirement asks of the confirmation."""

    requirement_id: RequirementId
    quantity: Decimal
    required_date: dt.date
    """The day on which it needs the goods: days off between it and the dock make several one dock date."""
    criticality: Criticality = Criticality.B


class Allocations(NamedTuple):
    """The schedule lines of each requirement (empty where nothing was left for it), and the unallocated surplus."""

    by_requirement: dict[RequirementId, tuple[ScheduleLine, ...]]
    surplus: tuple[ScheduleLine, ...]
    rule: str = "R11"

    @property
    def why(self) -> str:
        """Who gets what, in the order in which they were served."""
        served = [f"{who}: {_parts(parts)}" for who, parts in self.by_requirement.items()]
        return "; ".join([*served, f"unclaimed: {_parts(self.surplus)}"] if self.surplus else served)

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; criticality, required date and id decide, no policy."""
        inputs: dict[str, JsonValue] = {who: _parts(parts) for who, parts in self.by_requirement.items()}
        return Reason(rule=self.rule, why=self.why, inputs=inputs, policy_version=policy_version)


def _parts(schedule_lines: Iterable[ScheduleLine]) -> str:
    statement = [f"{figure(part.quantity)} {part.state} for {part.date or 'no date'}" for part in schedule_lines]
    return " + ".join(statement) or "nothing"


def allocate(schedule_lines: Iterable[ScheduleLine], requests: Iterable[AllocationRequest]) -> Allocations:
    """R11: the earliest schedule lines to the most critical, then the earliest required date, then by id.

    Goods received are given first, backordered and undated schedule lines last. Nothing is allocated twice: allocations
    and surplus together are exactly the schedule lines. Several requests of one requirement are each served in turn.
    """
    supply = [piece for piece in sorted(schedule_lines, key=_firmest_first) if piece.quantity]
    supply.reverse()  # the next schedule line is the last of the list, so that taking it is cheap
    given: dict[RequirementId, list[ScheduleLine]] = {}
    for request in sorted(requests, key=_first_served):
        mine = given.setdefault(request.requirement_id, [])
        requested = request.quantity
        while requested > 0 and supply:
            piece = supply.pop()
            taken = min(requested, piece.quantity)
            mine.append(_part(piece, taken))
            requested -= taken
            if taken < piece.quantity:
                supply.append(_part(piece, piece.quantity - taken))
    return Allocations({requirement: _merged(mine) for requirement, mine in given.items()}, tuple(reversed(supply)))


def _firmest_first(piece: ScheduleLine) -> tuple[int, dt.date]:
    if piece.date is None:
        return (3, dt.date.max)
    firmness = (
        0 if piece.state is ScheduleLineState.RECEIVED else 2 if piece.state is ScheduleLineState.BACKORDERED else 1
    )
    return (firmness, piece.date)


def _first_served(request: AllocationRequest) -> tuple[Criticality, dt.date, RequirementId]:
    return (request.criticality, request.required_date, request.requirement_id)


def _part(piece: ScheduleLine, quantity: Decimal) -> ScheduleLine:
    return ScheduleLine(quantity=quantity, date=piece.date, state=piece.state)


def _merged(pieces: list[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    """Schedule lines of the same day and state as one, in the order given."""
    by_place: dict[tuple[ScheduleLineState, dt.date | None], ScheduleLine] = {}
    for piece in pieces:
        place = (piece.state, piece.date)
        held = by_place.get(place)
        by_place[place] = piece if held is None else _part(piece, held.quantity + piece.quantity)
    return tuple(by_place.values())

"""R13: which requirements and which parts of which orders hold a component."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canonical.bom import ComponentUse, SuppliedBy
from canonical.identity import RequirementId
from canonical.records import LineShare, OrderLineSnapshot, OrderStage, RequirementStage
from canonical.supply import ScheduleLine, ScheduleLineState
from ledger.engineering_change.where_used import pieces_of
from ledger.ledger import Ledger
from tests.ledger.stories import JUNE_15, audit_batch, line, need, order, request, requirement, reserve

JUNE_22 = date(2026, 6, 22)


def share(requirement_id: str, quantity: int, received: int = 0) -> LineShare:
    return LineShare(
        requirement_id=RequirementId(requirement_id), quantity=Decimal(quantity), received=Decimal(received)
    )


def coming(
    quantity: int, day: date | None = JUNE_15, state: ScheduleLineState = ScheduleLineState.CONFIRMED
) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=day, state=state)


def shared(*shares: LineShare, **changes: Any) -> OrderLineSnapshot:
    first = next(each.requirement_id for each in shares)
    return line(10, first).model_copy(update={"shares": shares} | changes)


def reported(pieces: list[SuppliedBy]) -> list[tuple[str | None, int, bool]]:
    return [(piece.requirement_id, int(piece.quantity), piece.received) for piece in pieces]


async def used(ledger: Ledger) -> ComponentUse:
    (use,) = await ledger.where_used("1000", "BIKE", "B", ["BK-100"])
    return use


async def test_a_line_that_two_share_brings_each_its_part_and_the_surplus_of_the_lot(ledger: Ledger) -> None:
    first, second = need("PLO-1", quantity="60"), need("PLO-2", quantity="30")
    await ledger.record([audit_batch(requirement(each)) for each in (first, second)])
    await ledger.record([audit_batch(order(lines=[shared(share(first.id, 60), share(second.id, 30))]))])
    assert reported(list((await used(ledger)).supply)) == [
        (first.id, 60, False),
        (second.id, 30, False),
        (None, 10, False),
    ]


async def test_the_order_of_a_need_that_ended_still_brings_the_component(ledger: Ledger) -> None:
    gone = need("PLO-1")
    await ledger.record([audit_batch(requirement(gone, RequirementStage.WITHDRAWN, closed=True))])
    await ledger.record([audit_batch(order(lines=[line(10, gone.id, received="30")]))])
    use = await used(ledger)
    assert use.requirements == ()
    assert reported(list(use.supply)) == [(gone.id, 70, False)], "what has come of it is the plant's stock"


async def test_an_order_in_consolidation_is_supply_that_the_supplier_does_not_know_of(ledger: Ledger) -> None:
    mine = need("PLO-1")
    await ledger.record([audit_batch(requirement(mine))])
    requested = request("PLO-1", lots=(60, 40)).model_copy(update={"requirement_id": mine.id})
    opened = await reserve(ledger, requested)
    (piece,) = (await used(ledger)).supply
    assert (piece.requirement_id, int(piece.quantity), piece.unsent) == (mine.id, 100, True)
    assert piece.reference == opened.order_id

    await ledger.record(
        [audit_batch(order("x", stage=OrderStage.CONSOLIDATING).model_copy(update={"id": opened.order_id}))]
    )
    assert (await used(ledger)).supply == (piece,)

    placed = order("x", stage=OrderStage.PLACING, lines=[line(10, mine.id)])
    await ledger.record([audit_batch(placed.model_copy(update={"id": opened.order_id}))])
    assert [each.line for each in (await used(ledger)).supply] == [10], "its lines say it now"


async def test_a_request_that_was_withdrawn_while_its_order_consolidated_brings_nothing(ledger: Ledger) -> None:
    await reserve(ledger, request("PLO-1"))
    await reserve(ledger, request("PLO-1", 2, lots=()))
    assert (await used(ledger)).supply == ()


async def test_of_an_ended_order_only_what_came_for_an_open_need_is_reported(ledger: Ledger) -> None:
    still_open, ended = need("PLO-1"), need("PLO-2")
    await ledger.record([audit_batch(requirement(still_open)), audit_batch(requirement(ended, closed=True))])
    lines = [line(10, still_open.id, received="100"), line(20, ended.id, received="100")]
    await ledger.record([audit_batch(order(lines=lines, closed=True))])
    assert reported(list((await used(ledger)).supply)) == [(still_open.id, 100, True)]


async def test_other_items_of_the_order_and_other_plants_are_left_out(ledger: Ledger) -> None:
    mine = need("PLO-1")
    await ledger.record([audit_batch(requirement(mine))])
    other = line(20, mine.id).model_copy(update={"item": "BK-200"})
    await ledger.record([audit_batch(order(lines=[line(10, mine.id), other]))])
    assert [piece.line for piece in (await used(ledger)).supply] == [10]
    (elsewhere,) = await ledger.where_used("2000", "BIKE", "B", ["BK-100"])
    assert (elsewhere.requirements, elsewhere.supply) == ((), ())


def test_the_first_schedule_line_goes_to_the_first_requirement_and_receipts_to_those_that_received_them() -> None:
    first, second = "requirement/1000/BK-100/a", "requirement/1000/BK-100/b"
    schedule_lines = (coming(20, state=ScheduleLineState.RECEIVED), coming(30, JUNE_22), coming(10, None), coming(40))
    of = shared(share(first, 50, 20), share(second, 30), schedule_lines=schedule_lines, received=Decimal(20))
    pieces = list(pieces_of(order(), of, {RequirementId(first), RequirementId(second)}))
    assert reported(pieces) == [
        (first, 20, True),
        (first, 30, False),
        (second, 10, False),
        (second, 20, False),
        (None, 10, False),
        (None, 10, False),
    ]
    assert [piece.date for piece in pieces[1:]] == [JUNE_15, JUNE_15, JUNE_22, JUNE_22, None]


AMOUNTS = st.integers(0, 60)


@given(
    allocations=st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=4),
    brings=st.lists(st.tuples(AMOUNTS, st.sampled_from((JUNE_15, JUNE_22, None))), min_size=1, max_size=4),
)
def test_the_allocations_of_a_shared_line_sum_to_its_supply_and_none_exceeds_its_quantity(
    allocations: list[tuple[int, int]], brings: list[tuple[int, date | None]]
) -> None:
    names = [RequirementId(f"requirement/1000/BK-100/{number}") for number in range(len(allocations))]
    shares = [
        share(name, allocated, min(allocated, came)) for name, (allocated, came) in zip(names, allocations, strict=True)
    ]
    schedule_lines = tuple(coming(quantity, day) for quantity, day in brings)
    pieces = list(pieces_of(order(), shared(*shares, schedule_lines=schedule_lines), set(names)))
    open_pieces = [piece for piece in pieces if not piece.received]
    assert sum(piece.quantity for piece in open_pieces) == sum(part.quantity for part in schedule_lines)
    for each in shares:
        given_to = sum(piece.quantity for piece in open_pieces if piece.requirement_id == each.requirement_id)
        assert given_to <= each.quantity - each.received
        came = sum(piece.quantity for piece in pieces if piece.received and piece.requirement_id == each.requirement_id)
        assert came == each.received
    allocated = sum(each.quantity - each.received for each in shares)
    nobodys = sum(piece.quantity for piece in open_pieces if piece.requirement_id is None)
    assert nobodys == max(Decimal(0), sum((part.quantity for part in schedule_lines), Decimal(0)) - allocated)

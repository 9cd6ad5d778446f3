import pytest

from canonical.records import ExceptionState, RequirementStage
from ledger.ledger import Ledger
from ledger.paging import BadCursor, Page
from ledger.snapshots.reads import RequirementRow
from ledger.work_list.work_list import WorkFilter
from tests.ledger.stories import (
    MORNING,
    TERMS,
    arrival,
    audit_batch,
    dead_letter,
    line,
    need,
    order,
    order_id,
    request,
    requirement,
    shortage,
)


def references(page: Page[RequirementRow]) -> list[str]:
    return [row.snapshot.need.demand_reference for row in page.items]


async def test_requirements_are_read_in_pages_that_stay_true_while_states_change(ledger: Ledger) -> None:
    needs = [need(f"PLO-{number}") for number in range(1, 8)]
    await ledger.record([audit_batch(requirement(one)) for one in needs])
    first = await ledger.reads.requirements(limit=3)
    await ledger.record([audit_batch(requirement(need("PLO-0")))])
    await ledger.record([audit_batch(requirement(needs[1], RequirementStage.SHORT))])
    second = await ledger.reads.requirements(limit=3, after=first.next)
    third = await ledger.reads.requirements(limit=3, after=second.next)
    assert references(first) + references(second) + references(third) == [f"PLO-{number}" for number in range(1, 8)]
    assert third.next is None


async def test_a_page_that_is_just_full_is_the_last(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need(f"PLO-{number}"))) for number in range(3)])
    assert (await ledger.reads.requirements(limit=3)).next is None


async def test_requirements_are_found_by_plant_item_stage_and_words(ledger: Ledger) -> None:
    snapshots = [
        requirement(need("PLO-1")),
        requirement(need("PLO-2", plant="2000"), RequirementStage.SHORT, reason="V-100 delivers 60 of 100"),
        requirement(need("PLO-3", item="BK-200", planner="Ada"), correlation_id="c-3"),
    ]
    await ledger.record([audit_batch(snapshot) for snapshot in snapshots])
    read = ledger.reads.requirements
    assert references(await read(plant="1000")) == ["PLO-1", "PLO-3"]
    assert references(await read(item="BK-100")) == ["PLO-1", "PLO-2"]
    assert references(await read(plant="1000", item="BK-100")) == ["PLO-1"]
    assert references(await read(stage=RequirementStage.SHORT)) == ["PLO-2"]
    assert references(await read(q="plo-3")) == ["PLO-3"]
    assert references(await read(q="60 of")) == ["PLO-2"]
    assert references(await read(q="ada")) == ["PLO-3"]
    assert references(await read(q="c-3")) == ["PLO-3"]
    assert references(await read(q="%")) == references(await read(q="_")) == references(await read(q="\0")) == []


async def test_requirements_are_found_by_the_order_that_serves_or_consolidates_them(ledger: Ledger) -> None:
    one, two = need("PLO-1"), need("PLO-2")
    await ledger.record([audit_batch(requirement(one)), audit_batch(requirement(two))])
    await ledger.record([audit_batch(order(lines=[line(10, two.id)], order_number="4500000001"))])
    collected = request().model_copy(update={"requirement_id": one.id})
    reservation = await ledger.reserve_order(collected, TERMS, consolidation_minutes=15, lines_max=40, days_max=10)
    read = ledger.reads.requirements
    assert references(await read(order=order_id("o1"))) == ["PLO-2"]
    assert references(await read(order="4500000001")) == ["PLO-2"]
    assert references(await read(order=reservation.order_id)) == ["PLO-1"]
    assert references(await read(order="4500000002")) == []


async def test_the_orders_of_a_requirement_are_those_with_a_line_for_it(ledger: Ledger) -> None:
    one, two = need("PLO-1"), need("PLO-2")
    orders = [
        order("o1", lines=[line(10, one.id), line(20, one.id)]),
        order("o2", lines=[line(10, two.id)]),
        order("o3", lines=[line(10, two.id), line(20, one.id)]),
    ]
    await ledger.record([audit_batch(snapshot) for snapshot in orders])
    assert [row.snapshot for row in await ledger.reads.orders_of(one.id)] == [orders[0], orders[2]]
    assert await ledger.reads.orders_of("requirement/none") == []


async def test_an_order_is_read_as_it_was_recorded(ledger: Ledger) -> None:
    snapshot = order(lines=[line(10, need().id)], order_number="4500000001", revision=3)
    await ledger.record([audit_batch(snapshot)])
    row = await ledger.reads.order(snapshot.id)
    assert row is not None
    assert (row.snapshot, row.position) == (snapshot, 1)
    assert await ledger.reads.order("order/none") is None


async def test_an_exception_is_read_as_it_was_recorded(ledger: Ledger) -> None:
    await ledger.record([audit_batch(shortage(1))])
    row = await ledger.reads.exception("exception/0001")
    assert row is not None
    assert row.snapshot == shortage(1)
    assert await ledger.reads.exception("exception/none") is None


async def test_a_cursor_of_another_list_is_refused(ledger: Ledger) -> None:
    await ledger.record([audit_batch(shortage(number)) for number in range(2)])
    of_questions = (await ledger.work_list.items(WorkFilter(plants=None), limit=1)).next
    with pytest.raises(BadCursor):
        await ledger.reads.requirements(after=of_questions)


async def test_the_inbox_of_an_entity_is_what_came_in_for_it(ledger: Ledger) -> None:
    stored = await ledger.inbox.store(
        [arrival("a", entity="4500000001"), arrival("b", entity="other"), arrival("c", entity="4500000001")]
    )
    await ledger.inbox.delivered([stored[0].id], "delivered")
    came = await ledger.reads.inbox_of("4500000001")
    assert [(message.event_id, message.status) for message in came] == [("a", "delivered"), ("c", "stored")]


async def test_the_summary_counts_what_waits(ledger: Ledger) -> None:
    nothing = await ledger.reads.waiting_summary()
    assert (nothing.undelivered, nothing.oldest_undelivered_at) == (0, None)
    stored = await ledger.inbox.store([arrival("a"), arrival("b"), arrival("c")])
    await ledger.inbox.delivered([stored[0].id], "delivered")
    await ledger.dead_letters.keep(dead_letter(), None)
    await ledger.dead_letters.replayed(await ledger.dead_letters.keep(dead_letter(b"2"), None), "delivered")
    await ledger.record([audit_batch(shortage(1)), audit_batch(shortage(2, state=ExceptionState.DECIDED))])
    summary = await ledger.reads.waiting_summary()
    assert (summary.undelivered, summary.open_dead_letters, summary.open_exceptions) == (2, 1, 1)
    assert summary.oldest_undelivered_at == MORNING

import pytest

from canonical.records import ExceptionState
from ledger.inbox.dead_letters import LetterState
from ledger.ledger import Ledger
from ledger.paging import BadCursor
from ledger.snapshots.lists import RequirementFilter
from ledger.work_list.work_list import WorkFilter
from tests.ledger.stories import (
    MORNING,
    arrival,
    audit_batch,
    dead_letter,
    line,
    need,
    order,
    shortage,
)


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
        await ledger.lists.requirements(RequirementFilter(), after=of_questions)


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
    settled = await ledger.dead_letters.keep(dead_letter(b"2"), None)
    await ledger.operations.settle(settled, LetterState.REPLAYED, "delivered", "olga")
    await ledger.record([audit_batch(shortage(1)), audit_batch(shortage(2, state=ExceptionState.DECIDED))])
    summary = await ledger.reads.waiting_summary()
    assert (summary.undelivered, summary.open_dead_letters, summary.open_exceptions) == (2, 1, 1)
    assert summary.oldest_undelivered_at == MORNING

from collections.abc import Awaitable, Callable

import pytest

from canonical.exception import ExceptionKind
from canonical.records import ExceptionState
from ledger.inbox.dead_letters import LetterState
from ledger.ledger import Ledger
from ledger.paging import BadCursor, Page
from ledger.snapshots.lists import RequirementFilter
from ledger.snapshots.reads import ExceptionRow
from tests.ledger.stories import (
    MORNING,
    arrival,
    audit_batch,
    dead_letter,
    line,
    need,
    order,
    requirement,
    shortage,
)


async def pages_of(read: Callable[[str | None], Awaitable[Page[ExceptionRow]]]) -> list[list[str]]:
    pages: list[list[str]] = []
    after = None
    while True:
        page = await read(after)
        pages.append([row.snapshot.id for row in page.items])
        if (after := page.next) is None:
            return pages


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


async def test_exceptions_are_read_newest_first_also_where_they_opened_together(ledger: Ledger) -> None:
    await ledger.record([audit_batch(shortage(number)) for number in range(7)])
    pages = await pages_of(lambda after: ledger.reads.exceptions(limit=2, after=after))
    assert pages == [
        ["exception/0006", "exception/0005"],
        ["exception/0004", "exception/0003"],
        ["exception/0002", "exception/0001"],
        ["exception/0000"],
    ]


async def test_exceptions_are_found_by_assignee_kind_and_state(ledger: Ledger) -> None:
    await ledger.record(
        [
            audit_batch(shortage(1)),
            audit_batch(shortage(2, assignee="planner", kind=ExceptionKind.MASTER_DATA)),
            audit_batch(shortage(3, state=ExceptionState.DECIDED)),
        ]
    )

    async def found(**by: object) -> list[str]:
        return [row.snapshot.id for row in (await ledger.reads.exceptions(**by)).items]  # type: ignore[arg-type]

    assert await found(assignee="planner") == ["exception/0002"]
    assert await found(kind=ExceptionKind.SHORTAGE) == ["exception/0003", "exception/0001"]
    assert await found(state=ExceptionState.OPEN) == ["exception/0002", "exception/0001"]
    assert await found(assignee="buyer", state=ExceptionState.OPEN) == ["exception/0001"]
    row = await ledger.reads.exception("exception/0001")
    assert row is not None
    assert row.snapshot == shortage(1)
    assert await ledger.reads.exception("exception/none") is None


async def test_a_cursor_of_another_list_is_refused(ledger: Ledger) -> None:
    await ledger.record([audit_batch(shortage(number)) for number in range(2)])
    await ledger.record([audit_batch(requirement(need(f"PLO-{number}"))) for number in range(2)])
    of_exceptions = (await ledger.reads.exceptions(limit=1)).next
    of_requirements = (await ledger.lists.requirements(RequirementFilter(), limit=1)).next
    with pytest.raises(BadCursor):
        await ledger.lists.requirements(RequirementFilter(), after=of_exceptions)
    with pytest.raises(BadCursor):
        await ledger.reads.exceptions(after=of_requirements)
    with pytest.raises(BadCursor, match="is not a cursor of the exceptions"):
        await ledger.reads.exceptions(after="WyJ5ZXN0ZXJkYXkiLCJpZCJd")


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

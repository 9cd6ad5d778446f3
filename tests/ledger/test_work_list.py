"""The list of questions: what it is filtered by, ordered by and led by."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, Decision, ExceptionKind
from canonical.need import Peg
from canonical.records import ExceptionState
from ledger.ledger import Ledger
from ledger.paging import BadCursor
from ledger.work_list.views import VIEWS_MAX, TooManyViews
from ledger.work_list.work_list import WorkFilter, WorkOrder
from tests.ledger.stories import JUNE_15, MORNING, audit_batch, line, need, order, requirement, shortage

ALL = WorkFilter(plants=None)


async def listed(ledger: Ledger, order: WorkOrder = WorkOrder.SAFE_DATE, **by: Any) -> list[str]:
    """The ids that pages of two give, without what is the same in all."""
    descending = by.pop("descending", False)
    filter = WorkFilter.model_validate({"plants": None} | by)
    found: list[str] = []
    after = None
    while True:
        page = await ledger.work_list.items(filter, order, descending=descending, limit=2, after=after)
        found += [item.name for item in page.items]
        if (after := page.next) is None:
            return found


async def test_a_question_is_listed_with_what_decides_how_pressing_it_is(ledger: Ledger) -> None:
    pegs = (
        Peg(demand="SO-7", quantity=Decimal(60), date=JUNE_15),
        Peg(demand="SO-9", quantity=Decimal(40), date=JUNE_15 + dt.timedelta(days=1)),
    )
    asked = shortage(
        1,
        item="BK-100",
        supplier="V-100",
        order_number="4500000001",
        pegs=pegs,
        latest_safe_date=JUNE_15,
        value=Decimal("1234.50"),
        currency="EUR",
        short_quantity=Decimal(60),
        unit="EA",
        working_days_late=2,
        criticality=Criticality.A,
        alternatives=(Alternative(choice=Choice.SPLIT, supplier="V-2"), Alternative(choice=Choice.ACCEPT)),
        escalations=1,
        on_behalf_of="buyer",
        assignee="dana",
    )
    await ledger.record([audit_batch(requirement(need("PLO-1", planner="P07"))), audit_batch(asked)])
    [item] = (await ledger.work_list.items(ALL)).items
    assert (item.demands, item.planners, item.choices) == (("SO-7", "SO-9"), ("P07",), ("split", "accept"))
    assert (item.latest_safe_date, item.value, item.currency) == (JUNE_15, Decimal("1234.50"), "EUR")
    assert (item.short_quantity, item.unit, item.working_days_late) == (Decimal(60), "EA", 2)
    assert (item.criticality, item.escalations, item.assignee, item.on_behalf_of) == ("A", 1, "dana", "buyer")
    assert (item.digest, item.summary, item.order_number) == (asked.digest, asked.proposal.summary, "4500000001")


async def test_an_orders_question_names_planners_and_demands_of_the_requirements_on_it(ledger: Ledger) -> None:
    pegging = (Peg(demand="SO-7", quantity=Decimal(100), date=JUNE_15),)
    needs = [need("PLO-1", planner="P07", pegging=pegging), need("PLO-2", planner="P03")]
    of_order = order(lines=[line(10, needs[0].id), line(20, needs[1].id)])
    asked = shortage(1, kind=ExceptionKind.NO_ANSWER, raised_by=of_order.id)
    await ledger.record([audit_batch(requirement(each)) for each in needs] + [audit_batch(of_order)])
    await ledger.record([audit_batch(asked)])
    [item] = (await ledger.work_list.items(ALL)).items
    assert (item.planners, item.demands) == (("P03", "P07"), ("SO-7", "PLO-2"))
    assert await listed(ledger, planner="P03") == ["0001"]
    assert await listed(ledger, demand="SO-*") == ["0001"]
    assert await listed(ledger, planner="P0") == []


async def test_what_was_decided_or_overtaken_says_why(ledger: Ledger) -> None:
    decision = Decision(
        event_id="d-1", digest="d", choice=Choice.ACCEPT, decided_by="sub-anna", comment="can wait", decided_at=MORNING
    )
    await ledger.record(
        [
            audit_batch(shortage(1, state=ExceptionState.DECIDED, decision=decision)),
            audit_batch(shortage(2, state=ExceptionState.OVERTAKEN, closing_reason="the plan withdrew it")),
        ]
    )
    decided, overtaken = (await ledger.work_list.items(ALL)).items
    assert (decided.choice, decided.decided_by, decided.closing_reason) == ("accept", "sub-anna", "can wait")
    assert (overtaken.choice, overtaken.closing_reason) == (None, "the plan withdrew it")
    since = await ledger.work_list.recorded_since(decided.recorded_at - dt.timedelta(seconds=1), 10)
    assert [item.id for item in since] == [decided.id, overtaken.id]


async def test_questions_are_ordered_by_each_column_in_both_directions(ledger: Ledger) -> None:
    later = JUNE_15 + dt.timedelta(days=3)
    await ledger.record(
        [
            audit_batch(shortage(1, latest_safe_date=later, value=Decimal(900), item="B", criticality=Criticality.A)),
            audit_batch(shortage(2, value=Decimal(20), item="A", escalations=2)),
            audit_batch(shortage(3, latest_safe_date=JUNE_15, value=Decimal(20), item="B", supplier="V-2")),
            audit_batch(shortage(4, latest_safe_date=later, value=Decimal(100), item="C", working_days_late=4)),
            audit_batch(shortage(5, latest_safe_date=JUNE_15, value=Decimal(7), criticality=Criticality.A)),
        ]
    )
    expected = {
        "safe_date": ["0005", "0003", "0001", "0004", "0002"],
        "value": ["0005", "0003", "0002", "0004", "0001"],
        "item": ["0005", "0002", "0003", "0001", "0004"],
        "late": ["0005", "0003", "0001", "0002", "0004"],
        "escalation": ["0005", "0003", "0001", "0004", "0002"],
        "supplier": ["0005", "0001", "0004", "0002", "0003"],
    }
    for order_by, names in expected.items():
        assert await listed(ledger, WorkOrder(order_by)) == names, order_by
    assert await listed(ledger, descending=True) == ["0001", "0004", "0005", "0003", "0002"]
    assert await listed(ledger, WorkOrder.VALUE, descending=True) == ["0001", "0004", "0003", "0002", "0005"]
    for other in WorkOrder:
        assert sorted(await listed(ledger, other, descending=True)) == ["0001", "0002", "0003", "0004", "0005"]


async def test_questions_are_filtered_and_counted_by_what_they_are_about(ledger: Ledger) -> None:
    await ledger.record(
        [
            audit_batch(shortage(1, item="BK-100", supplier="V-100")),
            audit_batch(shortage(2, item="BK_100", assignee="planner", kind=ExceptionKind.MASTER_DATA)),
            audit_batch(shortage(3, state=ExceptionState.DECIDED)),
            audit_batch(shortage(4, plant="2000", assignee="dana", on_behalf_of="Buyer")),
        ]
    )
    assert await listed(ledger, item="BK-*") == ["0001"]
    assert await listed(ledger, item="BK_1*") == ["0002"]
    assert await listed(ledger, supplier="V-100", state=ExceptionState.OPEN) == ["0001"]
    assert await listed(ledger, kind=ExceptionKind.MASTER_DATA) == ["0002"]
    assert await listed(ledger, asked=("buyer",), state=ExceptionState.OPEN) == ["0001", "0004"]
    assert await listed(ledger, assignee="buyer") == ["0001", "0003"]
    assert await listed(ledger, plants=frozenset({"2000"})) == ["0004"]
    assert await listed(ledger, plants=frozenset({"2000"}), plant="1000") == []
    assert await listed(ledger, plants=frozenset()) == []
    here = WorkFilter(plants=frozenset({"1000"}), state=ExceptionState.OPEN, kind=ExceptionKind.MASTER_DATA)
    counts = await ledger.work_list.counts(here, ("buyer",))
    assert counts.all == {"shortage": 1, "master_data": 1}
    assert counts.asked == {"shortage": 1, "master_data": 0}
    values = await ledger.work_list.values({"1000"})
    assert (values.plants, values.suppliers, values.planners) == (("1000",), ("V-100",), ())
    assert set(await ledger.work_list.of(["exception/0001", "exception/0004"], {"1000"})) == {"exception/0001"}


async def test_a_cursor_of_another_order_is_refused(ledger: Ledger) -> None:
    await ledger.record([audit_batch(shortage(number)) for number in range(3)])
    after = (await ledger.work_list.items(ALL, limit=1)).next
    for order_by, descending in ((WorkOrder.VALUE, False), (WorkOrder.SAFE_DATE, True)):
        with pytest.raises(BadCursor):
            await ledger.work_list.items(ALL, order_by, descending=descending, after=after)


async def test_views_are_kept_by_name_and_shared_with_others(ledger: Ledger) -> None:
    await ledger.work_views.save("anna", "mine", "kind=shortage", shared=False)
    await ledger.work_views.save("ben", "ours", "plant=2000", shared=True)
    await ledger.work_views.save("anna", "mine", "kind=overdue", shared=False)
    assert [(view.name, view.query) for view in await ledger.work_views.seen_by("anna")] == [
        ("mine", "kind=overdue"),
        ("ours", "plant=2000"),
    ]
    [ours] = await ledger.work_views.seen_by("carl")
    assert not await ledger.work_views.remove("carl", ours.id)
    assert await ledger.work_views.remove("ben", ours.id)
    assert await ledger.work_views.seen_by("ben") == []


async def test_nobody_keeps_views_without_end(ledger: Ledger) -> None:
    for number in range(VIEWS_MAX):
        await ledger.work_views.save("anna", f"v{number}", "", shared=False)
    await ledger.work_views.save("anna", "v3", "kind=shortage", shared=False)
    with pytest.raises(TooManyViews):
        await ledger.work_views.save("anna", "one more", "", shared=False)

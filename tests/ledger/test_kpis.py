"""Measures are kept as events are recorded: each once, replaced attempts undone, and the same when made again."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.audit_event import PendingEvent
from canonical.calendar import Calendar
from canonical.kpi import Dimension, Kpi, KpiFigure, PlantPeriod
from canonical.records import AuditBatch, ExceptionState, OrderStage, RequirementStage, Snapshot
from decisions.calendars import add_business_hours
from decisions.kpis import business_seconds, nearest_rank, plant_period
from ledger.kpis.measures import TABLES
from ledger.ledger import Ledger
from tests.ledger.stories import MORNING, line, need, order, received, request, requirement, reserve, shortage

R1 = need().id
HOUR = dt.timedelta(hours=1)
PLANT = Calendar(name="1000", zone="Europe/Berlin")
JUNE = (dt.date(2026, 6, 1), dt.date(2026, 6, 30))
Event = tuple[str, float, dict[str, Any]]
"""Its kind, hours after nine twenty UTC on 1 June, and its data."""


class Story:
    """Records what entities say, each counting its own events."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts: dict[str, int] = {}

    async def say(self, snapshot: Snapshot, *said: Event, again_from: int = 0) -> None:
        """Record events; `again_from`: a later attempt of the task says them from this count on."""
        first = again_from or self._counts.get(snapshot.id, 0) + 1
        self._counts[snapshot.id] = first + len(said) - 1
        events = tuple(
            PendingEvent(
                sequence=first + place,
                kind=kind,
                business_time=MORNING + hours * HOUR,
                processing_time=MORNING + hours * HOUR,
                data=data,
            )
            for place, (kind, hours, data) in enumerate(said)
        )
        batch = AuditBatch(audit_events=events, snapshot=snapshot, writer="run-1")
        await self._ledger.record([batch])
        await self._ledger.unmeasured.clear()
        await self._ledger.record([batch])  # a repeated call
        await self._ledger.unmeasured.clear()


@pytest.fixture
def story(ledger: Ledger) -> Story:
    return Story(ledger)


def at(day: int = 30) -> dt.datetime:
    return dt.datetime(2026, 6, day, 21, tzinfo=dt.UTC)


def june(now: dt.datetime | None = None, first: dt.date = JUNE[0], last: dt.date = JUNE[1]) -> list[PlantPeriod]:
    return [plant_period("1000", PLANT, PLANT, 16, first, last, now or at())]


async def figure(ledger: Ledger, kpi: Kpi, periods: Sequence[PlantPeriod] | None = None, **more: Any) -> KpiFigure:
    (found,) = await ledger.kpis.figures(periods or june(), kpis=[kpi], **more)
    return found


def counts(found: KpiFigure) -> list[Any]:
    """How many of how many."""
    return [found.counted, found.of]


def decided(supplier: str = "V-100") -> dict[str, Any]:
    return {"outcome": {"supplier": supplier, "route": "direct"}, "item": {"item_class": "chains"}}


def answer(
    line_number: int, revision: int | None, *, state: str = "confirmed", day: str = "2026-06-15"
) -> dict[str, Any]:
    part = {"quantity": "100", "date": day, "state": state}
    return {"revision": revision, "lines": [{"line": line_number, "schedule_lines": [part], "requirement_id": R1}]}


async def opened(ledger: Ledger, story: Story) -> None:
    """A requirement whose order of two lines is sent at 13:20."""
    await reserve(ledger, request("aps~PLO-1"))
    await story.say(
        requirement(need()),
        ("requirement.opened", 1, {}),
        ("sourcing.decided", 1, decided()),
        ("supply_request.sent", 1, {"decided_by": None}),
    )
    lines = [{"line": number, "requirement_id": R1, "quantity": "100"} for number in (10, 20)]
    two = order(lines=[line(10, R1), line(20, R1)])
    await story.say(two, ("consolidation.closed", 2, {"lines": lines}))
    await story.say(
        two, ("order.placed", 3, {"duplicates_cancelled": []}), ("order.sent", 4, {"revision": 1, "changed": []})
    )


async def test_a_requirement_becomes_requisition_and_order(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    to_requisition = (await figure(ledger, Kpi.REQUIREMENT_TO_REQUISITION)).closed
    to_order = (await figure(ledger, Kpi.REQUIREMENT_TO_ORDER)).closed
    assert to_requisition is not None
    assert to_order is not None
    assert (to_requisition.count, to_requisition.p50) == (1, Decimal(2))
    assert (to_order.count, to_order.p90) == (1, Decimal(3))
    lines = (await figure(ledger, Kpi.REQUISITION_TO_ORDER)).closed
    assert lines is not None
    assert (lines.count, lines.p95) == (2, Decimal(2))
    on_order = await figure(ledger, Kpi.LINES_ON_ORDER)
    assert [on_order.value, *counts(on_order)] == [1, 2, 2]


async def test_a_revision_is_answered_first_and_confirmed_in_full_later(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    two = order(lines=[line(10, R1), line(20, R1)])
    waiting = (await figure(ledger, Kpi.ACKNOWLEDGMENT_LATENCY, june(MORNING + 10 * HOUR))).open
    assert waiting is not None
    assert (waiting.count, waiting.longest) == (1, Decimal(6))
    await story.say(two, ("order.answered", 6, answer(10, 1)))
    await story.say(two, ("order.answered", 7, answer(20, 1, state="backordered")))
    await story.say(two, ("order.answered", 9, answer(20, None)))
    first = (await figure(ledger, Kpi.ACKNOWLEDGMENT_LATENCY)).closed
    whole = (await figure(ledger, Kpi.CONFIRMATION_LATENCY)).closed
    assert first is not None
    assert whole is not None
    assert (first.count, first.p50) == (1, Decimal(2))
    assert (whole.count, whole.p50) == (1, Decimal(5))


async def test_orders_are_timely_by_business_hours(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    # Sent on Monday at 15:20 in Berlin: sixteen business hours end on Wednesday at 13:20.
    assert add_business_hours(PLANT, MORNING + 4 * HOUR, Decimal(16)) == dt.datetime(2026, 6, 3, 11, 20, tzinfo=dt.UTC)
    two = order(lines=[line(10, R1), line(20, R1)])
    before = await figure(ledger, Kpi.ACKNOWLEDGMENT_TIMELINESS, june(dt.datetime(2026, 6, 3, 11, tzinfo=dt.UTC)))
    assert before.of == 0
    assert before.value is None
    both = {"revision": 1, "lines": [each for number in (10, 20) for each in answer(number, 1)["lines"]]}
    await story.say(two, ("order.answered", 49.9, both))
    assert (await figure(ledger, Kpi.ACKNOWLEDGMENT_TIMELINESS)).value == 1


async def test_a_late_answer_misses_the_sla(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    both = {"revision": 1, "lines": [each for number in (10, 20) for each in answer(number, 1)["lines"]]}
    await story.say(order(lines=[line(10, R1), line(20, R1)]), ("order.answered", 50.1, both))
    found = await figure(ledger, Kpi.ACKNOWLEDGMENT_TIMELINESS)
    assert [found.value, found.of] == [0, 1]


async def test_revisions_that_the_supplier_saw_are_nervousness(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    two = order(lines=[line(10, R1), line(20, R1), line(30, R1)])
    changed = {"revision": 2, "lines": [{"line": 10, "requirement_id": R1, "quantity": "60"}]}
    await story.say(two, ("order.changed", 20, changed))
    await story.say(two, ("order.changed", 21, changed), ("order.sent", 22, {"revision": 2, "changed": [10]}))
    more = {
        "revision": 3,
        "lines": [
            {"line": 10, "requirement_id": R1, "quantity": "80"},
            {"line": 30, "requirement_id": R1, "quantity": "50"},
        ],
    }
    await story.say(two, ("order.changed", 30, more), ("order.sent", 31, {"revision": 3, "changed": [10, 30]}))
    revisions = await figure(ledger, Kpi.REVISIONS_PER_LINE)
    assert counts(revisions) == [2, 3]
    nervous = await figure(ledger, Kpi.QUANTITY_NERVOUSNESS)
    assert counts(nervous) == [60, 250]


async def test_changes_are_closed_with_or_without_a_person(ledger: Ledger, story: Story) -> None:
    snapshot = requirement(need())
    await story.say(snapshot, ("requirement.opened", 1, {}), ("exception.raised", 2, {}))
    await story.say(snapshot, ("exception.decided", 3, {"decided_by": "anna"}))
    await story.say(snapshot, ("requirement.changed", 4, {}))
    await story.say(snapshot, ("requirement.change_suppressed", 5, {}), ("requirement.changed", 6, {}))
    await story.say(snapshot, ("exception.raised", 7, {}))
    asked = await figure(ledger, Kpi.AUTOMATED)
    assert [asked.value, *counts(asked), asked.apart] == [1, 1, 1, 1]
    assert asked.open is not None
    assert asked.open.count == 1
    await story.say(snapshot, ("exception.decided", 8, {"decided_by": "anna"}))
    found = await figure(ledger, Kpi.AUTOMATED, group_by=Dimension.BUYER)
    assert found.value == Decimal("0.5")


async def test_questions_age_in_business_hours_and_incidents_apart(ledger: Ledger, story: Story) -> None:
    open_one, closed = shortage(1), shortage(2)
    await story.say(open_one, ("exception.opened", 0, {"to": "buyer"}))
    await story.say(closed, ("exception.opened", 0, {"to": "buyer"}), ("exception.escalated", 5, {"to": "manager"}))
    ended = shortage(2, state=ExceptionState.DECIDED, closed=True)
    await story.say(ended, ("exception.closed", 24, {"decided_by": "anna"}))
    await story.say(requirement(need()), ("incident.opened", 1, {"call": "erp.place"}))
    found = await figure(ledger, Kpi.QUESTION_AGEING, june(MORNING + 48 * HOUR))
    assert found.closed is not None
    assert found.open is not None
    # From 11:20 in Berlin to the next day at 11:20: 5 h 40 and 3 h 20.
    assert (found.closed.count, found.closed.p50) == (1, Decimal(9))
    assert (found.open.count, found.open.longest) == (1, Decimal(18))
    incident = await figure(ledger, Kpi.INCIDENT_AGEING, june(MORNING + 3 * HOUR))
    assert incident.open is not None
    assert incident.open.longest == Decimal(2)
    page = await ledger.kpis.entities(Kpi.QUESTION_AGEING, june(MORNING + 48 * HOUR), still_open=True)
    assert [(each.id, each.value) for each in page.items] == [(open_one.id, Decimal(18))]


async def test_late_material_counts_by_demand_and_by_quantity_and_working_days(ledger: Ledger, story: Story) -> None:
    in_time, late = need("PLO-1"), need("PLO-2")
    ended: dict[str, Any] = {"stage": RequirementStage.FULFILLED, "closed": True}
    await story.say(
        requirement(in_time, coverage=(received("100"),), **ended),
        ("requirement.opened", 1, {}),
        ("requirement.fulfilled", 300, {}),
    )
    # Required on Monday the 15th; 40 come on Thursday, 60 on the Monday after.
    parts = (received("40", dt.date(2026, 6, 18)), received("60", dt.date(2026, 6, 22)))
    await story.say(
        requirement(late, coverage=parts, **ended), ("requirement.opened", 1, {}), ("requirement.fulfilled", 400, {})
    )
    demands = await figure(ledger, Kpi.LATE_DEMANDS)
    assert [*counts(demands), demands.value] == [1, 2, Decimal("0.5")]
    assert (await figure(ledger, Kpi.QUANTITY_DAYS_LATE)).value == 40 * 3 + 60 * 5


async def test_duplicates_and_edits_count_by_document(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    two = order(lines=[line(10, R1), line(20, R1)])
    edited = {"line": 10, "field": "quantity", "edited_by": "MILLER"}
    await story.say(two, ("document.edited", 5, edited), ("document.edited", 6, edited | {"taken_back": True}))
    other = order("o2", lines=[line(10, R1)])
    await story.say(other, ("order.placed", 5, {"duplicates_cancelled": ["45"], "found_existing": True}))
    manual = await figure(ledger, Kpi.MANUAL_CORRECTION)
    assert counts(manual) == [1, 2]
    duplicates = await figure(ledger, Kpi.DUPLICATE_RATE)
    assert [*counts(duplicates), duplicates.apart] == [1, 2, 1]


async def test_a_period_has_the_days_of_the_plant(ledger: Ledger, story: Story) -> None:
    # 22:30 UTC on 30 June is 1 July in Berlin.
    hours = 29 * 24 + 13.25
    await story.say(shortage(1), ("exception.opened", hours, {"to": "buyer"}))
    await story.say(
        shortage(1, closed=True, state=ExceptionState.DECIDED), ("exception.closed", hours, {"decided_by": "anna"})
    )
    later = at() + dt.timedelta(days=30)
    for periods, count in ((june(later), 0), (june(later, dt.date(2026, 7, 1), dt.date(2026, 7, 1)), 1)):
        closed = (await figure(ledger, Kpi.QUESTION_AGEING, periods)).closed
        assert closed is not None
        assert closed.count == count


async def test_a_later_attempt_replaces_what_an_earlier_one_measured(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    two = order(lines=[line(10, R1), line(20, R1)])
    # The task that placed and sent was decided again, an hour later.
    await story.say(
        two,
        ("order.placed", 4, {"duplicates_cancelled": []}),
        ("order.sent", 5, {"revision": 1, "changed": []}),
        again_from=2,
    )
    for kpi, hours in (
        (Kpi.REQUIREMENT_TO_REQUISITION, 3),
        (Kpi.REQUIREMENT_TO_ORDER, 4),
        (Kpi.REQUISITION_TO_ORDER, 3),
    ):
        closed = (await figure(ledger, kpi)).closed
        assert closed is not None
        assert closed.p50 == hours
    assert (await figure(ledger, Kpi.MANUAL_CORRECTION)).of == 1


async def test_an_order_that_goes_on_is_open_again(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    ended = order(lines=[line(10, R1)], stage=OrderStage.CANCELLED, closed=True)
    await story.say(ended, ("order.cancelled", 8, {}))
    month = june(MORNING + 10 * HOUR)
    gone = (await figure(ledger, Kpi.ACKNOWLEDGMENT_LATENCY, month)).open
    assert gone is not None
    assert gone.count == 0
    back = {"line": 10, "quantity": "-5", "date": "2026-06-01", "received": "0", "receipt_number": "5"}
    await story.say(order(lines=[line(10, R1)]), ("goods.taken_back", 9, back))
    open_again = (await figure(ledger, Kpi.ACKNOWLEDGMENT_LATENCY, month)).open
    assert open_again is not None
    assert open_again.count == 1


async def test_what_is_made_again_is_what_was_kept(ledger: Ledger, story: Story, engine: AsyncEngine) -> None:
    await opened(ledger, story)
    two = order(lines=[line(10, R1), line(20, R1)])
    changed = {"revision": 2, "lines": [{"line": 10, "requirement_id": R1, "quantity": "60"}]}
    await story.say(two, ("order.changed", 20, changed), ("order.sent", 22, {"revision": 2, "changed": [10]}))
    await story.say(two, ("order.answered", 30, answer(10, 2)), ("document.edited", 31, {"line": 10}))
    receipt = {"line": 10, "quantity": "60", "date": "2026-06-15", "receipt_number": "5"}
    await story.say(two, ("shipment.announced", 40, {"lines": [{"line": 10, "quantity": "60"}]}))
    await story.say(two, ("goods.received", 340, receipt))
    await story.say(requirement(need()), ("requirement.changed", 50, {}), ("exception.raised", 51, {}))
    await story.say(shortage(1), ("exception.opened", 51, {"to": "buyer"}))
    await story.say(shortage(1), ("incident.opened", 52, {"call": "x"}), ("incident.closed", 53, {"call": "x"}))
    kept = await rows(engine)
    assert all(kept.values())
    await ledger.unmeasured.rebuild()
    assert await rows(engine) == kept


async def rows(engine: AsyncEngine) -> dict[str, list[Any]]:
    found = {}
    async with engine.connect() as connection:
        for table in TABLES:
            name = table.__tablename__
            found[name] = [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))]
    return found


async def test_percentiles_are_nearest_ranks_and_pages_go_on_by_key(ledger: Ledger, story: Story) -> None:
    hours = [0.5, 1, 1, 2, 3, 5, 8, 8, 9, 21]
    for number, lasted in enumerate(hours):
        await story.say(shortage(number), ("exception.opened", 0, {"to": "buyer"}))
        ended = shortage(number, closed=True, state=ExceptionState.DECIDED)
        await story.say(ended, ("exception.closed", lasted, {"decided_by": "anna"}))
    (period,) = june()
    begun = int(MORNING.timestamp())
    ages = [business_seconds(period.clock, begun, begun + int(lasted * 3600)) for lasted in hours]
    closed = (await figure(ledger, Kpi.QUESTION_AGEING)).closed
    assert closed is not None
    for percent, got in ((50, closed.p50), (90, closed.p90), (95, closed.p95)):
        rank = nearest_rank(ages, percent)
        assert rank is not None
        assert got == round(Decimal(rank) / 3600, 2)
    seen, after = [], None
    while True:
        page = await ledger.kpis.entities(Kpi.QUESTION_AGEING, june(), limit=3, after=after)
        seen += [each.id for each in page.items]
        after = page.next
        if after is None:
            break
    assert len(seen) == len(set(seen)) == len(hours)


async def test_a_foreign_plant_and_another_supplier_are_left_out(ledger: Ledger, story: Story) -> None:
    await opened(ledger, story)
    assert await ledger.kpis.figures([]) == []
    other = [plant_period("2000", PLANT, PLANT, 16, *JUNE, at())]
    assert (await figure(ledger, Kpi.REVISIONS_PER_LINE, other)).of == 0
    theirs = await figure(ledger, Kpi.REVISIONS_PER_LINE, filters={Dimension.SUPPLIER: "V-200"})
    assert theirs.of == 0
    by_class = await figure(ledger, Kpi.REVISIONS_PER_LINE, group_by=Dimension.ITEM_CLASS)
    assert by_class.group == "chains"
    assert by_class.of == 2

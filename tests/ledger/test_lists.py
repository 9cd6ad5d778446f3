"""The lists of requirements and orders, and who serves whom."""

import datetime as dt
from decimal import Decimal

import pytest

from canonical.identity import RequirementId
from canonical.records import LineShare, OrderStage, RequirementStage
from canonical.supply import ScheduleLine, ScheduleLineState
from ledger.ledger import Ledger
from ledger.paging import BadCursor, Page
from ledger.snapshots.lists import Order, OrderCondition, OrderFilter, RequirementFilter
from ledger.snapshots.reads import OrderRow, RequirementRow
from tests.ledger.stories import (
    JUNE_15,
    TERMS,
    audit_batch,
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


def names(page: Page[OrderRow]) -> list[str]:
    return [row.snapshot.id.rpartition("/")[2] for row in page.items]


def on(
    day: dt.date | None, quantity: int = 100, state: ScheduleLineState = ScheduleLineState.CONFIRMED
) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=day, state=state)


async def test_requirements_are_read_in_pages_that_stay_true_while_states_change(ledger: Ledger) -> None:
    needs = [need(f"PLO-{number}") for number in range(1, 8)]
    await ledger.record([audit_batch(requirement(one)) for one in needs])
    first = await ledger.lists.requirements(RequirementFilter(), limit=3)
    await ledger.record([audit_batch(requirement(need("PLO-0")))])
    await ledger.record([audit_batch(requirement(needs[1], RequirementStage.SHORT))])
    second = await ledger.lists.requirements(RequirementFilter(), limit=3, after=first.next)
    third = await ledger.lists.requirements(RequirementFilter(), limit=3, after=second.next)
    assert references(first) + references(second) + references(third) == [f"PLO-{number}" for number in range(1, 8)]
    assert third.next is None


async def test_a_page_that_is_just_full_is_the_last(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need(f"PLO-{number}"))) for number in range(3)])
    assert (await ledger.lists.requirements(RequirementFilter(), limit=3)).next is None


async def test_requirements_are_found_by_plant_item_stage_and_words(ledger: Ledger) -> None:
    snapshots = [
        requirement(need("PLO-1")),
        requirement(need("PLO-2", plant="2000"), RequirementStage.SHORT),
        requirement(need("PLO-3", item="BK-200", planner="Ada"), correlation_id="c-3"),
    ]
    await ledger.record([audit_batch(snapshot) for snapshot in snapshots])
    read = ledger.lists.requirements
    assert references(await read(RequirementFilter(plant="1000"))) == ["PLO-1", "PLO-3"]
    assert references(await read(RequirementFilter(item="BK-100"))) == ["PLO-1", "PLO-2"]
    assert references(await read(RequirementFilter(plant="1000", item="BK-100"))) == ["PLO-1"]
    assert references(await read(RequirementFilter(stage=RequirementStage.SHORT))) == ["PLO-2"]
    assert references(await read(RequirementFilter(q="plo-3"))) == ["PLO-3"]
    assert references(await read(RequirementFilter(q="ada"))) == ["PLO-3"]
    assert references(await read(RequirementFilter(q="c-3"))) == ["PLO-3"]
    assert references(await read(RequirementFilter(q="3"))) == ["PLO-3"], "a part of a word has a beginning, too"
    assert references(await read(RequirementFilter(q="bk-2 ad"))) == ["PLO-3"], "each word has to be met"
    for nonsense in ("%", "_", "\0", "'", "\\", ":*", "& |", "lo-3"):
        assert references(await read(RequirementFilter(q=nonsense))) == [], nonsense
    assert len(references(await read(RequirementFilter(q="  ")))) == 3


async def test_requirements_are_found_by_the_order_that_serves_or_consolidates_them(ledger: Ledger) -> None:
    one, two = need("PLO-1"), need("PLO-2")
    await ledger.record([audit_batch(requirement(one)), audit_batch(requirement(two))])
    await ledger.record([audit_batch(order(lines=[line(10, two.id)], order_number="4500000001"))])
    collected = request().model_copy(update={"requirement_id": one.id})
    reservation = await ledger.reserve_order(collected, TERMS, consolidation_minutes=15, lines_max=40, days_max=10)
    read = ledger.lists.requirements
    assert references(await read(RequirementFilter(order=order_id("o1")))) == ["PLO-2"]
    assert references(await read(RequirementFilter(order="4500000001"))) == ["PLO-2"]
    assert references(await read(RequirementFilter(order=reservation.order_id))) == ["PLO-1"]
    assert references(await read(RequirementFilter(order="4500000002"))) == []


async def test_what_is_open_comes_first_by_the_day_it_is_needed(ledger: Ledger) -> None:
    later = JUNE_15 + dt.timedelta(days=9)
    await ledger.record(
        [
            audit_batch(requirement(need("PLO-1", required_date=later))),
            audit_batch(requirement(need("PLO-2"))),
            audit_batch(requirement(need("PLO-3"), RequirementStage.FULFILLED, closed=True)),
            audit_batch(requirement(need("PLO-4", required_date=later))),
        ]
    )
    seen, after = [], None
    while True:
        page = await ledger.lists.requirements(RequirementFilter(), order=Order.DUE, limit=1, after=after)
        seen += references(page)
        if (after := page.next) is None:
            break
    assert seen == ["PLO-2", "PLO-1", "PLO-4", "PLO-3"]
    assert "PLO-3" not in references(await ledger.lists.requirements(RequirementFilter(open_only=True)))
    by_id = (await ledger.lists.requirements(RequirementFilter(), limit=1)).next
    with pytest.raises(BadCursor):
        await ledger.lists.requirements(RequirementFilter(), order=Order.DUE, after=by_id)


async def test_a_reader_sees_and_counts_only_what_is_at_the_own_plants(ledger: Ledger) -> None:
    await ledger.record(
        [
            audit_batch(requirement(need("PLO-1"))),
            audit_batch(requirement(need("PLO-2"), RequirementStage.SHORT)),
            audit_batch(requirement(need("PLO-3", plant="2000"), RequirementStage.SHORT)),
            audit_batch(order("o1", order_number="1")),
        ]
    )
    own, other = RequirementFilter(plants=["1000"]), RequirementFilter(plants=["2000"], q="PLO")
    assert references(await ledger.lists.requirements(own)) == ["PLO-1", "PLO-2"]
    assert references(await ledger.lists.requirements(other)) == ["PLO-3"]
    assert (await ledger.lists.requirement_counts(own)).by_stage == {"covered": 1, "short": 1}
    counts = await ledger.lists.requirement_counts(RequirementFilter(stage=RequirementStage.SHORT))
    assert counts.by_stage == {"covered": 1, "short": 2}, "counted whatever stage is shown"
    assert names(await ledger.lists.orders(OrderFilter(plants=["2000"]), {})) == []
    assert (await ledger.lists.order_counts(OrderFilter(plants=[]))).total == 0


async def test_orders_are_found_by_what_a_buyer_has_to_do_about_them(ledger: Ledger) -> None:
    passed, today = JUNE_15 - dt.timedelta(days=1), JUNE_15
    of = need().id
    late = order("late", stage=OrderStage.DELIVERING, order_number="1", requisition_number="R-1").model_copy(
        update={"lines": (line(10, of).model_copy(update={"schedule_lines": (on(passed), on(today))}),)}
    )
    here = line(10, of).model_copy(update={"schedule_lines": (on(passed, state=ScheduleLineState.RECEIVED), on(today))})
    await ledger.record(
        [
            audit_batch(late),
            audit_batch(order("here", stage=OrderStage.ACKNOWLEDGED, lines=[here], order_number="2")),
            audit_batch(order("asked", stage=OrderStage.SENT, order_number="3", supplier_name="Sattel & Söhne")),
            audit_batch(order("held", stage=OrderStage.UNSENT, order_number="4")),
            audit_batch(order("ended", stage=OrderStage.CLOSED, closed=True, lines=late.lines, order_number="5")),
        ]
    )
    at = {"1000": today, "2000": today + dt.timedelta(days=30)}

    async def which(**given: object) -> list[str]:
        return names(await ledger.lists.orders(OrderFilter(**given), at, order=Order.DUE))  # type: ignore[arg-type]

    assert await which(condition=OrderCondition.OVERDUE) == ["late"]
    assert await which(condition=OrderCondition.UNANSWERED) == ["asked"]
    assert await which(condition=OrderCondition.UNSENT) == ["held"]
    assert await which() == ["late", "here", "asked", "held", "ended"]
    assert await which(q="söhne sat") == ["asked"]
    assert await which(number="R-1") == await which(number="1") == await which(q="r-1") == ["late"]
    [found] = await ledger.lists.orders_by_number("R-1")
    assert found is not None
    assert found.snapshot.order_number == "1"
    assert await ledger.lists.orders_by_number("none") == []


async def test_a_line_serves_each_requirement_that_shares_it_and_a_batch_those_it_collects_for(ledger: Ledger) -> None:
    one, two, three = need("PLO-1"), need("PLO-2"), need("PLO-3")
    shares = tuple(
        LineShare(requirement_id=RequirementId(each.id), quantity=Decimal(50), schedule_lines=(on(JUNE_15, 50),))
        for each in (one, two)
    )
    shared = line(10, one.id).model_copy(update={"shares": shares})
    collected = request().model_copy(update={"requirement_id": two.id})
    await ledger.reserve_order(collected, TERMS, consolidation_minutes=0, lines_max=40, days_max=10)
    collecting = request().model_copy(update={"requirement_id": three.id})
    reservation = await ledger.reserve_order(collecting, TERMS, consolidation_minutes=15, lines_max=40, days_max=10)
    placed = (await ledger.reserve_order(collected, TERMS, consolidation_minutes=0, lines_max=40, days_max=10)).order_id
    snapshot = order("o1", lines=[shared, line(20, one.id)], order_number="1").model_copy(update={"id": placed})
    await ledger.record([audit_batch(snapshot)])
    serving = await ledger.lists.serving_lines([one.id, two.id, three.id])
    assert [(each.requirement_id[-5:], each.line.line if each.line else None) for each in serving] == [
        ("PLO-1", 10),
        ("PLO-1", 20),
        ("PLO-2", 10),
        ("PLO-3", None),
    ]
    assert serving[3].order_id == reservation.order_id
    assert serving[3].request is not None
    assert serving[3].stage is OrderStage.CONSOLIDATING


async def test_the_questions_of_an_entity_are_found_by_who_raised_them(ledger: Ledger) -> None:
    asked = shortage(1)
    await ledger.record([audit_batch(asked)])
    [found] = await ledger.lists.open_questions([asked.raised_by])
    assert (found.id, found.summary) == (asked.id, asked.proposal.summary)
    assert await ledger.lists.open_questions(["requirement/none"], [asked.id]) == [found]
    assert await ledger.lists.open_questions(["requirement/none"]) == []

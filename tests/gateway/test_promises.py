"""What suppliers promised and brought is kept as orders are recorded, and said beside the lines that are open."""

import datetime as dt
from decimal import Decimal

from canonical.exception import Alternative, Choice
from canonical.identity import OrderId
from canonical.need import Peg
from canonical.records import AuditBatch, OrderLineSnapshot, OrderSnapshot, OrderStage, RequirementStage
from canonical.supply import ScheduleLine, ScheduleLineState
from ledger.promises.promises import SettledPromises
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import shortage
from tests.gateway.fakes import TODAY, requirement_id
from tests.gateway.pages.story import line, need, page_of, part, text

MAY_4 = dt.date(2026, 5, 4)
ASKED = dt.date(2026, 5, 1)


def bought(number: int, *schedule: ScheduleLine, asked: dt.date = ASKED, closed: bool = False) -> OrderSnapshot:
    """An order for 10 of an item of class A."""
    received = sum((each.quantity for each in schedule if each.state is ScheduleLineState.RECEIVED), Decimal(0))
    only = OrderLineSnapshot(
        line=10,
        item="FR-R92B-58",
        item_class="A",
        requirement_id=requirement_id(),
        quantity=Decimal(10),
        unit="EA",
        delivery_date=asked,
        price="1",
        schedule_lines=schedule,
        shipped=received,
        received=received,
        allocated=Decimal(10),
    )
    stage = OrderStage.CLOSED if closed else OrderStage.ACKNOWLEDGED
    return OrderSnapshot(
        id=OrderId(f"order/P1/1580/p{number}"), plant="P1", supplier="1580", stage=stage, closed=closed, lines=(only,)
    )


def came(quantity: int, day: dt.date) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=day, state=ScheduleLineState.RECEIVED)


async def recorded(gateway: Gateway, *orders: OrderSnapshot) -> None:
    now = gateway.clock[0]
    batches = [AuditBatch(audit_events=(gateway.audit_event(each.id, "noted", now),), snapshot=each) for each in orders]
    await gateway.ledger.record(batches)


async def settled(gateway: Gateway) -> list[SettledPromises]:
    return await gateway.ledger.promises.settled(dt.date(2026, 1, 1))


async def test_the_first_promise_counts_until_we_ask_for_another_day(gateway: Gateway) -> None:
    await recorded(gateway, bought(1, part(10, MAY_4)))
    await recorded(gateway, bought(1, part(10, MAY_4 + dt.timedelta(days=3))))
    assert await settled(gateway) == []
    await recorded(gateway, bought(1, came(10, MAY_4 + dt.timedelta(days=2)), closed=True))
    (promise,) = await settled(gateway)
    assert (promise.promised_on, promise.received_on, promise.lacking) == (MAY_4, dt.date(2026, 5, 6), Decimal(0))

    await recorded(gateway, bought(2, part(10, MAY_4)))
    moved = dt.date(2026, 5, 20)
    await recorded(gateway, bought(2, part(10, moved), asked=moved))
    await recorded(gateway, bought(2, came(10, moved), asked=moved))
    assert {each.promised_on for each in await settled(gateway)} == {MAY_4, moved}


async def test_what_never_came_whole_is_kept_as_such_and_what_nobody_promised_is_not(gateway: Gateway) -> None:
    await recorded(gateway, bought(1, part(10, MAY_4)), bought(2, part(6, MAY_4)))
    await recorded(
        gateway,
        bought(1, came(7, MAY_4), closed=True),
        bought(2, came(6, MAY_4), closed=True),
        bought(3, came(10, MAY_4)),
    )
    (promise,) = await settled(gateway)
    assert promise.lacking == Decimal("0.3")


async def habits(gateway: Gateway) -> None:
    """34 receipts: 20 on the day, 5 two working days late, 9 four."""
    late = [0] * 20 + [2] * 5 + [4] * 9
    await recorded(gateway, *(bought(number, part(10, MAY_4)) for number in range(len(late))))
    await recorded(
        gateway, *(bought(number, came(10, MAY_4 + dt.timedelta(days=days))) for number, days in enumerate(late))
    )


async def test_a_page_says_how_likely_a_line_misses_its_day_and_why(gateway: Gateway) -> None:
    """Of 34 receipts, 9 came more than 2 working days late; the demand is 2 working days after the promised goods."""
    await habits(gateway)
    wanted = need(pegging=(Peg(demand="SO-1", quantity=Decimal(500), date=TODAY + dt.timedelta(days=11)),))
    promised = line(10, wanted.id, part(500, TODAY + dt.timedelta(days=7)), quantity="500")
    await gateway.requirement(wanted, RequirementStage.COVERED)
    await gateway.order(lines=(promised.model_copy(update={"item_class": "A"}),))
    learned = await gateway.app.state.parts.promises.learned()
    assert learned.of_all.later_than(2) == 9
    page = await text(gateway, page_of(wanted))
    assert "26 % risk of missing it" in page
    assert (
        "9 of 34 receipts of 1580 in class A came more than 2 working days late or not whole; this line has 2." in page
    )
    assert "26 % risk of missing it" in await text(gateway, "/orders/P1/1580/o4500000001")


async def test_a_way_out_says_how_likely_its_day_holds(gateway: Gateway) -> None:
    await habits(gateway)
    base = shortage()
    ways = (
        Alternative(choice=Choice.ACCEPT, available_on=TODAY),
        Alternative(choice=Choice.SPLIT, supplier="1616", available_on=TODAY),
        Alternative(choice=Choice.RESCHEDULE, available_on=TODAY),
    )
    proposal = base.proposal.model_copy(update={"supplier": "1580", "alternatives": ways})
    await gateway.record(base.model_copy(update={"proposal": proposal, "digest": proposal.digest}))
    page = await text(gateway, "/questions/abcdefghijkl")
    assert page.count("<dt>Risk</dt>") == 2
    assert "41 % that this day is missed: 14 of 34 receipts of 1580 came late or not whole" in page
    assert "41 % that this day is missed: 14 of 34 receipts of all suppliers came late or not whole" in page

"""What suppliers promised and brought is kept as orders are recorded, and said beside the lines that are open."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from canonical.exception import Alternative, Choice, ExceptionKind
from canonical.identity import OrderId
from canonical.need import Peg
from canonical.policy import PromiseRules
from canonical.records import AuditBatch, OrderLineSnapshot, OrderSnapshot, OrderStage, RequirementStage
from canonical.supply import ScheduleLine, ScheduleLineState
from ledger.promises.promises import SettledPromises
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import shortage
from tests.gateway.fakes import TODAY, requirement_id
from tests.gateway.pages.story import line, need, page_of, part, text
from tests.gateway.questions import asked

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


async def risky_order(gateway: Gateway, number: int, spare: int, **changes: Any) -> OrderSnapshot:
    """500 for a demand in 11 days, confirmed so many days before it."""
    due = TODAY + dt.timedelta(days=11)
    wanted = need(f"PLO-{number}", pegging=(Peg(demand=f"SO-{number}", quantity=Decimal(500), date=due),))
    promised = line(10, wanted.id, part(500, due - dt.timedelta(days=spare)), quantity="500")
    await gateway.requirement(wanted, RequirementStage.COVERED)
    return await gateway.order(
        f"450000000{number}", lines=(promised.model_copy(update={"item_class": "A"}),), **changes
    )


async def test_the_inbox_is_ranked_by_the_chance_that_a_pegged_date_is_missed(gateway: Gateway) -> None:
    """Of two orders one has 2 working days to spare and one none: 26 % and 41 % of the receipts would miss the day."""
    await habits(gateway)
    for number, spare in ((1, 4), (2, 2)):
        order = await risky_order(gateway, number, spare)
        peg = Peg(demand=f"SO-{number}", quantity=Decimal(500), date=TODAY)
        raised_by = order.lines[0].requirement_id
        await gateway.record(asked(f"q{number}", pegs=(peg,)).model_copy(update={"raised_by": raised_by}))
    await gateway.record(asked("q3").model_copy(update={"raised_by": "order/P1/1580/unknown"}))
    risks = gateway.app.state.parts.risks
    assert (await risks.rate(), await risks.rate()) == (3, 0)

    listed = (await gateway.client.get("/v1/exceptions?sort=-risk")).json()["items"]
    assert [(one["id"], one["risk"]) for one in listed] == [
        ("exception/q2", "0.4118"),
        ("exception/q1", "0.2647"),
        ("exception/q3", None),
    ]
    why = "For SO-2: 14 of 34 receipts of 1580 in class A came late or not whole; this line has none to spare."
    assert listed[0]["risk_why"] == why
    inbox = await text(gateway, "/inbox?sort=-risk")
    assert [*re.findall(r'<tr id="q-([^"]+)"', inbox)] == ["q2", "q1", "q3"]
    assert f'title="{why}">41 %' in inbox
    assert 'aria-sort="descending"><a href="/inbox?sort=risk"' in inbox
    assert 'href="/inbox?sort=-risk"' in await text(gateway, "/inbox")
    first = (await gateway.client.get("/v1/exceptions?sort=-risk&limit=1")).json()["next"]
    assert (await gateway.client.get(first)).json()["items"][0]["id"] == "exception/q1"
    assert f"<dd>41 %. {why}" in await text(gateway, "/questions/q2")


async def test_a_question_that_changed_is_rated_again(gateway: Gateway) -> None:
    wanted = need()
    await gateway.requirement(wanted, RequirementStage.COVERED)
    await gateway.record(asked("q1", pegs=wanted.pegs).model_copy(update={"raised_by": wanted.id}))
    risks = gateway.app.state.parts.risks
    await risks.rate()
    listed = (await gateway.client.get("/v1/exceptions")).json()["items"]
    assert (listed[0]["risk"], listed[0]["risk_why"]) == ("1", "Nothing is known to serve 300 of SO-4711/10.")
    await gateway.record(asked("q1", pegs=wanted.pegs[1:]).model_copy(update={"raised_by": wanted.id}))
    assert await risks.rate() == 1
    listed = (await gateway.client.get("/v1/exceptions")).json()["items"]
    assert listed[0]["risk_why"] == "Nothing is known to serve 200 of SO-4712/20."


async def test_orders_are_told_of_promises_at_risk_where_the_plant_says_so(gateway: Gateway) -> None:
    await habits(gateway)
    await risky_order(gateway, 1, 4)
    risky = await risky_order(gateway, 2, 2)
    warnings = gateway.app.state.warnings
    assert await warnings.look() == 0, "as shipped, nobody is warned"

    rules = PromiseRules(warn_above=Decimal("0.30"))
    gateway.policies.by_plant["P1"] = gateway.policies.by_plant["P1"].model_copy(update={"promises": rules})
    assert await warnings.look() == 1
    [(order, rated)] = gateway.entities.rated
    assert order == risky.id
    [promise] = rated.promises
    assert (promise.line, promise.promised_on, promise.demand) == (10, TODAY + dt.timedelta(days=9), "SO-2")
    assert promise.missing == Decimal("0.4118")

    await risky_order(gateway, 2, 2, at_risk=(10,))
    assert await warnings.look() == 0, "it knows"
    await risky_order(gateway, 2, 4, at_risk=(10,))
    assert await warnings.look() == 0, "26 % is above four fifths of the limit"
    await risky_order(gateway, 2, 8, at_risk=(10,))
    assert await warnings.look() == 1
    assert gateway.entities.rated[-1][1].promises == ()


async def test_a_plant_that_no_longer_wants_to_be_warned_has_its_questions_withdrawn(gateway: Gateway) -> None:
    await habits(gateway)
    order = await risky_order(gateway, 2, 2, at_risk=(10,))
    question = asked("w", kind=ExceptionKind.EARLY_WARNING).model_copy(update={"raised_by": order.id})
    await gateway.record(question)
    assert await gateway.app.state.warnings.look() == 1
    assert gateway.entities.rated == [(order.id, gateway.entities.rated[0][1])]
    assert gateway.entities.rated[0][1].promises == ()

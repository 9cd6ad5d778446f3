"""A planner looks for requirements and sees what each is waiting for."""

import datetime as dt
from decimal import Decimal

import pytest

from canonical.identity import OrderId
from canonical.records import OrderStage, RequirementStage
from canonical.supply import ScheduleLineState
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import shortage
from tests.gateway.pages.story import JUNE_15, line, need, of_plant, page_of, part, text


async def test_a_planner_finds_what_is_needed_first_and_goes_on_page_by_page(gateway: Gateway) -> None:
    for number in range(60):
        day = JUNE_15 + dt.timedelta(days=60 - number)
        await gateway.requirement(need(f"PLO-{number}", required_date=day, pegging=()), RequirementStage.COVERED)
    await gateway.requirement(need("PLO-99", planner="bob"), RequirementStage.FULFILLED, closed=True)
    first = await text(gateway, "/requirements?plant=P1&item=FR-R92B-58")
    assert first.index("PLO-59") < first.index("PLO-10")
    assert "PLO-99" not in first
    assert "covered <strong>60</strong>" in first
    following = first.partition('<p class="more"><a href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await text(gateway, following)
    assert "PLO-0<" in second
    assert "PLO-59" not in second
    ended = await text(gateway, "/requirements?planner=bob&stage=all")
    assert "PLO-99" in ended or "SO-4711/10" in ended
    assert "No requirement matches" in await text(gateway, "/requirements?q=nothing-like-it")
    await text(gateway, "/requirements?stage=x", 422)


async def test_each_demand_shows_what_meets_it_and_how_late(gateway: Gateway) -> None:
    """300 are confirmed in time; the other 200 are two weeks later than the demand that waits for them."""
    one = need()
    lines = (line(10, one.id, part(300, dt.date(2026, 6, 11)), part(200, dt.date(2026, 7, 6))),)
    order = await gateway.order(lines=lines, supplier_name="Rahmenwerk")
    await gateway.requirement(one, RequirementStage.SHORT, reason="200 of 500 come late", order_ids=(order.id,))
    page = await text(gateway, page_of(one))
    assert "500 EA needed by 2026-06-15" in page
    assert "200 of 500 come late" in page
    first, second = page.partition("SO-4711/10")[2].split("SO-4712/20", 1)
    assert "in time" in first
    assert "on the day" in first, "confirmed for Thursday, two days of receipt, needed on Monday"
    assert "late by 12 working days" in second
    assert f'href="/orders/P1/1580/{order.id.rpartition("/")[2]}">4500000001</a>' in page
    assert "200 of order 4500000001 from Rahmenwerk, confirmed for 2026-07-06" in page


async def test_what_a_requirement_waits_for_is_said_with_the_page_to_go_to(gateway: Gateway) -> None:
    one = need()
    asked = shortage(raised_by=one.id)
    await gateway.record(asked)
    lines = (line(10, one.id, part(100, None, ScheduleLineState.BACKORDERED), quantity=Decimal(100)),)
    await gateway.order(lines=lines)
    await gateway.requirement(one, RequirementStage.SHORT, exception_id=asked.id)
    page = await text(gateway, page_of(one))
    assert f'href="/questions/{asked.id.removeprefix("exception/")}"' in page
    assert "the answer of 1580 to order 4500000001" in page
    assert "a date for 100 of order 4500000001" in page
    assert "not covered" in page
    await gateway.requirement(need("PLO-2"), RequirementStage.ASSESSING)
    assert "a source for 500 EA that nothing covers" in await text(gateway, page_of(need("PLO-2")))


async def test_supply_that_is_overdue_is_at_the_dock_today_at_the_earliest(gateway: Gateway) -> None:
    one = need(pegging=())
    gateway.today[0] = dt.date(2026, 6, 12)
    order = (line(10, one.id, part(500, dt.date(2026, 6, 11))),)
    await gateway.order(lines=order)
    await gateway.requirement(one, RequirementStage.COVERED)
    page = await text(gateway, page_of(one))
    assert "overdue since 2026-06-11" in page
    assert "late by 1 working day<" in page


async def test_nothing_of_another_plant_is_seen_by_list_count_search_or_address(gateway: Gateway) -> None:
    foreign = need("PLO-2", plant="P2")
    await gateway.requirement(need(), RequirementStage.COVERED)
    await gateway.requirement(foreign, RequirementStage.COVERED)
    of_plant(gateway, "P1")
    listed = await text(gateway, "/requirements?q=SO-4711")
    assert page_of(need()) in listed
    assert page_of(foreign) not in listed
    assert "covered <strong>1</strong>" in listed
    for address in (page_of(foreign), page_of(foreign) + "/trace", page_of(need("PLO-9"))):
        assert "there is no such requirement at your plants" in await text(gateway, address, 404)
    api = await gateway.client.get("/v1/requirements")
    assert [row["need"]["plant"] for row in api.json()["items"]] == ["P1"]
    assert (await gateway.client.get(f"/v1{page_of(foreign)}")).status_code == 404


@pytest.mark.parametrize("stage", [OrderStage.CONSOLIDATING, OrderStage.UNSENT])
async def test_an_order_on_its_way_to_the_supplier_is_waited_for(gateway: Gateway, stage: OrderStage) -> None:
    one = need()
    lines = (line(10, one.id, part(500, dt.date(2026, 6, 11), ScheduleLineState.ORDERED)),)
    order = (await gateway.order()).model_copy(
        update={"id": OrderId("order/P1/1580/new"), "stage": stage, "order_number": None, "lines": lines}
    )
    await gateway.record(order)
    await gateway.requirement(one, RequirementStage.COVERED)
    page = await text(gateway, page_of(one))
    said = "to be ordered together" if stage is OrderStage.CONSOLIDATING else "to be sent to 1580"
    assert said in page

"""The history of a requirement and of an order: by day, at the clocks asked for, as it is known now or was once."""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from canonical.calendar import Calendar
from canonical.records import RequirementSnapshot, RequirementStage
from gateway.trace.standing import standing_of
from gateway.trace.supply import SupplyState, supplies_of
from gateway.trace.timeline import bars_of, days_of
from gateway.trace.words import describe
from tests.gateway.conftest import Gateway
from tests.gateway.pages.story import line, need, of_plant, page_of, text

NEED = dt.date(2026, 6, 15)
REQUIREMENT, ORDER, EXCEPTION = need().id, "order/P1/1580/o4500000001", "exception/abcdefghijkl"
OFFICE = Calendar(name="office")


def at(day: int, hour: int = 8) -> dt.datetime:
    return dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC) + dt.timedelta(days=day - 1)


LATE = [
    {"quantity": "300.000", "date": "2026-06-10", "state": "confirmed"},
    {"quantity": "200.000", "date": "2026-06-24", "state": "backordered"},
]
STORY: Sequence[tuple[str, str, dt.datetime, dict[str, Any]]] = (
    (
        REQUIREMENT,
        "requirement.opened",
        at(1),
        {"plan_version": 1, "quantity": "500", "unit": "EA", "required_date": "2026-06-15"},
    ),
    (
        REQUIREMENT,
        "supply_request.sent",
        at(1),
        {"quantity": "500", "unit": "EA", "supplier": "1580", "dock_date": "2026-06-11"},
    ),
    (ORDER, "order.placed", at(1, 9), {"requisition_number": "10000123", "order_number": "4500000001"}),
    (
        ORDER,
        "order.answered",
        at(2),
        {"answer_number": "AB-1", "revision": 1, "lines": [{"line": 10, "schedule_lines": LATE}]},
    ),
    (
        REQUIREMENT,
        "exception.raised",
        at(2),
        {"exception_id": EXCEPTION, "kind": "shortage", "summary": "200 of 500 EA come late"},
    ),
    (REQUIREMENT, "exception.decided", at(4), {"exception_id": EXCEPTION, "choice": "accept", "decided_by": "anna"}),
    (
        ORDER,
        "goods.received",
        at(10),
        {"quantity": "300", "unit": "EA", "date": "2026-06-10", "receipt_number": "GR-1", "line": 10},
    ),
)


def told(kind: str, when: dt.datetime, data: dict[str, Any], entity: str = REQUIREMENT) -> AuditEvent:
    return chain(entity, 1, FIRST_HASH, kind, when, when, data)


def story() -> list[AuditEvent]:
    return [told(kind, when, data, entity) for entity, kind, when, data in STORY]


async def recorded(gateway: Gateway) -> str:
    """The story in the ledger; returns the address of the requirement's history."""
    one = need()
    order = await gateway.order(lines=(line(10, one.id), line(20, need("PLO-2").id)), supplier_name="Rahmenwerk")
    await gateway.record(order, *(gateway.audit_event(*each) for each in STORY if each[0] == ORDER))
    snapshot = RequirementSnapshot(
        id=one.id, need=one, stage=RequirementStage.SHORT, request_revision=1, needed=one.quantity, reason="too late"
    )
    await gateway.record(snapshot, *(gateway.audit_event(*each) for each in STORY if each[0] == REQUIREMENT))
    return page_of(one) + "/trace"


async def test_a_history_tells_day_by_day_what_happened_who_did_it_and_that_nothing_was_changed(
    gateway: Gateway,
) -> None:
    page = await text(gateway, await recorded(gateway))
    days = re.findall(r'<h3 id="day-([0-9-]+)"', page)
    assert days[:4] == ["2026-06-01", "2026-06-02", "2026-06-04", "2026-06-10"]
    assert "5 days without anything" in page
    for said in ("Plan v1 needs it", "Order 4500000001", "from requisition 10000123", "AB-1", "by anna", "GR-1"):
        assert said in page, said
    assert "The record is intact" in page
    assert "late by 9 working days" in page
    assert not re.search(r"<style| style=", page), "the content security policy forbids it"


async def test_what_was_known_at_a_moment_leaves_out_what_was_recorded_later(gateway: Gateway) -> None:
    address = await recorded(gateway)
    page = await text(gateway, f"{address}?as_known_on=2026-06-03")
    assert "As it was known on 2026-06-03 23:59 UTC" in page
    assert "AB-1" in page
    assert "GR-1" not in page
    assert "by anna" not in page
    then = page.partition('<dl class="facts">')[2].partition("</dl>")[0]
    assert "waited for a decision" in then
    assert "200 of 500 EA come late" in then
    assert "The record is intact" in page, "the chains are checked whole"
    assert "nothing was recorded yet" in await text(gateway, f"{address}?as_known_on=2026-05-01T08:00%2B02:00")
    await text(gateway, f"{address}?as_known_on=yesterday", 422)


async def test_times_are_those_of_the_plant_or_of_the_zone_asked_for(gateway: Gateway) -> None:
    """01:55 in Greenwich on the 9th is 18:55 on the 8th in Los Angeles."""
    plant = gateway.policies.by_plant["P1"]
    west = plant.calendar.model_copy(update={"zone": "America/Los_Angeles"})
    gateway.policies.by_plant["P1"] = plant.model_copy(update={"calendar": west})
    gateway.clock[0] = dt.datetime(2026, 6, 9, 1, 55, tzinfo=dt.UTC)
    await gateway.requirement(need(), RequirementStage.COVERED)
    page = await text(gateway, page_of(need()) + "/trace")
    assert "18:55" in page
    assert "Monday, 2026-06-08" in page
    assert "01:55" not in page
    other = await text(gateway, page_of(need()) + "/trace?zone=Europe/Berlin")
    assert "03:55" in other
    assert "Tuesday, 2026-06-09" in other
    for unknown in ("Europe/Atlantis", "../../etc/passwd"):
        assert "there is no time zone" in await text(gateway, f"{page_of(need())}/trace?zone={unknown}", 422)


async def test_a_history_can_be_held_to_one_order(gateway: Gateway) -> None:
    page = await text(gateway, f"{await recorded(gateway)}?only={ORDER}")
    assert "Order 4500000001" in page
    assert "Plan v1 needs it" not in page


async def test_a_record_that_was_tampered_with_is_said_to_be(gateway: Gateway, engine: AsyncEngine) -> None:
    address = await recorded(gateway)
    async with engine.begin() as connection:
        await connection.execute(
            sql("""UPDATE audit_event SET data = '{"quantity": "5"}' WHERE kind = 'requirement.opened'""")
        )
    page = await text(gateway, address)
    assert "The record is not intact" in page
    assert "the requirement: event 1 of" in page


async def test_an_order_has_a_history_of_its_own(gateway: Gateway) -> None:
    await recorded(gateway)
    page = await text(gateway, "/orders/P1/1580/o4500000001/trace")
    assert "AB-1" in page
    assert "Plan v1 needs it" not in page
    trace = (await gateway.client.get("/v1/orders/P1/1580/o4500000001/trace")).json()
    assert trace["chain_intact"] is True
    assert {event["entity_id"] for event in trace["audit_events"]} == {ORDER}
    await text(gateway, "/orders/P1/1580/none/trace", 404)


async def test_what_people_wrote_is_text(gateway: Gateway) -> None:
    comment = '</p><script>alert(1)</script> & "both"'
    one = need()
    event = gateway.audit_event(one.id, "exception.decided", at(5), {"choice": "split", "comment": comment})
    snapshot = RequirementSnapshot(
        id=one.id, need=one, stage=RequirementStage.SHORT, request_revision=1, needed=one.quantity, reason=comment
    )
    await gateway.record(snapshot, event)
    page = await text(gateway, page_of(one) + "/trace")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_prices_in_a_history_are_for_those_who_may_see_them(gateway: Gateway) -> None:
    order = await gateway.order()
    judged = {"lines": [{"reason": "the price is 12.50 EUR instead of 11.00 EUR", "accepted": False}], "rule": "R8"}
    await gateway.record(order, gateway.audit_event(order.id, "answer.judged", at(2), judged))
    address = "/orders/P1/1580/o4500000001/trace"
    assert "12.50 EUR" in await text(gateway, address)
    of_plant(gateway, "P1")
    page = await text(gateway, address)
    assert "12.50" not in page
    assert "the price is" in page


async def test_who_decided_is_called_by_name(gateway: Gateway) -> None:
    await gateway.ledger.people.met("anna", "Anna Beyer", "anna@example.org", at(1))
    page = await text(gateway, await recorded(gateway))
    assert "by Anna Beyer" in page


def test_the_time_line_uses_the_buyers_words_and_shows_each_thing_once() -> None:
    reported = [description for _, description in describe(story())]
    assert [each.title for each in reported if "shortage" in each.title or "Decided" in each.title] == [
        "Raised: shortage",
        "Decided: accept",
    ]
    assert ("Plan v1 needs it", "500 EA by Mon 15 Jun") in [(each.title, each.detail) for each in reported]


def test_an_unknown_kind_is_shown_by_its_name() -> None:
    [(_, description)] = describe([told("dock.moved", at(1), {"from_door": "4", "to_door": 7})])
    assert (description.title, description.detail) == ("Dock moved", "from door 4 · to door 7")


def test_late_supply_says_from_when_on_and_by_how_many_working_days() -> None:
    bars = bars_of(story(), NEED, OFFICE, dt.UTC)
    assert bars is not None
    assert [bar.state for bar in bars.bars] == [
        SupplyState.REQUESTED,
        SupplyState.CONFIRMED,
        SupplyState.UNSURE,
        SupplyState.RECEIVED,
    ]
    late = bars.bars[2]
    assert (late.due, late.end, late.working_days_late) == (dt.date(2026, 6, 11), dt.date(2026, 6, 24), 9)
    assert late.late_x is not None
    assert late.x < late.late_x < late.x + late.width
    assert all(bar.x >= 0 and bar.x + bar.width <= 10_100 for bar in bars.bars)


def test_a_late_promise_that_was_replaced_stays_to_be_seen() -> None:
    better = [{"quantity": "500", "date": "2026-06-11", "state": "confirmed"}]
    data: dict[str, Any] = {"order_id": ORDER, "schedule_lines": better}
    again = told("coverage.changed", at(5), data)
    assert [bar.label for bar in supplies_of([*story(), again]) if bar.state is SupplyState.REPLACED] == [
        "backordered 200 EA from 1580 on Wed 24 Jun, late; replaced"
    ]


def test_what_was_known_follows_what_was_recorded() -> None:
    then = dict(standing_of([each for each in story() if each.processing_time <= at(3)], REQUIREMENT))
    assert then["State"] == "waited for a decision"
    assert then["Needed"] == "500 EA by Mon 15 Jun by plan version 1"
    assert then["Orders"] == "4500000001 answered, revision 1"
    now = dict(standing_of(story(), REQUIREMENT))
    assert (now["Received"], now["Open questions"]) == ("300 EA", "none")
    assert standing_of([], REQUIREMENT) == [("State", "nothing was recorded yet")]


def test_whatever_an_audit_event_holds_is_shown_and_stops_no_page() -> None:
    odd: list[Any] = [None, True, 5, "x", [], ["y", {"quantity": "", "date": "soon"}], {"a": {"b": [1]}}]
    fields = sorted(
        {name for *_, data in STORY for name in data} | {"receipts", "schedule_lines", "reason", "order_id"}
    )
    events = [
        told(kind, when, {field: value}, entity) for entity, kind, when, _ in STORY for field in fields for value in odd
    ]
    assert days_of(events, dt.UTC)
    standing_of(events, REQUIREMENT)
    bars_of(events, NEED, OFFICE, dt.UTC)

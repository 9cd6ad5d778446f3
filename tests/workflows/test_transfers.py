"""A plant that supplies another answers its transfer as any supplier answers an order: when it knows, what it gives."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.exception import Choice
from canonical.identity import OrderId
from canonical.messages import RequirementOpened
from canonical.need import Need
from canonical.order import LineAnswer
from canonical.records import OrderSnapshot
from canonical.sourcing import Assessment
from canonical.supply import CoverageChanged, OrderCoverage, ScheduleLine, ScheduleLineState
from tests.decisions.models import EVERY_DAY as DAILY
from tests.decisions.models import a_need, a_policy, a_source, an_item, june
from tests.workflows.arrivals import NOW, a_request
from tests.workflows.harness import ACCEPTED, CHANGED, Harness
from tests.workflows.lookout import parts
from workflows.material_requirement.state import AcceptedShortage, RequirementState
from workflows.material_requirement.transfer_answer import answer_due, record_answered

TRANSIT_DAYS = 3


async def test_a_supplying_plant_answers_the_transfer_once_its_own_supplier_has_confirmed(harness: Harness) -> None:
    transfer, need = await demanded(harness)
    supplying = await harness.plan(need)
    bought = await harness.sent(supplying)
    assert (await harness.order_of(transfer)).stage == "sent", "what is merely ordered promises nothing"

    await harness.answer(bought)

    acknowledged = await harness.order_until(
        await harness.order_of(transfer), lambda found: found.stage == "acknowledged"
    )
    assert parts(acknowledged.lines[0].schedule_lines) == [(100, 58, "confirmed")], "in time: as asked"


@pytest.mark.recorded("supplying_plant")
async def test_a_supplying_plant_that_is_late_reports_its_new_date(harness: Harness) -> None:
    transfer, need = await demanded(harness)
    supplying = await harness.plan(need)
    bought = await harness.sent(supplying)

    await harness.answer(bought, harness.line(10, (ACCEPTED, 60, None), (CHANGED, 40, 63)))

    order = await harness.order_until(await harness.order_of(transfer), lambda found: found.stage == "acknowledged")
    arrives = 63 + 2 + TRANSIT_DAYS
    assert parts(order.lines[0].schedule_lines) == [(60, 58, "confirmed"), (40, arrives, "confirmed")]
    await harness.decide(await harness.short(supplying), Choice.ACCEPT)
    await harness.receive(await harness.order_of(supplying), days=52)
    assert await harness.ended(supplying) == "fulfilled"
    await harness.registered(supplying, "transfer.answered", times=2)
    order = await harness.order_until(
        order, lambda found: parts(found.lines[0].schedule_lines) == [(100, 58, "confirmed")]
    )


async def demanded(harness: Harness) -> tuple[str, Need]:
    """A requirement whose order is to be answered by us, and the need that the order states to us."""
    transfer = await harness.plan(harness.need(harness.item("FRAME", "Assembly"), reference="FRAME-1"))
    order: OrderSnapshot = await harness.sent(transfer)
    due = order.lines[0].delivery_date - dt.timedelta(days=TRANSIT_DAYS)
    need = harness.need(
        harness.item("TUBE", "Cyclops"),
        required_date=due,
        source="pegline",
        reference=f"{order.order_number}/10",
        pegging=(),
        demanded_by=order.id,
        demanding_line=10,
        transit_days=TRANSIT_DAYS,
    )
    return transfer, need


# -- what is answered, without a server


def supplying(*schedule_lines: ScheduleLine, **changes: Any) -> RequirementState:
    """100 needed on stock by 15 June, four working days from the demanding plant."""
    need = a_need(
        quantity=Decimal(100),
        demand_reference="4500000001/10",
        demanded_by=OrderId("order/1720/1710/x"),
        demanding_line=10,
        transit_days=4,
    )
    state = RequirementState.of(RequirementOpened(need=need, correlation_id="c"))
    state.assessment = Assessment(item=an_item(a_source()), policy=a_policy(calendar=DAILY))
    state.covered_revision = need.revision.rank
    held = OrderCoverage(order_id=OrderId("order/A"), supplier="1580", request=a_request(state.id, 1, 100))
    if schedule_lines:
        reported = CoverageChanged(
            order_id=held.order_id,
            sequence=1,
            as_of=NOW,
            supplier="1580",
            request_revision=1,
            schedule_lines=schedule_lines,
        )
        held = held.model_copy(update={"reported": reported})
    state.coverages = [held]
    return state.model_copy(update=changes)


def some(quantity: int, day: int | None, state: ScheduleLineState) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=june(day) if day else None, state=state)


def line(state: RequirementState) -> LineAnswer:
    due = answer_due(state, NOW)
    assert due is not None
    assert due.answer.order_number == "4500000001"
    assert due.answer.order_revision == 1
    assert due.answer.header == "per_line"
    return due.answer.lines[0]


def statement(state: RequirementState) -> list[tuple[str, int | None, int | None]]:
    return [
        (part.outcome.value, int(part.quantity or 0), part.date.day if part.date else None)
        for part in line(state).schedule_lines
    ]


def test_supply_that_is_merely_ordered_is_not_answered() -> None:
    assert answer_due(supplying(), NOW) is None


def test_supply_in_time_is_accepted_as_requested_and_later_supply_by_its_arrival_date() -> None:
    state = supplying(some(60, 13, ScheduleLineState.CONFIRMED), some(30, 14, ScheduleLineState.SHIPPED))
    assert statement(state) == [("accepted", 60, None), ("changed", 30, 20), ("backordered", 10, None)]


def test_a_backorder_has_its_day_where_one_is_promised_and_what_a_buyer_wrote_off_is_rejected() -> None:
    state = supplying(some(60, 10, ScheduleLineState.RECEIVED), some(30, 20, ScheduleLineState.BACKORDERED))
    assert statement(state) == [("accepted", 60, None), ("backordered", 30, 26), ("backordered", 10, None)]
    state.accepted = AcceptedShortage(short_quantity=Decimal(10), available_on=None)
    assert statement(state)[-1] == ("rejected", 10, None)


def test_an_answer_is_sent_once_and_again_for_another_revision_of_the_transfer() -> None:
    state = supplying(some(100, 13, ScheduleLineState.CONFIRMED))
    first = answer_due(state, NOW)
    assert first is not None
    record_answered(state, first)
    assert answer_due(state, NOW) is None

    state.need = state.need.model_copy(update={"revision": state.need.revision.model_copy(update={"plan_version": 2})})
    again = answer_due(state, NOW)
    assert again is not None
    assert again.answer.order_revision == 2
    assert again.answer.answer_number != first.answer.answer_number
    assert len(again.answer.answer_number) <= 70


def test_a_need_without_a_transfer_and_a_withdrawn_need_send_no_answer() -> None:
    state = supplying(some(100, 13, ScheduleLineState.CONFIRMED))
    assert answer_due(state.model_copy(update={"withdrawn": True}), NOW) is None
    component = state.need.model_copy(update={"demanding_line": None})
    assert answer_due(state.model_copy(update={"need": component}), NOW) is None

"""Changes and confirmations are written as the difference, in one call, and read again."""

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.erp.sap.client import SapErp
from adapters.errors import PermanentError, TransientError
from adapters.http import make_client
from canonical.order import (
    ChangeOutcome,
    DeliveryLine,
    DocumentLine,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    Written,
)
from tests.adapters.erp.documents import DOCK, ORDER_ID, document, line
from tests.adapters.erp.sap import Mounted, Sap

LATER = DOCK + dt.timedelta(days=14)


@pytest.fixture
async def number(erp: SapErp) -> str:
    """An order of two lines, 100 each."""
    outcome = await erp.place_order(document(line(10), line(20)), key="place", maybe_written=False)
    assert isinstance(outcome, Placed)
    return outcome.order_number


def revised(number: str, *lines: DocumentLine) -> OrderDocument:
    changed = tuple(one.line for one in lines)
    return document(*lines, order_number=number, revision=2, changed_lines=changed)


def confirmed(number: str, *lines: LineSchedule) -> OrderSchedule:
    return OrderSchedule(order_id=ORDER_ID, order_number=number, lines=lines)


def schedule_lines(item: int, *parts: tuple[str, dt.date], completed: bool = False, **other: Any) -> LineSchedule:
    schedule = tuple(DeliveryLine(date=day, quantity=Decimal(q), committed=Decimal(q)) for q, day in parts)
    return LineSchedule(line=item, schedule=schedule, completed=completed, **other)


async def confirmed_twice(erp: SapErp, schedule: OrderSchedule) -> ChangeOutcome:
    """As the activity does it: once more after an ambiguous failure."""
    with pytest.raises(TransientError) as caught:
        await erp.write_schedule(schedule, key="confirm-1")
    assert caught.value.maybe_written
    return await erp.write_schedule(schedule, key="confirm-1")


# Changes


async def test_quantity_and_date_of_the_changed_line_are_brought_to_the_document(
    erp: SapErp, sap: Sap, number: str
) -> None:
    outcome = await erp.change_order(revised(number, line(10, "80", delivery_date=LATER)), key="change-2")
    assert outcome == Written(reference=number, writes=2)
    assert sap.item(number)["OrderQuantity"] == "80"
    assert sap.schedule(number) == [("2027-03-15", "80", "0")]
    assert sap.schedule(number, 20) == [("2027-03-01", "100", "0")]


async def test_a_change_that_is_there_already_is_no_write(erp: SapErp, sap: Sap, number: str) -> None:
    change = revised(number, line(10, "80", delivery_date=LATER))
    await erp.change_order(change, key="change-2")
    before = sap.writes
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=0)
    assert sap.writes == before


async def test_only_the_changed_lines_are_looked_at(erp: SapErp, sap: Sap, number: str) -> None:
    whole = document(line(10, "80"), line(20, "1"), order_number=number, changed_lines=(10,))
    assert await erp.change_order(whole, key="change-2") == Written(reference=number, writes=2)
    assert sap.item(number, 20)["OrderQuantity"] == "100"


async def test_a_change_of_a_split_line_makes_it_one_delivery_again(erp: SapErp, sap: Sap, number: str) -> None:
    await erp.write_schedule(confirmed(number, schedule_lines(10, ("60", DOCK), ("40", LATER))), key="confirm-1")
    outcome = await erp.change_order(revised(number, line(10, "120", delivery_date=LATER)), key="change-2")
    assert isinstance(outcome, Written)
    assert sap.schedule(number) == [("2027-03-15", "120", "40")]


async def test_a_cancelled_line_gets_the_deletion_code(erp: SapErp, sap: Sap, number: str) -> None:
    change = revised(number, line(10, cancelled=True))
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=1)
    assert sap.item(number)["PurchasingDocumentDeletionCode"] == "L"
    assert sap.item(number, 20)["PurchasingDocumentDeletionCode"] == ""
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=0)


async def test_of_a_line_partly_delivered_the_rest_is_given_up(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.receive(number, 10, "30")
    change = revised(number, line(10, cancelled=True), line(20, cancelled=True))
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=2)
    assert sap.item(number)["IsCompletelyDelivered"] is True
    assert sap.item(number)["PurchasingDocumentDeletionCode"] == ""
    assert sap.item(number, 20)["PurchasingDocumentDeletionCode"] == "L"


async def test_a_line_that_a_buyer_deleted_can_not_be_changed(erp: SapErp, sap: Sap, number: str) -> None:
    await erp.change_order(revised(number, line(10, cancelled=True)), key="change-2")
    refused = await erp.change_order(revised(number, line(10, "80")), key="change-3")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.line) == ("line_gone", 10)


async def test_below_what_was_delivered_sap_refuses_and_nothing_of_the_changeset_is_written(
    erp: SapErp, sap: Sap, number: str
) -> None:
    await sap.receive(number, 10, "30")
    before = sap.writes
    refused = await erp.change_order(revised(number, line(10, "20"), line(20, "80")), key="change-2")
    assert isinstance(refused, Refused)
    assert refused.system == "erp"
    assert sap.writes == before
    assert sap.item(number, 20)["OrderQuantity"] == "100"


async def test_an_order_without_a_number_is_our_own_mistake(erp: SapErp) -> None:
    with pytest.raises(PermanentError, match="place it before changing it"):
        await erp.change_order(document(changed_lines=(10,)), key="change-2")


# Confirmations


async def test_a_split_confirmation_of_all_lines_is_one_call(erp: SapErp, sap: Sap, number: str) -> None:
    requested = confirmed(
        number, schedule_lines(10, ("60", DOCK), ("40", LATER)), schedule_lines(20, ("97", LATER), completed=True)
    )
    outcome = await erp.write_schedule(requested, key="confirm-1")
    assert outcome == Written(reference=number, writes=3)
    assert sap.schedule(number) == [("2027-03-01", "60", "60"), ("2027-03-15", "40", "40")]
    assert sap.schedule(number, 20) == [("2027-03-01", "100", "0")], "nothing else is written of a completed line"
    assert sap.item(number, 20)["IsCompletelyDelivered"] is True
    assert len({write.key for write in sap.simulator.log.writes[-3:]}) == 1
    assert await erp.write_schedule(requested, key="confirm-1") == Written(reference=number, writes=0)


async def test_a_smaller_confirmation_takes_the_order_quantity_with_it(erp: SapErp, sap: Sap, number: str) -> None:
    outcome = await erp.write_schedule(confirmed(number, schedule_lines(10, ("97", DOCK))), key="confirm-1")
    assert isinstance(outcome, Written)
    assert sap.item(number)["OrderQuantity"] == "97"
    assert sap.schedule(number) == [("2027-03-01", "97", "97")]


async def test_a_schedule_may_shrink_back_to_one_delivery(erp: SapErp, sap: Sap, number: str) -> None:
    await erp.write_schedule(confirmed(number, schedule_lines(10, ("60", DOCK), ("40", LATER))), key="confirm-1")
    outcome = await erp.write_schedule(confirmed(number, schedule_lines(10, ("100", LATER))), key="confirm-2")
    assert isinstance(outcome, Written)
    assert sap.schedule(number) == [("2027-03-15", "100", "100")]


async def test_a_rejected_line_is_completed_with_nothing_committed(erp: SapErp, sap: Sap, number: str) -> None:
    outcome = await erp.write_schedule(
        confirmed(number, schedule_lines(10, ("0", DOCK), completed=True)), key="confirm-1"
    )
    assert outcome == Written(reference=number, writes=1)
    assert sap.item(number)["IsCompletelyDelivered"] is True


@pytest.mark.parametrize("kind", ["slow", "timeout_after_write", "write_late", "cut", "status"])
async def test_after_a_lost_answer_the_schedule_is_what_was_confirmed(
    erp: SapErp, sap: Sap, number: str, kind: str
) -> None:
    sap.fault(kind, r"\$batch$", seconds=0.4)
    requested = confirmed(number, schedule_lines(10, ("60", DOCK), ("40", LATER)))
    outcome = await confirmed_twice(erp, requested)
    await sap.simulator.settled()
    assert sap.all_faults_struck
    assert isinstance(outcome, Written)
    assert sap.schedule(number) == [("2027-03-01", "60", "60"), ("2027-03-15", "40", "40")]


async def test_a_write_that_arrives_while_it_is_repeated_is_not_taken_for_a_refusal(
    erp: SapErp, sap: Sap, number: str
) -> None:
    sap.fault("slow", r"\$batch$", seconds=0.1)
    requested = confirmed(number, schedule_lines(10, ("60", DOCK), ("40", LATER)))
    overtaken, _ = await asyncio.gather(*(erp.write_schedule(requested, key="confirm-1") for _ in range(2)))
    assert sap.all_faults_struck
    assert isinstance(overtaken, Written), overtaken
    assert sap.schedule(number) == [("2027-03-01", "60", "60"), ("2027-03-15", "40", "40")]


@pytest.mark.parametrize("status", [400, 423])
async def test_a_document_that_another_user_holds_is_only_a_matter_of_time(
    erp: SapErp, sap: Sap, number: str, status: int
) -> None:
    await sap.post("/control/locks", {"document": number, "user": "MILLER", "status": status, "times": 1})
    requested = confirmed(number, schedule_lines(10, ("60", DOCK), ("40", LATER)))
    with pytest.raises(TransientError, match="MILLER") as caught:
        await erp.write_schedule(requested, key="confirm-1")
    assert not caught.value.maybe_written
    assert isinstance(await erp.write_schedule(requested, key="confirm-1"), Written)


async def test_a_single_write_waits_for_the_lock_as_well(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.post("/control/locks", {"document": number, "user": "MILLER", "times": 1})
    change = revised(number, line(10, delivery_date=LATER))
    with pytest.raises(TransientError, match="MILLER"):
        await erp.change_order(change, key="change-2")
    assert await erp.change_order(change, key="change-2") == Written(reference=number, writes=1)


async def test_a_date_that_sap_will_not_take_is_refused_by_its_line(erp: SapErp, sap: Sap, number: str) -> None:
    refused = await erp.write_schedule(
        confirmed(number, schedule_lines(20, ("100", dt.date(2026, 12, 1)))), key="confirm-1"
    )
    assert isinstance(refused, Refused)
    assert refused.line == 20


class Deaf(Mounted):
    """A SAP that thanks for a MERGE and writes nothing."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(204) if request.method == "MERGE" else await super().handle_async_request(request)


async def test_an_erp_that_holds_something_else_than_was_written_is_found_out(sap: Sap, number: str) -> None:
    async with make_client("http://sap/erp", "PEGLINE", "pegline", 0.25, Deaf(sap.simulator)) as http:
        deaf = SapErp(http, settle_seconds=0.1, look_every_seconds=0.05)
        refused = await deaf.change_order(revised(number, line(10, delivery_date=LATER)), key="change-2")
    assert isinstance(refused, Refused)
    assert refused.code == "not_as_written"
    assert "line 10, delivery 1: date 2027-03-15 wanted, 2027-03-01 found" in refused.reason


@pytest.mark.parametrize(
    ("status", "code", "detail"),
    [
        (423, "MEPO/001", "Bestellung wird bearbeitet"),
        (400, "ME/006", "Benutzer MILLER bearbeitet gerade Bestellung"),
        (400, "CX/100", "The object is currently locked by user MILLER"),
    ],
)
async def test_a_held_document_is_known_by_status_code_or_text(
    sap: Sap, number: str, status: int, code: str, detail: str
) -> None:
    class Held(Mounted):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method != "MERGE":
                return await super().handle_async_request(request)
            return httpx.Response(status, json={"error": {"code": code, "message": {"lang": "en", "value": detail}}})

    async with make_client("http://sap/erp", "PEGLINE", "pegline", 0.25, Held(sap.simulator)) as http:
        with pytest.raises(TransientError, match=detail):
            await SapErp(http).change_order(revised(number, line(10, delivery_date=LATER)), key="change-2")


class Literal(Mounted):
    """A SAP that does what it is told and nothing beside: no schedule line moves along with its item."""

    told: list[str]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("$batch"):
            self.told = [line for line in request.content.decode().splitlines() if line.startswith("{")]
        return await super().handle_async_request(request)


async def test_a_change_of_quantity_tells_item_and_schedule_line_in_one_call(sap: Sap, number: str) -> None:
    literal = Literal(sap.simulator)
    async with make_client("http://sap/erp", "PEGLINE", "pegline", 0.25, literal) as http:
        outcome = await SapErp(http).change_order(revised(number, line(10, "80")), key="change-2")
    assert outcome == Written(reference=number, writes=2)
    assert literal.told == ['{"OrderQuantity":"80.000"}', '{"ScheduleLineOrderQuantity":"80.000"}']


async def test_a_refused_change_tells_what_was_wanted_and_found(erp: SapErp, sap: Sap, number: str) -> None:
    await sap.receive(number, 10, "30")
    refused = await erp.change_order(revised(number, line(10, "20"), line(20, "80")), key="change-2")
    assert isinstance(refused, Refused)
    assert "30 were delivered already" in refused.reason
    assert "line 10: quantity 20 wanted, 100 found; line 10, delivery 1: quantity 20 wanted" in refused.reason
    assert "line 20" not in refused.reason, "it is about line 10"

"""What is particular to Business Central, beside the rules of the ports (test_business_central_conformance)."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.dialects import ErpSystem, OptionError
from adapters.erp.business_central.dialect import DIALECT
from adapters.erp.business_central.master import lead_time_days
from canonical.order import (
    DeliveryLine,
    Edited,
    LineSchedule,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    Written,
)
from simulators.faults import Fault, Match
from tests.adapters.erp.business_central import PLANT, Central
from tests.adapters.erp.documents import DOCK, written

KEY = "order/1710/20000/k3jd9#place-1"
PLACES = pytest.mark.parametrize("reference_in", ["description2", "page", "extension"])


@asynccontextmanager
async def connected(central: Central) -> AsyncIterator[ErpSystem]:
    async with central.client(central.transport()) as client:
        yield central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)


async def place(system: ErpSystem, central: Central) -> OrderDocument:
    """The bench's order, placed."""
    outcome = await system.orders.place_order(central.template, key=KEY, maybe_written=False)
    assert isinstance(outcome, Placed), outcome
    return central.template.model_copy(update={"order_number": outcome.order_number})


def moved(order: OrderDocument, quantity: str = "80") -> OrderDocument:
    """The first line changed."""
    changed = order.lines[0].model_copy(
        update={"quantity": Decimal(quantity), "written": written(price="78.07", quantity="100")}
    )
    return order.model_copy(update={"lines": (changed, *order.lines[1:]), "changed_lines": (10,)})


@PLACES
async def test_an_order_is_found_again_wherever_our_reference_stands(reference_in: str) -> None:
    central = await Central.start(reference_in)
    async with connected(central) as first:
        number = (await place(first, central)).order_number
    async with connected(central) as second:
        again = await second.orders.place_order(central.template, key=KEY, maybe_written=True)
    assert again == Placed(requisition_number=number or "", order_number=number or "", found_existing=True)
    (order,) = central.held
    assert [line["description2"] for line in order["lines"]] == [central.template.reference] * 2
    assert (order["Your_Reference"] == central.template.reference) is (reference_in == "page")
    assert (order.get("externalReference") == central.template.reference) is (reference_in == "extension")
    assert order["status"] == ("Open" if reference_in == "extension" else "Draft")


async def test_a_reference_that_was_not_put_on_the_page_is_put_there_when_the_order_is_found() -> None:
    central = await Central.start("page")
    central.simulator.plan.add(Fault(match=Match(method="PATCH"), kind="status", status=503, retry_after=1))
    async with connected(central) as system:
        with pytest.raises(Exception, match="503"):
            await place(system, central)
        await place(system, central)
    (order,) = central.held
    assert order["Your_Reference"] == central.template.reference


async def test_a_released_order_is_reopened_changed_and_released_again() -> None:
    central = await Central.start("extension")
    async with connected(central) as system:
        change = moved(await place(system, central))
        assert isinstance(await system.orders.change_order(change, key="change"), Written)
    (order,) = central.held
    assert (order["status"], order["lines"][0]["quantity"]) == ("Open", "80")


async def test_without_the_extension_a_released_order_waits_for_a_person_who_is_told_what_to_do() -> None:
    central = await Central.start("description2")
    async with connected(central) as system:
        order = await place(system, central)
        await central.control("edits", {"order": order.order_number, "status": "Open"})
        refused = await system.orders.change_order(moved(order), key="change")
        assert isinstance(refused, Refused)
        assert refused.code == "released"
        assert "reopen it on its page" in refused.reason
        assert "quantity 80 wanted, 100 found" in refused.reason
        await central.control("edits", {"order": order.order_number, "status": "Draft"})
        assert isinstance(await system.orders.change_order(moved(order), key="change"), Written)


async def test_an_order_whose_approval_is_pending_is_unreleased_and_refuses_changes() -> None:
    central = await Central.start("extension")
    async with connected(central) as system:
        order = await place(system, central)
        await central.control("edits", {"order": order.order_number, "status": "In Review"})
        again = await system.orders.place_order(order, key=KEY, maybe_written=True)
        assert isinstance(again, Placed)
        assert "waits for its approval" in again.unreleased
        refused = await system.orders.change_order(moved(order), key="change")
        assert isinstance(refused, Refused)
        assert refused.code == "in_review"


async def test_a_person_who_comes_between_reading_and_writing_is_not_written_over() -> None:
    """The ETag is stale then; everything is read and compared once more."""
    central = await Central.start("extension")
    async with connected(central) as system:
        order = await place(system, central)

        class Between(httpx.AsyncBaseTransport):
            inner, edited = central.transport(), False

            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.method == "PATCH" and not self.edited:
                    self.edited = True
                    await central.edit(order.order_number or "", 10, "quantity", "123")
                return await self.inner.handle_async_request(request)

        async with central.client(Between()) as client:
            other = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
            outcome = await other.orders.change_order(moved(order), key="change")
    assert isinstance(outcome, Edited)
    assert [(edit.field, edit.new) for edit in outcome.edits] == [("quantity", "123")]
    assert [line["quantity"] for line in central.held[0]["lines"]] == ["123", "250.5"]
    assert central.held[0]["status"] == "Open"


async def test_a_split_that_was_written_by_half_is_finished_and_no_edit() -> None:
    central = await Central.start("description2")
    async with connected(central) as system:
        order = await place(system, central)
        later = DOCK + dt.timedelta(days=7)
        parts = tuple(
            DeliveryLine(date=day, quantity=Decimal(quantity), committed=Decimal(quantity))
            for day, quantity in ((DOCK, 60), (later, 40))
        )
        schedule = OrderSchedule(
            order_id=order.order_id,
            order_number=order.order_number or "",
            lines=(LineSchedule(line=10, schedule=parts, written=written(price="78.07")),),
        )
        central.simulator.plan.add(Fault(match=Match(method="PATCH"), kind="status", status=503, retry_after=1))
        with pytest.raises(Exception, match="503"):
            await system.orders.write_schedule(schedule, key="confirm")
        assert [line["quantity"] for line in central.held[0]["lines"]] == ["100", "40", "250.5"]
        assert isinstance(await system.orders.write_schedule(schedule, key="confirm"), Written)
    assert [(line["sequence"], line["expectedReceiptDate"], line["quantity"]) for line in central.held[0]["lines"]] == [
        (10000, "2027-03-01", "60"),
        (10001, "2027-03-08", "40"),
        (20000, "2027-03-01", "250.5"),
    ]


async def test_an_order_of_which_no_line_is_left_is_deleted_as_business_central_does_it() -> None:
    central = await Central.start("extension")
    async with connected(central) as system:
        order = await place(system, central)
        off = tuple(
            line.model_copy(update={"cancelled": True, "written": written(str(line.quantity), price=str(line.price))})
            for line in order.lines
        )
        gone = order.model_copy(update={"lines": off, "changed_lines": (10, 20)})
        assert isinstance(await system.orders.change_order(gone, key="cancel"), Written)
        assert central.held == []
        again = await system.orders.change_order(gone, key="cancel")
    assert again == Written(reference=order.order_number or "", writes=0)


async def test_an_order_that_a_person_deleted_is_a_persons_edit_of_each_line() -> None:
    central = await Central.start("extension")
    async with connected(central) as system:
        order = await place(system, central)
        await central.control("edits", {"order": order.order_number, "delete": True})
        as_written = written("100", price="78.07")
        parts = (DeliveryLine(date=as_written.delivery_date, quantity=Decimal(100), committed=Decimal(0)),)
        line = LineSchedule(line=10, schedule=parts, written=as_written)
        looked = OrderSchedule(order_id=order.order_id, order_number=order.order_number or "", lines=(line,))
        found = await system.orders.write_schedule(looked, key="look")
    assert isinstance(found, Edited)
    assert [(edit.line, edit.field) for edit in found.edits] == [(10, "deleted")]


async def test_no_more_than_five_calls_are_under_way_at_once() -> None:
    central = await Central.start("extension")
    most = now = 0

    class Counting(httpx.AsyncBaseTransport):
        inner = central.transport()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            try:
                return await self.inner.handle_async_request(request)
            finally:
                now -= 1

    async with central.client(Counting()) as client:
        system = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        reads = [system.master_data.item_at_plant(PLANT, f"PART-{n}") for n in range(6)]
        await asyncio.gather(*reads, system.orders.place_order(central.template, key=KEY, maybe_written=False))
    assert most == 5


@pytest.mark.parametrize(
    ("formula", "days"), [("5D", 5), ("2W", 14), ("<1W>", 7), ("1M", 31), ("", 0)], ids=lambda value: str(value)
)
def test_lead_times_are_date_formulas(formula: str, days: int) -> None:
    assert lead_time_days(formula) == days


def test_a_lead_time_of_another_kind_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="no date formula"):
        lead_time_days("CM+10D")


@pytest.mark.parametrize(
    "wrong",
    [{"company": "CRONUS"}, {"at_once": "9"}, {"reference_in": "somewhere"}, {"units": "PCS"}, {"compnay": "x"}],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_options_that_make_no_sense_are_named(wrong: dict[str, str]) -> None:
    central = await Central.start("extension")
    central.options = wrong
    async with central.client(central.transport()) as client:
        with pytest.raises(OptionError) as refused:
            DIALECT.connect(central.connection(client, 1, 1))
    assert refused.value.option in wrong


async def test_a_check_names_what_is_there_and_what_is_missing() -> None:
    central = await Central.start("extension")
    async with connected(central) as system:
        results: dict[str, Any] = {each.what: each async for each in system.check.check()}
    assert {each.outcome for name, each in results.items() if name != "clock"} == {"ok"}
    assert results["company"].detail == "CRONUS"

"""A person's edit in the ERP: accepted, checked and delivered to the order."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.messages import DocumentEdited, GoodsReceived
from canonical.order import DocumentEdit, edited_value
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import edited, problem, received


async def test_an_edit_reaches_its_order_under_the_inboxs_key(gateway: Gateway) -> None:
    order = await gateway.order()
    assert (await gateway.send(edited("e-1"))).json()["events"][0]["entity"] == "4500000001"
    await gateway.relay.drain()
    [reported] = gateway.entities.messages_to(order.id)
    assert isinstance(reported, DocumentEdited)
    assert reported.event_id == "erp:e-1"
    assert (reported.edit.line, reported.edit.field, reported.edit.old, reported.edit.new) == (
        10,
        "quantity",
        "500",
        "520",
    )
    assert reported.edit.edited_by == "MILLER"
    assert reported.edit.effective_at == dt.datetime(2026, 6, 1, 6, tzinfo=dt.UTC)
    assert await gateway.statuses("4500000001") == ["delivered"]


async def test_an_edit_keeps_its_place_among_the_orders_messages(gateway: Gateway) -> None:
    order = await gateway.order()
    await gateway.send_batch(received("r-1"), edited("e-1"), received("r-2"))
    await gateway.relay.drain()
    kinds = [type(each) for each in gateway.entities.messages_to(order.id)]
    assert kinds == [GoodsReceived, DocumentEdited, GoodsReceived]


@pytest.mark.parametrize(
    ("data", "reported"),
    [
        ({"field": "quantity", "old": "500", "new": "0"}, ("500", "0")),
        ({"field": "delivery_date", "old": "2026-06-10", "new": "2026-06-17"}, ("2026-06-10", "2026-06-17")),
        ({"field": "price", "old": "12.00", "new": "12.3400"}, ("12", "12.34")),
        ({"field": "deleted", "old": "false", "new": "true"}, ("false", "true")),
    ],
)
async def test_each_field_is_passed_on_in_one_spelling(
    gateway: Gateway, data: dict[str, Any], reported: tuple[str, str]
) -> None:
    order = await gateway.order()
    await gateway.send(edited("e-1", **data))
    await gateway.relay.drain()
    [message] = gateway.entities.messages_to(order.id)
    assert isinstance(message, DocumentEdited)
    assert (message.edit.old, message.edit.new) == reported


@pytest.mark.parametrize(
    ("data", "field", "statement"),
    [
        ({"new": "-1"}, "data.new", "zero or more"),
        ({"new": "many"}, "data.new", "'many' is not a decimal"),
        ({"old": "NaN"}, "data.old", "zero or more"),
        ({"field": "delivery_date", "old": "2026-06-10", "new": "17.6."}, "data.new", "not an ISO date"),
        ({"field": "price", "old": "12", "new": "0.1234567"}, "data.new", "six decimals"),
        ({"field": "deleted", "old": "false", "new": "yes"}, "data.new", '"true" or "false"'),
        ({"field": "blocked", "old": "false", "new": "S"}, "data.new", '"true" or "false"'),
        ({"new": "500.0"}, "data.new", "nothing was edited"),
        ({"field": "supplier"}, "data.field", "quantity"),
        ({"edited_by": ""}, "data.edited_by", "at least 1 character"),
    ],
)
async def test_an_edit_that_can_not_be_meant_is_refused_by_field(
    gateway: Gateway, data: dict[str, Any], field: str, statement: str
) -> None:
    refused = problem(await gateway.send(edited("e-1", **data)), 422, "invalid_field")
    assert refused["field"] == field
    assert statement in refused["detail"]
    assert len(await gateway.letters()) == 1


async def test_an_edit_of_an_unknown_order_is_a_dead_letter_and_of_a_closed_one_ignored(gateway: Gateway) -> None:
    await gateway.order(closed=True)
    await gateway.send_batch(edited("e-1"), edited("e-2", "999"))
    await gateway.relay.drain()
    assert await gateway.statuses("4500000001") == ["ignored: order closed"]
    assert await gateway.statuses("999") == ["dead_letter"]
    [letter] = await gateway.letters()
    assert letter.letter.code == "unknown_order"


async def test_the_api_shows_an_edit_by_example(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    body = described["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/cloudevents+json"]
    assert (await gateway.send(body["examples"]["edited"]["value"])).status_code == 202


def test_a_price_for_a_hundred_is_converted_to_the_price_unit_of_the_line() -> None:
    edit = DocumentEdit(
        order_number="1",
        line=10,
        field="price",
        old="12.34",
        new="13",
        price_unit=Decimal(100),
        edited_by="MILLER",
        effective_at=dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
    )
    by_one = edit.priced_for(Decimal(1))
    assert (by_one.old, by_one.new) == ("0.1234", "0.13")
    assert edit.priced_for(Decimal(100)) is edit


def test_values_are_spelled_one_way() -> None:
    assert edited_value("quantity", "1E+2") == edited_value("quantity", "100.000") == "100"
    assert edited_value("price", "0.00") == "0"
    assert edited_value("delivery_date", "2026-06-15") == "2026-06-15"


@pytest.mark.parametrize("written", ["1_200", "１２", " 12", "12,50", "1'200"])
def test_a_value_with_marks_or_foreign_digits_is_no_number(written: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal"):
        edited_value("quantity", written)

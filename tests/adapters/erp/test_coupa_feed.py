"""What Coupa's receiving transactions mean, whatever their type (asked for in tests/gateway/test_order_changes.py)."""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.erp.coupa.documents import CoupaSettings
from adapters.erp.coupa.feed import CoupaFeed
from adapters.http import make_client
from adapters.ports import PostedReceipts

ORDER = {
    "id": 2079,
    "po-number": "PO-7",
    "created-at": "2027-01-04T08:00:00+00:00",
    "updated-at": "2027-01-04T09:00:00+00:00",
    "order-lines": [{"id": 31, "description": "FRAME-1 (PLABCDEFGHIJ/20)", "uom": {"code": "EA"}}],
}


def transaction(**other: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": 6,
        "type": "InventoryReceipt",
        "status": "created",
        "quantity": "40.0",
        "transaction-date": "2027-01-05T23:30:00-08:00",
        "created-at": "2027-01-06T07:31:00+00:00",
        "updated-at": "2027-01-06T07:31:00+00:00",
        "order-line": {"id": 31, "order-header-id": 2079},
    }
    return known | other


async def received(*rows: dict[str, Any]) -> PostedReceipts:
    """Of an instance that knows no filter, so that all rows come."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/")
        lists = {"purchase_orders": [ORDER], "receiving_transactions": list(rows), "purchase_orders/2079": ORDER}
        return httpx.Response(200, json=lists[path]) if path in lists else httpx.Response(404)

    async with make_client("http://coupa", transport=httpx.MockTransport(answer)) as http:
        feed = CoupaFeed(http, CoupaSettings(units={"H87": "EA"}), system="cloud")
        changed = await feed.changed_since(dt.datetime(2027, 1, 4, 8, 30, tzinfo=dt.UTC))
        assert {each.order_number for each in changed} == {"PO-7"}
        return await feed.received("PO-7")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([transaction()], [("6", 40, None)]),
        ([transaction(type="ReceivingQuantityConsumption")], [("6", 40, None)]),
        ([transaction(type="ReceivingQuantityReturnToSupplier", quantity="-5")], [("6", -5, None)]),
        ([transaction(status="voided")], [("6", 40, None), ("6-void", -40, "6")]),
        ([transaction(voided_value="40")], [("6", 40, None), ("6-void", -40, "6")]),
        ([transaction(id=7, original_transaction_id=6)], []),
        ([transaction(**{"order-line": {"id": 9, "order-header-id": 99}})], []),
    ],
    ids=["receipt", "consumption", "return", "voided", "voided by value", "the voiding itself", "another order's"],
)
async def test_a_transaction_is_a_receipt_or_takes_one_back(
    rows: list[dict[str, Any]], said: list[tuple[str, int, str | None]]
) -> None:
    found = await received(*rows)
    assert [(one.receipt_number, one.quantity, one.reverses) for one in found.receipts] == [
        (number, Decimal(quantity), reverses) for number, quantity, reverses in said
    ]
    assert {(one.line, one.unit, one.date) for one in found.receipts} <= {(20, "H87", dt.date(2027, 1, 5))}
    assert found.unclear == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"voided-value": "10"}, "of 40.0 H87 is voided in part, of 10"),
        ({"type": "ReceivingAmountConsumption"}, "of type ReceivingAmountConsumption is created, which says of no"),
        ({"status": "pending_approval"}, "of type InventoryReceipt is pending_approval, which says of no quantity"),
        ({"uom": {"code": "barrels"}}, "has no quantity, no day or no unit that is known (40.0 barrels)"),
        ({"order-line": {"id": 32, "order-header-id": 2079}}, "belongs to no line of ours"),
    ],
)
async def test_what_is_not_plain_is_put_to_people_in_words(changes: dict[str, Any], why: str) -> None:
    found = await received(transaction(**changes))
    assert found.receipts == []
    assert len(found.unclear) == 1
    assert f"receiving transaction 6 {why}" in found.unclear[0]

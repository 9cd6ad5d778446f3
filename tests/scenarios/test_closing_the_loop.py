"""From the hook to goods on stock: all systems agree, under one correlation id."""

from datetime import date, timedelta
from decimal import Decimal

from tests.scenarios.books import confirmed, covered, orders, requisitions, schedule
from tests.scenarios.loop import Loop
from tests.scenarios.master_data import SUPPLIER


async def test_a_planned_need_is_ordered_confirmed_shipped_received_and_fulfilled(loop: Loop) -> None:
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement, "acknowledged")
    erp = await confirmed(loop)
    [held] = orders(erp)
    [item] = held["items"]
    assert (held["PurchaseOrder"], held["Supplier"]) == (order["order_number"], SUPPLIER)
    assert (item["Material"], Decimal(item["OrderQuantity"])) == ("FRAME", Decimal(40))
    [requisition] = requisitions(erp)
    assert requisition["PurchaseRequisition"] == order["requisition_number"]
    [(day, quantity, committed)] = schedule(held)
    assert (quantity, committed) == (Decimal(40), Decimal(40))
    seen = await loop.requirement(requirement)
    assert [(one["id"], one["stage"]) for one in seen["orders"]] == [(order["id"], "acknowledged")]
    need = seen["need"]
    assert date.fromisoformat(day) <= date.fromisoformat(need["required_date"]) - timedelta(days=1), (
        "receipt takes a day"
    )
    supplier = (await loop.books("edi"))["orders"][order["order_number"]]
    assert supplier["lines"]["10"]["confirmed"] == [{"quantity": "40", "date": day, "state": "confirmed"}]
    assert await covered(loop, requirement, "confirmed") == [("40", day)]

    lines = await loop.despatch(order["order_number"])
    on_its_way = await loop.order(requirement, "delivering")
    document = await loop.read(on_its_way["id"].replace("order/", "orders/", 1))
    assert [Decimal(line["shipped"]) for line in document["lines"]] == [40]
    await loop.receive(lines)
    done = await loop.staged(requirement, "fulfilled")
    assert done["closed"]
    assert await covered(loop, requirement, "received") == [("40", day)]
    await loop.order(requirement, "closed")
    [held] = orders(await loop.books("erp"))
    assert [item["IsCompletelyDelivered"] for item in held["items"]] == [True]
    assert len(requisitions(await loop.books("erp"))) == 1
    assert (await loop.trace(requirement))["chain_intact"]


async def test_one_correlation_id_leads_from_the_hook_into_every_book(loop: Loop) -> None:
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement, "acknowledged")
    await loop.receive(await loop.despatch(order["order_number"]))
    await loop.staged(requirement, "fulfilled")
    await loop.order(requirement, "closed")
    stated = (await loop.trace(requirement))["messages"][0]["correlation_id"]
    assert stated
    for name in ("erp", "edi", "aps"):
        writes = await loop.writes(name)
        assert writes
        assert {write["correlation"] for write in writes} == {stated}, name

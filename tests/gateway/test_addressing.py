"""Two ERPs use the same order number: what comes in reaches the order that its sender speaks for, and no other."""

from pathlib import Path

from canonical.identity import OrderId
from canonical.messages import GoodsReceived, SupplierAnswered
from canonical.records import OrderSnapshot, OrderStage
from gateway.delivery.addressing import OrderAddresses
from landscape.book import LandscapeBook
from ledger.inbox.registry import OrderRef
from policies.book import FixedPolicies
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import received

NUMBER = "4500000001"


async def two_orders(gateway: Gateway, *, supplier: str = "1580") -> tuple[OrderSnapshot, OrderSnapshot]:
    north = await gateway.order(NUMBER, erp="erp-north")
    south = OrderSnapshot(
        id=OrderId(f"order/P2/{supplier}/south"),
        plant="P2",
        supplier=supplier,
        stage=OrderStage.SENT,
        order_number=NUMBER,
        erp="erp-south",
    )
    await gateway.record(south)
    return north, south


async def test_a_receipt_reaches_the_order_of_the_plant_where_its_sender_owns_receipts(gateway: Gateway) -> None:
    north, south = await two_orders(gateway)
    gateway.own("P1", goods_receipt=("wms-north",))
    gateway.own("P2", goods_receipt=("wms",))
    assert (await gateway.send(received("r-1"))).status_code == 202
    await gateway.relay.drain()
    assert gateway.entities.messages_to(north.id) == []
    [reached] = gateway.entities.messages_to(south.id)
    assert isinstance(reached, GoodsReceived)
    assert len(await gateway.ledger.reads.inbox_of(NUMBER, south.id)) == 1
    assert await gateway.ledger.reads.inbox_of(NUMBER, north.id) == []


async def test_receipts_of_two_warehouses_that_wait_side_by_side_reach_an_order_each(gateway: Gateway) -> None:
    north, south = await two_orders(gateway)
    gateway.own("P1", goods_receipt=("wms-north",))
    gateway.own("P2", goods_receipt=("wms",))
    for event in (received("r-1"), {**received("r-1"), "source": "wms-north"}):
        assert (await gateway.send(event)).status_code == 202
    await gateway.relay.drain()
    assert [len(gateway.entities.messages_to(each.id)) for each in (north, south)] == [1, 1]


async def test_a_receipt_of_whoever_speaks_for_both_is_nobodys(gateway: Gateway) -> None:
    await two_orders(gateway)
    await gateway.send(received("r-1"))
    await gateway.relay.drain()
    [letter] = await gateway.letters()
    assert letter.letter.code == "ambiguous_order"
    assert "2 orders have the number: erp-north's of plant P1, erp-south's of plant P2" in letter.letter.detail


async def test_an_order_of_another_erp_does_not_take_what_its_plants_sender_may_not_say(gateway: Gateway) -> None:
    order = await gateway.order(NUMBER)
    gateway.own("P1", goods_receipt=("wms-north",))
    gateway.own("P2", goods_receipt=("wms",))
    await gateway.ledger.inbox.partitions()
    refused = await gateway.send(received("r-1"))
    assert refused.status_code == 403
    assert gateway.entities.messages_to(order.id) == []


async def test_a_suppliers_answer_reaches_the_order_that_the_supplier_has(gateway: Gateway) -> None:
    north, south = await two_orders(gateway, supplier="1590")
    gateway.dialect.supplier = "1590"
    await gateway.document(f"answer;{NUMBER};1;10;500;2026-06-10")
    await gateway.relay.drain()
    assert gateway.entities.messages_to(north.id) == []
    [reached] = gateway.entities.messages_to(south.id)
    assert isinstance(reached, SupplierAnswered)


def test_a_number_that_another_erp_has_used_first_is_not_taken_for_its_order(tmp_path: Path) -> None:
    systems = "".join(
        f'[systems.{name}]\nkind = "{kind}"\ndialect = "{dialect}"\naddress = "http://{name}"\n'
        for name, kind, dialect in (
            *(("erp", "erp", "sap-v2"), ("aps", "planning", "rest")),
            *(("edi-north", "supplier", "edifact"), ("edi-south", "supplier", "edifact")),
        )
    )
    (tmp_path / "landscape.toml").write_text(
        f'{systems}[[owner]]\nsystem = "erp"\ndomains = ["orders"]\n[[owner]]\nsystem = "aps"\ndomains = ["coverage"]\n'
        '[[channel]]\nsystem = "edi-north"\nplant = "P1"\n[[channel]]\nsystem = "edi-south"\nplant = "P2"\n'
    )
    addresses = OrderAddresses(FixedPolicies({}), LandscapeBook(tmp_path / "landscape.toml"))
    north = OrderRef(order_id=OrderId("order/P1/1580/n"), closed=False, supplier="1580", plant="P1", erp="erp")

    def meant(channel: str, supplier: str | None) -> OrderRef | str | None:
        return addresses.meant([north], f"supplier/{channel}", "a document", supplier)

    assert meant("edi-south", "1590") is None, "the south's order of this number is not recorded yet"
    assert meant("edi-south", None) is None
    assert meant("edi-south", "0000001580") == north, "its supplier has gone to another channel"
    assert meant("edi-north", None) == north


async def test_a_link_to_a_number_of_two_orders_leads_to_both(gateway: Gateway) -> None:
    _, south = await two_orders(gateway)
    both = await gateway.client.get(f"/orders/by-number/{NUMBER}")
    assert both.headers["location"] == f"/orders?number={NUMBER}&show=all"
    one = await gateway.client.get(f"/orders/by-number/{NUMBER}?plant=P2")
    assert one.headers["location"].endswith("/orders/P2/1580/south"), south.id

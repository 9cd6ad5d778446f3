"""Another system reports that its people decided: the order looks there at once."""

from canonical.identity import OrderId
from canonical.messages import ApprovalReported
from canonical.records import OrderSnapshot, OrderStage
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import event


async def test_a_decision_reaches_the_order_by_its_requisition_or_by_its_number(gateway: Gateway) -> None:
    waits = OrderSnapshot(
        id=OrderId("order/P1/1580/waits"),
        plant="P1",
        supplier="1580",
        stage=OrderStage.PLACING,
        requisition_number="97",
    )
    await gateway.record(waits)
    placed = await gateway.order("4500000002", requisition_number="98")
    for number, document in (("97", "97"), ("4500000002", "104"), ("98", "98")):
        data = {"order": number, "document": document}
        await gateway.send(event(f"d-{document}", "pegline.approval.decided.v1", data, source="erp"))
    await gateway.relay.drain()
    reported = [gateway.entities.messages_to(order.id) for order in (waits, placed)]
    assert reported == [
        [ApprovalReported(event_id="erp:d-97", document="97")],
        [
            ApprovalReported(event_id="erp:d-104", document="104"),
            ApprovalReported(event_id="erp:d-98", document="98"),  # told late: the order has its number by now
        ],
    ]

"""Another system reports that its people decided: the order looks there at once."""

from canonical.messages import ApprovalReported
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import event


async def test_a_decision_reaches_the_order_by_its_requisition_before_it_has_a_number(gateway: Gateway) -> None:
    waits = await gateway.order()
    await gateway.record(waits.model_copy(update={"order_number": None, "requisition_number": "97"}))
    placed = await gateway.order("4500000002", requisition_number="98")
    for number, document in (("97", "97"), ("4500000002", "104")):
        data = {"order": number, "document": document}
        await gateway.send(event(f"d-{document}", "pegline.approval.decided.v1", data, source="erp"))
    await gateway.relay.drain()
    reported = [gateway.entities.messages_to(order.id) for order in (waits, placed)]
    assert reported == [
        [ApprovalReported(event_id="erp:d-97", document="97")],
        [ApprovalReported(event_id="erp:d-104", document="104")],
    ]

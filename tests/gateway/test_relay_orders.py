"""What suppliers and warehouse say reaches its order, each order's messages in the sequence in which they came."""

import asyncio
import datetime as dt
from decimal import Decimal

from temporalio.service import RPCStatusCode

from canonical.messages import DocumentAcknowledgement, GoodsReceived, ShipmentsAnnounced, SupplierAnswered
from canonical.order import WriteOutcome, Written
from gateway.app import create_app
from gateway.delivery.relay import RelayPace
from tests.gateway.conftest import Gateway, tried, until
from tests.gateway.fakes import POLICIES, TODAY, announced, answered, edited, problem, received


async def test_receipts_of_one_order_that_wait_together_are_one_message(gateway: Gateway) -> None:
    order, other = await gateway.order(), await gateway.order("4500000002")
    await gateway.send_batch(
        received("r-1", line=10), received("r-2", "4500000002"), received("r-3", line=20, quantity="7")
    )
    await gateway.relay.drain()
    [together] = gateway.entities.messages_to(order.id)
    assert isinstance(together, GoodsReceived)
    assert [(each.line, each.quantity) for each in together.receipts] == [(10, Decimal(100)), (20, Decimal(7))]
    assert len(gateway.entities.messages_to(other.id)) == 1
    assert await gateway.statuses("4500000001") == ["delivered", "delivered"]


async def test_an_orders_messages_keep_the_order_in_which_they_came(gateway: Gateway) -> None:
    order = await gateway.order()
    await gateway.send(answered("a-1"))
    await gateway.document("despatch;4500000001;800")
    await gateway.send(received("r-1"))
    await gateway.send(received("r-2"))
    await gateway.send(answered("a-2"))
    await gateway.relay.drain()
    kinds = [type(each) for each in gateway.entities.messages_to(order.id)]
    assert kinds == [SupplierAnswered, ShipmentsAnnounced, GoodsReceived, SupplierAnswered]


async def test_what_came_later_waits_behind_what_failed(gateway: Gateway) -> None:
    order = await gateway.order()
    await gateway.send_batch(answered("a-1"), received("r-1"), answered("a-2"))
    gateway.entities.failures = [RPCStatusCode.INTERNAL]
    await gateway.relay.drain()
    kinds = [type(each) for each in gateway.entities.messages_to(order.id)]
    assert kinds == [SupplierAnswered, GoodsReceived, SupplierAnswered]
    assert [each.attempts for each in await gateway.inbox_of("4500000001")] == [1, 0, 0]


async def test_two_lines_of_one_despatch_are_two_announcements(gateway: Gateway) -> None:
    order = await gateway.order()
    await gateway.send_batch(announced("s-1", line=10), announced("s-2", line=20))
    await gateway.relay.drain()
    reported = gateway.entities.messages_to(order.id)
    numbers = {each.shipment.despatch_number for each in reported if isinstance(each, ShipmentsAnnounced)}
    assert len(numbers) == 2


async def test_a_document_is_read_and_delivered_under_the_inboxs_key(gateway: Gateway) -> None:
    order, other = await gateway.order(), await gateway.order("4500000002")
    response = await gateway.document("answer;4500000001;1;10;500;2026-06-10\nanswer;4500000002;1;10;5;2026-06-11")
    await gateway.relay.drain()
    [first], [second] = gateway.entities.messages_to(order.id), gateway.entities.messages_to(other.id)
    assert isinstance(first, SupplierAnswered)
    assert isinstance(second, SupplierAnswered)
    assert first.answer.lines[0].schedule_lines[0].quantity == Decimal(500)
    assert first.event_id != second.event_id
    status = (await gateway.client.get(response.headers["location"])).json()
    assert (status["status"], status["detail"]) == ("divided", "2 messages, each delivered by itself")
    each = [(await gateway.client.get(link)).json() for link in status["messages"]]
    assert [(one["status"], one["order"]) for one in each] == [
        ("delivered", "4500000001"),
        ("delivered", "4500000002"),
    ]


async def test_a_bad_message_and_an_unknown_order_hold_back_nothing_and_are_each_told_once(gateway: Gateway) -> None:
    order = await gateway.order()
    text = "answer;998;1;10;500;2026-06-10\nUNB+junk\nanswer;4500000001;1;10;500;2026-06-10\ndespatch;999;800"
    response = await gateway.document(text)
    for _ in range(3):
        await gateway.relay.drain()
    assert len(gateway.entities.messages_to(order.id)) == 1
    letters = {(each.letter.code, each.letter.body.decode()) for each in await gateway.letters()}
    assert letters == {
        ("unknown_order", "answer;998;1;10;500;2026-06-10"),
        ("wrong_count", "UNB+junk"),
        ("unknown_order", "despatch;999;800"),
    }
    again = await gateway.document(text)
    await gateway.relay.drain()
    assert again.json() == response.json()
    assert len(gateway.entities.messages_to(order.id)) == 1
    assert len(await gateway.letters()) == 3


async def test_an_unreadable_document_is_a_dead_letter_whole(gateway: Gateway) -> None:
    response = await gateway.document("UNB+junk", **{"content-type": "application/edifact"})
    await gateway.relay.drain()
    status = (await gateway.client.get(response.headers["location"])).json()
    assert (status["status"], status["detail"]) == ("dead_letter", "the count says 3 segments, there are 2")
    letter = (await gateway.client.get(status["dead_letter"])).json()
    assert (letter["code"], letter["body_start"], letter["channel"]) == ("wrong_count", "UNB+junk", "supplier/plain")
    body = await gateway.client.get(letter["body_link"])
    assert body.content == b"UNB+junk"


async def test_an_answer_for_an_unknown_order_is_a_dead_letter(gateway: Gateway) -> None:
    await gateway.send(answered("a-1", "999"))
    await gateway.document("answer;998;1;10;500;2026-06-10")
    await gateway.relay.drain()
    letters = await gateway.letters()
    assert {each.letter.code for each in letters} == {"unknown_order"}
    assert "999" in letters[0].letter.detail
    assert await gateway.statuses("999") == ["dead_letter"]


async def test_an_answer_that_overtook_the_record_of_its_order_is_waited_for(gateway: Gateway) -> None:
    app = create_app(
        gateway.ledger,
        gateway.entities,
        {},
        POLICIES,
        lambda _: TODAY,
        now=lambda: gateway.clock[0],
        relay=False,
        relay_pace=RelayPace(retry_seconds=0.001, retry_seconds_max=0.01),
    )
    await gateway.send(answered("a-1"))
    await gateway.send(answered("a-2", "999"))
    drain = asyncio.create_task(app.state.relay.drain())
    await until(lambda: tried(gateway, "4500000001"))
    order = await gateway.order()
    gateway.clock[0] += dt.timedelta(seconds=31)
    await drain
    while (await gateway.ledger.reads.waiting_summary()).undelivered:
        await app.state.relay.drain()
    assert len(gateway.entities.messages_to(order.id)) == 1
    assert await gateway.statuses("999") == ["dead_letter"]


async def test_what_comes_for_a_closed_order_is_ignored_unless_goods_lie_there(gateway: Gateway) -> None:
    gateway.entities.ended.add((await gateway.order(closed=True)).id)
    await gateway.send_batch(answered("a-1"), announced("s-1"), received("r-1"))
    await gateway.relay.drain()
    assert await gateway.statuses("4500000001") == ["ignored: order closed", "ignored: order closed", "dead_letter"]
    [letter] = await gateway.letters()
    assert letter.letter.code == "order_closed"
    assert gateway.entities.messages == []


async def test_what_is_taken_back_of_an_order_that_has_ended_lets_it_go_on(gateway: Gateway) -> None:
    order = await gateway.order(closed=True, final_state="{}")
    gateway.entities.ended.add(order.id)
    await gateway.send(received("r-1", quantity="-20", reverses="GR-7"))
    await gateway.relay.drain()
    await gateway.send(received("r-2"))
    await gateway.relay.drain()
    assert gateway.entities.reopened == [order.id]
    first, then = gateway.entities.messages_to(order.id)
    assert isinstance(first, GoodsReceived)
    [back] = first.receipts
    assert (int(back.quantity), back.receipt_number, back.reverses) == (-20, "GR-r-1/10", "GR-7/10")
    assert isinstance(then, GoodsReceived), "the ledger may not know yet that it goes on"
    assert await gateway.statuses("4500000001") == ["delivered", "delivered"]


async def test_a_deletion_that_is_lifted_lets_an_order_that_has_ended_go_on(gateway: Gateway) -> None:
    order = await gateway.order(closed=True, final_state="{}")
    gateway.entities.ended.add(order.id)
    await gateway.send_batch(
        edited("e-1", field="deleted", old="false", new="true"), edited("e-2", field="deleted", old="true", new="false")
    )
    await gateway.relay.drain()
    assert gateway.entities.reopened == [order.id]
    assert await gateway.statuses("4500000001") == ["ignored: order closed", "delivered"]


async def test_nothing_is_taken_back_of_an_order_whose_state_is_not_kept(gateway: Gateway) -> None:
    gateway.entities.ended.add((await gateway.order(closed=True)).id)
    await gateway.send(received("r-1", quantity="-20"))
    await gateway.relay.drain()
    [letter] = await gateway.letters()
    assert letter.letter.code == "order_closed"


async def test_a_receipt_that_can_not_be_meant_is_refused_by_field(gateway: Gateway) -> None:
    for wrong, field in (
        (received("r-1", quantity="0"), "data.quantity"),
        (received("r-2", reverses="GR-1"), "data.reverses"),
        (received("r-3", quantity="-1", final=True), "data.final"),
    ):
        assert problem(await gateway.send(wrong), 422, "invalid_field")["field"] == field


async def test_an_order_that_ended_before_it_was_recorded_counts_as_closed(gateway: Gateway) -> None:
    order = await gateway.order()
    gateway.entities.ended.add(order.id)
    await gateway.send(answered("a-1"))
    await gateway.relay.drain()
    assert await gateway.statuses("4500000001") == ["ignored: order closed"]


async def test_an_acknowledgement_reaches_the_order_that_sent_the_document(gateway: Gateway) -> None:
    order = await gateway.order(sent_references=("ABC", "DEF"))
    await gateway.document("acknowledged;DEF")
    await gateway.document("acknowledged;4500000001")
    await gateway.document("acknowledged;XYZ")
    await gateway.relay.drain()
    reached = gateway.entities.messages_to(order.id)
    stated = [each.acknowledgement.reference for each in reached if isinstance(each, DocumentAcknowledgement)]
    assert sorted(stated) == ["4500000001", "DEF"]
    [letter] = await gateway.letters()
    assert (letter.letter.code, "'XYZ'" in letter.letter.detail) == ("unknown_order", True)


async def test_a_reply_that_a_supplier_asked_for_is_sent_once(gateway: Gateway) -> None:
    sent: list[tuple[bytes, str]] = []

    class Port:
        async def send_reply(self, document: bytes, *, key: str) -> WriteOutcome:
            sent.append((document, key))
            return Written()

    app = create_app(
        gateway.ledger, gateway.entities, {}, POLICIES, lambda plant: TODAY, relay=False, replies=lambda channel: Port()
    )
    await gateway.order()
    for _ in range(2):
        await gateway.document("answer;4500000001;1;10;500;2026-06-10;reply")
        await app.state.relay.drain()
    assert [document for document, _ in sent] == [b"thanks"]

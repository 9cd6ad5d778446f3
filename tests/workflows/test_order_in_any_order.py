"""Whatever order its messages arrive in, however often, an order ends in the same state."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given

from canonical.messages import (
    GoodsReceived,
    SupplyRequested,
)
from canonical.order import (
    AnswerOutcome,
)
from tests.decisions.models import june
from tests.workflows.arrivals import a_request, arrivals, reported, unnoted
from tests.workflows.order_harness import (
    BELL,
    CHAIN,
    CHANGED,
    a_receipt,
    a_shipment,
    an_answer,
    an_edit,
    sent_order,
    statement,
)
from workflows.purchase_order import workflow as order_workflow
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.reports import coverage_of
from workflows.purchase_order.state import OrderState

TODAY = june(1)


TO_THE_ORDER = [
    an_answer(1, accepted=True),
    an_answer(2, statement(10, (CHANGED, 60, 20), (CHANGED, 40, 24))),
    an_answer(3, statement(20, (CHANGED, 60, 22), unit="BX")),
    an_answer(4, statement(20, (CHANGED, 60, 23))),
    an_answer(5, statement(10, (CHANGED, 70, 20), (AnswerOutcome.REJECTED, 30, None))),
    an_answer(6, revision=3, accepted=True),
    a_shipment("D-1", 10, 40),
    a_shipment("D-2", 10, 20),
    GoodsReceived(receipts=(a_receipt("GR-1", 10, 40, 19), a_receipt("GR-2", 20, 15, 18))),
    GoodsReceived(receipts=(a_receipt("GR-3", 20, 10, 21),)),
    GoodsReceived(receipts=(a_receipt("GR-4", 20, 5, 21, unit="BX"),)),
]
REQUESTS = [
    SupplyRequested(request=a_request(BELL, revision, quantity)) for revision, quantity in ((2, 80), (3, 0), (4, 50))
]


EDITS = [
    an_edit("E-1", 10, "quantity", "120", 1),
    an_edit("E-2", 10, "quantity", "130", 2, "unknown"),
    an_edit("E-3", 10, "quantity", "130.0", 3, "bea"),
    an_edit("E-4", 20, "quantity", "70", 1),
    an_edit("E-5", 20, "quantity", "60", 2),
    an_edit("E-6", 10, "delivery_date", "2026-06-26", 2),
    an_edit("E-7", 20, "price", "a lot", 2),
    an_edit("E-8", 90, "price", "2", 2),
]


def picture(state: OrderState) -> dict[str, Any]:
    """All of an order's state that decides what it does and reports next."""
    return {
        "lines": [
            (line.number, line.quantity, line.delivery_date, line.cancelled, line.shipped, line.received, line.awaited)
            for line in state.lines
        ],
        "supply": [reported(line.supply) for line in state.lines],
        "coverage": {requirement: reported(coverage_of(state, requirement)) for requirement in (CHAIN, BELL)},
        "unclear": (state.unclear, state.unclear_receipts),
        "touched": set(state.touched),
        "cut": set(state.cut),
        "as_of": state.as_of,
        "considered": state.considered,
        "pending": state.pending,
        "edits": [{field: (edit.new, edit.edited_by) for field, edit in line.edits.items()} for line in state.lines],
        "refusals": state.refusals,
        "balances": state.open_quantities,
    }


def order_after(messages: Sequence[Any]) -> dict[str, Any]:
    state = sent_order()
    for message in messages:
        order_workflow.take(state, message, unnoted, TODAY)
    settle_requests(state, TODAY, unnoted)
    return picture(state)


@given(arrivals(TO_THE_ORDER))
def test_an_order_ends_in_the_same_state_whatever_order_its_messages_come_in(messages: list[Any]) -> None:
    assert order_after(messages) == order_after(TO_THE_ORDER)


@given(arrivals([*TO_THE_ORDER, *REQUESTS, *EDITS]))
def test_an_order_serves_the_newest_requests_whatever_order_they_and_edits_come_in(messages: list[Any]) -> None:
    assert order_after(messages) == order_after([*TO_THE_ORDER, *REQUESTS, *EDITS])


@given(arrivals(EDITS))
def test_an_order_keeps_the_newest_edits_whatever_order_they_come_in(messages: list[Any]) -> None:
    after = order_after(messages)
    assert after["edits"] == [{"quantity": ("130", "bea"), "delivery_date": ("2026-06-26", "ben")}, {}]
    assert after == order_after(EDITS)


def test_the_newest_messages_decide_the_state_an_order_ends_in() -> None:
    after = order_after(TO_THE_ORDER)
    assert after["supply"] == [
        [(40, 19, "received"), (20, 20, "shipped"), (10, 20, "confirmed")],
        [(25, 21, "received"), (35, 23, "confirmed")],
    ]
    assert [line[:2] for line in after["lines"]] == [(10, 70), (20, 60)]
    assert after["unclear"] == ({}, {"GR-4": "line 20 is in EA, the receipt in BX"})


PART_DELIVERED = [
    an_answer(1, accepted=True),
    GoodsReceived(receipts=(a_receipt("GR-1", 10, 60, 1),)),
    an_answer(48, statement(10, (CHANGED, 40, 25))),
    GoodsReceived(receipts=(a_receipt("GR-2", 10, 10, 25),)),
]
"""60 of 100 chains come, then the supplier confirms the other 40 for the 25th, and brings 10 of them that day."""


def test_what_is_confirmed_once_a_part_has_come_is_the_rest_and_keeps_its_date() -> None:
    assert order_after(PART_DELIVERED[:3])["supply"][0] == [(60, 1, "received"), (40, 25, "confirmed")]
    assert order_after(PART_DELIVERED)["supply"][0] == [(70, 25, "received"), (30, 25, "confirmed")]


@given(arrivals(PART_DELIVERED))
def test_the_rest_keeps_its_date_whichever_message_comes_first(messages: list[Any]) -> None:
    assert order_after(messages) == order_after(PART_DELIVERED)


def test_what_comes_after_a_confirmation_of_a_part_is_that_part() -> None:
    after = order_after([an_answer(1, statement(10, (CHANGED, 40, 20))), PART_DELIVERED[3]])
    assert after["supply"][0] == [(10, 25, "received"), (30, 20, "confirmed"), (60, None, "backordered")]

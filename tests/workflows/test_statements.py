"""What suppliers and warehouses state in other units, about other lines, in words or for another party."""

from decimal import Decimal

from canonical.messages import GoodsReceived
from canonical.order import ShippedLine
from canonical.policy import Edifact
from canonical.supply import OtherUnit
from tests.decisions.models import june
from tests.workflows.arrivals import POLICY, unnoted
from tests.workflows.order_harness import (
    CHAIN,
    CHANGED,
    a_receipt,
    a_shipment,
    an_answer,
    sent_order,
    statement,
)
from workflows.purchase_order.questions import find_breaches, questions
from workflows.purchase_order.reports import changes_to_report
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

TODAY = june(1)


def boxes_of_12() -> OrderState:
    """100 boxes of chains on line 10, 60 pieces of bells on line 20."""
    state = sent_order()
    chain = state.lines[0]
    pieces = (OtherUnit(unit="EA", per_order_unit=(Decimal(12), Decimal(1))),)
    chain.request = chain.request.model_copy(update={"unit": "BX", "other_units": pieces})
    return state


def test_a_despatch_in_pieces_ships_boxes_and_one_that_can_t_be_converted_is_asked_about() -> None:
    state = boxes_of_12()
    announced = a_shipment("D1", 10, 60)
    in_pieces = announced.shipment.model_copy(
        update={"lines": (ShippedLine(line=10, quantity=Decimal(60), unit="EA"),)}
    )
    take(state, announced.model_copy(update={"shipment": in_pieces}), unnoted, TODAY)
    assert state.lines[0].shipped == 5
    in_kilograms = in_pieces.model_copy(
        update={"lines": (ShippedLine(line=10, quantity=Decimal(60), unit="KGM"),), "despatch_number": "D2"}
    )
    take(state, announced.model_copy(update={"shipment": in_kilograms}), unnoted, TODAY)
    assert state.lines[0].shipped == 5
    asked = questions(state, TODAY, answer_overdue=False)["no_answer"]
    assert "despatch D2: line 10 is in BX, the despatch of 60 in KGM" in asked.summary


def test_a_receipt_in_pieces_is_booked_in_boxes() -> None:
    state = boxes_of_12()
    receipts = (
        a_receipt("R1", 10, 24, 5),
        a_receipt("R2", 20, 7, 5, unit="H87"),
        a_receipt("R3", 10, 5, 5, unit="KGM"),
    )
    take(state, GoodsReceived(receipts=receipts), unnoted, TODAY)
    assert [line.received for line in state.lines] == [2, 7]
    assert list(state.unclear_receipts) == ["R3"]


def test_an_answer_in_pieces_confirms_boxes() -> None:
    state = boxes_of_12()
    take(state, an_answer(1, statement(10, (CHANGED, 1200, 20), unit="EA")), unnoted, TODAY)
    assert [part.quantity for part in state.lines[0].promised] == [100]
    assert not state.unclear


def test_an_answer_by_the_suppliers_own_count_is_taken_by_item_and_a_mismatch_is_asked_about() -> None:
    state = sent_order()
    own = statement(1, (CHANGED, 60, 20)).model_copy(update={"item": "BELL", "by_reference": False})
    take(state, an_answer(1, own), unnoted, TODAY)
    assert [bool(line.promised) for line in state.lines] == [False, True]
    wrong = statement(10, (CHANGED, 100, 20)).model_copy(update={"item": "BELL"})
    take(state, an_answer(2, wrong), unnoted, TODAY)
    assert not state.lines[0].promised
    asked = questions(state, TODAY, answer_overdue=False)["no_answer"]
    assert "line 10 of the order is item CHAIN; the document names item BELL for it" in asked.summary


def test_a_price_per_kilogram_is_never_within_the_tolerance_of_a_price_a_piece() -> None:
    state = sent_order()
    priced = statement(10, (CHANGED, 100, 20)).model_copy(update={"price": Decimal("0.10"), "price_measure": "KGM"})
    take(state, an_answer(1, priced), unnoted, TODAY)
    assert "its price is for KGM, the order's for EA" in state.unclear[10]


def test_a_slipped_decimal_is_asked_about() -> None:
    state = sent_order()
    slipped = statement(10, (CHANGED, 100, 20)).model_copy(update={"price": Decimal("0.20")})
    take(state, an_answer(1, slipped), unnoted, TODAY)
    find_breaches(state, [10], unnoted, TODAY)
    assert state.breaches == {10: "price 0.20 instead of 2.00"}


def test_an_answer_of_another_supplier_or_address_changes_nothing_and_is_asked_about() -> None:
    given = an_answer(1, statement(10, (CHANGED, 100, 20)))

    def taken(*addresses: str, **stated: str) -> bool:
        state = sent_order()
        state.policy = POLICY.model_copy(update={"edifact": Edifact(addresses=addresses)})
        take(state, given.model_copy(update={"answer": given.answer.model_copy(update=stated)}), unnoted, TODAY)
        assert bool(state.lines[0].promised) is not ("no_answer" in questions(state, TODAY, answer_overdue=False))
        return bool(state.lines[0].promised)

    assert not taken(supplier="1999")
    assert not taken("4012345500004", sender="4099999000001")
    assert taken("4012345500004", sender="4012345500004")
    assert taken(sender="4012345500004", supplier="1580")


def test_what_the_supplier_says_in_words_stands_in_the_question_and_in_the_report() -> None:
    state = sent_order()
    late = statement(10, (CHANGED, 50, 20)).model_copy(update={"remarks": ("mill is down", "reason code OP")})
    take(state, an_answer(1, late), unnoted, TODAY)
    reports = dict(changes_to_report(state, TODAY))
    assert reports[CHAIN].remarks == ("mill is down", "reason code OP")
    state.breaches[10] = "quantity 50 instead of 100"
    asked = questions(state, TODAY, answer_overdue=False)["tolerance"]
    assert asked.summary.endswith("(the supplier writes: mill is down; reason code OP)")
    take(state, an_answer(2, statement(10, (CHANGED, 100, 20))), unnoted, TODAY)
    assert state.remarks == {}

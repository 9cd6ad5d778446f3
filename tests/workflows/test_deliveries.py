"""How deliveries end: short and final, taken back, announced twice; without a server."""

import copy
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from canonical.exception import Choice, Decision
from canonical.messages import DocumentEdited, GoodsReceived, ShipmentsAnnounced
from canonical.order import AnswerOutcome, DespatchFunction, EditedField, GoodsReceipt, ShipmentAnnounced, ShippedLine
from canonical.policy import Delivery
from canonical.supply import SupplyRequest
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, a_request, arrivals, reported, unnoted
from tests.workflows.order_harness import BELL, CHAIN, CHANGED, a_receipt, an_answer, an_edit, sent_order, statement
from workflows.purchase_order import workflow as order_workflow
from workflows.purchase_order.deliveries import end_deliveries, time_to_completion
from workflows.purchase_order.edits import take_edit
from workflows.purchase_order.line import LineStatus
from workflows.purchase_order.questions import questions, settle_decisions
from workflows.purchase_order.reports import changes_to_report, coverage_of, schedule
from workflows.purchase_order.state import OrderState

TODAY = june(1)
REJECTED, BACKORDERED = AnswerOutcome.REJECTED, AnswerOutcome.BACKORDERED


def an_order(*messages: Any, sent: OrderState | None = None, now: dt.datetime = NOW) -> OrderState:
    """100 chains on line 10 and 60 bells on line 20, confirmed, and what happened since."""
    state = sent or sent_order()
    if sent is None:
        order_workflow.take(state, an_answer(1, accepted=True), unnoted, TODAY)
    for message in messages:
        order_workflow.take(state, message, unnoted, TODAY)
        end_deliveries(state, now, unnoted)
    return state


def received(number: str, quantity: int, day: int = 3, **more: Any) -> GoodsReceived:
    """Chains that arrive, or are taken back."""
    receipt = a_receipt(number, 10, quantity, day).model_copy(update=more)
    return GoodsReceived(receipts=(receipt,))


def taken_back(number: str, quantity: int, of: str | None = None, day: int = 4) -> GoodsReceived:
    return received(number, -quantity, day, reverses=of)


def shipped(
    number: str,
    quantity: int,
    *,
    function: DespatchFunction = "original",
    takes_back: str | None = None,
    arrives: int = 20,
    hour: int = 30,
    line: int = 10,
) -> ShipmentsAnnounced:
    return ShipmentsAnnounced(
        event_id=number,
        shipment=ShipmentAnnounced(
            order_number="4500000001",
            despatch_number=number,
            function=function,
            takes_back=takes_back,
            arrives_on=june(arrives),
            lines=(ShippedLine(line=line, quantity=Decimal(quantity)),) if quantity else (),
            effective_at=NOW + dt.timedelta(hours=hour),
        ),
    )


def set_in_erp(field: EditedField, new: str = "true", hour: int = 80, by: str = "ben") -> DocumentEdited:
    return an_edit(f"E-{field}-{new}-{hour}", 10, field, new, hour, by)


def supply(state: OrderState) -> list[tuple[int, int | None, str]]:
    return reported(state.lines[0].supply)


def asked(state: OrderState) -> dict[str, str]:
    return {purpose: each.summary for purpose, each in questions(state, TODAY, answer_overdue=False).items()}


def coverage_reported(state: OrderState) -> dict[str, Any]:
    """What the requirement of the chains is told now."""
    [stated] = [stated for requirement, stated in changes_to_report(state, TODAY) if requirement == CHAIN]
    return {
        "coverage": reported(stated.schedule_lines),
        "open": int(stated.open_quantity),
        "closed": stated.closed,
        "why": stated.refused,
    }


# -- short and final


SHORT_AND_FINAL = {
    "coverage": [(95, 3, "received")],
    "open": 5,
    "closed": True,
    "why": "delivery is completed without 5 EA",
}


@pytest.mark.parametrize(
    "messages",
    [
        [received("GR-1", 60), received("GR-2", 35, final=True)],
        [received("GR-2", 35, final=True), received("GR-1", 60)],
        [received("GR-1", 95), set_in_erp("delivery_completed")],
        [set_in_erp("delivery_completed"), received("GR-1", 95)],
    ],
    ids=["by the last receipt", "which comes first", "by the ERP", "which tells it before the receipt"],
)
def test_95_of_100_and_final_leave_5_to_be_sourced_again(messages: list[Any]) -> None:
    state = an_order(*messages)
    assert coverage_reported(state) == SHORT_AND_FINAL
    assert state.lines[0].status is LineStatus.RECEIVED
    assert asked(state) == {}


def test_a_completed_line_is_written_as_completed_and_nothing_else_of_it_is() -> None:
    state = an_order(received("GR-1", 95, final=True))
    assert state.changed_lines == []
    [line] = schedule(state, [10]).lines
    assert line.completed
    state.lines[0].mark_in_erp()
    written = state.lines[0].written
    assert written is not None
    state.lines[0].mark_scheduled(line.schedule, completed=True)
    assert state.lines[0].written == written.model_copy(update={"completed": True})


def test_a_change_that_the_supplier_never_got_is_void_once_delivery_is_completed() -> None:
    state = an_order(received("GR-1", 95))
    line = state.lines[0]
    line.revise(2, Decimal(120), june(20))
    order_workflow.take(state, set_in_erp("delivery_completed"), unnoted, TODAY)
    assert state.changed_lines == []
    assert line.status is LineStatus.RECEIVED
    assert [int(quantity) for quantity in (line.quantity, line.undelivered)] == [95, 25]


def test_a_receipt_that_is_reported_after_the_completion_still_counts() -> None:
    state = an_order(received("GR-1", 60), set_in_erp("delivery_completed"))
    assert coverage_reported(state)["open"] == 40
    order_workflow.take(state, received("GR-2", 40, day=5), unnoted, TODAY)
    assert coverage_reported(state) | {"why": None} == SHORT_AND_FINAL | {
        "coverage": [(100, 5, "received")],
        "open": 0,
        "why": None,
    }


def test_what_policy_lets_lack_completes_the_line_unless_it_is_on_the_way() -> None:
    def under(may_lack: str, *messages: Any) -> LineStatus:
        state = sent_order()
        state.policy = state.policy.model_copy(update={"delivery": Delivery(may_lack=Decimal(may_lack))})
        return an_order(an_answer(1, accepted=True), *messages, sent=state).lines[0].status

    assert under("0.05", received("GR-1", 95)) is LineStatus.RECEIVED
    assert under("0.05", received("GR-1", 94)) is LineStatus.DELIVERING
    assert under("0", received("GR-1", 99)) is LineStatus.DELIVERING
    assert under("0.05", shipped("D-1", 95), received("GR-1", 95)) is LineStatus.RECEIVED
    assert under("0.05", shipped("D-1", 95), shipped("D-2", 5), received("GR-1", 95)) is LineStatus.DELIVERING


def test_a_completion_that_a_write_finds_waits_for_receipts_that_are_under_way() -> None:
    state = an_order(received("GR-1", 60))
    edit = set_in_erp("delivery_completed", by="unknown").edit
    take_edit(state, edit, "found", unnoted, found_at=NOW)
    assert asked(state) == {}
    assert schedule(state, [10]).lines == ()
    assert time_to_completion(state, NOW) == dt.timedelta(minutes=60)
    end_deliveries(state, NOW + dt.timedelta(minutes=59), unnoted)
    assert state.lines[0].status is LineStatus.DELIVERING
    end_deliveries(state, NOW + dt.timedelta(minutes=60), unnoted)
    assert coverage_reported(state)["open"] == 40


def test_a_completion_that_a_write_finds_is_nothing_new_once_all_receipts_are_here() -> None:
    state = an_order(received("GR-1", 60))
    take_edit(state, set_in_erp("delivery_completed", by="unknown").edit, "found", unnoted, found_at=NOW)
    order_workflow.take(state, received("GR-2", 40), unnoted, TODAY)
    end_deliveries(state, NOW, unnoted)
    assert (state.lines[0].edits, time_to_completion(state, NOW)) == ({}, None)
    assert coverage_reported(state)["open"] == 0


@pytest.mark.parametrize("found_at", [None, NOW], ids=["reported", "found by a write"])
def test_a_completed_delivery_is_not_asked_about_while_its_receipts_may_be_on_their_way(
    found_at: dt.datetime | None,
) -> None:
    state = an_order()
    edit = set_in_erp("delivery_completed", hour=0, by="unknown").edit
    take_edit(state, edit, "completed", unnoted, found_at=found_at)
    end_deliveries(state, NOW + dt.timedelta(minutes=59), unnoted)
    assert asked(state) == {}
    assert time_to_completion(state, NOW + dt.timedelta(minutes=59)) == dt.timedelta(minutes=1)

    late = copy.deepcopy(state)
    end_deliveries(late, NOW + dt.timedelta(minutes=60), unnoted)
    assert len(asked(late)) == 1
    assert time_to_completion(late, NOW + dt.timedelta(minutes=60)) is None

    order_workflow.take(state, received("GR-1", 100), unnoted, TODAY)
    end_deliveries(state, NOW + dt.timedelta(minutes=59), unnoted)
    assert (asked(state), state.lines[0].edits) == ({}, {})
    assert state.lines[0].status is LineStatus.RECEIVED


@pytest.mark.parametrize(("choice", "status"), [(Choice.APPROVE, "cancelling"), (Choice.DECLINE, "confirmed")])
def test_a_completed_delivery_of_which_nothing_came_is_put_to_a_person(choice: Choice, status: str) -> None:
    state = an_order(set_in_erp("delivery_completed", hour=0), now=NOW + dt.timedelta(minutes=60))
    [(purpose, summary)] = asked(state).items()
    assert "completed its delivery, of which nothing has come" in summary
    decide(state, purpose, choice)
    assert state.lines[0].status == status


def test_a_completion_that_is_reset_opens_the_line_again() -> None:
    state = an_order(received("GR-1", 95, final=True), set_in_erp("delivery_completed", "false"))
    assert supply(state) == [(95, 3, "received"), (5, 20, "confirmed")]
    stated = coverage_reported(state)
    assert (stated["open"], stated["closed"]) == (0, False)


def decide(state: OrderState, purpose: str, choice: Choice) -> None:
    digest = questions(state, TODAY, answer_overdue=False)[purpose].digest
    decided_at = NOW + dt.timedelta(days=9)
    decision = Decision(event_id="d", digest=digest, choice=choice, decided_by="bea", decided_at=decided_at)
    state.decisions[purpose] = decision
    settle_decisions(state, unnoted, decided_at)


# -- receipts are taken back


def test_what_goes_back_to_the_supplier_opens_the_line_and_has_no_date_until_the_supplier_names_one() -> None:
    state = an_order(received("GR-1", 100), taken_back("RV-1", 20))
    assert supply(state) == [(80, 3, "received"), (20, None, "backordered")]
    assert coverage_reported(state)["closed"] is False
    order_workflow.take(state, an_answer(100, statement(10, (CHANGED, 20, 28))), unnoted, TODAY)
    assert supply(state) == [(80, 3, "received"), (20, 28, "confirmed")]
    order_workflow.take(state, received("GR-2", 20, day=28), unnoted, TODAY)
    assert (supply(state), state.lines[0].closed) == ([(100, 28, "received")], True)


def test_a_receipt_that_was_a_mistake_leaves_the_promise_as_it_was() -> None:
    state = an_order(received("GR-1", 60), taken_back("RV-1", 60, of="GR-1"), received("GR-2", 40))
    assert supply(state) == [(40, 3, "received"), (60, 20, "confirmed")]


def test_what_is_taken_back_of_a_completed_line_is_expected_again_and_what_never_came_is_not() -> None:
    state = an_order(received("GR-1", 95, final=True), taken_back("RV-1", 20, day=5))
    assert supply(state) == [(75, 3, "received"), (20, None, "backordered")]
    assert coverage_reported(state) == {
        "coverage": [(75, 3, "received"), (20, None, "backordered")],
        "open": 5,
        "closed": False,
        "why": "delivery is completed without 5 EA",
    }


TAKEN_BACK = [
    received("GR-1", 60),
    received("GR-2", 40),
    taken_back("RV-1", 10, of="GR-1"),
    taken_back("RV-2", 50, of="GR-1"),
    taken_back("RV-3", 5),
    received("GR-3", 30, day=6),
]


@given(arrivals(TAKEN_BACK))
def test_what_is_taken_back_counts_once_whatever_order_it_comes_in(messages: Sequence[Any]) -> None:
    state = an_order(*messages)
    assert supply(state) == [(65, 6, "received"), (30, 20, "confirmed"), (5, None, "backordered")]
    assert asked(state) == {}


def test_what_takes_back_a_receipt_waits_for_it_and_a_person_is_told() -> None:
    state = an_order(taken_back("RV-1", 60, of="GR-1"))
    assert "receipt RV-1: it takes back receipt GR-1, which is not known yet" in asked(state)["no_answer"]
    order_workflow.take(state, received("GR-1", 60), unnoted, TODAY)
    assert asked(state) == {}
    assert state.lines[0].received == 0


def test_more_than_a_receipt_brought_can_not_be_taken_back_of_it() -> None:
    state = an_order(received("GR-1", 60), taken_back("RV-1", 70, of="GR-1"))
    assert "it takes back 70 of receipt GR-1, of which line 10 has 60" in asked(state)["no_answer"]
    assert state.lines[0].received == 60


def test_more_than_came_that_goes_back_is_put_to_a_person_until_the_receipt_is_there() -> None:
    state = an_order(taken_back("RV-1", 20))
    assert "line 10: 20 more went back than was received" in asked(state)["no_answer"]
    order_workflow.take(state, received("GR-1", 100), unnoted, TODAY)
    assert asked(state) == {}
    assert state.lines[0].received == 80


def test_a_receipt_that_could_not_be_booked_is_no_question_once_it_is_taken_back() -> None:
    unbookable = GoodsReceived(receipts=(a_receipt("GR-1", 10, 5, 3, unit="BX"),))
    of_it = [a_receipt("RV-1", 10, -5, 4, unit="EA").model_copy(update={"reverses": "GR-1"})]
    assert asked(an_order(unbookable, GoodsReceived(receipts=tuple(of_it)))) == {}


def test_what_is_taken_back_under_the_number_of_its_receipt_is_no_repetition_of_it() -> None:
    state = an_order(received("GR-1", 60), taken_back("GR-1", 60), taken_back("GR-1", 60))
    assert supply(state) == [(100, 20, "confirmed")]


# -- answers after a part was delivered


ANSWERS_FOR_THE_REST = [
    ([statement(10, (CHANGED, 40, 25))], [(60, 3, "received"), (40, 25, "confirmed")]),
    ([statement(10, (CHANGED, 100, 25))], [(60, 3, "received"), (40, 25, "confirmed")]),
    (
        [statement(10, (CHANGED, 25, 25), (CHANGED, 15, 28))],
        [(60, 3, "received"), (25, 25, "confirmed"), (15, 28, "confirmed")],
    ),
    ([statement(10, (CHANGED, 60, 3), (CHANGED, 40, 25))], [(60, 3, "received"), (40, 25, "confirmed")]),
    ([statement(10, (CHANGED, 30, 25), (REJECTED, 10, None))], [(60, 3, "received"), (30, 25, "confirmed")]),
    ([statement(10, (REJECTED, 40, None))], [(60, 3, "received")]),
    ([statement(10, (REJECTED, 100, None))], [(60, 3, "received")]),
    (
        [statement(10, (CHANGED, 30, 25))],
        [(60, 3, "received"), (30, 25, "confirmed"), (10, None, "backordered")],
    ),
    ([statement(10, (BACKORDERED, 40, 28))], [(60, 3, "received"), (40, 28, "backordered")]),
]


@pytest.mark.parametrize(("lines", "expected"), ANSWERS_FOR_THE_REST)
def test_an_answer_after_60_of_100_came_is_about_the_rest_or_the_whole(
    lines: list[Any], expected: list[tuple[int, int | None, str]]
) -> None:
    answer, receipt = an_answer(100, *lines), received("GR-1", 60)
    assert supply(an_order(receipt, answer)) == expected
    assert supply(an_order(answer, receipt)) == expected, "the receipt is reported after the answer"


@pytest.mark.parametrize("announced", [shipped("D-1", 60), shipped("D-1", 60, arrives=22)])
def test_an_answer_after_60_of_100_were_despatched_is_about_the_rest(announced: ShipmentsAnnounced) -> None:
    answer = an_answer(100, statement(10, (CHANGED, 40, 25)))
    expected = [(60, 20, "shipped"), (40, 25, "confirmed")]
    assert supply(an_order(announced, answer)) == expected
    assert supply(an_order(answer, announced)) == expected
    assert supply(an_order(announced, answer, received("GR-1", 60, day=20)))[1:] == [(40, 25, "confirmed")]


def test_an_answer_that_counts_from_what_was_received_keeps_what_is_on_the_way_in_it() -> None:
    state = an_order(received("GR-1", 60), shipped("D-1", 60), shipped("D-2", 20))
    order_workflow.take(state, an_answer(100, statement(10, (CHANGED, 40, 25))), unnoted, TODAY)
    assert supply(state) == [(60, 3, "received"), (20, 25, "shipped"), (20, 25, "confirmed")]


def test_an_answer_that_names_neither_the_whole_nor_the_rest_is_asked_about_and_changes_nothing() -> None:
    state = an_order(received("GR-1", 60), an_answer(100, statement(10, (CHANGED, 50, 25))))
    assert "line 10: the answer names 50 of 100, of which 60 are delivered" in asked(state)["no_answer"]
    assert supply(state) == [(60, 3, "received"), (40, 20, "confirmed")]


def test_an_order_whose_rest_the_supplier_refuses_is_done() -> None:
    state = an_order(received("GR-1", 60), an_answer(100, statement(10, (REJECTED, 40, None))))
    line = state.lines[0]
    assert line.status is LineStatus.RECEIVED
    assert [int(quantity) for quantity in (line.quantity, line.rejected)] == [60, 40]


# -- announced twice


def test_the_same_100_under_two_despatch_numbers_count_once_within_an_order_of_200() -> None:
    state = two_hundred()
    an_order(shipped("D-1", 100), shipped("D-2", 100), sent=state)
    assert state.lines[0].in_transit == 100
    assert "100 as in a despatch advice of another number" in asked(state)["announced"]
    decide(state, "announced", Choice.APPROVE)
    assert state.lines[0].in_transit == 200
    assert asked(state) == {}


@pytest.mark.parametrize(
    "messages",
    [
        [shipped("D-1", 100), shipped("D-2", 100, arrives=21)],
        [shipped("D-1", 100), shipped("D-2", 90)],
        [shipped("D-1", 100), received("GR-1", 100), shipped("D-2", 100)],
        [shipped("D-1", 100), shipped("D-1", 100)],
        [shipped("D-1", 100), shipped("D-1", 0, function="cancellation", hour=31), shipped("D-2", 100)],
    ],
    ids=["another day", "another quantity", "the first has come", "the same number", "the first is cancelled"],
)
def test_what_is_told_apart_is_not_asked_about(messages: list[Any]) -> None:
    assert asked(an_order(*messages, sent=two_hundred())) == {}


def two_hundred() -> OrderState:
    state = sent_order()
    request: SupplyRequest = a_request(CHAIN, 1, 200)
    state.lines[0] = state.lines[0].model_copy(
        update={"quantity": Decimal(200), "allocated": Decimal(200), "request": request}
    )
    order_workflow.take(state, an_answer(1, accepted=True), unnoted, TODAY)
    return state


CANCELLED = [shipped("D-1", 40), shipped("D-1", 0, function="cancellation", hour=31)]
REPLACED = [
    shipped("D-1", 40),
    shipped("D-1", 50, function="replacement", hour=31),
    shipped("D-1", 60, function="replacement", hour=32),
]
REPLACED_BY_ANOTHER = [shipped("D-1", 40), shipped("D-2", 60, function="replacement", takes_back="D-1", hour=31)]


@pytest.mark.parametrize(("messages", "on_the_way"), [(CANCELLED, 0), (REPLACED, 60), (REPLACED_BY_ANOTHER, 60)])
def test_a_cancelled_or_replaced_advice_takes_the_first_one_back(messages: list[Any], on_the_way: int) -> None:
    @given(arrivals(messages))
    def in_any_order(shuffled: Sequence[Any]) -> None:
        state = an_order(*shuffled)
        assert state.lines[0].in_transit == on_the_way
        assert asked(state) == {}

    in_any_order()


def test_a_cancellation_of_an_unknown_advice_is_put_to_a_person_until_that_comes() -> None:
    state = an_order(CANCELLED[1])
    assert "despatch D-1: D-1 cancels it, and it is not known yet" in asked(state)["no_answer"]
    order_workflow.take(state, CANCELLED[0], unnoted, TODAY)
    assert asked(state) == {}
    assert state.lines[0].in_transit == 0


# -- blocked is not deleted


def test_a_blocked_line_is_asked_about_and_neither_written_nor_sourced_again() -> None:
    state = an_order(set_in_erp("blocked"))
    [(purpose, summary)] = asked(state).items()
    assert purpose.startswith("edit of line 10")
    assert summary == "ben changed line 10 of order 4500000001: blocked it"
    assert schedule(state, [10]).lines == ()
    assert [requirement for requirement, _ in changes_to_report(state, TODAY)] == []
    assert reported(coverage_of(state, CHAIN)) == [(100, 20, "confirmed")]


def test_a_block_that_is_lifted_is_settled_in_whatever_order_it_is_told() -> None:
    block, lift = set_in_erp("blocked", hour=80), set_in_erp("blocked", "false", hour=81)
    for messages in ([block, lift], [lift, block], [block, lift, block]):
        state = an_order(*messages)
        assert asked(state) == {}
        assert len(schedule(state, [10]).lines) == 1


@pytest.mark.parametrize(("choice", "cancelled"), [(Choice.APPROVE, True), (Choice.DECLINE, False)])
def test_a_person_gives_a_blocked_line_up_or_goes_on_with_it(choice: Choice, cancelled: bool) -> None:
    state = an_order(set_in_erp("blocked"))
    line = state.lines[0]
    line.mark_in_erp()
    decide(state, next(iter(asked(state))), choice)
    assert (line.cancelled, line.edits) == (cancelled, {})
    assert line.differs_from_erp is cancelled, "what is given up is deleted in the ERP, by decision"
    assert (state.changed_lines, state.cut) == (([10], []) if cancelled else ([], [10]))


def test_a_line_that_is_restored_in_the_erp_after_its_deletion_was_adopted_is_asked_about() -> None:
    state = an_order(set_in_erp("deleted"))
    decide(state, next(iter(asked(state))), Choice.APPROVE)
    assert state.lines[0].cancelled
    state.lines[0].complete()
    order_workflow.take(state, set_in_erp("deleted", "false", hour=300), unnoted, TODAY)
    [(purpose, summary)] = asked(state).items()
    assert "restored it" in summary
    decide(state, purpose, Choice.APPROVE)
    assert not state.lines[0].cancelled
    assert state.lines[0].quantity == 100


def test_a_block_of_a_line_that_is_received_is_nobodys_question() -> None:
    for messages in (
        [received("GR-1", 100), set_in_erp("blocked")],
        [set_in_erp("blocked"), received("GR-1", 100)],
    ):
        assert asked(an_order(*messages)) == {}


def a_bell_receipt(number: str, quantity: int) -> GoodsReceipt:
    return a_receipt(number, 20, quantity, 3)


def test_an_order_is_finished_when_its_lines_are_received_or_completed() -> None:
    state = an_order(received("GR-1", 95, final=True), GoodsReceived(receipts=(a_bell_receipt("GR-2", 60),)))
    state.touched.clear()
    assert state.finished
    order_workflow.take(state, taken_back("RV-1", 5), unnoted, TODAY)
    state.touched.clear()
    assert not state.finished
    assert {requirement for requirement, _ in changes_to_report(state, TODAY)} == {CHAIN, BELL}

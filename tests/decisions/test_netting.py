from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.netting import Allocation, counted, left_to_order, uncovered
from tests.decisions.models import (
    a_coverage,
    backordered,
    confirmed,
    june,
    may,
    received,
)

quantities = st.decimals(0, 10_000, places=3)
allocations = st.builds(Allocation, ordered=quantities, confirmed=st.none() | quantities, acknowledged=st.booleans())


def test_r2_need_500_po_300_acknowledged_at_250_and_pr_100_leave_150_uncovered() -> None:
    """Need 500; PO 300 acknowledged at 250; PR 100 → 150 uncovered."""
    order = Allocation(ordered=Decimal(300), confirmed=Decimal(250), acknowledged=True)
    requisition = Allocation(ordered=Decimal(100))
    assert uncovered(Decimal(500), [order, requisition]) == 150


def test_an_order_counts_whole_until_it_is_acknowledged() -> None:
    assert counted(Allocation(ordered=Decimal(300), confirmed=Decimal(250))) == 300


def test_an_acknowledgment_that_confirms_nothing_counts_for_nothing() -> None:
    assert uncovered(Decimal(500), [Allocation(ordered=Decimal(300), acknowledged=True)]) == 500


@given(quantities, st.lists(allocations, max_size=5))
def test_what_is_uncovered_is_never_negative_and_fills_the_need_exactly(need: Decimal, held: list[Allocation]) -> None:
    missing = uncovered(need, held)
    assert missing >= 0
    covered = sum((counted(allocation) for allocation in held), Decimal(0))
    assert missing + covered == need or (missing == 0 and covered > need)


def test_an_order_that_has_not_answered_holds_what_was_asked_and_one_that_has_what_it_confirmed() -> None:
    netting = left_to_order(Decimal(500), [a_coverage("PO", 300, confirmed(250, june(11))), a_coverage("PR", 100)])
    assert (netting.uncovered, netting.rule) == (Decimal(150), "R2")
    assert netting.why == "500 needed, PO holds 250, PR holds 100: 150 uncovered"
    reason = netting.reason("v7")
    assert (reason.rule, reason.why, reason.policy_version) == ("R2", netting.why, "v7")
    assert reason.inputs == {"need": "500", "PO": "250", "PR": "100"}


def test_a_changed_request_counts_as_ordered_until_the_order_answers_it() -> None:
    answered_before = a_coverage("PO", 300, confirmed(250, june(11)), request_revision=1)
    assert left_to_order(Decimal(500), [answered_before]).uncovered == 200


def test_an_order_that_is_letting_go_holds_what_it_has_brought_already() -> None:
    letting_go = a_coverage("PO", 100, received(60, june(1)), confirmed(40, june(11)), request_revision=1)
    letting_go = letting_go.model_copy(
        update={"request": letting_go.request.model_copy(update={"lots": (), "needed": 0})}
    )
    assert left_to_order(Decimal(100), [letting_go]).uncovered == 40


def test_what_a_supplier_backordered_is_uncovered_and_what_it_did_not_answer_yet_is_not() -> None:
    waiting = ScheduleLine(quantity=Decimal(40), date=june(11), state=ScheduleLineState.ORDERED)
    coverage = a_coverage("PO", 100, received(20, june(1)), waiting, backordered(40))
    assert left_to_order(Decimal(100), [coverage]).uncovered == 40


def test_of_an_order_that_has_ended_only_what_it_brought_counts_with_what_was_received_in_a_former_run() -> None:
    ended = a_coverage("PO", 100, received(60, june(1)), confirmed(40, june(9)), closed=True)
    netting = left_to_order(Decimal(100), [ended], kept=[received(10, may(20))])
    assert (netting.uncovered, netting.counted) == (Decimal(30), (("stock", Decimal(10)), ("PO", Decimal(60))))


def test_an_open_quantity_is_counted_until_it_is_ordered_again() -> None:
    coverage = a_coverage("PO", 100, received(60, june(1)), open_quantity=Decimal(40), closed=True)
    assert left_to_order(Decimal(100), [coverage]).uncovered == 0
    settled = coverage.model_copy(update={"settled": 2, "settled_quantity": Decimal(40)})
    assert left_to_order(Decimal(100), [settled]).uncovered == 40
    in_part = settled.model_copy(update={"settled_quantity": Decimal(30)})
    assert left_to_order(Decimal(100), [in_part]).uncovered == 30, "10 more became open afterwards"

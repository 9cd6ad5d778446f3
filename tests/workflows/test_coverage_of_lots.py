"""What several lots of one order give the requirement they serve."""

from decimal import Decimal

from canonical.messages import GoodsReceived, OrderOpened
from canonical.order import AnswerOutcome
from canonical.records import OrderStage
from canonical.supply import ScheduleLineState
from tests.decisions.models import a_source, june
from tests.workflows.arrivals import NOW, POLICY, a_request, unnoted
from tests.workflows.order_harness import CHAIN, CHANGED, ORDER, TERMS, a_receipt, an_answer, statement
from workflows.purchase_order.reports import coverage_of
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take


def test_the_surplus_of_one_lot_makes_up_for_what_another_falls_short() -> None:
    opened = OrderOpened(order_id=ORDER, terms=TERMS, source=a_source(), policy=POLICY, correlation_id="c")
    state = OrderState.of(opened, NOW)
    # 1,098 needed: a lot of 1,000 and a tail that was raised to the minimum of 100.
    request = a_request(CHAIN, 1, 1098).model_copy(update={"lots": (Decimal(1000), Decimal(100))})
    state.add_lines(request)
    state.stage, state.order_number, state.requisition_number = OrderStage.SENT, "4500000001", "1500000001"
    backordered = (AnswerOutcome.BACKORDERED, 300, None)
    take(
        state,
        an_answer(1, statement(10, (CHANGED, 700, 20), backordered), statement(20, (CHANGED, 100, 20))),
        unnoted,
        june(1),
    )
    receipts = (a_receipt("R-1", 10, 700, 20), a_receipt("R-2", 20, 100, 20))
    take(state, GoodsReceived(receipts=receipts), unnoted, june(20))

    reported = {part.state: part.quantity for part in coverage_of(state, CHAIN)}

    assert reported == {ScheduleLineState.RECEIVED: 800, ScheduleLineState.BACKORDERED: 298}

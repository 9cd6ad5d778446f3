"""Needs in pieces on order lines in packs: summed first, rounded once, with the surplus in pieces."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from canonical.identity import OrderId, RequirementId
from canonical.messages import GoodsReceived, OrderOpened, SupplyRequested
from canonical.order import AnswerOutcome
from canonical.records import OrderStage, OrderTerms
from canonical.sourcing import ItemAtPlant, PriceBreak, Source, UnitConversion
from canonical.supply import OrderCoverage, RequestedComponent, SupplyRequest
from decisions.netting import left_to_order
from decisions.sourcing import plan_with
from decisions.supply_requests import release, request_for
from tests.decisions.models import a_need, a_peg, a_source, an_item, june, may
from tests.workflows.arrivals import NOW, POLICY
from tests.workflows.order_harness import a_receipt, an_answer, statement
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.line import Line
from workflows.purchase_order.reports import changes_to_report, coverage, snapshot
from workflows.purchase_order.sharing import share_groups, shared_lot
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

TODAY = june(1)
NAMES = [RequirementId(f"requirement/1710/SCREW/{number:02d}") for number in range(1, 14)]
FIRST, SECOND = NAMES[:2]
SHARING = POLICY.model_copy(update={"shared_lines": True})


def in_packs_of(content: int, **terms: Any) -> tuple[Source, ItemAtPlant]:
    source = a_source(unit="PK", **terms)
    packs = UnitConversion(unit="PK", numerator=Decimal(content), denominator=Decimal(1))
    return source, an_item(source).model_copy(update={"conversions": (packs,)})


def asks(
    requirement: RequirementId, pieces: int | Decimal, content: int = 100, revision: int = 1, **terms: Any
) -> SupplyRequest:
    source, item = in_packs_of(content, **terms)
    quantity = Decimal(pieces)
    need = a_need(quantity=quantity, pegging=(a_peg(quantity, june(25)),), required_date=june(25))
    choice = plan_with(source, item, need, SHARING, may(4))
    return request_for(need, item, choice, SHARING, requirement_id=requirement, request_revision=revision, today=may(4))


class Order:
    """A sent order of the requests, on one line or a line each."""

    def __init__(self, *requests: SupplyRequest, shared: bool = True) -> None:
        opened = OrderOpened(
            order_id=OrderId("order/1710/1580/abc"),
            terms=OrderTerms(plant="1710", supplier="1580", currency="USD", terms="standard"),
            source=a_source(),
            policy=SHARING if shared else POLICY,
            correlation_id="c",
        )
        self.state = OrderState.of(opened, NOW)
        self.audit_events: list[tuple[str, dict[str, JsonValue]]] = []
        for group in share_groups(requests, self.state.policy):
            if len(group) > 1:
                self.state.add_shared_line(group)
            else:
                self.state.add_lines(group[0])
        self.state.stage, self.state.order_number = OrderStage.SENT, "4500000001"

    @property
    def line(self) -> Line:
        (line,) = self.state.lines
        return line

    def record(self, kind: str, business_time: Any = None, /, **data: JsonValue) -> None:
        self.audit_events.append((kind, data))

    def takes(self, *messages: Any) -> None:
        for message in messages:
            take(self.state, message, self.record, TODAY)

    def requests(self, request: SupplyRequest) -> None:
        self.takes(SupplyRequested(request=request))
        settle_requests(self.state, TODAY, self.record)

    def last(self, kind: str) -> dict[str, Any]:
        return next(data for recorded, data in reversed(self.audit_events) if recorded == kind)

    @property
    def pieces(self) -> dict[RequirementId, Decimal]:
        """What APS is told that each requirement gets, in pieces."""
        return {
            entry.requirement_id: sum((part.quantity for part in entry.schedule_lines), Decimal(0))
            for entry in coverage(self.state).entries
        }


def test_requirements_of_4_and_96_pieces_are_one_pack_of_a_hundred() -> None:
    order = Order(asks(FIRST, 4), asks(SECOND, 96))
    assert order.line.quantity == 1
    assert order.pieces == {FIRST: 4, SECOND: 96}


def test_one_requirement_of_4_pieces_gets_4_and_the_other_96_are_surplus() -> None:
    order = Order(asks(FIRST, 4))
    assert (order.line.quantity, order.line.allocated) == (Decimal(1), Decimal("0.04"))
    assert order.pieces == {FIRST: 4}
    source, item = in_packs_of(100)
    choice = plan_with(source, item, a_need(quantity=Decimal(4)), SHARING, may(4))
    assert choice.lots.why == "4 EA needed, 1 PK ordered, 96 EA surplus (minimum 1, multiple 1)"
    assert choice.lots.reason("v7").inputs["surplus"] == "96 EA"


def test_twelve_requirements_of_one_piece_are_one_box_of_twelve_and_thirteen_are_two() -> None:
    dozen = [asks(name, 1, content=12) for name in NAMES[:12]]
    order = Order(*dozen)
    assert order.line.quantity == 1
    assert order.pieces == dict.fromkeys(NAMES[:12], Decimal(1))
    assert shared_lot([*dozen, asks(NAMES[12], 1, content=12)]).total == 2


def test_what_fills_a_pack_together_does_not_start_a_second_line() -> None:
    """A lot of at most one pack: 40 and 60 fill it, 5 more start another line."""
    requests = [
        asks(name, pieces, maximum_quantity=Decimal(1)) for name, pieces in zip(NAMES, (40, 60, 5), strict=False)
    ]
    assert [len(group) for group in share_groups(requests, SHARING)] == [2, 1]


def test_the_surplus_of_a_shared_line_is_in_the_requirements_unit() -> None:
    sizing = shared_lot([asks(FIRST, 4), asks(SECOND, 90)])
    assert sizing.why == "94 EA needed, 1 PK ordered, 6 EA surplus (minimum 1, multiple 1)"


def test_a_shared_decrease_sums_before_it_rounds() -> None:
    """4 + 96 + 100 are two packs; without the 100, 4 + 96 are one."""
    order = Order(asks(FIRST, 4), asks(SECOND, 96), asks(NAMES[2], 100))
    assert order.line.quantity == 2
    order.requests(release(asks(NAMES[2], 100), request_revision=2, reason="withdrawn"))
    assert order.line.quantity == 1
    assert order.pieces == {FIRST: 4, SECOND: 96, NAMES[2]: 0}


def test_a_decrease_within_a_pack_reports_its_surplus_in_pieces() -> None:
    order = Order(asks(FIRST, 4), asks(SECOND, 96))
    order.requests(asks(SECOND, 60, revision=2))
    assert order.line.quantity == 1
    assert order.last("share.changed")["surplus_in_need_unit"] == "36 EA"
    assert order.pieces == {FIRST: 4, SECOND: 60}


def test_an_increase_within_a_pack_orders_no_second_one() -> None:
    order = Order(asks(FIRST, 4), asks(SECOND, 60))
    order.requests(asks(SECOND, 96, revision=2))
    assert order.line.quantity == 1
    assert order.pieces == {FIRST: 4, SECOND: 96}
    order.requests(asks(SECOND, 97, revision=3))
    assert order.line.quantity == 2


def test_a_change_within_the_pack_of_one_requirement_changes_no_line() -> None:
    order = Order(asks(FIRST, 4))
    before = order.state.revision
    order.requests(asks(FIRST, 90, revision=2))
    assert (order.line.quantity, order.line.allocated) == (Decimal(1), Decimal("0.9"))
    assert order.state.revision == before
    assert order.pieces == {FIRST: 90}


def test_each_gets_all_its_pieces_of_a_box_that_can_not_be_divided_without_a_rest() -> None:
    """5 and 7 of a box of 12: 0.416666666666 and 0.583333333333 boxes."""
    order = Order(asks(FIRST, 5, content=12), asks(SECOND, 7, content=12))
    order.takes(
        an_answer(1, statement(10, (AnswerOutcome.CHANGED, 1, 20), unit="PK")),
        GoodsReceived(receipts=(a_receipt("GR-1", 10, 1, 19, unit="PK"),)),
    )
    assert order.pieces == {FIRST: 5, SECOND: 7}
    assert all(report.closed for _, report in changes_to_report(order.state, TODAY))


@pytest.mark.parametrize("content", [7, 12, 144])
def test_a_requirement_that_is_covered_is_not_ordered_again(content: int) -> None:
    request = asks(FIRST, 5, content=content)
    held = OrderCoverage(order_id=OrderId("order/1"), supplier="1580", request=request)
    assert held.needed == 5
    assert left_to_order(Decimal(5), [held]).uncovered == 0
    assert left_to_order(Decimal(6), [held]).uncovered == 1


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.integers(2, 250))
@settings(max_examples=60)
def test_all_together_order_as_few_packs_as_hold_them_and_each_gets_its_own(pieces: list[int], content: int) -> None:
    order = Order(*(asks(name, quantity, content) for name, quantity in zip(NAMES, pieces, strict=False)))
    assert order.line.quantity == -(-sum(pieces) // content)
    assert list(order.pieces.values()) == pieces
    assert sum(each.allocated for each in order.line.allocations) <= order.line.quantity


def test_a_message_with_a_share_of_a_pack_can_be_read_again() -> None:
    order = Order(asks(FIRST, 5, content=12), asks(SECOND, 7, content=12))
    state = OrderState.model_validate_json(order.state.model_dump_json())
    assert state.lines[0].allocations == order.line.allocations
    shown = snapshot(order.state)
    assert type(shown).model_validate_json(shown.model_dump_json()) == shown
    request = asks(FIRST, 1, content=144)
    assert SupplyRequest.model_validate_json(request.model_dump_json()) == request


def test_a_line_is_given_a_fixed_component_once_and_the_others_by_its_quantity() -> None:
    components = (
        RequestedComponent(item="TUBE", unit="KGM", per_unit=Decimal("0.3"), date=june(1)),
        RequestedComponent(item="TOOL", unit="EA", per_unit=Decimal(1), fixed=True, date=june(1)),
    )
    order = Order(asks(FIRST, 900).model_copy(update={"components": components}))
    given = {one.item: one.quantity for one in order.line.components}
    assert given == {"TUBE": Decimal("2.7"), "TOOL": Decimal(1)}


# -- price breaks


def test_a_line_is_priced_by_its_quantity_and_follows_when_that_changes() -> None:
    breaks = (PriceBreak(from_quantity=Decimal(10), price=Decimal("80.00")),)
    order = Order(asks(FIRST, 900, price=Decimal("90.00"), price_breaks=breaks))
    assert (order.line.quantity, order.line.price) == (Decimal(9), Decimal("90.00"))
    order.requests(asks(FIRST, 950, revision=2, price=Decimal("90.00"), price_breaks=breaks))
    assert (order.line.quantity, order.line.price) == (Decimal(10), Decimal("80.00"))


def test_shared_lines_reach_a_price_break_together() -> None:
    breaks = (PriceBreak(from_quantity=Decimal(10), price=Decimal("80.00")),)
    requests: Sequence[SupplyRequest] = [
        asks(name, 500, price=Decimal("90.00"), price_breaks=breaks) for name in (FIRST, SECOND)
    ]
    assert Order(*requests).line.price == Decimal("80.00")

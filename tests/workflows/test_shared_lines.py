"""Several requirements on one order line, where policy allows it: their allocations, and the effect of changes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from canonical.audit_event import FIRST_HASH, chain
from canonical.base import Criticality
from canonical.exception import Choice, Decision
from canonical.identity import OrderId, RequirementId
from canonical.messages import GoodsReceived, OrderOpened, SupplyRequested
from canonical.order import AnswerOutcome
from canonical.policy import LinePolicy, RouteKind, Tolerance
from canonical.records import OrderStage, OrderTerms
from canonical.supply import LotTerms, ScheduleLineState, SupplyRequest
from gateway.trace.trace import about
from gateway.trace.words import schedule_lines_of
from tests.decisions.models import a_peg, a_source, june, numbers
from tests.workflows.arrivals import NOW, POLICY, a_request, reported
from tests.workflows.order_harness import a_receipt, a_shipment, an_answer, an_edit, statement
from workflows.purchase_order.changes import give_up, settle_requests
from workflows.purchase_order.edits import edit_questions, settle_edits
from workflows.purchase_order.line import Line
from workflows.purchase_order.reports import changes_to_report, coverage, coverage_of, needs_now, snapshot
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import OrderMessage, take

TODAY = june(1)
FIRST, SECOND, THIRD = (RequirementId(f"requirement/1710/CHAIN/{number}") for number in (1, 2, 3))
SHARING = POLICY.model_copy(update={"shared_lines": True})
FIFTIES = LotTerms(minimum=Decimal(1), multiple=Decimal(50))


def a_part(requirement: RequirementId, quantity: int, revision: int = 1, **changes: Any) -> SupplyRequest:
    """What a requirement needs, in lots of 50."""
    lot = Decimal(-(-quantity // 50) * 50)
    fields = {"lot_terms": FIFTIES, "lots": (lot,) if quantity else ()}
    return a_request(requirement, revision, quantity).model_copy(update=fields | changes)


class Shared:
    """An order whose one line serves two requirements, and the audit events that it notes."""

    def __init__(
        self, *requests: SupplyRequest, stage: OrderStage = OrderStage.SENT, route: RouteKind = RouteKind.DIRECT
    ) -> None:
        opened = OrderOpened(
            order_id=OrderId("order/1710/1580/abc"),
            terms=OrderTerms(plant="1710", supplier="1580", currency="USD", terms="standard", route=route),
            source=a_source(),
            policy=SHARING,
            correlation_id="c",
        )
        self.state = OrderState.of(opened, NOW)
        self.audit_events: list[tuple[str, dict[str, JsonValue]]] = []
        self.state.add_shared_line(requests or (a_part(FIRST, 300), a_part(SECOND, 200)))
        self.state.stage, self.state.order_number = stage, "4500000001"

    @property
    def line(self) -> Line:
        return self.state.lines[0]

    def record(self, kind: str, business_time: Any = None, /, **data: JsonValue) -> None:
        self.audit_events.append((kind, data))

    def takes(self, *messages: OrderMessage) -> None:
        for message in messages:
            take(self.state, message, self.record, TODAY)

    def requests(self, *requests: SupplyRequest) -> list[Line]:
        """The lines that change for these requests."""
        self.takes(*(SupplyRequested(request=request) for request in requests))
        return settle_requests(self.state, TODAY, self.record)

    def last(self, kind: str) -> dict[str, Any]:
        return next(data for recorded, data in reversed(self.audit_events) if recorded == kind)

    def gets(self, requirement: RequirementId) -> list[tuple[int, int | None, str]]:
        return reported(coverage_of(self.state, requirement))


def _grouped(*requests: SupplyRequest, shared: bool = True) -> list[list[int]]:
    policy = SHARING if shared else POLICY
    return [[int(request.needed) for request in group] for group in share_groups(requests, policy)]


def test_requests_of_the_same_item_terms_and_date_share_a_line_only_where_policy_allows_it() -> None:
    requests = (a_part(FIRST, 300), a_part(SECOND, 200))
    assert _grouped(*requests) == [[300, 200]]
    assert _grouped(*requests, shared=False) == [[300], [200]]


def test_an_item_s_own_policy_goes_before_the_order_s() -> None:
    own = LinePolicy(version="own", tolerance=Tolerance(), frozen_zone_days=5, shared_lines=True)
    assert _grouped(a_part(FIRST, 300, policy=own), a_part(SECOND, 200, policy=own), shared=False) == [[300, 200]]


@pytest.mark.parametrize(
    "other",
    [
        {"item": "BELL"},
        {"unit": "BX"},
        {"price": Decimal("2.10")},
        {"price_unit": Decimal(100)},
        {"info_record": "5300000001"},
        {"dock_date": june(19)},
        {"route": RouteKind.TRANSFER},
        {"lot_terms": LotTerms(minimum=Decimal(1), multiple=Decimal(25))},
        {"lot_terms": None},
        {"lots": ()},
        {"lots": numbers(100, 100)},
    ],
)
def test_a_request_that_differs_in_what_makes_a_line_has_one_of_its_own(other: dict[str, Any]) -> None:
    assert _grouped(a_part(FIRST, 300), a_part(SECOND, 200, **other), a_part(THIRD, 100)) == [[300, 100], [200]]


def test_what_would_make_two_lots_begins_another_line() -> None:
    terms = LotTerms(minimum=Decimal(1), multiple=Decimal(50), maximum=Decimal(400))
    requests = (
        a_part(name, quantity, lot_terms=terms) for name, quantity in ((FIRST, 300), (SECOND, 200), (THIRD, 100))
    )
    assert _grouped(*requests) == [[300], [200, 100]]


def test_a_line_is_the_sum_in_whole_lots_and_bears_the_reference_of_the_first_in_r11_s_order() -> None:
    shared = Shared(a_part(FIRST, 320), a_part(SECOND, 205, criticality=Criticality.A))
    alone = Shared(a_part(SECOND, 205))
    assert shared.line.quantity == 550
    assert shared.line.requirements == [SECOND, FIRST]
    assert shared.line.document().requirement_reference == alone.line.document().requirement_reference


def test_r12_500_is_300_and_200_and_when_the_200_withdraws_the_order_is_changed_to_300() -> None:
    shared = Shared()
    assert shared.requests(a_part(SECOND, 0, 2)) == [shared.line]
    assert shared.line.quantity == 300
    assert shared.line.changed_in == 2
    assert shared.line.requirements == [FIRST]
    shared_change = shared.last("share.changed")
    assert shared_change["rule"] == "R12"
    assert shared_change["surplus"] == "0"
    assert shared_change["by"] == SECOND
    assert shared.gets(SECOND) == []


def test_r12_had_the_first_been_320_of_520_in_a_550_order_350_is_ordered_with_surplus_30() -> None:
    shared = Shared(a_part(FIRST, 320), a_part(SECOND, 200))
    assert shared.line.quantity == 550
    shared.requests(a_part(SECOND, 0, 2))
    assert shared.line.quantity == 350
    recorded = shared.last("share.changed")
    assert (recorded["surplus"], recorded["why"]) == ("30", "320 remains allocated: 350 ordered, 30 surplus")
    assert shared.gets(FIRST) == [(320, 20, "ordered")]


def test_when_the_first_leaves_the_line_is_the_next_one_s_and_then_an_ordinary_line() -> None:
    shared = Shared()
    shared.requests(a_part(FIRST, 0, 2))
    assert shared.line.quantity == 200
    assert shared.line.allocated == 200
    assert shared.line.request.requirement_id == SECOND
    shared.requests(a_part(SECOND, 120, 2))
    assert shared.line.quantity == 150
    assert shared.line.allocated == 120


def test_when_all_leave_the_line_is_cancelled() -> None:
    shared = Shared()
    assert shared.requests(a_part(FIRST, 0, 2), a_part(SECOND, 0, 2)) == [shared.line, shared.line]
    assert shared.line.cancelled


def test_a_requirement_that_needs_less_keeps_the_rest_and_the_others_keep_theirs() -> None:
    shared = Shared()
    shared.requests(a_part(SECOND, 120, 2))
    assert shared.line.quantity == 450
    assert shared.last("share.changed")["surplus"] == "30"
    assert shared.gets(FIRST) == [(300, 20, "ordered")]
    assert shared.gets(SECOND) == [(120, 20, "ordered")]


def test_leaving_within_the_lot_changes_nothing_for_the_supplier_and_is_reported_at_once() -> None:
    shared = Shared(a_part(FIRST, 320), a_part(SECOND, 20))
    assert shared.requests(a_part(SECOND, 0, 2)) == []
    assert shared.line.quantity == 350
    assert shared.state.touched == [10]
    assert [
        (who, stated.closed, int(stated.open_quantity)) for who, stated in changes_to_report(shared.state, TODAY)
    ] == [(SECOND, True, 0)]


def test_an_increase_is_taken_by_the_line_in_whole_lots_of_all() -> None:
    shared = Shared()
    assert shared.requests(a_part(SECOND, 230, 2)) == [shared.line]
    assert shared.line.quantity == 550
    assert shared.line.allocated_to(SECOND) == 230
    assert shared.state.open_quantities[SECOND] == 0
    assert shared.last("share.changed")["rule"] == "R5"


def test_an_increase_beyond_the_largest_lot_is_left_open_to_order() -> None:
    terms = LotTerms(minimum=Decimal(1), multiple=Decimal(50), maximum=Decimal(500))
    shared = Shared(a_part(FIRST, 280, lot_terms=terms), a_part(SECOND, 200, lot_terms=terms))
    assert shared.requests(a_part(SECOND, 230, 2, lot_terms=terms)) == []
    assert shared.line.allocated_to(SECOND) == 220
    assert shared.state.open_quantities[SECOND] == 10


def test_a_requirement_with_another_date_leaves_the_line_and_its_quantity_is_open_to_order() -> None:
    shared = Shared()
    assert shared.requests(a_part(SECOND, 200, 2, dock_date=june(27))) == [shared.line]
    assert shared.line.quantity == 300
    assert shared.line.delivery_date == june(20)
    stated = dict(changes_to_report(shared.state, TODAY))[SECOND]
    assert stated.open_quantity == 200
    assert stated.closed is True
    assert len(stated.schedule_lines) == 0


def test_a_requirement_that_left_and_returns_is_open_to_order() -> None:
    shared = Shared()
    shared.requests(a_part(SECOND, 0, 2))
    assert shared.requests(a_part(SECOND, 100, 3)) == []
    stated = dict(changes_to_report(shared.state, TODAY))[SECOND]
    assert stated.open_quantity == 100
    assert stated.closed is True
    assert stated.request_revision == 3
    assert shared.line.requirements == [FIRST]


def test_a_line_whose_goods_are_under_way_keeps_its_date_and_those_that_it_serves() -> None:
    shared = Shared(stage=OrderStage.DELIVERING)
    shared.takes(a_shipment("D-1", 10, 400))
    shared.requests(a_part(SECOND, 150, 2, dock_date=june(27)))
    assert shared.line.quantity == 450
    assert shared.line.allocated_to(SECOND) == 150
    assert shared.state.open_quantities[SECOND] == 0
    shared.requests(a_part(SECOND, 0, 3))
    assert shared.line.quantity == 400, "shipped"
    assert shared.last("share.changed")["surplus"] == "100"


def test_expediting_one_requirement_expedites_the_whole_line() -> None:
    shared = Shared(stage=OrderStage.ACKNOWLEDGED)
    shared.takes(an_answer(1, accepted=True))
    hurried = a_part(SECOND, 200, 2, dock_date=june(12), expedite=True, approved_by="bea")
    assert shared.requests(hurried) == [shared.line]
    assert shared.state.expedite is True
    assert shared.line.quantity == 500
    assert shared.line.requirements == [FIRST, SECOND]


def test_what_is_received_is_not_taken_away_for_another_s_increase_or_class() -> None:
    shared = Shared(a_part(FIRST, 320), a_part(SECOND, 200), stage=OrderStage.DELIVERING)
    shared.takes(an_answer(1, accepted=True), GoodsReceived(receipts=(a_receipt("GR-1", 10, 520, 20),)))
    before = shared.gets(FIRST)
    assert shared.gets(SECOND) == [(200, 20, "received")]
    shared.requests(a_part(SECOND, 230, 2, criticality=Criticality.A))
    assert shared.gets(FIRST) == before
    assert shared.state.open_quantities[SECOND] == 30


def test_an_acknowledged_line_asks_a_person_before_it_is_cut_for_one_and_all_stays_where_he_declines() -> None:
    shared = Shared(a_part(FIRST, 300), a_part(SECOND, 1000), stage=OrderStage.ACKNOWLEDGED)
    shared.takes(an_answer(1, accepted=True))
    assert shared.requests(a_part(SECOND, 0, 2)) == []
    assert list(shared.state.pending_reasons) == [SECOND]
    decision = Decision(event_id="d", digest="d", choice=Choice.DECLINE, decided_by="bea", decided_at=NOW)
    shared.state.decisions["proposal"] = decision
    assert settle_requests(shared.state, TODAY, shared.record) == []
    assert shared.line.quantity == 1300
    assert shared.line.allocated_to(SECOND) == 1000
    assert shared.state.refusals[SECOND] == "declined by bea"


def test_a_short_answer_is_allocated_by_criticality_then_id_and_each_gets_its_own_schedule_line() -> None:
    shared = Shared(a_part(FIRST, 300), a_part(SECOND, 200, criticality=Criticality.A))
    shared.takes(an_answer(1, statement(10, (AnswerOutcome.CHANGED, 250, 20), (AnswerOutcome.CHANGED, 150, 24))))
    stated = {who: reported(said_to.schedule_lines) for who, said_to in changes_to_report(shared.state, TODAY)}
    assert stated[FIRST] == [(50, 20, "confirmed"), (150, 24, "confirmed"), (100, None, "backordered")]
    assert SECOND not in stated, "it gets what it wanted"
    assert shared.gets(SECOND) == [(200, 20, "confirmed")]
    assert shared.last("order.answered")["lines"][0]["reason"]["rule"] == "R11"


def test_on_one_dock_date_the_earlier_required_date_is_served_first_and_no_id_decides() -> None:
    """The plant is closed on the 24th and 25th: what is needed on either is at the dock on the 23rd. The 25th has the
    lower id. 350 confirmed of 300 and 200 → the 24th gets its 200, the 25th 150."""
    later = a_part(FIRST, 300, dock_date=june(23), required_date=june(25))
    earlier = a_part(SECOND, 200, dock_date=june(23), required_date=june(24))
    shared = Shared(later, earlier)
    assert shared.line.requirements == [SECOND, FIRST]
    shared.takes(an_answer(1, statement(10, (AnswerOutcome.CHANGED, 350, 23))))
    assert shared.gets(SECOND) == [(200, 23, "confirmed")]
    assert shared.gets(FIRST)[0] == (150, 23, "confirmed"), "the rest of it is backordered"
    shared.takes(GoodsReceived(receipts=(a_receipt("GR-1", 10, 350, 23),)))
    sooner = later.model_copy(update={"request_revision": 2, "needed": Decimal(310), "required_date": june(22)})
    shared.requests(sooner)
    assert shared.gets(SECOND) == [(200, 23, "received")], "what it has received is not handed round again"


def test_each_one_s_trace_shows_its_own_part_of_answers_and_receipts() -> None:
    shared = Shared()
    shared.takes(
        an_answer(1, statement(10, (AnswerOutcome.CHANGED, 400, 20), (AnswerOutcome.CHANGED, 100, 24))),
        GoodsReceived(receipts=(a_receipt("GR-1", 10, 280, 20),)),
        GoodsReceived(receipts=(a_receipt("GR-2", 10, 120, 20),)),
    )
    audit_events = [chain(shared.state.id, 1, FIRST_HASH, kind, NOW, NOW, data) for kind, data in shared.audit_events]
    seen = {
        who: [(own.kind, own.data) for audit_event in audit_events if (own := about(audit_event, {10}, who))]
        for who in (FIRST, SECOND)
    }
    answers = {who: data for who, messages_to in seen.items() for kind, data in messages_to if kind == "order.answered"}
    assert [[part["quantity"] for part in schedule_lines_of(answers[who])] for who in seen] == [["300"], ["100", "100"]]
    receipts = {who: [data["quantity"] for kind, data in seen[who] if kind == "goods.received"] for who in seen}
    assert receipts == {FIRST: ["280", "20"], SECOND: ["100"]}


def test_what_a_supplier_rejects_of_the_line_is_the_less_critical_one_s_and_a_withdrawal_does_not_hide_it() -> None:
    shared = Shared()
    shared.takes(an_answer(1, statement(10, (AnswerOutcome.CHANGED, 350, 20), (AnswerOutcome.REJECTED, 150, None))))
    assert shared.gets(FIRST) == [(300, 20, "confirmed")]
    assert shared.gets(SECOND) == [(50, 20, "confirmed")]
    shared.requests(a_part(FIRST, 0, 2, approved_by="bea"))
    assert shared.line.quantity == 50
    assert shared.line.requirements == [SECOND]


def test_aps_gets_the_coverage_of_each_requirement_but_of_no_internal_one_even_when_it_has_left() -> None:
    shared = Shared(a_part(FIRST, 300), a_part(SECOND, 200, internal=True))
    assert [entry.requirement_id for entry in coverage(shared.state).entries] == [FIRST]
    shared.requests(a_part(SECOND, 0, 2, internal=True))
    assert [entry.requirement_id for entry in coverage(shared.state).entries] == [FIRST]


def test_coverage_is_reported_in_the_unit_of_each_need() -> None:
    pairs: dict[str, Any] = {"need_unit": "PR", "per_order_unit": numbers(1, 2)}
    shared = Shared(a_part(FIRST, 300), a_part(SECOND, 200, **pairs))
    entries = {entry.requirement_id: reported(entry.schedule_lines) for entry in coverage(shared.state).entries}
    assert entries == {FIRST: [(300, 20, "ordered")], SECOND: [(100, 20, "ordered")]}


def test_an_adopted_edit_is_allocated_by_r11_and_the_requirement_with_less_gets_the_reason() -> None:
    shared = Shared()
    shared.takes(an_edit("E-1", 10, "quantity", "400", 1))
    decision = Decision(event_id="d", digest="d", choice=Choice.APPROVE, decided_by="bea", decided_at=NOW)
    (purpose,) = edit_questions(shared.state)
    shared.state.decisions[purpose] = decision
    assert settle_edits(shared.state, shared.record) == [shared.line]
    assert shared.line.allocated_to(FIRST) == 300
    assert shared.line.allocated_to(SECOND) == 100
    assert shared.state.refusals == {SECOND: "ben changed line 10 in the ERP; bea adopted it"}


def test_a_line_that_is_given_up_is_given_up_for_all() -> None:
    shared = Shared()
    give_up(shared.state, [shared.line], "cancelled by bea")
    assert shared.state.refusals == {FIRST: "cancelled by bea", SECOND: "cancelled by bea"}


def test_a_transfer_s_need_is_pegged_to_the_demands_of_all() -> None:
    requests = [
        a_part(name, quantity, pegs=(a_peg(quantity, june(25), demand=name[-1]),))
        for name, quantity in ((FIRST, 300), (SECOND, 200))
    ]
    ([need], _) = needs_now(Shared(*requests, route=RouteKind.TRANSFER).state, NOW)
    assert [(peg.demand, int(peg.quantity)) for peg in need.pegs] == [("1", 300), ("2", 200)]


def test_the_snapshot_shows_each_allocation_and_which_requirements_have_left() -> None:
    shared = Shared(stage=OrderStage.DELIVERING)
    shared.takes(GoodsReceived(receipts=(a_receipt("GR-1", 10, 350, 20),)))
    shared.requests(a_part(FIRST, 0, 2))
    (line,) = snapshot(shared.state).lines
    assert [(each.requirement_id, int(each.quantity), int(each.received)) for each in line.shares] == [
        (SECOND, 200, 200),
        (FIRST, 0, 0),
    ]
    assert line.received_for(SECOND) == 200
    assert line.received_for(FIRST) == 0
    assert line.serves(FIRST) is True


MESSAGES: list[Any] = [
    an_answer(1, accepted=True),
    an_answer(2, statement(10, (AnswerOutcome.CHANGED, 250, 20), (AnswerOutcome.BACKORDERED, 100, 26))),
    an_answer(3, statement(10, (AnswerOutcome.CHANGED, 220, 20), (AnswerOutcome.REJECTED, 280, None))),
    a_shipment("D-1", 10, 120),
    GoodsReceived(receipts=(a_receipt("GR-1", 10, 90, 19),)),
    GoodsReceived(receipts=(a_receipt("GR-2", 10, 210, 21),)),
    *(
        SupplyRequested(request=a_part(who, quantity, revision, dock_date=june(day), criticality=criticality))
        for who, quantity, revision, day, criticality in (
            (FIRST, 350, 2, 20, Criticality.B),
            (FIRST, 40, 3, 20, Criticality.C),
            (FIRST, 0, 4, 20, Criticality.C),
            (SECOND, 120, 2, 20, Criticality.A),
            (SECOND, 260, 3, 20, Criticality.B),
            (SECOND, 260, 4, 27, Criticality.B),
        )
    ),
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=8))
def test_never_is_more_given_out_than_comes_whatever_happens(messages: Sequence[Any]) -> None:
    shared = Shared()
    for message in messages:
        shared.takes(message)
        settle_requests(shared.state, TODAY, shared.record)
        comes = shared.line.supply
        given = [part for who in (FIRST, SECOND) for part in coverage_of(shared.state, who)]
        for state in ScheduleLineState:
            assert _total(given, state) <= _total(comes, state)


def _total(schedule_lines: Sequence[Any], state: ScheduleLineState) -> Decimal:
    return sum((part.quantity for part in schedule_lines if part.state is state), Decimal(0))

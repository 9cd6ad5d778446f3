"""R3, cell by cell: what a changed supply request does to an order, by the state of its document; without a server."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import JsonValue

from canonical.base import Criticality
from canonical.exception import Choice, Decision, ExceptionDecided, ExceptionKind
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.messages import DocumentEdited, OrderOpened, ShipmentsAnnounced, SupplyRequested
from canonical.order import DocumentEdit, ShipmentAnnounced, ShippedLine
from canonical.policy import LinePolicy, Tolerance
from canonical.records import OrderStage, OrderTerms
from canonical.supply import ScheduleLine, ScheduleLineState, SupplyRequest
from decisions.answers import ReadAnswer
from tests.decisions.models import a_source, june
from tests.workflows.arrivals import NOW, POLICY, a_request
from workflows.memory import OpenQuestion
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.line import Line
from workflows.purchase_order.questions import questions, settle_decisions
from workflows.purchase_order.reports import coverage_of
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

TODAY = june(1)
CHAIN = RequirementId("requirement/1710/CHAIN/1")
BELL = RequirementId("requirement/1710/BELL/1")


class Story:
    """An order of 1,000 chains for the 20th, and the audit events that it notes."""

    def __init__(self, stage: OrderStage, **request: Any) -> None:
        opened = OrderOpened(
            order_id=OrderId("order/1710/1580/abc"),
            terms=OrderTerms(plant="1710", supplier="1580", currency="USD", terms="standard"),
            source=a_source(),
            policy=POLICY,
            correlation_id="c",
        )
        self.state = OrderState.of(opened, NOW)
        self.audit_events: list[tuple[str, dict[str, JsonValue]]] = []
        self.state.add_lines(a_request(CHAIN, 1, 1000).model_copy(update=request))
        self.state.stage = stage
        if stage not in (OrderStage.CONSOLIDATING, OrderStage.PLACING):
            self.state.order_number = "4500000001"
        if stage in (OrderStage.ACKNOWLEDGED, OrderStage.DELIVERING):
            confirmed = ScheduleLine(
                quantity=Decimal(1000), date=self.line.delivery_date, state=ScheduleLineState.CONFIRMED
            )
            self.line.answer(1, ReadAnswer(schedule_lines=(confirmed,), rejected=Decimal(0), why=""), NOW, TODAY)

    @property
    def line(self) -> Line:
        return self.state.lines[0]

    def record(self, kind: str, business_time: dt.datetime | None = None, /, **data: JsonValue) -> None:
        self.audit_events.append((kind, data))

    def requests(self, quantity: int, revision: int = 2, **changes: Any) -> list[Line]:
        """The requirement requests this quantity; returns the lines that change for it."""
        request = a_request(CHAIN, revision, quantity).model_copy(update=changes)
        take(self.state, SupplyRequested(request=request), self.record, TODAY)
        return settle_requests(self.state, TODAY, self.record)

    def asked(self, today: dt.date = TODAY) -> str:
        """The question that is put to a person, and that it has been put."""
        proposal = questions(self.state, today, answer_overdue=False)["proposal"]
        question = OpenQuestion(
            id=ExceptionId("exception/1"), kind=ExceptionKind.CHANGE_PROPOSAL, digest=proposal.digest
        )
        self.state.questions["proposal"] = question
        return proposal.digest

    def decided(self, digest: str, choice: Choice, today: dt.date = TODAY) -> list[Line]:
        """A person decides; the lines that change for it."""
        decision = Decision(event_id="d", digest=digest, choice=choice, decided_by="bea", decided_at=NOW)
        message = ExceptionDecided(exception_id=ExceptionId("exception/1"), digest=digest, decision=decision)
        take(self.state, message, self.record, today)
        return settle_requests(self.state, today, self.record)

    def announced(self, number: str, quantity: int) -> None:
        """The supplier announces so many chains."""
        shipment = ShipmentAnnounced(
            order_number="4500000001",
            despatch_number=number,
            lines=(ShippedLine(line=10, quantity=Decimal(quantity)),),
            effective_at=NOW,
        )
        take(self.state, ShipmentsAnnounced(event_id=number, shipment=shipment), self.record, TODAY)

    def answered(self, purpose: str, choice: Choice) -> None:
        """A person decides the question of this purpose."""
        proposal = questions(self.state, TODAY, answer_overdue=False)[purpose]
        decision = Decision(event_id="d", digest=proposal.digest, choice=choice, decided_by="bea", decided_at=NOW)
        self.state.decisions[purpose] = decision
        settle_decisions(self.state, self.record, NOW)

    def last(self, kind: str) -> dict[str, Any]:
        return next(data for recorded, data in reversed(self.audit_events) if recorded == kind)


@pytest.mark.parametrize("stage", [OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT])
def test_a_requisition_or_an_order_not_yet_sent_is_updated(stage: OrderStage) -> None:
    story = Story(stage)
    assert story.requests(1200) == [story.line]
    assert story.line.quantity == 1200
    assert len(story.state.pending) == 0
    assert story.last("change.judged")["reason"]["why"] == "the order is not sent yet"


def test_an_order_that_is_sent_gets_the_next_revision() -> None:
    story = Story(OrderStage.SENT)
    assert story.requests(1200) == [story.line]
    assert story.line.quantity == 1200
    assert story.line.changed_in == 2
    assert story.last("change.judged")["reason"]["why"] == "the order is sent and not acknowledged yet"


def test_an_acknowledged_order_outside_the_fence_waits_where_the_change_is_worth_more_than_is_free() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    assert story.requests(1300) == []
    judged = story.last("change.judged")
    assert judged["waits"] is True
    assert judged["value"] == "552.00"
    assert judged["free"] is False
    assert judged["reason"]["rule"] == "R3"
    assert judged["reason"]["thresholds"] == {"frozen_zone_days": 5}
    assert judged["approval"]["rule"] == "R15"
    assert story.decided(story.asked(), Choice.APPROVE) == [story.line]
    assert story.line.quantity == 1300
    assert len(story.state.pending) == 0


def test_300_at_2_00_usd_is_552_eur_and_needs_nobody_in_class_c() -> None:
    """+300 × 2.00 USD × 0.92 = 552 EUR: class C needs nobody (≤ 1,000 EUR)."""
    story = Story(OrderStage.ACKNOWLEDGED)
    assert story.requests(1300, criticality=Criticality.C) == [story.line]
    judged = story.last("change.judged")
    assert judged["waits"] is False
    assert judged["value"] == "552.00"
    assert judged["free"] is True


def test_inside_the_frozen_zone_a_change_of_any_value_waits() -> None:
    story = Story(OrderStage.ACKNOWLEDGED, dock_date=june(5))
    assert story.requests(1001, criticality=Criticality.C, dock_date=june(5)) == []
    assert "inside the frozen zone of 5 working days" in story.state.pending_reasons[CHAIN]


def test_a_line_s_own_frozen_zone_goes_before_the_plant_s() -> None:
    own = LinePolicy(version="own", tolerance=Tolerance(), frozen_zone_days=30)
    story = Story(OrderStage.ACKNOWLEDGED, policy=own)
    assert story.requests(1001, criticality=Criticality.C, policy=own) == []
    assert "inside the frozen zone of 30 working days" in story.state.pending_reasons[CHAIN]
    assert story.last("change.judged")["reason"]["policy_version"] == "own"


def test_a_line_whose_policy_is_the_plant_s_follows_the_plant_s_as_it_is_now() -> None:
    known = LinePolicy(version=POLICY.version, tolerance=Tolerance(), frozen_zone_days=5)
    story = Story(OrderStage.ACKNOWLEDGED, policy=known)
    story.state.plant_versions = [POLICY.version, "newer"]
    story.state.policy = POLICY.model_copy(update={"version": "newer", "frozen_zone_days": 30})
    assert story.requests(1001, criticality=Criticality.C, policy=known) == []
    assert "inside the frozen zone of 30 working days" in story.state.pending_reasons[CHAIN]


def test_acknowledged_1000_of_which_400_shipped_and_a_need_of_300_is_cut_to_400_with_surplus_100() -> None:
    story = Story(OrderStage.DELIVERING)
    story.line.ship(Decimal(400), NOW)
    assert story.requests(300) == [story.line]
    assert story.line.quantity == 400
    assert story.line.allocated == 300
    assert story.state.open_quantities[CHAIN] == 0
    floored = story.last("change.floored")
    assert floored["quantity"] == "400"
    assert floored["surplus"] == "100"
    assert floored["open_quantity"] == "0"
    assert floored["reason"]["inputs"]["shipped"] == "400"


def test_an_increase_of_a_shipped_line_leaves_an_open_quantity() -> None:
    story = Story(OrderStage.DELIVERING)
    story.line.ship(Decimal(400), NOW)
    story.line.receive(Decimal(100), june(10), NOW)
    assert story.requests(1200) == []
    assert story.line.quantity == 1000
    assert story.state.open_quantities[CHAIN] == 200


def test_a_closed_line_of_an_order_that_goes_on_leaves_an_open_quantity() -> None:
    story = Story(OrderStage.DELIVERING)
    story.state.add_lines(a_request(BELL, 1, 60))
    story.line.receive(Decimal(1000), june(10), NOW)
    assert story.requests(1200) == []
    assert story.line.quantity == 1000
    assert story.state.open_quantities[CHAIN] == 200
    assert sum(part.quantity for part in coverage_of(story.state, CHAIN)) == 1000


def test_a_decision_on_a_proposal_that_has_changed_materially_since_is_void() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.requests(1300)
    digest = story.asked()
    story.line.ship(Decimal(400), NOW)
    assert story.decided(digest, Choice.DECLINE) == []
    assert story.last("decision.void")["rule"] == "R15"


def test_a_day_that_passes_does_not_void_a_decision() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.requests(1300)
    assert story.decided(story.asked(), Choice.APPROVE, today=june(3)) == [story.line]


def test_a_waiting_change_is_recorded_once_while_its_outcome_is_the_same() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.requests(1300)
    settle_requests(story.state, TODAY, story.record)
    assert [kind for kind, _ in story.audit_events].count("change.judged") == 1


def test_a_request_for_what_the_line_already_holds_is_no_change() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    assert story.requests(1000) == []
    assert story.last("change.judged")["reason"]["why"] == "the line is already as requested"
    assert isinstance(story.line.request, SupplyRequest)
    assert story.line.request.request_revision == 2


def test_an_approval_given_without_knowing_of_an_edit_does_not_overwrite_it() -> None:
    story = Story(OrderStage.SENT)
    edit = DocumentEdit(
        order_number="4500000001", line=10, field="quantity", old="1000", new="1010", edited_by="ben", effective_at=NOW
    )
    take(story.state, DocumentEdited(event_id="e", edit=edit), story.record, TODAY)
    assert story.requests(1200, expedite=True, approved_by="bea") == []
    assert story.state.pending_reasons[CHAIN] == "a buyer edited the line in the ERP; that is not overwritten"
    assert story.decided(story.asked(), Choice.APPROVE) == [story.line]
    assert story.line.quantity == 1200
    assert len(story.line.edits) == 0
    assert story.line.written is not None
    assert story.line.written.quantity == 1010, "what is known to be written over"


def test_nobody_is_asked_about_a_line_that_is_received_while_others_are_open() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.state.add_lines(a_request(BELL, 1, 60))
    story.state.breaches = {10: "price 2.10 instead of 2.00", 20: "price 3.10 instead of 3.00"}
    story.state.unclear = {10: "the answer is in BX, the order in EA", 20: "the supplier offers a substitute"}
    story.line.receive(Decimal(1000), june(10), NOW)
    asked = questions(story.state, TODAY, answer_overdue=False)
    assert [purpose for purpose in asked if "line 20" in asked[purpose].summary] == ["no_answer", "tolerance"]
    assert [purpose for purpose in asked if "line 10" in asked[purpose].summary] == []


# -- more announced than was ordered


def test_what_is_announced_twice_counts_once_and_is_asked_about() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.announced("D-1", 1000)
    assert questions(story.state, TODAY, answer_overdue=False) == {}
    story.announced("D-2", 1000)
    assert story.line.in_transit == 1000
    asked = questions(story.state, TODAY, answer_overdue=False)["announced"]
    assert "line 10: 2000 EA announced, 1000 ordered" in asked.summary
    assert (asked.kind, asked.rule) == (ExceptionKind.CHANGE_PROPOSAL, "R8")


@pytest.mark.parametrize(("choice", "under_way"), [(Choice.APPROVE, 1300), (Choice.DECLINE, 1000)])
def test_a_person_decides_whether_a_despatch_beyond_the_ordered_quantity_counts(choice: Choice, under_way: int) -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.announced("D-1", 800)
    story.announced("D-2", 500)
    story.answered("announced", choice)
    assert questions(story.state, TODAY, answer_overdue=False) == {}
    assert story.line.in_transit == under_way
    settled = story.last("announcement.settled")
    assert settled["decided_by"] == "bea"
    assert settled["lines"] == [{"line": 10, "announced": "1300", "counted": str(under_way)}]
    story.announced("D-3", 1)
    assert "announced" in questions(story.state, TODAY, answer_overdue=False), "more than was settled"


def test_nobody_is_asked_once_all_that_was_ordered_has_come() -> None:
    story = Story(OrderStage.ACKNOWLEDGED)
    story.state.add_lines(a_request(BELL, 1, 60))
    story.announced("D-1", 1300)
    story.line.receive(Decimal(1000), june(10), NOW)
    assert questions(story.state, TODAY, answer_overdue=False) == {}

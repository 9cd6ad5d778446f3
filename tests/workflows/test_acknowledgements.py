"""An order whose documents are taken or rejected by the supplier's systems."""

import datetime as dt
from typing import Any

import pytest
from pydantic import JsonValue

from canonical.exception import Choice, Decision
from canonical.messages import DocumentAcknowledgement
from canonical.order import AcknowledgementOutcome, DocumentAcknowledged
from canonical.policy import Edifact
from canonical.records import OrderStage
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, POLICY, unnoted
from tests.workflows.harness import Harness
from tests.workflows.order_harness import CHANGED, an_answer, sent_order, statement
from workflows.purchase_order.answers import note_sent
from workflows.purchase_order.questions import questions, settle_decisions
from workflows.purchase_order.reports import snapshot
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

TODAY = june(1)
TAKEN, REJECTED = AcknowledgementOutcome.TAKEN, AcknowledgementOutcome.REJECTED


def an_acknowledgement(
    outcome: AcknowledgementOutcome, hour: int = 1, *, means: str = "CONTRL", reference: str = "ORDER", **more: Any
) -> DocumentAcknowledgement:
    return DocumentAcknowledgement(
        event_id=f"{means}-{hour}",
        acknowledgement=DocumentAcknowledged(
            reference=reference,
            acknowledgement_number=f"{means}/{hour}",
            outcome=outcome,
            effective_at=NOW + dt.timedelta(hours=hour),
            remarks=("segment 9: syntax error 12 (0085)",) if outcome is REJECTED else (),
            **more,
        ),
    )


def order() -> OrderState:
    state = sent_order()
    note_sent(state, "ORDER", "order", 1)
    return state


def asked(state: OrderState) -> str | None:
    proposal = questions(state, TODAY, answer_overdue=False).get("rejected")
    return proposal.summary if proposal else None


def decide(state: OrderState, choice: Choice) -> None:
    state.decisions["rejected"] = Decision(
        event_id="d-1", choice=choice, decided_by="ben", decided_at=NOW, comment="", digest="x"
    )
    settle_decisions(state, unnoted, NOW)


def test_a_rejected_order_is_raised_at_its_order_with_the_reason() -> None:
    state = order()
    take(state, an_acknowledgement(REJECTED), unnoted, TODAY)
    assert asked(state) == (
        "1580 rejected the order 4500000001 (revision 1, CONTRL ORDER): segment 9: syntax error 12 (0085)"
    )
    by_number = order()
    stated = an_acknowledgement(REJECTED, means="APERAK", reference="4500000001", order_number="4500000001")
    take(by_number, stated, unnoted, TODAY)
    assert "APERAK" in (asked(by_number) or "")


def test_a_later_word_by_the_same_means_settles_it_and_another_means_does_not() -> None:
    for means, hour, settled in (("CONTRL", 2, True), ("CONTRL", 0, False), ("APERAK", 2, False)):
        state = order()
        take(state, an_acknowledgement(REJECTED), unnoted, TODAY)
        take(state, an_acknowledgement(TAKEN, hour, means=means), unnoted, TODAY)
        assert (asked(state) is None) is settled, (means, hour)


def test_an_answer_settles_it_since_the_supplier_evidently_has_the_order() -> None:
    state = order()
    take(state, an_acknowledgement(REJECTED), unnoted, TODAY)
    take(state, an_answer(2, statement(10, (CHANGED, 100, 20))), unnoted, TODAY)
    assert asked(state) is None
    late = order()
    take(late, an_answer(2, statement(10, (CHANGED, 100, 20))), unnoted, TODAY)
    take(late, an_acknowledgement(REJECTED, 3), unnoted, TODAY)
    assert asked(late) is None


@pytest.mark.parametrize("reference", ["OLD", "REMINDER", "UNKNOWN"])
def test_a_replaced_document_a_reminder_and_an_unknown_one_are_only_recorded(reference: str) -> None:
    state = sent_order()
    note_sent(state, "OLD", "order", 1)
    note_sent(state, "NEW", "change", 2)
    note_sent(state, "REMINDER", "reminder", 2)
    state.revision = 2
    recorded: list[str] = []

    def record(kind: str, business_time: dt.datetime | None = None, /, **data: JsonValue) -> None:
        recorded.append(kind)

    take(state, an_acknowledgement(REJECTED, reference=reference), record, TODAY)
    assert asked(state) is None
    assert recorded == ["document.acknowledged"]
    assert snapshot(state).sent_references == ("OLD", "NEW", "REMINDER")


def test_nobody_else_rejects_an_order() -> None:
    state = order()
    state.policy = POLICY.model_copy(update={"edifact": Edifact(addresses=("4012345500004",))})
    take(state, an_acknowledgement(REJECTED, sender="4099999000001"), unnoted, TODAY)
    assert asked(state) is None
    take(state, an_acknowledgement(REJECTED, sender="4012345500004"), unnoted, TODAY)
    assert asked(state) is not None


def test_the_order_is_sent_again_as_another_document() -> None:
    state = order()
    take(state, an_acknowledgement(REJECTED), unnoted, TODAY)
    decide(state, Choice.RETRY)
    assert (state.stage, state.resendings, state.to_be_placed) == (OrderStage.UNSENT, 1, True)
    take(state, an_acknowledgement(REJECTED, 3), unnoted, TODAY)
    assert asked(state) is None, "the rejection of the first document, once more"


def test_a_rejected_change_is_sent_again_as_the_next_revision() -> None:
    state = order()
    state.revision = 2
    state.lines[0].ask_again(2)
    note_sent(state, "CHANGE", "change", 2)
    take(state, an_acknowledgement(REJECTED, reference="CHANGE"), unnoted, TODAY)
    assert "rejected the change" in (asked(state) or "")
    decide(state, Choice.RETRY)
    assert (state.changed_lines, state.stage) == ([10], OrderStage.SENT)


def test_the_order_can_be_given_up() -> None:
    state = order()
    take(state, an_acknowledgement(REJECTED), unnoted, TODAY)
    decide(state, Choice.CANCEL)
    assert asked(state) is None
    assert all(line.cancelled for line in state.lines)


@pytest.mark.recorded("rejected_and_sent_again")
async def test_an_order_that_the_suppliers_system_rejects_is_sent_again_by_decision_and_answered(
    harness: Harness,
) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    number = order.order_number
    assert number is not None
    at = await harness.clock(order.id)
    rejected = an_acknowledgement(REJECTED, means="APERAK", reference=number, order_number=number)
    stated = rejected.acknowledgement.model_copy(update={"effective_at": at})
    assert await harness.entities.acknowledge_document(
        order.id, rejected.model_copy(update={"acknowledgement": stated})
    )
    question = await harness.question(order)
    assert "segment 9: syntax error 12 (0085)" in question.proposal.summary
    await harness.decide(question, Choice.RETRY)
    again = await harness.order_until(order, lambda found: found.stage == "sent" and found.exception_id is None)
    assert len(harness.supplier.sent[number]) == 2
    await harness.answer(again)
    await harness.settled(order)
    assert (await harness.requirement(requirement)).stage == "covered"

"""A buyer edits our order in the ERP: it is never overwritten; another person adopts or undoes it (R3, R15)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from canonical.exception import Choice, DecisionRefused, ExceptionKind
from canonical.messages import ApprovalReported, DocumentEdited
from canonical.order import DocumentEdit, EditedField
from canonical.records import ExceptionSnapshot, OrderSnapshot
from tests.workflows.harness import Harness, today


def an_edit(
    order: OrderSnapshot, field: EditedField, old: str, new: str, *, event: str = "E-1", at: int = 0
) -> DocumentEdited:
    """Ben's edit of line 10, so many minutes from now."""
    assert order.order_number is not None
    return DocumentEdited(
        event_id=event,
        edit=DocumentEdit(
            order_number=order.order_number,
            line=10,
            field=field,
            old=old,
            new=new,
            edited_by="ben",
            effective_at=datetime.now(UTC) + timedelta(minutes=at),
        ),
    )


async def edited(harness: Harness, order: OrderSnapshot, field: EditedField, old: str, new: str, **held: Any) -> None:
    """Ben edits line 10 in the ERP, and the ERP reports it."""
    assert order.order_number is not None
    harness.erp.edit(order.order_number, 10, "ben", **held)
    await harness.entities.edit_document(order.id, an_edit(order, field, old, new))


async def about_edit(harness: Harness, order: OrderSnapshot, *words: str) -> ExceptionSnapshot:
    """The question about the edit, once its summary has these words."""

    async def look() -> ExceptionSnapshot | None:
        audit_events = await harness.ledger.reads.audit_events([order.id])
        for raised in (
            str(audit_event.data["exception_id"])
            for audit_event in audit_events
            if audit_event.kind == "exception.raised"
        ):
            found = await harness.exception(raised)
            if all(word in found.proposal.summary for word in words) and found.state == "open":
                return found
        return None

    return await harness.until(look)


async def test_an_erp_that_says_only_that_an_order_changed_is_read_and_the_edit_found(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    number = order.order_number or ""
    harness.erp.edit(number, 10, "ben", quantity=Decimal(120))
    reported = ApprovalReported(event_id="sap-1", document=number, changed=True)
    await harness.entities.report_approval(order.id, reported)
    await about_edit(harness, order, "changed line 10", "quantity from 100 to 120")
    assert {line.quantity for line in harness.erp.orders[number].lines} == {Decimal(120)}


@pytest.mark.recorded("edit_adopted")
async def test_an_edit_that_is_adopted_goes_to_the_supplier_and_not_to_the_erp(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    writes = len(harness.erp.writes)

    await edited(harness, order, "quantity", "100", "120", quantity=Decimal(120))

    question = await about_edit(harness, order, "ben changed line 10", "quantity from 100 to 120")
    proposal = question.proposal
    assert proposal.kind == ExceptionKind.CHANGE_PROPOSAL
    assert proposal.rule == "R3"
    assert proposal.proposed_by == "ben"
    assert str(proposal.value) == "36.80", "20 x 2.00 USD x 0.92"
    with pytest.raises(DecisionRefused) as refused:
        await harness.decide(question, Choice.APPROVE, decided_by="Ben")
    assert refused.value.code == "proposer_is_approver"
    await harness.decide(question, Choice.APPROVE)

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    sent = harness.supplier.sent[order.order_number or ""][-1]
    assert sent.changed_lines == (10,)
    assert sent.lines[0].quantity == 120
    assert len(harness.erp.writes) == writes, "the ERP holds it already"
    await harness.answer(changed)
    await harness.settled(order)
    assert harness.schedule_in_erp(order) == [(120, 120, 58)]
    assert harness.coverage_in_aps(requirement, order) == [(100, 58, "confirmed")]


async def test_an_adopted_cut_is_reported_to_the_requirement_which_is_then_short(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await edited(harness, order, "quantity", "100", "80", quantity=Decimal(80))
    await harness.decide(await about_edit(harness, order, "to 80"), Choice.APPROVE)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(changed)

    exception = await harness.short(requirement)

    assert exception.proposal.short_quantity == 20
    assert "ben changed line 10 in the ERP; bea.buyer adopted it" in exception.proposal.summary


@pytest.mark.recorded("edit_undone")
async def test_an_edit_that_is_undone_is_written_back_and_the_supplier_is_not_notified(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    moved = today() + timedelta(days=70)
    await edited(
        harness, order, "delivery_date", str(moved - timedelta(days=12)), moved.isoformat(), delivery_date=moved
    )

    await harness.decide(await about_edit(harness, order, "delivery date"), Choice.DECLINE)

    await harness.order_until(order, lambda found: found.exception_id is None)
    await harness.until(lambda: harness.at_rest(order.id))
    assert harness.document(order).lines[0].delivery_date == today() + timedelta(days=58)
    assert len(harness.supplier.sent[order.order_number or ""]) == 1
    assert "edit.undone" in await harness.kinds(order.id)


async def test_an_edit_reported_twice_late_or_by_its_value_is_one_edit(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    first = an_edit(order, "quantity", "100", "120")
    for message in (
        first,
        first,
        an_edit(order, "quantity", "100", "120", event="E-2", at=1),
        an_edit(order, "quantity", "100", "110", event="E-0", at=-5),
    ):
        await harness.entities.edit_document(order.id, message)
    question = await about_edit(harness, order, "to 120")
    await harness.registered(order.id, "edit.stale")
    kinds = await harness.kinds(order.id)
    assert kinds.count("document.edited") == 1
    assert kinds.count("edit.repeated") == 2
    assert kinds.count("exception.raised") == 1

    await harness.entities.edit_document(order.id, an_edit(order, "quantity", "120", "100", event="E-3", at=2))

    assert await harness.ended(question.id) == "overtaken", "taken back"


@pytest.mark.recorded("edit_found")
async def test_an_edit_found_when_writing_keeps_the_change_waiting_and_not_the_other_lines(harness: Harness) -> None:
    chain, bell = (harness.need(harness.item(item, "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await harness.ordered(await harness.plan(need))
    order = await harness.sent(chain.id)
    place = next(line.line for line in order.lines if line.item == chain.item)
    harness.erp.edit(order.order_number or "", place, "ben", quantity=Decimal(120))
    harness.erp.open_for_calls.clear()
    await harness.replan(bell, 2, quantity=200)
    await harness.registered(order.id, "order.changed")
    await harness.replan(chain, 2, quantity=150)
    await harness.registered(chain.id, "supply_request.sent", times=2)
    harness.erp.open_for_calls.set()

    question = await about_edit(harness, order, "ben changed line", "from 100 to 120", "we have quantity 150")

    waiting = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert int(next(line for line in harness.document(waiting).lines if line.line == place).quantity) == 120
    await harness.decide(question, Choice.DECLINE)
    changed = await harness.order_until(order, lambda found: found.revision == 3)
    await harness.registered(order.id, "order.sent", times=3)
    assert int(next(line for line in harness.document(changed).lines if line.line == place).quantity) == 150
    sent = harness.supplier.sent[order.order_number or ""]
    assert [document.changed_lines for document in sent] == [(), tuple({10, 20} - {place}), (place,)]


async def test_a_request_that_touches_an_edited_line_waits_for_a_person_whatever_its_value(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await edited(harness, order, "quantity", "100", "120", quantity=Decimal(120))
    about = await about_edit(harness, order, "to 120")

    await harness.replan(need, 2, quantity=150)

    proposal = await about_edit(harness, order, "Change order", "not overwritten", "quantity 120 by ben")
    assert int(harness.document(order).lines[0].quantity) == 120
    await harness.decide(proposal, Choice.APPROVE)
    assert await harness.ended(about.id) == "overtaken"
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.exception_id is None)
    await harness.registered(order.id, "order.sent", times=2)
    assert int(harness.document(changed).lines[0].quantity) == 150


async def test_the_schedule_of_an_edited_line_waits_for_the_decision(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await edited(harness, order, "quantity", "100", "120", quantity=Decimal(120))
    question = await about_edit(harness, order, "to 120")
    await harness.answer(order)
    await harness.settled(order)
    assert (order.order_number, 10) not in harness.erp.schedules
    assert harness.coverage_in_aps(requirement, order) == [(100, 58, "confirmed")]

    await harness.decide(question, Choice.DECLINE)

    async def is_written() -> bool:
        return (order.order_number, 10) in harness.erp.schedules

    await harness.until(is_written)
    assert harness.schedule_in_erp(order) == [(100, 100, 58)]
    assert int(harness.document(order).lines[0].quantity) == 100


async def test_an_unreported_edit_is_not_overwritten_by_what_the_supplier_confirms(harness: Harness) -> None:
    chain, bell = (harness.need(harness.item(item, "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await harness.ordered(await harness.plan(need))
    order = await harness.sent(chain.id)
    harness.erp.edit(order.order_number or "", 10, "ben", quantity=Decimal(120))

    await harness.answer(order)

    question = await about_edit(harness, order, "ben changed line 10", "from 100 to 120")
    await harness.settled(order)
    assert sorted(line for _, line in harness.erp.schedules) == [20], "the other line does not wait"
    assert int(harness.document(order).lines[0].quantity) == 120
    kinds = await harness.kinds(order.id)
    assert kinds.count("document.edited") == 1
    assert kinds.count("write.refused") == 0

    await harness.decide(question, Choice.DECLINE)

    async def is_written() -> bool:
        return (order.order_number, 10) in harness.erp.schedules

    await harness.until(is_written)
    assert harness.schedule_in_erp(order, 10) == [(100, 100, 58)]
    assert int(harness.document(order).lines[0].quantity) == 100


async def test_a_schedule_that_waited_for_an_edit_is_written_once_the_edit_is_taken_back(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await edited(harness, order, "quantity", "100", "120", quantity=Decimal(120))
    question = await about_edit(harness, order, "to 120")
    await harness.answer(order)
    await harness.settled(order)
    assert not harness.erp.schedules

    harness.erp.edit(order.order_number or "", 10, "ben", quantity=Decimal(100))
    await harness.entities.edit_document(order.id, an_edit(order, "quantity", "120", "100", event="E-2", at=1))

    assert await harness.ended(question.id) == "overtaken"

    async def is_written() -> bool:
        return bool(harness.erp.schedules)

    await harness.until(is_written)
    assert harness.schedule_in_erp(order) == [(100, 100, 58)]


async def test_a_line_deleted_in_the_erp_and_adopted_is_cancelled_at_the_supplier(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await edited(harness, order, "deleted", "false", "true", cancelled=True)
    await harness.decide(await about_edit(harness, order, "deleted it"), Choice.APPROVE)
    cancelled = await harness.order_until(order, lambda found: found.revision == 2)
    await harness.registered(order.id, "order.sent", times=2)
    assert [line.cancelled for line in harness.supplier.sent[order.order_number or ""][-1].lines] == [True]

    await harness.answer(cancelled)

    assert await harness.ended(order.id) == "cancelled"
    assert "ben changed line 10 in the ERP" in (await harness.short(requirement)).proposal.summary

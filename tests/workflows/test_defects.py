"""A defect of the code is an incident that an operator sees; the entity goes on, and no message is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import UnsandboxedWorkflowRunner

from canonical.messages import DocumentEdited, RequirementOpened
from canonical.order import DocumentEdit
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness
from tests.workflows.stock import state
from workflows.engineering_change.messages import ChangeMessage
from workflows.exception.state import ExceptionMessage
from workflows.material_requirement import messages
from workflows.material_requirement import workflow as requirement_workflow
from workflows.material_requirement.messages import RequirementMessage
from workflows.memory import Unreadable
from workflows.purchase_order import workflow as order_workflow
from workflows.purchase_order.workflow import OrderInput, OrderMessage
from workflows.stock_balance import workflow as stock_workflow

POISON = 150
"""A quantity that the code of these stories can't digest."""


@pytest.fixture
async def harness(make_harness: MakeHarness) -> Harness:
    # Without the sandbox, which would load the code anew: here code is replaced while it runs.
    harness = await make_harness(runner=UnsandboxedWorkflowRunner())
    harness.defects_expected = True
    return harness


def broken_for(quantity: int, sound: Callable[..., Any]) -> Callable[..., Any]:
    """Code that fails on what is as large as this."""

    def broken(state: Any, *args: Any) -> Any:
        asked = [arg.need for arg in args if isinstance(arg, RequirementOpened)]
        if state.proposed is not None:
            asked.append(state.proposed.need)
        if any(need.quantity == quantity for need in asked):
            raise OverflowError("date value out of range")
        return sound(state, *args)

    return broken


async def shows(harness: Harness, entity: str, incident: str | None) -> None:
    """Until operators see this; the ledger knows it a moment before, while the task is still under way."""

    async def look() -> bool:
        return await harness.incident(entity) == incident

    await harness.until(look)
    await harness.until(lambda: harness.at_rest(entity))


@pytest.mark.parametrize("place", ["take", "judge_need"])
async def test_a_message_that_can_not_be_processed_is_set_aside_and_the_entity_goes_on(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whether it fails when it is taken or in the decision that it leads to."""
    monkeypatch.setattr(requirement_workflow, place, broken_for(POISON, getattr(requirement_workflow, place)))
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    poisoned = await harness.replan(need, 2, quantity=POISON)
    await harness.registered(requirement, "message.set_aside")
    await shows(harness, requirement, "defect.message")
    [aside] = [
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([requirement])
        if audit_event.kind == "message.set_aside"
    ]
    assert aside.data == {
        "type": "RequirementOpened",
        "id": poisoned.revision.event_id,
        "reason": "OverflowError: date value out of range",
    }
    assert (await harness.requirement(requirement)).needed == 100

    await harness.replan(need, 3, quantity=180)
    changed = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in changed.lines] == [180]
    await shows(harness, requirement, "defect.message")

    monkeypatch.undo()
    await harness.skip(harness.handle(requirement), timedelta(minutes=1))
    await harness.registered(requirement, "incident.closed")
    await shows(harness, requirement, None)
    assert (await harness.kinds(requirement))[-2:] == ["requirement.stale", "incident.closed"], (
        "R10: a newer one came meanwhile"
    )


async def test_a_message_that_was_set_aside_is_acted_on_once_the_code_is_replaced(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirement_workflow, "take", broken_for(POISON, messages.take))
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    poisoned = await harness.replan(need, 2, quantity=POISON)
    await shows(harness, requirement, "defect.message")
    await harness.plan(poisoned)
    await harness.until(lambda: harness.at_rest(requirement))

    await harness.skip(harness.handle(requirement), timedelta(minutes=1))
    await harness.until(lambda: harness.at_rest(requirement))
    await shows(harness, requirement, "defect.message")
    assert (await harness.kinds(requirement)).count("message.set_aside") == 1, (
        "on record once, though it was delivered twice and tried again"
    )

    monkeypatch.undo()
    await harness.skip(harness.handle(requirement), timedelta(minutes=10))
    changed = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in changed.lines] == [POISON]
    await harness.registered(requirement, "incident.closed")


async def test_of_messages_that_arrive_together_only_the_one_at_fault_is_set_aside(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirement_workflow, "take", broken_for(POISON, messages.take))
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    harness.master_data.open_for_calls.clear()
    await harness.replan(need, 2, quantity=130)
    await harness.replan(need, 3, quantity=POISON)
    await harness.replan(need, 4, quantity=240)
    harness.master_data.open_for_calls.set()

    changed = await harness.order_until(order, lambda found: found.lines[0].quantity == 240)
    assert changed.revision in (2, 3)
    assert (await harness.kinds(requirement)).count("message.set_aside") == 1


async def test_a_decision_that_meets_a_defect_is_an_incident_and_is_made_with_the_next_message(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(requirement_workflow, "judge_need", broken)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    await shows(harness, requirement, "defect.decision")
    await harness.registered(requirement, "incident.opened")

    need = await harness.replan(need, 2, quantity=120)
    await harness.until(lambda: harness.at_rest(requirement))
    assert "message.set_aside" not in await harness.kinds(requirement), "the message is not to blame"

    monkeypatch.undo()
    need = await harness.replan(need, 3, quantity=130)
    order = await harness.sent(requirement)
    assert [int(line.quantity) for line in order.lines] == [130]
    await shows(harness, requirement, None)
    assert (await harness.kinds(requirement)).count("incident.opened") == 1


async def test_a_decision_that_meets_a_defect_is_made_by_itself_once_the_code_is_replaced(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(stock_workflow, "judge_stock", broken)
    chain = harness.item("CHAIN", "Cyclops")
    stock = await state(harness, chain, -40)
    await shows(harness, stock, "defect.decision")
    monkeypatch.undo()
    await harness.skip(harness.handle(stock), timedelta(minutes=1))
    await harness.registered(stock, "stock.short")
    await harness.registered(stock, "incident.closed")


async def test_a_message_that_can_not_be_read_is_kept_and_shown_and_the_entity_goes_on(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    await harness.handle(requirement).signal("plan_changed", {"need": "of tomorrow's shape"})
    await harness.registered(requirement, "message.set_aside")
    await shows(harness, requirement, "defect.message")
    [aside] = [
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([requirement])
        if audit_event.kind == "message.set_aside"
    ]
    assert aside.data["type"] == "RequirementOpened"
    assert str(aside.data["reason"]).startswith("need: ")

    await harness.replan(need, 2, quantity=180)
    await harness.order_until(order, lambda found: [int(line.quantity) for line in found.lines] == [180])
    await shows(harness, requirement, "defect.message")


def test_the_next_run_reads_what_its_code_can_read() -> None:
    message = DocumentEdited(event_id="E-1", edit=an_edit())
    kept = Unreadable(type="DocumentEdited", content=message.model_dump_json(), reason="edit: it was of another shape")
    lost = Unreadable(type="GoodsScrapped", content="{}", reason="unknown")
    assert OrderInput(unreadable=[kept, lost]).read_again() == ([message], [lost])


def an_edit() -> DocumentEdit:
    return DocumentEdit(
        order_number="4500000001",
        line=10,
        field="quantity",
        old="100",
        new="90",
        edited_by="ben",
        effective_at=datetime(2026, 11, 27, tzinfo=UTC),
    )


@pytest.mark.parametrize("minutes", [0, 60])
async def test_a_defect_in_an_orders_first_lines_is_an_incident_too(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """Whether they are written at once, or at the end of a consolidation window that does not pass twice."""
    harness = await make_harness(runner=UnsandboxedWorkflowRunner(), consolidation_minutes=minutes)
    harness.defects_expected = True

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(order_workflow, "share_groups", broken)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    await shows(harness, order.id, "defect.decision")

    monkeypatch.undo()
    await harness.skip(harness.handle(order.id), timedelta(minutes=1))
    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    assert [int(line.quantity) for line in sent.lines] == [100]
    await shows(harness, order.id, None)


async def test_an_entity_that_is_cancelled_ends_as_cancelled_and_takes_that_for_no_defect(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    await harness.sent(requirement)
    await harness.until(lambda: harness.at_rest(requirement))
    handle = harness.handle(requirement)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


@pytest.mark.parametrize("union", [RequirementMessage, OrderMessage, ChangeMessage, ExceptionMessage])
def test_a_message_that_waits_over_a_continue_as_new_is_read_as_what_it_is(union: Any) -> None:
    kinds: tuple[type[BaseModel], ...] = get_args(union)
    for kind, other in permutations(kinds, 2):
        required = {name for name, field in other.model_fields.items() if field.is_required()}
        assert required - kind.model_fields.keys(), f"a {kind.__name__} could be read as {other.__name__}"

"""What master data or the ERP does not allow waits for the person who can mend it, and is then tried again."""

from collections.abc import Mapping, Sequence

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.identity import external_reference
from canonical.order import OrderDocument, Refused
from tests.workflows.world import World

LOCKED = Refused(system="erp", code="ME/013", reason="plant 1710 is locked for purchasing", line=10)


async def test_a_need_for_an_item_that_nobody_keeps_waits_until_master_data_is_mended(world: World) -> None:
    item = world.item("CHAIN", "Cyclops")
    known = world.master_data.items.pop(("1710", item))
    requirement = await world.plan(world.need(item))
    exception = await world.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "item")
    assert (await world.requirement(requirement)).stage == "blocked"

    await world.decide(exception, Choice.RETRY)
    again = await world.requirement_until(requirement, lambda now: now.exception_id not in (None, exception.id))
    world.master_data.items["1710", item] = known
    await world.decide(await world.asked(again), Choice.RETRY)

    order = await world.sent(requirement)
    assert [int(line.quantity) for line in order.lines] == [100]
    assert (await world.requirement(requirement)).exception_id is None


async def test_a_change_that_the_holding_supplier_can_not_serve_waits_for_master_data(world: World) -> None:
    item = world.item("CHAIN", "Cyclops")
    need = world.need(item)
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)

    boxed = world.item("CHAIN", "Cyclops", unit="BX")
    assert boxed == item
    changed = await world.replan(need, 2, quantity=200)

    exception = await world.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "unit")
    assert (await world.requirement(requirement)).stage == "blocked"
    world.item("CHAIN", "Cyclops")
    await world.decide(exception, Choice.RETRY)
    grown = await world.order_until(order, lambda found: found.revision == 2)
    assert int(grown.lines[0].quantity) == changed.quantity


async def test_a_need_without_a_supplier_is_blocked_until_the_plan_withdraws_it(world: World) -> None:
    need = world.need(world.item("CHAIN"))
    requirement = await world.plan(need)
    exception = await world.short(requirement)
    await world.withdraw(need, 2)
    assert await world.ended(exception.id) == "overtaken"
    assert await world.ended(requirement) == "withdrawn"


async def test_an_order_that_the_erp_refuses_is_written_again_once_a_person_has_mended_it(world: World) -> None:
    world.erp.failures.append(LOCKED)
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    question = await world.question(order)
    assert question.proposal.kind is ExceptionKind.MASTER_DATA
    assert LOCKED.reason in question.proposal.summary
    assert {way.choice for way in question.proposal.alternatives} == {Choice.RETRY, Choice.CANCEL}

    await world.decide(question, Choice.RETRY)

    sent = await world.sent(requirement)
    assert (sent.exception_id, len(world.erp.orders)) == (None, 1)


async def test_an_order_that_the_erp_refuses_and_a_person_gives_up_has_its_need_look_elsewhere(world: World) -> None:
    world.erp.failures.append(LOCKED)
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops", "Trey")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    await world.decide(await world.question(order), Choice.CANCEL)

    assert await world.ended(order.id) == "cancelled"
    assert (await world.kinds(order.id))[-1] == "order.cancelled"
    assert dict(world.supplier.sent) == {}
    exception = await world.short(requirement)
    await world.decide(exception, Choice.SPLIT)
    second = await world.sent(requirement, orders=2)
    assert second.supplier == f"Trey-{world.prefix}"


async def test_an_order_that_the_erp_refuses_ends_when_nobody_wants_it_any_more(world: World) -> None:
    world.erp.failures.append(LOCKED)
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    question = await world.question(order)

    await world.withdraw(need, 2)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(question.id) == "overtaken"
    assert await world.ended(requirement) == "withdrawn"


async def test_a_change_that_the_erp_refuses_is_not_sent_to_the_supplier_before_it_is_mended(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    world.erp.failures.append(LOCKED)
    await world.replan(need, 2, quantity=150)
    question = await world.question(order)
    documents = world.supplier.sent[order.order_number or ""]
    assert [document.revision for document in documents] == [1]

    await world.decide(question, Choice.RETRY)

    changed = await world.order_until(order, lambda found: found.revision == 2 and found.exception_id is None)
    await world.until(lambda: _count(documents, 2))
    assert documents[-1] == world.document(changed)
    await world.answer(changed)
    await world.settled(order)
    assert world.schedule_in_erp(order) == [(150, 150, 58)]


async def test_a_schedule_that_the_erp_refuses_is_written_once_it_is_mended(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    world.erp.failures.append(LOCKED)
    await world.answer(order)
    question = await world.question(order)
    assert (order.order_number, 10) not in world.erp.schedules

    await world.decide(question, Choice.RETRY)

    await world.order_until(order, lambda found: found.exception_id is None)
    await world.until(lambda: _held(world.erp.schedules, (order.order_number, 10)))
    assert world.schedule_in_erp(order) == [(100, 100, 58)]


async def test_an_order_that_the_supplier_s_gateway_refuses_is_sent_once_it_is_mended(world: World) -> None:
    world.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    question = await world.question(order)
    assert "no such partner" in question.proposal.summary
    assert (await world.order_of(requirement)).stage == "unsent"

    await world.decide(question, Choice.RETRY)

    sent = await world.sent(requirement)
    assert [document.revision for document in world.supplier.sent[sent.order_number or ""]] == [1]
    assert len(world.erp.orders) == 1


async def test_a_need_that_changes_before_the_order_is_sent_changes_the_order_in_the_erp_and_is_sent_once(
    world: World,
) -> None:
    world.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    question = await world.question(order)
    await world.replan(need, 2, quantity=150)
    await world.noted(order.id, "change.judged")

    await world.decide(question, Choice.RETRY)

    sent = await world.sent(requirement)
    [document] = world.supplier.sent[sent.order_number or ""]
    assert (document.revision, int(document.lines[0].quantity)) == (1, 150)
    assert [int(line.quantity) for line in world.document(sent).lines] == [150]


async def test_a_need_withdrawn_before_the_order_is_sent_cancels_it_in_the_erp_and_asks_nobody_more(
    world: World,
) -> None:
    world.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    need = world.need(world.item("CHAIN", "Cyclops"))
    order = await world.ordered(await world.plan(need))
    await world.skip_collecting(order)
    question = await world.question(order)

    await world.withdraw(need, 2)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(question.id) == "overtaken"
    assert [line.cancelled for line in next(iter(world.erp.orders.values())).lines] == [True]
    assert dict(world.supplier.sent) == {}


@pytest.mark.recorded("refused_order")
async def test_a_refused_order_that_is_given_up_leaves_no_requisition_behind(world: World) -> None:
    world.erp.failures.append(LOCKED)
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)

    await world.decide(await world.question(order), Choice.CANCEL)

    assert await world.ended(order.id) == "cancelled"
    assert world.erp.requisitions_cancelled == [external_reference(order.id)]
    assert "requisition.cancelled" in await world.kinds(order.id)


async def test_a_requisition_that_the_erp_does_not_let_go_of_is_put_to_a_person(world: World) -> None:
    world.erp.failures += [LOCKED, LOCKED]
    order = await world.ordered(await world.plan(world.need(world.item("CHAIN", "Cyclops"))))
    await world.skip_collecting(order)
    first = await world.question(order)
    await world.decide(first, Choice.CANCEL)
    again = await world.order_until(order, lambda found: found.exception_id not in (None, first.id))

    await world.decide(await world.asked(again), Choice.CANCEL)

    assert await world.ended(order.id) == "cancelled"
    assert world.erp.requisitions_cancelled == []


async def _count(found: Sequence[OrderDocument], wanted: int) -> bool:
    return len(found) == wanted


async def _held(books: Mapping[tuple[str, int], object], place: object) -> bool:
    return place in books

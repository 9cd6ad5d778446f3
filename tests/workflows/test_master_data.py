"""What master data or the ERP does not allow waits for the person who can fix it, and is then tried again."""

from collections.abc import Mapping, Sequence

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.identity import external_reference
from canonical.order import OrderDocument, Refused
from tests.workflows.harness import Harness

LOCKED = Refused(system="erp", code="ME/013", reason="plant 1710 is locked for purchasing", line=10)


async def test_a_need_for_an_item_that_nobody_keeps_waits_until_master_data_is_fixed(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    known = harness.master_data.items.pop(("1710", item))
    requirement = await harness.plan(harness.need(item))
    exception = await harness.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "item")
    assert (await harness.requirement(requirement)).stage == "blocked"

    await harness.decide(exception, Choice.RETRY)
    again = await harness.requirement_until(requirement, lambda now: now.exception_id not in (None, exception.id))
    harness.master_data.items["1710", item] = known
    await harness.decide(await harness.asked(again), Choice.RETRY)

    order = await harness.sent(requirement)
    assert [int(line.quantity) for line in order.lines] == [100]
    assert (await harness.requirement(requirement)).exception_id is None


async def test_needs_of_one_unknown_item_are_one_question_and_its_answer_is_for_all(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    known = harness.master_data.items.pop(("1710", item))
    needs = [harness.need(item, reference=f"R-{number}", quantity=10 + number, days=40 + number) for number in range(6)]
    requirements = [await harness.plan(need) for need in needs]
    blocked = [await harness.short(requirement) for requirement in requirements]
    assert len({exception.id for exception in blocked}) == 1
    [question] = {exception.digest: exception for exception in blocked}.values()
    assert item in question.proposal.summary
    assert question.proposal.quantity is None

    # The one that asked goes, and so does another: the question stays for the rest.
    asking = next(each for each in requirements if each == question.raised_by)
    others = [each for each in requirements if each != asking]
    await harness.withdraw(needs[requirements.index(asking)], 2)
    assert await harness.ended(asking) == "withdrawn"
    await harness.withdraw(needs[requirements.index(others[0])], 2)
    assert await harness.ended(others[0]) == "withdrawn"
    assert "exception.left" in await harness.kinds(asking)

    harness.master_data.items["1710", item] = known
    await harness.decide(await harness.short(others[1]), Choice.RETRY)
    for requirement in others[1:]:
        assert (await harness.sent(requirement)).lines
        assert (await harness.requirement(requirement)).exception_id is None


@pytest.mark.recorded("shared_question")
async def test_a_shared_question_outlives_the_need_that_asked_it(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    known = harness.master_data.items.pop(("1710", item))
    first, second = (harness.need(item, reference=reference) for reference in ("R-1", "R-2"))
    question = await harness.short(await harness.plan(first))
    assert (await harness.short(await harness.plan(second))).id == question.id
    await harness.registered(second.id, "exception.joined")
    await harness.withdraw(first, 2)
    assert await harness.ended(first.id) == "withdrawn"
    harness.master_data.items["1710", item] = known
    await harness.decide(await harness.exception(question.id), Choice.RETRY)
    assert (await harness.sent(second.id)).lines


async def test_a_question_that_all_have_left_is_closed_and_asked_anew_by_the_next(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    harness.master_data.items.pop(("1710", item))
    first, second = (harness.need(item, reference=reference) for reference in ("R-1", "R-2"))
    question = await harness.short(await harness.plan(first))
    await harness.withdraw(first, 2)
    assert await harness.ended(question.id) == "overtaken"
    again = await harness.short(await harness.plan(second))
    assert again.id != question.id
    assert again.state == "open"


async def test_where_one_need_finds_the_fault_gone_the_others_try_again(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    known = harness.master_data.items.pop(("1710", item))
    first, second = (harness.need(item, reference=reference) for reference in ("R-1", "R-2"))
    question = await harness.short(await harness.plan(first))
    assert (await harness.short(await harness.plan(second))).id == question.id
    harness.master_data.items["1710", item] = known
    await harness.replan(second, 2, quantity=140)
    assert await harness.ended(question.id) == "overtaken"
    for need in (first, second):
        assert (await harness.sent(need.id)).lines


async def test_a_change_that_the_holding_supplier_can_not_serve_waits_for_master_data(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    need = harness.need(item)
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)

    boxed = harness.item("CHAIN", "Cyclops", unit="BX")
    assert boxed == item
    changed = await harness.replan(need, 2, quantity=200)

    exception = await harness.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "unit")
    assert (await harness.requirement(requirement)).stage == "blocked"
    harness.item("CHAIN", "Cyclops")
    await harness.decide(exception, Choice.RETRY)
    grown = await harness.order_until(order, lambda found: found.revision == 2)
    assert int(grown.lines[0].quantity) == changed.quantity


async def test_a_need_without_a_supplier_is_blocked_until_the_plan_withdraws_it(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN"))
    requirement = await harness.plan(need)
    exception = await harness.short(requirement)
    await harness.withdraw(need, 2)
    assert await harness.ended(exception.id) == "overtaken"
    assert await harness.ended(requirement) == "withdrawn"


async def test_an_order_that_the_erp_refuses_is_written_again_once_a_person_has_fixed_it(harness: Harness) -> None:
    harness.erp.failures.append(LOCKED)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    question = await harness.question(order)
    assert question.proposal.kind is ExceptionKind.MASTER_DATA
    assert LOCKED.reason in question.proposal.summary
    assert {way.choice for way in question.proposal.alternatives} == {Choice.RETRY, Choice.CANCEL}

    await harness.decide(question, Choice.RETRY)

    sent = await harness.sent(requirement)
    assert sent.exception_id is None
    assert len(harness.erp.orders) == 1


async def test_an_order_that_the_erp_refuses_and_a_person_gives_up_has_its_need_look_elsewhere(
    harness: Harness,
) -> None:
    harness.erp.failures.append(LOCKED)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", "Trey")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    await harness.decide(await harness.question(order), Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert (await harness.kinds(order.id))[-1] == "order.cancelled"
    assert dict(harness.supplier.sent) == {}
    exception = await harness.short(requirement)
    await harness.decide(exception, Choice.SPLIT)
    second = await harness.sent(requirement, orders=2)
    assert second.supplier == f"Trey-{harness.prefix}"


async def test_an_order_that_the_erp_refuses_ends_when_nobody_needs_it_any_more(harness: Harness) -> None:
    harness.erp.failures.append(LOCKED)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    question = await harness.question(order)

    await harness.withdraw(need, 2)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(question.id) == "overtaken"
    assert await harness.ended(requirement) == "withdrawn"


async def test_a_change_that_the_erp_refuses_is_not_sent_to_the_supplier_before_it_is_fixed(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    harness.erp.failures.append(LOCKED)
    await harness.replan(need, 2, quantity=150)
    question = await harness.question(order)
    documents = harness.supplier.sent[order.order_number or ""]
    assert [document.revision for document in documents] == [1]

    await harness.decide(question, Choice.RETRY)

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.exception_id is None)
    await harness.until(lambda: _count(documents, 2))
    assert documents[-1] == harness.document(changed)
    await harness.answer(changed)
    await harness.settled(order)
    assert harness.schedule_in_erp(order) == [(150, 150, 58)]


async def test_a_schedule_that_the_erp_refuses_is_written_once_it_is_fixed(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    harness.erp.failures.append(LOCKED)
    await harness.answer(order)
    question = await harness.question(order)
    assert (order.order_number, 10) not in harness.erp.schedules

    await harness.decide(question, Choice.RETRY)

    await harness.order_until(order, lambda found: found.exception_id is None)
    await harness.until(lambda: _held(harness.erp.schedules, (order.order_number, 10)))
    assert harness.schedule_in_erp(order) == [(100, 100, 58)]


async def test_an_order_that_the_supplier_s_gateway_refuses_is_sent_once_it_is_fixed(harness: Harness) -> None:
    harness.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    question = await harness.question(order)
    assert "no such partner" in question.proposal.summary
    assert (await harness.order_of(requirement)).stage == "unsent"

    await harness.decide(question, Choice.RETRY)

    sent = await harness.sent(requirement)
    assert [document.revision for document in harness.supplier.sent[sent.order_number or ""]] == [1]
    assert len(harness.erp.orders) == 1


async def test_a_need_that_changes_before_the_order_is_sent_changes_the_order_in_the_erp_and_is_sent_once(
    harness: Harness,
) -> None:
    harness.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    question = await harness.question(order)
    await harness.replan(need, 2, quantity=150)
    await harness.registered(order.id, "change.judged")

    await harness.decide(question, Choice.RETRY)

    sent = await harness.sent(requirement)
    [document] = harness.supplier.sent[sent.order_number or ""]
    assert document.revision == 1
    assert document.lines[0].quantity == 150
    assert [int(line.quantity) for line in harness.document(sent).lines] == [150]


async def test_a_need_withdrawn_before_the_order_is_sent_cancels_it_in_the_erp_and_asks_nobody_more(
    harness: Harness,
) -> None:
    harness.supplier.failures.append(Refused(system="edi", code="422", reason="no such partner"))
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await harness.ordered(await harness.plan(need))
    await harness.skip_consolidation(order)
    question = await harness.question(order)

    await harness.withdraw(need, 2)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(question.id) == "overtaken"
    assert [line.cancelled for line in next(iter(harness.erp.orders.values())).lines] == [True]
    assert dict(harness.supplier.sent) == {}


@pytest.mark.recorded("refused_order")
async def test_a_refused_order_that_is_given_up_leaves_no_requisition_behind(harness: Harness) -> None:
    harness.erp.failures.append(LOCKED)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)

    await harness.decide(await harness.question(order), Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert harness.erp.requisitions_cancelled == [external_reference(order.id)]
    assert "requisition.cancelled" in await harness.kinds(order.id)


async def test_a_requisition_that_the_erp_does_not_let_go_of_is_put_to_a_person(harness: Harness) -> None:
    harness.erp.failures += [LOCKED, LOCKED]
    order = await harness.ordered(await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    await harness.skip_consolidation(order)
    first = await harness.question(order)
    await harness.decide(first, Choice.CANCEL)
    again = await harness.order_until(order, lambda found: found.exception_id not in (None, first.id))

    await harness.decide(await harness.asked(again), Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert harness.erp.requisitions_cancelled == []


async def _count(found: Sequence[OrderDocument], requested: int) -> bool:
    return len(found) == requested


async def _held(books: Mapping[tuple[str, int], object], place: object) -> bool:
    return place in books

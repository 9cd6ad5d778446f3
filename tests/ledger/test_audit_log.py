import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import PermanentError
from canonical.audit_event import FIRST_HASH, AuditEvent, chain, first_break
from canonical.records import AuditBatch, OrderStage, RequirementStage
from ledger.events.chains import AuditEventConflict
from ledger.ledger import Ledger
from ledger.snapshots.tables import OrderLineRow
from tests.ledger.stories import MORNING, audit_batch, audit_events, line, need, order, order_id, requirement, shortage

REQUIREMENT = need().id


async def test_an_entry_is_read_back_as_it_was_recorded(ledger: Ledger) -> None:
    written = audit_events(REQUIREMENT, 3)
    await ledger.record([audit_batch(requirement(need(), reason="waits for V-100"), written)])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert row.snapshot == requirement(need(), reason="waits for V-100")
    assert row.position == 3
    assert await ledger.reads.audit_events([REQUIREMENT]) == written


async def test_the_same_entry_twice_is_one(ledger: Ledger) -> None:
    given = audit_batch(requirement(need()), audit_events(REQUIREMENT, 2))
    for _ in range(3):
        await ledger.record([given, given])
    assert await ledger.reads.audit_events([REQUIREMENT]) == list(given.audit_events)


async def test_audit_events_that_overlap_with_written_ones_extend_the_chain(ledger: Ledger) -> None:
    written = audit_events(REQUIREMENT, 5)
    await ledger.record([audit_batch(requirement(need()), written[:3])])
    await ledger.record([audit_batch(requirement(need()), written[1:])])
    kept = await ledger.reads.audit_events([REQUIREMENT])
    assert kept == written
    assert first_break(kept) is None


async def test_an_older_entry_never_overwrites_a_newer_state(ledger: Ledger) -> None:
    written = audit_events(REQUIREMENT, 2)
    late = audit_batch(requirement(need(), RequirementStage.ASSESSING), written[:1])
    await ledger.record([audit_batch(requirement(need(), RequirementStage.SHORT), written)])
    await ledger.record([late])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert (row.snapshot.stage, row.position) == (RequirementStage.SHORT, 2)


async def test_of_several_entries_of_one_entity_the_newest_stands(ledger: Ledger) -> None:
    written = audit_events(REQUIREMENT, 2)
    newer = audit_batch(requirement(need(), RequirementStage.SHORT), written[1:])
    older = audit_batch(requirement(need(), RequirementStage.ASSESSING), written[:1])
    await ledger.record([newer, older])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert row.snapshot.stage is RequirementStage.SHORT
    assert await ledger.reads.audit_events([REQUIREMENT]) == written


async def test_a_state_without_new_audit_events_is_recorded_where_its_audit_events_ended(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need()), audit_events(REQUIREMENT, 2))])
    await ledger.record([AuditBatch(audit_events=(), after=2, snapshot=requirement(need(), closed=True))])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert row.snapshot.closed


async def test_another_audit_event_under_a_taken_number_is_an_error_and_writes_nothing(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need()), audit_events(REQUIREMENT, 2))])
    other = audit_batch(
        requirement(need(), RequirementStage.SHORT), audit_events(REQUIREMENT, 3, note="another writer")
    )
    innocent = audit_batch(order())
    with pytest.raises(AuditEventConflict, match=f"event 1 of {REQUIREMENT} .* two writers") as raised:
        await ledger.record([other, innocent])
    assert isinstance(raised.value, PermanentError)
    assert await ledger.reads.audit_events([REQUIREMENT]) == audit_events(REQUIREMENT, 2)
    assert await ledger.reads.order(innocent.snapshot.id) is None
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert row.snapshot.stage is RequirementStage.COVERED


async def test_two_audit_events_under_one_number_in_one_call_are_an_error(ledger: Ledger) -> None:
    mine, theirs = (
        audit_batch(requirement(need())),
        audit_batch(requirement(need()), audit_events(REQUIREMENT, 1, note="theirs")),
    )
    with pytest.raises(AuditEventConflict):
        await ledger.record([mine, theirs])
    assert await ledger.reads.audit_events([REQUIREMENT]) == []


async def test_of_two_writers_at_the_same_moment_one_is_refused(ledger: Ledger) -> None:
    for round_number in range(15):
        one = need(f"PLO-{round_number}")
        calls = [
            ledger.record([audit_batch(requirement(one), audit_events(one.id, 2, note=note))])
            for note in ("first", "second")
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [AuditEventConflict]
        assert first_break(await ledger.reads.audit_events([one.id])) is None


async def test_calls_that_share_entities_in_another_order_do_not_block_each_other(ledger: Ledger) -> None:
    audit_batches = [audit_batch(requirement(need(f"PLO-{n}"))) for n in range(20)] + [
        audit_batch(order(f"o{n}")) for n in range(20)
    ]
    await asyncio.gather(*(ledger.record(audit_batches if n % 2 else audit_batches[::-1]) for n in range(8)))
    assert len(await ledger.reads.audit_events([given.snapshot.id for given in audit_batches])) == 40


async def test_many_entries_of_all_kinds_are_one_call(ledger: Ledger) -> None:
    many = [audit_batch(requirement(need(f"PLO-{n}"))) for n in range(1500)]
    await ledger.record([*many, audit_batch(order(lines=[line(10, many[0].snapshot.id)])), audit_batch(shortage(1))])
    assert len(await ledger.reads.audit_events([given.snapshot.id for given in many])) == 1500
    assert await ledger.reads.exception("exception/0001") is not None
    assert len(await ledger.reads.orders_of(many[0].snapshot.id)) == 1


async def test_nothing_to_record_changes_nothing(ledger: Ledger) -> None:
    await ledger.record([audit_batch(requirement(need()), audit_events(REQUIREMENT, 2))])
    await ledger.record([])
    assert len(await ledger.reads.audit_events([REQUIREMENT])) == 2


async def test_the_lines_of_an_order_follow_its_snapshot(ledger: Ledger, engine: AsyncEngine) -> None:
    one, two, three = (need(f"PLO-{n}").id for n in (1, 2, 3))
    written = audit_events(order_id("o1"), 3)

    async def lines_after(given: AuditBatch) -> list[tuple[int, str]]:
        await ledger.record([given])
        async with engine.connect() as connection:
            query = select(OrderLineRow.line, OrderLineRow.requirement_id).order_by(OrderLineRow.line)
            return [(number, requirement_id) for number, requirement_id in await connection.execute(query)]

    first = audit_batch(order(lines=[line(10, one), line(20, two)]), written[:1])
    second = audit_batch(order(lines=[line(10, one), line(20, three), line(30, two)]), written[:2])
    assert await lines_after(first) == [(10, one), (20, two)]
    assert await lines_after(second) == [(10, one), (20, three), (30, two)]
    assert await lines_after(first) == [(10, one), (20, three), (30, two)]
    assert await lines_after(audit_batch(order(lines=[line(20, three)]), written)) == [(20, three)]
    assert await ledger.reads.orders_of(one) == []


async def test_two_orders_of_one_number_are_refused(ledger: Ledger) -> None:
    await ledger.record([audit_batch(order("o1", order_number="4500000001"))])
    with pytest.raises(PermanentError, match="4500000001"):
        await ledger.record([audit_batch(order("o2", order_number="4500000001"))])
    await ledger.record([audit_batch(order("o3")), audit_batch(order("o4"))])


async def test_words_that_postgresql_can_not_store_do_not_stop_an_entity(ledger: Ledger) -> None:
    statement = 'supplier said "\0" and \\u0000 and \\\0'
    written = audit_events(REQUIREMENT, 1, note=statement)
    await ledger.record([audit_batch(requirement(need(), reason=statement), written)])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    assert row.snapshot.reason == 'supplier said "\ufffd" and \\u0000 and \\\ufffd'
    assert await ledger.reads.audit_events([REQUIREMENT]) == written


async def test_an_audit_event_changed_in_the_database_breaks_the_chain(ledger: Ledger, engine: AsyncEngine) -> None:
    await ledger.record([audit_batch(requirement(need()), audit_events(REQUIREMENT, 4))])
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE audit_event SET business_time = business_time - interval '1 d' WHERE sequence = 3")
        )
    assert first_break(await ledger.reads.audit_events([REQUIREMENT])) == 3


async def test_audit_events_of_several_entities_come_entity_by_entity(ledger: Ledger) -> None:
    await ledger.record(
        [audit_batch(requirement(need()), audit_events(REQUIREMENT, 2)), audit_batch(order(stage=OrderStage.SENT))]
    )
    read = await ledger.reads.audit_events([order_id("o1"), REQUIREMENT, "exception/none"])
    assert [(audit_event.entity_id, audit_event.sequence) for audit_event in read] == [
        (order_id("o1"), 1),
        (REQUIREMENT, 1),
        (REQUIREMENT, 2),
    ]


INSTANTS = st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)).flatmap(  # noqa: DTZ001
    lambda naive: st.integers(-14 * 60, 14 * 60).map(
        lambda minutes: naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reported=st.lists(st.tuples(INSTANTS, INSTANTS, st.dictionaries(st.text(), VALUES, max_size=4)), max_size=4))
async def test_whatever_an_audit_event_holds_its_chain_is_intact_when_read_back(
    ledger: Ledger, reported: list[Any]
) -> None:
    of = need(uuid4().hex)
    chained: list[AuditEvent] = []
    last = FIRST_HASH
    for sequence, (business, processing, data) in enumerate(reported, start=1):
        audit_event = chain(of.id, sequence, last, "reported", business, processing, data)
        chained.append(audit_event)
        last = audit_event.hash
    await ledger.record([AuditBatch(audit_events=tuple(chained), snapshot=requirement(of))])
    kept = await ledger.reads.audit_events([of.id])
    assert first_break(kept) is None
    assert [audit_event.hash for audit_event in kept] == [audit_event.hash for audit_event in chained]


async def test_an_audit_event_keeps_business_and_processing_time_apart(ledger: Ledger) -> None:
    stated = datetime(2026, 6, 1, 11, 20, tzinfo=timezone(timedelta(hours=2)))
    audit_event = chain(REQUIREMENT, 1, FIRST_HASH, "requirement.opened", stated, MORNING + timedelta(minutes=5), {})
    await ledger.record([AuditBatch(audit_events=(audit_event,), snapshot=requirement(need()))])
    (kept,) = await ledger.reads.audit_events([REQUIREMENT])
    assert kept.business_time == datetime(2026, 6, 1, 9, 20, tzinfo=UTC)
    assert kept.business_time.utcoffset() == timedelta(hours=2)
    assert kept.processing_time == MORNING + timedelta(minutes=5)

"""The same events twice are recorded once; a workflow task that is decided again leaves others, and the later holds."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.audit_event import PendingEvent, first_break, in_force
from canonical.records import AuditBatch, RequirementStage, Reservation
from canonical.supply import SupplyRequest
from ledger.events.chains import AuditEventConflict
from ledger.events.tables import AuditEventRow
from ledger.ledger import Ledger
from tests.ledger.stories import MORNING, TERMS, need, request, requirement

REQUIREMENT = need().id
LATER = MORNING + timedelta(seconds=9)


def events(kinds: Sequence[str], at: datetime = MORNING, first: int = 1) -> list[PendingEvent]:
    """What an entity appends in one go."""
    return [
        PendingEvent(sequence=first + place, kind=kind, business_time=at, processing_time=at, data={})
        for place, kind in enumerate(kinds)
    ]


async def record(
    ledger: Ledger,
    reported: Sequence[PendingEvent],
    stage: RequirementStage = RequirementStage.COVERED,
    writer: str = "run-1",
    reference: str = "PLO-1",
) -> None:
    snapshot = requirement(need(reference), stage)
    await ledger.record([AuditBatch(audit_events=tuple(reported), snapshot=snapshot, writer=writer)])


async def kinds(ledger: Ledger, entity: str = REQUIREMENT) -> list[str]:
    """The kinds of the events that hold; the whole chain is intact, the events that were replaced included."""
    chain = await ledger.reads.audit_events([entity])
    assert first_break(chain) is None
    return [audit_event.kind for audit_event in in_force(chain)]


async def stage(ledger: Ledger) -> RequirementStage:
    row = await ledger.reads.requirement(REQUIREMENT)
    assert row is not None
    return row.snapshot.stage


async def replaced(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        query = select(AuditEventRow.kind).where(AuditEventRow.superseded).order_by(AuditEventRow.position)
        return list(await connection.scalars(query))


async def test_the_ledger_numbers_and_chains_what_an_entity_appends(ledger: Ledger) -> None:
    await record(ledger, events(["requirement.opened", "supply_request.sent"]))
    await record(ledger, events(["coverage.changed"], first=3))
    chain = await ledger.reads.audit_events([REQUIREMENT])
    assert [
        (audit_event.position, audit_event.sequence, audit_event.kind, audit_event.writer) for audit_event in chain
    ] == [
        (1, 1, "requirement.opened", "run-1"),
        (2, 2, "supply_request.sent", "run-1"),
        (3, 3, "coverage.changed", "run-1"),
    ]
    assert first_break(chain) is None


async def test_the_same_events_twice_are_recorded_once_also_with_more_after_them(ledger: Ledger) -> None:
    reported = events(["requirement.opened", "supply_request.sent"])
    more = [*reported, *events(["coverage.changed"], LATER, first=3)]
    for given_again in (reported, reported, more, reported, more):
        await record(ledger, given_again)
    assert await kinds(ledger) == ["requirement.opened", "supply_request.sent", "coverage.changed"]
    assert len(await ledger.reads.audit_events([REQUIREMENT])) == 3


async def test_the_later_attempt_replaces_the_events_and_the_snapshot_of_the_one_that_was_given_up(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    await record(ledger, events(["requirement.opened"]))
    given_up = events(
        ["requirement.changed", "supply_request.sent", "coverage.changed"], MORNING + timedelta(seconds=1), first=2
    )
    await record(ledger, given_up, RequirementStage.SHORT)
    await record(ledger, events(["withdrawal.received"], LATER, first=2), RequirementStage.WITHDRAWN)
    assert await kinds(ledger) == ["requirement.opened", "withdrawal.received"]
    assert await stage(ledger) is RequirementStage.WITHDRAWN
    assert await replaced(engine) == ["requirement.changed", "supply_request.sent", "coverage.changed"]
    assert [audit_event.position for audit_event in await ledger.reads.audit_events([REQUIREMENT])] == [1, 2, 3, 4, 5]


async def test_after_a_replacement_the_entity_counts_on_and_may_replace_again(ledger: Ledger) -> None:
    await record(ledger, events(["a", "b", "c"]))
    await record(ledger, events(["a", "x"], LATER))
    await record(ledger, events(["y"], LATER, first=3))
    await record(ledger, events(["z"], LATER + timedelta(seconds=1), first=2))
    assert await kinds(ledger) == ["a", "z"]
    assert [
        audit_event.kind for audit_event in await ledger.reads.audit_events_of_kind([REQUIREMENT], ["b", "x", "y", "z"])
    ] == ["z"]


async def test_an_attempt_that_was_given_up_and_is_recorded_late_changes_nothing(ledger: Ledger) -> None:
    await record(ledger, events(["withdrawal.received"], LATER), RequirementStage.WITHDRAWN)
    await record(ledger, events(["requirement.changed", "supply_request.sent"]), RequirementStage.SHORT)
    await record(ledger, events(["withdrawal.received", "supply_request.sent"]), RequirementStage.SHORT)
    assert await kinds(ledger) == ["withdrawal.received"]
    assert await stage(ledger) is RequirementStage.WITHDRAWN


async def test_a_shorter_attempt_that_begins_alike_leaves_nothing_of_the_longer_one(ledger: Ledger) -> None:
    await record(ledger, events(["requirement.changed", "supply_request.sent"]), RequirementStage.SHORT)
    await record(ledger, events(["requirement.changed"], LATER), RequirementStage.COVERED)
    assert await kinds(ledger) == ["requirement.changed"]
    assert await stage(ledger) is RequirementStage.COVERED


@pytest.mark.parametrize(("skew", "aside"), [(-3, []), (3, ["requirement.opened"])], ids=["earlier", "later"])
async def test_events_that_a_replay_gives_again_by_another_clock_are_counted_once(
    ledger: Ledger, engine: AsyncEngine, skew: int, aside: list[str]
) -> None:
    await record(ledger, events(["requirement.opened"]))
    again = events(["requirement.opened"], MORNING + timedelta(milliseconds=skew))
    await record(ledger, [*again, *events(["supply_request.sent"], LATER, first=2)], RequirementStage.SHORT)
    assert await kinds(ledger) == ["requirement.opened", "supply_request.sent"]
    assert await stage(ledger) is RequirementStage.SHORT
    assert await replaced(engine) == aside


async def test_two_runs_that_count_alike_are_two_writers(ledger: Ledger) -> None:
    await record(ledger, events(["requirement.opened", "supply_request.sent"]))
    for other in (events(["coverage.changed"], LATER, first=2), events(["requirement.opened", "supply_request.sent"])):
        with pytest.raises(AuditEventConflict, match=r"run-1 and was given again .* by run run-2: two writers"):
            await record(ledger, other, writer="run-2")
    assert await kinds(ledger) == ["requirement.opened", "supply_request.sent"]


async def test_other_events_of_the_same_moment_are_two_writers(ledger: Ledger) -> None:
    await record(ledger, events(["requirement.opened"]))
    with pytest.raises(AuditEventConflict, match="two writers"):
        await record(ledger, events(["withdrawal.received"]))
    assert await kinds(ledger) == ["requirement.opened"]


async def test_a_run_that_follows_another_counts_on(ledger: Ledger) -> None:
    await record(ledger, events(["requirement.opened", "requirement.fulfilled"]))
    await record(ledger, events(["requirement.opened"], LATER, first=3), writer="run-2")
    assert await kinds(ledger) == ["requirement.opened", "requirement.fulfilled", "requirement.opened"]


async def test_events_that_the_ledger_has_lost_break_the_chain(ledger: Ledger) -> None:
    await record(ledger, events(["a"]))
    await record(ledger, events(["d"], LATER, first=4))
    assert first_break(await ledger.reads.audit_events([REQUIREMENT])) == 2


async def test_calls_for_one_entity_at_once_wait_for_each_other(ledger: Ledger) -> None:
    """As several attempts of an activity may: each records all audit events so far."""
    for number in range(10):
        one = need(f"PLO-{number}")
        reported = events(["a", "b", "c", "d", "e", "f"])
        calls = [record(ledger, reported[:length], reference=f"PLO-{number}") for length in (3, 6, 1, 6, 2, 4, 5, 6)]
        await asyncio.gather(*calls)
        assert await kinds(ledger, one.id) == ["a", "b", "c", "d", "e", "f"]


async def test_a_call_waits_for_the_one_that_holds_the_newest_event(ledger: Ledger, engine: AsyncEngine) -> None:
    await record(ledger, events(["a"]))
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM audit_event WHERE entity_id = :id FOR UPDATE"), {"id": REQUIREMENT})
        waiting = asyncio.create_task(record(ledger, events(["b"], LATER, first=2)))
        other = asyncio.create_task(record(ledger, events(["a"]), reference="PLO-2"))
        await other
        await asyncio.sleep(0.2)
        assert not waiting.done()
    await waiting
    assert await kinds(ledger) == ["a", "b"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reported=st.data())
async def test_however_often_tasks_are_decided_again_what_holds_is_the_last_attempt(
    ledger: Ledger, engine: AsyncEngine, reported: st.DataObject
) -> None:
    """An entity that goes on from what it knows, whose attempts may be given up after they were recorded."""
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM audit_event"))
        await connection.execute(text("DELETE FROM requirement"))
    history: list[PendingEvent] = []
    sent: list[list[PendingEvent]] = []
    for moment in range(reported.draw(st.integers(1, 8))):
        new = reported.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
        batch = events(new, MORNING + timedelta(seconds=moment), first=len(history) + 1)
        await record(ledger, batch)
        sent.append(batch)
        holds, comes_late = reported.draw(st.tuples(st.booleans(), st.booleans()))
        if holds:
            history += batch
        if comes_late:
            await record(ledger, reported.draw(st.sampled_from(sent)))
    last = events(["end"], MORNING + timedelta(minutes=1), first=len(history) + 1)
    await record(ledger, last)
    held = in_force(await ledger.reads.audit_events([REQUIREMENT]))
    assert [audit_event.kind for audit_event in held] == [event.kind for event in [*history, *last]]
    assert await kinds(ledger) == [audit_event.kind for audit_event in held]
    async with engine.connect() as connection:
        query = select(AuditEventRow.position).where(~AuditEventRow.superseded).order_by(AuditEventRow.position)
        assert list(await connection.scalars(query)) == [audit_event.position for audit_event in held]


async def _reserve(ledger: Ledger, requested: SupplyRequest) -> Reservation:
    return await ledger.reserve_order(requested, TERMS, consolidation_minutes=15, lines_max=40, days_max=10)


async def test_a_repeated_request_replaces_the_one_in_an_open_batch_and_gets_what_a_closed_batch_holds(
    ledger: Ledger,
) -> None:
    asked, repeated = request("r1"), request("r1", lots=(120,))
    opened = await _reserve(ledger, asked)
    assert await _reserve(ledger, repeated) == opened
    batch = await ledger.close_batch(opened.order_id)
    assert batch.requests == (repeated,)
    assert (await _reserve(ledger, asked)).existing == repeated

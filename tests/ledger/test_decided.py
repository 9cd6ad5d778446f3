"""Decisions are read again from one snapshot, and nothing can be written meanwhile."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import PermanentError
from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from ledger.database import failures
from ledger.events.decided import read_decided
from ledger.ledger import Ledger
from tests.ledger.stories import MORNING, audit_batch, need, order, requirement

KINDS = ("sourcing.decided", "requirement.change_suppressed")


def recorded(entity_id: str, kinds: Sequence[str], at: datetime = MORNING) -> list[AuditEvent]:
    made: list[AuditEvent] = []
    for number, kind in enumerate(kinds, 1):
        previous = made[-1].hash if made else FIRST_HASH
        moment = at + timedelta(hours=number)
        made.append(chain(entity_id, number, previous, kind, at, moment, {"number": number}))
    return made


async def record(ledger: Ledger, reference: str, kinds: Sequence[str], plant: str = "1000") -> list[AuditEvent]:
    snapshot = requirement(need(reference, plant=plant))
    audit_events = recorded(snapshot.id, kinds)
    await ledger.record([audit_batch(snapshot, audit_events)])
    return audit_events


async def read(engine: AsyncEngine, since: datetime = MORNING, plant: str | None = None) -> list[AuditEvent]:
    async with read_decided(engine) as decided:
        found = [audit_event async for audit_event in decided.audit_events(KINDS, since, plant)]
        assert await decided.count(KINDS, since, plant) == len(found)
    return found


async def test_audit_events_come_kind_by_kind_in_the_order_they_were_recorded_and_as_they_were_hashed(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    first = await record(
        ledger, "A", ["requirement.opened", "sourcing.decided", "requirement.change_suppressed", "sourcing.decided"]
    )
    other = await record(ledger, "B", ["sourcing.decided"])
    assert await read(engine) == [other[0], first[1], first[3], first[2]]


async def test_only_audit_events_recorded_since_then_count(ledger: Ledger, engine: AsyncEngine) -> None:
    audit_events = await record(ledger, "A", ["sourcing.decided", "sourcing.decided", "sourcing.decided"])
    assert await read(engine, MORNING + timedelta(hours=2)) == audit_events[1:]


async def test_a_plant_is_named_by_the_entity_and_no_other_is_taken_for_it(ledger: Ledger, engine: AsyncEngine) -> None:
    here = await record(ledger, "A", ["sourcing.decided"])
    await record(ledger, "B", ["sourcing.decided"], plant="10_0")
    await record(ledger, "C", ["sourcing.decided"], plant="100")
    of_order = order("o1")
    await ledger.record([audit_batch(of_order, recorded(of_order.id, ["sourcing.decided"]))])
    assert {audit_event.entity_id for audit_event in await read(engine, plant="1000")} == {
        here[0].entity_id,
        of_order.id,
    }
    assert len(await read(engine, plant="10_0")) == 1


async def test_many_audit_events_are_read_a_few_at_a_time(ledger: Ledger, engine: AsyncEngine) -> None:
    audit_events = await record(ledger, "A", ["sourcing.decided"] * 1300)
    assert await read(engine) == audit_events


async def test_audit_events_recorded_meanwhile_are_not_seen(ledger: Ledger, engine: AsyncEngine) -> None:
    await record(ledger, "A", ["sourcing.decided"])
    async with read_decided(engine) as decided:
        assert await decided.count(KINDS, MORNING) == 1
        await record(ledger, "B", ["sourcing.decided"])
        assert await decided.count(KINDS, MORNING) == 1
    assert len(await read(engine)) == 2


async def test_nothing_can_be_written_while_decisions_are_read(engine: AsyncEngine) -> None:
    async with read_decided(engine) as decided:
        with pytest.raises(PermanentError, match="read-only transaction"), failures():
            await decided._connection.execute(text("DELETE FROM audit_event"))


async def test_the_index_serves_the_reading(ledger: Ledger, engine: AsyncEngine) -> None:
    await record(ledger, "A", ["requirement.opened"] * 400 + ["sourcing.decided"])
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE audit_event"))
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalars(
            text(
                "EXPLAIN SELECT * FROM audit_event WHERE kind = 'sourcing.decided' AND processing_time >= '2026-06-01'"
            )
        )
        assert "ix_audit_event_kind" in "\n".join(plan)

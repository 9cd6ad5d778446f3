"""A workflow task that is decided anew leaves other audit events at the same place: the later attempt holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.audit_event import FIRST_HASH, AuditEvent, chain, first_break
from canonical.records import RequirementStage, Reservation
from canonical.supply import SupplyRequest
from ledger.events.attempts import AuditEventConflict
from ledger.ledger import Ledger
from ledger.tables import SupersededAuditEventRow
from tests.ledger.stories import MORNING, TERMS, audit_batch, need, request, requirement

REQUIREMENT = need().id


def audit_events_at(moment: datetime, kinds: Sequence[str], after: AuditEvent | None = None) -> list[AuditEvent]:
    written: list[AuditEvent] = []
    for kind in kinds:
        last = written[-1] if written else after
        sequence, previous = (last.sequence + 1, last.hash) if last else (1, FIRST_HASH)
        written.append(chain(REQUIREMENT, sequence, previous, kind, moment, moment, {}))
    return written


async def _reserve(ledger: Ledger, requested: SupplyRequest) -> Reservation:
    return await ledger.reserve_order(requested, TERMS, consolidation_minutes=15, lines_max=40, days_max=10)


async def test_the_later_attempt_replaces_the_audit_events_and_the_snapshot_of_the_one_that_was_given_up(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    first = audit_events_at(MORNING, ["requirement.opened"])
    given_up = audit_events_at(
        MORNING + timedelta(seconds=1), ["requirement.changed", "supply_request.sent", "coverage.changed"], first[0]
    )
    held = audit_events_at(MORNING + timedelta(seconds=9), ["withdrawal.received"], first[0])
    await ledger.record([audit_batch(requirement(need()), first)])
    await ledger.record([audit_batch(requirement(need(), RequirementStage.SHORT), given_up)])
    await ledger.record([audit_batch(requirement(need(), RequirementStage.WITHDRAWN), held)])

    kept = await ledger.reads.audit_events([REQUIREMENT])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert [audit_event.kind for audit_event in kept] == ["requirement.opened", "withdrawal.received"]
    assert first_break(kept) is None
    assert row is not None
    assert row.snapshot.stage is RequirementStage.WITHDRAWN
    async with engine.connect() as connection:
        aside = await connection.scalars(
            select(SupersededAuditEventRow.kind).order_by(SupersededAuditEventRow.sequence)
        )
    assert list(aside) == ["requirement.changed", "supply_request.sent", "coverage.changed"]


async def test_an_attempt_that_was_given_up_and_writes_late_changes_nothing(ledger: Ledger) -> None:
    held = audit_events_at(MORNING + timedelta(seconds=9), ["withdrawal.received"])
    late = audit_events_at(MORNING, ["requirement.changed", "supply_request.sent"])
    await ledger.record([audit_batch(requirement(need(), RequirementStage.WITHDRAWN), held)])
    await ledger.record([audit_batch(requirement(need(), RequirementStage.SHORT), late)])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert await ledger.reads.audit_events([REQUIREMENT]) == held
    assert row is not None
    assert row.snapshot.stage is RequirementStage.WITHDRAWN


async def test_a_later_fact_that_does_not_follow_on_the_chain_is_two_writers(ledger: Ledger) -> None:
    first = audit_events_at(MORNING, ["requirement.opened", "supply_request.sent"])
    other = audit_events_at(
        MORNING + timedelta(seconds=5), ["requirement.opened", "supply_request.sent", "coverage.changed"]
    )
    await ledger.record([audit_batch(requirement(need()), first)])
    with pytest.raises(AuditEventConflict, match="two writers"):
        await ledger.record([audit_batch(requirement(need()), other[1:])])
    assert await ledger.reads.audit_events([REQUIREMENT]) == first


async def test_a_request_asked_anew_replaces_the_one_on_an_open_sheet_and_is_told_what_a_closed_one_holds(
    ledger: Ledger,
) -> None:
    asked, anew = request("r1"), request("r1", lots=(120,))
    opened = await _reserve(ledger, asked)
    assert await _reserve(ledger, anew) == opened
    batch = await ledger.close_batch(opened.order_id)
    assert batch.requests == (anew,)
    assert (await _reserve(ledger, asked)).existing == anew

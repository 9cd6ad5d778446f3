"""A workflow task that is decided anew leaves other facts at the same place: the later attempt holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.cover import Want
from canonical.facts import FIRST_HASH, Fact, chain, first_break
from canonical.records import RequirementStage, Reservation
from ledger.events.attempts import FactConflict
from ledger.ledger import Ledger
from ledger.tables import FactSupersededRow
from tests.ledger.stories import MORNING, TERMS, entry, need, requirement, want

REQUIREMENT = need().id


def facts_at(moment: datetime, kinds: Sequence[str], after: Fact | None = None) -> list[Fact]:
    written: list[Fact] = []
    for kind in kinds:
        last = written[-1] if written else after
        sequence, previous = (last.sequence + 1, last.hash) if last else (1, FIRST_HASH)
        written.append(chain(REQUIREMENT, sequence, previous, kind, moment, moment, {}))
    return written


async def _reserve(ledger: Ledger, wanted: Want) -> Reservation:
    return await ledger.reserve_order(wanted, TERMS, collect_minutes=15, lines_max=40, days_max=10)


async def test_the_later_attempt_replaces_the_facts_and_the_snapshot_of_the_one_that_was_given_up(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    first = facts_at(MORNING, ["need.stated"])
    given_up = facts_at(MORNING + timedelta(seconds=1), ["need.changed", "cover.wanted", "cover.stated"], first[0])
    held = facts_at(MORNING + timedelta(seconds=9), ["need.withdrawn"], first[0])
    await ledger.record([entry(requirement(need()), first)])
    await ledger.record([entry(requirement(need(), RequirementStage.SHORT), given_up)])
    await ledger.record([entry(requirement(need(), RequirementStage.WITHDRAWN), held)])

    kept = await ledger.reads.facts([REQUIREMENT])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert [fact.kind for fact in kept] == ["need.stated", "need.withdrawn"]
    assert first_break(kept) is None
    assert row is not None
    assert row.snapshot.stage is RequirementStage.WITHDRAWN
    async with engine.connect() as connection:
        aside = await connection.scalars(select(FactSupersededRow.kind).order_by(FactSupersededRow.sequence))
    assert list(aside) == ["need.changed", "cover.wanted", "cover.stated"]


async def test_an_attempt_that_was_given_up_and_writes_late_changes_nothing(ledger: Ledger) -> None:
    held = facts_at(MORNING + timedelta(seconds=9), ["need.withdrawn"])
    late = facts_at(MORNING, ["need.changed", "cover.wanted"])
    await ledger.record([entry(requirement(need(), RequirementStage.WITHDRAWN), held)])
    await ledger.record([entry(requirement(need(), RequirementStage.SHORT), late)])
    row = await ledger.reads.requirement(REQUIREMENT)
    assert await ledger.reads.facts([REQUIREMENT]) == held
    assert row is not None
    assert row.snapshot.stage is RequirementStage.WITHDRAWN


async def test_a_later_fact_that_does_not_follow_on_the_chain_is_two_writers(ledger: Ledger) -> None:
    first = facts_at(MORNING, ["need.stated", "cover.wanted"])
    other = facts_at(MORNING + timedelta(seconds=5), ["need.stated", "cover.wanted", "cover.stated"])
    await ledger.record([entry(requirement(need()), first)])
    with pytest.raises(FactConflict, match="two writers"):
        await ledger.record([entry(requirement(need()), other[1:])])
    assert await ledger.reads.facts([REQUIREMENT]) == first


async def test_a_want_asked_anew_replaces_the_one_on_an_open_sheet_and_is_told_what_a_closed_one_holds(
    ledger: Ledger,
) -> None:
    asked, anew = want("r1"), want("r1", lots=(120,))
    opened = await _reserve(ledger, asked)
    assert await _reserve(ledger, anew) == opened
    sheet = await ledger.close_sheet(opened.order_id)
    assert sheet.wants == (anew,)
    assert (await _reserve(ledger, asked)).held == anew

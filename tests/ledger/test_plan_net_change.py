"""A large plan is staged and compared with the last one, whatever share of it is changed or unnamed."""

import datetime as dt
import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.calendar import Calendar
from canonical.plan import PlanMatched
from canonical.policy import PlantPolicy
from decisions.plan_matching import NearestNeeds
from gateway.plan_runs.reading import PlanReader
from ledger.ledger import Ledger

LINES, ITEMS = 6_000, 120
TODAY = dt.date(2026, 6, 1)
_CALENDAR = Calendar(name="plant")
POLICY = PlantPolicy(
    plant="P1", version="1", company_code="P1", purchasing_organization="P1", calendar=_CALENDAR, office=_CALENDAR
)
_NOTE_AS_DELIVERED = text("""
INSERT INTO requirement (id, plant, item, source, demand_reference, registered_plan_version, registered_source_revision,
       registered_effective_at, registered_event_id, registered_content, registered_withdrawn, registered_at)
SELECT requirement_id, 'P1', item, 'aps', demand_reference, 1, 0, now(), 'plan/P1/1/' || number, content, false, now()
  FROM plan_line WHERE run = :run
""")
_RECORD_AS_ENTITIES_DO = text("""
UPDATE requirement SET snapshot = jsonb_build_object('need', plan_line.body::jsonb || jsonb_build_object(
       'plant', 'P1', 'source', 'aps', 'revision',
       jsonb_build_object('plan_version', 1, 'effective_at', '2026-06-01T08:00:00Z', 'event_id', 'e')))
  FROM plan_line WHERE plan_line.requirement_id = requirement.id AND plan_line.run = :run
""")


def plan(*, changed_every: int = 0, named: bool = True) -> list[tuple[int, bytes]]:
    """A plan's lines: needs of an item lie a month apart, so that each is nearest to itself."""
    lines = []
    for number in range(1, LINES + 1):
        reported = {
            "item": f"I-{number % ITEMS}",
            "quantity": 100 + number % 7 + (50 if changed_every and number % changed_every == 0 else 0),
            "unit": "EA",
            "required_date": (TODAY + dt.timedelta(days=10 + number // ITEMS * 30)).isoformat(),
        }
        lines.append(
            (number, json.dumps(reported | {"demand_reference": f"R{number}"} if named else reported).encode())
        )
    return lines


async def compared(ledger: Ledger, version: int, lines: list[tuple[int, bytes]]) -> PlanMatched:
    """The net change of a plan."""
    now = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
    reader = PlanReader("ndjson", source="aps", plant="P1", version=version, today=TODAY)
    run = await ledger.plans.staging.receive("aps", "P1", version, partial=False, now=now)
    for start in range(0, len(lines), 5_000):
        await ledger.plans.staging.add(run, reader.read(lines[start : start + 5_000]))
    accepted = await ledger.plans.staging.accept(run, str(version).encode(), runs_kept=9)
    return await ledger.plans.match(accepted.run, POLICY, lambda item: POLICY, NearestNeeds())


async def test_a_rerun_of_a_large_plan_finds_its_changes_and_no_other(ledger: Ledger, engine: AsyncEngine) -> None:
    first = await compared(ledger, 1, plan())
    assert (first.changes, first.withdrawals, first.run.refused) == (LINES, 0, 0)
    async with engine.begin() as connection:
        await connection.execute(_NOTE_AS_DELIVERED, {"run": first.run.number})
        await connection.execute(_RECORD_AS_ENTITIES_DO, {"run": first.run.number})
        await connection.execute(text("ANALYZE requirement"))
    rerun = await compared(ledger, 2, plan(changed_every=50)[:-100])
    assert (rerun.known, rerun.withdrawals) == (LINES, 100)
    assert rerun.changes == (LINES - 100) // 50 + 100
    unnamed = await compared(ledger, 3, plan(named=False))
    assert (unnamed.ambiguous, unnamed.changes, unnamed.withdrawals) == (0, 0, 0)

"""Dry runs: what a plan would change, shown before anything happens, and the start of exactly that.

Decided here: that a dry run makes the same comparison as the run itself, in a transaction that is rolled back; and that
a start carries out the net change that was shown, or none. Not here: the comparison (net_change).
"""

import datetime as dt
from collections.abc import Callable
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Model
from canonical.plan import DryRunChange, PlanDryRun, PlanLineOutcome, PlanMatcher, PlanRunStatus
from ledger.database import transaction
from ledger.plan_runs.net_change import PolicyOf, compare, counts_of, waits_for
from ledger.plan_runs.staging import Accepted, held_run, in_its_way, let_count, make_way, one_at_a_time

_LARGEST = 20
_64 = (1 << 64) - 1
_HELD = text("""
SELECT * FROM plan_run WHERE number = :run AND stage = 'receiving' AND content_sha256 IS NOT NULL FOR UPDATE
""")
_MARKED = text("""
UPDATE plan_run SET inbox_mark = (SELECT coalesce(max(id), 0) FROM inbox) WHERE number = :run
""")
_DIGEST = text("""
SELECT count(*) AS changes, coalesce(bit_xor(hashtextextended(said, 1)), 0) AS one,
       coalesce(bit_xor(hashtextextended(said, 2)), 0) AS other
  FROM (SELECT concat_ws(E'\\x1f', change.requirement_id, plan_line.outcome, plan_line.content) AS said
          FROM plan_change AS change
          LEFT JOIN plan_line ON plan_line.run = change.run AND plan_line.number = change.line
         WHERE change.run = :run) AS each
""")
"""Two hashes of 64 bits over all changes, in any order: a million of them take no memory."""
_OUTCOMES = text("""
SELECT coalesce(outcome, 'unchanged') AS outcome, count(*) AS lines FROM plan_line WHERE run = :run GROUP BY 1
""")
_LARGEST_CHANGES = text("""
WITH price AS MATERIALIZED (
     SELECT item, first ->> 'unit' AS unit, first ->> 'currency' AS currency,
            CAST(first ->> 'price' AS numeric) / CAST(first ->> 'price_unit' AS numeric) AS each
       FROM (SELECT item, assessment #> '{item,sources,0}' AS first FROM item_at_plant
              WHERE :priced AND plant = :plant
                AND item IN (SELECT DISTINCT item FROM plan_change WHERE run = :run)) AS known
      WHERE first IS NOT NULL),
change AS (
     SELECT plan_change.requirement_id, plan_change.item, plan_change.demand_reference, plan_change.line,
            coalesce(plan_line.outcome, 'withdrawn') AS outcome, plan_line.required_date AS date_after,
            CAST(plan_line.body AS jsonb) AS said,
            CASE WHEN requirement.registered_withdrawn IS FALSE
                 THEN coalesce(CAST(inbox.message AS jsonb), requirement.snapshot -> 'need') END AS known
       FROM plan_change
       LEFT JOIN plan_line ON plan_line.run = plan_change.run AND plan_line.number = plan_change.line
       LEFT JOIN requirement ON requirement.id = plan_change.requirement_id
       LEFT JOIN inbox ON inbox.source = requirement.source AND inbox.event_id = requirement.registered_event_id
      WHERE plan_change.run = :run),
sized AS (
     SELECT requirement_id, item, demand_reference, line, outcome, date_after,
            coalesce(said ->> 'unit', known ->> 'unit', '') AS unit,
            CAST(known ->> 'quantity' AS numeric) AS before, CAST(said ->> 'quantity' AS numeric) AS after,
            CAST(known ->> 'required_date' AS date) AS date_before
       FROM change)
SELECT sized.*, round((coalesce(after, 0) - coalesce(before, 0)) * price.each, 2) AS value,
       coalesce(price.currency, '') AS currency
  FROM sized LEFT JOIN price ON price.item = sized.item AND price.unit = sized.unit
 ORDER BY abs((coalesce(after, 0) - coalesce(before, 0)) * price.each) DESC NULLS LAST,
          abs(coalesce(after, 0) - coalesce(before, 0)) DESC, requirement_id LIMIT :largest
""")
_FORGET_UPLOADS = text("DELETE FROM plan_upload WHERE run = :run")


class Start(StrEnum):
    """What became of a start."""

    STARTED = "started"
    CHANGED = "changed"
    """What the plan would change is no longer what was shown; nothing was done."""
    BARRED = "barred"
    """Another run stands in its way."""
    GONE = "gone"
    """It is not held any more: started, discarded, or forgotten after a day."""


class Started(Model):
    """The answer to a start; `accepted` None: nothing was done."""

    start: Start
    accepted: Accepted | None = None


class PlanDryRuns:
    """Shows and starts plans that are held (PlanStaging.hold)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def show(self, number: int, policy_of: PolicyOf, matcher: PlanMatcher, *, priced: bool) -> PlanDryRun | None:
        """What the plan would change now; None where it is not held any more. `priced`: rank changes by value.

        Where another run stands in its way, nothing is compared.
        """
        async with transaction(self._engine) as connection:
            run = await _held(connection, number)
            if run is None:
                return None
            way = await connection.begin_nested()
            try:
                return await _shown(connection, run, policy_of, matcher, priced=priced)
            finally:
                await way.rollback()

    async def start(
        self,
        number: int,
        shown: str,
        policy_of: PolicyOf,
        matcher: PlanMatcher,
        *,
        now: dt.datetime,
        runs_kept: int,
        stops: Callable[[PlanRunStatus], bool],
    ) -> Started:
        """Accept the plan where its net change is still the one that was shown: it is matched with that.

        Where something is still to be delivered before it, the run compares once more when that is done.
        """
        async with transaction(self._engine) as connection:
            run = await _held(connection, number)
            if run is None:
                return Started(start=Start.GONE)
            await one_at_a_time(connection, run)
            way = await connection.begin_nested()
            if await _in_its_way(connection, run) is not None:
                await way.rollback()
                return Started(start=Start.BARRED)
            run = await let_count(connection, run, now)
            waits = await waits_for(connection, run)
            trial = await connection.begin_nested()
            matched = await compare(connection, run, policy_of, matcher)
            if await _digest(connection, run) != shown:
                await trial.rollback()
                await way.rollback()
                return Started(start=Start.CHANGED)
            if waits:
                await trial.rollback()
            else:
                await trial.commit()
                run = matched
            accepted = await make_way(connection, run, ends_older=not stops(run), runs_kept=runs_kept)
            await connection.execute(_FORGET_UPLOADS, {"run": number})
            await way.commit()
            return Started(start=Start.STARTED, accepted=accepted)


async def _held(connection: AsyncConnection, number: int) -> PlanRunStatus | None:
    row = (await connection.execute(_HELD, {"run": number})).one_or_none()
    return None if row is None else held_run(row)


async def _in_its_way(connection: AsyncConnection, run: PlanRunStatus) -> Accepted | None:
    query = text("SELECT content_sha256 FROM plan_run WHERE number = :run")
    digest = await connection.scalar(query, {"run": run.number})
    return await in_its_way(connection, run, bytes(digest or b""))


async def _shown(
    connection: AsyncConnection, run: PlanRunStatus, policy_of: PolicyOf, matcher: PlanMatcher, *, priced: bool
) -> PlanDryRun:
    if (holding := await _in_its_way(connection, run)) is not None:
        return PlanDryRun(run=run, holding=holding.run)
    await connection.execute(_MARKED, {"run": run.number})
    waits = await waits_for(connection, run)
    await compare(connection, run, policy_of, matcher)
    counts = await counts_of(connection, run)
    rows = await connection.execute(_OUTCOMES, {"run": run.number})
    outcomes = {PlanLineOutcome(row.outcome): row.lines for row in rows}
    if counts["withdrawals"]:
        outcomes[PlanLineOutcome.WITHDRAWN] = counts["withdrawals"]
    largest = await connection.execute(
        _LARGEST_CHANGES, {"run": run.number, "plant": run.plant, "priced": priced, "largest": _LARGEST}
    )
    return PlanDryRun(
        run=run,
        shown=await _digest(connection, run),
        outcomes=outcomes,
        waits_for=waits,
        largest=tuple(DryRunChange.model_validate(row._mapping) for row in largest),
        **counts,
    )


async def _digest(connection: AsyncConnection, run: PlanRunStatus) -> str:
    found = (await connection.execute(_DIGEST, {"run": run.number})).one()
    return f"{found.changes}-{found.one & _64:016x}{found.other & _64:016x}"


__all__ = ["PlanDryRuns", "Start", "Started"]

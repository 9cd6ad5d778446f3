"""Plan runs as a whole: implements activities.ports.PlanRunPort for activities, and serves the gateway's reads.

Decided here: how the net change is handed over (through the inbox, in order, at most a batch or two at once) and that a
run which has ended hands over nothing more. Not here: the intake of plans (staging) and their net change (net_change).
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.errors import PermanentError
from canonical.identity import short_hash
from canonical.need import Withdrawal
from canonical.plan import (
    ENDED,
    PlanChange,
    PlanDelivered,
    PlanLine,
    PlanLineOutcome,
    PlanMatched,
    PlanMatcher,
    PlanOverview,
    PlanProgress,
    PlanQuestion,
    PlanRunStatus,
    PlanStage,
    RefusedLine,
)
from canonical.policy import PlantPolicy
from ledger.database import transaction
from ledger.inbox.inbox import Arrival, Outcome, store_in
from ledger.inbox.internal_needs import need_arrival, withdrawal_arrival
from ledger.paging import BadCursor, Page, cursor, key_of
from ledger.plan_runs.dry_run import PlanDryRuns
from ledger.plan_runs.net_change import PlanNetChange
from ledger.plan_runs.staging import RECEIVING, PlanStaging, event_prefix, need_of, plan_run, revision_of
from ledger.plan_runs.tables import PlanRunRow
from ledger.plan_runs.uploads import PlanUploads

_IN_FLIGHT = text("""
SELECT count(*) FROM inbox WHERE status = 'stored' AND source = :source AND starts_with(event_id, :prefix)
""")
_NEXT = text("""
SELECT change.place, change.item, change.demand_reference, change.line, plan_line.body
  FROM plan_change AS change LEFT JOIN plan_line ON plan_line.run = change.run AND plan_line.number = change.line
 WHERE change.run = :run AND change.inbox_id IS NULL AND NOT change.kept ORDER BY change.place LIMIT :batch
""")
_HANDED_OVER = text("""
UPDATE plan_change SET inbox_id = handed.id
  FROM unnest(CAST(:places AS integer[]), CAST(:ids AS bigint[])) AS handed (place, id)
 WHERE plan_change.run = :run AND plan_change.place = handed.place
""")
_WAITING = text("SELECT count(*) FROM plan_change WHERE run = :run AND inbox_id IS NULL AND NOT kept")
_LINE_OUTCOMES = text("""
SELECT coalesce(outcome, 'unchanged') AS outcome, count(*) AS lines FROM plan_line WHERE run = :run GROUP BY 1
""")
_CHANGES = text("""
SELECT count(*) FILTER (WHERE NOT kept) AS changes, count(inbox_id) AS handed_over,
       count(*) FILTER (WHERE line IS NULL AND NOT kept) AS withdrawn, count(*) FILTER (WHERE kept) AS kept
  FROM plan_change WHERE run = :run
""")
_REPORT = text("""
SELECT plan_line.number, plan_line.item, plan_line.demand_reference, plan_line.requirement_id,
       coalesce(plan_line.outcome, CASE WHEN :matched THEN 'unchanged' ELSE '' END) AS outcome,
       coalesce(plan_line.field, '') AS field, coalesce(plan_line.detail, '') AS detail,
       coalesce(inbox.status, '') AS delivery, CASE WHEN plan_line.past_due THEN 'yes' ELSE '' END AS past_due,
       (SELECT array_to_string(ignored, ', ') FROM plan_run WHERE number = :run) AS ignored
  FROM plan_line LEFT JOIN plan_change ON plan_change.run = :run AND plan_change.line = plan_line.number
                                      AND plan_change.requirement_id = plan_line.requirement_id
  LEFT JOIN inbox ON inbox.id = plan_change.inbox_id
 WHERE plan_line.run = :run
 UNION ALL
SELECT NULL, plan_change.item, plan_change.demand_reference, plan_change.requirement_id,
       CASE WHEN plan_change.kept THEN 'kept' ELSE 'withdrawn' END, '', '', coalesce(inbox.status, ''), '',
       (SELECT array_to_string(ignored, ', ') FROM plan_run WHERE number = :run)
  FROM plan_change LEFT JOIN inbox ON inbox.id = plan_change.inbox_id
 WHERE plan_change.run = :run AND plan_change.line IS NULL
 ORDER BY 1 NULLS LAST, 4
""")
_FIRST_REFUSED = text("""
SELECT number AS line, item, demand_reference, coalesce(field, '') AS field, coalesce(detail, '') AS reason
  FROM plan_line WHERE run = :run AND outcome = 'refused' ORDER BY number LIMIT :shown
""")
_REFUSED_SHOWN = 10
_OVERVIEW = text("""
SELECT plan_run.*,
       coalesce((SELECT max(place) FROM plan_change WHERE run = number), 0) AS changes,
       (SELECT count(*) FROM plan_change WHERE run = number AND inbox_id IS NULL AND NOT kept) AS waiting
  FROM plan_run
 WHERE stage <> 'receiving' AND (CAST(:plants AS text[]) IS NULL OR plant = ANY(:plants))
   AND (CAST(:plant AS text) IS NULL OR plant = :plant) AND (CAST(:source AS text) IS NULL OR source = :source)
   AND (NOT :unfinished OR ended_at IS NULL) AND number < :before
 ORDER BY number DESC LIMIT :limit
""")
_CHANGES_PAGE = text("""
SELECT change.place, change.requirement_id, change.item, change.demand_reference, change.line,
       CASE WHEN change.kept THEN 'kept' ELSE coalesce(plan_line.outcome, 'withdrawn') END AS outcome,
       coalesce(inbox.status, '') AS delivery
  FROM plan_change AS change
  LEFT JOIN plan_line ON plan_line.run = change.run AND plan_line.number = change.line
  LEFT JOIN inbox ON inbox.id = change.inbox_id
 WHERE change.run = :run AND change.place > :after ORDER BY change.place LIMIT :limit
""")
_QUESTIONS = text("""
SELECT id, raised_by, kind, state, assignee, opened_at, snapshot -> 'proposal' ->> 'summary' AS summary
  FROM (SELECT * FROM shortage_exception WHERE raised_by = :me
         UNION ALL
        SELECT asked.* FROM plan_change
          JOIN shortage_exception AS asked ON asked.raised_by = plan_change.requirement_id AND asked.opened_at >= :since
         WHERE plan_change.run = :run) AS question
 ORDER BY state <> 'open', opened_at DESC, id LIMIT :limit
""")
_REFUSED_LINES = text("""
SELECT number, coalesce(original, body, '') AS original, coalesce(field, '') AS field, coalesce(detail, '') AS detail
  FROM plan_line WHERE run = :run AND outcome = 'refused' ORDER BY number
""")
_IGNORED = text("SELECT ignored FROM plan_run WHERE number = :run")
REPORT_COLUMNS = (
    "line",
    "item",
    "demand_reference",
    "requirement",
    "outcome",
    "field",
    "reason",
    "delivery",
    "past_due",
    "ignored",
)
"""`ignored` is the run's own: the names in its lines that its sender had ignored."""


class PlanRuns:
    """Plan runs, from their first line to their last delivery."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._net_change = PlanNetChange(engine)
        self.staging = PlanStaging(engine)
        self.dry_runs = PlanDryRuns(engine)
        self.uploads = PlanUploads(engine)

    async def find(self, number: int) -> PlanRunStatus | None:
        """A run by its number."""
        return await self._one(PlanRunRow.number == number)

    async def of_version(self, source: str, plant: str, version: int) -> PlanRunStatus | None:
        """The run that took in a plan version."""
        return await self._one(PlanRunRow.source == source, PlanRunRow.plant == plant, PlanRunRow.version == version)

    async def waits_for(self, run: PlanRunStatus) -> str:
        """What must be delivered before the run can be compared; empty where nothing must."""
        return await self._net_change.waits_for(run)

    async def match(
        self, run: PlanRunStatus, policy: PlantPolicy, policy_of: Callable[[str], PlantPolicy], matcher: PlanMatcher
    ) -> PlanMatched:
        """Find the net change against the last delivered state, in one transaction."""
        return await self._net_change.match(run, policy, policy_of, matcher)

    async def wait(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """Mark the run as waiting for a person."""
        async with transaction(self._engine) as connection:
            return await _move(connection, run, PlanStage.WAITING, detail)

    async def stop(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """End the run before it changes anything."""
        async with transaction(self._engine) as connection:
            return await _move(connection, run, PlanStage.STOPPED, detail)

    async def keep_needs(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """Withdraw nothing, as a person decided."""
        async with transaction(self._engine) as connection:
            moved = await _move(connection, run, PlanStage.MATCHED, detail)
            if moved.stage not in ENDED:
                await connection.execute(
                    text("UPDATE plan_change SET kept = true WHERE run = :run AND line IS NULL AND inbox_id IS NULL"),
                    {"run": run.number},
                )
            return moved

    async def deliver(self, run: PlanRunStatus, batch: int) -> PlanDelivered:
        """Hand over the next changes where at most a batch is under way; `done` where nothing is left.

        In one transaction that locks the run's row: a newer plan which ends the run comes either before or after it.
        """
        async with transaction(self._engine) as connection:
            now = await _move(connection, run, PlanStage.DELIVERING, run.detail)
            in_flight = await _count(connection, _IN_FLIGHT, source=run.source, prefix=event_prefix(run))
            if now.stage in ENDED:
                return PlanDelivered(stage=now.stage, waiting=0, in_flight=in_flight)
            handed_over = await _hand_over(connection, now, batch) if in_flight <= batch else 0
            in_flight += handed_over
            waiting = await _count(connection, _WAITING, run=run.number)
            if not waiting and not in_flight:
                now = await _move(connection, now, PlanStage.DONE, now.detail)
            return PlanDelivered(stage=now.stage, waiting=waiting, in_flight=in_flight, handed_over=handed_over)

    async def progress(self, run: PlanRunStatus) -> PlanProgress:
        """The run with its counts."""
        matched = run.stage is not PlanStage.RECEIVED
        async with transaction(self._engine) as connection:
            rows = await connection.execute(_LINE_OUTCOMES, {"run": run.number})
            outcomes = {PlanLineOutcome(row.outcome): row.lines for row in rows}
            changes = (await connection.execute(_CHANGES, {"run": run.number})).one()
            in_flight = await _count(connection, _IN_FLIGHT, source=run.source, prefix=event_prefix(run))
            refused = await _refused(connection, run) if run.refused else ()
            ignored = await connection.scalar(_IGNORED, {"run": run.number})
        if not matched:
            outcomes.pop(PlanLineOutcome.UNCHANGED, None)
        beside = {PlanLineOutcome.WITHDRAWN: changes.withdrawn, PlanLineOutcome.KEPT: changes.kept}
        return PlanProgress(
            run=run,
            first_refused=refused,
            ignored=tuple(ignored or ()),
            outcomes=outcomes | {outcome: count for outcome, count in beside.items() if count},
            changes=changes.changes,
            handed_over=changes.handed_over,
            delivered=changes.handed_over - in_flight,
        )

    async def overview(
        self,
        plants: Collection[str] | None = None,
        *,
        plant: str | None = None,
        source: str | None = None,
        unfinished: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[PlanOverview]:
        """Runs, the newest first; `plants`: only of these, None: of all."""
        before = 2**62
        if after is not None:
            (number,) = key_of(after, 1)
            if not number.isdecimal() or len(number) > 18:
                raise BadCursor(f"{after!r} is not a cursor of the plan runs; take `next` of the page before")
            before = int(number)
        asked = {
            "plants": None if plants is None else sorted(plants),
            "plant": plant,
            "source": source,
            "unfinished": unfinished,
            "before": before,
            "limit": limit + 1,
        }
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(_OVERVIEW, asked)).all()
        found = [PlanOverview(run=plan_run(row), changes=row.changes, waiting=row.waiting) for row in rows[:limit]]
        return Page[PlanOverview](
            items=tuple(found), next=cursor(str(found[-1].run.number)) if len(rows) > limit else None
        )

    async def changes(self, run: PlanRunStatus, *, after: int = 0, limit: int = 50) -> list[PlanChange]:
        """The run's net change in the order of delivery, from a place on."""
        async with transaction(self._engine) as connection:
            asked = {"run": run.number, "after": after, "limit": limit}
            return [PlanChange.model_validate(row._mapping) for row in await connection.execute(_CHANGES_PAGE, asked)]

    async def questions(self, run: PlanRunStatus, *, limit: int = 50) -> list[PlanQuestion]:
        """Questions of the run and of the requirements it changed, since it came; the open ones first."""
        asked = {"me": f"{run.id}/{run.number}", "run": run.number, "since": run.received_at, "limit": limit}
        async with transaction(self._engine) as connection:
            return [PlanQuestion.model_validate(row._mapping) for row in await connection.execute(_QUESTIONS, asked)]

    async def refused_lines(self, run: PlanRunStatus) -> AsyncIterator[tuple[int, str, str, str]]:
        """Each refused line: its number, the line as it was sent, the fields at fault and why; streamed."""
        async with transaction(self._engine) as connection:
            rows = await connection.stream(_REFUSED_LINES, {"run": run.number})
            async for row in rows:
                yield row.number, row.original, row.field, row.detail

    async def report(self, run: PlanRunStatus) -> AsyncIterator[tuple[object, ...]]:
        """Every line, then the withdrawals, in REPORT_COLUMNS; streamed."""
        matched = run.stage not in (PlanStage.RECEIVED, PlanStage.STOPPED, PlanStage.SUPERSEDED)
        async with transaction(self._engine) as connection:
            rows = await connection.stream(_REPORT, {"run": run.number, "matched": matched})
            async for row in rows:
                yield tuple(row)

    async def _one(self, *where: Any) -> PlanRunStatus | None:
        async with transaction(self._engine) as connection:
            query = select(PlanRunRow.__table__).where(*where, PlanRunRow.stage != RECEIVING)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else plan_run(row)


async def _refused(connection: AsyncConnection, run: PlanRunStatus) -> tuple[RefusedLine, ...]:
    rows = await connection.execute(_FIRST_REFUSED, {"run": run.number, "shown": _REFUSED_SHOWN})
    return tuple(RefusedLine(**row._mapping) for row in rows)


async def _move(connection: AsyncConnection, run: PlanRunStatus, stage: PlanStage, detail: str) -> PlanRunStatus:
    """Bring the run to a stage, unless it has ended."""
    query = select(PlanRunRow.__table__).where(PlanRunRow.number == run.number).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise PermanentError("ledger", f"{run.id} (run {run.number}) is not kept any more; send the plan anew")
    if row.stage in ENDED or row.stage == stage:
        return plan_run(row)
    moved = await connection.execute(
        update(PlanRunRow)
        .where(PlanRunRow.number == run.number)
        .values(stage=stage, detail=detail, ended_at=dt.datetime.now(dt.UTC) if stage in ENDED else None)
        .returning(PlanRunRow.__table__)
    )
    return plan_run(moved.one())


async def _hand_over(connection: AsyncConnection, run: PlanRunStatus, batch: int) -> int:
    """Put the next changes into the inbox; returns their number."""
    rows = (await connection.execute(_NEXT, {"run": run.number, "batch": batch})).all()
    if not rows:
        return 0
    stored = await store_in(connection, [_arrival(run, row) for row in rows])
    for row, answer in zip(rows, stored, strict=True):
        if answer.outcome is Outcome.CONFLICT:
            raise PermanentError(
                "ledger",
                f"line {row.line} of {run.id}: {answer.detail}; the sender used our event ids; send a new version",
            )
    places: Sequence[int] = [row.place for row in rows]
    await connection.execute(
        _HANDED_OVER, {"run": run.number, "places": places, "ids": [answer.id for answer in stored]}
    )
    return len(rows)


def _arrival(run: PlanRunStatus, row: Row[tuple[object, ...]]) -> Arrival:
    if row.line is not None:
        need = need_of(run, row.line, PlanLine.model_validate_json(row.body), row.demand_reference)
        return need_arrival(need, run.received_at, run.id)
    gone = Withdrawal(
        plant=run.plant,
        item=row.item,
        source=run.source,
        demand_reference=row.demand_reference,
        revision=revision_of(run, "-" + short_hash(row.item, row.demand_reference, length=20)),
    )
    return withdrawal_arrival(gone, run.received_at, run.id)


async def _count(connection: AsyncConnection, query: Any, **asked: object) -> int:
    return int(await connection.scalar(query, asked) or 0)


__all__ = ["REPORT_COLUMNS", "PlanRuns"]

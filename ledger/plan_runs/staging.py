"""Staging of plan runs: lines are stored as they arrive, and count only once the plan is complete.

Decided here: which plan is a repetition, a conflict or out of date, and that a newer complete plan ends unfinished
older ones of its source and plant. Not here: the form of a line (the gateway) and the net change (net_change).
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.errors import PermanentError
from canonical.base import Model
from canonical.identity import plan_run_id, requirement_id
from canonical.need import Need, Peg, Revision
from canonical.plan import ENDED, NumberedLine, PlanLine, PlanLineOutcome, PlanRunStatus, PlanStage
from ledger.database import advisory_key, transaction
from ledger.inbox.registry import line_digest
from ledger.plan_runs.tables import PlanRunRow

RECEIVING = "receiving"
_ABANDONED_AFTER = dt.timedelta(days=1)
_COLUMNS = (
    "run",
    "number",
    "item",
    "demand_reference",
    "requirement_id",
    "required_date",
    "criticality",
    "content",
    "body",
    "outcome",
    "past_due",
    "field",
    "detail",
    "original",
)
PAST_DUE = "past due when the plan came: expedited, and told as late against this date"
_REFUSE_REPETITIONS = text("""
UPDATE plan_line SET outcome = 'refused', field = 'demand_reference',
       detail = 'line ' || twice.first || ' has this need already; a plan says each once'
  FROM (SELECT requirement_id, min(number) AS first
          FROM plan_line WHERE run = :run AND requirement_id IS NOT NULL AND outcome IS NULL
         GROUP BY requirement_id HAVING count(*) > 1) AS twice
 WHERE plan_line.run = :run AND plan_line.requirement_id = twice.requirement_id
   AND plan_line.number > twice.first AND plan_line.outcome IS NULL
""")
_COUNT = text("""
SELECT count(*) AS lines, count(*) FILTER (WHERE outcome = 'refused') AS refused,
       count(*) FILTER (WHERE outcome = 'refused' AND requirement_id IS NULL) AS unreadable,
       count(*) FILTER (WHERE outcome IS NULL AND past_due) AS past_due
  FROM plan_line WHERE run = :run
""")
_FORGET_OLD = text("""
DELETE FROM plan_run WHERE source = :source AND plant = :plant AND ended_at IS NOT NULL
   AND number <= (SELECT number FROM plan_run WHERE source = :source AND plant = :plant AND stage <> 'receiving'
                   ORDER BY number DESC OFFSET :keep LIMIT 1)
""")


class Taken(StrEnum):
    """How a plan relates to earlier ones."""

    NEW = "new"
    REPEATED = "repeated"
    CONFLICT = "conflict"
    """This version was sent before with other lines, and was not stopped: the first one holds."""
    OLDER = "older"
    """There is a newer complete plan."""


class Accepted(Model):
    """The answer to a complete plan: the run that holds."""

    taken: Taken
    run: PlanRunStatus
    superseded: tuple[PlanRunStatus, ...] = ()
    """Older runs that it ended."""
    unstarted: tuple[PlanRunStatus, ...] = ()
    """Accepted older runs that have not started: the process that accepted one may have died before starting it."""


class PlanStaging:
    """Stores incoming plans."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def receive(self, source: str, plant: str, version: int, *, partial: bool, now: dt.datetime) -> PlanRunStatus:
        """Begin a plan; it has no effect until it is accepted."""
        async with transaction(self._engine) as connection:
            await connection.execute(
                delete(PlanRunRow).where(PlanRunRow.stage == RECEIVING, PlanRunRow.received_at < now - _ABANDONED_AFTER)
            )
            row = await connection.execute(
                insert(PlanRunRow)
                .values(source=source, plant=plant, version=version, partial=partial, stage=RECEIVING, received_at=now)
                .returning(PlanRunRow.__table__)
            )
            return held_run(row.one())

    async def add(self, run: PlanRunStatus, lines: Sequence[NumberedLine]) -> None:
        """Stage lines, by COPY."""
        records = list(_records(run, lines))
        async with transaction(self._engine) as connection:
            # The check comes first: it also begins the transaction, which COPY beside SQLAlchemy does not.
            stage = await connection.scalar(select(PlanRunRow.stage).where(PlanRunRow.number == run.number))
            if stage != RECEIVING:
                raise PermanentError("ledger", f"{run.id} is {stage or 'gone'} and takes no more lines; send it anew")
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.copy_records_to_table("plan_line", records=records, columns=_COLUMNS)

    async def discard(self, run: PlanRunStatus) -> None:
        """Discard a plan that did not arrive completely."""
        async with transaction(self._engine) as connection:
            await connection.execute(
                delete(PlanRunRow).where(PlanRunRow.number == run.number, PlanRunRow.stage == RECEIVING)
            )

    async def hold(self, run: PlanRunStatus, content_sha256: bytes, *, ignored: Sequence[str] = ()) -> PlanRunStatus:
        """Count a complete plan for a dry run, without accepting it; it is kept for a day."""
        await self._analyze()
        async with transaction(self._engine) as connection:
            return await _counted(connection, run, content_sha256, ignored)

    async def held(self, number: int) -> PlanRunStatus | None:
        """A plan that is held for a dry run; None where it is gone, accepted, or was never whole."""
        query = select(PlanRunRow.__table__).where(
            PlanRunRow.number == number, PlanRunRow.stage == RECEIVING, PlanRunRow.content_sha256.is_not(None)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else held_run(row)

    async def accept(
        self,
        run: PlanRunStatus,
        content_sha256: bytes,
        *,
        runs_kept: int,
        ignored: Sequence[str] = (),
        stops: Callable[[PlanRunStatus], bool] = lambda run: False,
    ) -> Accepted:
        """Accept a complete plan, unless it is a repetition or out of date.

        A plan that `stops` (above its error limit) changes nothing, so it ends no older run either.
        """
        await self._analyze()
        async with transaction(self._engine) as connection:
            await one_at_a_time(connection, run)
            if (before := await in_its_way(connection, run, content_sha256)) is not None:
                await connection.execute(delete(PlanRunRow).where(PlanRunRow.number == run.number))
                return before
            await _counted(connection, run, content_sha256, ignored)
            taken = await let_count(connection, run, run.received_at)
            return await make_way(connection, taken, ends_older=not stops(taken), runs_kept=runs_kept)

    async def _analyze(self) -> None:
        """Without it the planner expects a few lines and compares each with each. In its own transaction: its lock
        would make plans of different plants wait for each other.
        """
        async with transaction(self._engine) as connection:
            await connection.execute(text("ANALYZE plan_line"))


async def one_at_a_time(connection: AsyncConnection, run: PlanRunStatus) -> None:
    """Until the end of the transaction no other plan of the source and plant is accepted."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key("plan", run.source, run.plant)}
    )


async def _counted(
    connection: AsyncConnection, run: PlanRunStatus, content_sha256: bytes, ignored: Sequence[str]
) -> PlanRunStatus:
    """The plan with its lines counted, those that repeat a need refused."""
    await connection.execute(_REFUSE_REPETITIONS, {"run": run.number})
    counts = (await connection.execute(_COUNT, {"run": run.number})).one()
    row = await connection.execute(
        update(PlanRunRow)
        .where(PlanRunRow.number == run.number)
        .values(content_sha256=content_sha256, ignored=[_storable(name) for name in ignored], **dict(counts._mapping))
        .returning(PlanRunRow.__table__)
    )
    return held_run(row.one())


async def let_count(connection: AsyncConnection, run: PlanRunStatus, received_at: dt.datetime) -> PlanRunStatus:
    """Accept the plan: from here on it is one of the source's runs."""
    mark = await connection.scalar(text("SELECT coalesce(max(id), 0) FROM inbox"))
    row = await connection.execute(
        update(PlanRunRow)
        .where(PlanRunRow.number == run.number)
        .values(stage=PlanStage.RECEIVED, inbox_mark=mark, received_at=received_at)
        .returning(PlanRunRow.__table__)
    )
    return plan_run(row.one())


async def make_way(connection: AsyncConnection, run: PlanRunStatus, *, ends_older: bool, runs_kept: int) -> Accepted:
    """End the runs that an accepted whole plan replaces (unless it `ends_older` none), and forget the oldest."""
    superseded = await _supersede(connection, run) if ends_older and not run.partial else ()
    accepted = Accepted(taken=Taken.NEW, run=run, superseded=superseded, unstarted=await _unstarted(connection, run))
    await connection.execute(_FORGET_OLD, {"source": run.source, "plant": run.plant, "keep": runs_kept})
    return accepted


async def in_its_way(connection: AsyncConnection, run: PlanRunStatus, digest: bytes) -> Accepted | None:
    """The run that holds instead of it; a stopped run of the same version gives way to a corrected one."""
    others = select(PlanRunRow.__table__).where(
        PlanRunRow.source == run.source, PlanRunRow.plant == run.plant, PlanRunRow.stage != RECEIVING
    )
    same = (await connection.execute(others.where(PlanRunRow.version == run.version))).one_or_none()
    if same is not None:
        if same.content_sha256 == digest and same.partial == run.partial:
            return Accepted(taken=Taken.REPEATED, run=plan_run(same))
        if same.stage != PlanStage.STOPPED:
            return Accepted(taken=Taken.CONFLICT, run=plan_run(same))
        await connection.execute(delete(PlanRunRow).where(PlanRunRow.number == same.number))
    newer = others.where(
        PlanRunRow.version > run.version, PlanRunRow.partial.is_(False), PlanRunRow.stage != PlanStage.STOPPED
    )
    row = (await connection.execute(newer.order_by(PlanRunRow.version.desc()).limit(1))).one_or_none()
    return None if row is None else Accepted(taken=Taken.OLDER, run=plan_run(row))


async def _supersede(connection: AsyncConnection, run: PlanRunStatus) -> tuple[PlanRunStatus, ...]:
    """A delivering run locks its row meanwhile, so that it hands nothing over after this."""
    ended = await connection.execute(
        update(PlanRunRow)
        .where(
            PlanRunRow.source == run.source,
            PlanRunRow.plant == run.plant,
            PlanRunRow.version < run.version,
            PlanRunRow.stage.not_in([*ENDED, RECEIVING]),
        )
        .values(
            stage=PlanStage.SUPERSEDED,
            detail=f"version {run.version} came before it was done",
            ended_at=run.received_at,
        )
        .returning(PlanRunRow.__table__)
    )
    return tuple(plan_run(row) for row in ended)


async def _unstarted(connection: AsyncConnection, run: PlanRunStatus) -> tuple[PlanRunStatus, ...]:
    """Its sender may have given up retrying, and a partial plan waits until it is done."""
    found = await connection.execute(
        select(PlanRunRow.__table__)
        .where(
            PlanRunRow.source == run.source,
            PlanRunRow.plant == run.plant,
            PlanRunRow.version < run.version,
            # A plan that was started as it was shown is matched already.
            PlanRunRow.stage.in_([PlanStage.RECEIVED, PlanStage.MATCHED]),
        )
        .order_by(PlanRunRow.version)
    )
    return tuple(plan_run(row) for row in found)


def plan_run(row: Row[tuple[object, ...]]) -> PlanRunStatus:
    """A row as a PlanRun."""
    return _run(row, PlanStage(row.stage))


def held_run(row: Row[tuple[object, ...]]) -> PlanRunStatus:
    """The row of a plan that is held for a dry run."""
    return _run(row, PlanStage.RECEIVED)


def need_of(run: PlanRunStatus, number: int, line: PlanLine, reference: str) -> Need:
    """The need in a line."""
    return Need(
        plant=run.plant,
        item=line.item,
        quantity=line.quantity,
        unit=line.unit,
        required_date=line.required_date,
        source=run.source,
        demand_reference=reference,
        revision=revision_of(run, str(number), line.source_revision),
        sourcing_rule=line.sourcing_rule,
        pegging=tuple(Peg.model_construct(**dict(peg)) for peg in line.pegging),
        planner=line.planner,
    )


def revision_of(run: PlanRunStatus, part: str, source_revision: int = 0) -> Revision:
    """R10: the position of the run's content in the source's order of events."""
    return Revision(
        plan_version=run.version,
        source_revision=source_revision,
        effective_at=run.received_at,
        event_id=f"{event_prefix(run)}{part}",
    )


def event_prefix(run: PlanRunStatus) -> str:
    """The prefix of the event ids of a run's messages."""
    return f"plan/{run.plant}/{run.version}/"


def _run(row: Row[tuple[object, ...]], stage: PlanStage) -> PlanRunStatus:
    return PlanRunStatus(id=plan_run_id(row.source, row.plant, row.version), **{**dict(row._mapping), "stage": stage})


def _records(run: PlanRunStatus, lines: Sequence[NumberedLine]) -> Iterator[tuple[object, ...]]:
    for each in lines:
        line = each.line
        item = line.item if line is not None else each.item
        reference = line.demand_reference if line is not None else each.demand_reference
        known = item is not None and reference is not None
        content = line_digest(line, reference) if line is not None and reference else None
        yield (
            run.number,
            each.number,
            _storable(item),
            _storable(reference),
            requirement_id(run.plant, item, run.source, reference) if known and item and reference else None,
            line.required_date if line is not None else None,
            line.criticality.value if line is not None else None,
            content,
            line.model_dump_json(exclude_defaults=True).replace("\\u0000", "\\ufffd") if line is not None else None,
            PlanLineOutcome.REFUSED.value if line is None else None,
            each.past_due,
            *_remark(each),
            _storable(each.original) if line is None else None,
        )


def _remark(line: NumberedLine) -> tuple[str | None, str | None]:
    """The fields that the line's report names, and what it says about them."""
    if line.past_due:
        return "required_date", PAST_DUE
    if not line.faults:
        return None, None
    if len(line.faults) == 1:
        return _storable(line.faults[0].field), _storable(line.faults[0].reason)
    reasons = "; ".join(f"{fault.field}: {fault.reason}" for fault in line.faults)
    return _storable(", ".join(fault.field for fault in line.faults)), _storable(reasons)


def _storable(words: str | None) -> str | None:
    """The same replacement as ledger.database.Words makes in statements: COPY ignores our column types."""
    return None if words is None else words.replace("\0", "\ufffd")


__all__ = [
    "RECEIVING",
    "Accepted",
    "PlanStaging",
    "Taken",
    "event_prefix",
    "held_run",
    "in_its_way",
    "let_count",
    "make_way",
    "need_of",
    "one_at_a_time",
    "plan_run",
    "revision_of",
]

"""The net change of a plan run: its lines against the last delivered state in the registry.

Decided here: which lines are new or changed, and which known needs a complete plan no longer has. Set-based, so that an
unchanged line costs only its comparison. Not here: which known need a line without a reference continues (a matcher, by
R1), and the final classification of each change, which the registry makes on delivery.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.identity import requirement_id
from canonical.need import Need
from canonical.plan import (
    ENDED,
    LineMatching,
    PlanLine,
    PlanMatched,
    PlanMatcher,
    PlanRunStatus,
    PlanStage,
    UnnamedLine,
)
from canonical.policy import PlantPolicy
from ledger.database import transaction
from ledger.inbox.registry import content_digest
from ledger.plan_runs.staging import need_of, plan_run

_ITEMS_AT_ONCE = 200
_SHOWN = 10

_RUN = text("SELECT * FROM plan_run WHERE number = :run FOR UPDATE")
_WAITS_FOR_MESSAGES = text("""
SELECT EXISTS (SELECT FROM inbox WHERE status = 'stored' AND id <= :mark AND source = :source
                  AND starts_with(entity, :plant))
""")
_WAITS_FOR_A_RUN = text("""
SELECT version FROM plan_run WHERE source = :source AND plant = :plant AND version < :version
   AND ended_at IS NULL AND stage <> 'receiving' ORDER BY version LIMIT 1
""")
_KNOWN = text("""
SELECT count(*) FROM requirement WHERE plant = :plant AND source = :source
   AND registered_withdrawn IS FALSE AND closed IS NOT TRUE
""")
_ITEMS_WITHOUT = text("""
SELECT DISTINCT item FROM plan_line WHERE run = :run AND requirement_id IS NULL AND outcome IS NULL ORDER BY item
""")
_LINES_WITHOUT = text("""
SELECT item, number, body FROM plan_line
 WHERE run = :run AND requirement_id IS NULL AND outcome IS NULL AND item = ANY(:items) ORDER BY item, number
""")
_CANDIDATES = text("""
SELECT requirement.item, coalesce(inbox.message, CAST(requirement.snapshot -> 'need' AS text)) AS need
  FROM requirement
  LEFT JOIN inbox ON inbox.source = requirement.source AND inbox.event_id = requirement.registered_event_id
 WHERE requirement.plant = :plant AND requirement.source = :source AND requirement.item = ANY(:items)
   AND requirement.registered_withdrawn IS FALSE AND requirement.closed IS NOT TRUE
   AND NOT EXISTS (SELECT FROM plan_line WHERE run = :run AND requirement_id = requirement.id)
 ORDER BY requirement.item, requirement.id
""")
_NAME = text("""
UPDATE plan_line SET requirement_id = named.id, demand_reference = named.reference, content = named.content,
       detail = concat_ws('; ', plan_line.detail, named.why)
  FROM unnest(CAST(:numbers AS integer[]), CAST(:ids AS text[]), CAST(:references AS text[]),
              CAST(:contents AS text[]), CAST(:whys AS text[])) AS named (number, id, reference, content, why)
 WHERE plan_line.run = :run AND plan_line.number = named.number
""")
_TIE = text("""
UPDATE plan_line SET outcome = 'ambiguous', detail = :why WHERE run = :run AND number = ANY(:numbers)
""")
_STALE = text("""
UPDATE plan_line SET outcome = 'stale'
  FROM requirement WHERE requirement.id = plan_line.requirement_id AND plan_line.run = :run
   AND plan_line.outcome IS NULL AND requirement.registered_plan_version > :version
""")
_CHANGED = text("""
UPDATE plan_line SET outcome = CASE WHEN seen.registered_content IS NULL THEN 'new' ELSE 'changed' END
  FROM (SELECT line.number, requirement.registered_content
          FROM plan_line AS line LEFT JOIN requirement ON requirement.id = line.requirement_id
         WHERE line.run = :run AND line.outcome IS NULL AND line.requirement_id IS NOT NULL
           AND (requirement.registered_content IS DISTINCT FROM line.content OR requirement.registered_withdrawn
                OR line.requirement_id IN (SELECT entity FROM inbox WHERE status = 'stored' AND source = :source))
       ) AS seen
 WHERE plan_line.run = :run AND plan_line.number = seen.number
""")
_NET_CHANGE = text("""
INSERT INTO plan_change (run, place, requirement_id, item, demand_reference, line)
SELECT :run, row_number() OVER (ORDER BY rank, required_date, number, id), id, item, demand_reference, number
  FROM (SELECT criticality AS rank, required_date, number, requirement_id AS id, item, demand_reference
          FROM plan_line WHERE run = :run AND outcome IN ('new', 'changed')
         UNION ALL
        SELECT 'withdrawn', NULL, NULL, id, item, demand_reference
          FROM requirement WHERE NOT :partial AND plant = :plant AND source = :source
           AND registered_withdrawn IS FALSE AND closed IS NOT TRUE AND registered_plan_version <= :version
           AND id <> ALL(:kept)
           AND NOT EXISTS (SELECT FROM plan_line WHERE run = :run AND requirement_id = requirement.id)
       ) AS change
""")
_MATCHED = text("""
UPDATE plan_run SET stage = 'matched', known = :known, kept = :kept WHERE number = :run RETURNING *
""")
_COUNTS = text("""
SELECT (SELECT count(*) FROM plan_change WHERE run = :run) AS changes,
       (SELECT count(*) FROM plan_change WHERE run = :run AND line IS NULL) AS withdrawals,
       (SELECT known FROM plan_run WHERE number = :run) AS known,
       (SELECT count(*) FROM plan_line WHERE run = :run AND outcome = 'ambiguous') AS ambiguous,
       (SELECT coalesce(array_agg(item), '{}') FROM (SELECT DISTINCT item FROM plan_line
         WHERE run = :run AND outcome = 'ambiguous' ORDER BY item LIMIT :shown) AS first) AS ambiguous_items
""")

PolicyOf = Callable[[str], PlantPolicy]
"""The policy of an item."""


class PlanNetChange:
    """Matches plan runs against the registry."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def waits_for(self, run: PlanRunStatus) -> str:
        """What must be delivered before the run can be compared; empty where nothing must."""
        async with transaction(self._engine) as connection:
            return await waits_for(connection, run)

    async def match(
        self, run: PlanRunStatus, policy: PlantPolicy, policy_of: PolicyOf, matcher: PlanMatcher
    ) -> PlanMatched:
        """Find the net change, in one transaction; a run that is already matched (or has ended) stays unchanged."""
        async with transaction(self._engine) as connection:
            now = plan_run((await connection.execute(_RUN, {"run": run.number})).one())
            if now.stage is PlanStage.RECEIVED:
                now = await compare(connection, now, policy_of, matcher)
            counts = await counts_of(connection, run)
        if now.stage in ENDED:
            return PlanMatched(run=now, policy=policy)
        return PlanMatched(run=now, policy=policy, **counts)


async def waits_for(connection: AsyncConnection, run: PlanRunStatus) -> str:
    """What must be delivered before the run can be compared; empty where nothing must."""
    asked: dict[str, object] = {"source": run.source, "plant": run.plant, "version": run.version}
    if (version := await connection.scalar(_WAITS_FOR_A_RUN, asked)) is not None:
        return f"version {version}, which is not done"
    mark = await connection.scalar(text("SELECT inbox_mark FROM plan_run WHERE number = :run"), {"run": run.number})
    asked = {"source": run.source, "plant": f"requirement/{run.plant}/", "mark": mark or 0}
    pending = await connection.scalar(_WAITS_FOR_MESSAGES, asked)
    return "messages of the source that came before it" if pending else ""


async def counts_of(connection: AsyncConnection, run: PlanRunStatus) -> dict[str, Any]:
    """The counts of a matched run, as PlanMatched and PlanDryRun name them."""
    found = await connection.execute(_COUNTS, {"run": run.number, "shown": _SHOWN})
    return dict(found.one()._mapping)


async def compare(
    connection: AsyncConnection, run: PlanRunStatus, policy_of: PolicyOf, matcher: PlanMatcher
) -> PlanRunStatus:
    """Write the run's net change against what is registered now; the run is matched then."""
    asked = {"run": run.number, "source": run.source, "plant": run.plant, "version": run.version}
    known = await connection.scalar(_KNOWN, asked)
    kept = [each async for each in _name_lines(connection, run, policy_of, matcher)]
    await connection.execute(_STALE, asked)
    await connection.execute(_CHANGED, asked)
    await connection.execute(_NET_CHANGE, {**asked, "partial": run.partial, "kept": kept})
    row = await connection.execute(_MATCHED, {"run": run.number, "known": known, "kept": kept})
    return plan_run(row.one())


async def _name_lines(
    connection: AsyncConnection, run: PlanRunStatus, policy_of: PolicyOf, matcher: PlanMatcher
) -> AsyncIterator[str]:
    """The second half of R1, some items at a time; yields the known needs that are ambiguous."""
    items = list((await connection.scalars(_ITEMS_WITHOUT, {"run": run.number})).all())
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        asked = {
            "run": run.number,
            "plant": run.plant,
            "source": run.source,
            "items": items[start : start + _ITEMS_AT_ONCE],
        }
        lines = [
            UnnamedLine.model_construct(number=row.number, need=_unnamed(run, row.number, row.body))
            for row in await connection.execute(_LINES_WITHOUT, asked)
        ]
        candidates = [Need.model_validate_json(row.need) for row in await connection.execute(_CANDIDATES, asked)]
        matchings = await asyncio.to_thread(_match_items, lines, candidates, policy_of, matcher)
        needs = {line.number: line.need for line in lines}
        await _write_names(connection, run, needs, matchings)
        for matching in matchings:
            for tie in matching.ties:
                await connection.execute(_TIE, {"run": run.number, "numbers": list(tie.numbers), "why": tie.why})
                for each in tie.known:
                    yield each


def _match_items(
    lines: Sequence[UnnamedLine], known: Sequence[Need], policy_of: PolicyOf, matcher: PlanMatcher
) -> list[LineMatching]:
    by_item = {item: list(needs) for item, needs in groupby(known, key=lambda need: need.item)}
    return [
        matcher.match(by_item.get(item, []), list(group), policy_of(item))
        for item, group in groupby(lines, key=lambda line: line.need.item)
    ]


async def _write_names(
    connection: AsyncConnection, run: PlanRunStatus, needs: dict[int, Need], matchings: Sequence[LineMatching]
) -> None:
    matches = [match for matching in matchings for match in matching.matches]
    named = [needs[match.number].model_copy(update={"demand_reference": match.reference}) for match in matches]
    await connection.execute(
        _NAME,
        {
            "run": run.number,
            "numbers": [match.number for match in matches],
            "ids": [requirement_id(run.plant, need.item, run.source, need.demand_reference) for need in named],
            "references": [match.reference for match in matches],
            "contents": [content_digest(need) for need in named],
            "whys": [match.why for match in matches],
        },
    )


def _unnamed(run: PlanRunStatus, number: int, body: str) -> Need:
    """The line's need with the reference that it gets where it continues no known need; the same at every attempt."""
    return need_of(run, number, PlanLine.model_validate_json(body), f"plan-{run.version}-line-{number}")


__all__ = ["PlanNetChange", "PolicyOf", "compare", "counts_of", "waits_for"]

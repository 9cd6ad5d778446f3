"""The cost of a rerun before delivery: reading and validating lines, staging, matching, finding the net change.

It needs only a PostgreSQL of its own; the registry holds the previous plan, of which 2 % is changed.
"""

import datetime as dt
import statistics
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.plan_lines import PLANT, plan
from canonical.identity import plan_run_id
from canonical.plan import PlanRunStatus, PlanStage
from canonical.policy import PlantPolicy
from decisions.plan_matching import NearestNeeds
from gateway.plan_runs.reading import PlanReader
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from policies.book import PolicyBook
from tools import postgres
from tools.processes import Processes

_SOURCE = "aps-scaling"
_LINES_AT_ONCE = 2_000
"""As the gateway reads them."""
_NOTE_AS_DELIVERED = text("""
INSERT INTO requirement (id, plant, item, source, demand_reference, registered_plan_version, registered_source_revision,
       registered_effective_at, registered_event_id, registered_content, registered_withdrawn, registered_at)
SELECT requirement_id, :plant, item, :source, demand_reference, 1, 0, now(), 'plan/1/' || number, content, false, now()
  FROM plan_line WHERE run = :run
""")


def a_run(source: str, plant: str, version: int) -> PlanRunStatus:
    """A run without a ledger, for reading lines."""
    return PlanRunStatus(
        id=plan_run_id(source, plant, version),
        number=version,
        source=source,
        plant=plant,
        version=version,
        partial=False,
        stage=PlanStage.RECEIVED,
        lines=0,
        refused=0,
        received_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )


async def scaling(directory: Path, lines: int, rounds: int, times: int = 10) -> dict[str, Any]:
    """Seconds of the smaller plan and of the larger one, in turns, and the ratio of their medians."""
    policy = PolicyBook(Path("policies")).effective(PLANT)
    assert policy is not None
    seconds: dict[int, list[dict[str, float]]] = {lines: [], lines * times: []}
    async with Processes(directory) as processes:
        server = await postgres.start(processes, directory / "postgres")
        for number in range(rounds):
            for size in seconds:
                database = f"scaling_{number}_{size}"
                await server.drop(database)
                url = await server.create(database)
                await migrate(url)
                engine = await connect(url)
                seconds[size].append(await _rerun(engine, policy, size))
                await engine.dispose()
                await server.drop(database)
                print(f"{size} lines: {seconds[size][-1]}", flush=True)
    totals = {size: statistics.median(each["total"] for each in found) for size, found in seconds.items()}
    return {
        "rerun_scaling": round(totals[lines * times] / totals[lines], 1),
        "times_as_many": times,
        "seconds": {str(size): found for size, found in seconds.items()},
    }


async def _rerun(engine: AsyncEngine, policy: PlantPolicy, size: int) -> dict[str, float]:
    ledger, today = Ledger(engine), dt.date.today()  # noqa: DTZ011
    first = await _compared(ledger, policy, 1, plan(size, today), today)
    async with engine.begin() as connection:
        asked = {"plant": PLANT, "source": _SOURCE, "run": first["run"]}
        await connection.execute(_NOTE_AS_DELIVERED, asked)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE requirement"))
    found = await _compared(ledger, policy, 2, plan(size, today, changed=size // 50), today)
    assert found.pop("changes") == size // 50
    found.pop("run")
    return {name: round(value, 2) for name, value in found.items()}


async def _compared(ledger: Ledger, policy: PlantPolicy, version: int, body: bytes, today: dt.date) -> dict[str, float]:
    staging, lines = ledger.plans.staging, list(enumerate(body.split(b"\n"), 1))
    reader = PlanReader("ndjson", source=_SOURCE, plant=PLANT, version=version, today=today)
    began = time.monotonic()
    run = await staging.receive(_SOURCE, PLANT, version, partial=False, now=dt.datetime.now(dt.UTC))
    for start in range(0, len(lines), _LINES_AT_ONCE):
        await staging.add(run, reader.read(lines[start : start + _LINES_AT_ONCE]))
    staged = time.monotonic()
    accepted = await staging.accept(run, str(version).encode(), runs_kept=2)
    taken = time.monotonic()
    matched = await ledger.plans.match(accepted.run, policy, lambda item: policy, NearestNeeds())
    ended = time.monotonic()
    return {
        "read_and_staged": staged - began,
        "accepted": taken - staged,
        "matched": ended - taken,
        "total": ended - began,
        "changes": matched.changes,
        "run": run.number,
    }

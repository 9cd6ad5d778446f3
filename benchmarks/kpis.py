"""How long the KPI pages take at 100,000 requirements, what measuring adds to recording, and how fast it follows.

An embedded PostgreSQL is filled with measures as entities leave them: requirements over half a year, an order line
each, four lines an order, some revisions, questions, changes and incidents. The pages are asked of a separate gateway
process over a socket, one by one. Recording is timed on the same server, with and without the note that something is to
be measured, in alternation; then all of it is measured, and the time an audit batch compared with its recording.

    python -m benchmarks.kpis [--needs 100000] [--calls 100] [--batches 1500] [--quick]
"""

import argparse
import asyncio
import datetime as dt
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.availability import PLANT, a_requirement, an_order, ask, percentiles, serve
from benchmarks.command_line import add_quick, command_line
from benchmarks.results import keep
from canonical.audit_event import PendingEvent
from canonical.need import Need
from canonical.records import AuditBatch, OrderSnapshot, RequirementSnapshot
from ledger.database import connect, migrate
from ledger.kpis import unmeasured
from ledger.ledger import Ledger
from settings import environment_for_child
from tools import postgres
from tools.ports import free_port
from tools.processes import Processes, Program

NOW = dt.datetime(2026, 5, 4, 8, tzinfo=dt.UTC)
DAYS = 180
LINES_OF_AN_ORDER = 4

_BEGUN = "{now} - {days} * 86400 + (n::bigint * {days} * 86400 / {needs})"
_FILL = (
    """
    INSERT INTO kpi_requirement (id, plant, item, item_class, supplier, planner, criticality, channel, route,
        policy_version, buyer, planned_at, signal_at, decided_at, approved_at, placed_at, sent_at, answered_at,
        confirmed_at, shipped_at, received_at, ended_at, closed, required_on, demands, late_on, late_quantities)
    SELECT 'requirement/1710/IT-' || n % 9000 || '/aps~' || n, '1710', 'IT-' || n % 9000, 'C' || n % 12,
           'V-' || n % 60, 'P' || n % 8, chr(65 + n % 3), 'aps', 'direct', 'v' || n % 3,
           CASE WHEN n % 9 = 0 THEN 'anna' ELSE '' END,
           t, t + 60 + n % 600, t + 700, t + 1700, CASE WHEN alive > 0 THEN t + 1900 + n % 4000 END,
           CASE WHEN alive > 0 THEN t + 2000 + n % 4000 END, CASE WHEN alive > 1 THEN t + 20000 + n % 200000 END,
           CASE WHEN alive > 1 THEN t + 25000 + n % 250000 END, CASE WHEN alive > 2 THEN t + 2000000 END,
           CASE WHEN alive > 2 THEN t + 2300000 + n % 90000 END, CASE WHEN alive > 2 THEN t + 2300000 + n % 90000 END,
           alive > 2, date '1970-01-01' + (t / 86400)::integer + 28, ARRAY[n / 3, n / 3 + 1000000],
           CASE WHEN n % 10 = 0 THEN ARRAY[date '1970-01-01' + (t / 86400)::integer + 31] END,
           CASE WHEN n % 10 = 0 THEN ARRAY[12::numeric] END
      FROM (SELECT n, {begun} AS t, CASE WHEN n < {needs} * 0.8 THEN 3 WHEN n < {needs} * 0.97 THEN 2
                   WHEN n < {needs} * 0.995 THEN 1 ELSE 0 END AS alive FROM generate_series(1, {needs}) AS n) AS made
    """,
    """
    INSERT INTO kpi_line (order_id, line, requirement_id, plant, item, item_class, supplier, criticality, channel,
        route, policy_version, approved_at, placed_at, sent_at, answered_at, confirmed_at, shipped_at, received_at,
        ended_at, first_quantity, quantity, revisions, quantity_changed, received, first_promised_on, promised_on,
        received_on)
    SELECT 'order/1710/' || supplier || '/' || place / {lines}, place % {lines}, id, plant, item,
           item_class, supplier, criticality, channel, route, policy_version, approved_at, placed_at, sent_at,
           answered_at, confirmed_at, shipped_at, received_at, ended_at, 100, 100, (signal_at % 5 = 0)::integer, 7,
           CASE WHEN closed THEN 100 ELSE 0 END, required_on, required_on,
           CASE WHEN closed THEN date '1970-01-01' + (received_at / 86400)::integer END
      FROM (SELECT *, row_number() OVER (PARTITION BY supplier ORDER BY signal_at) AS place FROM kpi_requirement) AS r
    """,
    """
    INSERT INTO kpi_sending (order_id, revision, plant, supplier, route, policy_version, sent_at, answered_at,
        confirmed_at, ended_at, unconfirmed)
    SELECT order_id, 1, plant, min(supplier), min(route), min(policy_version), min(sent_at), min(answered_at),
           min(confirmed_at), max(ended_at), '{{}}'
      FROM kpi_line WHERE sent_at IS NOT NULL GROUP BY order_id, plant
    """,
    """
    INSERT INTO kpi_order (id, plant, supplier, route, policy_version, placed_at, edited_at, edits)
    SELECT order_id, plant, supplier, route, policy_version, sent_at - 60, CASE WHEN sent_at % 20 = 0 THEN sent_at END,
           (sent_at % 20 = 0)::integer FROM kpi_sending
    """,
    """
    INSERT INTO kpi_question (id, plant, supplier, item, buyer, criticality, kind, raised_by, opened_at, closed_at,
        closed, hand_offs)
    SELECT 'exception/' || id, plant, supplier, item, 'anna', criticality, 'shortage', id, answered_at,
           CASE WHEN closed THEN answered_at + 90000 END, closed, 2
      FROM kpi_requirement WHERE answered_at IS NOT NULL AND signal_at % 10 = 0
    """,
    """
    INSERT INTO kpi_change (requirement_id, sequence, plant, item_class, supplier, criticality, channel, route,
        policy_version, at, suppressed, asked_at, decided_at)
    SELECT id, 9, plant, item_class, supplier, criticality, channel, route, policy_version, signal_at + 90000,
           signal_at % 3 = 0, CASE WHEN signal_at % 7 = 0 THEN signal_at + 90000 END,
           CASE WHEN signal_at % 7 = 0 AND closed THEN signal_at + 99000 END
      FROM kpi_requirement
    """,
)


async def fill(engine: AsyncEngine, needs: int) -> None:
    """Measures as they are after half a year."""
    values = {"needs": needs, "days": DAYS, "now": int(NOW.timestamp()), "lines": LINES_OF_AN_ORDER}
    begun = _BEGUN.format(**values)
    async with engine.begin() as connection:
        for statement in _FILL:
            await connection.execute(text(statement.format(begun=begun, **values)))
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE"))


def questions(calls: int, chance: random.Random) -> list[dict[str, str]]:
    """Four weeks or a quarter, often with a filter or compared by something."""
    asked = []
    for _ in range(calls):
        last = NOW.date() - dt.timedelta(days=chance.randrange(60))
        first = last - dt.timedelta(days=chance.choice((27, 27, 27, 89)))
        query = {"from": first.isoformat(), "to": last.isoformat()}
        die = chance.random()
        if die < 0.3:
            query["supplier"] = f"V-{chance.randrange(60)}"
        elif die < 0.5:
            query["group_by"] = chance.choice(("supplier", "item_class", "criticality"))
        asked.append(query)
    return asked


# -- what measuring adds to recording


class Recording:
    """Records requirements and their orders, as the loop does: three batches of one, two of the other."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._number = 0

    async def one(self) -> list[float]:
        """Milliseconds of each of five batches of a requirement and its order of one line."""
        self._number += 1
        need: Need = a_requirement().need.model_copy(update={"demand_reference": f"R-{self._number}"})
        requirement = a_requirement().model_copy(update={"id": need.id, "need": need})
        line = an_order().lines[0].model_copy(update={"requirement_id": need.id})
        order = an_order().model_copy(update={"id": f"order/{PLANT}/1580/r{self._number}", "lines": (line,)})
        asked = {"line": line.line, "requirement_id": need.id, "quantity": "425"}
        parts = [part.model_dump(mode="json") for part in line.schedule_lines]
        decided = {"outcome": {"supplier": "1580", "route": "direct"}, "item": {"item_class": "A"}}
        batches: list[tuple[RequirementSnapshot | OrderSnapshot, list[tuple[str, dict[str, Any]]]]] = [
            (requirement, [("requirement.opened", {}), ("sourcing.decided", decided), ("supply_request.sent", {})]),
            (order, [("order.opened", {}), ("consolidation.closed", {"lines": [asked]})]),
            (order, [("order.placed", {}), ("order.sent", {"revision": 1, "changed": []})]),
            (order, [("order.answered", {"revision": 1, "lines": [{"line": line.line, "schedule_lines": parts}]})]),
            (requirement, [("coverage.changed", {"schedule_lines": parts})]),
        ]
        counted: dict[str, int] = {}
        took = []
        for snapshot, said in batches:
            first = counted.get(snapshot.id, 0) + 1
            counted[snapshot.id] = first + len(said) - 1
            events = tuple(
                PendingEvent(
                    sequence=first + place,
                    kind=kind,
                    business_time=NOW,
                    processing_time=NOW,
                    data=dict(data),
                )
                for place, (kind, data) in enumerate(said)
            )
            started = time.perf_counter()
            await self._ledger.record([AuditBatch(audit_events=events, snapshot=snapshot, writer="bench")])
            took.append((time.perf_counter() - started) * 1000)
        return took


async def _without(*_: object) -> None:
    """Recording as it would be without measures."""


async def record(engine: AsyncEngine, requirements: int) -> dict[str, float]:
    """Mean milliseconds of an audit batch with the note and without, in alternating blocks; then of measuring one."""
    ledger = Ledger(engine)
    recording = Recording(ledger)
    took: dict[bool, list[float]] = {True: [], False: []}
    batches = 0
    for number in range(requirements):
        noted = number % 2 == 0
        with nullcontext() if noted else mock.patch.object(unmeasured, "note", _without):
            each = await recording.one()
        took[noted].append(statistics.mean(each))
        batches += len(each) if noted else 0
    skipped = requirements // 10
    noted_ms, without = (statistics.median(took[kind][skipped // 2 :]) for kind in (True, False))
    started = time.perf_counter()
    await ledger.unmeasured.clear()
    measuring = (time.perf_counter() - started) * 1000 / batches
    return {
        "batch_ms": round(noted_ms, 3),
        "batch_without_measures_ms": round(without, 3),
        "measuring_share_of_a_batch": round((noted_ms - without) / without, 3),
        "measuring_ms_a_batch": round(measuring, 3),
        "measuring_speed_to_recording": round(without / measuring, 1),
    }


async def measure(needs: int, calls: int, batches: int) -> dict[str, object]:
    """Fill, serve, ask; then record."""
    with tempfile.TemporaryDirectory(prefix="pegline-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Processes(Path(folder)) as processes:
            server = await postgres.start(processes, Path(folder) / "data")
            url = await server.create("pegline")
            await migrate(url)
            engine = await connect(url)
            await fill(engine, needs)
            asked = await _asked(processes, url, calls)
            recorded = await record(engine, batches)
            await engine.dispose()
    return {"requirements": needs, **asked, **recorded}


async def _asked(processes: Processes, url: str, calls: int) -> dict[str, object]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "benchmarks.kpis", "--serve", url, "--port", str(port))
    await processes.start(Program("gateway", command, environment_for_child(), f"{address}/healthz"))
    found: dict[str, object] = {}
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:
        for name, path in (
            ("kpi_page", "/kpis"),
            ("kpi_api", "/v1/kpis"),
            ("latency_map", "/kpis/latency-map"),
            ("suppliers_page", "/suppliers"),
            ("entities_page", "/kpis/requirement_to_order"),
        ):
            chance = random.Random(1)
            plain = path not in ("/kpis", "/v1/kpis")
            queries = [
                {key: value for key, value in query.items() if not plain or key in ("from", "to")}
                for query in questions(calls, chance)
            ]
            await ask(client, queries[:5], 1, path)
            took = await ask(client, queries, 1, path)
            found[f"{name}_ms"] = percentiles(took)
            found[f"{name}_p95_ms"] = round(_p95(took), 1)
    return found


def _p95(took: Sequence[float]) -> float:
    ranked = sorted(took)
    return ranked[max(0, -(-len(ranked) * 95 // 100) - 1)]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--needs", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=100, help="of each page")
    parser.add_argument("--batches", type=int, default=600, help="requirements that are recorded")
    add_quick(parser)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.port))
        return
    print("kpi_page_p95_ms", flush=True)
    sizes = (5_000, 10, 40) if given.quick else (given.needs, given.calls, given.batches)
    found = asyncio.run(measure(*sizes))
    server = "gateway by uvicorn, one process; embedded PostgreSQL over its socket"
    to_reach = {"kpi_page_p95_ms": "<= 300", "measuring_share_of_a_batch": "<= 0.05"}
    keep("kpis", found, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

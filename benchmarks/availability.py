"""How long `GET /v1/availability` takes at 100,000 open requirements: a separate gateway process, called over a socket.

An embedded PostgreSQL is filled with one of each (need, order, stock, master data), recorded as entities record them
and multiplied in the database, with as many ended needs and lines again; some items have hundreds of needs. The whole
call is measured, as the caller sees it, one by one and four at a time. Not here: the cost of writing.

    python -m benchmarks.availability [--needs 100000] [--calls 3000] [--rounds 3] [--quick]
"""

import argparse
import asyncio
import datetime as dt
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import cast

import httpx
import uvicorn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.command_line import add_quick, command_line
from benchmarks.decisions import cases
from benchmarks.results import keep, ratio
from canonical.audit_event import FIRST_HASH, chain
from canonical.identity import order_id
from canonical.need import Need, Peg, Revision
from canonical.records import (
    AuditBatch,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
    RequirementSnapshot,
    RequirementStage,
)
from canonical.stock import StockReport, StockReportKind
from canonical.supply import ScheduleLine, ScheduleLineState
from gateway.app import create_app
from gateway.parts import Entities
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from ledger.stock.stock import CountedReport
from policies.book import FixedPolicies
from settings import environment_for_child
from tools import postgres
from tools.ports import free_port
from tools.processes import Processes, Program

TODAY = dt.date(2026, 5, 4)
NOW = dt.datetime(2026, 5, 4, 8, tzinfo=dt.UTC)
PLANT = "1710"
NEEDS_OF_AN_ITEM = 10
HOT_ITEMS, NEEDS_OF_A_HOT_ITEM = 20, 500
LINES_OF_AN_ORDER = 10

# Need n is for item n/10, the first ones for the hot items instead. Only the keys differ; the rest is as recorded.
_MULTIPLY = (
    """
    CREATE TEMPORARY TABLE line_of AS
    SELECT n, (n > {needs}) AS ended,
           'IT-' || CASE WHEN n % {needs} < {hot} * {of_hot} THEN n % {hot} ELSE (n % {needs}) / {of_item} END AS item
      FROM generate_series(1, 2 * {needs}) AS n
    """,
    """
    INSERT INTO requirement (id, plant, item, source, demand_reference, position, stage, required_date, closed,
                             quantity, unit, from_stock, received, snapshot, recorded_at)
    SELECT 'requirement/1710/' || line_of.item || '/aps~' || n, r.plant, line_of.item, r.source, 'PL-' || n, r.position,
           r.stage, r.required_date + n % 40, ended, r.quantity, r.unit, r.from_stock, r.received, r.snapshot, now()
      FROM line_of, requirement AS r WHERE r.id = '{need}'
    """,
    """
    INSERT INTO purchase_order (id, plant, supplier, order_number, stage, closed, due_on, sent_references,
                                position, snapshot, recorded_at)
    SELECT 'order/1710/1580/' || n, o.plant, o.supplier, '45' || lpad(n::text, 8, '0'), o.stage, n * {lines} > {needs},
           o.due_on, o.sent_references, o.position, o.snapshot, now()
      FROM generate_series(0, 2 * {needs} / {lines}) AS n, purchase_order AS o WHERE o.id = '{order}'
    """,
    """
    INSERT INTO order_line (order_id, line, requirement_id, quantity, plant, item, unit, coming, confirmed, spare)
    SELECT 'order/1710/1580/' || n / {lines}, 10 * (1 + n % {lines}),
           'requirement/1710/' || line_of.item || '/aps~' || n, l.quantity, l.plant,
           line_of.item, l.unit, NOT ended, l.confirmed, l.spare
      FROM line_of, order_line AS l WHERE l.order_id = '{order}' AND l.line = 10
    """,
    """
    INSERT INTO stock (id, plant, item, unit, available_to_promise, reported_at, as_of, reason, revision)
    SELECT 'stock/1710/' || line_of.item, s.plant, line_of.item, s.unit, s.available_to_promise, s.reported_at, s.as_of,
           s.reason, s.revision
      FROM (SELECT DISTINCT item FROM line_of) AS line_of, stock AS s WHERE s.id = '{stock}'
    """,
    """
    INSERT INTO item_at_plant (plant, item, assessment, registered_at)
    SELECT i.plant, line_of.item, i.assessment, i.registered_at
      FROM (SELECT item, row_number() OVER () AS place FROM (SELECT DISTINCT item FROM line_of) AS one) AS line_of
      JOIN (SELECT *, row_number() OVER () AS kind, count(*) OVER () AS kinds FROM item_at_plant) AS i
        ON i.kind = 1 + line_of.place % i.kinds
    """,
)


async def fill(engine: AsyncEngine, needs: int) -> None:
    """One of each as entities record it, then as many as requested."""
    ledger = Ledger(engine)
    need, order = a_requirement(), an_order()
    for snapshot in (need, order):
        audit_event = chain(snapshot.id, 1, FIRST_HASH, "recorded", NOW, NOW, {})
        await ledger.record([AuditBatch(audit_events=(audit_event,), snapshot=snapshot)])
    for number, case in enumerate(cases()):
        assert case.assessment.item is not None
        item = case.assessment.item.model_copy(update={"item": f"KIND-{number}"})
        await ledger.stock.record_item(case.assessment.model_copy(update={"item": item}))
    report = StockReport(
        kind=StockReportKind.STATED,
        plant=PLANT,
        item="ONE",
        quantity=Decimal(120),
        unit="EA",
        source="wms",
        effective_at=NOW,
        event_id="s-1",
    )
    await ledger.stock.register(report.id, "EA", [CountedReport(report=report, quantity=report.quantity)])
    values = {
        "needs": needs,
        "hot": HOT_ITEMS,
        "of_hot": NEEDS_OF_A_HOT_ITEM,
        "of_item": NEEDS_OF_AN_ITEM,
        "lines": LINES_OF_AN_ORDER,
        "need": need.id,
        "order": order.id,
        "stock": report.id,
    }
    async with engine.begin() as connection:
        for statement in _MULTIPLY:
            await connection.execute(text(statement.format(**values)))
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE"))


def a_requirement() -> RequirementSnapshot:
    """A need of two demands, partly received."""
    due = TODAY + dt.timedelta(days=42)
    need = Need(
        plant=PLANT,
        item="ONE",
        quantity=Decimal(400),
        unit="EA",
        required_date=due,
        source="aps",
        demand_reference="PL-0",
        revision=Revision(plan_version=12, effective_at=NOW, event_id="e"),
        pegging=tuple(Peg(demand=f"SO-{part}", quantity=Decimal(200), date=due) for part in range(2)),
    )
    received = ScheduleLine(quantity=Decimal(60), date=TODAY, state=ScheduleLineState.RECEIVED)
    return RequirementSnapshot(
        id=need.id,
        need=need,
        stage=RequirementStage.COVERED,
        request_revision=1,
        coverage=(received,),
        needed=need.quantity,
    )


def an_order() -> OrderSnapshot:
    """Ten lines, each confirmed in two schedule lines, with the surplus of its lot."""
    schedule_lines = tuple(
        ScheduleLine(quantity=quantity, date=TODAY + dt.timedelta(days=days), state=ScheduleLineState.CONFIRMED)
        for quantity, days in ((Decimal(200), 20), (Decimal(225), 34))
    )
    lines = tuple(
        OrderLineSnapshot(
            line=10 * number,
            item="ONE",
            requirement_id=a_requirement().id,
            quantity=Decimal(425),
            unit="EA",
            delivery_date=TODAY + dt.timedelta(days=34),
            price="2.50",
            schedule_lines=schedule_lines,
            shipped=Decimal(0),
            received=Decimal(0),
            allocated=Decimal(400),
        )
        for number in range(1, LINES_OF_AN_ORDER + 1)
    )
    identity = order_id(PLANT, "1580", "bench")
    return OrderSnapshot(id=identity, plant=PLANT, supplier="1580", stage=OrderStage.ACKNOWLEDGED, lines=lines)


# -- ask


def questions(calls: int, needs: int, chance: random.Random) -> list[dict[str, str]]:
    """One in twenty is about an item with hundreds of needs, one in a hundred about an unknown item."""
    asked = []
    for _ in range(calls):
        die = chance.random()
        first = HOT_ITEMS * NEEDS_OF_A_HOT_ITEM // NEEDS_OF_AN_ITEM
        number = chance.randrange(HOT_ITEMS) if die < 0.05 else chance.randrange(first, needs // NEEDS_OF_AN_ITEM)
        item = "NO-SUCH" if die > 0.99 else f"IT-{number}"
        asked.append({"plant": PLANT, "item": item, "quantity": str(chance.randint(1, 900)), "date": "2026-06-15"})
    return asked


async def ask(
    client: httpx.AsyncClient, asked: Sequence[dict[str, str]], at_once: int, path: str = "/v1/availability"
) -> list[float]:
    """Milliseconds of each call."""
    waiting, took = list(asked), []

    async def one_after_the_other() -> None:
        while waiting:
            started = time.perf_counter()
            response = await client.get(path, params=waiting.pop())
            took.append((time.perf_counter() - started) * 1000)
            assert response.status_code == 200, response.text

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return took


async def best_of(client: httpx.AsyncClient, asked: Sequence[dict[str, str]], times: int) -> list[float]:
    """For each question, the quickest of several answers: its own cost, whatever else the machine does."""
    rounds = [await ask(client, list(reversed(asked)), 1) for _ in range(times)]
    return [min(took) for took in zip(*rounds, strict=True)]


def percentiles(took: Sequence[float]) -> dict[str, float]:
    """Nearest rank, in milliseconds."""
    ranked = sorted(took)
    at = {
        name: ranked[math.ceil(len(ranked) * share) - 1] for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }
    return {name: round(value, 2) for name, value in (at | {"max": ranked[-1]}).items()}


async def measure(needs: int, calls: int, rounds: int) -> dict[str, object]:
    """Fill, serve, ask; the median round by p99."""
    with tempfile.TemporaryDirectory(prefix="pegline-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Processes(Path(folder)) as processes:
            server = await postgres.start(processes, Path(folder) / "data")
            url = await server.create("pegline")
            filled = await _filled(url, needs)
            async with _gateway(processes, url) as client:
                answered = await _rounds(client, needs, calls, rounds)
    return {**answered, **filled, "needs_of_a_hot_item": NEEDS_OF_A_HOT_ITEM, "calls_a_round": calls}


async def _filled(url: str, needs: int) -> dict[str, object]:
    """Fill an empty database; how long that took and how many requirements are open."""
    await migrate(url)
    engine = await connect(url)
    started = time.perf_counter()
    await fill(engine, needs)
    seconds = time.perf_counter() - started
    async with engine.connect() as connection:
        open_needs = await connection.scalar(text("SELECT count(*) FROM requirement WHERE NOT closed"))
    await engine.dispose()
    return {"open_requirements": open_needs, "fill_seconds": round(seconds, 1)}


@asynccontextmanager
async def _gateway(processes: Processes, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway process over that database, and its caller."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "benchmarks.availability", "--serve", url, "--port", str(port))
    await processes.start(Program("gateway", command, environment_for_child(), f"{address}/healthz"))
    async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
        yield client


async def _rounds(client: httpx.AsyncClient, needs: int, calls: int, rounds: int) -> dict[str, object]:
    """All questions, after a warm-up."""
    chance = random.Random(1)
    await ask(client, questions(300, needs, chance), 4)
    one_by_one, four_at_once, empty = [], [], []
    for _ in range(rounds):
        one_by_one.append(percentiles(await ask(client, questions(calls, needs, chance), 1)))
        four_at_once.append(percentiles(await ask(client, questions(calls, needs, chance), 4)))
        # The effect of the machine's other load on a call that does nothing, in the same minute.
        empty.append(percentiles(await ask(client, [{}] * calls, 1, "/healthz")))
    undisturbed = percentiles(await best_of(client, questions(calls // 5, needs, chance), 5))
    hot = [{"plant": PLANT, "item": f"IT-{n % HOT_ITEMS}", "quantity": "60"} for n in range(200)]
    return {
        "availability_p99_ms": statistics.median(each["p99"] for each in one_by_one),
        "availability_vs_empty_call": round(
            ratio([each["p50"] for each in one_by_one], [each["p50"] for each in empty]), 2
        ),
        "p99_ms_four_at_once": statistics.median(each["p99"] for each in four_at_once),
        "undisturbed_ms": undisturbed,
        "one_by_one_ms": one_by_one,
        "four_at_once_ms": four_at_once,
        "of_hot_items_ms": percentiles(await ask(client, hot, 1)),
        "empty_call_ms": empty,
    }


async def serve(url: str, port: int) -> None:
    """The gateway over a filled ledger; it starts and signals no workflow."""
    engine = await connect(url)
    policies = FixedPolicies({PLANT: cases()[0].assessment.policy})
    nobody = cast(Entities, None)
    app = create_app(Ledger(engine), nobody, {}, policies, lambda _: TODAY, now=lambda: NOW, relay=False)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--needs", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=3000, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
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
    print("availability_p99_ms", flush=True)
    needs, calls, rounds = (20_000, 300, 1) if given.quick else (given.needs, given.calls, given.rounds)
    found = asyncio.run(measure(needs, calls, rounds))
    server = "gateway by uvicorn, one process; embedded PostgreSQL over its socket"
    to_reach = {"availability_p99_ms": "< 20", "availability_vs_empty_call": None}
    keep("availability", found, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

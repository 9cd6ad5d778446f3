"""How long the inbox takes at 5,000 open questions: the whole page, written as HTML, one call after the other.

An embedded PostgreSQL is filled with a question as its entity records it, multiplied in the database, with five closed
ones for each that is open. The views differ: all, one item, one planner, by value, one kind. The app runs in this
process, so that no socket is measured. Not here: what a browser does with the page.

    python -m benchmarks.inbox [--open 5000] [--calls 300] [--quick]
"""

import argparse
import asyncio
import datetime as dt
import math
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import cast

import httpx
from sqlalchemy import text

from benchmarks.availability import NOW, PLANT, TODAY, percentiles
from benchmarks.command_line import add_quick, command_line
from benchmarks.decisions import cases
from benchmarks.results import keep, ratio
from canonical.audit_event import FIRST_HASH, chain
from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId
from canonical.need import Peg
from canonical.records import AuditBatch, ExceptionSnapshot, ExceptionState
from gateway.app import create_app
from gateway.parts import Entities
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from policies.book import FixedPolicies
from tools import postgres
from tools.processes import Processes

VIEWS = (
    "/inbox",
    "/inbox?scope=all",
    "/inbox?scope=all&item=IT-7",
    "/inbox?scope=all&item=IT-7*",
    "/inbox?sort=-value",
    "/inbox?scope=all&planner=P3",
    "/inbox?kind=overdue&sort=supplier",
)
CLOSED_FOR_EACH = 5
_MULTIPLY = """
    INSERT INTO shortage_exception (id, raised_by, plant, kind, state, assignee, opened_at, item, supplier,
        order_number, summary, digest, latest_safe_date, value, currency, short_quantity, unit, working_days_late,
        criticality, reminders, escalations, choices, demands, planners, closing_reason, position, snapshot,
        recorded_at)
    SELECT 'exception/n' || n, raised_by, plant, (ARRAY['shortage', 'shortage', 'overdue', 'no_answer'])[1 + n % 4],
           CASE WHEN n <= :open THEN 'open' ELSE 'decided' END,
           CASE WHEN n % 3 = 0 THEN 'purchasing-manager' ELSE 'buyer' END, opened_at, 'IT-' || n % 500, 'S-' || n % 90,
           order_number, summary, digest, date '2026-05-04' + n % 60, n::bigint * 7919 % 100000, currency,
           short_quantity, unit, working_days_late, criticality, reminders, escalations, choices, demands,
           ARRAY['P' || n % 9], closing_reason, position, snapshot, recorded_at
    FROM shortage_exception AS asked, generate_series(1, :all) AS n WHERE asked.id = 'exception/one'
"""


def a_question() -> ExceptionSnapshot:
    """A shortage as a requirement asks about it."""
    day = dt.date(2026, 6, 15)
    proposal = Proposal(
        kind=ExceptionKind.SHORTAGE,
        summary="200 of 500 EA of IT-1 come 7 working days late from S-1 for SO-1",
        plant=PLANT,
        supplier="S-1",
        item="IT-1",
        order_number="4500000001",
        quantity=Decimal(500),
        unit="EA",
        short_quantity=Decimal(200),
        pegs=tuple(Peg(demand=f"SO-{n}", quantity=Decimal(100), date=day) for n in range(5)),
        working_days_late=7,
        criticality=Criticality.A,
        value=Decimal(4200),
        currency="EUR",
        alternatives=(Alternative(choice=Choice.SPLIT, supplier="S-2"), Alternative(choice=Choice.ACCEPT)),
        latest_safe_date=day,
    )
    return ExceptionSnapshot(
        id=ExceptionId("exception/one"),
        raised_by=f"requirement/{PLANT}/IT-1/aps~PL-1",
        proposal=proposal,
        digest=proposal.digest,
        state=ExceptionState.OPEN,
        assignee="buyer",
        opened_at=NOW,
    )


async def measure(open_questions: int, calls: int) -> dict[str, object]:
    """Fill, then read each view in turn."""
    with tempfile.TemporaryDirectory(prefix="pegline-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Processes(Path(folder)) as processes:
            server = await postgres.start(processes, Path(folder) / "data")
            url = await server.create("pegline")
            await migrate(url)
            engine = await connect(url)
            ledger, asked = Ledger(engine), a_question()
            recorded = chain(asked.id, 1, FIRST_HASH, "exception.opened", NOW, NOW, {})
            await ledger.record([AuditBatch(audit_events=(recorded,), snapshot=asked)])
            every = open_questions * (1 + CLOSED_FOR_EACH)
            async with engine.begin() as connection:
                await connection.execute(text(_MULTIPLY), {"open": open_questions, "all": every})
            async with engine.connect() as connection:
                await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE"))
            policies = FixedPolicies({PLANT: cases()[0].assessment.policy})
            app = create_app(ledger, cast(Entities, None), {}, policies, lambda _: TODAY, now=lambda: NOW, relay=False)
            try:
                async with httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://gateway", timeout=60
                ) as client:
                    return await _read(client, calls)
            finally:
                await engine.dispose()


async def _read(client: httpx.AsyncClient, calls: int) -> dict[str, object]:
    pages: list[float] = []
    empty: list[float] = []
    by_view: dict[str, list[float]] = {view: [] for view in VIEWS}
    for number in range(calls + len(VIEWS)):
        view = VIEWS[number % len(VIEWS)]
        took = await _timed(client, view)
        idle = await _timed(client, "/healthz")
        if number >= len(VIEWS):  # the first of each are a warm-up
            pages.append(took)
            empty.append(idle)
            by_view[view].append(took)
    ranked = sorted(pages)
    return {
        "inbox_p95_ms": round(ranked[math.ceil(len(ranked) * 0.95) - 1], 1),
        "inbox_vs_empty_call": round(ratio(pages, empty), 1),
        "pages_ms": percentiles(pages),
        "by_view_ms": {view: percentiles(took) for view, took in by_view.items()},
    }


async def _timed(client: httpx.AsyncClient, address: str) -> float:
    started = time.perf_counter()
    answer = await client.get(address, headers={"accept": "text/html"})
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.text
    return took


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--open", type=int, default=5_000)
    parser.add_argument("--calls", type=int, default=300)
    add_quick(parser)
    return parser


def main() -> int:
    """Measure and keep the result."""
    given = arguments().parse_args()
    open_questions, calls = (500, 30) if given.quick else (given.open, given.calls)
    figures = asyncio.run(measure(open_questions, calls))
    keep(
        "inbox",
        {**figures, "open_questions": open_questions},
        server="embedded PostgreSQL, in-process app",
        to_reach={"inbox_p95_ms": "<= 300", "inbox_vs_empty_call": None},
        quick=given.quick,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

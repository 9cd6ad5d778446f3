"""How long the database takes for the lists and pages of requirements and orders at 100,000 open requirements.

The ledger is filled as for benchmarks.availability, with planners, stages and words of their own. Each read is made as
the pages make it, after a warm-up; the time includes sending the rows and reading them. Not here: rendering.

    python -m benchmarks.pages [--needs 100000] [--rounds 20] [--quick]
"""

import argparse
import asyncio
import datetime as dt
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.availability import PLANT, TODAY, fill, percentiles
from benchmarks.command_line import add_quick, command_line
from benchmarks.results import keep
from canonical.records import RequirementStage
from ledger.database import asyncpg_url, connect, migrate
from ledger.ledger import Ledger
from ledger.snapshots.lists import Order, OrderCondition, OrderFilter, RequirementFilter
from tools import postgres
from tools.processes import Processes

# As entities write them: each row its own snapshot, planner, stage and words.
_OWN = (
    """
    UPDATE requirement SET planner = 'planner-' || right(demand_reference, 2),
           stage = CASE WHEN closed THEN 'fulfilled' WHEN demand_reference LIKE '%7' THEN 'short' ELSE 'covered' END,
           words = array_to_tsvector(ARRAY[lower(item), lower(demand_reference), right(demand_reference, -3),
                                           'planner-' || right(demand_reference, 2), 'so-' || right(id, 5)]),
           snapshot = snapshot || jsonb_build_object('id', id)
     WHERE demand_reference LIKE 'PL-_%' AND demand_reference <> 'PL-0'
    """,
    """
    UPDATE purchase_order SET words = array_to_tsvector(ARRAY[order_number, supplier]),
           snapshot = snapshot || jsonb_build_object('id', id, 'order_number', order_number)
     WHERE order_number IS NOT NULL
    """,
    """
    UPDATE purchase_order SET snapshot = jsonb_set(snapshot, '{lines}', (
        SELECT jsonb_agg(line.value || jsonb_build_object('line', l.line, 'requirement_id', l.requirement_id,
                                                         'item', l.item) ORDER BY l.line)
          FROM order_line AS l, (SELECT value FROM jsonb_array_elements(snapshot->'lines') LIMIT 1) AS line
         WHERE l.order_id = purchase_order.id))
     WHERE EXISTS (SELECT FROM order_line AS l WHERE l.order_id = purchase_order.id) AND order_number IS NOT NULL
    """,
)


async def fill_lists(engine: AsyncEngine, needs: int) -> None:
    """The ledger of benchmarks.availability, told apart as lists and searches need it."""
    await fill(engine, needs)
    async with engine.begin() as connection:
        for statement in _OWN:
            await connection.execute(text(statement))
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE"))


def reads(ledger: Ledger, needs: int, deep: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What the pages read, by name; `deep`: the cursor of a page far behind."""
    lists, open_ones = ledger.lists, RequirementFilter(open_only=True)
    number = needs // 2 + 7
    item = f"IT-{number // 10}"
    one = f"requirement/{PLANT}/{item}/aps~{number}"

    def listed(which: RequirementFilter, order: Order = Order.DUE, after: str | None = None) -> Any:
        async def both() -> None:
            page = await lists.requirements(which, order=order, after=after)
            assert page.items
            assert (await lists.requirement_counts(which)).total

        return both

    def orders(which: OrderFilter) -> Any:
        async def both() -> None:
            at = {PLANT: TODAY + dt.timedelta(days=30)}
            assert (await lists.order_headings(which, at, order=Order.DUE, after=None)).items
            await lists.order_counts(which)

        return both

    async def page() -> None:
        row = await ledger.reads.requirement(one)
        assert row is not None
        assert await lists.serving_lines([one])
        await lists.open_questions([one])

    async def order_page() -> None:
        [row] = await lists.orders_by_number(f"45{number // 10:08}")
        served = [line.requirement_id for line in row.snapshot.lines]
        assert await lists.requirements_by_id(served)
        assert await lists.serving_lines(served)
        await lists.open_questions([row.snapshot.id])
        await ledger.reads.audit_events_of_kind([row.snapshot.id], ["order.sent"])

    return {
        "list_open": listed(open_ones),
        "list_far_behind": listed(open_ones, after=deep),
        "list_of_my_plants": listed(RequirementFilter(plants=[PLANT], open_only=True)),
        "list_short": listed(RequirementFilter(stage=RequirementStage.SHORT)),
        "list_of_a_planner": listed(RequirementFilter(planner="planner-17", open_only=True)),
        "list_of_an_item": listed(RequirementFilter(plant=PLANT, item=item)),
        "list_searched": listed(RequirementFilter(q=f"pl-{number}")),
        "list_searched_by_what_all_have": listed(RequirementFilter(q="pl")),
        "list_by_order_number": listed(RequirementFilter(order=f"45{number // 10:08}")),
        "requirement_page": page,
        "orders_open": orders(OrderFilter(condition=OrderCondition.OPEN)),
        "orders_overdue": orders(OrderFilter(condition=OrderCondition.OVERDUE)),
        "order_page": order_page,
    }


async def measure(needs: int, rounds: int) -> dict[str, object]:
    """Fill and read; milliseconds by read."""
    with tempfile.TemporaryDirectory(prefix="pegline-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Processes(Path(folder)) as processes:
            url = await (await postgres.start(processes, Path(folder) / "data")).create("pegline")
            await migrate(url)
            # Filling takes longer than any call of the product may.
            patient = create_async_engine(asyncpg_url(url))
            await fill_lists(patient, needs)
            await patient.dispose()
            engine = await connect(url)
            ledger, deep = Ledger(engine), None
            for _ in range(20):
                page = await ledger.lists.requirements(
                    RequirementFilter(open_only=True), order=Order.DUE, limit=needs // 40, after=deep
                )
                deep = page.next or deep
            found: dict[str, object] = {}
            for name, read in reads(ledger, needs, deep or "").items():
                await read()
                took = []
                for _ in range(rounds):
                    started = time.perf_counter()
                    await read()
                    took.append((time.perf_counter() - started) * 1000)
                found[name] = {"undisturbed": round(min(took), 2), **percentiles(took)}
                print(name, found[name], flush=True)
            await engine.dispose()
    # The quickest of several reads: its own cost, whatever else the machine does.
    slowest = max(each["undisturbed"] for each in found.values() if isinstance(each, dict))
    return {"pages_slowest_read_ms": slowest, "reads_ms": found, "open_requirements": needs}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--needs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    needs, rounds = (20_000, 5) if given.quick else (given.needs, given.rounds)
    found = asyncio.run(measure(needs, rounds))
    server = "embedded PostgreSQL over its socket"
    keep("pages", found, server=server, to_reach={"pages_slowest_read_ms": "<= 100"}, quick=given.quick)


if __name__ == "__main__":
    main()

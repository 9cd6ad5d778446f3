"""The cost of open requirements: the worker's memory, the history of their orders, and the CPU of a further
requirement.

    python -m benchmarks.footprint [--few 1000] [--many 10000] [--probe 100] [--quick]

Open requirements wait for their goods: ordered, confirmed, written back, forty lines an order. At each level, some more
needs go through the whole loop, receipt included, one line per order, and the worker's CPU seconds are divided by their
number.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.command_line import add_quick, command_line
from benchmarks.costs import Meter, history_bytes
from benchmarks.ground import Ground, ground
from benchmarks.load import progress, reach, send_batches, send_singly, set_pace
from benchmarks.results import keep, say
from benchmarks.trade import SUPPLIERS, Needs

LINES = 40
PROBES = 3
HISTORIES = 20
"""How many orders' histories are read; they are alike."""


async def open_needs(on: Ground, needs: Needs, count: int) -> None:
    """Open more requirements, each waiting for its goods."""
    side = on.pegline
    await set_pace(side, None)
    before: int = (await progress(side))["covered"]
    left, orders = count, 0
    while left > 0:
        sizes = [min(LINES, left - LINES * number) for number in range(min(SUPPLIERS, -(-left // LINES)))]
        await send_batches(side, needs.mixed(1, {size: sizes.count(size) for size in set(sizes)}))
        orders += len(sizes)
        left -= sum(sizes)
        say(f"{count - left} of {count} needs stated")

    async def covered() -> int:
        seen: int = (await progress(side))["covered"]
        return seen - before

    await reach(orders, covered, "orders that are covered")
    say(f"{orders} more orders are confirmed and wait for their goods")


async def probe(on: Ground, needs: Needs, count: int) -> dict[str, float]:
    """CPU milliseconds per requirement in the worker and in all programs together; the best of several tries, since
    other load only adds.

    The best, since whatever else runs only adds.
    """
    await set_pace(on.pegline, 0.2)
    tries = []
    for _ in range(PROBES):
        meter = await Meter.start(on, on.pegline)
        await (await send_singly(on.pegline, needs.single(count))).finish()
        tries.append(await meter.read(count))
    return {
        "worker": min(each["cpu_ms"]["pegline-worker"] for each in tries),
        "all": min(each["cpu_ms_all"] for each in tries),
    }


async def order_history_kb(on: Ground, since: datetime) -> float:
    """Kilobytes of history that an order of forty lines holds while it waits for its goods; the median of some."""
    client, kilobytes = on.pegline.client, []
    query = f"WorkflowType='PurchaseOrder' AND ExecutionStatus='Running' AND StartTime >= '{since.isoformat()}'"
    async for found in client.list_workflows(query, limit=HISTORIES):
        described = await client.get_workflow_handle(found.id, run_id=found.run_id).describe()
        kilobytes.append(history_bytes(described) / 1000)
    return round(median(kilobytes), 1)


async def measure(*, few: int, many: int, count: int) -> dict[str, Any]:
    """Fill to both levels and probe at each."""
    async with ground() as on:
        started = datetime.now(UTC)
        needs = Needs(f"F{int(time.time()) % 10_000:04}")
        await set_pace(on.pegline, 0.2)
        await (await send_singly(on.pegline, needs.single(40))).finish()
        levels: dict[int, dict[str, Any]] = {}
        opened = 0
        for level in (few, many):
            await open_needs(on, needs, level - opened)
            opened = level
            levels[level] = await _level(on, needs, count)
            cpu = levels[level]["cpu_ms"]["worker"]
            say(f"{level} open: worker {levels[level]['worker_mb']} MB, {cpu} ms of its CPU a requirement")
        running = await on.pegline.client.count_workflows(
            f"WorkflowType='MaterialRequirement' AND ExecutionStatus='Running' AND StartTime >= '{started.isoformat()}'"
        )
        return {
            "worker_mb": levels[many]["worker_mb"],
            "cost_slope": _slope(levels[few], levels[many], "worker"),
            "cost_slope_all_programs": _slope(levels[few], levels[many], "all"),
            "order_history_kb": await order_history_kb(on, started),
            "open_requirements": running.count,
            "levels": levels,
            "server": on.server.name,
        }


async def _level(on: Ground, needs: Needs, count: int) -> dict[str, Any]:
    cpu = await probe(on, needs, count)
    return {"cpu_ms": cpu, "worker_mb": round(on.megabytes("pegline-worker"))}


def _slope(few: dict[str, Any], many: dict[str, Any], programs: str) -> float:
    return float(round(many["cpu_ms"][programs] / few["cpu_ms"][programs], 2))


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--probe", type=int, default=100, help="needs that go through the loop at each level, each try")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    few, many, count = (100, 400, 20) if given.quick else (given.few, given.many, given.probe)
    print("worker_mb, cost_slope, order_history_kb", flush=True)
    found = asyncio.run(measure(few=few, many=many, count=count))
    server = found.pop("server")
    to_reach = {"worker_mb": "<= 500", "cost_slope": "<= 1.1", "order_history_kb": None}
    keep("footprint", found, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

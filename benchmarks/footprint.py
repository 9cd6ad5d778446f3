"""What open requirements cost a worker: its memory, and the CPU of a further requirement, as more and more are open.

    python -m benchmarks.footprint [--few 1000] [--many 10000] [--probe 120] [--quick]

Open requirements wait for their goods: ordered, confirmed, written back, forty lines an order. At each level, some more
needs go through the whole loop, receipt included, one line an order, and the worker's CPU seconds are divided by them.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.costs import Meter
from benchmarks.ground import Ground, ground
from benchmarks.load import progress, send_batches, send_singly, set_pace
from benchmarks.results import keep, say
from benchmarks.trade import SUPPLIERS, Needs

LINES = 40
PROBES = 3
WAIT_SECONDS = 600


async def open_needs(on: Ground, needs: Needs, count: int) -> None:
    """So many more requirements, each waiting for its goods."""
    side = on.pegline
    await set_pace(side, None)
    before = (await progress(side))["covered"]
    left, orders = count, 0
    while left > 0:
        sizes = [min(LINES, left - LINES * number) for number in range(min(SUPPLIERS, -(-left // LINES)))]
        await send_batches(side, needs.mixed(1, {size: sizes.count(size) for size in set(sizes)}))
        orders += len(sizes)
        left -= sum(sizes)
        say(f"{count - left} of {count} needs stated")
    deadline = time.monotonic() + WAIT_SECONDS
    while (covered := (await progress(side))["covered"] - before) < orders:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{covered} of {orders} orders are covered after {WAIT_SECONDS} s")
        await asyncio.sleep(1)
    say(f"{orders} more orders are confirmed and wait for their goods")


async def probe(on: Ground, needs: Needs, count: int) -> dict[str, float]:
    """CPU milliseconds that a requirement takes of the worker and of all programs together, in the best of some tries.

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
            cpu = await probe(on, needs, count)
            levels[level] = {"cpu_ms": cpu, "worker_mb": round(on.megabytes("pegline-worker"))}
            say(f"{level} open: worker {levels[level]['worker_mb']} MB, {cpu['worker']} ms of its CPU a requirement")
        running = await on.pegline.client.count_workflows(
            f"WorkflowType='MaterialRequirement' AND ExecutionStatus='Running' AND StartTime >= '{started.isoformat()}'"
        )
        return {
            "worker_mb": levels[many]["worker_mb"],
            "cost_slope": round(levels[many]["cpu_ms"]["worker"] / levels[few]["cpu_ms"]["worker"], 2),
            "cost_slope_all_programs": round(levels[many]["cpu_ms"]["all"] / levels[few]["cpu_ms"]["all"], 2),
            "open_requirements": running.count,
            "levels": levels,
            "server": on.server.name,
        }


def main() -> None:
    """Measure, keep and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--few", type=int, default=1000)
    asked.add_argument("--many", type=int, default=10_000)
    asked.add_argument("--probe", type=int, default=100, help="needs that go through the loop at each level, each try")
    asked.add_argument("--quick", action="store_true", help="a tenth of it: whether it works, not what it costs")
    given = asked.parse_args()
    few, many, count = (100, 1000, 20) if given.quick else (given.few, given.many, given.probe)
    print("worker_mb, cost_slope", flush=True)
    found = asyncio.run(measure(few=few, many=many, count=count))
    server = found.pop("server")
    keep("footprint", found, server=server, to_reach={"worker_mb": "<= 500", "cost_slope": "<= 1.1"})


if __name__ == "__main__":
    main()

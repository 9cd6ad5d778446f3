"""Requirements per second through the whole loop, receipt included, compared with the bare workflow.

    python -m benchmarks.throughput [--single] [--writes-only] [--rounds 3] [--times 4] [--quick]

At the demo's mix of lines per order, or with `--single` one line per order, each requirement by its own hook call. The
bare workflow makes the calls that Pegline makes for an order of one line, with `--writes-only` only the writes.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import asyncpg

from benchmarks.command_line import add_quick, add_writes_only, command_line
from benchmarks.costs import Histories, Meter
from benchmarks.ground import Ground, Side, ground
from benchmarks.load import Round, progress, reach, send_batches, send_singly, set_pace
from benchmarks.results import keep, ratio, say
from benchmarks.trade import DEMO_MIX, WINDOW_SECONDS, Needs

RECEIVE_AFTER = 0.2
_PER_REQUIREMENT: Mapping[str, str | None] = {
    "events_per_requirement": "<= 24",
    "actions_per_requirement": "<= 7",
    "history_kb_per_requirement": None,
    "bare_history_kb": None,
}


async def single_round(on: Ground, side: Side, needs: Needs, count: int) -> dict[str, Any]:
    """Send all needs by their own calls and wait until the last has ended."""
    meter = await Meter.start(on, side)
    sent = await send_singly(side, needs.single(count))
    return await _ended(side, sent, meter, 0.0)


async def mixed_round(on: Ground, needs: Needs, times: int) -> dict[str, Any]:
    """The demo's mix on Pegline.

    The clock stops when all supply requests are in their consolidation batches and runs on when the first consolidation
    window ends: the time between is the plant's policy, not work. The time during which the windows end one after the
    other counts.
    """
    side, events = on.pegline, needs.mixed(times)
    requests = await _requests(on)
    meter = await Meter.start(on, side)
    sent = await send_batches(side, events)
    await reach(requests + len(events), lambda: _requests(on), "supply requests in consolidation batches")
    collected = datetime.now(UTC)
    consolidating = await meter.read(len(events))
    first_end = await _first_window_end(on, sent)
    idle = max(0.0, (first_end - collected).total_seconds())
    await asyncio.sleep(max(0.0, idle - 0.5))
    # Idle servers also use some CPU, which must not count for the requirements.
    meter = await Meter.start(on, side)
    mine = await _ended(side, sent, meter, idle)
    mine["consolidating"] = {**consolidating, "seconds": round((collected - sent.started_at).total_seconds(), 2)}
    mine["cpu_ms_all"] = round(mine["cpu_ms_all"] + consolidating["cpu_ms_all"], 1)
    mine["cpu_ms"] = {name: round(spent + consolidating["cpu_ms"][name], 1) for name, spent in mine["cpu_ms"].items()}
    if mine["actions"] is not None:
        mine["actions"] = round(mine["actions"] + consolidating["actions"], 2)
    return mine


async def bare_round(on: Ground, needs: Needs, times: int) -> dict[str, Any]:
    """The same mix, in the same batches: a workflow per requirement."""
    meter = await Meter.start(on, on.bare)
    sent = await send_batches(on.bare, needs.mixed(times))
    return await _ended(on.bare, sent, meter, 0.0)


async def _ended(side: Side, sent: Round, meter: Meter, idle_seconds: float) -> dict[str, Any]:
    last = await sent.finish()
    seconds = (last - sent.started_at).total_seconds() - idle_seconds
    cost = await meter.read(sent.count)
    histories = await Histories.read(side, sent.started_at)
    return {
        "per_second": round(sent.count / seconds, 2),
        "seconds": round(seconds, 2),
        **cost,
        **histories.each(sent.count),
    }


async def _requests(on: Ground) -> int:
    """How many supply requests are in consolidation batches, whether these are still open or not."""
    ledger = await asyncpg.connect(host=str(on.ledger.sockets), user="postgres", database="pegline")
    try:
        found: int = await ledger.fetchval("SELECT count(*) FROM supply_request")
        return found
    finally:
        await ledger.close()


async def _first_window_end(on: Ground, sent: Round) -> datetime:
    query = f"WorkflowType='PurchaseOrder' AND StartTime >= '{sent.started_at.isoformat()}'"
    started = [found.start_time async for found in on.pegline.client.list_workflows(query, page_size=1000)]
    return min(started) + timedelta(seconds=WINDOW_SECONDS)


async def measure(*, single: bool, bare_reads: bool, rounds: int, times: int, count: int) -> dict[str, Any]:
    """All rounds, Pegline and bare in turn; the first of each is a warm-up and is not counted."""
    async with ground(bare_reads=bare_reads) as on:
        needs = Needs(f"T{int(time.time()) % 10_000:04}")
        for side in (on.pegline, on.bare):
            await set_pace(side, RECEIVE_AFTER)
        found: dict[str, list[dict[str, Any]]] = {"pegline": [], "bare": []}
        for number in range(rounds + 1):
            if single or number == 0:
                size = count if number else max(20, count // 4)
                mine = await single_round(on, on.pegline, needs, size)
                bare = await single_round(on, on.bare, needs, size)
            else:
                mine = await mixed_round(on, needs, times)
                bare = await bare_round(on, needs, times)
            what = "warm-up" if number == 0 else f"round {number} of {rounds}"
            say(f"{what}: {_reported('pegline', mine)}; {_reported('bare', bare)}")
            if number:
                found["pegline"].append(mine)
                found["bare"].append(bare)
        calls = {side.name: (await progress(side))["calls"] for side in (on.pegline, on.bare)}
        return {**_summary(found), "rounds": found, "calls": calls, "server": on.server.name}


def _reported(name: str, result: Mapping[str, Any]) -> str:
    return (
        f"{name} {result['per_second']:.1f}/s, {result['cpu_ms_all']:.0f} ms CPU, {result['events']['all']} events, "
        f"{result['history_kb']['all']} KB of history, {result['actions']} actions each"
    )


def _summary(found: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    def middle(side: str, name: str) -> float:
        return float(round(median([each[name] for each in found[side]]), 2))

    def histories(side: str, what: str) -> float:
        return float(round(median([each[what]["all"] for each in found[side]]), 2))

    counted = [each["actions"] for each in found["pegline"] if each["actions"] is not None]
    return {
        "ratio": round(ratio(*([each["per_second"] for each in found[side]] for side in ("pegline", "bare"))), 2),
        "pegline_per_second": middle("pegline", "per_second"),
        "bare_per_second": middle("bare", "per_second"),
        "cpu_ms": {side: middle(side, "cpu_ms_all") for side in found},
        "events_per_requirement": histories("pegline", "events"),
        "actions_per_requirement": round(median(counted), 2) if counted else None,
        "history_kb_per_requirement": histories("pegline", "history_kb"),
        "history_kb": _by_type(found["pegline"]),
        "bare_events": histories("bare", "events"),
        "bare_history_kb": histories("bare", "history_kb"),
    }


def _by_type(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Kilobytes of history per requirement, by workflow type."""
    kinds = {kind for each in rounds for kind in each["history_kb"]}
    # A round without a question to a person has no history of one.
    return {kind: round(median([each["history_kb"].get(kind, 0.0) for each in rounds]), 2) for kind in sorted(kinds)}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--single", action="store_true", help="one line an order, each by its own hook call")
    add_writes_only(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=4, help="how often the mix, of 146 lines, a round")
    parser.add_argument("--count", type=int, default=200, help="needs a round, with --single")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    rounds, times, count = (1, 1, 40) if given.quick else (given.rounds, given.times, given.count)
    figure = "throughput_vs_bare_single" if given.single else "throughput_vs_bare"
    name = f"{figure}_writes_only" if given.writes_only else figure
    print(name, flush=True)
    bare_reads = not given.writes_only
    found = asyncio.run(measure(single=given.single, bare_reads=bare_reads, rounds=rounds, times=times, count=count))
    server = found.pop("server")
    figures = {name: found.pop("ratio"), **found}
    if not given.single:
        figures["mix"] = {str(lines): orders for lines, orders in DEMO_MIX.items()}
    to_reach = {name: ">= 0.7"} if given.single else {name: ">= 1.2", **_PER_REQUIREMENT}
    keep(name, figures, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

"""How long from a supplier's answer until ERP and APS are written, at five answers a second, against the bare workflow.

    python -m benchmarks.latency [--writes-only] [--rounds 3] [--seconds 30] [--per-second 5] [--quick]

The stopwatch is the counterparts': from the sending of the answer to the gateway until both have been written, so that
intake, relay and queueing count. Each need is stated by its own call, one line an order, so that answers come at the
pace of the needs.
"""

import argparse
import asyncio
import time
from typing import Any

from benchmarks.ground import Side, ground
from benchmarks.load import send_paced, send_singly, set_pace
from benchmarks.results import keep, percentile, say
from benchmarks.trade import Needs

RECEIVE_AFTER = 0.5


async def paced_round(side: Side, needs: Needs, count: int, per_second: float) -> list[float]:
    """The latencies of a round, in seconds."""
    sent = await send_paced(side, needs.single(count), per_second)
    await sent.finish()
    return await _latencies(side)


async def _latencies(side: Side) -> list[float]:
    found: list[float] = (await side.counterparts.get("/bench/latencies")).json()["seconds"]
    return found


async def measure(*, bare_reads: bool, rounds: int, seconds: int, per_second: float) -> dict[str, Any]:
    """Rounds of both sides in turn; the percentiles are of all rounds together."""
    async with ground(bare_reads=bare_reads) as on:
        needs = Needs(f"L{int(time.time()) % 10_000:04}")
        found: dict[str, list[float]] = {"pegline": [], "bare": []}
        for side in (on.pegline, on.bare):
            await set_pace(side, RECEIVE_AFTER)
            await (await send_singly(side, needs.single(20))).finish()
            await _latencies(side)
        for number in range(1, rounds + 1):
            for side in (on.pegline, on.bare):
                latencies = await paced_round(side, needs, round(seconds * per_second), per_second)
                found[side.name] += latencies
                say(f"round {number} of {rounds}: {side.name} {_reported(latencies)}")
        p99 = {name: percentile(values, 0.99) for name, values in found.items()}
        return {
            "answer_latency_ratio": round(p99["pegline"] / p99["bare"], 2),
            "per_second": per_second,
            "answers": {name: len(values) for name, values in found.items()},
            **{
                f"p{share}_ms": {name: round(1000 * percentile(values, share / 100)) for name, values in found.items()}
                for share in (50, 90, 99)
            },
            "milliseconds": {name: [round(1000 * each) for each in sorted(values)] for name, values in found.items()},
            "server": on.server.name,
        }


def _reported(latencies: list[float]) -> str:
    return ", ".join(f"p{share} {1000 * percentile(latencies, share / 100):.0f} ms" for share in (50, 90, 99))


def main() -> None:
    """Measure, keep and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--writes-only", action="store_true", help="the bare workflow reads nothing of the ERP")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=int, default=30, help="of a round")
    asked.add_argument("--per-second", type=float, default=5)
    asked.add_argument("--quick", action="store_true", help="one short round: whether it works, not how fast")
    given = asked.parse_args()
    rounds, seconds = (1, 10) if given.quick else (given.rounds, given.seconds)
    print("answer_latency_ratio", flush=True)
    found = asyncio.run(
        measure(bare_reads=not given.writes_only, rounds=rounds, seconds=seconds, per_second=given.per_second)
    )
    server = found.pop("server")
    name = "answer_latency_writes_only" if given.writes_only else "answer_latency"
    keep(name, found, server=server, to_reach={"answer_latency_ratio": "<= 1.2"})


if __name__ == "__main__":
    main()

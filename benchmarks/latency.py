"""The time from a supplier's answer until ERP and APS are written, compared with the bare workflow.

    python -m benchmarks.latency [--writes-only] [--rounds 3] [--answers 150] [--share 0.5] [--quick]

First each side's capacity is measured: how many requirements per second it can take through the whole loop. Then needs
are sent at a share of that, each by its own call, one line per order, so that answers come at the pace of the needs;
the first ones are warm-up. Capacity is measured before each round, since a machine's speed may change within minutes.

The counterparts take the time: from sending the answer to the gateway until both have been written, so that intake,
relay and queueing count.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.command_line import add_quick, add_writes_only, command_line
from benchmarks.ground import Side, ground
from benchmarks.load import send_paced, send_singly, set_pace
from benchmarks.results import keep, percentile, ratio, say
from benchmarks.trade import Needs

RECEIVE_AFTER = 0.5
_CAPACITIES = ("capacity_per_second", "bare_capacity_per_second", "capacity_ratio")
WARM_UP_SHARE = 0.2
"""The share of a round's answers that are sent before the counted ones."""


@dataclass
class Measured:
    """The results of one side's rounds."""

    capacities: list[float] = field(default_factory=list)
    """Requirements per second at full speed."""
    paces: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """Seconds, of all rounds."""

    def milliseconds(self, share: float) -> int:
        """A percentile."""
        return round(1000 * percentile(self.latencies, share))


async def capacity(side: Side, needs: Needs, count: int) -> float:
    """Requirements per second through the whole loop, sent as fast as the gateway accepts them."""
    sent = await send_singly(side, needs.single(count))
    return count / (await sent.finish() - sent.started_at).total_seconds()


async def paced_round(side: Side, needs: Needs, answers: int, per_second: float) -> list[float]:
    """The latencies of so many answers after the warm-up, in seconds."""
    warm_up = round(WARM_UP_SHARE * answers)
    await _latencies(side)  # Discard latencies from before this round.
    events = needs.single(warm_up + answers)
    sending = asyncio.create_task(send_paced(side, events, per_second))
    first: list[float] = []
    while len(first) < warm_up and not sending.done():
        await asyncio.sleep(0.2)
        first += await _latencies(side)
    await (await sending).finish()
    return await _latencies(side)


async def _latencies(side: Side) -> list[float]:
    found: list[float] = (await side.counterparts.get("/bench/latencies")).json()["seconds"]
    return found


async def measure(*, bare_reads: bool, rounds: int, answers: int, share: float) -> dict[str, Any]:
    """Rounds of both sides in turn; the percentiles are of all rounds together."""
    async with ground(bare_reads=bare_reads) as on:
        needs = Needs(f"L{int(time.time()) % 10_000:04}")
        sides = (on.pegline, on.bare)
        for side in sides:
            await set_pace(side, RECEIVE_AFTER)
            await capacity(side, needs, 20)
        found = {side.name: Measured() for side in sides}
        for number in range(1, rounds + 1):
            for side in sides:
                text = await _round(side, needs, found[side.name], answers=answers, share=share)
                say(f"round {number} of {rounds}: {side.name} {text}")
        return {**_summary(found["pegline"], found["bare"]), "share_of_capacity": share, "server": on.server.name}


async def _round(side: Side, needs: Needs, into: Measured, *, answers: int, share: float) -> str:
    """Measure capacity, then latencies at a share of it, and print both."""
    can_do = await capacity(side, needs, answers // 2)
    latencies = await paced_round(side, needs, answers, share * can_do)
    into.capacities.append(can_do)
    into.paces.append(share * can_do)
    into.latencies += latencies
    percentiles = ", ".join(f"p{part} {1000 * percentile(latencies, part / 100):.0f} ms" for part in (50, 90, 99))
    return f"can do {can_do:.1f}/s; at {share * can_do:.1f}/s {percentiles}"


def _summary(pegline: Measured, bare: Measured) -> dict[str, Any]:
    both = {"pegline": pegline, "bare": bare}
    return {
        "answer_latency_ratio": round(pegline.milliseconds(0.99) / bare.milliseconds(0.99), 2),
        "capacity_per_second": round(median(pegline.capacities), 1),
        "bare_capacity_per_second": round(median(bare.capacities), 1),
        "capacity_ratio": round(ratio(pegline.capacities, bare.capacities), 2),
        "capacities": {name: [round(each, 1) for each in side.capacities] for name, side in both.items()},
        "paces": {name: [round(each, 1) for each in side.paces] for name, side in both.items()},
        "answers": {name: len(side.latencies) for name, side in both.items()},
        **{
            f"p{share}_ms": {name: side.milliseconds(share / 100) for name, side in both.items()}
            for share in (50, 90, 99)
        },
        "milliseconds": {name: [round(1000 * each) for each in sorted(side.latencies)] for name, side in both.items()},
    }


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    add_writes_only(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--answers", type=int, default=150, help="of a round, counted")
    parser.add_argument("--share", type=float, default=0.5, help="of what the side can do in this run")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    rounds, answers = (1, 40) if given.quick else (given.rounds, given.answers)
    print("answer_latency_ratio", flush=True)
    found = asyncio.run(measure(bare_reads=not given.writes_only, rounds=rounds, answers=answers, share=given.share))
    server = found.pop("server")
    name = "answer_latency_writes_only" if given.writes_only else "answer_latency"
    to_reach = {"answer_latency_ratio": "<= 1.2", **dict.fromkeys(_CAPACITIES)}
    keep(name, found, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

"""What a slow ERP of one plant costs the other plants: their rate and their latency, with and without it in turns.

    python -m benchmarks.slow_system [--rounds 3] [--count 120] [--share 0.5] [--slow 2] [--quick]

Three plants, each on counterparts of its own; needs come at a steady pace, spread evenly over them.
"""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from benchmarks.command_line import add_quick, command_line
from benchmarks.ground import PEGLINE, Side, caller, start_counterparts, start_namespace, start_server
from benchmarks.load import reach, send_paced, send_singly
from benchmarks.results import DIRECTORY, keep, percentile, ratio, say
from benchmarks.trade import Needs
from runtime.temporal import temporal_plugin
from settings import environment_for_child
from tools import postgres
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program

PLANTS: Mapping[str, str] = {"north": "3100", "east": "3200", "slow": "3300"}
"""The plant by the name of its counterparts; the last is the slow one."""
SLOW = "slow"
_RATE, _EDI_RATE = 5000, 10000
RECEIVE_AFTER = 0.2


class Ended(NamedTuple):
    """A round: when its first need was sent, and each requirement's start and end by plant."""

    started_at: datetime
    spans: Mapping[str, Sequence[tuple[datetime, datetime]]]

    def others(self) -> list[tuple[datetime, datetime]]:
        """Those of the plants whose ERP is never slow."""
        return list(chain.from_iterable(spans for plant, spans in self.spans.items() if plant != PLANTS[SLOW]))

    @property
    def others_per_second(self) -> float:
        """Requirements of the other plants that ended a second, until the last of them did."""
        spans = self.others()
        return len(spans) / (max(end for _, end in spans) - self.started_at).total_seconds()

    def seconds(self, *, slow: bool) -> list[float]:
        """From start to end of each requirement, of the slow plant or of the others."""
        spans = self.spans[PLANTS[SLOW]] if slow else self.others()
        return [(end - start).total_seconds() for start, end in spans]


@dataclass(frozen=True)
class Plants:
    """The running programs."""

    side: Side
    counterparts: Mapping[str, httpx.AsyncClient]
    server: str

    async def slow_down(self, seconds: float) -> None:
        """The last plant's ERP takes so long for each call; 0: no longer."""
        erp = self.counterparts[SLOW]
        (await erp.delete("/erp/control/faults")).raise_for_status()
        if seconds:
            fault = {"kind": "slow", "seconds": seconds, "times": 1_000_000}
            (await erp.post("/erp/control/faults", json=fault)).raise_for_status()

    async def round(self, events: Sequence[dict[str, Any]], per_second: float | None) -> Ended:
        """Send the needs at this pace, or as fast as the gateway takes them, and wait until all have ended."""
        sending = send_paced(self.side, events, per_second) if per_second else send_singly(self.side, events)
        sent = await sending
        await reach(sent.count, sent.ended, "requirements that have ended")
        query = f"WorkflowType='{self.side.workflow}' AND StartTime >= '{sent.started_at.isoformat()}'"
        spans: dict[str, list[tuple[datetime, datetime]]] = {plant: [] for plant in PLANTS.values()}
        async for found in self.side.client.list_workflows(query, page_size=1000):
            assert found.close_time is not None, found.id
            spans[found.id.split("/")[1]].append((found.start_time, found.close_time))
        return Ended(sent.started_at, spans)


@asynccontextmanager
async def plants() -> AsyncIterator[Plants]:
    """Start all on empty servers."""
    directory = DIRECTORY / "slow_system"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    async with Processes(DIRECTORY) as processes, AsyncExitStack() as stack:
        ledger = await postgres.start(processes, DIRECTORY / "postgres", durable=True)
        await ledger.drop("pegline")
        database = await ledger.create("pegline")
        server = await start_server(processes)
        connection = ClientConnectConfig(target_host=server.address, namespace=PEGLINE)
        await start_namespace(connection)
        port = free_port()
        reached: dict[str, str] = {}
        callers: dict[str, httpx.AsyncClient] = {}
        for name, plant in PLANTS.items():
            reached[name], http = await start_counterparts(processes, name, port, plants=[plant], own_name=True)
            stack.push_async_callback(http.aclose)
            callers[name] = http
            gateway = {"url": f"http://{LOOPBACK}:{port}", "channel": f"edi-{name}"}
            (await http.post("/edi/control/gateway", json=gateway)).raise_for_status()
            (await http.post("/bench/pace", json={"receive_after": RECEIVE_AFTER})).raise_for_status()
        environment = environment_for_child(
            TEMPORAL_ADDRESS=server.address,
            TEMPORAL_NAMESPACE=PEGLINE,
            PEGLINE_DATABASE_URL=database,
            PEGLINE_POLICY_DIRECTORY=str(_policies(directory)),
            PEGLINE_LANDSCAPE=str(_landscape(directory, reached)),
            PEGLINE_GATEWAY_HOST=LOOPBACK,
            PEGLINE_GATEWAY_PORT=str(port),
        )
        await _start(processes, port, environment)
        gateway_caller = caller(f"http://{LOOPBACK}:{port}")
        stack.push_async_callback(gateway_caller.aclose)
        client = await Client.connect(**connection, plugins=[temporal_plugin()])
        side = Side(PEGLINE, client, "MaterialRequirement", gateway_caller, callers[SLOW], ())
        yield Plants(side, callers, server.name)


async def _start(processes: Processes, port: int, environment: Mapping[str, str]) -> None:
    ready = f"http://{LOOPBACK}:{port}/readyz"
    await processes.start(Program("gateway", (sys.executable, "cli.py", "gateway"), environment, ready))

    async def works() -> bool:
        return "worker ready, process" in processes.last_lines("worker", 1000)

    await processes.start(Program("worker", (sys.executable, "worker.py"), environment, works))


def _landscape(directory: Path, reached: Mapping[str, str]) -> Path:
    (directory / "password").write_text("pegline")
    text = "".join(_systems(name, plant, reached[name]) for name, plant in PLANTS.items())
    file = directory / "landscape.toml"
    file.write_text(text)
    return file.resolve()


def _systems(name: str, plant: str, address: str) -> str:
    log_on = 'log_on = { method = "basic", user = "PEGLINE", password = { file = "password" } }'
    return f"""
[systems.erp-{name}]
kind = "erp"
dialect = "sap-v2"
address = "{address}/erp"
rate = {_RATE}
{log_on}

[systems.edi-{name}]
kind = "supplier"
dialect = "edifact"
address = "{address}/edi"
rate = {_EDI_RATE}

[systems.aps-{name}]
kind = "planning"
dialect = "rest"
address = "{address}/aps"
rate = {_EDI_RATE}
sources = ["aps-bench"]

[systems.wms-{name}]
kind = "wms"
sources = ["wms-{name}"]

[[owner]]
system = "erp-{name}"
domains = ["orders", "master_data"]
plant = "{plant}"

[[owner]]
system = "aps-{name}"
domains = ["coverage", "requirement"]
plant = "{plant}"

[[owner]]
system = "wms-{name}"
domains = ["goods_receipt"]
plant = "{plant}"

[[channel]]
system = "edi-{name}"
plant = "{plant}"
"""


def _policies(directory: Path) -> Path:
    """The shipped defaults, and plants that order each need at once."""
    target = (directory / "policies").resolve()
    (target / "plants").mkdir(parents=True)
    for name in ("defaults.toml", "calendars.toml"):
        shutil.copy(Path("policies") / name, target / name)
    for plant in PLANTS.values():
        text = f'company_code = "{plant}"\npurchasing_group = "001"\ncalendar = "us-west"\noffice = "us-west-office"\n'
        (target / "plants" / f"{plant}.toml").write_text(f"{text}consolidation_minutes = 0\n")
    return target


def spread(needs: Needs, count: int) -> list[dict[str, Any]]:
    """So many needs, of one plant after the other."""
    by_plant = [needs.single(count // len(PLANTS), plant) for plant in PLANTS.values()]
    return list(chain.from_iterable(zip(*by_plant, strict=True)))


async def measure(*, rounds: int, count: int, share: float, slow: float) -> dict[str, Any]:
    """Rounds without and with slowness in turn, after a warm-up that says what all plants take together."""
    async with plants() as on:
        needs = Needs(f"S{int(time.time()) % 10_000:04}")
        await on.round(spread(needs, min(30, count)), None)
        first = await on.round(spread(needs, count), None)
        last = max(end for spans in first.spans.values() for _, end in spans)
        can_do = sum(map(len, first.spans.values())) / (last - first.started_at).total_seconds()
        pace = share * can_do
        say(f"all three take {can_do:.1f}/s; needs come at {pace:.1f}/s")
        even: list[Ended] = []
        slowed: list[Ended] = []
        for number in range(1, rounds + 1):
            for into, seconds in ((even, 0.0), (slowed, slow)):
                await on.slow_down(seconds)
                found = await on.round(spread(needs, count), pace)
                into.append(found)
                others, own = median(found.seconds(slow=False)), median(found.seconds(slow=True))
                which = f"one ERP takes {seconds:g} s a call" if seconds else "all answer at once"
                text = f"others {found.others_per_second:.2f}/s, {others:.2f} s each; that plant {own:.2f} s each"
                say(f"round {number} of {rounds}, {which}: {text}")
        return {**_summary(even, slowed), "pace": round(pace, 2), "slow_call_seconds": slow, "server": on.server}


def _summary(even: Sequence[Ended], slowed: Sequence[Ended]) -> dict[str, Any]:
    rates = [[each.others_per_second for each in rounds] for rounds in (slowed, even)]
    seconds = [list(chain.from_iterable(each.seconds(slow=False) for each in rounds)) for rounds in (slowed, even)]
    own = [list(chain.from_iterable(each.seconds(slow=True) for each in rounds)) for rounds in (slowed, even)]
    return {
        "others_rate_ratio": round(ratio(*rates), 3),
        "others_latency_ratio": round(ratio(*seconds), 2),
        "others_p95_ratio": round(percentile(seconds[0], 0.95) / percentile(seconds[1], 0.95), 2),
        "others_per_second": {"slow": round(median(rates[0]), 2), "even": round(median(rates[1]), 2)},
        "others_seconds": {"slow": round(median(seconds[0]), 2), "even": round(median(seconds[1]), 2)},
        "slow_seconds": {"slow": round(median(own[0]), 2), "even": round(median(own[1]), 2)},
        "rates": {"slow": [round(each, 3) for each in rates[0]], "even": [round(each, 3) for each in rates[1]]},
    }


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=120, help="needs a round")
    parser.add_argument("--share", type=float, default=0.5, help="of what all plants take together in this run")
    parser.add_argument("--slow", type=float, default=2.0, help="seconds that each call of the slow ERP takes")
    add_quick(parser)
    return parser


def main() -> None:
    """Measure, keep and print."""
    given = arguments().parse_args()
    rounds, count = (1, 15) if given.quick else (given.rounds, given.count)
    print("others_rate_ratio", flush=True)
    found = asyncio.run(measure(rounds=rounds, count=count, share=given.share, slow=given.slow))
    server = found.pop("server")
    to_reach = {"others_rate_ratio": ">= 0.95", "others_latency_ratio": "<= 1.2", "others_p95_ratio": None}
    keep("slow_system", found, server=server, to_reach=to_reach, quick=given.quick)


if __name__ == "__main__":
    main()

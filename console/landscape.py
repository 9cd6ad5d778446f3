"""`cli.py landscape …`: tries the systems of the landscape, and says who owns what. It writes nothing anywhere.

python cli.py landscape check [--system sap-north]
python cli.py landscape explain 1000 --item BOLT-8 --supplier V-100
"""

import argparse
import asyncio
import datetime as dt
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapters.dialects import CheckResult
from adapters.errors import AdapterError
from adapters.tls import ends
from canonical.landscape import TwoErps
from canonical.routing import supplying_plants
from canonical.sourcing import ItemAtPlant
from policies.book import PolicyBook
from runtime.landscape import pool_of
from runtime.systems import PlantsMasterData, SystemPool
from settings import WorkerSettings

RENEW_WITHIN = dt.timedelta(days=30)
"""A certificate that lasts for longer is nothing to speak of."""
TIMEOUT_SECONDS = 120.0
"""For all steps of one system."""


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `landscape` command and its arguments."""
    landscape = commands.add_parser("landscape", help="the systems that Pegline works with, and what each owns")
    questions = landscape.add_subparsers(dest="question", required=True)
    check = questions.add_parser("check", help="try every system: log-on, fields, rights, reads, clock; writes nothing")
    check.add_argument("--system", action="append", help="only this one; may be repeated", metavar="NAME")
    check.add_argument(
        "--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds for each system", metavar="SECONDS"
    )
    explain = questions.add_parser("explain", help="who owns what at a plant, by which line of which file")
    explain.add_argument("plant")
    explain.add_argument("--item", default="", help="for the mode of its item class")
    explain.add_argument("--supplier", default="", help="for its channel")


def run(given: argparse.Namespace) -> int:
    """Carry the command out; check returns 1 if a system has a fault, 2 if the landscape or a name is wrong."""
    settings = WorkerSettings.load()
    pool, policies = pool_of(settings), PolicyBook(settings.policy_directory)
    if given.question == "explain":
        return asyncio.run(_explain(pool, policies, given.plant, given.item, given.supplier))
    called = [name for name, system in pool.landscape.systems.items() if system.dialect]
    strangers = sorted(set(given.system or ()) - set(called))
    if strangers:
        print(f"{strangers[0]} is no system that is called; there are {', '.join(sorted(called))}", file=sys.stderr)
        return 2
    if not given.system:
        for plant in sorted(policies.plants):
            for each in _in_two_erps(pool, policies, plant):
                print(f"warning: {each}; {each.next_step}")
    return asyncio.run(_check(pool, given.system or called, given.timeout))


def _in_two_erps(pool: SystemPool, policies: PolicyBook, plant: str) -> Iterator[TwoErps]:
    """The transfers among the plant's routes that can't be made."""
    policy = policies.effective(plant)
    for supplying in supplying_plants(policy) if policy is not None else ():
        if (two := pool.landscape.two_erps(plant, supplying)) is not None:
            yield two


async def _check(pool: SystemPool, names: Sequence[str], timeout_seconds: float) -> int:
    print(f"landscape {pool.landscape.version} of {pool.landscape.place}: {len(names)} systems", flush=True)
    width = max(map(len, names), default=0)
    try:
        faults = await asyncio.gather(*(_check_one(pool, name, width, timeout_seconds) for name in names))
    finally:
        await pool.close()
    print(f"{sum(faults)} faults" if any(faults) else "no faults")
    return 1 if any(faults) else 0


async def _check_one(pool: SystemPool, name: str, width: int, timeout_seconds: float) -> int:
    """Print each result as soon as it is there; returns the number of faults."""
    faults, began = 0, time.monotonic()

    def show(result: CheckResult) -> None:
        nonlocal faults
        faults += result.outcome == "fault"
        print(f"{name:{width}}  {result.outcome:7}  {result.what}: {result.detail}".rstrip(": "), flush=True)

    for notice in pool.book.maintenance([name]):
        show(CheckResult("maintenance", "warning", f"it is in maintenance until {notice.until}"))
    if (ending := ending_certificate(pool, name)) is not None:
        show(ending)
    try:
        async with asyncio.timeout(timeout_seconds):
            async for result in pool.check(name).check():
                show(result)
    except TimeoutError:
        seconds = time.monotonic() - began
        show(CheckResult("time", "fault", f"not through after {seconds:.0f} s; give it more (--timeout), or see why"))
    except AdapterError as error:
        show(CheckResult("connection", "fault", str(error)))
    return faults


def ending_certificate(pool: SystemPool, name: str) -> CheckResult | None:
    """What there is to say of the certificate by which the system knows us; None: it lasts, or there is none."""
    tls = pool.landscape.systems[name].tls
    if tls is None or not tls.certificate:
        return None
    until = ends(Path(pool.landscape.place.path).parent / tls.certificate)
    left = until - dt.datetime.now(dt.UTC)
    if left > RENEW_WITHIN:
        return None
    days = "has expired" if left < dt.timedelta() else f"expires in {left.days} days"
    return CheckResult("certificate", "warning", f"{tls.certificate} {days}, on {until:%Y-%m-%d}; have it renewed")


async def _explain(pool: SystemPool, policies: PolicyBook, plant: str, item: str, supplier: str) -> int:
    item_class = await _class_of(pool, plant, item) if item else ""
    rows = pool.landscape.explain(plant, item_class, supplier)
    whose = f"plant {plant}" + (f", item {item} of class {item_class or 'none'}" if item else "")
    print(f"{whose}, by landscape {pool.landscape.version}")
    what, answer = (max(len(row[column]) for row in rows) for column in (0, 1))
    for row in rows:
        print(f"  {row.what:{what}}  {row.answer:{answer}}  {row.place}")
    for each in _in_two_erps(pool, policies, plant):
        print(f"  {each}; {each.next_step}")
    return 0


async def _class_of(pool: SystemPool, plant: str, item: str) -> str:
    """By master data; an item that can't be read has none."""
    try:
        found = await PlantsMasterData(pool).item_at_plant(plant, item)
    except AdapterError as error:
        print(f"the class of {item} can't be read: {error}", file=sys.stderr)
        return ""
    finally:
        await pool.close()
    return found.item_class if isinstance(found, ItemAtPlant) else ""


__all__ = ["add_to", "ending_certificate", "run"]

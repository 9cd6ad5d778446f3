"""`cli.py observe report`: what Pegline would have ordered on a day where it only observes, beside what people did.

python cli.py observe report --day 2026-11-27 [--plant 1000]

Pegline's side is the ledger's (`order.observed`, the newest of each order on that day), the people's side the ERP's own
orders. It writes nothing.
"""

import argparse
import asyncio
import datetime as dt
import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.errors import AdapterError
from canonical.landscape import Domain
from canonical.observing import LineCompared
from decisions.observing import Comparison, compare
from ledger.database import connect
from ledger.ledger import Ledger
from policies.book import PolicyBook
from runtime.landscape import pool_of
from runtime.systems import SystemPool
from settings import WorkerSettings


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `observe` command and its arguments."""
    observe = commands.add_parser("observe", help="where Pegline only observes")
    report = observe.add_subparsers(dest="question", required=True).add_parser(
        "report", help="what Pegline would have ordered on a day, beside what people did"
    )
    report.add_argument("--day", type=_day, help="by the plant's calendar (default: yesterday)", metavar="DAY")
    report.add_argument("--plant", action="append", help="only this one; may be repeated")


def run(given: argparse.Namespace) -> int:
    """Print the report; returns 2 where the ledger or an ERP can't be asked."""
    settings = WorkerSettings.load()
    policies = PolicyBook(settings.policy_directory)
    plants = sorted(given.plant or policies.plants)
    day = given.day or dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    try:
        for line in asyncio.run(_report(settings, policies, plants, day)):
            print(line)
    except AdapterError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


async def _report(settings: WorkerSettings, policies: PolicyBook, plants: Sequence[str], day: dt.date) -> list[str]:
    pool, engine = pool_of(settings, policies), await connect(settings.database_url)
    try:
        ledger, found = Ledger(engine), []
        for plant in plants:
            policy = policies.effective(plant)
            zone = policy.calendar.tzinfo if policy else dt.UTC
            begins = dt.datetime.combine(day, dt.time(), zone)
            would = await would_have(ledger, plant, begins, begins + dt.timedelta(days=1))
            found += words(plant, day, compare(would, await _did(pool, plant, day)))
        return found
    finally:
        await pool.close()
        await engine.dispose()


async def would_have(ledger: Ledger, plant: str, begins: dt.datetime, ends: dt.datetime) -> list[LineCompared]:
    """The lines that Pegline would have ordered then: of each order, as it would have been at last."""
    newest: dict[str, list[LineCompared]] = {}
    for event in await ledger.reads.recorded_between("order.observed", f"order/{plant}/", begins, ends):
        lines = event.data.get("lines")
        newest[event.entity_id] = [
            LineCompared(
                order=event.entity_id,
                line=int(str(each["line"])),
                item=str(each["item"]),
                supplier=str(event.data.get("supplier") or "-"),
                quantity=Decimal(str(each["quantity"])),
                unit=str(each["unit"]),
                delivery_date=dt.date.fromisoformat(str(each["delivery_date"])),
            )
            for each in (lines if isinstance(lines, list) else [])
            if isinstance(each, dict)
        ]
    return [line for lines in newest.values() for line in lines]


async def _did(pool: SystemPool, plant: str, day: dt.date) -> Sequence[LineCompared]:
    system = pool.landscape.owner(Domain.ORDERS, plant)
    people = pool.people(system) if system is not None else None
    return await people.created(plant, day) if people is not None else ()


def words(plant: str, day: dt.date, compared: Sequence[Comparison]) -> list[str]:
    """The report of one plant: a line for each item, and the sum of each cause."""
    lines = [f"plant {plant}, {day}: {len(compared)} items"]
    for each in compared:
        lines.append(f"  {each.item}: {', '.join(each.causes)}")
        lines += [f"    Pegline  {_line(one)}" for one in each.would]
        lines += [
            f"    people   {_line(one)}, order {one.order}{f' by {one.by}' if one.by else ''}" for one in each.did
        ]
    causes = Counter(cause for each in compared for cause in each.causes)
    return lines + [f"  {count} x {cause}" for cause, count in causes.most_common()]


def _line(line: LineCompared) -> str:
    return f"{line.quantity.normalize():f} {line.unit} from {line.supplier} for {line.delivery_date}"


def _day(written: str) -> dt.date:
    try:
        return dt.date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is not a day such as 2026-11-01") from None


__all__ = ["add_to", "run", "words", "would_have"]

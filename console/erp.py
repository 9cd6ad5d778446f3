"""`cli.py erp …`: looks into the ERP with the worker's settings. It needs no gateway and no Temporal server.

python cli.py erp duplicates --since 2026-11-01
"""

import argparse
import asyncio
import datetime as dt
import sys
from typing import Any

from adapters.errors import AdapterError
from canonical.order import DuplicateDocuments
from runtime.duplicate_sweep import DAYS, report
from runtime.landscape import pool_of
from settings import WorkerSettings


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `erp` command and its arguments."""
    erp = commands.add_parser("erp", help="look into the ERP with the worker's settings")
    questions = erp.add_subparsers(dest="question", required=True)
    duplicates = questions.add_parser("duplicates", help="documents of ours that the ERP holds twice; changes nothing")
    duplicates.add_argument(
        "--since", type=_day, help=f"the first day of their creation (default: {DAYS} days ago)", metavar="DAY"
    )


def run(given: argparse.Namespace) -> int:
    """Print the duplicates; returns 1 if there are any, 2 if the ERP can't be asked."""
    settings = WorkerSettings.load()
    since = given.since or dt.datetime.now(dt.UTC).date() - dt.timedelta(days=DAYS)
    try:
        found = asyncio.run(_duplicates(settings, since))
    except AdapterError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(report(found)) or f"no duplicates among the documents created since {since}")
    return 1 if found else 0


async def _duplicates(settings: WorkerSettings, since: dt.date) -> list[DuplicateDocuments]:
    pool = pool_of(settings)
    try:
        sweeps = [pool.sweep(name) for name in pool.landscape.ordering]
        found = await asyncio.gather(*(sweep.duplicates(since) for sweep in sweeps if sweep is not None))
    finally:
        await pool.close()
    return [duplicate for each in found for duplicate in each]


def _day(written: str) -> dt.date:
    try:
        return dt.date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is not a day such as 2026-11-01") from None

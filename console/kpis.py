"""`cli.py kpis rebuild`: measure every KPI again from the audit events in force.

The measures follow what is recorded within seconds. They are made again where a later version reads events differently,
or where a defect left some out.
"""

import argparse
import asyncio
from typing import Any

from adapters.errors import AdapterError
from console.http import GatewayRefusal
from ledger.database import connect, migrate
from ledger.kpis.unmeasured import Unmeasured
from settings import AuditSettings


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `kpis` command."""
    kpis = commands.add_parser("kpis", help="the measures behind the KPIs")
    kpis.add_subparsers(dest="question", required=True).add_parser(
        "rebuild", help="make them again from the audit events; measuring waits meanwhile"
    )


def run(given: argparse.Namespace) -> int:
    """0: rebuilt. Raises GatewayRefusal where the ledger can't be reached."""
    try:
        measured = asyncio.run(_rebuild(AuditSettings.load().database_url))
    except AdapterError as error:
        raise GatewayRefusal(f"{error}; is PEGLINE_DATABASE_URL the ledger's?") from error
    print(f"measured {measured:,} requirements, orders, questions and changes again")
    return 0


async def _rebuild(database_url: str) -> int:
    await migrate(database_url)
    engine = await connect(database_url)
    try:
        return await Unmeasured(engine).rebuild()
    finally:
        await engine.dispose()

"""`cli.py people …`: what a person saw and decided, and how a person is forgotten.

python cli.py people seen SUBJECT [--limit N]   prices that a person saw and questions they decided, the newest first
python cli.py people erase SUBJECT              forget name and address, end the sessions; the records keep the subject
"""

import argparse
import asyncio
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters.errors import AdapterError
from console.http import GatewayRefusal
from ledger.database import connect
from ledger.people.people import People, RecordedAccess
from settings import Settings

SUBJECT_HELP = "the issuer's identifier of the person (sub), as decisions and audit events name it"


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `people` command and its arguments."""
    people = commands.add_parser("people", help="what a person saw and decided; forget a person")
    questions = people.add_subparsers(dest="question", required=True)
    seen = questions.add_parser("seen", help="prices that a person saw, and questions they decided")
    seen.add_argument("subject", help=SUBJECT_HELP)
    seen.add_argument("--limit", type=int, default=100, help="at most so many (default 100)")
    erase = questions.add_parser("erase", help="forget a person's name and address")
    erase.add_argument("subject", help=SUBJECT_HELP)


def run(given: argparse.Namespace) -> int:
    """0: done; 1: nobody of this subject is known. Raises GatewayRefusal if the ledger can't be reached."""
    settings = Settings.load()
    try:
        if given.question == "erase":
            erased = asyncio.run(_erase(settings.database_url, given.subject))
            print(
                f"{given.subject} is forgotten; audit events and decisions name the subject alone"
                if erased
                else f"nobody is known as {given.subject}: there is nothing to forget"
            )
            return 0 if erased else 1
        _show(asyncio.run(_seen(settings.database_url, given.subject, given.limit)))
    except AdapterError as error:
        raise GatewayRefusal(f"the ledger can't be read: {error}") from error
    return 0


async def _erase(database_url: str, subject: str) -> bool:
    engine = await connect(database_url)
    try:
        return await People(engine).erase(subject)
    finally:
        await engine.dispose()


async def _seen(database_url: str, subject: str, limit: int) -> list[RecordedAccess]:
    engine = await connect(database_url)
    try:
        return await People(engine).accesses(subject, limit=limit)
    finally:
        await engine.dispose()


def _show(accesses: list[RecordedAccess]) -> None:
    if not accesses:
        print("nothing is recorded")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("When", "What", "Of", "How"):
        table.add_column(column, overflow="fold")
    for each in accesses:
        table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", each.kind, ", ".join(each.entities), each.detail)
    Console().print(table)


__all__ = ["add_to", "run"]

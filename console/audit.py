"""`cli.py audit …`: verify the hash chains of audit events, and anchor them outside the database.

python cli.py audit checkpoint --out FILE      sign the newest event of each entity
python cli.py audit verify --checkpoint FILE   hash every event again and compare it with a checkpoint
"""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.errors import AdapterError
from console.http import GatewayRefusal
from ledger.database import connect
from ledger.events.checkpoints import (
    Checkpoint,
    CheckpointError,
    CheckpointWriter,
    Head,
    private_key,
    public_key,
    read_checkpoint,
)
from ledger.events.verification import Finding, Verification, read_chains
from settings import AuditSettings

INTACT, DIFFERS = 0, 1
SHOWN = 50
"""Findings that are printed; any more are only counted."""


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `audit` command and its arguments."""
    audit = commands.add_parser("audit", help="whether the audit events are as they were recorded")
    questions = audit.add_subparsers(dest="question", required=True)
    checkpoint = questions.add_parser("checkpoint", help="sign the newest event of each entity, to keep elsewhere")
    checkpoint.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file that is not there yet")
    checkpoint.add_argument("--key", type=Path, metavar="FILE", help="the Ed25519 key (default: PEGLINE_AUDIT_KEY)")
    verify = questions.add_parser("verify", help="hash every event again; 1 where anything differs")
    verify.add_argument("--checkpoint", type=Path, metavar="FILE", help="compare with this one too")
    verify.add_argument(
        "--public-key", type=Path, metavar="FILE", help="of whoever signed it (default: PEGLINE_AUDIT_PUBLIC_KEY)"
    )


def run(given: argparse.Namespace) -> int:
    """0: everything is as it was recorded; 1: something differs. Raises GatewayRefusal if it can't be checked."""
    settings = AuditSettings.load()
    try:
        if given.question == "checkpoint":
            secret = settings.audit_key.get_secret_value() if settings.audit_key else ""
            key = private_key(_pem(given.key, secret, "PEGLINE_AUDIT_KEY", "--key"))
            with _new_file(given.out) as file:
                writer = CheckpointWriter(file, dt.datetime.now(dt.UTC))
                found = asyncio.run(_verify(settings.database_url, None, writer.add))
                writer.sign(key)
            print(f"{given.out}: the newest event of {writer.heads:,} entities, signed. Keep it where nobody who")
            print("can write the database can write it.")
            return found
        checkpoint = None
        if given.checkpoint is not None:
            pem = _pem(given.public_key, settings.audit_public_key or "", "PEGLINE_AUDIT_PUBLIC_KEY", "--public-key")
            checkpoint = read_checkpoint(given.checkpoint, public_key(pem))
        return asyncio.run(_verify(settings.database_url, checkpoint))
    except CheckpointError as error:
        raise GatewayRefusal(str(error)) from error
    except AdapterError as error:
        raise GatewayRefusal(f"{error}; is PEGLINE_DATABASE_URL the ledger's?") from error
    except OSError as error:
        raise GatewayRefusal(f"{error.filename}: {error.strerror}") from error


async def _verify(database_url: str, checkpoint: Checkpoint | None, add: Callable[[Head], None] | None = None) -> int:
    """Verify every chain and print the findings; `add` receives the newest event of each entity."""
    verification, report = Verification(checkpoint.heads if checkpoint else None), _Report()
    engine = await connect(database_url)
    try:
        async with read_chains(engine) as chains:
            with _progress(await chains.count()) as advance:
                head: Head | None = None
                async for event in chains.events():
                    if add and head and head.entity_id != event.audit_event.entity_id:
                        add(head)
                    report.add(verification.take(event))
                    head = verification.head
                    advance()
                if add and head:
                    add(head)
                report.add(verification.finish())
    finally:
        await engine.dispose()
    return report.show(verification, checkpoint, signing=add is not None)


class _Report:
    """Collects findings; only the first ones are shown."""

    def __init__(self) -> None:
        self._first: list[Finding] = []
        self._found = 0

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._found += 1
            if len(self._first) < SHOWN:
                self._first.append(finding)

    def show(self, verification: Verification, checkpoint: Checkpoint | None, *, signing: bool) -> int:
        """Print the report and return the exit code."""
        for finding in self._first:
            print(finding)
        if self._found > len(self._first):
            print(f"… and {self._found - len(self._first):,} more")
        walked = f"{verification.events:,} events of {verification.entities:,} entities"
        against = f" and the checkpoint of {checkpoint.taken_at:%Y-%m-%d %H:%M} UTC" if checkpoint else ""
        if self._found:
            print(f"{walked}: {self._found:,} differences between what stands there, its hashes{against}.")
            return DIFFERS
        agree = f"; all {len(checkpoint.heads):,} entities of the checkpoint are as they were" if checkpoint else ""
        print(f"{walked}: every chain holds{agree}.")
        if checkpoint is None and not signing:
            print("Without a checkpoint, whoever hashed a whole chain again is not seen.")
        return INTACT


def _pem(file: Path | None, setting: str, variable: str, option: str) -> str:
    """The key from the file, else from the setting."""
    pem = file.read_text(encoding="ascii", errors="replace") if file else setting
    if not pem:
        raise CheckpointError(f"no key: give {option} FILE, or set {variable} or {variable}_FILE")
    return pem


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """Create a file that must not exist yet; it is deleted again if writing fails."""
    with path.open("xb") as file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise


@contextmanager
def _progress(number: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, only on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Hashing again", total=number)
        taken = 0

        def advance() -> None:
            nonlocal taken
            taken += 1
            if taken % 1000 == 0:
                bar.update(task, completed=taken)

        yield advance

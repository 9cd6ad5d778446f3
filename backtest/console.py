"""`cli.py policy backtest`: from the command line to the result, with a progress bar on the way.

Decided here: what can't be compared at all, reported before anything is read. Not here: the comparison.
"""

import asyncio
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.errors import AdapterError
from backtest.decision import Policies
from backtest.report import Differences, Question, differences_to, show
from backtest.result import KINDS, BacktestResult, compare
from ledger.database import connect
from ledger.events.decided import read_decided
from policies.book import PolicyBook


class BacktestArguments(Protocol):
    """The arguments of the command."""

    candidate: Path
    since: dt.date
    plant: str | None
    json: Path | None


class CannotBacktest(Exception):
    """There is nothing to compare, or nothing to compare with; the message says what to do."""


def run(asked: BacktestArguments, present_directory: Path, database_url: str) -> int:
    """Compare and show; 1 where the control differs without a reason. Raises CannotBacktest and PolicyError."""
    present, candidate = PolicyBook(present_directory), _candidate(asked)
    question = Question(str(asked.candidate), str(present_directory), asked.since.isoformat(), asked.plant)
    try:
        with differences_to(asked.json) as (differences, ending):
            result = asyncio.run(_compare(asked, present, candidate, database_url, differences))
            ending.write(question, result)
    except AdapterError as error:
        raise CannotBacktest(f"{error}; is PEGLINE_DATABASE_URL the ledger's?") from error
    except OSError as error:
        raise CannotBacktest(f"{asked.json} can't be written: {error.strerror}") from error
    show(Console(highlight=False, soft_wrap=True), question, result, differences.first)
    return 1 if result.control.unexplained else 0


def _candidate(asked: BacktestArguments) -> PolicyBook:
    if not asked.candidate.is_dir():
        raise CannotBacktest(f"{asked.candidate} is no directory; copy the policies there and change the copy")
    book = PolicyBook(asked.candidate)
    if asked.plant is not None and asked.plant not in book.plants:
        known = ", ".join(sorted(book.plants))
        raise CannotBacktest(f"plant {asked.plant} has no policy in {asked.candidate}; there are {known}")
    return book


async def _compare(
    asked: BacktestArguments, present: PolicyBook, candidate: PolicyBook, database_url: str, differences: Differences
) -> BacktestResult:
    since = dt.datetime.combine(asked.since, dt.time(), dt.UTC)
    engine = await connect(database_url)
    try:
        async with read_decided(engine) as decided:
            number = await decided.count(KINDS, since, asked.plant)
            if not number:
                where = f" at plant {asked.plant}" if asked.plant else ""
                raise CannotBacktest(f"the ledger holds no decision since {asked.since}{where}; take an earlier day")
            with _progress(number) as bar:
                task = bar.add_task("Deciding again", total=number)
                return await compare(
                    decided.audit_events(KINDS, since, asked.plant),
                    Policies(present.effective),
                    Policies(candidate.effective),
                    differences,
                    lambda done: bar.advance(task, done),
                )
    finally:
        await engine.dispose()


@contextmanager
def _progress(number: int) -> Iterator[Progress]:
    """On a terminal only, and separate from the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield bar

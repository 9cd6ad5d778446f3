"""Looks regularly for documents that the ERP holds twice, and reports them in the worker's log and metrics.

A create that the ERP finished after everybody had stopped waiting for it leaves a second document, which nothing else
would notice. It is reported until somebody has cancelled it in the ERP; it is never cancelled from here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import partial

from adapters.errors import AdapterError
from adapters.ports import DuplicateSweepPort
from canonical.order import DuplicateDocuments
from runtime.systems import SystemPool

DAYS = 14
"""How far the first look goes back, in days since the documents' creation."""
DAYS_WITHOUT = 2
"""How far the next ones do while there is none: no create takes longer, and the ERP is spared."""

_LOOK_SECONDS = 60.0
"""How often new ERPs are looked for."""

log = logging.getLogger("pegline.duplicates")


async def sweep_duplicates(
    erp: DuplicateSweepPort,
    every_seconds: float,
    today: Callable[[], date],
    count: Callable[[int], None] = lambda _: None,
) -> None:
    """Look every so often, until cancelled; 0 seconds: never. `count` is told how many references have duplicates."""
    days = DAYS
    while every_seconds > 0:
        try:
            found = await erp.duplicates(today() - timedelta(days=days))
        except AdapterError as error:
            log.warning("duplicates in the ERP could not be looked for: %s", error)
        else:
            for line in report(found):
                log.error(line)
            count(len(found))
            days = DAYS if found else DAYS_WITHOUT
        await asyncio.sleep(every_seconds)


async def sweep_all(
    pool: SystemPool, every_seconds: float, today: Callable[[], date], count: Callable[[int], None] = lambda _: None
) -> None:
    """Look so in every ERP of the landscape, until cancelled; ERPs that join it are looked at as well.

    References are ours alone, so that those of two ERPs never count together.
    """
    found: dict[str, int] = {}
    sweeping: dict[str, asyncio.Task[None]] = {}

    def told(name: str, duplicates: int) -> None:
        found[name] = duplicates
        count(sum(found.values()))

    try:
        while every_seconds > 0:
            for name in pool.landscape.ordering:
                if name not in sweeping and (erp := pool.sweep(name)) is not None:
                    each = sweep_duplicates(erp, every_seconds, today, partial(told, name))
                    sweeping[name] = asyncio.create_task(each)
            await asyncio.sleep(min(every_seconds, _LOOK_SECONDS))
    finally:
        for task in sweeping.values():
            task.cancel()


def report(found: Iterable[DuplicateDocuments]) -> list[str]:
    """A line for each reference, with what to do."""
    return [
        f"duplicate {each.kind}s {' and '.join(each.numbers)} of reference {each.reference}; keep the one that "
        "Pegline's trace names, cancel the others in the ERP"
        for each in found
    ]

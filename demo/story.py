"""The basis of every chapter: the people, the clocks, the books, and the notes for the final checks.

People act through the site's pages, counterparts through their control rooms; the engine is only watched. The chapters
are in demo/chapters.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import httpx

from demo.bom_change import ChangeReported
from demo.books import Books, read_books, writes
from demo.clocks import Clocks
from demo.narrator import Narrator
from demo.people import People
from demo.shares import Decrease, Reading, SharedLine
from demo.stage import Stage

ORDERS, REQUIREMENTS = (f"WorkflowType='{name}'" for name in ("PurchaseOrder", "MaterialRequirement"))
RUNNING = "ExecutionStatus='Running'"
TIMEOUT_SECONDS = 60
LONG_TIMEOUT_SECONDS = 180
"""How long to wait for something that the story can't go on without."""
SLOWNESS = 10
"""Nothing may change for this many times the duration of a read of the books before the story counts as quiet."""
BUYERS, DOCKS = 4, 8
"""Concurrent decisions and receipts."""
Decided = tuple[dict[str, Any], str, str]
"""An exception, the choice, and the comment."""

Result = TypeVar("Result")


async def at_once(work: Sequence[Coroutine[Any, Any, Result]], places: int) -> list[Result]:
    """Run all with limited concurrency; the results in the given order."""
    gate = asyncio.Semaphore(places)

    async def one(each: Coroutine[Any, Any, Result]) -> Result:
        async with gate:
            return await each

    return await asyncio.gather(*(one(each) for each in work))


@dataclass
class Notes:
    """The chapters' notes for the final checks."""

    kills: int = 0
    decided: int = 0
    approved: int = 0
    edits_kept: int = 0
    refused_digest: bool = False
    revision: dict[str, Any] = field(default_factory=dict)
    """Plan version 2, as summarized by the planning system."""
    plan_runs: list[dict[str, Any]] = field(default_factory=list)
    """The reports on version 2."""
    erp_before_rerun: int = 0
    erp_after_rerun: int = 0
    late_effects: list[str] = field(default_factory=list)
    """Writes, and entities begun or ended, after version 1 had arrived again."""
    read_before: Reading = field(default_factory=lambda: Reading({}))
    """The requirements of each line before version 2."""
    shared: list[SharedLine] = field(default_factory=list)
    """Order lines that served several requirements before version 2."""
    decreases: list[Decrease] = field(default_factory=list)
    changes: list[ChangeReported] = field(default_factory=list)
    under_way_when_added: int = 0
    """Orders of the acquired units that waited for their suppliers when a further plant was added."""
    landscape: dict[str, int] = field(default_factory=dict)
    """The acquired units, counted in their counterparts' books."""
    landscape_faults: list[str] = field(default_factory=list)


class Story:
    """The steps of which chapters are made."""

    def __init__(
        self,
        stage: Stage,
        gateway: httpx.AsyncClient,
        simulators: httpx.AsyncClient,
        clocks: Clocks,
        narrator: Narrator,
    ) -> None:
        self.stage, self.simulators, self.clocks, self.narrator = stage, simulators, clocks, narrator
        self.people = People(gateway, stage.simulators)
        self.notes = Notes()
        self._last_writes = dict.fromkeys(("erp", "edi", "aps", "wms"), 0)

    @property
    def now(self) -> datetime:
        """The present instant of the story, which may play on another day than the machine's."""
        return self.stage.now

    @property
    def today(self) -> date:
        """The day of the story (UTC)."""
        return self.now.date()

    async def settle_all(self, decisions: Sequence[Decided]) -> None:
        """Have people decide, some at the same time."""
        taken = await at_once([self.people.settle(*each) for each in decisions], BUYERS)
        for (exception, choice, _), was_taken in zip(decisions, taken, strict=True):
            if was_taken:
                self.notes.decided += 1
                self.notes.approved += choice == "approve"
                self.narrator.say(f"[dim]{choice:9}[/dim] {exception['proposal']['summary'][:110]}")

    async def collect(self) -> None:
        """Let the consolidation windows pass, until every order has reached its supplier."""
        consolidating = f"{ORDERS} AND {RUNNING} AND PeglineStage IN ('consolidating', 'placing')"
        if not await self.clocks.count(consolidating):
            return
        stepping = asyncio.create_task(self.clocks.keep_stepping(consolidating, timedelta(minutes=61)))
        total = await self.clocks.count(f"{ORDERS} AND {RUNNING}")

        async def sent() -> int:
            return total - await self.clocks.count(consolidating)

        await self.watch("orders with their suppliers", total, sent)
        stepping.cancel()

    async def watch(self, what: str, total: int, count: Callable[[], Awaitable[int]]) -> None:
        """Wait until the count is reached, or the time limit has passed."""
        until = time.monotonic() + TIMEOUT_SECONDS
        with self.narrator.counting(what, total) as counting:
            while counting.reached < total and time.monotonic() < until:
                asked = time.monotonic()
                counting.reach(await count())
                # An expensive count is polled less often, since it takes resources from the work that is counted.
                await asyncio.sleep(max(0.4, 5 * (time.monotonic() - asked)))

    async def until(self, look: Callable[[], Awaitable[Result | None]], what: str) -> Result:
        """Poll until there is a result; LookupError names what never came."""
        until = time.monotonic() + LONG_TIMEOUT_SECONDS
        while time.monotonic() < until:
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(0.4)
        raise LookupError(f"{what} did not come within {LONG_TIMEOUT_SECONDS} s; the story can't go on")

    async def calm(self, still_seconds: float = 1.0) -> None:
        """Wait until nothing changes in any book and nothing waits at the gateway, for so long or longer on a slow
        machine.
        """
        began = time.monotonic()
        until = time.monotonic() + LONG_TIMEOUT_SECONDS
        last, since, still = await self.effects(), time.monotonic(), still_seconds
        while time.monotonic() < until and time.monotonic() - since < still:
            await asyncio.sleep(0.4)
            asked = time.monotonic()
            now, waiting = await self.effects(), await self.people.undelivered()
            # Where reads take longer, so does the work: a busy machine may be quiet in the middle of it.
            still = max(still_seconds, SLOWNESS * (time.monotonic() - asked))
            if now != last or waiting:
                last, since = now, time.monotonic()
        self.narrator.say(f"[dim]quiet after {time.monotonic() - began:.1f} s[/dim]")

    async def effects(self) -> dict[str, int]:
        """The last write in each book, the number of entities, and how many have ended."""
        for name, last in self._last_writes.items():
            self._last_writes[name] = max(
                (row["seq"] for row in await writes(self.simulators, name, last)), default=last
            )
        return self._last_writes | {
            "all": await self.clocks.count(
                "WorkflowType IN ('PurchaseOrder', 'MaterialRequirement', 'ShortageException')"
            ),
            "ended": await self.clocks.count("ExecutionStatus='Completed'"),
        }

    async def effects_since(self, before: dict[str, int]) -> list[str]:
        """Each write in a book since then, in the book's own terms, and how many entities began or ended."""
        found = [
            f"{name}: {row['summary']} ({row['document']})"
            for name in self._last_writes
            for row in await writes(self.simulators, name, before[name])
        ]
        now = await self.effects()
        return found + [f"{now[kind] - before[kind]} {kind}" for kind in ("all", "ended") if now[kind] != before[kind]]

    async def erp_seq(self) -> int:
        """The last write in the ERP."""
        return (await self.effects())["erp"]

    async def books(self) -> Books:
        """All books."""
        return await read_books(self.simulators)

    async def control(self, path: str, body: Any) -> Any:
        """Call a counterpart's control room."""
        answer = await self.simulators.post(path, json=body)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

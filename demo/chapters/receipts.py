"""8. Goods are shipped and received."""

import asyncio
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

from demo.erp_books import committed_deliveries, transfers
from demo.reckoning import aps_mismatches
from demo.shares import read_lines
from demo.story import DOCKS, LONG_TIMEOUT_SECONDS, Story, at_once


async def receipts(story: Story) -> None:
    """Suppliers ship, the warehouse receives; coverage goes back to APS and ERP."""
    story.narrator.chapter("8. Goods are shipped and received")
    last = story.today + timedelta(days=200)
    await story.control("/edi/control/despatch", {"all": True, "until": last.isoformat()})
    await story.calm()
    by_day: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, order in (await story.books()).edi["orders"].items():
        for despatch in order["despatches"]:
            for line in despatch["lines"]:
                row = {
                    "order": number,
                    "line": int(line["line"]),
                    "quantity": line["quantity"],
                    "unit": line["unit"],
                    "date": despatch["date"],
                }
                by_day[despatch["date"]].append(row)
    await _receive(story, by_day)
    moved: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in transfers(await story.books()):
        for delivery in committed_deliveries(order):
            moved[delivery["date"]].append(delivery)
    await _receive(story, moved)
    await _until_told(story)


async def _until_told(story: Story) -> None:
    """Wait until the planning system knows all receipts of the warehouse, or the time limit has passed: the account
    then reports what is missing.
    """
    until = time.monotonic() + LONG_TIMEOUT_SECONDS
    while time.monotonic() < until:
        books = await story.books()
        if not aps_mismatches(books, read_lines(books).serves):
            break
        await asyncio.sleep(1)
    await story.calm()


async def _receive(story: Story, by_day: dict[str, list[dict[str, Any]]]) -> None:
    await at_once([story.control("/wms/control/receive", {"receipts": by_day[day]}) for day in sorted(by_day)], DOCKS)
    received = sum(len(rows) for rows in by_day.values())
    story.narrator.say(f"{received} receipts on {len(by_day)} days")
    await story.calm()

"""One task tells all listeners, and nothing ends it but the last one's leaving."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import work_feed
from gateway.work_feed import WorkFeed
from ledger.work_list.work_list import WorkItem, WorkList


class _WorkList(WorkList):
    """Answers after a moment, and can't be understood the first time."""

    def __init__(self) -> None:
        self.reads = 0

    async def newest(self) -> dt.datetime | None:
        await asyncio.sleep(0)
        return None

    async def recorded_since(self, moment: dt.datetime, limit: int) -> list[WorkItem]:
        self.reads += 1
        if self.reads == 1:
            raise ValueError("a row that nobody understands")
        seen: dict[str, Any] = {"id": "asked", "position": 1, "recorded_at": dt.datetime(2027, 6, 1, tzinfo=dt.UTC)}
        return [WorkItem.model_construct(None, **seen)]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_feed, "POLL_SECONDS", 0.01)


def polling() -> Iterator[asyncio.Task[object]]:
    return (task for task in asyncio.all_tasks() if task.get_name() == "work feed")


async def test_two_who_come_at_once_are_told_by_one_task_that_ends_with_the_last_one() -> None:
    feed = WorkFeed(_WorkList())
    first, second = await asyncio.gather(feed.listen("anna"), feed.listen("bob"))
    assert len([*polling()]) == 1
    feed.leave(first)
    feed.leave(second)
    await asyncio.sleep(0.05)
    assert not [*polling()]


async def test_what_could_not_be_read_once_is_told_later() -> None:
    feed = WorkFeed(_WorkList())
    queue = await feed.listen("anna")
    assert (await queue.get()).id == "asked"
    feed.leave(queue)

"""Which questions change: told to whoever looks at a list of them, by one task of the process.

Not decided here: what a listener does with it, and who may see which question.
"""

import asyncio
import datetime as dt
import logging
from collections import Counter, OrderedDict

from adapters.errors import PermanentError, TransientError
from gateway.problems import Refusal
from ledger.work_list.work_list import WorkItem, WorkList

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LISTENERS_MAX = 500
LISTENERS_OF_ONE_MAX = 20
OVERLAP = dt.timedelta(seconds=20)
"""A transaction that began earlier may commit after one that began later: what is younger than this is read again."""
AT_ONCE = 500
_WAITING_MAX = 1_000
_REMEMBERED = 20_000


class WorkFeed:
    """Tells its listeners which questions have changed; it polls the ledger only while somebody listens."""

    def __init__(self, work_list: WorkList) -> None:
        self._work_list = work_list
        self._listeners: dict[asyncio.Queue[WorkItem], str] = {}
        self._task: asyncio.Task[None] | None = None
        self._told: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._mark: dt.datetime | None = None

    async def listen(self, subject: str) -> asyncio.Queue[WorkItem]:
        """Questions that change from now on. Raises Refusal (429, 503) where too many listen."""
        if Counter(self._listeners.values())[subject] >= LISTENERS_OF_ONE_MAX:
            raise Refusal(429, "too_many_streams", "you have too many inboxes open", "close some of their tabs")
        if len(self._listeners) >= LISTENERS_MAX:
            raise Refusal(503, "too_many_streams", "too many inboxes are open", "reload the inbox by hand for now")
        newest = await self._work_list.newest() if self._task is None else None
        if self._task is None:
            self._mark = newest
            self._task = asyncio.create_task(self._run(), name="work feed")
        queue: asyncio.Queue[WorkItem] = asyncio.Queue(_WAITING_MAX)
        self._listeners[queue] = subject
        return queue

    def leave(self, queue: asyncio.Queue[WorkItem]) -> None:
        """Listen no more; the last one stops the polling."""
        self._listeners.pop(queue, None)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._poll()
            except (TransientError, PermanentError) as error:
                logger.warning("the ledger can't be asked for changed questions: %s", error)
            except Exception:
                logger.exception("changed questions could not be told; it is tried again")

    async def _poll(self) -> None:
        since = (self._mark or dt.datetime.fromtimestamp(0, dt.UTC)) - OVERLAP
        for item in await self._work_list.recorded_since(since, AT_ONCE):
            if (item.id, item.position) in self._told:
                continue
            self._told[item.id, item.position] = None
            if self._mark is None or item.recorded_at > self._mark:
                self._mark = item.recorded_at
            for queue in [*self._listeners]:
                try:
                    queue.put_nowait(item)
                except asyncio.QueueFull:
                    self._listeners.pop(queue)  # its stream ends, and its browser comes again
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    def hears(self, queue: asyncio.Queue[WorkItem]) -> bool:
        """Whether the listener still gets everything."""
        return queue in self._listeners


__all__ = ["AT_ONCE", "OVERLAP", "WorkFeed"]

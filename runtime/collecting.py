"""Collects what suppliers say where a counterpart keeps it for us instead of sending it (adapters.ports.CollectPort).

Decided here: each document is stored before the counterpart is told so, so that none is lost; one that is stored twice
is one (its key). A channel that can't be read is tried again at the next turn and holds no other channel back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from adapters.errors import AdapterError
from adapters.ports import CollectPort
from canonical.landscape import SystemKind
from canonical.order import Refused
from runtime.systems import SystemPool

Store = Callable[[str, bytes, str, str], Awaitable[object]]
"""Stores a document of a channel by content type and key; one that can't be read is kept as a dead letter."""

log = logging.getLogger("pegline.collecting")


async def collect_all(pool: SystemPool, store: Store, every_seconds: float) -> None:
    """Collect from every channel of the landscape every so often, until cancelled; 0 seconds: never."""
    while every_seconds > 0:
        channels = pool.landscape.of_kind(SystemKind.SUPPLIER)
        await asyncio.gather(*(_look(name, pool, store) for name in channels))
        await asyncio.sleep(every_seconds)


async def _look(channel: str, pool: SystemPool, store: Store) -> None:
    try:
        if (port := pool.collect(channel)) is not None:
            await collect(channel, port, store)
    except AdapterError as error:
        log.warning("documents of channel %s could not be collected: %s", channel, error)
    except Exception:  # the ledger may be away for a while; what is not marked is collected the next time
        log.exception("documents of channel %s could not be stored", channel)


async def collect(channel: str, port: CollectPort, store: Store) -> int:
    """Store what waits at one channel; returns how many documents there were. Raises AdapterError."""
    waiting = await port.waiting()
    for document in waiting:
        await store(channel, document.body, document.content_type, document.key)
        outcome = await port.taken(document, key=f"{channel}/{document.key}")
        if isinstance(outcome, Refused):
            log.warning("document %s of channel %s can't be marked: %s", document.place, channel, outcome.reason)
    return len(waiting)


__all__ = ["Store", "collect", "collect_all"]

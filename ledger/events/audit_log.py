"""The audit log: writes events for the audit, snapshots for the reads, what subscribers are told, and
what is to be measured, in one transaction.
"""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import TransientError
from canonical.notification import Subscriptions
from canonical.records import AuditBatch
from ledger.database import transaction
from ledger.events.chains import Overtaken, append
from ledger.kpis import unmeasured
from ledger.notifications import outbox
from ledger.snapshots.snapshots import write_snapshots

_AT_MOST = 20
"""Attempts: each one lost means that another call has recorded something."""


class AuditLog:
    """Records audit batches (LedgerPort.record)."""

    def __init__(self, engine: AsyncEngine, subscriptions: Callable[[], Subscriptions] = Subscriptions) -> None:
        self._engine = engine
        self._subscriptions = subscriptions

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        """Write each event once, by its entity's own count, and newer snapshots; on AuditEventConflict write nothing.

        Where an earlier attempt of the same workflow task left different events, the later attempt holds.
        """
        for _ in range(_AT_MOST):
            try:
                async with transaction(self._engine) as connection:
                    appended = await append(connection, audit_batches)
                    await write_snapshots(connection, appended.standing)
                    await unmeasured.note(connection, appended)
                    return await outbox.write(connection, appended, self._subscriptions())
            except Overtaken:
                continue
        raise TransientError("ledger", f"others recorded the same entities {_AT_MOST} times in a row; try again")

"""The audit log: writes events for the audit, snapshots for the reads, what subscribers are told, and
what is to be measured, in one transaction.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import PermanentError, TransientError
from canonical.identity import external_reference
from canonical.notification import Subscriptions
from canonical.records import AuditBatch, OrderSnapshot
from ledger.database import autocommit, transaction
from ledger.events.chains import Overtaken, append
from ledger.kpis import unmeasured
from ledger.notifications import outbox
from ledger.snapshots.snapshots import write_snapshots
from ledger.snapshots.tables import UNIQUE_NUMBER, OrderRecord

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
            except PermanentError as error:
                if UNIQUE_NUMBER in str(error) and (twice := await self._given_twice(audit_batches)) is not None:
                    raise twice from error
                raise
        raise TransientError("ledger", f"others recorded the same entities {_AT_MOST} times in a row; try again")

    async def _given_twice(self, audit_batches: Sequence[AuditBatch]) -> PermanentError | None:
        """What an operator does about an order number that the ERP has given to another order before."""
        orders = [each.snapshot for each in audit_batches if isinstance(each.snapshot, OrderSnapshot)]
        async with autocommit(self._engine) as connection:
            for order in orders:
                holds = select(OrderRecord.id).where(
                    OrderRecord.order_number == order.order_number,
                    OrderRecord.erp == order.erp,
                    OrderRecord.id != order.id,
                )
                if (first := await connection.scalar(holds)) is not None:
                    return PermanentError(
                        order.erp,
                        f"it gave order number {order.order_number} twice; {first} has it. Cancel or renumber the "
                        f"other document there, of reference {external_reference(order.id)}, and mend the number "
                        "range; this order goes on by itself then, and its supplier has not got it",
                    )
        return None

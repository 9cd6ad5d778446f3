"""The dialect `coupa` of supplier channels: Coupa itself sends orders and changes to suppliers and keeps their answers.

Decided here: nothing is sent from here, or a supplier would get each document twice; a reminder can't be had. What
suppliers answer is collected from Coupa (collecting.py).
"""

from collections.abc import AsyncIterator, Collection

from adapters.checking import tried
from adapters.dialects import ChannelDialect, CheckResult, Connection, SupplierChannel
from adapters.ports import SupplierDialect
from adapters.supplier.coupa.collecting import CoupaQueue
from adapters.supplier.coupa.reading import CoupaDocuments
from canonical.order import OrderDocument, Refused, WriteOutcome, Written


class SentByCoupa:
    """Implements adapters.ports.SupplierPort."""

    def __init__(self, system: str) -> None:
        self._system = system

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Coupa has sent it when it issued the order."""
        return Written(reference=document.order_number or "")

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Coupa has sent it when the change was approved."""
        return Written(reference=document.order_number or "")

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Refused."""
        reason = "Coupa sends no reminders by its API; remind the supplier there"
        return Refused(system=self._system, code="no_reminders", reason=reason)


class CollectingCheck:
    """Implements adapters.dialects.SystemCheckPort: whether what suppliers say can be read there; marks nothing."""

    def __init__(self, queue: CoupaQueue) -> None:
        self._queue = queue

    async def check(self) -> AsyncIterator[CheckResult]:
        """Reads what waits to be collected."""
        yield await tried("confirmations and ship notices", self._read)

    async def _read(self) -> str:
        return f"{len(await self._queue.waiting())} wait to be collected"


class CoupaChannel:
    """Implements adapters.dialects.ChannelDialect."""

    def connect(self, connection: Connection) -> SupplierChannel:
        """The suppliers behind one instance. Raises OptionError."""
        connection.own_options({})
        queue = CoupaQueue(connection.client, connection.system)
        return SupplierChannel(
            SentByCoupa(connection.system), replies=None, check=CollectingCheck(queue), collect=queue
        )

    def reader(self, our_addresses: Collection[str]) -> SupplierDialect:
        """Reads confirmations and ship notices."""
        return CoupaDocuments()


DIALECT: ChannelDialect = CoupaChannel()

"""The boundary of every system: the one place that all calls to its ports pass.

Decided here: that nothing is written where Pegline only observes, whatever the caller or the adapter does; that a call
to a system in maintenance fails at once and says until when; and that errors and refusals name the system as the
landscape does. Not here: where Pegline observes, and when a system is in maintenance (the landscape).

Writes are the methods that take an idempotency key; a test goes over those of every port.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeVar

from adapters.errors import AdapterError, TransientError
from adapters.ports import (
    ApsPort,
    AvailableStock,
    ChangedOrder,
    CollectedDocument,
    CollectPort,
    DuplicateSweepPort,
    ErpChangesPort,
    ErpPort,
    MasterDataPort,
    PeopleOrdersPort,
    PlanPort,
    PostedReceipts,
    PublishedPlan,
    ReplyPort,
    StockPort,
    SupplierPort,
)
from canonical.coverage import CoverageReport
from canonical.landscape import MaintenanceNotice
from canonical.observing import LineCompared
from canonical.order import (
    OBSERVED,
    AwaitingApproval,
    ChangeOutcome,
    DuplicateDocuments,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    PlaceOutcome,
    Refused,
    WriteOutcome,
)
from canonical.sourcing import ItemAtPlant, UnknownItem

Outcome = TypeVar("Outcome")


class Guard(NamedTuple):
    """What holds at one system now."""

    system: str
    observes: Callable[[str, Sequence[str]], bool]
    """Whether nothing is written for this plant and these item classes; an empty plant: for none at all."""
    maintenance: Callable[[], MaintenanceNotice | None]
    pause: float = 60.0
    """Seconds after which a call to a system in maintenance is tried again."""

    async def read(self, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Make a call that changes nothing."""
        if (notice := self.maintenance()) is not None:
            raise TransientError(
                self.system, f"in maintenance until {notice.until}; the call waits", retry_after_seconds=self.pause
            )
        try:
            return await call()
        except AdapterError as error:
            self._name(error)
            # Not `from error`: it would be its own cause, and whoever follows the causes would not come to an end.
            raise

    async def write(
        self, plant: str, classes: Sequence[str], what: str, call: Callable[[], Awaitable[Outcome]]
    ) -> Outcome | Refused:
        """Make a call that writes, unless Pegline only observes there."""
        if self.observes(plant, classes):
            where = f"plant {plant}" if plant else "it"
            return Refused(system=self.system, code=OBSERVED, reason=f"{where} is only observed: would have {what}")
        outcome = await self.read(call)
        return outcome.model_copy(update={"system": self.system}) if isinstance(outcome, Refused) else outcome

    async def hold(
        self, document: OrderDocument, what: str, call: Callable[[], Awaitable[Outcome]]
    ) -> Outcome | Refused | AwaitingApproval:
        """Make a call that writes an order, or have it wait for as long as Pegline only observes there."""
        if self.observes(document.plant, document.item_classes):
            return AwaitingApproval(system=self.system, document=document.reference, observed=what)
        return await self.write(document.plant, document.item_classes, what, call)

    def _name(self, error: AdapterError) -> None:
        """Give the error the landscape's name of the system."""
        if error.system != self.system:
            said = str(error).removeprefix(f"{error.system}: ")
            error.args = (f"{self.system}: {said}",)
            error.system = self.system


class GuardedErp:
    """Implements adapters.ports.ErpPort."""

    def __init__(self, port: ErpPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """As the port has it."""
        what = f"placed order {document.reference} of {len(document.lines)} line(s) at {document.supplier}"
        return await self._guard.hold(
            document, what, lambda: self._port.place_order(document, key=key, maybe_written=maybe_written)
        )

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """As the port has it."""
        what = f"changed lines {_numbers(document.changed_lines)} of order {_name(document)}"
        return await self._guard.hold(document, what, lambda: self._port.change_order(document, key=key))

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        what = f"deleted the requisition of order {_name(document)}"
        return await self._guard.write(
            document.plant, document.item_classes, what, lambda: self._port.cancel_requisition(document, key=key)
        )

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """As the port has it."""
        plant = schedule.order_id.split("/")[1]
        what = f"written the schedule of order {schedule.order_number}"
        return await self._guard.write(
            plant, schedule.item_classes, what, lambda: self._port.write_schedule(schedule, key=key)
        )


class GuardedMasterData:
    """Implements adapters.ports.MasterDataPort."""

    def __init__(self, port: MasterDataPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.item_at_plant(plant, item))

    async def prefetch(self, plants: Collection[str]) -> int:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.prefetch(plants))


class GuardedSweep:
    """Implements adapters.ports.DuplicateSweepPort."""

    def __init__(self, port: DuplicateSweepPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def duplicates(self, since: date) -> Sequence[DuplicateDocuments]:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.duplicates(since))


class GuardedPeople:
    """Implements adapters.ports.PeopleOrdersPort."""

    def __init__(self, port: PeopleOrdersPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def created(self, plant: str, day: date) -> Sequence[LineCompared]:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.created(plant, day))


class GuardedChanges:
    """Implements adapters.ports.ErpChangesPort."""

    def __init__(self, port: ErpChangesPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def subscribe(self, client_state: str, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._guard.write(
            "", (), "subscribed to changes", lambda: self._port.subscribe(client_state, key=key)
        )

    async def changed_since(self, moment: datetime) -> Sequence[ChangedOrder]:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.changed_since(moment))

    async def gone(self, order_numbers: Sequence[str]) -> Sequence[str]:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.gone(order_numbers))

    async def received(self, order_number: str) -> PostedReceipts:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.received(order_number))


class GuardedStock:
    """Implements adapters.ports.StockPort."""

    def __init__(self, port: StockPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def available(self, plant: str, items: Sequence[str]) -> Sequence[AvailableStock]:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.available(plant, items))


class GuardedSupplier:
    """Implements adapters.ports.SupplierPort."""

    def __init__(self, port: SupplierPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._send("sent", document, lambda: self._port.send_order(document, key=key))

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._send("sent a change of", document, lambda: self._port.send_change(document, key=key))

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._send("sent a reminder of", document, lambda: self._port.send_reminder(document, key=key))

    async def _send(
        self, what: str, document: OrderDocument, call: Callable[[], Awaitable[WriteOutcome]]
    ) -> WriteOutcome:
        return await self._guard.write(
            document.plant, document.item_classes, f"{what} order {_name(document)} to {document.supplier}", call
        )


class GuardedReplies:
    """Implements adapters.ports.ReplyPort."""

    def __init__(self, port: ReplyPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def send_reply(self, document: bytes, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return await self._guard.write(
            "", (), "sent an acknowledgement", lambda: self._port.send_reply(document, key=key)
        )


class GuardedCollect:
    """Implements adapters.ports.CollectPort."""

    def __init__(self, port: CollectPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def waiting(self) -> Sequence[CollectedDocument]:
        """As the port has it."""
        return await self._guard.read(self._port.waiting)

    async def taken(self, document: CollectedDocument, *, key: str) -> WriteOutcome:
        """As the port has it."""
        what = f"marked {document.place} as collected"
        return await self._guard.write("", (), what, lambda: self._port.taken(document, key=key))


class GuardedAps:
    """Implements adapters.ports.ApsPort."""

    def __init__(self, port: ApsPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        """As the port has it."""
        what = f"reported the coverage by order {report.order_number}"
        return await self._guard.write(
            report.plant, report.item_classes, what, lambda: self._port.write_coverage(report, key=key)
        )


class GuardedPlan:
    """Implements adapters.ports.PlanPort."""

    def __init__(self, port: PlanPort, guard: Guard) -> None:
        self._port, self._guard = port, guard

    async def read_plan(self, plant: str) -> PublishedPlan:
        """As the port has it."""
        return await self._guard.read(lambda: self._port.read_plan(plant))


def _name(document: OrderDocument) -> str:
    return document.order_number or document.reference


def _numbers(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines)) or "none"


__all__ = [
    "Guard",
    "GuardedAps",
    "GuardedChanges",
    "GuardedCollect",
    "GuardedErp",
    "GuardedMasterData",
    "GuardedPeople",
    "GuardedPlan",
    "GuardedReplies",
    "GuardedStock",
    "GuardedSupplier",
    "GuardedSweep",
]

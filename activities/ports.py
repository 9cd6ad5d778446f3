"""What activities use of our own: the ledger, plan runs and entities."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from canonical.bom import ComponentUse
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, OrderId
from canonical.messages import (
    BomChanged,
    OrderOpened,
    StockAllocated,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.need import Need, Withdrawal
from canonical.plan import PlanDelivered, PlanMatched, PlanMatcher, PlanRunStatus
from canonical.policy import PlantPolicy
from canonical.records import AuditBatch, ConsolidationBatch, OrderTerms, Reservation
from canonical.sourcing import Assessment
from canonical.stock import StockFigure, StockUser
from canonical.supply import CoverageChanged, SupplyRequest


class LedgerPort(Protocol):
    """What entities leave in the ledger and ask of it. Every call may be repeated."""

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        """Events once by their entity's own count, snapshots where newer; one transaction."""
        ...

    async def reserve_order(
        self, request: SupplyRequest, terms: OrderTerms, *, consolidation_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the supply request in the consolidation batch of an order that collects for these terms, or open one.

        A requirement that already holds a line of an order with these terms and the same need revision gets that
        order again. One transaction; safe against others that reserve or close at the same moment.
        """
        ...

    async def close_batch(self, order: OrderId) -> ConsolidationBatch:
        """End the collecting; from now on wants reach the order as messages. Repeated: the same consolidation batch."""
        ...

    async def publish_needs(
        self, needs: Sequence[Need], withdrawals: Sequence[Withdrawal], *, correlation_id: str
    ) -> None:
        """Put what our own orders need of others into the inbox, as CloudEvents of source `pegline`.

        They are judged and delivered like any plan's (R1, R10). By the revision's event id: a repeated one is one.
        """
        ...

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        """R14: what each supplier (or supplying plant) has been asked for of the item so far.

        In `unit` (the item's base unit) as far as physics converts the units in which needs were stated; else as they
        were stated.
        """
        ...

    async def where_used(
        self, plant: str, assembly: str, revision: str, components: Sequence[str]
    ) -> Sequence[ComponentUse]:
        """R13: open requirements of the components with their order lines, and who else uses them; in their order.

        `assembly` and `revision`: the change that asks; what it says itself does not count.
        """
        ...

    async def superseded_by(self, plant: str, assembly: str, revision: str) -> ChangeId | None:
        """The engineering change whose revision takes the place of this one; None: none was told."""
        ...

    async def available_to_promise(self, plant: str, item: str) -> StockFigure:
        """What is free of the item, as last stated."""
        ...

    async def stock_users(self, plant: str, item: str) -> Sequence[StockUser]:
        """The item's open requirements at the plant, with what is received or on the way for them; by id."""
        ...

    async def record_item(self, assessment: Assessment) -> None:
        """Keep what a need was decided by, for questions that must not wait for the ERP."""
        ...


class PlanRunPort(Protocol):
    """What plan runs ask of the ledger. Every call may be repeated; of a run that has ended they change nothing."""

    async def find(self, number: int) -> PlanRunStatus | None: ...

    async def waits_for(self, run: PlanRunStatus) -> str:
        """What must be delivered before the run can be compared with it; empty: nothing."""
        ...

    async def match(
        self, run: PlanRunStatus, policy: PlantPolicy, policy_of: Callable[[str], PlantPolicy], matcher: PlanMatcher
    ) -> PlanMatched:
        """Find the net change against what was delivered last, in one transaction."""
        ...

    async def wait(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """A person is asked."""
        ...

    async def keep_needs(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """Withdraw nothing: a person decided so."""
        ...

    async def stop(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """End the run before it changes anything."""
        ...

    async def deliver(self, run: PlanRunStatus, batch: int) -> PlanDelivered:
        """Hand over the next changes where fewer than a batch are under way; `done` where nothing is left."""
        ...


class EntityPort(Protocol):
    """Starts and messages entities; a message to one that has ended is dropped and answered False."""

    async def open_order(self, opened: OrderOpened) -> None:
        """Start the order; harmless where it runs or has run."""
        ...

    async def request_supply(self, order: OrderId, requested: SupplyRequested) -> bool: ...

    async def answer_order(self, order: str, answered: SupplierAnswered) -> bool: ...

    async def report_coverage(self, requirement: str, changed: CoverageChanged) -> bool: ...

    async def change_bom(self, requirement: str, changed: BomChanged) -> bool: ...

    async def allocate_stock(self, requirement: str, allocated: StockAllocated) -> bool: ...

    async def report_decision(self, entity: str, decided: ExceptionDecided) -> bool: ...

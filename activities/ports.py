"""Protocols of Pegline's own parts that activities use: the ledger, plan runs and entities."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from canonical.bom import ComponentUse
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, ExceptionId, OrderId
from canonical.messages import (
    BomChanged,
    OrderOpened,
    StockAllocated,
    SubstitutionReported,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.need import Need, Withdrawal
from canonical.plan import PlanDelivered, PlanMatched, PlanMatcher, PlanRunStatus
from canonical.policy import PlantPolicy
from canonical.records import AuditBatch, ConsolidationBatch, EndedEntity, OrderTerms, Reservation
from canonical.sourcing import Assessment, FreeStock
from canonical.stock import StockFigure, StockReport, StockUser
from canonical.supply import CoverageChanged, SupplyRequest


class LedgerPort(Protocol):
    """What entities write to the ledger and read from it. Every call is idempotent."""

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        """Record each event once, by its entity's sequence number, and snapshots if newer; one transaction."""
        ...

    async def reserve_order(
        self, request: SupplyRequest, terms: OrderTerms, *, consolidation_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the supply request in the open consolidation batch of an order with these terms, or open one.

        A requirement that already holds a line of an order with these terms and the same need revision gets that
        order again. One transaction; safe against concurrent reservations and closings.
        """
        ...

    async def close_batch(self, order: OrderId) -> ConsolidationBatch:
        """Close the batch; later supply requests reach the order as messages. Repeated: returns the same batch."""
        ...

    async def publish_needs(
        self, needs: Sequence[Need], withdrawals: Sequence[Withdrawal], *, correlation_id: str
    ) -> None:
        """Put the needs of our own orders into the inbox, as CloudEvents of source `pegline`.

        They are classified and delivered like those of any plan (R1, R10), and deduplicated by the revision's event id.
        """
        ...

    async def take_stock(self, taken: StockReport, *, correlation_id: str) -> None:
        """Put the use of a plant's stock by a transfer of ours into the inbox, once by its event id."""
        ...

    async def free_stock(self, plants: Sequence[str], item: str) -> Mapping[str, FreeStock]:
        """By plant, what it has on stock that nobody counts on; a plant without a figure is left out."""
        ...

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        """R14: the quantity of the item requested so far from each supplier (or supplying plant).

        In `unit` (the item's base unit) where the units of the needs can be converted physically; else in their own
        units.
        """
        ...

    async def where_used(
        self, plant: str, assembly: str, revision: str, components: Sequence[str]
    ) -> Sequence[ComponentUse]:
        """R13: open requirements of the components, their order lines and other users; in the order of `components`.

        `assembly` and `revision`: the change on whose behalf this is read; its own uses do not count.
        """
        ...

    async def superseded_by(self, plant: str, assembly: str, revision: str) -> ChangeId | None:
        """The engineering change whose revision replaces this one; None if there is none yet."""
        ...

    async def available_to_promise(self, plant: str, item: str) -> StockFigure:
        """The item's available stock, as last reported."""
        ...

    async def stock_users(self, plant: str, item: str) -> Sequence[StockUser]:
        """The item's open requirements at the plant, with what is received or on the way for them; by id."""
        ...

    async def ended(self, entity: str) -> EndedEntity | None:
        """The state that an ended entity goes on with; None where nothing of it can be taken back."""
        ...

    async def join_question(self, plant: str, item: str, digest: str, asking: str, requirement: str) -> ExceptionId:
        """Wait for the open question of this digest; where there is none, `asking` is it. Returns the one that is."""
        ...

    async def leave_question(self, exception: str, requirement: str) -> int:
        """Wait no more for a question; returns how many others do."""
        ...

    async def close_question(self, exception: str, most: int) -> Sequence[str]:
        """From now on nobody joins; some of those who wait, until they are `question_told`."""
        ...

    async def question_told(self, exception: str, requirements: Sequence[str]) -> None:
        """These have received the decision."""
        ...

    async def record_item(self, assessment: Assessment) -> None:
        """Keep the assessment that a need was decided on, for reads that must not wait for the ERP."""
        ...


class PlanRunPort(Protocol):
    """What plan runs ask of the ledger. Every call is idempotent and changes nothing once the run has ended."""

    async def find(self, number: int) -> PlanRunStatus | None: ...

    async def waits_for(self, run: PlanRunStatus) -> str:
        """The deliveries that must complete before the plan can be matched; empty if none."""
        ...

    async def match(
        self, run: PlanRunStatus, policy: PlantPolicy, policy_of: Callable[[str], PlantPolicy], matcher: PlanMatcher
    ) -> PlanMatched:
        """Find the net change against what was delivered last, in one transaction."""
        ...

    async def wait(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """Mark the run as waiting for a person."""
        ...

    async def keep_needs(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """Withdraw nothing, as a person decided."""
        ...

    async def stop(self, run: PlanRunStatus, detail: str) -> PlanRunStatus:
        """End the run before it changes anything."""
        ...

    async def deliver(self, run: PlanRunStatus, batch: int) -> PlanDelivered:
        """Hand over the next changes if fewer than a batch are in progress; `done` when none are left."""
        ...


class EntityPort(Protocol):
    """Starts and messages entities; a message to one that has ended is dropped and answered False."""

    async def open_order(self, opened: OrderOpened) -> None:
        """Start the order; harmless where it runs or has run."""
        ...

    async def request_supply(self, order: OrderId, requested: SupplyRequested) -> bool: ...

    async def answer_order(self, order: str, answered: SupplierAnswered) -> bool: ...

    async def report_substitution(self, order: str, reported: SubstitutionReported) -> bool: ...

    async def report_coverage(self, requirement: str, changed: CoverageChanged) -> bool: ...

    async def resume_requirement(self, requirement: str, ended: EndedEntity, changed: CoverageChanged) -> bool:
        """Start a requirement that had ended again, with the coverage that is less than it ended by."""
        ...

    async def change_bom(self, requirement: str, changed: BomChanged) -> bool: ...

    async def allocate_stock(self, requirement: str, allocated: StockAllocated) -> bool: ...

    async def report_decision(self, entity: str, decided: ExceptionDecided) -> bool: ...

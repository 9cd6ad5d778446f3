"""What activities use of our own: the ledger, plan runs and entities."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from canonical.bom import ComponentUse
from canonical.cover import CoverageChanged, Want
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, OrderId
from canonical.messages import (
    BomChanged,
    CoverWanted,
    OrderOpened,
    StockAllotted,
    SupplierAnswered,
)
from canonical.need import Need, Withdrawal
from canonical.plan import PlanDelivered, PlanMatched, PlanMatcher, PlanRun
from canonical.policy import PlantPolicy
from canonical.records import Entry, OrderTerms, Reservation, Sheet
from canonical.sourcing import Assessment
from canonical.stock import StockFigure, StockUser


class LedgerPort(Protocol):
    """What entities leave in the ledger and ask of it. Every call may be repeated."""

    async def record(self, entries: Sequence[Entry]) -> None:
        """Events once by their entity's own count, snapshots where newer; one transaction."""
        ...

    async def reserve_order(
        self, want: Want, terms: OrderTerms, *, collect_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the want on the sheet of an order that collects for these terms, or open one.

        A requirement that already holds a line of an order with these terms and the same need revision gets that
        order again. One transaction; safe against others that reserve or close at the same moment.
        """
        ...

    async def close_sheet(self, order: OrderId) -> Sheet:
        """End the collecting; from now on wants reach the order as messages. Repeated: the same sheet."""
        ...

    async def state_needs(
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

    async def free_stock(self, plant: str, item: str) -> StockFigure:
        """What is free of the item, as last stated."""
        ...

    async def stock_users(self, plant: str, item: str) -> Sequence[StockUser]:
        """The item's open requirements at the plant, with what is received or on the way for them; by id."""
        ...

    async def note_item(self, assessment: Assessment) -> None:
        """Keep what a need was decided by, for questions that must not wait for the ERP."""
        ...


class PlanRunPort(Protocol):
    """What plan runs ask of the ledger. Every call may be repeated; of a run that has ended they change nothing."""

    async def find(self, number: int) -> PlanRun | None: ...

    async def waits_for(self, run: PlanRun) -> str:
        """What must be delivered before the run can be compared with it; empty: nothing."""
        ...

    async def match(
        self, run: PlanRun, policy: PlantPolicy, policy_of: Callable[[str], PlantPolicy], matcher: PlanMatcher
    ) -> PlanMatched:
        """Find the net change against what was delivered last, in one transaction."""
        ...

    async def wait(self, run: PlanRun, detail: str) -> PlanRun:
        """A person is asked."""
        ...

    async def keep_needs(self, run: PlanRun, detail: str) -> PlanRun:
        """Withdraw nothing: a person decided so."""
        ...

    async def stop(self, run: PlanRun, detail: str) -> PlanRun:
        """End the run before it changes anything."""
        ...

    async def deliver(self, run: PlanRun, batch: int) -> PlanDelivered:
        """Hand over the next changes where fewer than a batch are under way; `done` where nothing is left."""
        ...


class EntityPort(Protocol):
    """Starts and messages entities; a message to one that has ended is dropped and answered False."""

    async def open_order(self, opened: OrderOpened) -> None:
        """Start the order; harmless where it runs or has run."""
        ...

    async def want_cover(self, order: OrderId, wanted: CoverWanted) -> bool: ...

    async def answer_order(self, order: str, answered: SupplierAnswered) -> bool: ...

    async def tell_coverage(self, requirement: str, changed: CoverageChanged) -> bool: ...

    async def change_bom(self, requirement: str, changed: BomChanged) -> bool: ...

    async def allot_stock(self, requirement: str, allotted: StockAllotted) -> bool: ...

    async def tell_decision(self, entity: str, decided: ExceptionDecided) -> bool: ...
